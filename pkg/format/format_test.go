package format_test

import (
	"encoding/json"
	"math"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/format"
)

func compile(t testing.TB, text string) *format.Template {
	t.Helper()
	tmpl, diagnostics := format.Compile(text, fieldtest.Syscall())
	if tmpl == nil {
		t.Fatalf("compile %q: %v", text, diagnostics[0])
	}
	return tmpl
}

func TestAppend(t *testing.T) {
	e := fieldtest.Event(event.SourceSyscall, fieldtest.Values{
		"proc.name": "cat", "proc.pid": -5, "proc.tty": 34816, "fd.mode": 0o644, "fd.dev": 0xfd01, "thread.cpu": 12.25,
		"fd.sip": netip.MustParseAddr("fe80::1"), "fd.types": []any{"-l", "a b"}, "evt.buffer": "ab\x00\n\xff\"c",
		"proc.is_exe_writable": false, "proc.aname": []any{"sh", "init"}, "proc.aname[2]": "sshd", "user.name": "",
	})
	e.Time = 1700000000000000042
	tests := []struct{ text, want string }{
		{"plain", "plain"},
		{"", ""},
		{"*", ""},
		{"%proc.name", "cat"},
		{"%proc.name.", "cat."},
		{"<%proc.name>", "<cat>"},
		{"%proc.name%proc.pid", "cat-5"},
		{"%6proc.name|", "cat   |"},
		{"%2proc.name|", "ca|"},
		{"%6proc.cmdline|", "<NA>  |"},
		{"%2proc.cmdline|", "<N|"},
		{"%proc.tty", "34816"},
		{"%fd.mode %fd.dev", "644 FD01"},
		{"%thread.cpu", "12.2"},
		{"%fd.sip", "fe80::1"},
		{"%fd.types", "(-l,a b)"},
		{"%evt.buffer", "ab...\"c"},
		{"%proc.is_exe_writable", "false"},
		{"%proc.aname", "(sh,init)"},
		{"%proc.aname[2] %proc.aname[3]", "sshd <NA>"},
		{"[%user.name]", "[]"},
		{"%evt.rawtime.ns", "000000042"},
		{"%toupper(proc.name)[0]", "CAT[0]"},
		{"%join(\", \", fd.types)", "-l, a b"},
		{"%len(fd.types)", "2"},
		{"%getopt(fd.types, \"x\")", "(?)"},
		{"%proc.name %proc.name[1]", "cat cat[1]"},
		{"%evt.arg.flags", "<NA>"},
		{"%proc.namex", "catx"},
		{"%tolower(concat(proc.name, \"%\"))", "cat%"},
	}
	var v event.Value
	for _, test := range tests {
		tmpl, diagnostics := format.Compile(test.text, fieldtest.Syscall())
		if tmpl == nil {
			if test.want != "" {
				t.Errorf("%q: %v", test.text, diagnostics[0])
			}
			continue
		}
		if got := string(tmpl.Append([]byte(nil), e, &v)); got != test.want {
			t.Errorf("%q gives %q, want %q", test.text, got, test.want)
		}
		if tmpl.String() != test.text {
			t.Errorf("String gives %q, want %q", tmpl.String(), test.text)
		}
	}
}

func TestTextLimits(t *testing.T) {
	long := make([]any, 2000)
	for i := range long {
		long[i] = "ab"
	}
	e := fieldtest.Event(event.SourceSyscall, fieldtest.Values{"fd.types": long, "evt.buffer": strings.Repeat("x", 5000)})
	var v event.Value
	for _, text := range []string{"%fd.types", "%evt.buffer"} {
		if got := len(compile(t, text).Append(nil, e, &v)); got != 1023 {
			t.Errorf("%s has %d bytes, want 1023", text, got)
		}
	}
	// The JSON value is complete.
	args := compile(t, "%fd.types").Fields()[0].AppendJSON(nil, e, &v)
	if got := strings.Count(string(args), "ab"); got != 2000 {
		t.Errorf("JSON has %d elements, want 2000", got)
	}
}

func TestFieldJSON(t *testing.T) {
	e := fieldtest.Event(event.SourceSyscall, fieldtest.Values{
		"proc.name": "a\"\\\n\x1b\xffé\u2028</b>", "proc.pid": -5, "fd.mode": 0o644, "fd.dev": 0xfd01, "thread.cpu": 12.25,
		"fd.sip": netip.MustParseAddr("10.0.0.1"), "fd.types": []any{"a", "b"}, "evt.buffer": "ab\x00\"", "proc.is_exe_writable": true,
		"user.uid": uint64(4294967295), "proc.aname": []any{"sh"},
	})
	e.Time = 1700000000000000042
	tests := []struct{ text, want string }{
		{"%proc.name", `{"proc.name":"a\"\\\n\u001b` + "\uFFFDé" + `\u2028</b>"}`},
		{"%proc.pid %user.uid", `{"proc.pid":-5,"user.uid":4294967295}`},
		{"%fd.mode %fd.dev", `{"fd.dev":"FD01","fd.mode":"644"}`},
		{"%thread.cpu", `{"thread.cpu":12.25}`},
		{"%fd.sip %fd.types", `{"fd.sip":"10.0.0.1","fd.types":["a","b"]}`},
		{"%evt.buffer", `{"evt.buffer":"ab.\""}`},
		{"%proc.is_exe_writable", `{"proc.is_exe_writable":true}`},
		{"%proc.cmdline", `{"proc.cmdline":null}`},
		{"%evt.time %evt.datetime %evt.rawtime", `{"evt.datetime":1700000000000000042,"evt.rawtime":1700000000000000042,"evt.time":1700000000000000042}`},
		{"%toupper(proc.cmdline) %concat(proc.pname, user.name)", `{"proc.cmdline":null,"proc.pname":null,"user.name":null}`},
		{"%proc.aname %proc.aname[7] %proc.env[A B] %evt.arg.x", `{"evt.arg.x":null,"proc.aname":["sh"],"proc.aname[7]":null,"proc.env":null}`},
		{"%proc.env[\"A B\"]", `{"proc.env[A B]":null}`},
	}
	for _, test := range tests {
		var v event.Value
		got := []byte("{")
		for i, f := range compile(t, test.text).Fields() {
			if i > 0 {
				got = append(got, ',')
			}
			got = format.AppendString(got, f.Name)
			got = append(got, ':')
			got = f.AppendJSON(got, e, &v)
		}
		got = append(got, '}')
		if string(got) != test.want {
			t.Errorf("%s gives %s, want %s", test.text, got, test.want)
		}
		if !json.Valid(got) {
			t.Errorf("%s gives bad JSON: %s", test.text, got)
		}
	}
}

func TestDoubleWithoutJSON(t *testing.T) {
	var v event.Value
	for _, n := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		e := fieldtest.Event(event.SourceSyscall, fieldtest.Values{"thread.cpu": n})
		if got := string(compile(t, "%thread.cpu").Fields()[0].AppendJSON(nil, e, &v)); got != "null" {
			t.Errorf("%v gives %s, want null", n, got)
		}
	}
}

func TestDiagnostics(t *testing.T) {
	tests := []struct{ text, code, at, message, hint string }{
		{"a %proc.nam b", "unknown-field", "proc.nam", "proc.nam", "proc.name"},
		{"50%", "format-token", "%", "ends with a %", "%evt.time"},
		{"x %10", "format-token", "%10", "width", ""},
		{"100% sure", "format-token", "%", "no field", "cannot be written"},
		{"%%proc.name", "format-token", "%", "no field", ""},
		{"%proc x", "format-token", "%proc", "is not a field", "dot"},
		{"%99999proc.name", "format-width", "99999", "4096", ""},
		{"%tolower(proc.pid)", "", "", "proc.pid", ""},
		{"%tolower(proc.name", "syntax", "", "", ""},
		{"%fd.ip", "filter-only", "fd.ip", "fd.ip", ""},
		{"é %nosuch.field", "unknown-field", "nosuch.field", "nosuch.field", ""},
	}
	for _, test := range tests {
		tmpl, diagnostics := format.Compile(test.text, fieldtest.Syscall())
		if tmpl != nil || len(diagnostics) == 0 {
			t.Errorf("%q compiles", test.text)
			continue
		}
		d := diagnostics[0]
		if test.code != "" && d.Code != test.code || !strings.Contains(d.Message, test.message) || !strings.Contains(d.Hint, test.hint) {
			t.Errorf("%q gives %+v", test.text, d)
		}
		if at := test.text[d.Range.Start:d.Range.End]; test.at != "" && at != test.at {
			t.Errorf("%q is marked at %q, want %q", test.text, at, test.at)
		}
	}
}

// TestAllFindings: each token is reported, not only the first.
func TestAllFindings(t *testing.T) {
	_, diagnostics := format.Compile("%a.b %proc.name %c.d %evt.dir", fieldtest.Syscall())
	var got []string
	for _, d := range diagnostics {
		got = append(got, d.Severity.String()+" "+d.Code)
	}
	want := []string{"error unknown-field", "error unknown-field", "warning deprecated-field"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestShortenedWarning(t *testing.T) {
	tmpl, diagnostics := format.Compile("user %evt.type.foo", fieldtest.Syscall())
	if tmpl == nil || len(diagnostics) != 1 {
		t.Fatalf("template %v, findings %v", tmpl, diagnostics)
	}
	d := diagnostics[0]
	if d.Severity != condition.SeverityWarning || d.Code != format.CodeShortened || d.Range != (condition.Range{Start: 6, End: 18}) ||
		!strings.Contains(d.Message, `the field evt.type and the text ".foo"`) {
		t.Errorf("got %+v", d)
	}
}

func TestTooLong(t *testing.T) {
	if tmpl, _ := format.Compile(strings.Repeat("x", format.MaxBytes), fieldtest.Syscall()); tmpl == nil {
		t.Error("a template at the limit does not compile")
	}
	tmpl, diagnostics := format.Compile(strings.Repeat("x", format.MaxBytes+1), fieldtest.Syscall())
	if tmpl != nil || len(diagnostics) != 1 || diagnostics[0].Code != format.CodeTooLong {
		t.Errorf("template %v, findings %v", tmpl, diagnostics)
	}
}

// TestManyFindings: a template of which nothing is right is not reported to its end.
func TestManyFindings(t *testing.T) {
	for _, unit := range []string{"%", "%a.b", "%a.b[\"", "%toupper(", "%a.b.c.d.e.f[x"} {
		tmpl, diagnostics := format.Compile(strings.Repeat(unit, format.MaxBytes/len(unit)), fieldtest.Syscall())
		if tmpl != nil || len(diagnostics) == 0 || len(diagnostics) > 60 {
			t.Errorf("%q: template %v, %d findings", unit, tmpl, len(diagnostics))
		}
	}
}

func TestAppendString(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", `""`},
		{"a\"b\\c/d", `"a\"b\\c/d"`},
		{"\b\f\n\r\t\x00\x1f\x7f", `"\b\f\n\r\t\u0000\u001f\u007f"`},
		{"é€😀\u2028", `"é€😀\u2028"`},
		{"a\xffb", "\"a\uFFFDb\""},
		{"\xe2\x82", "\"\uFFFD\""},                           // a cut character is one replacement
		{"\xe2\x82x", "\"\uFFFDx\""},                         // and what follows it stays
		{"\xc0\xaf", "\"\uFFFD\uFFFD\""},                     // overlong
		{"\xed\xa0\x80", "\"\uFFFD\uFFFD\uFFFD\""},           // surrogate
		{"\xf4\x90\x80\x80", "\"\uFFFD\uFFFD\uFFFD\uFFFD\""}, // above U+10FFFF
		{"\xf0\x9f\x98\"", "\"\uFFFD\\\"\""},
	}
	for _, test := range tests {
		if got := string(format.AppendString(nil, test.in)); got != test.want {
			t.Errorf("%q gives %s, want %s", test.in, got, test.want)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add([]byte("a\"\\\n\xff\xe2\x82é"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := format.AppendString(nil, b)
		var s string
		if err := json.Unmarshal(got, &s); err != nil {
			t.Fatalf("%q gives %q: %v", b, got, err)
		}
		if utf8.Valid(b) && s != string(b) {
			t.Fatalf("%q comes back as %q", b, s)
		}
		for _, c := range got {
			if c < ' ' {
				t.Fatalf("%q gives a control character: %q", b, got)
			}
		}
	})
}

func FuzzFormat(f *testing.F) {
	for _, seed := range []string{"%proc.name", "*%10proc.aname[2] x", "%toupper(concat(proc.name,\"a\"))[x]", "50%", "%%", "%9999999999999999999999a.b",
		"%evt.arg.x.y", "%join(\"-\",(proc.name,proc.pname))", "%proc.env[a\x00b]", "%getopt(fd.types,\"a:\")[a]"} {
		f.Add(seed)
	}
	cat := fieldtest.Syscall()
	e := fieldtest.Event(event.SourceSyscall, fieldtest.Values{"proc.name": "x", "fd.types": []any{"-a", "b"}})
	f.Fuzz(func(t *testing.T, text string) {
		checkField(t, text, cat, e)
		tmpl, diagnostics := format.Compile(text, cat)
		for _, d := range diagnostics {
			if d.Range.Start < 0 || d.Range.End < d.Range.Start || d.Range.End > len(text) || d.Message == "" || d.Code == "" {
				t.Fatalf("%q: bad finding %+v", text, d)
			}
		}
		if tmpl == nil {
			if len(diagnostics) == 0 {
				t.Fatalf("%q: no template and no finding", text)
			}
			return
		}
		var v event.Value
		tmpl.Append(nil, e, &v)
		for _, field := range tmpl.Fields() {
			if got := field.AppendJSON(nil, e, &v); !json.Valid(got) {
				t.Fatalf("%q: field %s gives %s", text, field.Name, got)
			}
		}
	})
}

// checkField compiles text as an added field.
func checkField(t *testing.T, text string, cat *field.Catalogue, e *event.Event) {
	f, found := format.CompileField(text, cat)
	if f == nil && len(found) == 0 {
		t.Fatalf("%q: no field and no finding", text)
	}
	var v event.Value
	if f != nil && !json.Valid(f.AppendJSON(nil, e, &v)) {
		t.Fatalf("%q: not JSON: %s", text, f.AppendJSON(nil, e, &v))
	}
}

// BenchmarkAppend renders an output like those of real rules; the aim is no allocation.
func BenchmarkAppend(b *testing.B) {
	tmpl := compile(b, "Sensitive file opened | file=%fd.name parent=%proc.pname evt_type=%evt.type user=%user.name uid=%user.uid command=%proc.cmdline args=%fd.types")
	e := fieldtest.Event(event.SourceSyscall, fieldtest.Values{"fd.name": "/etc/shadow", "user.name": "root", "user.uid": 0,
		"proc.cmdline": "cat /etc/shadow", "fd.types": []any{"/etc/shadow"}})
	var v event.Value
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = tmpl.Append(dst[:0], e, &v)
	}
}
