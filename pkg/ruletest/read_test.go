package ruletest_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/ruletest"
)

// Each file has one problem; the error names its place and says what to do.
func TestReadProblems(t *testing.T) {
	const one = "tests:\n- name: a\n  expect: none\n  events:\n  - "
	tests := []struct{ name, file, want string }{
		{"empty", "", "1:1: the file is empty; begin with tests:"},
		{"no tests", "rules: a.yaml\n", "1:1: key tests is missing; add tests: with a list of tests"},
		{"not a mapping", "- a\n", "1:1: a test file must be a mapping, not a list; if it is a rules file, write a test file that names it under rules"},
		{"unknown key", "test: []\ntests: []\n", `1:1: a test file has no key "test"; did you mean tests?`},
		{"key twice", "tests: []\ntests: []\n", `2:1: key "tests" is there twice; remove one of the two`},
		{"no rules", "builtin: false\ntests: []\n", "1:1: there are no rules to test; name rules files under rules, or leave out builtin"},
		{"two documents", "tests: []\n---\ntests: []\n", "2:1: a test file has only one YAML document; make it a file of its own"},
		{"bad YAML", "tests: [\n", "2:1: not valid YAML: "},
		{"brackets in braces", one + "fields: {evt.type: open, proc.aname[2]: x}\n", "between braces a name with brackets needs quotation marks"},
		{"not UTF-8", "tests: [\xff]\n", "1:1: the file is not valid UTF-8 text; save it as UTF-8"},
		{"no name", "tests:\n- events: [{fields: {evt.type: open}}]\n  expect: none\n", "2:3: a test has no name; add name: with a few words"},
		{"no events", "tests:\n- name: a\n  expect: none\n", "2:3: a test has no events; add events: with a list of events"},
		{"empty events", "tests:\n- name: a\n  events: []\n  expect: none\n", "3:11: the list of events is empty"},
		{"no expectation", "tests:\n- name: a\n  events: [{fields: {evt.type: open}}]\n", "2:3: a test does not say what it expects; add expect: with a list of rules, or expect: none"},
		{"expects a text", "tests:\n- name: a\n  events: [{fields: {evt.type: open}}]\n  expect: Rule\n", "4:11: expect must be none or a list; write none, or a list of rules"},
		{"same name", "tests:\n- {name: a, events: [{fields: {evt.type: open}}], expect: none}\n- {name: a, events: [{fields: {evt.type: open}}], expect: none}\n", `3:10: there is another test called "a" on line 2; give each test a name of its own`},
		{"no form", one + "{}\n", "5:5: an event needs one of the keys fields, audit, audit_file, capture, processes"},
		{"two forms", one + "{audit: {}, fields: {evt.type: open}}\n", "5:5: an event is given twice, by audit and fields; write two events"},
		{"source of a file", one + "{audit_file: a, source: syscall}\n", "5:29: only an event that is written by field has a source to choose; leave it out"},
		{"unknown source", one + "{source: syscal, fields: {evt.type: open}}\n", `5:14: there is no source "syscal"; did you mean syscall?`},
		{"no type", one + "fields: {proc.name: cat}\n", "5:13: an event of source syscall needs evt.type; add evt.type: with the name of the call, such as openat"},
		{"unknown type", one + "fields: {evt.type: opena}\n", `5:24: unknown event type opena, did you mean openat?`},
		{"unknown field", one + "fields: {evt.type: open, proc.nam: cat}\n", "5:30: source syscall has no field proc.nam; did you mean proc.name"},
		{"unknown audit field", one + "fields: {ka.verb: get, ka.target.nam: x}\n", "5:28: source k8s_audit has no field ka.target.nam; did you mean ka.target.name"},
		{"field twice", one + "fields: {evt.type: open, evt.arg.flags: a, \"evt.arg[flags]\": b}\n", `5:48: "evt.arg[flags]" is there twice; remove one of the two`},
		{"no field", one + "fields: {evt.type: open, cat: a}\n", "5:30: "},
		{"field without argument", one + "fields: {evt.type: open, proc.env: a, evt.arg: x}\n", "5:43: field evt.arg needs an argument"},
		{"number", one + "fields: {evt.type: open, proc.pid: one}\n", `5:40: the value of proc.pid: it must be a whole number with a sign of at most 64 bits, not "one"`},
		{"number too large", one + "fields: {evt.type: open, fd.lport: 70000}\n", `5:40: the value of fd.lport: it must be a whole number without a sign of at most 16 bits, not "70000"`},
		{"truth value", one + "fields: {evt.type: open, evt.failed: 1}\n", `5:42: the value of evt.failed: it must be true or false, not "1"`},
		{"address", one + "fields: {evt.type: open, fd.sip: 10.0.0}\n", `5:38: the value of fd.sip: it is not an IP address: "10.0.0"`},
		{"list for a value", one + "fields: {evt.type: open, proc.name: [a, b]}\n", "5:41: field proc.name has one value, not a list"},
		{"mapping for a value", one + "fields: {evt.type: open, proc.name: {a: b}}\n", "5:41: the value of proc.name must be a text or a list, not a mapping"},
		{"base64", one + "fields: {evt.type: open, evt.buffer: !!binary '#'}\n", "5:42: the value of evt.buffer: it is not base64"},
		{"audit list", one + "audit: [a]\n", "5:12: audit must be an audit event, not a list"},
		{"no processes", one + "{processes: [], call: {type: execve}}\n", "5:17: the list of processes is empty"},
		{"process without program", one + "{processes: [{comm: a}], call: {type: execve}}\n", "5:18: a process has no program; add exe: with the path of its program"},
		{"unknown process key", one + "{processes: [{exe: /a, name: b}], call: {type: execve}}\n", `5:28: a process has no key "name"`},
		{"user without id", one + "{processes: [{exe: /a, user: b}], call: {type: execve}}\n", "5:18: user gives a name to the uid of a process, which is not said; add uid:"},
		{"user id", one + "{processes: [{exe: /a, uid: -1}], call: {type: execve}}\n", "5:33: uid must be a whole number from 0 to 4294967295"},
		{"no call", one + "{processes: [{exe: /a}]}\n", "5:5: what the last process does is not said; add call: {type: execve} for one that starts its program"},
		{"call without processes", one + "{fields: {evt.type: open}, call: {type: execve}}\n", "5:38: key call belongs to processes"},
		{"unknown call", one + "{processes: [{exe: /a}], call: {type: bind}}\n", `5:43: a scenario can have the calls execve, execveat, open, openat, openat2, connect, not "bind"; write an event of another call by field`},
		{"call without type", one + "{processes: [{exe: /a}], call: {path: /b}}\n", "5:36: a call needs a type"},
		{"open without path", one + "{processes: [{exe: /a}], call: {type: open}}\n", "5:36: open needs a path; add path:"},
		{"connect without address", one + "{processes: [{exe: /a}], call: {type: connect}}\n", "5:36: connect needs an address"},
		{"bad address", one + "{processes: [{exe: /a}], call: {type: connect, to: host}}\n", `5:56: "host" is not an address with a port`},
		{"bad flag", one + "{processes: [{exe: /a}], call: {type: open, path: /b, flags: O_RDONL}}\n", `5:66: "O_RDONL" is not a flag of open; did you mean O_RDONLY`},
		{"bad result", one + "{processes: [{exe: /a}], call: {type: execve, result: ENONE}}\n", `5:59: "ENONE" is not the name of an error`},
		{"bad priority", "minimum_priority: warnin\ntests: []\n", `1:19: "warnin" is not a priority; did you mean Warning?`},
		{"bad matching", "rule_matching: any\ntests: []\n", `1:16: rule_matching must be all or first, not "any"`},
		{"bad selection", "selection: [{disable: {}}]\ntests: []\n", "1:23: a selection names rules by rule or by tag, by one of them"},
		{"empty selection", "selection: [{}]\ntests: []\n", "1:13: an entry of selection has one of the keys enable and disable"},
		{"wanted field", "tests:\n- name: a\n  events: [{fields: {evt.type: open}}]\n  expect: [{rule: a, fields: {proc.nme: a}}]\n", "4:31: source syscall has no field proc.nme"},
		{"wanted value", "tests:\n- name: a\n  events: [{fields: {evt.type: open}}]\n  expect: [{rule: a, fields: {proc.pid: a}}]\n", "4:41: the value of proc.pid: "},
		{"no rule", "tests:\n- name: a\n  events: [{fields: {evt.type: open}}]\n  expect: [{count: 1}]\n", "4:12: an expected alert has no rule; add rule: with its name"},
		{"bad count", "tests:\n- name: a\n  events: [{fields: {evt.type: open}}]\n  expect: [{rule: a, count: -1}]\n", "4:29: count must be a whole number from 0 to 2147483648"},
		{"columns are bytes", "tests:\n- {name: \"日本\", expect: 5, events: [{fields: {evt.type: open}}]}\n", `2:28: expect must be none or a list`},
		{"control characters", "\"ev\\e[2J\": []\ntests: []\n", `1:1: a test file has no key "ev\x1b[2J"`},
		{"alias to itself", "templates: &a [*a]\ntests: []\n", "1:16: alias *a stands inside the value that it repeats; write the value out"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ruletest.Read("x", []byte(test.file), catalogues())
			var found ruletest.Problems
			if !errors.As(err, &found) {
				t.Fatalf("error %v, want a problem", err)
			}
			if first, _, _ := strings.Cut(err.Error(), "\n"); !strings.Contains(first, test.want) {
				t.Errorf("got  %s\nwant %s", err, test.want)
			}
		})
	}
}

// All problems of a file are told, in their order.
func TestReadAllProblems(t *testing.T) {
	_, err := ruletest.Read("x", []byte("rule: a\ntests:\n- name: a\n  expect: [{priority: x}]\n  events: [{fields: {evt.type: opn, proc.nam: a}}, {}]\n"), catalogues())
	var found ruletest.Problems
	if !errors.As(err, &found) || len(found) != 6 {
		t.Fatalf("%v", err)
	}
	for i := 1; i < len(found); i++ {
		if a, b := found[i-1].Pos, found[i].Pos; a.Line > b.Line || a.Line == b.Line && a.Column > b.Column {
			t.Errorf("%v stands before %v", a, b)
		}
	}
}

// No file costs more time or memory than its author may spend.
func TestReadLimits(t *testing.T) {
	bomb := "templates:\n- &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 10; i++ {
		prev := fmt.Sprintf("*a%d", i-1)
		bomb += fmt.Sprintf("- &a%d [%s]\n", i, strings.TrimSuffix(strings.Repeat(prev+", ", 10), ", "))
	}
	for name, file := range map[string]string{
		"alias bomb": bomb + "tests: []\n",
		"deep":       "templates: " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "\ntests: []\n",
		"large":      "tests: []\n" + strings.Repeat("# comment\n", ruletest.MaxFileSize/10),
		"nothing":    "tests:\n" + strings.Repeat("- {}\n", 10_000),
	} {
		if _, err := ruletest.Read("x", []byte(file), catalogues()); err == nil {
			t.Errorf("%s: no error", name)
		} else if len(err.Error()) > 20_000 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"testdata/pass_test.yaml", "testdata/fail.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("tests:\n- {name: a, expect: none, events: [{audit: {a: [1, 0x2, null, ~, 2026-01-01, !!binary aGk=]}}]}"))
	f.Add([]byte("selection: [{enable: {tag: x}}]\ntests: [{name: &a x, events: [{<<: [*a]}]}]"))
	cats := catalogues()
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := ruletest.Read("x", data, cats)
		if err != nil {
			if strings.ContainsAny(strings.ReplaceAll(err.Error(), "\n", ""), "\x00\x1b\r") {
				t.Fatalf("control characters in %q", err)
			}
			return
		}
		for _, one := range file.Tests {
			for i := range one.Events {
				if s := one.Events[i].Scenario; s != nil && len(s.Frames()) == 0 {
					t.Fatalf("a scenario without frames")
				}
			}
		}
	})
}
