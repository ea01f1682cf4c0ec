package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// auditWith is the default with changes.
func auditWith(change func(*Audit)) Audit {
	a := Audit{Listen: "127.0.0.1:9765", Path: "/k8s-audit", MaxBody: 1 << 30, MaxEvent: 4 << 20, DuplicateTime: 10 * time.Minute, DuplicateEvents: 1_000_000}
	change(&a)
	return a
}

// sameAudit tells settings apart; no list is the same as an empty one.
var sameAudit = []cmp.Option{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}

func TestAudit(t *testing.T) {
	for _, test := range []struct {
		file   string
		change func(*Audit)
	}{
		{"", func(*Audit) {}},
		{"audit: {listen: ''}", func(a *Audit) { a.Listen = "" }},
		{"audit: {token_file: /t, allow_unauthenticated: yes}", func(a *Audit) { a.TokenFile, a.AllowUnauthenticated = "/t", true }},
		{"audit: {allowed_networks: [10.0.0.0/8, 192.0.2.7, 'fd00::/8', '::ffff:192.0.2.8', '::1']}", func(a *Audit) {
			a.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("fd00::/8"),
				netip.MustParsePrefix("192.0.2.8/32"), netip.MustParsePrefix("::1/128")}
		}},
		{"audit: {allowed_networks: 10.0.0.0/8}", func(a *Audit) { a.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }},
		{"audit: {max_body_bytes: 64MiB, max_event_bytes: 1MB, duplicate_time: 1h, duplicate_events: 5000}", func(a *Audit) {
			a.MaxBody, a.MaxEvent, a.DuplicateTime, a.DuplicateEvents = 64<<20, 1e6, time.Hour, 5000
		}},
		{"audit: {files: [/a.log, {path: /b, cluster: west, from_end: true}, {path: c, once: on}]}", func(a *Audit) {
			a.Files = []AuditFile{{Path: "/a.log"}, {Path: "/b", Cluster: "west", FromEnd: true}, {Path: "c", Once: true}}
		}},
		{"audit: {files: /a.log}", func(a *Audit) { a.Files = []AuditFile{{Path: "/a.log"}} }},
	} {
		c, warnings, err := load(write(t, test.file+"\n"), nil)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %q, %v", test.file, warnings, err)
		}
		if diff := cmp.Diff(auditWith(test.change), c.Audit, sameAudit...); diff != "" {
			t.Errorf("%s:\n%s", test.file, diff)
		}
	}
	c, _, err := load("", []string{"audit.allowed_networks=[10.0.0.0/8]", "audit.files[0].path=/x", "audit.files[0].cluster=c"})
	if err != nil || len(c.Audit.Networks) != 1 || len(c.Audit.Files) != 1 || c.Audit.Files[0] != (AuditFile{Path: "/x", Cluster: "c"}) {
		t.Errorf("%+v, %v", c.Audit, err)
	}
}

func TestAuditMistakes(t *testing.T) {
	for _, test := range []struct{ file, want string }{
		{"audit: {allowed_networks: [10.0.0.0/8, 10.0.0.1/8]}", ":1:40: key audit.allowed_networks[1]: 10.0.0.1/8 has bits set behind its prefix, write 10.0.0.0/8 for that network or 10.0.0.1 for the address"},
		{"audit: {allowed_networks: ten}", ":1:27: key audit.allowed_networks[0]: ten is not allowed, write a network such as 10.0.0.0/8"},
		{"audit: {allowed_networks: ['::ffff:10.0.0.0/104']}", "is not allowed, write a network"},
		{"audit: {allowed_networks: [10.0.0.0/33]}", "is not allowed, write a network"},
		{"audit: {allowed_networks: {a: b}}", ":1:27: key audit.allowed_networks: a mapping is not allowed, write a list of networks and addresses"},
		{"audit: {max_event_bytes: 10}", `"10" is not allowed, write a number of bytes`},
		{"audit: {duplicate_time: 0}", ":1:25: audit.duplicate_time is 0: an event that is sent again"},
		{"audit: {duplicate_events: 10}", `key audit.duplicate_events: "10" is not allowed, write a whole number from 1000 to 16000000`},
		{"audit: {files: [{cluster: x}]}", ":1:17: key audit.files[0]: has no path"},
		{"audit: {files: ['']}", ":1:17: key audit.files[0]: must be a path, or {path: PATH"},
		{"audit: {files: [{path: /x, from_end: perhaps}]}", `:1:38: key audit.files[0].from_end: "perhaps" is neither true nor false`},
		{"audit: {files: [{path: /x, once: never, from_end: perhaps}]}", `:1:51: key audit.files[0].from_end: "perhaps" is neither true nor false`},
		{"audit: {files: [{path: /x, once: true, from_end: true}]}", ":1:17: key audit.files[0]: from_end and once are both true: nothing would be read"},
		{"audit: {files: [/x, {path: /x/}]}", ":1:21: key audit.files[1]: /x/ is number 0 of the list already"},
		{"audit: {files: [" + strings.Repeat("x,", 1001) + "]}", "key audit.files: has 1001 entries, which is more than 1000"},
		{"audit: {files: [[/x]]}", ":1:17: key audit.files[0]: must be a single value"},
	} {
		path := write(t, test.file+"\n")
		_, _, err := load(path, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), path+":") {
			t.Errorf("%s: %v, want %q", test.file, err, test.want)
		}
	}
	_, warnings, err := load(write(t, "audit: {files: [{path: /x, from_ent: true}]}\n"), nil)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], ":1:28: unknown key from_ent in audit.files[0] has no effect; did you mean from_end?") {
		t.Errorf("%q, %v", warnings, err)
	}
}

// A receiver that others reach needs something that keeps strangers away.
func TestAccess(t *testing.T) {
	const refused = "is reached from other machines, and nothing says who may send audit events"
	for _, test := range []struct{ file, warning, err string }{
		{"", "", ""},
		{"audit: {listen: ''}", "", ""},
		{"audit: {listen: '[::1]:9765'}", "", ""}, {"audit: {listen: 'localhost:9765'}", "", ""}, {"audit: {listen: '127.9.9.9:9765'}", "", ""}, {"audit: {listen: '[::ffff:127.0.0.1]:9765'}", "", ""},
		{"audit: {listen: ':9765'}", "", ":1:17: key audit.listen: :9765 " + refused},
		{"audit: {listen: '0.0.0.0:9765'}", "", refused}, {"audit: {listen: '[::]:9765'}", "", refused}, {"audit: {listen: '10.0.0.1:9765'}", "", refused}, {"audit: {listen: 'name:9765'}", "", refused},
		{"audit: {listen: ':9765', tls_certificate: /c, tls_key: /k}", "", refused},
		{"audit: {listen: ':9765', allowed_networks: [10.0.0.0/8, 0.0.0.0/0]}", "", "a network that holds all addresses keeps nobody away"},
		{"audit: {listen: ':9765', allowed_networks: ['::/0']}", "", refused},
		{"audit: {listen: ':9765', allowed_networks: [10.0.0.0/8]}", "", ""},
		{"audit: {listen: ':9765', tls_certificate: /c, tls_key: /k, tls_client_ca: /ca}", "", ""},
		{"audit: {listen: ':9765', tls_certificate: /c, tls_key: /k, token_file: /t}", "", ""},
		{"audit: {listen: ':9765', token_file: /t}", ":1:38: key audit.token_file: the tokens are sent in the clear", ""},
		{"audit: {listen: ':9765', allow_unauthenticated: true}", ":1:17: key audit.listen: whoever reaches :9765 can send audit events", ""},
		{"plugins: [{name: k8saudit, open_params: 'http://:9765/k8s-audit'}]", "", ":1:41: key plugins[0].open_params: :9765 " + refused},
		{"plugins: [{name: k8saudit, open_params: 'https://0.0.0.0:9765/k8s-audit'}]", "", refused},
		{"plugins: [{name: k8saudit, open_params: 'http://127.0.0.1:9765/k8s-audit'}]", "", ""},
		{"plugins: [{name: k8saudit, open_params: 'http://:9765/k8s-audit'}]\naudit: {allow_unauthenticated: true}", "plugins[0].open_params: whoever reaches", ""},
	} {
		path := write(t, test.file+"\n")
		c, _, err := load(path, nil)
		if err != nil {
			t.Errorf("%s: %v", test.file, err)
			continue
		}
		warnings, err := c.CheckAccess()
		if (err == nil) != (test.err == "") || err != nil && (!strings.Contains(err.Error(), test.err) || !strings.HasPrefix(err.Error(), path+":")) {
			t.Errorf("%s: %v, want %q", test.file, err, test.err)
		}
		if got := strings.Join(warnings, "\n"); (got == "") != (test.warning == "") || !strings.Contains(got, test.warning) {
			t.Errorf("%s: warnings %q, want %q", test.file, got, test.warning)
		}
	}
	c, _, err := load("", []string{"audit.listen=:1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CheckAccess()
	for _, want := range []string{"-o audit.listen: key audit.listen: :1 ", "audit.tls_client_ca", "audit.token_file", "audit.allowed_networks", "audit.allow_unauthenticated"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
