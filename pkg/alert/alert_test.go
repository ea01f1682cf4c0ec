package alert_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/format"
	"github.com/saker-security/saker/pkg/rule"
)

// compileRule makes a rule with the given output.
func compileRule(t testing.TB, output string) *rule.CompiledRule {
	t.Helper()
	quoted, err := json.Marshal(output)
	if err != nil {
		t.Fatal(err)
	}
	data := "- rule: r\n  desc: d\n  condition: evt.type = open\n  priority: NOTICE\n  tags: [b, a, b]\n  output: " + string(quoted) + "\n"
	catalogues := map[string]*field.Catalogue{event.SourceSyscall: fieldtest.Syscall()}
	set, diagnostics := rule.Load([]rule.File{{Name: "r.yaml", Data: []byte(data)}}, catalogues)
	compiled, more := set.Compile(catalogues)
	if all := append(diagnostics, more...); rule.HasErrors(all) {
		t.Fatalf("load: %+v", all)
	}
	return compiled.Sources[event.SourceSyscall].Rules[0]
}

const second = 1_000_000_000

func sampleEvent() *event.Event {
	e := fieldtest.Event(event.SourceSyscall, fieldtest.Values{"proc.name": "cat", "proc.cmdline": "cat \"x\"\n\x1b[1m\xff", "proc.tty": 0,
		"fd.types": []any{"x"}, "proc.is_exe_writable": true})
	e.Time = 1700000000*second + 42
	return e
}

func TestLines(t *testing.T) {
	b := &alert.Builder{Hostname: "node\"1"}
	a := b.New(sampleEvent(), compileRule(t, "p=%proc.name c=%proc.cmdline t=%proc.tty a=%fd.types w=%proc.is_exe_writable n=%proc.pname"))
	def := alert.DefaultOptions()
	def.Location = time.FixedZone("x", 3600)
	iso := alert.Options{ISO8601: true, Output: true, Fields: true}
	message := alert.Options{Message: true}
	escaped := `p=cat c=cat \"x\"\n\u001b[1m` + "\uFFFD" + ` t=0 a=(x) w=true n=<NA>`
	tests := []struct{ name, got, want string }{
		{"text", string(a.AppendText(nil, def)), "23:13:20.000000042: Notice " + escaped},
		{"text in UTC", string(a.AppendText([]byte("> "), iso)), "> 2023-11-14T22:13:20.000000042+0000: Notice " + escaped},
		{"JSON", string(a.AppendJSON(nil, def)), `{"hostname":"node\"1","output":"23:13:20.000000042: Notice ` + escaped + `","output_fields":{"evt.time":1700000000000000042,` +
			`"fd.types":["x"],"proc.cmdline":"cat \"x\"\n\u001b[1m` + "\uFFFD" + `","proc.is_exe_writable":true,"proc.name":"cat","proc.pname":null,"proc.tty":0},` +
			`"priority":"Notice","rule":"r","source":"syscall","tags":["a","b"],"time":"2023-11-14T22:13:20.000000042Z"}`},
		{"JSON in UTC", string(a.AppendJSON(nil, iso)), `{"hostname":"node\"1","output":"2023-11-14T22:13:20.000000042+0000: Notice ` + escaped +
			`","output_fields":{"evt.time.iso8601":1700000000000000042,` +
			`"fd.types":["x"],"proc.cmdline":"cat \"x\"\n\u001b[1m` + "\uFFFD" + `","proc.is_exe_writable":true,"proc.name":"cat","proc.pname":null,"proc.tty":0},` +
			`"priority":"Notice","rule":"r","source":"syscall","time":"2023-11-14T22:13:20.000000042Z"}`},
		{"JSON with message", string(a.AppendJSON(nil, message)), `{"hostname":"node\"1","message":"` + escaped + `","priority":"Notice","rule":"r","source":"syscall","time":"2023-11-14T22:13:20.000000042Z"}`},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// TestAddedFields: fields that the configuration adds are in the JSON of an alert with their types, and nowhere else.
func TestAddedFields(t *testing.T) {
	r := compileRule(t, "p=%proc.name")
	catalogues := fieldtest.Syscall()
	typed, found := format.CompileField("proc.tty", catalogues)
	if len(found) > 0 {
		t.Fatal(found[0])
	}
	text, found := format.Compile("%proc.name of %proc.pname", catalogues)
	if len(found) > 0 {
		t.Fatal(found[0])
	}
	more, found := format.Compile("w=%proc.is_exe_writable", catalogues)
	if len(found) > 0 {
		t.Fatal(found[0])
	}
	changed := *r
	changed.Output = r.Output.Join(more).WithFields(typed, format.TextField("a who", text))
	a := (&alert.Builder{Hostname: "h"}).New(sampleEvent(), &changed)
	if a.Message != "p=cat w=true" {
		t.Errorf("message %q", a.Message)
	}
	want := []alert.Field{{Name: "a who", JSON: `"cat of <NA>"`}, {Name: "proc.is_exe_writable", JSON: "true"}, {Name: "proc.name", JSON: `"cat"`}, {Name: "proc.tty", JSON: "0"}}
	if diff := cmp.Diff(want, a.Fields); diff != "" {
		t.Error(diff)
	}
	if json := string(a.AppendJSON(nil, alert.DefaultOptions())); !strings.Contains(json,
		`"output_fields":{"a who":"cat of <NA>","evt.time":1700000000000000042,"proc.is_exe_writable":true,"proc.name":"cat","proc.tty":0}`) {
		t.Errorf("JSON %s", json)
	}
}

// TestTimeOnce: the time of the event is there once, whether the output names it or not.
func TestTimeOnce(t *testing.T) {
	b := &alert.Builder{Hostname: "h"}
	for _, output := range []string{"x", "%evt.time", "%evt.time %proc.name", "%container.id", "%evt.time.iso8601", "%evt.datetime %evt.time.iso8601 %proc.name"} {
		a := b.New(sampleEvent(), compileRule(t, output))
		for _, iso := range []bool{false, true} {
			o := alert.DefaultOptions()
			o.ISO8601 = iso
			name := map[bool]string{false: `"evt.time":`, true: `"evt.time.iso8601":`}[iso]
			line := string(a.AppendJSON(nil, o))
			if strings.Count(line, name+"1700000000000000042") != 1 {
				t.Errorf("output %q, iso %v: %s", output, iso, line)
			}
			sortedKeys(t, line)
		}
	}
}

// sortedKeys checks that the keys of the line and of its fields are in ascending order.
func sortedKeys(t *testing.T, line string) {
	t.Helper()
	var top struct {
		Fields json.RawMessage `json:"output_fields"`
	}
	if err := json.Unmarshal([]byte(line), &top); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	for _, object := range []string{line, string(top.Fields)} {
		d := json.NewDecoder(strings.NewReader(object))
		last := ""
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			if key.(string) <= last {
				t.Errorf("key %s follows %s in %s", key, last, object)
			}
			last = key.(string)
			var skip json.RawMessage
			if err := d.Decode(&skip); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFalcoLines rebuilds alert lines that Falco 0.44 wrote from their values and compares byte by byte.
func TestFalcoLines(t *testing.T) {
	f, err := os.Open("testdata/falco-alerts.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		want := lines.Text()
		var in struct {
			Hostname string                     `json:"hostname"`
			Output   string                     `json:"output"`
			Fields   map[string]json.RawMessage `json:"output_fields"`
			Priority string                     `json:"priority"`
			Rule     string                     `json:"rule"`
			Source   string                     `json:"source"`
			Tags     []string                   `json:"tags"`
		}
		if err := json.Unmarshal([]byte(want), &in); err != nil {
			t.Fatal(err)
		}
		a := &alert.Alert{Hostname: in.Hostname, Rule: in.Rule, Source: in.Source, Tags: in.Tags}
		if a.Priority, err = rule.ParsePriority(in.Priority); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(in.Fields["evt.time"], &a.Time); err != nil {
			t.Fatal(err)
		}
		_, a.Message, _ = strings.Cut(in.Output, ": "+in.Priority+" ")
		for name, value := range in.Fields {
			if name != "evt.time" {
				a.Fields = append(a.Fields, alert.Field{Name: name, JSON: string(value)})
			}
		}
		sortFields(a.Fields)
		o := alert.DefaultOptions()
		o.Location = time.UTC
		if diff := cmp.Diff(want, string(a.AppendJSON(nil, o))); diff != "" {
			t.Errorf("line %d: %s", n+1, diff)
		}
	}
	if err := lines.Err(); err != nil || n < 10 {
		t.Errorf("%d lines read, error %v", n, err)
	}
}

func sortFields(fields []alert.Field) {
	for i := range fields {
		for j := i; j > 0 && fields[j].Name < fields[j-1].Name; j-- {
			fields[j], fields[j-1] = fields[j-1], fields[j]
		}
	}
}

// TestLikeEncodingJSON: a parser reads from our lines what it reads from those of encoding/json.
func TestLikeEncodingJSON(t *testing.T) {
	compiled := compileRule(t, "a %proc.name %proc.cmdline %fd.types b")
	b := &alert.Builder{}
	rapid.Check(t, func(t *rapid.T) {
		// SliceOf(Byte) makes bad UTF-8 and control characters.
		text := func(name string) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, name)) }
		args := []any{text("arg 1"), text("arg 2")}
		values := fieldtest.Values{"proc.name": text("name"), "fd.types": args}
		e := fieldtest.Event(event.SourceSyscall, values)
		e.Time = rapid.Int64Range(0, 4e18).Draw(t, "time")
		b.Hostname = text("hostname")
		a := b.New(e, compiled)
		o := alert.Options{Output: true, Message: true, Fields: true, Tags: true, Location: time.UTC}
		local := time.Unix(0, e.Time).UTC()
		want := map[string]any{
			"hostname": b.Hostname, "message": a.Message, "priority": "Notice", "rule": "r", "source": "syscall", "tags": []string{"a", "b"},
			"output":        local.Format("15:04:05.000000000") + ": Notice " + a.Message,
			"time":          local.Format("2006-01-02T15:04:05.000000000Z"),
			"output_fields": map[string]any{"evt.time": e.Time, "proc.name": values["proc.name"], "proc.cmdline": nil, "fd.types": args},
		}
		theirs, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		ours := a.AppendJSON(nil, o)
		if bytes.ContainsAny(ours, "\n\r\x1b\x00") {
			t.Fatalf("control characters in %q", ours)
		}
		if diff := cmp.Diff(decode(t, theirs), decode(t, ours)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// decode reads JSON. How many U+FFFD stand for a stretch of bad bytes is a matter of taste, so they count as one.
func decode(t *rapid.T, b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return squeeze(v)
}

func squeeze(v any) any {
	switch v := v.(type) {
	case string:
		for strings.Contains(v, "\uFFFD\uFFFD") {
			v = strings.ReplaceAll(v, "\uFFFD\uFFFD", "\uFFFD")
		}
		return v
	case []any:
		for i := range v {
			v[i] = squeeze(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = squeeze(v[k])
		}
	}
	return v
}

// TestAlertOutlivesEvent: what an alert holds does not change when the source reuses its memory.
func TestAlertOutlivesEvent(t *testing.T) {
	compiled := compileRule(t, "%proc.name")
	b := &alert.Builder{Hostname: "h"}
	first := b.New(fieldtest.Event(event.SourceSyscall, fieldtest.Values{"proc.name": "first"}), compiled)
	before := string(first.AppendJSON(nil, alert.DefaultOptions()))
	b.New(fieldtest.Event(event.SourceSyscall, fieldtest.Values{"proc.name": "other"}), compiled)
	if after := string(first.AppendJSON(nil, alert.DefaultOptions())); after != before {
		t.Errorf("the alert changed from %s to %s", before, after)
	}
}

func TestField(t *testing.T) {
	a := (&alert.Builder{}).New(sampleEvent(), compileRule(t, "%proc.name %proc.tty"))
	if got, ok := a.Field("proc.tty"); !ok || got != "0" {
		t.Errorf("proc.tty is %s, %v", got, ok)
	}
	if got, ok := a.Field("proc.pid"); ok {
		t.Errorf("proc.pid is %s", got)
	}
}

func TestStatistics(t *testing.T) {
	s := alert.NewStatistics("r2", "r1", "never")
	for _, a := range []*alert.Alert{
		{Rule: "r1", Priority: rule.PriorityInformational}, {Rule: "r1", Priority: rule.PriorityInformational},
		{Rule: "r2", Priority: rule.PriorityEmergency}, {Rule: "new\nrule", Priority: rule.PriorityWarning},
	} {
		s.Add(a)
	}
	var b strings.Builder
	n, err := s.WriteTo(&b)
	want := "Events detected: 4\nRule counts by severity:\n   EMERGENCY: 1\n   WARNING: 1\n   INFO: 2\n" +
		"Triggered rules by rule name:\n   r2: 1\n   r1: 2\n   new\\nrule: 1\n"
	if diff := cmp.Diff(want, b.String()); diff != "" || err != nil || n != int64(len(want)) {
		t.Errorf("%s (%d bytes, error %v)", diff, n, err)
	}
	if s.Total() != 4 || s.Rule("r1") != 2 || s.Rule("never") != 0 {
		t.Errorf("total %d, r1 %d, never %d", s.Total(), s.Rule("r1"), s.Rule("never"))
	}
}

// BenchmarkNew makes an alert of a usual output and writes it as JSON.
func BenchmarkNew(b *testing.B) {
	compiled := compileRule(b, "file=%fd.name parent=%proc.pname evt_type=%evt.type user=%user.name uid=%user.uid command=%proc.cmdline")
	e := fieldtest.Event(event.SourceSyscall, fieldtest.Values{"fd.name": "/etc/shadow", "user.name": "root", "user.uid": 0, "proc.cmdline": "cat /etc/shadow"})
	builder := &alert.Builder{Hostname: "node1"}
	o := alert.DefaultOptions()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = builder.New(e, compiled).AppendJSON(dst[:0], o)
	}
}
