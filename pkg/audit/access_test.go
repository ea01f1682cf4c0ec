package audit

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAccess(t *testing.T) {
	networks := func(texts ...string) (all []netip.Prefix) {
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	tokens := func(texts ...string) func() []string { return func() []string { return texts } }
	cases := []struct {
		name   string
		access Access
		remote string
		header []string
		code   int
	}{
		{"open", Access{}, "203.0.113.9:1234", nil, 200},
		{"token", Access{Tokens: tokens("k3y1", "k3y2")}, "203.0.113.9:1", []string{"Bearer k3y2"}, 200},
		{"scheme in other letters", Access{Tokens: tokens("k3y1")}, "203.0.113.9:1", []string{"bearer k3y1"}, 200},
		{"no token", Access{Tokens: tokens("k3y1")}, "203.0.113.9:1", nil, 401},
		{"wrong token", Access{Tokens: tokens("k3y1")}, "203.0.113.9:1", []string{"Bearer k3yf"}, 401},
		{"start of a token", Access{Tokens: tokens("k3y1")}, "203.0.113.9:1", []string{"Bearer k3y"}, 401},
		{"more than a token", Access{Tokens: tokens("k3y1")}, "203.0.113.9:1", []string{"Bearer k3y1 "}, 401},
		{"empty token", Access{Tokens: tokens("k3y1")}, "203.0.113.9:1", []string{"Bearer "}, 401},
		{"empty line", Access{Tokens: tokens("", "k3y1")}, "203.0.113.9:1", []string{"Bearer "}, 401},
		{"another scheme", Access{Tokens: tokens("k3y1")}, "203.0.113.9:1", []string{"Basic k3y1"}, 401},
		{"two headers", Access{Tokens: tokens("k3y1")}, "203.0.113.9:1", []string{"Bearer k3y1", "Bearer k3y1"}, 401},
		{"no tokens left", Access{Tokens: tokens()}, "203.0.113.9:1", []string{"Bearer k3y1"}, 401},
		{"network", Access{Networks: networks("10.0.0.0/8", "203.0.113.9/32")}, "203.0.113.9:1", nil, 200},
		{"other network", Access{Networks: networks("10.0.0.0/8")}, "203.0.113.9:1", nil, 403},
		{"IPv4 in IPv6", Access{Networks: networks("10.0.0.0/8")}, "[::ffff:10.1.2.3]:1", nil, 200},
		{"network of IPv4 in IPv6", Access{Networks: networks("::ffff:10.0.0.0/104")}, "10.1.2.3:1", nil, 200},
		{"all of IPv6 is not IPv4", Access{Networks: networks("::/0")}, "10.1.2.3:1", nil, 403},
		{"zone", Access{Networks: networks("fe80::/10")}, "[fe80::1%eth0]:1", nil, 200},
		{"no address", Access{Networks: networks("0.0.0.0/0", "::/0")}, "@", nil, 403},
		{"network and token", Access{Networks: networks("10.0.0.0/8"), Tokens: tokens("k3y1")}, "10.1.2.3:1", []string{"Bearer k3y1"}, 200},
		{"network, no token", Access{Networks: networks("10.0.0.0/8"), Tokens: tokens("k3y1")}, "10.1.2.3:1", nil, 401},
		{"token, other network", Access{Networks: networks("10.0.0.0/8"), Tokens: tokens("k3y1")}, "203.0.113.9:1", []string{"Bearer k3y1"}, 403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := NewReceiver(&Splitter{}, accept)
			r.Access = c.access
			body := &touched{Reader: strings.NewReader(oneEvent)}
			req := httptest.NewRequest(http.MethodPost, "/k8s-audit", body)
			req.RemoteAddr = c.remote
			req.Header["Authorization"] = c.header
			req.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			if w.Code != c.code || r.Stats().Requests[c.code] != 1 {
				t.Errorf("status %d, want %d: %s", w.Code, c.code, w.Body)
			}
			if asks := w.Header().Get("WWW-Authenticate") != ""; asks != (c.code == 401) {
				t.Errorf("WWW-Authenticate is %q", w.Header().Get("WWW-Authenticate"))
			}
			if c.code != 200 && (body.read || len(r.Stats().Senders) != 0 || w.Header().Get("Connection") != "close") {
				t.Errorf("body read: %v, senders: %v, headers %v", body.read, r.Stats().Senders, w.Header())
			}
			for _, secret := range c.header {
				if strings.Contains(w.Body.String(), strings.TrimPrefix(secret, "Bearer ")) && len(secret) > len("Bearer ") {
					t.Errorf("the answer tells the token: %s", w.Body)
				}
			}
		})
	}
}

// touched tells whether it was read.
type touched struct {
	*strings.Reader
	read bool
}

func (t *touched) Read(p []byte) (int, error) {
	t.read = true
	return t.Reader.Read(p)
}

func TestRoute(t *testing.T) {
	r := NewReceiver(&Splitter{}, nil)
	r.Path = "/hooks/audit/"
	long := strings.Repeat("a", maxCluster)
	for path, want := range map[string]string{
		"/k8s-audit": "", "/k8s_audit": "", "/hooks/audit": "", "/hooks/audit/": "", "/k8s-audit/prod": "prod", "/k8s_audit/eu-1.prod": "eu-1.prod",
		"/hooks/audit/prod": "prod", "/k8s-audit/" + long: long, "/k8s-audit/0": "0",
		"/": "!", "/hooks": "!", "/hooks/auditx": "!", "/k8s-auditprod": "!", "/k8s-audit/": "!", "/k8s-audit/Prod": "!", "/k8s-audit/a/b": "!", "/k8s-audit/-a": "!",
		"/k8s-audit/a.": "!", "/k8s-audit/a_b": "!", "/k8s-audit/" + long + "a": "!", "/k8s-audit/\xff": "!", "/k8s-audit/a\n": "!", "/k8s-audit/..": "!", "": "!",
	} {
		got, why := r.route(path)
		if why != "" {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: cluster %q, want %q; %s", path, got, want, why)
		}
	}
	r.Path = "/"
	for path, want := range map[string]string{"/": "", "/prod": "prod", "/k8s-audit": "", "/k8s-audit/prod": "prod"} {
		if got, why := r.route(path); got != want || why != "" {
			t.Errorf("below /: %q: cluster %q, want %q; %s", path, got, want, why)
		}
	}
}

// TestCluster looks at what Evaluate is told, and at escapes in a path.
func TestCluster(t *testing.T) {
	l := newListener(t, &Splitter{})
	for path, code := range map[string]int{"/k8s-audit/pr%6fd": 200, "/k8s-audit/a%2Fb": 404, "/k8s-audit/%00": 404, "/k8s-audit/prod?x=1": 200} {
		if resp, a := post(t, l.server.URL, path, oneEvent); resp.StatusCode != code {
			t.Errorf("%s: status %d, %+v", path, resp.StatusCode, a)
		}
	}
	if s := l.r.Stats().Senders; len(s) != 1 || s[0].Cluster != "prod" || s[0].Events != 2 || s[0].Address != "127.0.0.1" || !strings.HasPrefix(s[0].UserAgent, "Go-http-client") {
		t.Errorf("senders %+v", s)
	}
}

// TestPipeAsCertificate shows that a pipe in the place of a file does not hold up the program.
func TestPipeAsCertificate(t *testing.T) {
	ca := newAuthority(t)
	certificate, key := ca.issue(t, "server")
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	huge := filepath.Join(t.TempDir(), "huge")
	if err := os.WriteFile(huge, make([]byte, maxPEM+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, files := range [][3]string{{pipe, key, ""}, {certificate, pipe, ""}, {certificate, key, pipe}, {huge, key, ""}} {
		if _, err := TLSConfig(files[0], files[1], files[2]); err == nil || !strings.Contains(err.Error(), "pipe") && !strings.Contains(err.Error(), "longer than") {
			t.Errorf("%v: %v", files, err)
		}
	}
}
