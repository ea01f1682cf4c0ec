package http

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
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
		ID: alert.NewID(1700000000e9, []byte{byte(n)}), Time: 1700000000e9 + int64(n), Rule: fmt.Sprint("rule ", n), Source: "syscall", Hostname: "host",
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

func TestAnswers(t *testing.T) {
	retry := func(after string) map[string]string { return map[string]string{"Retry-After": after} }
	const later = 3 * time.Second
	tests := []struct {
		answer  fakesink.Answer
		refused bool
		after   time.Duration
		want    string // part of the error; empty for delivered
	}{
		{answer: fakesink.Answer{Status: 200}},
		{answer: fakesink.Answer{Status: 202, Body: "later"}},
		{answer: fakesink.Answer{Status: 204}},
		{answer: fakesink.Answer{Status: 200, Body: "ha", Fault: fakesink.HalfBody}},
		{answer: fakesink.Answer{Status: 200, Endless: 1 << 30}},
		{answer: fakesink.Answer{Status: 408}, want: "408 Request Timeout"},
		{answer: fakesink.Answer{Status: 408, Header: retry("3")}, after: later, want: "408 Request Timeout"},
		{answer: fakesink.Answer{Status: 425}, want: "425 Too Early"},
		{answer: fakesink.Answer{Status: 429}, want: "429 Too Many Requests"},
		{answer: fakesink.Answer{Status: 429, Header: retry("3"), Body: "slow down"}, after: later, want: "429 Too Many Requests: slow down"},
		{answer: fakesink.Answer{Status: 429, Header: retry(time.Now().Add(48 * time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))}, after: time.Hour, want: "429"},
		{answer: fakesink.Answer{Status: 429, Header: retry("soon")}, want: "429"},
		{answer: fakesink.Answer{Status: 500, Body: "oops"}, want: "500 Internal Server Error: oops"},
		{answer: fakesink.Answer{Status: 501}, want: "501"},
		{answer: fakesink.Answer{Status: 502, Endless: 1 << 30}, want: "502 Bad Gateway: xxxx"},
		{answer: fakesink.Answer{Status: 503, Header: retry("99999999999999999999999")}, after: time.Hour, want: "503"},
		{answer: fakesink.Answer{Status: 504}, want: "504"},
		{answer: fakesink.Answer{Status: 599}, want: "answered 599"},
		{answer: fakesink.Answer{Status: 700}, want: "answered 700"},
		{answer: fakesink.Answer{Status: 300}, want: "300 Multiple Choices, which is not followed"},
		{answer: fakesink.Redirect(301, "http://else.where/x"), want: "301 Moved Permanently (to http://else.where), which is not followed"},
		{answer: fakesink.Redirect(302, "/x"), want: "302 Found, which is not followed"},
		{answer: fakesink.Redirect(303, "/x"), want: "303 See Other, which is not followed"},
		{answer: fakesink.Answer{Status: 304}, want: "304 Not Modified"},
		{answer: fakesink.Redirect(307, "/x"), want: "307"},
		{answer: fakesink.Redirect(308, "/x"), want: "308"},
		{answer: fakesink.Answer{Status: 401, Body: "who?"}, want: "401 Unauthorized: who?"},
		{answer: fakesink.Answer{Status: 401, Header: retry("3")}, after: later, want: "401"},
		{answer: fakesink.Answer{Status: 402}, want: "402"},
		{answer: fakesink.Answer{Status: 403}, want: "403"},
		{answer: fakesink.Answer{Status: 404}, want: "404"},
		{answer: fakesink.Answer{Status: 405}, want: "405"},
		{answer: fakesink.Answer{Status: 407}, want: "407"},
		{answer: fakesink.Answer{Status: 410}, want: "410"},
		{answer: fakesink.Answer{Status: 421}, want: "421"},
		{answer: fakesink.Answer{Status: 426}, want: "426"},
		{answer: fakesink.Answer{Status: 400, Body: `{"error":"no"}`}, refused: true, want: `400 Bad Request: {"error":"no"}`},
		{answer: fakesink.Answer{Status: 400, Endless: 1 << 30}, refused: true, want: "400 Bad Request: xxxx"},
		{answer: fakesink.Answer{Status: 409}, refused: true, want: "409"},
		{answer: fakesink.Answer{Status: 413, Header: retry("3")}, refused: true, want: "413"},
		{answer: fakesink.Answer{Status: 415}, refused: true, want: "415"},
		{answer: fakesink.Answer{Status: 422}, refused: true, want: "422"},
		{answer: fakesink.Answer{Status: 499}, refused: true, want: "499"},
		{answer: fakesink.Answer{Fault: fakesink.Reset}, want: "connection reset"},
		{answer: fakesink.Answer{Fault: fakesink.Close}, want: "EOF"},
		{answer: fakesink.Answer{Fault: fakesink.HalfHeader}, want: "EOF"},
	}
	for _, test := range tests {
		name := fmt.Sprint(test.answer.Status, " ", test.answer.Fault, " ", test.answer.Header)
		server := fakesink.Start(t, fakesink.Options{Script: fakesink.Sequence(test.answer)})
		s := open(t, Settings{URL: secret.New(server.URL)}, Options{})
		err := s.Send(t.Context(), newBatch(1))
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), server.URL) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %.200v, want %q", name, err, test.want)
		}
		var refused *deliver.Refused
		var later *deliver.Later
		if errors.As(err, &refused) != test.refused {
			t.Errorf("%s: refused is %v", name, !test.refused)
		}
		if errors.As(err, &later) != (test.after > 0) || later != nil && later.After != test.after {
			t.Errorf("%s: later %v, want %v", name, later, test.after)
		}
		if err != nil && len(err.Error()) > maxAnswer+200 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
		// What a server sends beyond what is read fills the buffers of the connection at most.
		if sent := server.Sent(); sent > 32<<20 {
			t.Errorf("%s: %d bytes of the answer were sent", name, sent)
		}
		if n := len(server.Wait(t, 1)); n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
		server.Down()
	}
}

// TestNoServer: what has no answer is an error after which the batch is sent again.
func TestNoServer(t *testing.T) {
	plain := fakesink.Start(t, fakesink.Options{})
	secure := fakesink.Start(t, fakesink.Options{TLS: fakesink.NewAuthority(t, "a").Server(t, fakesink.Certificate{})})
	early := fakesink.Start(t, fakesink.Options{ResetEarly: func(int) bool { return true }})
	gone := fakesink.Start(t, fakesink.Options{})
	gone.Down()
	tests := []struct{ url, want string }{
		{gone.URL, "connection refused"},
		{early.URL, "connection reset"},
		{"https://" + plain.Address, "the server there speaks HTTP without TLS"},
		{secure.URL, "certificate signed by unknown authority"},
		{"http://" + secure.Address, "400"}, // Go's server speaks up in plain text
		{"http://no-such-host.invalid/", "lookup no-such-host.invalid"},
	}
	for _, test := range tests {
		err := open(t, Settings{URL: secret.New(test.url)}, Options{}).Send(t.Context(), newBatch(1))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.url, err, test.want)
		}
	}
}

// TestContext: nothing is waited for when the context has ended, neither for an answer nor for the end of its body.
func TestContext(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{Script: fakesink.Sequence(fakesink.Answer{Fault: fakesink.Hang})})
	s := open(t, Settings{URL: secret.New(server.URL)}, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := s.Send(ctx, newBatch(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		server.Wait(t, 2)
		stop()
	}()
	if err := s.Send(ctx, newBatch(1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.Send(ended, newBatch(1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
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
	for keep, want := range map[bool]int{true: 1, false: 5} {
		server := fakesink.Start(t, fakesink.Options{Script: fakesink.Sequence(fakesink.Answer{Body: "thanks"})})
		s := open(t, Settings{URL: secret.New(server.URL), KeepAlive: keep}, Options{})
		for range 5 {
			if err := s.Send(t.Context(), newBatch(1)); err != nil {
				t.Fatal(err)
			}
		}
		connections := map[string]bool{}
		for _, r := range server.Wait(t, 5) {
			connections[r.Connection] = true
		}
		if len(connections) != want {
			t.Errorf("keep-alive %v: %d connections", keep, len(connections))
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

// TestWrongSettings: each is refused with a text that says what is wrong and never shows a secret.
func TestWrongSettings(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("canary\x01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	header := func(name, value string) Settings {
		return Settings{URL: secret.New("http://h/"), Headers: map[string]secret.Text{name: secret.New(value)}}
	}
	tests := []struct {
		settings Settings
		want     string
	}{
		{Settings{}, "url: is needed"},
		{Settings{URL: secret.New("ftp://canary@h/")}, "does not begin with http://"},
		{Settings{URL: secret.New("http:///canary")}, "has no host"},
		{Settings{URL: secret.New("http:canary")}, "has no host"},
		{Settings{URL: secret.New("canary")}, "does not begin with"},
		{Settings{URL: secret.New("unix:///canary")}, "does not begin with"},
		{Settings{URL: secret.New("http://u:can/ary@h/")}, "no valid address"},
		{Settings{URL: secret.New("http://h/%zcanary")}, "hexadecimal"},
		{Settings{URL: secret.New("http://canary h/")}, "host"},
		{Settings{URL: secret.New("http://h/canary\r\nX: y")}, "no valid address"},
		{Settings{URL: secret.New("file:" + dir + "/none")}, dir + "/none"},
		{Settings{URL: secret.New("http://h/"), UserAgent: "a\nb"}, "user agent has a control character (0x0a) at byte 2"},
		{Settings{URL: secret.New("http://h/"), FollowRedirects: -1}, "-1 redirects"},
		{header("X-A", "canary\r\nX-B: 1"), `header "X-A": its value has a control character (0x0d) at byte 7`},
		{header("X-A", "canary\x00"), "control character (0x00)"},
		{header("X-A", "canary\x7f"), "control character (0x7f)"},
		{header("X-A", "file:"+bad), "control character (0x01)"},
		{header("X A", "canary"), `header "X A": the name may only have`},
		{header("X:", "canary"), "the name may only have"},
		{header("", "canary"), "the name is empty"},
		{header("content-length", "canary"), "set by the sink itself"},
		{header("Host", "canary"), "set by the sink itself"},
		{Settings{URL: secret.New("http://h/"), Headers: map[string]secret.Text{"a": secret.New("canary"), "A": secret.New("canary")}}, "more than once"},
		{Settings{URL: secret.New("http://h/"), Template: "x\n {{.Rul}}"}, "template: line 2, column 4: at <.Rul>: can't evaluate field Rul; there are .ID .Rule"},
		{Settings{URL: secret.New("http://h/"), TLS: transport.TLS{CAFile: dir + "/ca"}}, dir + "/ca"},
	}
	for _, test := range tests {
		_, err := New(test.settings, Options{Render: renderJSON, JSON: true})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
}

// TestSecretsFromFiles: secrets are read again for each request, and a file that cannot be used holds alerts back.
func TestSecretsFromFiles(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	dir := t.TempDir()
	address := fakesink.WriteFile(t, dir, "url", []byte(server.URL+"/first\n"))
	token := fakesink.WriteFile(t, dir, "token", []byte("Bearer one\n"))
	s := open(t, Settings{URL: secret.New("file:" + address), Headers: map[string]secret.Text{"authorization": secret.New("file:" + token)}}, Options{})
	send := func() error { return s.Send(t.Context(), newBatch(1)) }
	if err := send(); err != nil {
		t.Fatal(err)
	}
	fakesink.WriteFile(t, dir, "url", []byte(server.URL+"/second"))
	fakesink.WriteFile(t, dir, "token", []byte("Bearer two"))
	if err := send(); err != nil {
		t.Fatal(err)
	}
	got := server.Wait(t, 2)
	if got[0].URI != "/first" || got[1].URI != "/second" || got[0].Header.Get("Authorization") != "Bearer one" || got[1].Header.Get("Authorization") != "Bearer two" {
		t.Errorf("%+v %+v", got[0], got[1])
	}
	for _, content := range []string{"", "Bearer canary\x01"} {
		fakesink.WriteFile(t, dir, "token", []byte(content))
		if err := send(); err == nil || strings.Contains(err.Error(), "canary") {
			t.Error(err)
		}
	}
	if n := len(server.Receipts()); n != 2 {
		t.Errorf("%d requests", n)
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
