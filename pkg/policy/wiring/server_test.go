package wiring

import (
	"strings"
	"testing"
)

func TestParseServer(t *testing.T) {
	for _, c := range []struct{ text, cluster, url, listen string }{
		{"10.0.0.5", "", "https://10.0.0.5:9765/k8s-audit", "0.0.0.0:9765"},
		{"10.0.0.5:443", "blue", "https://10.0.0.5:443/k8s-audit/blue", "0.0.0.0:443"},
		{"saker.example", "", "https://saker.example:9765/k8s-audit", "0.0.0.0:9765"},
		{"https://saker.example", "", "https://saker.example:443/k8s-audit", "0.0.0.0:443"},
		{"https://saker.example:9765/", "", "https://saker.example:9765/k8s-audit", "0.0.0.0:9765"},
		{"https://127.0.0.1:9765/k8s-audit/blue", "blue", "https://127.0.0.1:9765/k8s-audit/blue", "127.0.0.1:9765"},
		{"localhost", "", "https://localhost:9765/k8s-audit", "127.0.0.1:9765"},
		{"::1", "", "https://[::1]:9765/k8s-audit", "[::1]:9765"},
		{"[fd00::5]:9000", "", "https://[fd00::5]:9000/k8s-audit", "[::]:9000"},
	} {
		s, err := ParseServer(c.text, c.cluster)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if s.URL() != c.url || s.listen() != c.listen {
			t.Errorf("%s: %s, listening on %s", c.text, s.URL(), s.listen())
		}
	}
	for _, c := range []struct{ text, cluster, want string }{
		{"http://10.0.0.5:9765/k8s-audit", "", "it must begin with https://"},
		{"", "", `"" is neither an address nor a name`},
		{"https://:9765/k8s-audit", "", `"" is neither an address nor a name`},
		{"0.0.0.0", "", "not an address that can be connected to"},
		{"10.0.0.5:99999", "", "a number from 1 to 65535"},
		{"a b", "", "invalid character"},
		{"https://saker_1.example", "", "neither an address nor a name"},
		{"https://u:secret@saker.example", "", "means nothing here"},
		{"https://saker.example/audit", "", "it must be /k8s-audit or /k8s-audit/CLUSTER"},
		{"https://saker.example/k8s-audit/", "", "it must be /k8s-audit or /k8s-audit/CLUSTER"},
		{"https://saker.example/k8s-audit/blue", "green", `the path names the cluster "blue", --cluster "green"`},
		{"saker.example", "blue/green", "made of a-z, 0-9"},
		{"saker.example", strings.Repeat("a", 64), "at most 63 bytes"},
		{"saker.example", "a\x1b[2J", `"a\x1b[2J" must be`},
	} {
		_, err := ParseServer(c.text, c.cluster)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %q: got %v, want %q", c.text, c.cluster, err, c.want)
		}
	}
}

// FuzzParseServer wants of every server that is accepted that its URL is read back as the same server.
func FuzzParseServer(f *testing.F) {
	for _, s := range []string{"10.0.0.5", "https://saker.example:9765/k8s-audit/blue", "[fd00::5]:9000", "::1", "https://%41/"} {
		f.Add(s, "")
		f.Add(s, "blue")
	}
	f.Fuzz(func(t *testing.T, text, cluster string) {
		s, err := ParseServer(text, cluster)
		if err != nil {
			return
		}
		again, err := ParseServer(s.URL(), "")
		if err != nil || again != s {
			t.Errorf("%q %q: %+v is read back as %+v: %v", text, cluster, s, again, err)
		}
	})
}
