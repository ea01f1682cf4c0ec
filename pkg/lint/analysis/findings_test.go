package analysis_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/lint/analysis"
	"github.com/saker-security/saker/pkg/rule"
)

// pointed writes findings as code and the text that is pointed at.
func pointed(found []rule.Diagnostic, leave ...string) string {
	var got []string
	for _, d := range found {
		if slices.Contains(leave, d.Code) {
			continue
		}
		text := d.Line[d.Start.Column-1:]
		if d.End.Line == d.Start.Line {
			text = d.Line[d.Start.Column-1 : d.End.Column-1]
		}
		got = append(got, d.Code+" "+text)
	}
	return strings.Join(got, "; ")
}

// TestConditions: findings about single conditions other than those of logic.
func TestConditions(t *testing.T) {
	tests := []struct {
		name, source, cond string
		macros             []string
		want               string
	}{
		{"verb in upper case", "k8s_audit", "ka.verb = CREATE", nil, "impossible-value CREATE"},
		{"verb misspelled", "k8s_audit", "ka.verb in (create, delet)", nil, "impossible-value delet"},
		{"verbs", "k8s_audit", "ka.verb in (create, deletecollection, get) and ka.user.name != post", nil, ""},
		{"part of a verb", "k8s_audit", "ka.verb startswith delet", nil, ""},
		{"stage", "k8s_audit", "ka.stage = ResponseCompleted", nil, "impossible-value ResponseCompleted"},
		{"stage as json", "k8s_audit", "jevt.value[/stage] = responseComplete", nil, "impossible-value responseComplete"},
		{"decision", "k8s_audit", "ka.auth.decision = deny", nil, "impossible-value deny"},
		{"resource in the singular", "k8s_audit", "ka.target.resource in (pods, Secret, networkpolicy, ingress)", nil,
			"impossible-value Secret; impossible-value networkpolicy; impossible-value ingress"},
		{"resource of somebody", "k8s_audit", "ka.target.resource = certificates", nil, ""},
		{"truth", "k8s_audit", "ka.req.pod.host_pid = yes", nil, "impossible-value yes"},
		{"truths", "k8s_audit", "ka.req.pod.containers.privileged intersects (true)", nil, ""},
		{"in a macro", "k8s_audit", "m", []string{"m: (ka.verb = Get)"}, "impossible-value Get"},
		{"path with a slash", "syscall", "evt.type = open and fd.name = /etc/", nil, "trailing-slash /etc/"},
		{"root", "syscall", "evt.type = open and fd.directory in (/, /etc)", nil, ""},
		{"prefix with a slash", "syscall", "evt.type = open and fd.name startswith /etc/", nil, ""},
		{"kind of descriptor", "syscall", "evt.type = open and fd.type = File", nil, "impossible-value File"},

		{"begin of a call", "syscall", "evt.type = open and evt.dir = >", nil, "always-false evt.dir = >"},
		{"not the end of a call", "syscall", "evt.type = open and evt.dir != <", nil, "always-false evt.dir != <"},
		{"end of a call", "syscall", "evt.type = open and evt.dir=<", nil, ""},

		{"wildcard and =", "syscall", "evt.type = open and fd.name = /etc/*", nil, "literal-wildcard /etc/*"},
		{"wildcard and in", "syscall", "evt.type = open and fd.name in (/etc/shadow, /root/*, '*.key')", nil, "literal-wildcard /root/*; literal-wildcard '*.key'"},
		{"wildcard and !=", "syscall", "evt.type = open and proc.name != kube*", nil, "literal-wildcard kube*"},
		{"wildcard and startswith", "syscall", "evt.type = open and fd.name startswith /home/*/.ssh", nil, "literal-wildcard /home/*/.ssh"},
		{"wildcards and any of", "syscall", "evt.type = open and fd.name endswith oneof (.key, *.pem)", nil, "literal-wildcard *.pem"},
		{"wildcard for an image", "k8s_audit", "ka.req.pod.containers.image intersects (nginx:*)", nil, "literal-wildcard nginx:*"},
		{"wildcards of a role", "k8s_audit", "ka.req.role.rules.verbs intersects ('*') and ka.req.role.rules.nonResourceURLs intersects ('/healthz/*')", nil, ""},
		{"everything", "k8s_audit", "ka.target.resource = '*' and jevt.value[/x] = '*'", nil, ""},
		{"everything of a process", "syscall", "evt.type = open and proc.name = *", nil, "literal-wildcard *"},
		{"star in a query", "syscall", "evt.type = open and proc.cmdline contains '*'", nil, ""},
		{"star inside", "syscall", "evt.type = open and proc.name = a*b", nil, ""},
		{"pointer", "syscall", "evt.type = open and fd.name pmatch (/etc/*)", nil, ""},
		{"wildcard in a macro", "syscall", "evt.type = open and m", []string{"m: (fd.name = /etc/*)"}, "literal-wildcard /etc/*"},
		{"null", "syscall", "evt.type = open and proc.name != null", nil, "null-as-text null"},
		{"null in a list", "syscall", "evt.type = open and proc.pname in (NULL, nil, undefined, sh)", nil, "null-as-text NULL; null-as-text nil; null-as-text undefined"},
		{"none of a user", "k8s_audit", "ka.user.name = none", nil, "null-as-text none"},
		{"null that is there", "syscall", "evt.type = open and fd.filename = null and evt.arg.name != NULL and fd.name = /dev/null", nil, ""},
		{"null in json", "k8s_audit", "jevt.value[/x] = null", nil, ""},
		{"null for a verb", "k8s_audit", "ka.verb = null", nil, "impossible-value null"},

		{"glob as prefix", "syscall", "evt.type = open and fd.name glob /etc/*", nil, "expensive-pattern fd.name glob /etc/*"},
		{"glob as search", "syscall", "evt.type = open and proc.cmdline glob *curl*", nil, "expensive-pattern proc.cmdline glob *curl*"},
		{"glob without case", "syscall", "evt.type = open and proc.cmdline iglob *curl*", nil, "expensive-pattern proc.cmdline iglob *curl*"},
		{"glob without case at the end", "syscall", "evt.type = open and proc.cmdline iglob *curl", nil, ""},
		{"real glob", "syscall", "evt.type = open and fd.name glob /home/*/.ssh/*", nil, ""},
		{"choice", "syscall", "evt.type = open and proc.name regex '(cat|less)'", nil, "expensive-pattern proc.name regex '(cat|less)'"},
		{"real regex", "syscall", "evt.type = open and proc.name regex '(cat|less)[0-9]+'", nil, ""},

		{"and beside or", "syscall", "evt.type = open and proc.name = a or evt.type = openat and proc.name = b", nil, "mixed-and-or evt.type = open and proc.name = a"},
		{"parentheses", "syscall", "(evt.type = open and proc.name = a) or ( evt.type = openat and (proc.name = b) )", nil, ""},
		{"or in and", "syscall", "evt.type = open and (proc.name = a or proc.name = b)", nil, ""},

		{"container without value", "syscall", "evt.type = open and container.image.repository = \"<NA>\"", nil, "pending-field container.image.repository; placeholder-text \"<NA>\""},
		{"name without value", "syscall", "evt.type = open and proc.name = \"<NA>\"", nil, ""},
		{"not without value", "syscall", "evt.type = open and evt.io_dir != \"<NA>\"", nil, "field-never-set evt.io_dir"},

		{"field of another call", "syscall", "evt.type = execve and evt.arg.addr exists", nil, "field-never-set evt.arg.addr"},
		{"field of the call", "syscall", "evt.type = connect and evt.arg.addr exists", nil, ""},
		{"field of one of the calls", "syscall", "evt.type in (execve, connect) and evt.arg.addr exists", nil, ""},
		{"excluded", "syscall", "evt.type = execve and not evt.arg.addr exists", nil, ""},

		{"alternative without type", "syscall", "evt.type = open or proc.name = nc", nil, "unrestricted-branch proc.name = nc"},
		{"alternative with a negated type", "syscall", "(evt.type = open and proc.name = a) or evt.type != openat", nil, ""},
		{"alternative deep", "syscall", "proc.name = a and ((evt.type = open or user.uid = 0) or m)", []string{"m: (evt.type = openat)"}, "unrestricted-branch user.uid = 0"},
		{"macro without type", "syscall", "evt.type = open or m", []string{"m: (proc.name in (a, b))"}, "unrestricted-branch m"},
		{"restricted beside", "syscall", "(evt.type = open or proc.name = nc) and evt.type in (open, openat)", nil, ""},
		{"never true", "syscall", "evt.type = open or m", []string{"m: (evt.num = 0)"}, ""},
		{"no type at all", "syscall", "proc.name = nc", nil, ""},

		{"not delivered", "syscall", "evt.type = kcmp", nil, "event-not-delivered r"},
		{"one delivered", "syscall", "evt.type in (kcmp, open)", nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := check(t, live, one(test.source, test.cond, test.macros...))
			if got := pointed(found); got != test.want {
				t.Errorf("%s\ngot  %s\nwant %s\n%s", test.cond, got, test.want, said(found))
			}
		})
	}
}

// TestLiterals: what to write for a wildcard or for null, and how sure it is that this was meant.
func TestLiterals(t *testing.T) {
	tests := []struct{ cond, want string }{
		{"fd.name = /etc/*", "warning: fd.name startswith /etc/"},
		{"fd.name = *.pem", "warning: fd.name endswith .pem"},
		{"fd.name = '*my key*'", `warning: fd.name contains "my key"`},
		{"fd.name = /home/*/.ssh", "warning: fd.name glob /home/*/.ssh"},
		{"fd.name != /etc/*", "warning: not fd.name startswith /etc/"},
		{"fd.name startswith /etc/*", "warning: fd.name startswith /etc/"},
		{"fd.name startswith */etc", "warning: fd.name contains /etc"},
		{"fd.name endswith *.pem", "warning: fd.name endswith .pem"},
		{"proc.name contains *curl*", "warning: proc.name contains curl"},
		{"proc.name icontains *curl*", "warning: proc.name icontains curl"},
		{"proc.name = **", "warning: proc.name exists"},
		{"fd.name in (/etc/*)", "warning: fd.name startswith /etc/"},
		{"proc.cmdline contains 'rm -rf /*'", `info: proc.cmdline contains "rm -rf /"`},
		{"proc.cmdline contains *curl*", "warning: proc.cmdline contains curl"},
		{"proc.cmdline contains '* * * root *'", `info: proc.cmdline glob "** * * root **"`},
		{"evt.arg.name = /etc/*", "info: evt.arg.name startswith /etc/"},
		{"proc.name = null", "warning: not proc.name exists"},
		{"proc.name in (null, sh)", "warning: not proc.name exists"},
		{"proc.name != Null", "warning: proc.name exists"},
		{"proc.name = none", "info: not proc.name exists"},
	}
	for _, test := range tests {
		found := check(t, live, one("syscall", "evt.type = open and "+test.cond))
		if len(found) != 1 {
			t.Errorf("%s: %s", test.cond, said(found))
			continue
		}
		_, hint, _ := strings.Cut(found[0].Hint, "write: ")
		if got := found[0].Severity.String() + ": " + hint; got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.cond, got, test.want)
		}
	}
}

// TestStrict: what is reported only on demand.
func TestStrict(t *testing.T) {
	tests := map[string]string{
		"ka.req.configmap.name != x":                                     "missing-matters ka.req.configmap.name != x",
		"not ka.target.namespace in (a, b)":                              "missing-matters ka.target.namespace in (a, b)",
		"not ka.target.namespace exists":                                 "",
		"not ka.verb = get":                                              "",
		"ka.target.namespace = x":                                        "",
		"ka.uri regex 'api/v[0-9]+'":                                     "whole-match ka.uri regex 'api/v[0-9]+'",
		"ka.uri regex '.*api/v[0-9]+/.*' or ka.uri regex '^api/[a-z]+$'": "",
	}
	for cond, want := range tests {
		if got := pointed(check(t, analysis.Options{Strict: true}, one(event.SourceK8sAudit, cond))); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", cond, got, want)
		}
		if got := pointed(check(t, analysis.Options{}, one(event.SourceK8sAudit, cond))); got != "" {
			t.Errorf("%s without Strict: %s", cond, got)
		}
	}
}

// rules writes a file of rules from "name: condition".
func rules(conditions ...string) string {
	var b strings.Builder
	for _, c := range conditions {
		name, c, _ := strings.Cut(c, ": ")
		if m, ok := strings.CutPrefix(name, "macro "); ok {
			b.WriteString("- macro: " + m + "\n  condition: " + c + "\n")
			continue
		}
		off := strings.HasPrefix(name, "off")
		b.WriteString("- rule: " + name + "\n  desc: d\n  condition: " + c + "\n  output: x\n  priority: INFO\n")
		if off {
			b.WriteString("  enabled: false\n")
		}
	}
	return b.String()
}

// TestShadows: rules that no event reaches.
func TestShadows(t *testing.T) {
	tests := []struct {
		name  string
		rules []string
		want  string
	}{
		{"narrower", []string{"A: evt.type = open", "B: evt.type = open and proc.name = a"}, "shadowed-rule B"},
		{"wider", []string{"B: evt.type = open and proc.name = a", "A: evt.type = open"}, ""},
		{"types", []string{"A: evt.type in (open, openat)", "B: evt.type = open and proc.name = a"}, "shadowed-rule B"},
		{"prefix", []string{"A: evt.type = open and fd.name startswith /etc", "B: evt.type = open and fd.name startswith /etc/ssh"}, "shadowed-rule B"},
		{"value with prefix", []string{"A: evt.type = open and fd.name startswith /etc", "B: evt.type = open and fd.name in (/etc/a, /etc/b)"}, "shadowed-rule B"},
		{"another prefix", []string{"A: evt.type = open and fd.name startswith /etc/x", "B: evt.type = open and fd.name startswith /etc"}, ""},
		{"alternatives", []string{"A: evt.type in (open, openat)", "B: (evt.type = open or evt.type = openat) and proc.name = a"}, "shadowed-rule B"},
		{"one of the alternatives", []string{"A: evt.type = open and (proc.name = a or fd.name startswith /etc)", "B: evt.type = open and proc.name = a and user.uid = 0"}, "shadowed-rule B"},
		{"exclusion", []string{"A: evt.type = open and not proc.name in (a, b)", "B: evt.type = open and proc.name = c"}, "shadowed-rule B"},
		{"exclusion that lets through", []string{"A: evt.type = open and not proc.name in (a, b)", "B: evt.type = open and proc.name in (b, c)"}, ""},
		{"missing value", []string{"A: evt.type = open and proc.name != a", "B: evt.type = open and not proc.name = a"}, ""},
		{"present value", []string{"A: evt.type = open and not proc.name = a", "B: evt.type = open and proc.name != a"}, "shadowed-rule B"},
		{"disabled", []string{"off: evt.type = open", "B: evt.type = open and proc.name = a"}, ""},
		{"never true", []string{"A: evt.type = open and (evt.num = 0)", "B: evt.type = open and proc.name = a"}, ""},
		{"exclusion to be filled in", []string{"macro never: (evt.num = 0)", "A: evt.type = open and not never", "B: evt.type = open and proc.name = a"}, "shadowed-rule B"},
		{"same", []string{"A: evt.type = open and proc.name = a", "B: evt.type = open and proc.name = a"}, "duplicate-rule B"},
		{"same in another order", []string{"A: evt.type = open and proc.name in (a, b)", "B: proc.name in (b, a) and evt.type = open"}, "duplicate-rule B"},
		{"same through macros", []string{"macro o: (evt.type = open)", "A: o and proc.name = a", "B: evt.type = open and proc.name = a"}, "duplicate-rule B"},
		{"numbers", []string{"A: evt.type = open and proc.pid > 5", "B: evt.type = open and proc.pid > 10"}, "shadowed-rule B"},
		{"ancestors", []string{"A: evt.type = open and proc.aname in (a, b)", "B: evt.type = open and proc.aname = a"}, "shadowed-rule B"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := check(t, live, rules(test.rules...))
			if got := pointed(found); got != test.want {
				t.Errorf("got  %s\nwant %s\n%s", got, test.want, said(found))
			}
			for _, d := range check(t, analysis.Options{MatchAll: true}, rules(test.rules...)) {
				if d.Code == analysis.ShadowedRule.Name || strings.Contains(d.Message, "first") {
					t.Errorf("under rule_matching: all: %s", d.Message)
				}
			}
		})
	}
}

// TestShadowNames: the finding names the other rule and where it is.
func TestShadowNames(t *testing.T) {
	found := check(t, live, rules("Any open: evt.type = open", "B: evt.type = open and proc.name = a"))
	if len(found) != 1 || !strings.Contains(found[0].Message, `rule "Any open" at f.yaml:1:9`) {
		t.Errorf("%s", said(found))
	}
}

// TestWholeFiles: findings about outputs, exceptions, appended conditions, tags.
func TestWholeFiles(t *testing.T) {
	const head = "- rule: r\n  desc: d\n  priority: INFO\n"
	tests := []struct{ name, text, want string }{
		{"output", head + "  condition: evt.type = execve\n  output: addr=%evt.arg.addr of %proc.name\n", "field-never-set %evt.arg.addr"},
		{"output of one type", head + "  condition: evt.type in (execve, connect)\n  output: addr=%evt.arg.addr\n", ""},
		{"output of no type", head + "  condition: evt.type = kcmp and (evt.type = execve and proc.name = a or evt.type = openat)\n  output: addr=%evt.arg.addr\n", "always-false evt.type = execve and proc.name = a or evt.type = openat"},
		{"output without value", head + "  condition: evt.type = execve\n  output: image=%container.image.repository\n", "pending-field %container.image.repository"},
		{"capture", head + "  condition: evt.type = execve\n  output: x\n  capture: true\n", "capture-not-written r"},
		{"exception without values", head + "  condition: evt.type = execve\n  output: x\n  exceptions:\n    - name: e\n      fields: [proc.name]\n", "empty-exception "},
		{"exception", head + "  condition: evt.type = execve and proc.name in (a, b)\n  output: x\n  exceptions:\n    - name: e\n      fields: [proc.name, proc.pname]\n      values: [[a, b], [b, a]]\n", ""},
		{"exception for all", head + "  condition: evt.type = execve and proc.name = a\n  output: x\n  exceptions:\n    - name: e\n      fields: [proc.name]\n      comps: [startswith]\n      values: [[a]]\n", "broad-exception proc.name"},
		{"appended and", head + "  condition: evt.type = open or evt.type = openat\n  output: x\n- rule: r\n  condition: and proc.name = a\n  append: true\n", "append-binding and proc.name = a"},
		{"appended or", head + "  condition: evt.type = open or evt.type = openat\n  output: x\n- rule: r\n  condition: or evt.type = openat2\n  append: true\n", ""},
		{"appended to and", head + "  condition: evt.type = open and (proc.name = a or proc.name = b)\n  output: x\n- rule: r\n  condition: and user.uid = 0\n  append: true\n", ""},
		{"appended to a macro", "- macro: m\n  condition: evt.type = open or evt.type = openat\n- macro: m\n  condition: and proc.name = a\n  append: true\n" + head + "  condition: m\n  output: x\n", "append-binding and proc.name = a"},
		{"list", "- list: l\n  items: [a, b, a]\n" + head + "  condition: evt.type = open and proc.name in (l)\n  output: x\n", "duplicate-item a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := check(t, live, test.text)
			if got := pointed(found, "mixed-and-or", "unrestricted-branch"); got != test.want {
				t.Errorf("got  %s\nwant %s\n%s", got, test.want, said(found))
			}
		})
	}
}

// TestRedefinitions: rules that are defined twice.
func TestRedefinitions(t *testing.T) {
	const first = "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: x\n  priority: INFO\n  tags: [a, b]\n  exceptions: [{name: e, fields: [proc.name], values: [[x]]}]\n"
	const bare = "- rule: r\n  desc: d\n  condition: evt.type = openat\n  output: x\n  priority: INFO\n"
	tests := []struct {
		name, a, b string
		want       string
	}{
		{"one file", first + bare, "", `warning the rule replaces the one at a.yaml:1:9 and drops its tags a and b and exceptions e`},
		{"two files", first, bare, `info the rule replaces the one at a.yaml:1:9 and drops its tags a and b and exceptions e`},
		{"nothing lost", bare, first, ""},
		{"override", first, "- rule: r\n  tags: [c]\n  override: {tags: replace}\n", ""},
		{"twice the same in one file", bare + bare, "", `warning the rule replaces the one at a.yaml:1:9`},
	}
	for _, test := range tests {
		set, found := rule.Load([]rule.File{{Name: "a.yaml", Data: []byte(test.a)}, {Name: "b.yaml", Data: []byte(test.b)}}, catalogues)
		compiled, more := set.Compile(catalogues)
		if found = append(found, more...); rule.HasErrors(found) {
			t.Fatalf("%s: %v", test.name, found)
		}
		got := ""
		for _, d := range analysis.Check(set, compiled, live) {
			got += d.Severity.String() + " " + d.Message
		}
		if got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
}

// TestTags: a tag that one rule has and that looks like one of many rules.
func TestTags(t *testing.T) {
	tagged := func(tags ...string) string {
		var b strings.Builder
		for i, tag := range tags {
			name := string(rune('a' + i))
			b.WriteString("- rule: " + name + "\n  desc: d\n  condition: evt.type = open and proc.name = " + name + "\n  output: x\n  priority: INFO\n  tags: [" + tag + "]\n")
		}
		return b.String()
	}
	tests := map[string]string{
		tagged("network", "network", "network", "networt"):          "rare-tag [networt",
		tagged("network", "network", "networt"):                     "",
		tagged("network", "network", "network", "filesystem"):       "",
		tagged("T1059.001", "T1059.001", "T1059.001", "T1059.002"):  "",
		tagged("process", "process", "process", "processes"):        "",
		tagged("container", "container", "container", "containers"): "",
	}
	for text, want := range tests {
		if got := pointed(check(t, live, text)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// TestEnrich: hints and corrections for findings of others.
func TestEnrich(t *testing.T) {
	load := func(text string) []rule.Diagnostic {
		set, found := rule.Load([]rule.File{{Name: "f.yaml", Data: []byte(text)}}, catalogues)
		_, more := set.Compile(catalogues)
		found = append(found, more...)
		analysis.Enrich(set, found, catalogues)
		return found
	}
	found := load(one(event.SourceSyscall, "evt.type = open and ka.verb = get"))
	if len(found) != 1 || !strings.Contains(found[0].Hint, "ka.verb belongs to source k8s_audit") {
		t.Errorf("%s", said(found))
	}
	for _, test := range []struct{ cond, want string }{
		{"evt.type = open and evt.dir = <", "evt.type = open"},
		{"evt.dir=< and evt.type = open", "evt.type = open"},
		{"evt.type = open and evt.dir = < and proc.name = a", "evt.type = open and proc.name = a"},
		{"evt.type = open\n    and evt.dir = <\n    and proc.name = a", "evt.type = open\n    and proc.name = a"},
		{"(evt.type = open and evt.dir = <) or (evt.dir = < and evt.type = openat)", "(evt.type = open) or (evt.type = openat)"},
		{"evt.type = open and (evt.dir = <)", ""},
		{"evt.type = open and not evt.dir = >", ""},
		{"evt.type = open and evt.dir = >", ""},
		{"evt.dir = <", ""},
	} {
		text := one(event.SourceSyscall, test.cond)
		got := text
		var edits []rule.Edit
		for _, d := range load(text) {
			for _, f := range d.Fixes {
				edits = append(edits, f.Edits...)
			}
		}
		slices.SortFunc(edits, func(a, b rule.Edit) int { return b.Start - a.Start })
		for _, e := range edits {
			got = got[:e.Start] + e.Text + got[e.End:]
		}
		want := one(event.SourceSyscall, test.want)
		if test.want == "" {
			want = text
		}
		if got != want {
			t.Errorf("%s becomes\n%s\nwant\n%s", test.cond, got, want)
		}
	}
}

// TestFixes: the corrections of patterns say the same.
func TestFixes(t *testing.T) {
	for cond, want := range map[string]string{
		"evt.type = open and fd.name glob /etc/*":          "evt.type = open and fd.name startswith /etc/",
		"evt.type = open and fd.name glob '*.so'":          "",
		"evt.type = open and proc.name regex '(cat|less)'": "evt.type = open and proc.name in (cat, less)",
	} {
		text := one(event.SourceSyscall, cond)
		found := check(t, live, text)
		if len(found) != 1 {
			t.Fatalf("%s: %s", cond, said(found))
		}
		got := ""
		for _, f := range found[0].Fixes {
			e := f.Edits[0]
			got = text[:e.Start] + e.Text + text[e.End:]
		}
		if want != "" {
			want = one(event.SourceSyscall, want)
		}
		if got != want {
			t.Errorf("%s becomes\n%s\nwant\n%s", cond, got, want)
		}
	}
}

// TestCodes: every finding has a code that is known, its severity or a milder one, and one line of clean text.
func TestCodes(t *testing.T) {
	if len(analysis.Codes) < 20 {
		t.Errorf("%d codes", len(analysis.Codes))
	}
	for name, c := range analysis.Codes {
		if c.Name != name || c.Summary == "" || c.Severity == condition.SeverityError || strings.ToLower(name) != name {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
