package program

import (
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/event"
)

// TestGlob holds results of fnmatch of the GNU C library in the C locale.
func TestGlob(t *testing.T) {
	tests := []struct {
		pattern, text string
		fold, want    bool
	}{
		{"", "", false, true}, {"", "a", false, false}, {"*", "", false, true}, {"a*b*c", "axxbyyc", false, true},
		{"a*b*c", "axxbyy", false, false}, {"*ab", "aab", false, true}, {"a*a", "a", false, false},
		{"/var/*", "/var/run/x", false, true}, {"*.conf", ".conf", false, true}, {"a?c", "a/c", false, true},
		{"?", "", false, false}, {"?", "\xc3", false, true}, {"H?llo", "Héllo", false, false},
		{"[abc]", "b", false, true}, {"[!abc]", "b", false, false}, {"[^abc]", "d", false, true},
		{"[a-c]", "b", false, true}, {"[c-a]", "b", false, false}, {"[a-]", "-", false, true}, {"[-a]", "-", false, true},
		{"[a-c-e]", "d", false, false}, {"[a-c-e]", "-", false, true},
		{"[]a]", "]", false, true}, {"[!]a]", "b", false, true}, {"[]", "[]", false, true}, {"[", "[", false, true},
		{"[a", "[a", false, true}, {`[a\`, `[a\`, false, false}, {"*[", "x[", false, true},
		{`[\]]`, "]", false, true}, {`[\a]`, `\`, false, false}, {`[a-\z]`, "b", false, true},
		{`\*`, "*", false, true}, {`\*`, "a", false, false}, {`a\`, `a\`, false, false}, {`a\`, "a", false, false},
		{"[[:alpha:]]", "x", false, true}, {"[[:digit:][:alpha:]]", "x", false, true}, {"[![:space:]]", " ", false, false},
		{"[[:foo:]]", "f", false, false}, {"[![:foo:]]", "f", false, false}, {"[[:foo]", ":", false, true},
		{"[[:alpha:]", "a", false, false}, {"[[:alpha:]-z]", "-", false, true}, {"[x[:foo:]]", "x", false, true},
		{"[[=a=]]", "a", false, true}, {"[[.a.]]", "a", false, true}, {"[[.-.]]", "-", false, true},
		{"[a-[.z.]]", "k", false, true}, {"[[.space.]]", " ", false, false}, {"[\x80-\xff]", "\xc3", false, true},
		{"ABC", "abc", true, true}, {"[A-Z]", "a", true, true}, {"[a-z]", "A", true, true}, {"[!A]", "a", true, false},
		{"[[:upper:]]", "a", true, false}, {"[[:upper:]]", "A", true, true}, {"é", "É", true, false}, {"ABC", "abc", false, false},
	}
	for _, tt := range tests {
		if got := newGlob(tt.pattern, tt.fold).match(&event.Value{Text: tt.text}); got != tt.want {
			t.Errorf("glob %q on %q (fold %v): got %v", tt.pattern, tt.text, tt.fold, got)
		}
		if got := globMatch(tt.pattern, tt.text, tt.fold); got != tt.want {
			t.Errorf("matcher %q on %q (fold %v): got %v", tt.pattern, tt.text, tt.fold, got)
		}
	}
}

// TestBoundedTime runs patterns that make backtracking matchers take forever.
func TestBoundedTime(t *testing.T) {
	start := time.Now()
	as := strings.Repeat("a", 10_000)
	if globMatch(strings.Repeat("a*", 100)+"b", as, false) {
		t.Error("glob matched")
	}
	re, err := newRegex("(a|a?)+b")
	if err != nil {
		t.Fatal(err)
	}
	if re.match(&event.Value{Text: as}) {
		t.Error("regex matched")
	}
	path := newPathTrie([]string{strings.Repeat("/*", 50) + "/b"})
	if path.match(&event.Value{Text: strings.Repeat("/aa", 50)}) {
		t.Error("path matched")
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestPathPrefix(t *testing.T) {
	tests := []struct {
		paths, value string
		want         bool
	}{
		{"/var/run", "/var/run", true}, {"/var/run", "/var/run/x", true}, {"/var/run", "/var/runx", false},
		{"/var/run", "/var", false}, {"var//run/", "/var/run/x", true}, {"/var/run", "//var///run//", true},
		{"/", "", true}, {"", "/a", true}, {"/a /b", "/b/c", true}, {"/a /b", "/c", false}, {"/a", "", false},
		// The shorter of two paths is enough, whichever comes first.
		{"/a/b /a", "/a/c", true}, {"/a /a/b", "/a/c", true},
		// All globs that match a component are followed, and the literal too.
		{"/a*/x /*b/y /ab/z", "/ab/x", true}, {"/a*/x /*b/y /ab/z", "/ab/y", true}, {"/a*/x /*b/y /ab/z", "/ab/z", true},
		{"/a*/x /*b/y /ab/z", "/ab/q", false}, {"/home/*/.ssh", "/home/eve/.ssh/id", true},
		{"/home/*/.ssh", "/home/.ssh", false}, {"/[ab]?", "/bc/d", true}, {"/*", "/", false}, {"/*", "/x", true},
	}
	for _, tt := range tests {
		if got := newPathTrie(strings.Split(tt.paths, " ")).match(&event.Value{Text: tt.value}); got != tt.want {
			t.Errorf("pmatch (%s) on %q: got %v", tt.paths, tt.value, got)
		}
	}
}

func TestRegex(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"abc", "abc", true}, {"abc", "abcd", false}, {"abc", "xabc", false},
		{"^abc$", "abc", true}, {"^^abc.*", "abcd", true}, {"a.c", "a\nc", false}, {"a[^x]c", "a\nc", true},
		{"^a$\n^b$", "a\nb", true}, {"a$b", "ab", false}, {".", "é", true}, {".", "\xff", true}, {"\uFFFD", "\xff", true},
		{"a\uFFFDb", "a\xffb", true}, {"[[:alpha:]]+[.]conf", "x.conf", true}, {`a\.b`, "a.b", true}, {`a\.b`, "axb", false},
		{"(/usr)?/bin/.*", "/bin/sh", true}, {"/bin/(ba|z)sh", "/bin/bash", true}, {".*token=.*&", "x token=1&", true},
		{".*?", "abc", true}, {"a**", "aaa", true}, {"a{2,3}", "aaaa", false}, {"x*", "", true}, {"a|b|cd", "cd", true},
		{"a.*b.*c", "aXbXc", true}, {"a.*b.*c", "abXX", false}, {"a.*b.*c", "aXXc", false},
	}
	for _, tt := range tests {
		re, err := newRegex(tt.pattern)
		if err != nil {
			t.Errorf("regex %q: %v", tt.pattern, err)
			continue
		}
		if got := re.match(&event.Value{Text: tt.text}); got != tt.want {
			t.Errorf("regex %q on %q: got %v", tt.pattern, tt.text, got)
		}
	}
	for _, pattern := range []string{`\d`, `\w`, `\s`, `\b`, `\A`, `\z`, `\pL`, "(?i)a", "(?:a)", "(?P<x>a)", "*", "a{1001}",
		"(", "[", "[b-a]", `\`, "a{2}{1001}", "\xff"} {
		if _, err := newRegex(pattern); err == nil {
			t.Errorf("regex %q: accepted", pattern)
		}
	}
}

func TestConvert(t *testing.T) {
	tests := []struct {
		typ   event.Type
		text  string
		want  uint64
		wraps bool
		fails bool
	}{
		{event.TypeUint64, "5", 5, false, false}, {event.TypeUint64, " \t+05", 5, false, false},
		{event.TypeUint64, "-1", 1<<64 - 1, true, false}, {event.TypeUint64, "-0", 0, false, false},
		{event.TypeUint64, "18446744073709551616", 1<<64 - 1, true, false},
		{event.TypeUint64, "-99999999999999999999", 1<<64 - 1, true, false},
		{event.TypeUint8, "256", 0, true, false}, {event.TypeUint8, "255", 255, false, false},
		{event.TypeInt8, "-128", 1<<64 - 128, false, false}, {event.TypeInt8, "128", 1<<64 - 128, true, false},
		{event.TypeInt64, "9223372036854775808", 1<<63 - 1, true, false},
		{event.TypeInt64, "-9223372036854775808", 1 << 63, false, false},
		{event.TypeInt64, "-99999999999999999999", 1 << 63, true, false},
		{event.TypePID, "-1", 1<<64 - 1, false, false}, {event.TypeUint64, "5 ", 0, false, true},
		{event.TypeUint64, "", 0, false, true}, {event.TypeUint64, "-", 0, false, true}, {event.TypeUint64, "0x5", 0, false, true},
		{event.TypeUint64, "1e3", 0, false, true}, {event.TypeUint64, "+-1", 0, false, true},
		{event.TypePort, "http", 80, false, false}, {event.TypePort, "", 0, false, false}, {event.TypePort, "443", 443, false, false},
		{event.TypePort, "70000", 4464, true, false}, {event.TypePort, "-1", 0, false, true}, {event.TypePort, "nope", 0, false, true},
		{event.TypeBool, "true", 1, false, false}, {event.TypeBool, "false", 0, false, false}, {event.TypeBool, "True", 0, false, true},
		{event.TypeDouble, "1.5", 0x3ff8000000000000, false, false}, {event.TypeDouble, "2", 0x4000000000000000, false, false},
		{event.TypeDouble, "inf", 0, false, true}, {event.TypeDouble, "0x1p3", 0, false, true}, {event.TypeDouble, "1..2", 0, false, true},
		{event.TypeString, "a\x00b", 0, false, true}, {event.TypeBytes, "a\x00b", 0, false, false},
		{event.TypeDyn, "a", 0, false, true},
	}
	for _, tt := range tests {
		v, wraps, err := convert(tt.typ, tt.text)
		if (err != nil) != tt.fails {
			t.Errorf("%s %q: error %v", tt.typ, tt.text, err)
			continue
		}
		if err == nil && (v.Num != tt.want || wraps != tt.wraps) {
			t.Errorf("%s %q: got %#x wraps %v, want %#x wraps %v", tt.typ, tt.text, v.Num, wraps, tt.want, tt.wraps)
		}
	}
}

func TestConvertAddress(t *testing.T) {
	for text, ok := range map[string]bool{"10.0.0.1": true, "::1": true, "fe80::1": true, "10.0.0": false, "10.0.0.01": false,
		"10.0.0.0/8": false, "::1/128": false, "::ffff:10.0.0.1": false, "fe80::1%eth0": false, "": false, "x": false} {
		if _, _, err := convert(event.TypeIP, text); (err == nil) != ok {
			t.Errorf("address %q: %v", text, err)
		}
	}
	for text, ok := range map[string]bool{"10.0.0.0/8": true, "10.1.2.3/8": true, "0.0.0.0/0": true, "2001:db8::/32": true,
		"10.0.0.0": false, "10.0.0.0/33": false, "2001:db8::/129": false, "10.0.0.0/": false, "10.0.0.0/-1": false,
		"10.0.0.0/a": false, "/8": false, "::ffff:10.0.0.0/100": false, "fe80::1%eth0/64": false} {
		if _, _, err := convert(event.TypeNet, text); (err == nil) != ok {
			t.Errorf("network %q: %v", text, err)
		}
	}
}
