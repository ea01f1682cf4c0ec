package rule_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// ruleText is a rule of source syscall with the given condition.
func ruleText(name, condition string) string {
	return fmt.Sprintf("- rule: %s\n  desc: d\n  output: x\n  priority: INFO\n  condition: %s\n", name, condition)
}

// mustLoad loads files that have no errors and gives the set.
func mustLoad(t testing.TB, files ...string) *rule.Set {
	t.Helper()
	var in []rule.File
	for i, f := range files {
		in = append(in, rule.File{Name: fmt.Sprintf("f%d.yaml", i), Data: []byte(f)})
	}
	set, found := rule.Load(in, languageCatalogues)
	if rule.HasErrors(found) {
		t.Fatalf("load: %v", codes(found))
	}
	return set
}

// conditions prints the resolved condition of each rule.
func conditions(set *rule.Set) []string {
	var out []string
	for _, r := range set.Rules {
		out = append(out, r.Name+": "+condition.SExpr(r.Node))
	}
	return out
}

func TestResolution(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		want  []string
	}{
		{"macro in a rule", []string{"- macro: m\n  condition: a.b = 1 or a.b = 2\n" + ruleText("r", "not m and a.c = 3")},
			[]string{`r: (and (not (or (binary "=" (field a.b) (val "1")) (binary "=" (field a.b) (val "2")))) (binary "=" (field a.c) (val "3")))`}},
		{"macro defined after the rule", []string{ruleText("r", "m") + "- macro: m\n  condition: a.b = 1\n"},
			[]string{`r: (binary "=" (field a.b) (val "1"))`}},
		{"macro redefined in a later file", []string{"- macro: m\n  condition: a.b = 1\n" + ruleText("r", "m"), "- macro: m\n  condition: a.b = 2\n"},
			[]string{`r: (binary "=" (field a.b) (val "2"))`}},
		{"macro redefined with one defined between", []string{"- macro: m\n  condition: a.b = 1\n- macro: n\n  condition: a.b = 3\n- macro: m\n  condition: n\n" + ruleText("r", "m")},
			[]string{`r: (binary "=" (field a.b) (val "3"))`}},
		{"lists", []string{"- list: l\n  items: [x, \"'y z'\", 'a, b', k]\n- list: k\n  items: [1]\n" + ruleText("r", "a.b in (l, c, 'l') and a.b in l and a.b = k and a.b startswith anyof l")},
			[]string{`r: (and (binary "in" (field a.b) (list "x" "y z" "a, b" "1" "c" "l")) (binary "in" (field a.b) (list "x" "y z" "a, b" "1"))` +
				` (binary "=" (field a.b) (val "1")) (binary "startswith anyof" (field a.b) (list "x" "y z" "a, b" "1")))`}},
		{"lists in lists at any depth", []string{"- list: c\n  items: [b, z]\n- list: b\n  items: [a]\n- list: a\n  items: [x]\n" + ruleText("r", "a.b in (c)")},
			[]string{`r: (binary "in" (field a.b) (list "x" "z"))`}},
		{"lists that hold each other", []string{"- list: a\n  items: [b, x]\n- list: b\n  items: [a, y]\n" + ruleText("r", "a.b in (a)")},
			[]string{`r: (binary "in" (field a.b) (list "a" "y" "x"))`}},
		{"empty list", []string{"- list: l\n  items: []\n" + ruleText("r", "a.b in (l, x, l)")}, []string{`r: (binary "in" (field a.b) (list "x"))`}},
		{"unknown names stay", []string{ruleText("r", "a.b in (nolist, x) or a.b in nolist")},
			[]string{`r: (or (binary "in" (field a.b) (list "nolist" "x")) (binary "in" (field a.b) (val "nolist")))`}},
		{"append", []string{"- macro: m\n  condition: a.b = 1\n- list: l\n  items: [x]\n" + ruleText("r", "m and a.b in (l)"),
			"- macro: m\n  condition: or a.b = 2\n  append: true\n- list: l\n  items: [y]\n  append: true\n- rule: r\n  append: true\n  condition: or a.c = 3\n"},
			[]string{`r: (or (and (or (binary "=" (field a.b) (val "1")) (binary "=" (field a.b) (val "2"))) (binary "in" (field a.b) (list "x" "y"))) (binary "=" (field a.c) (val "3")))`}},
		{"order of definition", []string{ruleText("a", "a.b = 1") + ruleText("b", "a.b = 2") + ruleText("a", "a.b = 3")},
			[]string{`a: (binary "=" (field a.b) (val "3"))`, `b: (binary "=" (field a.b) (val "2"))`}},
		{"several documents", []string{"- macro: m\n  condition: a.b = 1\n---\n---\n~\n---\n# nothing\n---\n" + ruleText("r", "m") + "...\n"},
			[]string{`r: (binary "=" (field a.b) (val "1"))`}},
		{"aliases", []string{"- list: l\n  items: &i [x, y]\n- list: k\n  items: *i\n" + ruleText("r", "&c a.b in (l, k)") + "- macro: m\n  condition: *c\n"},
			[]string{`r: (binary "in" (field a.b) (list "x" "y" "x" "y"))`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, conditions(mustLoad(t, test.files...))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRuleValues(t *testing.T) {
	set := mustLoad(t, `
- rule: 5
  desc: >
    folded
    text
  condition: a.b = 1
  output: "  out  put \n"
  priority: inFO
  tags: [z, a, z, 5]
  enabled: No
  source: tsrc
- rule: plain
  desc: d
  condition: a.b = 1
  output: o
  priority: EMERGENCY
- rule: 5
  enabled: yes
`)
	type values struct {
		Name, Description, Condition, Output, Priority, Source string
		Tags                                                   []string
		Enabled                                                bool
		Pos                                                    rule.Position
	}
	var got []values
	for _, r := range set.Rules {
		got = append(got, values{r.Name, r.Description, r.Condition, r.Output, r.Priority.String(), r.Source, r.Tags, r.Enabled, r.Pos})
	}
	want := []values{
		{"5", "folded text\n", "a.b = 1", "out  put", "Informational", "tsrc", []string{"5", "a", "z"}, true, rule.Position{File: "f0.yaml", Line: 2, Column: 9}},
		{"plain", "d", "a.b = 1", "o", "Emergency", "syscall", nil, true, rule.Position{File: "f0.yaml", Line: 12, Column: 9}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMacrosAndLists(t *testing.T) {
	set := mustLoad(t, "- macro: used\n  condition: a.b in (l)\n- macro: unused\n  condition: a.b = 1\n- list: l\n  items: [x, 1]\n- list: alone\n  items: []\n"+ruleText("r", "used"))
	var got []string
	for _, m := range set.Macros {
		got = append(got, fmt.Sprintf("macro %s %v %s %q %s", m.Name, m.Used, m.Pos, m.Condition, condition.SExpr(m.Node)))
	}
	for _, l := range set.Lists {
		got = append(got, fmt.Sprintf("list %s %v %s %v", l.Name, l.Used, l.Pos, l.Items))
	}
	want := []string{
		`macro used true f0.yaml:1:10 "a.b in (l)" (binary "in" (field a.b) (list "x" "1"))`,
		`macro unused false f0.yaml:3:10 "a.b = 1" (binary "=" (field a.b) (val "1"))`,
		`list l true f0.yaml:5:9 [x 1]`,
		`list alone false f0.yaml:7:9 []`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPlace: a range of a resolved condition leads to the file it comes from, through macros, lists and appends.
func TestPlace(t *testing.T) {
	files := []string{
		"- list: l\n  items: [x, FROMLIST]\n- macro: m\n  condition: |\n    a.b in (l) or\n    a.b = FROMMACRO\n" + ruleText("r", "m and a.b = FROMRULE"),
		"- rule: r\n  append: true\n  condition: >-\n    or a.b\n    = FROMAPPEND\n",
	}
	set := mustLoad(t, files...)
	marks := map[string]bool{}
	var walk func(n condition.Node)
	check := func(o condition.Operand) {
		text, ok := o.(*condition.Text)
		if !ok || !strings.HasPrefix(text.Value, "FROM") {
			return
		}
		start, end, ok := set.Place(text.Range)
		if !ok {
			t.Fatalf("no place for %s", text.Value)
		}
		marks[text.Value] = true
		i := int(start.File[1] - '0')
		line := strings.Split(files[i], "\n")[start.Line-1]
		if got := line[start.Column-1 : end.Column-1]; got != text.Value {
			t.Errorf("%s is placed at %s, which is %q", text.Value, start, got)
		}
	}
	walk = func(n condition.Node) {
		switch n := n.(type) {
		case *condition.And:
			for _, t := range n.Terms {
				walk(t)
			}
		case *condition.Or:
			for _, t := range n.Terms {
				walk(t)
			}
		case *condition.Check:
			check(n.Right)
			if list, ok := n.Right.(*condition.List); ok {
				for _, i := range list.Items {
					check(i)
				}
			}
		}
	}
	walk(set.Rules[0].Node)
	if len(marks) != 4 {
		t.Errorf("found %v", marks)
	}
	if _, _, ok := set.Place(condition.Range{Start: 1 << 30}); ok {
		t.Error("a range of no text has a place")
	}
}

// TestVisibility: macros must be known when a file ends.
func TestVisibility(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		want  []string
	}{
		{"macro in a later file", []string{ruleText("r", "m"), "- macro: m\n  condition: evt.type = open\n"}, []string{"f0.yaml:5:14 undefined-macro: macro 'm' is not defined"}},
		{"rule redefined before its file ends", []string{ruleText("r", "m") + ruleText("r", "evt.type = open")}, nil},
		{"syntax of a condition that was replaced in the same file", []string{ruleText("r", "evt.type = ") + ruleText("r", "evt.type = open")}, nil},
		{"broken macros do not make others undefined", []string{"- macro: m\n  condition:\n" + ruleText("r", "m")}, []string{"f0.yaml:2:3 empty-value: key 'condition' has no value"}},
		{"a file that cannot be read does not make macros undefined", []string{"- macro: [\n", ruleText("r", "m")}, []string{"f0.yaml:2:1 yaml-syntax: not valid YAML: expected node content while parsing a flow node"}},
		{"unused only when all is known", []string{"- macro: m\n  condition: evt.type = open\n", "- list: l\n  items: [m]\n" + ruleText("r", "m")}, []string{"f1.yaml:1:9 unused-list: list 'l' is not used"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, found := load(test.files)
			if diff := cmp.Diff(test.want, codes(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestEachFindingOnce: what is wrong with a macro is reported where it is, however many rules use it.
func TestEachFindingOnce(t *testing.T) {
	text := "- macro: m\n  condition: proc.nam = x\n"
	for i := range 20 {
		text += ruleText(fmt.Sprint("r", i), "evt.type = open and m")
	}
	_, found := load([]string{text})
	if len(found) != 1 || found[0].Start.Line != 2 || found[0].Item != "macro" || found[0].Name != "m" {
		t.Errorf("findings %v", codes(found))
	}
}

func TestParsePriority(t *testing.T) {
	for _, name := range rule.PriorityNames() {
		p, err := rule.ParsePriority(strings.ToUpper(name))
		if err != nil || p.String() != name {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	if p, err := rule.ParsePriority("info"); err != nil || p != rule.PriorityInformational || p.Short() != "INFO" {
		t.Errorf("info: %v (%s), %v", p, p.Short(), err)
	}
	for _, bad := range []string{"", "warn", "information", "notic", "5", "INFO "} {
		if p, err := rule.ParsePriority(bad); err == nil {
			t.Errorf("%q is %v", bad, p)
		}
	}
}

func TestReadFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.yaml", "a.yml", "c.txt", "sub/d.yaml"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("# "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dir.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := rule.ReadFiles([]string{filepath.Join(dir, "c.txt"), dir})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		rel, err := filepath.Rel(dir, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rel+"="+string(f.Data))
	}
	if diff := cmp.Diff([]string{"c.txt=# c.txt", "a.yml=# a.yml", "b.yaml=# b.yaml"}, got); diff != "" {
		t.Error(diff)
	}
	missing := filepath.Join(dir, "missing.yaml")
	if _, err := rule.ReadFiles([]string{missing}); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("error %v", err)
	}
}

// seeds are the rules files of the linter's tests and of the language cases.
func seeds(f *testing.F) (all [][]byte) {
	paths, err := filepath.Glob("../lint/testdata/*/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, data)
	}
	loads, rules := readCases(f)
	for _, c := range append(loads, rules...) {
		all = append(all, []byte(strings.Join(c.Files, "\n---\n")))
	}
	return all
}

// FuzzLoad gives any bytes to the loader: no crash, every finding has a place in the file, every fix is an edit of it,
// and what Falco would find is found too.
func FuzzLoad(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data)
	}
	for _, text := range []string{ // syntax errors that leave something to read
		"\ufeff- macro: \"a\r\n- list: b\r\n  items: [x\r\n--- \r\n- rule: c\r\n", "- list: &a [\n- list: b\n  items: *a\n...\n- {macro: m, y\n",
		"  - a: b: c\n- d: e\n\tf: g\n", "a: b\n- c: |+\n   d\n- é: 'f\n%TAG ! x\n---\n- !y z\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 20_000 {
			return
		}
		files := []rule.File{{Name: "f", Data: data}}
		set, found := rule.Load(files, languageCatalogues)
		_, more := set.Compile(languageCatalogues)
		all := append(found, more...)
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, d := range all {
			if d.Start.Line < 1 || d.Start.Column < 1 || d.Start.Line > lines || d.End.Line < d.Start.Line || d.Message == "" || d.Code == "" ||
				d.End.Line == d.Start.Line && d.End.Column < d.Start.Column || strings.ContainsAny(d.Message, "\n\x1b") || (d.Path == nil) != (d.Falco == "") {
				t.Fatalf("bad finding %+v", d)
			}
			for _, fix := range d.Fixes {
				for _, e := range fix.Edits {
					if e.Start < 0 || e.End < e.Start || e.End > len(data) {
						t.Fatalf("bad edit %+v", e)
					}
				}
			}
		}
		if !rule.HasErrors(found) {
			for _, r := range set.Rules {
				if r.Node == nil {
					t.Fatalf("rule %q has neither condition nor error", r.Name)
				}
			}
		}
		for _, v := range (rule.Options{}).Verdicts(files, languageCatalogues) {
			if len(v.Errors)+len(v.Unmet) > 0 && !rule.HasErrors(all) {
				t.Fatalf("only the verdict has an error: %v", codes(v.Errors))
			}
		}
	})
}

// manyRules is a rules file of at least so many lines: 175 lists, 175 macros, and rules that use them, with exceptions.
func manyRules(lines int) string {
	var b strings.Builder
	for i := range 175 {
		fmt.Fprintf(&b, "- list: list_%d\n  items: [a%d, b%d, c, d, e]\n", i, i, i)
		fmt.Fprintf(&b, "- macro: macro_%d\n  condition: (evt.type in (open, openat) and proc.name in (list_%d) and fd.name startswith /x%d)\n", i, i, i)
	}
	for i := 0; 700+i*17 < lines; i++ {
		fmt.Fprintf(&b, `- rule: rule %d
  desc: >
    a rule that looks at files
    and at processes
  condition: >
    macro_%d and not macro_%d
    and not proc.pname in (list_%d, sh)
    and user.name != root%d
  output: "file opened | file=%%fd.name parent=%%proc.pname command=%%proc.cmdline"
  priority: WARNING
  tags: [a, b]
  exceptions:
    - name: known
      fields: [proc.name, fd.name]
      comps: [=, startswith]
      values:
        - [x%d, /y]
`, i, i%175, (i+1)%175, i%175, i, i)
	}
	return b.String()
}

// BenchmarkLoad reads rules files, and compiles them: 100 rules with 350 macros and lists, and 10,000 lines.
func BenchmarkLoad(b *testing.B) {
	for _, lines := range []int{2400, 10_000} {
		text := manyRules(lines)
		files := []rule.File{{Name: "f.yaml", Data: []byte(text)}}
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, found := rule.Load(files, languageCatalogues); rule.HasErrors(found) {
					b.Fatal(codes(found))
				}
			}
		})
		b.Run(fmt.Sprintf("lines=%d/compile", lines), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set, _ := rule.Load(files, languageCatalogues)
				if _, found := set.Compile(languageCatalogues); rule.HasErrors(found) {
					b.Fatal(codes(found))
				}
			}
		})
	}
}
