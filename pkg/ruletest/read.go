package ruletest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// ReadFile reads a test file from disk; see Read.
func ReadFile(path string, catalogues map[string]*field.Catalogue) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read test file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read test file: %w", err)
	}
	return Read(path, data, catalogues)
}

// Read reads a test file; name is what positions show. The fields in it are checked against the catalogues, which are
// what the function Catalogues gives. The error is of type Problems and names everything that is wrong with the file.
func Read(name string, data []byte, catalogues map[string]*field.Catalogue) (*File, error) {
	r := &reader{name: name, lines: strings.Split(string(data), "\n"), fields: newFields(catalogues)}
	f := r.file(data)
	if len(r.found) > 0 {
		slices.SortStableFunc(r.found, func(a, b Problem) int {
			if a.Pos.Line != b.Pos.Line {
				return a.Pos.Line - b.Pos.Line
			}
			return a.Pos.Column - b.Pos.Column
		})
		return nil, r.found
	}
	return f, nil
}

// IsTestFile tells whether a file is a test file rather than one of events: by its name, or because it is a text of
// which a line begins with the key tests.
func IsTestFile(name string, data []byte) bool {
	return strings.HasSuffix(name, Suffix) || utf8.Valid(data) && (bytes.HasPrefix(data, []byte("tests:")) || bytes.Contains(data, []byte("\ntests:")))
}

func (r *reader) file(data []byte) *File {
	root := r.document(data)
	if root == nil {
		if len(r.found) == 0 {
			r.fail(nil, "begin with tests:", "the file is empty")
		}
		return nil
	}
	if root.Kind == yaml.SequenceNode {
		r.fail(root, "if it is a rules file, write a test file that names it under rules", "a test file must be a mapping, not a list")
		return nil
	}
	f := &File{Name: r.name, Settings: Settings{MinPriority: rule.PriorityDebug}}
	builtin, tests := false, false
	r.mapping(root, "a test file", map[string]func(*yaml.Node){
		"rules":            func(n *yaml.Node) { f.Rules = r.texts(n, "rules") },
		"builtin":          func(n *yaml.Node) { builtin, f.Builtin = true, r.boolean(n, "builtin") },
		"rule_matching":    func(n *yaml.Node) { f.Settings.FirstOnly = r.oneOf(n, "rule_matching", "all", "first") == "first" },
		"minimum_priority": func(n *yaml.Node) { f.Settings.MinPriority = r.priority(n, "minimum_priority") },
		"selection": func(n *yaml.Node) {
			r.sequence(n, "selection", func(item *yaml.Node) {
				f.Selection, f.selected = append(f.Selection, r.selection(item)), append(f.selected, r.pos(item))
			})
		},
		"templates": func(n *yaml.Node) {}, // a place for anchors; what is in it is read where it is used
		"tests": func(n *yaml.Node) {
			tests = true
			r.sequence(n, "tests", func(item *yaml.Node) { f.Tests = append(f.Tests, r.test(item)) })
		},
	})
	if !builtin {
		f.Builtin = len(f.Rules) == 0
	}
	if !f.Builtin && len(f.Rules) == 0 {
		r.fail(root, "name rules files under rules, or leave out builtin", "there are no rules to test")
	}
	if !tests && root.Kind == yaml.MappingNode {
		r.fail(root, "add tests: with a list of tests", "key tests is missing")
	}
	r.uniqueNames(f.Tests)
	return f
}

// selection reads an entry such as {disable: {tag: network}}, as the configuration writes it under rules.
func (r *reader) selection(n *yaml.Node) (s rule.Selection) {
	said := 0
	which := func(n *yaml.Node) {
		said++
		r.mapping(n, "a selection", map[string]func(*yaml.Node){
			"rule": func(n *yaml.Node) { s.Rule = r.text(n, "rule") },
			"tag":  func(n *yaml.Node) { s.Tag = r.text(n, "tag") },
		})
		if (s.Rule == "") == (s.Tag == "") && follow(n).Kind == yaml.MappingNode {
			r.fail(n, "", "a selection names rules by rule or by tag, by one of them")
		}
	}
	r.mapping(n, "an entry of selection", map[string]func(*yaml.Node){
		"enable":  func(n *yaml.Node) { s.Enable = true; which(n) },
		"disable": which,
	})
	if said != 1 && n.Kind == yaml.MappingNode {
		r.fail(n, "write {disable: {rule: NAME}} or {enable: {tag: TAG}}", "an entry of selection has one of the keys enable and disable")
	}
	return s
}

func (r *reader) uniqueNames(tests []*Test) {
	seen := map[string]*Test{}
	for _, t := range tests {
		if t.Name == "" {
			continue // reported already
		}
		if first := seen[t.Name]; first != nil {
			r.found = append(r.found, Problem{Pos: t.Pos, Message: fmt.Sprintf("there is another test called %s on line %d", quoted(t.Name), first.Pos.Line),
				Hint: "give each test a name of its own"})
		}
		seen[t.Name] = t
	}
}

func (r *reader) test(n *yaml.Node) *Test {
	t := &Test{Pos: r.pos(n)}
	expected, named, had := false, false, false
	r.mapping(n, "a test", map[string]func(*yaml.Node){
		"name": func(n *yaml.Node) { named, t.Name, t.Pos = true, r.text(n, "name"), r.pos(n) },
		"events": func(n *yaml.Node) {
			had = true
			r.sequence(n, "events", func(item *yaml.Node) { t.Events = append(t.Events, r.step(item)) })
			if n.Kind == yaml.SequenceNode && len(t.Events) == 0 {
				r.fail(n, "", "the list of events is empty")
			}
		},
		"expect": func(n *yaml.Node) { expected, t.Expect = true, r.expectations(n) },
	})
	if n.Kind != yaml.MappingNode {
		return t
	}
	if !named {
		r.fail(n, "add name: with a few words", "a test has no name")
	}
	if !had {
		r.fail(n, "add events: with a list of events", "a test has no events")
	}
	if !expected {
		r.fail(n, "add expect: with a list of rules, or expect: none", "a test does not say what it expects")
	}
	return t
}

// forms are the keys of an event, of which there must be exactly one.
var forms = []string{"fields", "audit", "audit_file", "capture", "processes"}

func (r *reader) step(n *yaml.Node) Step {
	s := Step{Pos: r.pos(n)}
	var given []string
	var source, written, call *yaml.Node
	form := func(name string, read func(*yaml.Node)) func(*yaml.Node) {
		return func(n *yaml.Node) {
			given = append(given, name)
			read(n)
		}
	}
	r.mapping(n, "an event", map[string]func(*yaml.Node){
		"source":     func(n *yaml.Node) { source = n },
		"fields":     form("fields", func(n *yaml.Node) { written = n }),
		"audit":      form("audit", func(n *yaml.Node) { s.Audit = r.auditText(n) }),
		"audit_file": form("audit_file", func(n *yaml.Node) { s.AuditFile = r.text(n, "audit_file") }),
		"capture":    form("capture", func(n *yaml.Node) { s.Capture = r.text(n, "capture") }),
		"processes":  form("processes", func(n *yaml.Node) { s.Scenario = r.processes(n) }),
		"call":       func(n *yaml.Node) { call = n },
	})
	if n.Kind != yaml.MappingNode {
		return s
	}
	switch {
	case len(given) == 0:
		r.fail(n, "", "an event needs one of the keys %s", strings.Join(forms, ", "))
	case len(given) > 1:
		r.fail(n, "write two events", "an event is given twice, by %s", strings.Join(given, " and "))
	case written != nil:
		s.Fields = r.given(written, source)
	case source != nil:
		r.fail(source, "leave it out", "only an event that is written by field has a source to choose")
	}
	switch {
	case s.Scenario != nil && call == nil:
		r.fail(n, "add call: {type: execve} for one that starts its program", "what the last process does is not said")
	case s.Scenario != nil:
		r.call(s.Scenario, call)
	case call != nil:
		r.fail(call, "add processes:", "key call belongs to processes, of which the last one makes the call")
	}
	return s
}

func (r *reader) expectations(n *yaml.Node) (out []*Expectation) {
	if n = follow(n); n.Kind == yaml.ScalarNode {
		if n.Value != "none" {
			r.fail(n, "write none, or a list of rules", "expect must be none or a list")
		}
		return nil
	}
	r.sequence(n, "expect", func(item *yaml.Node) { out = append(out, r.expectation(item)) })
	return out
}

// expectation reads the name of a rule, or a mapping that says more.
func (r *reader) expectation(n *yaml.Node) *Expectation {
	x := &Expectation{Pos: r.pos(n), Count: -1}
	if n.Kind == yaml.ScalarNode {
		x.Rule = r.text(n, "the name of a rule")
		return x
	}
	r.mapping(n, "an expected alert", map[string]func(*yaml.Node){
		"rule":     func(n *yaml.Node) { x.Rule, x.Pos = r.text(n, "rule"), r.pos(n) },
		"event":    func(n *yaml.Node) { x.Event = int(r.number(n, "event", 1, 1<<31)) },
		"count":    func(n *yaml.Node) { x.Count = int(r.number(n, "count", 0, 1<<31)) },
		"priority": func(n *yaml.Node) { x.Priority, x.HasPriority = r.priority(n, "priority"), true },
		"output":   func(n *yaml.Node) { x.Output, x.HasOutput = r.text(n, "output"), true },
		"contains": func(n *yaml.Node) { x.Contains = r.texts(n, "contains") },
		"fields":   func(n *yaml.Node) { x.Fields = r.wanted(n) },
	})
	if x.Rule == "" && n.Kind == yaml.MappingNode {
		r.fail(n, "add rule: with its name", "an expected alert has no rule")
	}
	return x
}

func (r *reader) priority(n *yaml.Node, what string) rule.Priority {
	p, err := rule.ParsePriority(r.text(n, what))
	if err != nil {
		r.fail(n, suggestion(n.Value, rule.PriorityNames()), "%s is not a priority", quoted(n.Value))
	}
	return p
}

func (r *reader) oneOf(n *yaml.Node, what string, words ...string) string {
	text := r.text(n, what)
	if text != "" && !slices.Contains(words, text) {
		r.fail(n, "", "%s must be %s, not %s", what, strings.Join(words, " or "), quoted(text))
	}
	return text
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}
