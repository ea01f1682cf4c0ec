package analysis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/lint/analysis"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/table"
)

var catalogues = map[string]*field.Catalogue{
	event.SourceSyscall:  syscall.Catalogue("host"),
	event.SourceK8sAudit: audit.Catalogue("host"),
}

var live = analysis.Options{Delivers: func(source, name string) bool {
	return source != event.SourceSyscall || table.Deliverable(name)
}}

// check loads a file and gives the findings about it; an error of the loader fails the test.
func check(t testing.TB, options analysis.Options, text string) []rule.Diagnostic {
	t.Helper()
	set, found := rule.Load([]rule.File{{Name: "f.yaml", Data: []byte(text)}}, catalogues)
	compiled, more := set.Compile(catalogues)
	for _, d := range append(found, more...) {
		if d.IsError() {
			t.Fatalf("%s: %s (%s)\n%s", d.Start, d.Message, d.Hint, text)
		}
	}
	return analysis.Check(set, compiled, options)
}

// one writes a file with macros, each "name: condition", and a rule.
func one(source, cond string, macros ...string) string {
	var b strings.Builder
	for _, m := range macros {
		name, c, _ := strings.Cut(m, ": ")
		fmt.Fprintf(&b, "- macro: %s\n  condition: >\n    %s\n", name, c)
	}
	fmt.Fprintf(&b, "- rule: r\n  desc: d\n  source: %s\n  condition: >\n    %s\n  output: x\n  priority: INFO\n", source, cond)
	return b.String()
}

// said writes findings as lines of code, place and message.
func said(found []rule.Diagnostic) string {
	var b strings.Builder
	for _, d := range found {
		text := ""
		if d.Start.Line == d.End.Line && d.End.Column-1 <= len(d.Line) {
			text = d.Line[d.Start.Column-1 : d.End.Column-1]
		}
		fmt.Fprintf(&b, "%s %s %d:%d %q: %s | %s\n", d.Severity, d.Code, d.Start.Line, d.Start.Column, text, d.Message, d.Hint)
	}
	return b.String()
}

// codes gives the codes of the findings, those of leave left out.
func codes(found []rule.Diagnostic, leave ...string) []string {
	var out []string
	for _, d := range found {
		if !slices.Contains(leave, d.Code) {
			out = append(out, d.Code)
		}
	}
	return out
}

// TestLogic: what is always or never true, and what changes nothing. The conditions are of source syscall, beside
// evt.type = open unless they name a type.
func TestLogic(t *testing.T) {
	tests := []struct {
		name, cond string
		macros     []string
		want       string // codes, with the text that is pointed at
	}{
		{"two types", "evt.type = open and evt.type = connect", nil, "always-false evt.type = connect"},
		{"two names", "evt.type = open and proc.name = a and proc.name = b", nil, "always-false proc.name = b"},
		{"negation", "evt.type = open and proc.name = a and not proc.name = a", nil, "always-false not proc.name = a"},
		{"lists", "evt.type = open and proc.name in (a, b) and proc.name in (c, d)", nil, "always-false proc.name in (c, d)"},
		{"lists that meet", "evt.type = open and proc.name in (a, b) and proc.name in (b, c)", nil, ""},
		{"value and prefix", "evt.type = open and fd.name = /etc/x and fd.name startswith /var", nil, "always-false fd.name startswith /var"},
		{"value and glob", "evt.type = open and fd.name in (/etc/x, /etc/y) and fd.name glob /var/*a", nil, "always-false fd.name glob /var/*a"},
		{"value and regex", "evt.type = open and fd.name = /etc/x and fd.name regex '/var/[a-z]+'", nil, "always-false fd.name regex '/var/[a-z]+'"},
		{"prefixes", "evt.type = open and fd.name startswith /etc and fd.name startswith /var", nil, "always-false fd.name startswith /var"},
		{"prefixes that agree", "evt.type = open and fd.name startswith /etc/ssh and not fd.name startswith /etc/sshd", nil, ""},
		{"prefix and its negation", "evt.type = open and fd.name startswith /etc/ssh and not fd.name startswith /etc", nil, "always-false not fd.name startswith /etc"},
		{"suffixes", "evt.type = open and fd.name endswith .so and fd.name endswith .conf", nil, "always-false fd.name endswith .conf"},
		{"prefix and suffix", "evt.type = open and fd.name startswith /etc and fd.name endswith .conf", nil, ""},
		{"contains", "evt.type = open and fd.name contains a and fd.name contains b", nil, ""},
		{"contains and not", "evt.type = open and fd.name startswith /etc/ssh and not fd.name contains ssh", nil, "always-false not fd.name contains ssh"},
		{"case", "evt.type = open and fd.name contains SSH and not fd.name icontains ssh", nil, "always-false not fd.name icontains ssh"},
		{"case differs", "evt.type = open and fd.name icontains ssh and not fd.name contains ssh", nil, ""},
		{"paths", "evt.type = open and fd.name pmatch (/etc/ssh, /var) and not fd.name pmatch (/etc, /var)", nil, "always-false not fd.name pmatch (/etc, /var)"},
		{"paths and prefix", "evt.type = open and fd.name pmatch (/etc/ssh) and fd.name startswith /var", nil, "always-false fd.name startswith /var"},
		{"numbers", "evt.type = open and proc.pid < 5 and proc.pid > 10", nil, "always-false proc.pid > 10"},
		{"numbers that touch", "evt.type = open and proc.pid <= 5 and proc.pid >= 5", nil, ""},
		{"numbers without room", "evt.type = open and proc.pid > 5 and proc.pid < 6", nil, "always-false proc.pid < 6"},
		{"below zero", "evt.type = open and user.uid < 0", nil, "always-false user.uid < 0"},
		{"at least zero", "evt.type = open and user.uid >= 0", nil, "always-true user.uid >= 0"},
		{"signed", "evt.type = open and evt.rawres >= 0", nil, ""},
		{"bool", "evt.type = open and evt.failed = true and evt.failed = false", nil, "always-false evt.failed = false"},
		{"bool is not true", "evt.type = open and evt.failed != true and evt.failed != false", nil, "always-false evt.failed != false"},
		{"exists", "evt.type = open and not fd.name exists and fd.name = /etc/x", nil, "always-false fd.name = /etc/x"},
		{"missing passes both", "evt.type = open and not proc.name in (a, b) and not proc.name startswith x", nil, ""},
		{"missing passes", "evt.type = open and not proc.pid > 5 and not proc.pid <= 5", nil, ""},
		{"missing does not pass", "evt.type = open and proc.pid exists and not proc.pid > 5 and not proc.pid <= 5", nil, "always-false not proc.pid <= 5"},
		{"alternatives", "evt.type = open and proc.name = a and (proc.name = b or proc.name startswith c)", nil, "always-false proc.name = b or proc.name startswith c"},
		{"cases", "evt.type = open and (proc.name = a or proc.name = b) and (proc.name = c or proc.name = d)", nil, "always-false proc.name = c or proc.name = d"},
		{"ancestors", "evt.type = open and proc.aname = a and proc.aname = b", nil, ""},
		{"ancestors and not", "evt.type = open and proc.aname in (a, b) and not proc.aname in (a, b, c)", nil, "always-false not proc.aname in (a, b, c)"},
		{"one ancestor", "evt.type = open and proc.aname[2] = a and proc.aname[2] = b", nil, "always-false proc.aname[2] = b"},
		{"two ancestors", "evt.type = open and proc.aname[2] = a and proc.aname[3] = b", nil, ""},
		{"ends", "evt.type = connect and fd.ip = 10.0.0.1 and fd.ip = 10.0.0.2", nil, ""},
		{"ends differ", "evt.type = connect and fd.ip = 10.0.0.1 and fd.ip != 10.0.0.1", nil, "always-false fd.ip != 10.0.0.1"},
		{"addresses", "evt.type = connect and fd.sip = 10.0.0.1 and fd.sip = 10.0.0.2", nil, "always-false fd.sip = 10.0.0.2"},
		{"networks", "evt.type = connect and fd.snet = 10.0.0.0/8 and fd.snet = 192.168.0.0/16", nil, "always-false fd.snet = 192.168.0.0/16"},
		{"networks inside", "evt.type = connect and fd.snet = 10.0.0.0/8 and not fd.snet = 10.1.0.0/16", nil, ""},
		{"transformers", "evt.type = open and tolower(proc.name) = a and tolower(proc.name) = b", nil, "always-false tolower(proc.name) = b"},
		{"length", "evt.type = open and len(proc.name) > 5 and len(proc.name) < 3", nil, "always-false len(proc.name) < 3"},
		{"other expression", "evt.type = open and tolower(proc.name) = a and proc.name = A", nil, ""},
		{"in a macro", "evt.type = open and m", []string{"m: (proc.name = a and proc.name = b)"}, "always-false proc.name = b"},
		{"rule against macro", "evt.type = open and m and proc.name = c", []string{"m: (proc.name in (a, b))"}, "always-false proc.name = c"},
		{"macro against macro", "evt.type = open and m and n", []string{"m: (proc.name in (a, b))", "n: (proc.name = c)"}, "always-false n"},
		{"types in macros", "spawned and opened", []string{"spawned: (evt.type in (execve, execveat))", "opened: (evt.type in (open, openat))"}, "always-false opened"},

		{"exists or not", "evt.type = open and (fd.name exists or not fd.name exists)", nil, "always-true fd.name exists or not fd.name exists"},
		{"not both", "evt.type = open and not (proc.name = a and proc.name = b)", nil, "always-false proc.name = b"},
		{"differs from one of two", "evt.type = open and (proc.name != a or proc.name != b)", nil, "always-true proc.name != b"},
		{"not one or not the other", "evt.type = open and (not proc.name = a or not proc.name = b)", nil, "always-true not proc.name = a or not proc.name = b"},
		{"every text", "evt.type = open and fd.name startswith ''", nil, "always-true fd.name startswith ''"},
		{"differs from both", "evt.type = open and proc.name != a and proc.name != b", nil, ""},

		{"dead branch", "evt.type = open and (proc.name = a or evt.type = connect)", nil, "dead-branch evt.type = connect"},
		{"dead branch deep", "evt.type = open and (proc.name = a or (fd.name startswith /x and (evt.type = connect or user.uid = 0)))", nil, "dead-branch evt.type = connect"},
		{"dead branch in a macro", "evt.type = open and m", []string{"m: (evt.type in (open, connect))"}, ""},

		{"contained", "evt.type = open and (proc.name = a or proc.name in (a, b))", nil, "redundant-term proc.name = a"},
		{"narrower", "evt.type = open and evt.type in (open, openat)", nil, "redundant-term evt.type in (open, openat)"},
		{"twice", "evt.type = open and proc.name = a and proc.name = a", nil, "redundant-term proc.name = a"},
		{"macro twice", "evt.type = open and m and not user.uid = 0 and m", []string{"m: (proc.name in (a, b))"}, "redundant-term m"},
		{"through a macro", "evt.type = openat and m", []string{"m: (evt.type in (open, openat))"}, ""},
		{"two prefixes", "evt.type = open and (fd.name startswith /etc or fd.name startswith /etc/ssh)", nil, "redundant-term fd.name startswith /etc/ssh"},
		{"gate", "evt.type = open and fd.name startswith /etc and fd.name regex '/etc/.*[0-9]'", nil, ""},
		{"item twice", "evt.type = open and proc.name in (a, b, a)", nil, "duplicate-item a"},

		{"never on purpose", "evt.type = open and (evt.num = 0)", nil, ""},
		{"always on purpose", "evt.type = open and (evt.num >= 0)", nil, ""},
		{"placeholder macro", "evt.type = open and (never or proc.name = a) and not never", []string{"never: (evt.num=0)"}, ""},
		{"exception to be filled in", "evt.type = open and not known", []string{"never: (evt.num=0)", "known: (never)"}, ""},
		{"placeholder name", "evt.type = open and proc.name != \"<NA>\" and not proc.name in (\"<NA>\", \"N/A\")", nil, ""},
		{"type exists", "evt.type exists and evt.type = open", nil, ""},
		{"empty list", "evt.type = open and not proc.name in ()", nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := check(t, analysis.Options{}, one(event.SourceSyscall, test.cond, test.macros...))
			var got []string
			for _, d := range found {
				if d.Code != "mixed-and-or" {
					got = append(got, d.Code+" "+d.Line[d.Start.Column-1:d.End.Column-1])
				}
			}
			if strings.Join(got, "; ") != test.want {
				t.Errorf("%s\ngot  %s\nwant %s\n%s", test.cond, strings.Join(got, "; "), test.want, said(found))
			}
		})
	}
}
