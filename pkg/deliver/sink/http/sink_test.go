package http

import (
	"fmt"
	nethttp "net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/deliver/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func renderJSON(dst []byte, a *alert.Alert) []byte { return a.AppendJSON(dst, alert.DefaultOptions()) }

func renderText(dst []byte, a *alert.Alert) []byte {
	return a.AppendText(dst, alert.Options{ISO8601: true})
}

// newAlert makes the n-th alert.
func newAlert(n int) *alert.Alert {
	return &alert.Alert{
		ID: alert.NewID(1700000000e9, fmt.Append(nil, n)), Time: 1700000000e9 + int64(n), Rule: fmt.Sprint("rule ", n), Source: "syscall", Hostname: "host",
		Tags: []string{"a", "b"}, Message: "a message\n\"of\" two <lines>",
		Fields: []alert.Field{{Name: "fd.types", JSON: `["x",1]`}, {Name: "proc.name", JSON: `"cat"`}, {Name: "proc.pid", JSON: "12345678901234567"}},
	}
}

func newBatch(n int) []*alert.Alert {
	batch := make([]*alert.Alert, n)
	for i := range batch {
		batch[i] = newAlert(i)
	}
	return batch
}

// logs keeps what a sink logs.
type logs struct {
	mu    sync.Mutex
	lines []string
}

func (l *logs) add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, text)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// open makes a sink that is closed with the test. An option without Render writes JSON.
func open(t testing.TB, settings Settings, o Options) *Sink {
	t.Helper()
	if o.Render == nil {
		o.Render, o.JSON = renderJSON, true
	}
	s, err := New(settings, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestWire: the bytes that arrive are those that the alert is written as.
func TestWire(t *testing.T) {
	one, two := string(renderJSON(nil, newAlert(0))), string(renderJSON(nil, newAlert(1)))
	text, text2 := string(renderText(nil, newAlert(0))), string(renderText(nil, newAlert(1)))
	tests := []struct {
		name     string
		settings Settings
		text     bool
		alerts   int
		wantType string
		want     string
	}{
		{"one", Settings{}, false, 1, "application/json", one},
		{"batch", Settings{}, false, 2, "application/x-ndjson", one + "\n" + two + "\n"},
		{"array of one", Settings{ArrayBody: true}, false, 1, "application/json", "[" + one + "]"},
		{"array", Settings{ArrayBody: true}, false, 2, "application/json", "[" + one + "," + two + "]"},
		{"one as text", Settings{}, true, 1, "text/plain", text},
		{"batch as text", Settings{}, true, 2, "text/plain", text + "\n" + text2 + "\n"},
		{"packed", Settings{Compress: true}, false, 2, "application/x-ndjson", one + "\n" + two + "\n"},
		{"template", Settings{Template: `{"text": {{json .Rule}},` + "\n" + `"n": 1}`}, false, 1, "application/json", "{\"text\": \"rule 0\",\n\"n\": 1}"},
		{"template in a batch", Settings{Template: "{\"text\": {{json .Rule}},\n\"n\": 1}\n"}, false, 2, "application/x-ndjson", "{\"text\":\"rule 0\",\"n\":1}\n{\"text\":\"rule 1\",\"n\":1}\n"},
		{"template of text", Settings{Template: "{{.Rule}}!\n"}, false, 2, "text/plain", "rule 0!\nrule 1!\n"},
		{"template of text in an array", Settings{Template: "{{.Rule}}<", ArrayBody: true}, false, 2, "application/json", `["rule 0\u003c","rule 1\u003c"]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := fakesink.Start(t, fakesink.Options{})
			test.settings.URL, test.settings.UserAgent = secret.New(server.URL+"/in?a=b"), "falcosecurity/falco"
			o := Options{}
			if test.text {
				o.Render = renderText
			}
			s := open(t, test.settings, o)
			for range 2 { // the second time with memory that was used before
				if err := s.Send(t.Context(), newBatch(test.alerts)); err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range server.Wait(t, 2) {
				if diff := cmp.Diff(test.want, string(r.Body)); diff != "" || r.Err != nil {
					t.Errorf("%s (error %v)", diff, r.Err)
				}
				if r.Method != nethttp.MethodPost || r.URI != "/in?a=b" || r.Host != server.Address || r.Header.Get("Content-Type") != test.wantType || r.Header.Get("User-Agent") != "falcosecurity/falco" {
					t.Errorf("%+v", r)
				}
				if packed := r.Header.Get("Content-Encoding") == "gzip"; packed != test.settings.Compress || packed == (string(r.Raw) == string(r.Body)) {
					t.Errorf("packed is %v", packed)
				}
			}
		})
	}
}

// TestIdempotencyKey: the same alerts have the same key, others another one.
func TestIdempotencyKey(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	s := open(t, Settings{URL: secret.New(server.URL)}, Options{})
	strange := newAlert(0)
	strange.ID = "a\r\nX-Evil: 1"
	unnamed := newAlert(0)
	unnamed.ID = ""
	batches := [][]*alert.Alert{newBatch(1), newBatch(2), newBatch(2), newBatch(3), {newAlert(1), newAlert(0)}, {strange}, {unnamed}, {newAlert(0), unnamed}}
	var keys []string
	for i, batch := range batches {
		if err := s.Send(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, server.Wait(t, i+1)[i].Header.Get("Idempotency-Key"))
	}
	if keys[0] != newAlert(0).ID || keys[1] != keys[2] || keys[6] != "" || keys[7] != "" {
		t.Errorf("keys %q", keys)
	}
	seen := map[string]bool{}
	for _, i := range []int{0, 1, 3, 4, 5} {
		if seen[keys[i]] || keys[i] == "" {
			t.Errorf("keys %q", keys)
		}
		seen[keys[i]] = true
	}
}

func TestKeepAlive(t *testing.T) {
	for _, test := range []struct {
		keep   bool
		answer fakesink.Answer
		want   int
	}{
		{true, fakesink.Answer{Body: "thanks"}, 1},
		{true, fakesink.Answer{Status: 204}, 1},
		{true, fakesink.Answer{Endless: maxAnswer - 1}, 1},
		{true, fakesink.Answer{Endless: maxAnswer * 2}, 5}, // the rest is not worth reading
		{false, fakesink.Answer{Body: "thanks"}, 5},
	} {
		server := fakesink.Start(t, fakesink.Options{Script: fakesink.Sequence(test.answer)})
		s := open(t, Settings{URL: secret.New(server.URL), KeepAlive: test.keep}, Options{})
		for range 5 {
			if err := s.Send(t.Context(), newBatch(1)); err != nil {
				t.Fatal(err)
			}
		}
		connections := map[string]bool{}
		for _, r := range server.Wait(t, 5) {
			connections[r.Connection] = true
		}
		if len(connections) != test.want {
			t.Errorf("%+v: %d connections", test, len(connections))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestMutualTLS(t *testing.T) {
	servers, clients := fakesink.NewAuthority(t, "servers"), fakesink.NewAuthority(t, "clients")
	dir := t.TempDir()
	crt, key := clients.Write(t, dir, "client", fakesink.Certificate{Name: "saker"})
	server := fakesink.Start(t, fakesink.Options{TLS: servers.Server(t, fakesink.Certificate{}, clients)})
	settings := Settings{URL: secret.New(server.URL), TLS: transport.TLS{CAFile: servers.WriteCA(t, dir, "ca.pem"), CertificateFile: crt, KeyFile: key}}
	if err := open(t, settings, Options{}).Send(t.Context(), newBatch(1)); err != nil {
		t.Fatal(err)
	}
	if got := server.Wait(t, 1)[0].Client; got != "saker" {
		t.Errorf("client %q", got)
	}
	settings.TLS.CertificateFile, settings.TLS.KeyFile = "", ""
	if err := open(t, settings, Options{}).Send(t.Context(), newBatch(1)); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Error(err)
	}
	settings.TLS.CertificateFile = crt
	if _, err := New(settings, Options{Render: renderJSON}); err == nil || !strings.Contains(err.Error(), crt) {
		t.Error(err)
	}
}

// TestRotatedTLS: connections made before a rotation of TLS files are not used after it.
func TestRotatedTLS(t *testing.T) {
	servers := fakesink.NewAuthority(t, "servers")
	dir := t.TempDir()
	server := fakesink.Start(t, fakesink.Options{TLS: servers.Server(t, fakesink.Certificate{})})
	s := open(t, Settings{URL: secret.New(server.URL), KeepAlive: true, TLS: transport.TLS{CAFile: servers.WriteCA(t, dir, "ca.pem")}}, Options{})
	if err := s.Send(t.Context(), newBatch(1)); err != nil {
		t.Fatal(err)
	}
	fakesink.NewAuthority(t, "others").WriteCA(t, dir, "ca.pem")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err := s.Send(t.Context(), newBatch(1)); err != nil {
			if !strings.Contains(err.Error(), "unknown authority") {
				t.Error(err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the old authority is trusted for ever")
		}
	}
}

func TestEcho(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{Script: fakesink.Sequence(fakesink.Answer{Body: "got\x1b[2J it\n" + strings.Repeat("x", 2000)}, fakesink.Answer{Status: 500, Body: "no"})})
	var l logs
	s := open(t, Settings{URL: secret.New(server.URL), Echo: true}, Options{Log: l.add})
	_ = s.Send(t.Context(), newBatch(1))
	_ = s.Send(t.Context(), newBatch(1))
	text := l.text()
	if !strings.Contains(text, server.URL+` answered 200: got\x1b[2J it\nxxx`) || !strings.Contains(text, "more bytes)") || !strings.Contains(text, "answered 500: no") || len(text) > 1300 {
		t.Errorf("logged %q", text)
	}
}
