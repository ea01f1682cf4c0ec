package http

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/deliver/transport"
)

func TestBasicAuthentication(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	address := secret.New(strings.Replace(server.URL, "://", "://user:p%2Fw@", 1))
	for want, headers := range map[string]map[string]secret.Text{"Basic dXNlcjpwL3c=": nil, "Bearer x": {"authorization": secret.New("Bearer x")}} {
		if err := open(t, Settings{URL: address, Headers: headers}, Options{}).Send(t.Context(), newBatch(1)); err != nil {
			t.Fatal(err)
		}
		all := server.Receipts()
		if got := all[len(all)-1].Header.Get("Authorization"); got != want {
			t.Errorf("%q, want %q", got, want)
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

// FuzzURL: no address makes a sink that posts somewhere else than to its host, and no error shows the address.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"http://h/", "https://u:p@h:1/a?b#c", "http://[::1%25a]/", "http:/x", "//h", "http://h:x1234567/", "http://%zz12345"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := newTarget(nil, []string{text})
		switch {
		case err != nil && len(text) > 12 && strings.Contains(err.Error(), text) && !strings.Contains("https://host/path", text):
			t.Errorf("%v shows %q", err, text)
		case err == nil && (target.url.User != nil || target.url.Hostname() == ""):
			t.Errorf("%q: %+v", text, target.url)
		case err == nil && strings.Contains(target.hide.text("error at "+text), text) && len(target.url.RequestURI()) > 12:
			t.Errorf("%q is not hidden", text)
		}
	})
}
