package rule_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// excepted is a rule of source tsrc with exceptions.
func excepted(condition, exceptions string) string {
	return "- rule: r\n  desc: d\n  output: x\n  priority: INFO\n  source: tsrc\n  condition: " + condition + "\n  exceptions:\n" + exceptions
}

// TestExceptions: exceptions become part of the condition's tree.
func TestExceptions(t *testing.T) {
	tests := []struct{ name, exceptions, want string }{
		{"one field, default in", `  - {name: e, fields: t.str, values: [a, b c]}`,
			`(not (binary "in" (field t.str) (list "a" "b c")))`},
		{"one field, operator", `  - {name: e, fields: t.str, comps: pmatch, values: [/a, '/b']}`,
			`(not (binary "pmatch" (field t.str) (list "/a" "/b")))`},
		{"one field, modifier", `  - {name: e, fields: t.str, comps: startswith anyof, values: [a, b]}`,
			`(not (binary "startswith anyof" (field t.str) (list "a" "b")))`},
		{"fields, default =", `  - {name: e, fields: [t.str, t.u64], values: [[a, 1], [b, 2]]}`,
			`(not (or (and (binary "=" (field t.str) (val "a")) (binary "=" (field t.u64) (val "1"))) (and (binary "=" (field t.str) (val "b")) (binary "=" (field t.u64) (val "2")))))`},
		{"operators of each kind", `  - {name: e, fields: [t.str, t.u64, t.str2, t.str], comps: [in, '<', contains, endswith oneof], values: [[[a, b], -5, x y, z]]}`,
			`(not (and (binary "in" (field t.str) (list "a" "b")) (binary "<" (field t.u64) (val "-5")) (binary "contains" (field t.str2) (val "x y")) (binary "endswith oneof" (field t.str) (list "z"))))`},
		{"a list in parentheses", `  - {name: e, fields: [t.str], comps: [in], values: [["(a, 'b c')"]]}`,
			`(not (binary "in" (field t.str) (list "a" "b c")))`},
		{"no list after all", `  - {name: e, fields: [t.str], comps: [in], values: [["(a"]]}`,
			`(not (binary "in" (field t.str) (list "(a")))`},
		{"quoted already", `  - {name: e, fields: [t.str], values: [['"a b"'], ["'c'"]]}`,
			`(not (or (binary "=" (field t.str) (val "a b")) (binary "=" (field t.str) (val "c"))))`},
		{"values cannot end the text", `  - {name: e, fields: [t.str], values: [['a) or (t.u64 exists'], ['"'], ['val(t.str2)']]}`,
			`(not (or (binary "=" (field t.str) (val "a) or (t.u64 exists")) (binary "=" (field t.str) (val "\"")) (binary "=" (field t.str) (val "val(t.str2)"))))`},
		{"names of lists", `  - {name: e, fields: [t.str, t.str], comps: [in, =], values: [[l, one], [[l, x], one]]}`,
			`(not (or (and (binary "in" (field t.str) (list "1" "2")) (binary "=" (field t.str) (val "3"))) (and (binary "in" (field t.str) (list "1" "2" "x")) (binary "=" (field t.str) (val "3")))))`},
		{"names of lists in a single field", `  - {name: e, fields: t.str, values: [l, x]}`, `(not (binary "in" (field t.str) (list "1" "2" "x")))`},
		{"transformers and arguments", `  - {name: e, fields: ["toupper(t.str)", "t.key[a]"], values: [[A, b]]}`,
			`(not (and (binary "=" (tr toupper (field t.str)) (val "A")) (binary "=" (field t.key arg="a") (val "b"))))`},
		{"none has values", "  - {name: e, fields: t.str}\n  - {name: f, fields: [t.str], values: []}", ""},
		{"two", "  - {name: e, fields: t.str, values: [a]}\n  - {name: f, fields: t.u64, values: [1]}",
			`(not (binary "in" (field t.str) (list "a"))) (not (binary "in" (field t.u64) (list "1")))`},
	}
	const lists = "- list: l\n  items: [1, 2]\n- list: one\n  items: [3]\n"
	const written = `(or (binary "=" (field t.str) (val "a")) (unary "exists" (field t.str2)))`
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set := mustLoad(t, lists+excepted("t.str = a or t.str2 exists", test.exceptions+"\n"))
			want := written
			if test.want != "" {
				want = "(and " + written + " " + test.want + ")"
			}
			if diff := cmp.Diff(want, condition.SExpr(set.Rules[0].Node)); diff != "" {
				t.Error(diff)
			}
			if got := condition.SExpr(set.Rules[0].Tree); got != written {
				t.Errorf("the tree as written is %s", got)
			}
		})
	}
}

// TestExceptionFindings: what is wrong with an exception is told where it is.
func TestExceptionFindings(t *testing.T) {
	tests := []struct{ exceptions, want string }{
		{"  - {fields: t.str, values: [a]}", "f0.yaml:8:6 missing-key: key 'name' is missing"},
		{"  - {name: e, values: [a]}", "f0.yaml:8:6 missing-key: key 'fields' is missing"},
		{"  - {name: e, fields: [], values: [a]}", "f0.yaml:8:23 bad-exception: exception 'e' has no fields"},
		{"  - text", "f0.yaml:8:5 wrong-type: an exception must be a mapping, not a text"},
		{"    a: b", "f0.yaml:8:5 wrong-type: exceptions must be a list, not a mapping"},
		{"  - {name: e, fields: t.st, values: [a]}", "f0.yaml:8:23 unknown-field: source tsrc has no field t.st"},
		{"  - {name: e, fields: [t.str, 'toloer(t.str)'], values: [[a, b]]}", "f0.yaml:8:32 bad-exception: 'toloer(t.str)' is not a field"},
		{"  - {name: e, fields: ['val(t.str)'], values: [[a]]}", "f0.yaml:8:25 bad-exception: 'val(t.str)' is not a field"},
		{"  - {name: e, fields: t.str, comps: '=', values: [a]}", "f0.yaml:8:38 bad-exception: operator '=' compares with one value, but the values of a single field are a list"},
		{"  - {name: e, fields: t.str, comps: [in], values: [a]}", "f0.yaml:8:37 bad-exception: fields is a text, but comps is a list"},
		{"  - {name: e, fields: [t.str], comps: [contain], values: [[a]]}", "f0.yaml:8:40 bad-exception: 'contain' is not an operator"},
		{"  - {name: e, fields: [t.str, t.u64], comps: [=], values: [[a, 1]]}", "f0.yaml:8:46 bad-exception: exception 'e' has 2 fields but 1 operator"},
		{"  - {name: e, fields: [t.str, t.u64], values: [[a]]}", "f0.yaml:8:48 bad-exception: exception 'e' has 2 fields, but this entry has 1 value"},
		{"  - {name: e, fields: t.str, values: [[a]]}", "f0.yaml:8:39 bad-exception: a value of exception 'e' is not a text, but its fields are not a list"},
		{"  - {name: e, fields: [t.str], values: [[[a]]]}", "f0.yaml:8:42 bad-exception: = compares with one value, but the value is a list"},
		{"  - {name: e, fields: [t.str], comps: [exists], values: [[a]]}", "f0.yaml:8:40 bad-exception: operator exists compares with nothing, it cannot be used in an exception"},
		{"  - {name: e, fields: [t.u64], comps: ['>'], values: [[a]]}", "f0.yaml:8:56 bad-exception: > compares with a number, 'a' is none"},
		{"  - {name: e, fields: [t.u64], values: [[a]]}", "f0.yaml:8:42 bad-constant: t.u64 cannot be compared with"},
		{"  - {name: e, fields: t.str, values: [a, '']}", "f0.yaml:8:42 empty-value: a value is empty"},
		{"  - {name: e, fields: t.str, value: [a]}", "f0.yaml:8:30 unknown-key: unknown key 'value' is ignored"},
		{"  - {name: e, fields: t.str, values: [a]}\n  - {name: e, fields: t.u64, values: [1]}", "f0.yaml:9:12 exception-name: the rule has another exception 'e'"},
	}
	for _, test := range tests {
		_, found := load([]string{excepted("t.str exists", test.exceptions+"\n")})
		if len(found) == 0 || !strings.HasPrefix(codes(found)[0], test.want) {
			t.Errorf("%s\n got %v\nwant %s", test.exceptions, codes(found), test.want)
		}
	}
}

// TestExceptionsAppended: values for an exception that is there, and new exceptions.
func TestExceptionsAppended(t *testing.T) {
	base := excepted("t.str exists", "  - {name: e, fields: [t.str], values: [[a]]}\n")
	appended := func(exceptions string) string {
		return "- rule: r\n  exceptions:\n" + exceptions + "  override: {exceptions: append}\n"
	}
	set := mustLoad(t, base, appended("  - {name: e, values: [[b]]}\n  - {name: f, fields: t.u64, values: [1]}\n"), appended("  - {name: f, values: [2]}\n"))
	want := []rule.Exception{
		{Name: "e", Fields: []string{"t.str"}, Comparisons: []string{"="}, Values: [][][]string{{{"a"}}, {{"b"}}}, Pos: rule.Position{File: "f0.yaml", Line: 8, Column: 12}},
		{Name: "f", Fields: []string{"t.u64"}, Comparisons: []string{"in"}, Scalar: true, Values: [][][]string{{{"1"}}, {{"2"}}}, Pos: rule.Position{File: "f1.yaml", Line: 4, Column: 12}},
	}
	if diff := cmp.Diff(want, set.Rules[0].Exceptions); diff != "" {
		t.Error(diff)
	}
	for exceptions, want := range map[string]string{
		"  - {name: e, fields: [t.str], values: [[b]]}\n": "bad-exception: exception 'e' has its fields already, only values can be appended",
		"  - {name: e, comps: [=], values: [[b]]}\n":      "bad-exception: exception 'e' has its comparisons already, only values can be appended",
		"  - {name: g, values: [b]}\n":                    "bad-exception: exception 'g' is new to the rule and has no fields",
		"  - {name: g, fields: t.str}\n":                  "bad-exception: exception 'g' is new to the rule and has no values",
		"  - {name: e}\n":                                 "no-values: exception 'e' adds no values",
	} {
		_, found := load([]string{base, appended(exceptions)})
		if len(found) == 0 || !strings.Contains(codes(found)[0], want) {
			t.Errorf("%s got %v, want %s", exceptions, codes(found), want)
		}
	}
}

// TestExceptionsReplaced: the new exceptions hold, the old ones do not.
func TestExceptionsReplaced(t *testing.T) {
	base := excepted("t.str exists", "  - {name: e, fields: [t.str], values: [[a]]}\n")
	replaced := func(exceptions string) string {
		return "- rule: r\n  exceptions:" + exceptions + "\n  override: {exceptions: replace}\n"
	}
	for exceptions, want := range map[string]string{
		" [{name: e, fields: [t.str], comps: [=], values: [[b]]}]": `(and (unary "exists" (field t.str)) (not (binary "=" (field t.str) (val "b"))))`,
		" [{name: f, fields: t.str2, values: [b]}]":                `(and (unary "exists" (field t.str)) (not (binary "in" (field t.str2) (list "b"))))`,
		" [{name: f, fields: t.str2}]":                             `(unary "exists" (field t.str))`,
		" []":                                                      `(unary "exists" (field t.str))`,
	} {
		set := mustLoad(t, base, replaced(exceptions))
		if got := condition.SExpr(set.Rules[0].Node); got != want {
			t.Errorf("%s\n got %s\nwant %s", exceptions, got, want)
		}
	}
	_, found := load([]string{base, replaced(" [{name: e, fields: [t.st], values: [[b]]}]")})
	if len(found) == 0 || !strings.Contains(codes(found)[0], "unknown-field: source tsrc has no field t.st") {
		t.Errorf("a field that does not exist: %v", codes(found))
	}
}
