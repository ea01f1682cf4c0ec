package format_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/format"
)

// values gives the fields of a template as JSON.
func values(t *format.Template, e *event.Event) map[string]string {
	out := map[string]string{}
	var v event.Value
	for _, f := range t.Fields() {
		out[f.Name] = string(f.AppendJSON([]byte("> "), e, &v)[2:])
	}
	return out
}

func TestJoinAndFields(t *testing.T) {
	e := fieldtest.Event(event.SourceSyscall, fieldtest.Values{"proc.name": "a\"b", "proc.pid": 7, "fd.types": []any{"x", "y"}, "fd.mode": 0o644})
	base := compile(t, "*p=%proc.name")
	joined := base.Join(compile(t, "*%proc.pid %proc.name")).Join(compile(t, "end"))
	var v event.Value
	if got := string(joined.Append(nil, e, &v)); got != `p=a"b 7 a"b end` {
		t.Errorf("text %q", got)
	}
	if diff := cmp.Diff(map[string]string{"proc.name": `"a\"b"`, "proc.pid": "7"}, values(joined, e)); diff != "" {
		t.Error(diff)
	}
	var fields []*format.Field
	for _, name := range []string{"proc.pid", "fd.types", "fd.mode", "proc.aname[2]", "toupper(proc.name)", "getopt(fd.types, \"x\")"} {
		f, found := format.CompileField(name, fieldtest.Syscall())
		if len(found) > 0 {
			t.Fatalf("%s: %v", name, found[0])
		}
		fields = append(fields, f)
	}
	fields = append(fields, format.TextField("own", compile(t, "%proc.pid/%proc.name/%proc.pname")), format.TextField("proc.name", compile(t, "hidden")))
	all := joined.WithFields(fields...)
	want := map[string]string{
		"proc.pid": "7", "fd.types": `["x","y"]`, "fd.mode": `"644"`, "proc.aname[2]": "null", "toupper(proc.name)": `"A\"B"`,
		"getopt(fd.types, \"x\")": `"()"`, "own": `"7/a\"b/<NA>"`, "proc.name": `"hidden"`,
	}
	if diff := cmp.Diff(want, values(all, e)); diff != "" {
		t.Error(diff)
	}
	for i, f := range all.Fields()[1:] {
		if f.Name <= all.Fields()[i].Name {
			t.Errorf("%s behind %s", f.Name, all.Fields()[i].Name)
		}
	}
	if got := string(all.Append(nil, e, &v)); got != `p=a"b 7 a"b end` {
		t.Errorf("fields change the text: %q", got)
	}
	if diff := cmp.Diff(map[string]string{"proc.name": `"a\"b"`}, values(base, e)); diff != "" {
		t.Error("the first template changed", diff)
	}
}

func TestCompileFieldErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "not the name of a field"},
		{"%proc.name", "leave out the %"},
		{"proc.name and more", "not the name of a field"},
		{"name", "not the name of a field"},
		{"proc.nam", "did you mean proc.name"},
		{"tolower(proc.pid)", "tolower"},
		{"tolower(proc.name", "not the name of a field"},
		{strings.Repeat("a.", 100_000) + "b", "not the name of a field"},
	} {
		f, found := format.CompileField(test.text, fieldtest.Syscall())
		if f != nil || len(found) == 0 || !strings.Contains(found[0].Error(), test.want) {
			t.Errorf("%.40q: %v %v, want %q", test.text, f, found, test.want)
		}
	}
}

// TestSilentShortening: what Falco prints without a word in another way than it was meant is told.
func TestSilentShortening(t *testing.T) {
	for _, test := range []struct{ text, code, at, message, hint string }{
		{"x %proc.namex y", format.CodeShortened, "proc.namex", `"proc.namex" is printed as the field proc.name and the text "x"`, "did you mean proc.name"},
		{"%proc.name.", "", "", "", ""},
		{"%proc.name[1]", format.CodeShortened, "proc.name[1]", `"proc.name[1]" is printed as the field proc.name and the text "[1]"`, "argument"},
		{"%proc.aname[2", format.CodeShortened, "proc.aname[", `"proc.aname[" is printed as the field proc.aname and the text "["`, "argument is ["},
		{"%toupper(proc.name)[1]", format.CodeShortened, "toupper(proc.name)[1]", `and the text "[1]"`, ""},
		{"a %container.info b", "deprecated-field", "%container.info", "%container.info is deprecated and prints nothing", "%container.id"},
		{"%evt.dir", "deprecated-field", "evt.dir", "field evt.dir is deprecated", ""},
		{"100% sure", format.CodeEmpty, "%", "no field follows the %", "the character % itself cannot be written"},
		{"5%x", format.CodeEmpty, "%x", "%x is not a field", "the character % itself cannot be written"},
	} {
		_, found := format.Compile(test.text, fieldtest.Syscall())
		if test.code == "" {
			if len(found) > 0 {
				t.Errorf("%q: %v", test.text, found[0])
			}
			continue
		}
		if len(found) != 1 || found[0].Code != test.code || !strings.Contains(found[0].Message, test.message) ||
			!strings.Contains(found[0].Hint, test.hint) || test.text[found[0].Range.Start:found[0].Range.End] != test.at {
			t.Errorf("%q: %+v", test.text, found)
			continue
		}
		if (found[0].Severity == condition.SeverityError) != (test.code == format.CodeEmpty) {
			t.Errorf("%q: severity %s", test.text, found[0].Severity)
		}
	}
	var v event.Value
	if got := string(compile(t, "a %container.info b").Append(nil, fieldtest.Event(event.SourceSyscall, nil), &v)); got != "a  b" {
		t.Errorf("%%container.info gives %q", got)
	}
}

// hostile are templates that are hard to compile, repeated up to the limit and far above it.
var hostile = []string{
	"%evt.numxyz", "%a.bcdefghijklmnop ", "%proc.namea[b]", "%tolower(", "%(", "%", "%99999999999a.b", "%tolower(tolower(proc.name))x",
	"%proc.aname[", "%evt.num" + strings.Repeat("y", 240), "%concat(proc.name,", "%join(\",\",(proc.name,proc.pname))", "%a.\xff\x00", "%container.info",
}

func TestHostile(t *testing.T) {
	for _, part := range hostile {
		for _, size := range []int{format.MaxBytes, 1 << 20} {
			text := strings.Repeat(part, size/len(part))
			tmpl, found := format.Compile(text, fieldtest.Syscall())
			if size > format.MaxBytes && (tmpl != nil || len(found) != 1 || found[0].Code != format.CodeTooLong) {
				t.Errorf("%.20q: a text of %d bytes gives %v", part, len(text), found)
			}
			if len(found) > 60 {
				t.Errorf("%.20q: %d findings", part, len(found))
			}
		}
	}
}

// BenchmarkHostile compiles the worst texts of the length that is allowed.
func BenchmarkHostile(b *testing.B) {
	cat := fieldtest.Syscall()
	for _, part := range hostile {
		text := strings.Repeat(part, format.MaxBytes/len(part))
		b.Run(part[:min(12, len(part))], func(b *testing.B) {
			for b.Loop() {
				format.Compile(text, cat)
			}
		})
	}
}
