package http

import (
	nethttp "net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/deliver/transport"
)

// credentials are headers and address of a sink whose secrets must stay where they belong.
func credentials(address string, redirects int) Settings {
	return Settings{
		URL: secret.New(strings.Replace(address, "://", "://user:canary-password@", 1)), FollowRedirects: redirects,
		Headers: map[string]secret.Text{"X-Token": secret.New("canary-token")},
	}
}

// hasSecrets tells whether a request had the secrets of credentials.
func hasSecrets(r *fakesink.Receipt) bool {
	return r.Header.Get("Authorization") != "" || r.Header.Get("X-Token") != ""
}

func TestRedirects(t *testing.T) {
	other := fakesink.Start(t, fakesink.Options{})
	tests := []struct {
		name      string
		redirects int
		script    []fakesink.Answer
		want      string   // part of the error
		uris      []string // of the requests to the first server
		others    int      // requests to the other one
	}{
		{"off", 0, []fakesink.Answer{fakesink.Redirect(307, "/b")}, "307 Temporary Redirect, which is not followed", []string{"/a?q"}, 0},
		{"off, other host", 0, []fakesink.Answer{fakesink.Redirect(307, other.URL+"/canary-token")}, "(to " + other.URL + "), which is not followed", []string{"/a?q"}, 0},
		{"301", 1, []fakesink.Answer{fakesink.Redirect(301, "/b"), {}}, "", []string{"/a?q", "/b"}, 0},
		{"302", 1, []fakesink.Answer{fakesink.Redirect(302, "b?c"), {}}, "", []string{"/a?q", "/b?c"}, 0},
		{"303", 1, []fakesink.Answer{fakesink.Redirect(303, "/b"), {}}, "303 See Other, which is not followed", []string{"/a?q"}, 0},
		{"307", 1, []fakesink.Answer{fakesink.Redirect(307, "/b"), {}}, "", []string{"/a?q", "/b"}, 0},
		{"308", 1, []fakesink.Answer{fakesink.Redirect(308, "/b"), {}}, "", []string{"/a?q", "/b"}, 0},
		{"other host", 1, []fakesink.Answer{fakesink.Redirect(307, other.URL)}, "", []string{"/a?q"}, 1},
		{"other host and user", 1, []fakesink.Answer{fakesink.Redirect(307, strings.Replace(other.URL, "://", "://a:b@", 1))}, "", []string{"/a?q"}, 1},
		{"too many", 2, []fakesink.Answer{fakesink.Redirect(307, "/b")}, "after 2 others, which is the limit", []string{"/a?q", "/b", "/b"}, 0},
		{"refused at the end", 2, []fakesink.Answer{fakesink.Redirect(307, "/b"), {Status: 400}}, "400", []string{"/a?q", "/b"}, 0},
		{"nowhere", 1, []fakesink.Answer{{Status: 307}}, "it has no Location", []string{"/a?q"}, 0},
		{"no address", 1, []fakesink.Answer{fakesink.Redirect(307, "http://%zz/canary-token")}, "no valid address", []string{"/a?q"}, 0},
		{"file", 1, []fakesink.Answer{fakesink.Redirect(307, "file:///etc/passwd")}, "no address of a web server", []string{"/a?q"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := len(other.Receipts())
			server := fakesink.Start(t, fakesink.Options{Script: fakesink.Sequence(test.script...)})
			err := open(t, credentials(server.URL+"/a?q", test.redirects), Options{}).Send(t.Context(), newBatch(1))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary")) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			var uris []string
			for _, r := range server.Receipts() {
				uris = append(uris, r.URI)
				if !hasSecrets(r) || r.Method != nethttp.MethodPost || string(r.Body) != string(renderJSON(nil, newAlert(0))) {
					t.Errorf("%+v", r)
				}
			}
			if diff := cmp.Diff(test.uris, uris); diff != "" {
				t.Error(diff)
			}
			more := other.Receipts()[before:]
			if len(more) != test.others {
				t.Errorf("%d requests to the other server", len(more))
			}
			for _, r := range more {
				if hasSecrets(r) || string(r.Body) != string(renderJSON(nil, newAlert(0))) || r.Header.Get("Referer") != "" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// TestRedirectToPlain: what was sent by TLS is not sent without it.
func TestRedirectToPlain(t *testing.T) {
	a := fakesink.NewAuthority(t, "a")
	plain := fakesink.Start(t, fakesink.Options{})
	secure := fakesink.Start(t, fakesink.Options{TLS: a.Server(t, fakesink.Certificate{}), Script: fakesink.Sequence(fakesink.Redirect(307, plain.URL))})
	settings := credentials(secure.URL, 3)
	settings.TLS = transport.TLS{CAFile: a.WriteCA(t, t.TempDir(), "ca")}
	err := open(t, settings, Options{}).Send(t.Context(), newBatch(1))
	if err == nil || !strings.Contains(err.Error(), "leads from https to "+plain.URL) || len(plain.Receipts()) != 0 {
		t.Errorf("%v, %d requests", err, len(plain.Receipts()))
	}
}

func TestIsLocal(t *testing.T) {
	for address, want := range map[string]bool{
		"169.254.169.254": true, "169.254.0.1": true, "::ffff:169.254.169.254": true, "fe80::1": true, "fe80::1%eth0": true, "64:ff9b::a9fe:a9fe": true,
		"fd00:ec2::254": true, "100.100.100.200": true, "168.63.129.16": true, "192.0.0.192": true, "fd20:ce::254": true, "ff02::1": true, "224.0.0.1": true,
		"127.0.0.1": false, "10.0.0.1": false, "::1": false, "1.1.1.1": false, "fd00::1": false, "64:ff9b::101:101": false,
	} {
		if got := isLocal(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// TestBlockLocal: the address is looked at when the connection is made, whoever named it.
func TestBlockLocal(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{Script: fakesink.Sequence(fakesink.Redirect(307, "http://169.254.169.254/latest/meta-data"))})
	for address, want := range map[string]string{
		"http://169.254.169.254/":          "169.254.169.254 is a link-local address",
		"http://[::ffff:169.254.169.254]/": "is a link-local address",
		"http://[fe80::1%25lo]/":           "is a link-local address",
		server.URL:                         "169.254.169.254 is a link-local address",
	} {
		err := open(t, Settings{URL: secret.New(address), BlockLocal: true, FollowRedirects: 1}, Options{}).Send(t.Context(), newBatch(1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if len(server.Receipts()) != 1 {
		t.Error("a server of this machine is blocked")
	}
	if err := refuseLocal(t.Context(), "tcp", "169.254.169.254:80", nil); err == nil { // what a name was resolved to
		t.Error("not blocked")
	}
	if err := refuseLocal(t.Context(), "tcp", "127.0.0.1:80", nil); err != nil {
		t.Error(err)
	}
}

// TestProxy: requests go through a proxy, which does not lead to blocked addresses and may ask for a password.
func TestProxy(t *testing.T) {
	proxy := fakesink.Start(t, fakesink.Options{})
	s := open(t, Settings{URL: secret.New("http://sink.example/in"), BlockLocal: true}, Options{})
	s.proxy = func(*nethttp.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	if err := s.Send(t.Context(), newBatch(1)); err != nil {
		t.Fatal(err)
	}
	if r := proxy.Wait(t, 1)[0]; r.URI != "http://sink.example/in" || r.Host != "sink.example" {
		t.Errorf("%+v", r)
	}
	blocked := open(t, Settings{URL: secret.New("http://169.254.169.254/in"), BlockLocal: true}, Options{})
	blocked.proxy = s.proxy
	if err := blocked.Send(t.Context(), newBatch(1)); err == nil || !strings.Contains(err.Error(), "link-local") {
		t.Error(err)
	}
	proxy.Answer(fakesink.Sequence(fakesink.Answer{Status: 407}))
	for _, address := range []string{"http://sink.example/in", "https://sink.example/in"} {
		closed := open(t, Settings{URL: secret.New(address)}, Options{})
		closed.proxy = s.proxy
		if err := closed.Send(t.Context(), newBatch(1)); err == nil || !strings.Contains(err.Error(), "Proxy Authentication Required") {
			t.Error(err)
		}
	}
}
