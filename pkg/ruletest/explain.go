package ruletest

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// Explanation says why a rule matches an event, or why it does not. Its JSON is what saker explain prints.
type Explanation struct {
	Rule   string `json:"rule"`
	Source string `json:"source"`
	// File and Line are where the rule is defined.
	File string `json:"file"`
	Line int    `json:"line"`
	// Event is the number of the event, EventType its type, empty where the source has only one.
	Event     int    `json:"event"`
	EventType string `json:"eventType,omitempty"`
	// Matches tells whether the condition is true, Fires whether the rule raises an alert, which needs more: Notes say
	// what keeps it from it.
	Matches bool `json:"matches"`
	Fires   bool `json:"fires"`
	// Reason is one sentence.
	Reason string   `json:"reason"`
	Notes  []string `json:"notes,omitempty"`
	// Condition is the whole condition with macros and lists put in; nil for an event of another source.
	Condition *Term `json:"condition,omitempty"`
}

// Term is a part of a condition with its value.
type Term struct {
	// Kind is and, or, not or check; Text is a check as a condition writes it.
	Kind string `json:"kind"`
	Text string `json:"text,omitempty"`
	// Macros are the names of macros that stand for the part.
	Macros []string `json:"macros,omitempty"`
	// Exception is the name of the exception of the rule that the part, a negation, puts in.
	Exception string `json:"exception,omitempty"`
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	Value     bool   `json:"value"`
	// Reached is false for a part that is not looked at, because the result was certain before.
	Reached bool `json:"reached"`
	// Decides marks the first part that made the result certain.
	Decides bool `json:"decides,omitempty"`
	// Operands are the values that a check compares.
	Operands []Operand `json:"operands,omitempty"`
	Terms    []*Term   `json:"terms,omitempty"`

	node condition.Node
}

// Operand is a side of a check whose value comes from the event.
type Operand struct {
	Text string `json:"text"`
	// Value is the value as people read it; empty when it is missing.
	Value   string `json:"value,omitempty"`
	Missing bool   `json:"missing,omitempty"`
	// Pending says why the field never has a value in this version; empty when it can have one.
	Pending string `json:"pending,omitempty"`
}

// Explain evaluates one rule on one event, whose number is n, and says how the result came about.
func (r *Rules) Explain(one *rule.CompiledRule, s Settings, n int, e *event.Event) *Explanation {
	x := &Explanation{Rule: one.Name, Source: one.Source, File: one.Pos.File, Line: one.Pos.Line, Event: n}
	source := r.Compiled.Sources[one.Source]
	if e.Source != one.Source {
		x.Reason = fmt.Sprintf("the rule does not match: it is about events of source %s, and this is one of source %s", one.Source, e.Source)
		return x
	}
	if types := source.Catalogue.Types(); int(e.Type) < len(types) {
		x.EventType = types[e.Type]
	}
	p := r.probe(one.Source)
	state := p.begin(e)
	x.Condition = p.trees[one.Name].explain(state, e, true)
	p.end(state)
	x.Matches = x.Condition.Value
	x.Notes = r.notes(one, s, e, x.Matches)
	x.decide(source.Program.Types(one.Condition), source.Catalogue.Types(), e)
	x.Fires = x.Matches && len(x.Notes) == 0
	return x
}

// Looks tells whether the rule looks at events such as e at all.
func (r *Rules) Looks(one *rule.CompiledRule, e *event.Event) bool {
	return e.Source == one.Source && r.Compiled.Sources[one.Source].Program.Types(one.Condition).Has(e.Type)
}

// decide finds the part that decided and puts the result into a sentence.
func (x *Explanation) decide(types *program.TypeSet, names []string, e *event.Event) {
	t := x.Condition.decider()
	t.Decides = true
	why := "all " + plural(len(t.Terms), "term") + " hold"
	if t != x.Condition || t.Kind != "and" || !t.Value {
		why = x.Condition.excepted() + t.says()
	}
	switch {
	case !types.Has(e.Type):
		x.Reason = "the rule does not match: it never looks at events of type " + x.EventType + ", only at " + typeNames(types, names)
	case x.Matches && len(x.Notes) > 0:
		x.Reason = "the condition is true because " + why
	case x.Matches:
		x.Reason = "the rule matches because " + why
	default:
		x.Reason = "the rule does not match because " + why
	}
}

// decider is the first part that made the result of t certain: where one term was enough that term, else t itself.
func (t *Term) decider() *Term {
	if t.Kind == "not" || t.Kind == "and" && !t.Value || t.Kind == "or" && t.Value {
		for _, k := range t.Terms {
			if t.Kind == "not" || k.Value == t.Value {
				return k.decider()
			}
		}
	}
	return t
}

// excepted names the exception that keeps the rule from matching, when it is one.
func (t *Term) excepted() string {
	for _, k := range t.Terms {
		if !k.Value && k.Reached && k.Exception != "" {
			return "exception " + quoted(k.Exception) + " applies: "
		}
	}
	return ""
}

// says tells in words what the part came to.
func (t *Term) says() string {
	var b strings.Builder
	if len(t.Macros) > 0 {
		b.WriteString(t.Macros[0])
	} else {
		b.WriteString(shorten(condition.Print(t.node), 80))
	}
	fmt.Fprintf(&b, " is %v", t.Value)
	if t.File != "" {
		fmt.Fprintf(&b, " (%s:%d:%d)", rule.Printable(t.File), t.Line, t.Column)
	}
	switch {
	case t.Kind == "or" && !t.Value:
		fmt.Fprintf(&b, ": none of its %d alternatives holds", len(t.Terms))
	case t.Kind == "and" && t.Value:
		fmt.Fprintf(&b, ": all %d terms hold", len(t.Terms))
	case len(t.Operands) > 0:
		b.WriteString(": " + t.operands())
	}
	return b.String()
}

func (t *Term) operands() string {
	parts := make([]string, len(t.Operands))
	for i, o := range t.Operands {
		parts[i] = shorten(o.Text, 60) + " is " + o.Value
		if o.Missing {
			parts[i] = shorten(o.Text, 60) + " is missing"
		}
		if o.Pending != "" {
			parts[i] += " (it has no value in this version: " + o.Pending + ")"
		}
	}
	return strings.Join(parts, ", ")
}

// typeNames lists the event types of a set, once each.
func typeNames(types *program.TypeSet, names []string) string {
	var list []string
	for _, id := range types.IDs() {
		// Asynchronous events are in the set of every rule.
		if int(id) < len(names) && names[id] != "asyncevent" && !slices.Contains(list, names[id]) {
			list = append(list, names[id])
		}
	}
	switch {
	case len(list) == 0:
		return "none"
	case len(list) > 12:
		return strings.Join(list[:12], ", ") + fmt.Sprintf(" and %d others", len(list)-12)
	}
	return strings.Join(list, ", ")
}

// notes say what keeps a rule from raising an alert although its condition is true, or would.
func (r *Rules) notes(one *rule.CompiledRule, s Settings, e *event.Event, matches bool) (notes []string) {
	if !one.Enabled {
		notes = append(notes, "the rule is disabled: no event raises its alert")
	}
	if one.Priority > s.MinPriority {
		notes = append(notes, fmt.Sprintf("the rule is not looked at: its priority %s is below the minimum %s", one.Priority, s.MinPriority))
	}
	if matches && s.FirstOnly {
		if other := r.before(one, s, e); other != nil {
			notes = append(notes, fmt.Sprintf("rule %s (%s) takes the event: it comes first and rule_matching is first",
				quoted(other.Name), rule.Printable(other.Pos.String())))
		}
	}
	return notes
}

// before gives the rule that an engine reports for the event instead of one; nil when there is none.
func (r *Rules) before(one *rule.CompiledRule, s Settings, e *event.Event) (other *rule.CompiledRule) {
	err := r.Engine(s).Evaluate(e, func(c *rule.CompiledRule) {
		if c.Name != one.Name && one.Enabled {
			other = c
		}
	})
	if err != nil {
		return nil
	}
	return other
}

// explain evaluates a part with all that is below it; reached tells whether an engine comes here.
func (b *branch) explain(s *program.State, e *event.Event, reached bool) *Term {
	t := &Term{node: b.node, Macros: b.macros, Exception: b.exception, File: b.pos.File, Line: b.pos.Line, Column: b.pos.Column,
		Reached: reached, Value: b.holds(s)}
	switch b.node.(type) {
	case *condition.And:
		t.Kind = "and"
	case *condition.Or:
		t.Kind = "or"
	case *condition.Not:
		t.Kind = "not"
	default:
		t.Kind, t.Text = "check", condition.Print(b.node)
		for _, o := range []*operand{b.check.left, b.check.right} {
			if o == nil {
				continue
			}
			value, ok := o.value(e)
			x := Operand{Text: o.text, Value: value, Missing: !ok}
			if !ok {
				x.Pending = o.pending()
			}
			t.Operands = append(t.Operands, x)
		}
	}
	for _, k := range b.kids {
		kid := k.explain(s, e, reached)
		t.Terms = append(t.Terms, kid)
		reached = reached && !(t.Kind == "and" && !kid.Value) && !(t.Kind == "or" && kid.Value)
	}
	return t
}

// WriteJSON writes the explanation as JSON, indented.
func (x *Explanation) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(x); err != nil {
		return fmt.Errorf("write an explanation: %w", err)
	}
	return nil
}

// WriteText writes the explanation as a tree, a line for each part: its value, in brackets when it is not looked at
// because the result was certain before; the part; what it compares. An arrow marks the part that decided.
func (x *Explanation) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "rule %s (%s:%d), event %d", quoted(x.Rule), rule.Printable(x.File), x.Line, x.Event)
	if x.EventType != "" {
		fmt.Fprintf(&b, " (%s)", rule.Printable(x.EventType))
	}
	b.WriteByte('\n')
	if x.Condition != nil {
		x.Condition.write(&b, 0)
	}
	for _, n := range x.Notes {
		b.WriteString(n + "\n")
	}
	b.WriteString(x.Reason + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write an explanation: %w", err)
	}
	return nil
}

// deepest is how far the tree is indented.
const deepest = 40

func (t *Term) write(b *strings.Builder, depth int) {
	mark, value := "  ", fmt.Sprint(t.Value)
	if t.Decides {
		mark = "> "
	}
	if !t.Reached {
		value = "[" + value + "]"
	}
	fmt.Fprintf(b, "%s%-7s %s", mark, value, strings.Repeat("  ", min(depth, deepest)))
	if t.Kind == "check" {
		b.WriteString(shorten(t.Text, 100))
	} else {
		b.WriteString(t.Kind)
	}
	if len(t.Macros) > 0 {
		fmt.Fprintf(b, "  (%s, %s:%d)", strings.Join(t.Macros, ", "), rule.Printable(t.File), t.Line)
	}
	if t.Exception != "" {
		fmt.Fprintf(b, "  (exception %s, %s:%d)", quoted(t.Exception), rule.Printable(t.File), t.Line)
	}
	if len(t.Operands) > 0 {
		b.WriteString("  # " + t.operands())
	}
	b.WriteByte('\n')
	for _, k := range t.Terms {
		k.write(b, depth+1)
	}
}

// shorten cuts a text for a line and escapes it.
func shorten(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return rule.Printable(s)
}
