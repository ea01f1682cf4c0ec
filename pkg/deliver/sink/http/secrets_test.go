package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/secret"
)

// allTexts gives all that can be read of an error: itself in every form, and what it wraps.
func allTexts(err error) string {
	var b strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			fmt.Fprintf(&b, verb, err)
		}
		fmt.Fprintln(&b, deliver.ErrorText(err))
	}
	return b.String()
}

// TestCanary: secrets in every place where one can be, met by every fault and by servers that repeat what they were
// told, are in no error, no log and nothing that is printed of the sink.
func TestCanary(t *testing.T) {
	repeat := func(status int) fakesink.Script {
		return func(_ int, r *fakesink.Receipt) fakesink.Answer {
			decoded, _ := url.PathUnescape(r.URI)
			quoted, _ := json.Marshal(r.Header)
			text := fmt.Sprintf("no %s or %s on %s: %v, %s; %s", r.URI, decoded, r.Host, r.Header, quoted, strings.ReplaceAll(r.URI, "/", `\/`))
			// The secrets are around the places where texts are cut.
			for n := range 3 {
				text += strings.Repeat("-", 1000-len(text)%1024+n) + r.URI
			}
			location := r.URI
			if status == 308 {
				location = "http://user:canary-password@127.0.0.1:1" + r.URI
			}
			return fakesink.Answer{Status: status, Body: text, Header: map[string]string{"Location": location}}
		}
	}
	faults := map[string]fakesink.Options{
		"reset": {Script: fakesink.Sequence(fakesink.Answer{Fault: fakesink.Reset})}, "close": {Script: fakesink.Sequence(fakesink.Answer{Fault: fakesink.Close})},
		"half": {Script: fakesink.Sequence(fakesink.Answer{Fault: fakesink.HalfHeader})}, "early": {ResetEarly: func(int) bool { return true }},
		"TLS": {TLS: fakesink.NewAuthority(t, "a").Server(t, fakesink.Certificate{})}, "down": {}, "proxy": {},
		"bad location": {Script: fakesink.Sequence(fakesink.Redirect(307, "http://%zz/canary-path-1234/x"))},
		"bad header":   {Script: fakesink.Sequence(fakesink.Answer{Status: 500, Header: map[string]string{"Retry-After": "canary-header-7"}})},
	}
	for _, status := range []int{200, 303, 307, 308, 400, 401, 404, 429, 500} {
		faults[fmt.Sprint(status)] = fakesink.Options{Script: repeat(status)}
	}
	dir := t.TempDir()
	fromFile := fakesink.WriteFile(t, dir, "token", []byte("Bearer canary-file-55\n"))
	for name, o := range faults {
		t.Run(name, func(t *testing.T) {
			server := fakesink.Start(t, o)
			if name == "down" {
				server.Down()
			}
			address := strings.Replace(server.URL, "://", "://canary-user:canary-pass%2Fword%21@", 1) + "/services/canary-path-1234/canary%20b2?token=canary%2Bquery&b=1"
			var l logs
			s := open(t, Settings{
				URL: secret.New(address), Echo: true, FollowRedirects: 2, Compress: true,
				Headers: map[string]secret.Text{"X-Token": secret.New("canary-header-7 and more"), "Authorization": secret.New("file:" + fromFile), "X-Basic": secret.New("Basic Y2FuYXJ5LWE6Y2FuYXJ5LWI=")},
			}, Options{Log: l.add})
			if name == "proxy" {
				s.proxy = func(*nethttp.Request) (*url.URL, error) {
					return nil, errors.New("proxyconnect: canary-pass/word! canary-path-1234")
				}
			}
			var seen strings.Builder
			for range 2 {
				err := s.Send(t.Context(), newBatch(2))
				if (err == nil) != (name == "200") {
					t.Errorf("error %v", err)
				}
				seen.WriteString(allTexts(err))
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				for _, value := range []any{s, s.settings, struct{ sink *Sink }{s}, struct{ settings Settings }{s.settings}} {
					fmt.Fprintf(&seen, verb, value)
				}
			}
			encoded, _ := json.Marshal(s.settings)
			text := seen.String() + string(encoded) + l.text()
			for _, canary := range []string{"canary", "Y2FuYXJ5", fmt.Sprintf("%x", "canary")} {
				if i := strings.Index(text, canary); i >= 0 {
					t.Errorf("%s is seen in …%s…", canary, text[max(0, i-200):min(len(text), i+100)])
				}
			}
		})
	}
}

// TestRedactorKeepsWords: what is no secret can still be read.
func TestRedactorKeepsWords(t *testing.T) {
	u, err := parseURL("https://user:pw12345@sink.example/api/alerts/T0123/B0?channel=ops")
	if err != nil {
		t.Fatal(err)
	}
	r := newRedactor(u, []string{u.String(), "Bearer abcdefghijklmnop"})
	const text = "no api alerts for the channel of ops on sink.example, Bearer missing"
	if got := r.text(text); got != text {
		t.Error(got)
	}
	if got := r.text("T0123 pw12345 abcdefghijklmnop"); got != "*** *** ***" {
		t.Error(got)
	}
}

// TestNoInjection: whatever is in an alert and in a header, one request arrives with exactly the headers that were
// meant and exactly one body, or the sink is not made.
func TestNoInjection(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	sent := 0
	tricky := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{"\r\n", "\r\nX-Evil: 1\r\n\r\nPOST / HTTP/1.1\r\n", "a\nb", "é\xff", "\t", " x ", "\x85"}))
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return tricky.Draw(t, name) }
		batch := make([]*alert.Alert, rapid.IntRange(1, 3).Draw(t, "alerts"))
		want := ""
		for i := range batch {
			batch[i] = &alert.Alert{ID: text("id"), Rule: text("rule"), Source: text("source"), Hostname: text("hostname"), Message: text("message"), Tags: []string{text("tag")}}
			want += string(renderJSON(nil, batch[i])) + "\n"
		}
		if len(batch) == 1 {
			want = strings.TrimSuffix(want, "\n")
		}
		value, agent := text("value"), text("agent")
		s, err := New(Settings{URL: secret.New(server.URL), UserAgent: agent, Headers: map[string]secret.Text{"X-Custom": secret.New(value)}}, Options{Render: renderJSON, JSON: true})
		if unclean := strings.ContainsFunc(value+agent, func(r rune) bool { return r < ' ' || r == 0x7f }); unclean != (err != nil) {
			t.Fatalf("value %q, agent %q: error %v", value, agent, err)
		}
		if err != nil {
			return
		}
		defer s.Close()
		if err := s.Send(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		sent++
		receipts := server.Receipts()
		if len(receipts) != sent {
			t.Fatalf("%d requests were sent, %d arrived", sent, len(receipts))
		}
		r := receipts[sent-1]
		names := []string{"Connection", "Content-Length", "Content-Type", "Idempotency-Key", "User-Agent", "X-Custom"}
		if r.Header.Get("Idempotency-Key") == "" {
			names = slices.DeleteFunc(names, func(name string) bool { return name == "Idempotency-Key" })
		}
		if diff := cmp.Diff(names, slices.Sorted(maps.Keys(r.Header))); diff != "" {
			t.Fatal(diff)
		}
		for name, values := range r.Header {
			if len(values) != 1 {
				t.Fatalf("%s: %q", name, values)
			}
		}
		if got := r.Header.Get("X-Custom"); got != strings.Trim(value, " ") {
			t.Fatalf("value %q arrived as %q", value, got)
		}
		if string(r.Body) != want {
			t.Fatal(cmp.Diff(want, string(r.Body)))
		}
	})
}
