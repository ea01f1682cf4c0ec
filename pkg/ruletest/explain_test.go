package ruletest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/ruletest"
)

const explained = `
- macro: opened
  condition: (evt.type in (open, openat) and evt.failed = false)
- macro: system
  condition: (proc.name in (sshd, login) or proc.aname in (systemd) or proc.name = val(proc.pname))
- rule: First
  desc: d
  condition: opened and fd.name startswith /etc/sh
  output: x
  priority: INFO
- rule: Second
  desc: d
  condition: >
    opened and
    fd.name = /etc/shadow and
    not system and
    (fd.ip != "10.0.0.1" or tolower(proc.name) = cat)
  output: x
  priority: INFO
- rule: Off
  desc: d
  condition: opened and fd.num >= 0
  output: x
  priority: DEBUG
  enabled: false
- rule: Excepted
  desc: d
  condition: evt.type = kill
  output: x
  priority: INFO
  exceptions:
    - name: programs
      fields: [proc.name, proc.pname]
      values:
        - [sh, init]
        - [cron, init]
    - name: nothing
      fields: [proc.name]
    - name: users
      fields: user.name
      comps: in
      values: [root, admin]
- rule: Audit
  desc: d
  source: k8s_audit
  condition: ka.verb = get
  output: x
  priority: INFO
`

func load(t *testing.T, text string) *ruletest.Rules {
	t.Helper()
	rules, _, found := ruletest.Load([]rule.File{{Name: "rules.yaml", Data: []byte(text)}}, nil, catalogues())
	if rules == nil {
		t.Fatal(found)
	}
	return rules
}

// given makes an event from the fields of a YAML mapping.
func given(t *testing.T, fields string) func(do func(*event.Event)) {
	t.Helper()
	f, err := ruletest.Read("x", []byte("tests: [{name: a, expect: none, events: [{fields: "+fields+"}]}]"), catalogues())
	if err != nil {
		t.Fatal(err)
	}
	return func(do func(*event.Event)) {
		err := f.Tests[0].Play(t.Context(), "", func(_ int, e *event.Event) error {
			do(e)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestExplain(t *testing.T) {
	rules := load(t, explained)
	const shadow = `{evt.type: openat, evt.failed: false, fd.name: /etc/shadow, proc.name: "c\e[2Jat", fd.ip: [10.0.0.1, 10.0.0.2], "proc.aname[2]": sshd}`
	var out, objects bytes.Buffer
	for _, test := range []struct {
		rule, fields string
		settings     ruletest.Settings
	}{
		{"Second", shadow, ruletest.Settings{MinPriority: rule.PriorityDebug}},
		{"Second", `{evt.type: openat, evt.failed: false, fd.name: /etc/shadow, proc.name: Cat}`, ruletest.Settings{MinPriority: rule.PriorityDebug}},
		{"Second", `{evt.type: openat, evt.failed: false, fd.name: /etc/shadow, proc.name: Cat}`, ruletest.Settings{MinPriority: rule.PriorityDebug, FirstOnly: true}},
		{"Second", `{evt.type: openat, evt.failed: true}`, ruletest.Settings{MinPriority: rule.PriorityDebug}},
		{"Second", `{evt.type: openat, evt.failed: false, fd.name: /etc/shadow, proc.name: bash, proc.pname: bash}`, ruletest.Settings{MinPriority: rule.PriorityDebug}},
		{"Second", `{evt.type: openat, evt.failed: false, fd.name: /etc/shadow, proc.name: bash}`, ruletest.Settings{MinPriority: rule.PriorityDebug}},
		{"Second", `{evt.type: close}`, ruletest.Settings{MinPriority: rule.PriorityDebug}},
		{"Off", `{evt.type: open, evt.failed: false, fd.num: 3}`, ruletest.Settings{MinPriority: rule.PriorityInformational}},
		{"Excepted", `{evt.type: kill, proc.name: cron, proc.pname: init}`, ruletest.Settings{MinPriority: rule.PriorityDebug}},
		{"Excepted", `{evt.type: kill, user.name: root}`, ruletest.Settings{MinPriority: rule.PriorityDebug}},
		{"Excepted", `{evt.type: kill, user.name: dev}`, ruletest.Settings{MinPriority: rule.PriorityDebug}},
		{"Audit", `{evt.type: open}`, ruletest.Settings{MinPriority: rule.PriorityDebug}},
		{"Audit", `{ka.verb: list}`, ruletest.Settings{MinPriority: rule.PriorityDebug}},
	} {
		given(t, test.fields)(func(e *event.Event) {
			x := rules.Explain(rules.Rule(test.rule), test.settings, 1, e)
			out.WriteString("# " + test.fields + "\n")
			if err := x.WriteText(&out); err != nil {
				t.Fatal(err)
			}
			if err := x.WriteJSON(&objects); err != nil {
				t.Fatal(err)
			}
			out.WriteByte('\n')
			if fires := fired(t, rules, test.settings, e, test.rule); fires != x.Fires {
				t.Errorf("rule %s on %s: the explanation says that it fires: %v, the engine %v", test.rule, test.fields, x.Fires, fires)
			}
		})
	}
	golden(t, "explain.txt", out.Bytes())
	golden(t, "explain.json", objects.Bytes())
	if strings.ContainsRune(out.String(), '\x1b') {
		t.Error("a control character is printed")
	}
}

// fired tells whether the engine reports a rule.
func fired(t *testing.T, rules *ruletest.Rules, s ruletest.Settings, e *event.Event, name string) (found bool) {
	t.Helper()
	err := rules.Engine(s).Evaluate(e, func(r *rule.CompiledRule) { found = found || r.Name == name })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A written event answers for every form of a field.
func TestGiven(t *testing.T) {
	const event1 = `{evt.type: openat, proc.name: cat, proc.pid: 7, proc.aname: [bash, sshd], fd.ip: [10.0.0.1, 192.168.0.1], fd.net: 10.1.2.3, fd.sip: 2001:db8::1,
		fd.sport: 443, evt.is_open_read: true, evt.arg.flags: "O_RDONLY|O_CLOEXEC", evt.rawarg.flags: 0x1001, evt.rawres: -2, evt.buffer: !!binary AAFo, "proc.env[HOME]": /root,
		proc.duration: 5, user.uid: 4294967295, thread.cpu: 0.5, container.id: ~, proc.cmdline: "cat a b", evt.abspath: /x}`
	const event2 = `{ka.verb: get, ka.user.groups: [a, b], "ka.uri.param[x]": "1", "jevt.value[/a/b]": c, ka.req.pod.containers.privileged: ["true", "false"]}`
	tests := []struct {
		source, fields string
		hold, fail     []string
	}{
		{"syscall", event1, []string{
			"proc.name = cat", "proc.pid = 7", "proc.aname = sshd", "proc.aname in (sshd)", "proc.aname[2] = sshd", "proc.aname[1] = bash", "proc.aname[2] exists",
			"fd.ip = 192.168.0.1", "fd.ip in (10.0.0.1)", "fd.net = 10.0.0.0/8", "fd.sip = 2001:db8::1", "fd.sport = 443", "fd.sport = https", "evt.is_open_read = true",
			"evt.arg.flags contains CLOEXEC", "evt.arg[flags] contains CLOEXEC", "evt.rawarg.flags = 4097", "evt.rawres = -2", "evt.rawres < 0", "evt.buffer bcontains 0001",
			"proc.env[HOME] = /root", "proc.duration < 6", "user.uid = 4294967295", "toupper(proc.name) = CAT", "len(proc.cmdline) = 7", "basename(fd.name) = x or evt.abspath = /x",
			"evt.type in (open, openat)", "evt.type.is.openat = 1", "syscall.type = openat", "evt.is_io = false", "evt.is_io_read = false", "evt.num = 1", "evt.num >= 0", "evt.source = syscall", "evt.is_async = false", "evt.time exists",
			"proc.name != dog", "proc.name = val(proc.name)", "evt.hostname = host",
		}, []string{
			"container.id exists", "container.id != host", "proc.pname exists", "proc.pname != x", "proc.aname[3] exists", "proc.aname = zsh", "evt.arg.name exists", "evt.type.is.open = 1",
			"proc.env[PATH] exists", "fd.net = 192.168.0.0/16", "evt.is_open_write = false", "evt.io_dir exists", "evt.failed = false",
		}},
		{"syscall", `{evt.type: open, "proc.aname[1]": a, "proc.aname[3]": c, "proc.aname[0]": self}`, []string{"proc.aname = a", "proc.aname in (c, d)", "proc.aname[3] = c", "proc.aname[0] = self"},
			[]string{"proc.aname = self", "proc.aname[2] exists"}},
		{"k8s_audit", event2, []string{
			"ka.verb = get", "ka.user.groups intersects (b, c)", "ka.user.groups in (a, b)", "ka.uri.param[x] = 1", "jevt.value[/a/b] = c", "ka.req.pod.containers.privileged intersects (true)",
			"ka.req.pod.containers.privileged[1] intersects (false)", "ka.req.pod.containers.privileged[0] in (true)", "jevt.rawtime exists or evt.rawtime > 0",
		}, []string{"ka.user.groups in (a)", "ka.uri.param[y] exists", "ka.req.pod.containers.privileged[2] exists", "jevt.value[/a] exists", "ka.target.name != x"}},
	}
	for _, test := range tests {
		var text strings.Builder
		for _, c := range append(test.hold, test.fail...) {
			text.WriteString("- {rule: '" + c + "', desc: d, condition: '" + c + "', output: x, priority: INFO, source: " + test.source + ", warn_evttypes: false}\n")
		}
		rules := load(t, text.String())
		given(t, test.fields)(func(e *event.Event) {
			s := ruletest.Settings{MinPriority: rule.PriorityDebug}
			for _, c := range test.hold {
				if !fired(t, rules, s, e, c) {
					t.Errorf("%s does not hold", c)
				}
			}
			for _, c := range test.fail {
				if fired(t, rules, s, e, c) {
					t.Errorf("%s holds", c)
				}
			}
		})
	}
}

// A field that never has a value in this version is told so.
func TestExplainPending(t *testing.T) {
	const why = "nobody looks"
	fields := []field.Field{
		{Name: "a.b", Type: event.TypeString, Pending: why, Extract: func(*event.Event, *field.Arg, *event.Value) bool { return false }},
	}
	cats := ruletest.Catalogues(map[string]*field.Catalogue{"x": field.New("x", nil, field.Generic("host"), fields)})
	text := "- {rule: r, desc: d, condition: tolower(a.b) = c, output: o, priority: INFO, source: x}\n"
	rules, _, found := ruletest.Load([]rule.File{{Name: "rules.yaml", Data: []byte(text)}}, nil, cats)
	if rules == nil {
		t.Fatal(found)
	}
	var out strings.Builder
	if err := rules.Explain(rules.Rule("r"), ruletest.Settings{}, 1, &event.Event{Source: "x"}).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "tolower(a.b) is missing (it has no value in this version: "+why+")") {
		t.Error(out.String())
	}
}
