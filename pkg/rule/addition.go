package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/format"
)

// Addition adds to the outputs of rules: an entry of append_output of Falco's configuration.
type Addition struct {
	// Rule, Source and Tags choose the rules: those of this name, of this source, with all these tags. What is empty
	// chooses all.
	Rule, Source string
	Tags         []string
	// Output is a template that is printed after the rule's own, with a blank between them; empty for none.
	Output string
	// Suggested adds the fields that tell where a system call happened, and those of the configuration (static).
	Suggested bool
	// Fields are added to the output fields in JSON.
	Fields []AdditionField
}

// AdditionField is a field that only JSON shows.
type AdditionField struct {
	// Name is its key. Without Format it is the field whose value is shown, typed; with Format the value is what that
	// template prints.
	Name, Format string
	// Formatted tells that there is a Format, which may be empty.
	Formatted bool
}

// AdditionFinding is something wrong with an Addition.
type AdditionFinding struct {
	Severity condition.Severity
	// Index is the number of the addition, Key the key in it as the configuration writes it: extra_fields[2].
	Index int
	Key   string
	// Code is that of the same finding in an output of a rule.
	Code string
	// Message says what is wrong, Hint what to do; Hint may be empty.
	Message, Hint string
}

// codeUnmatched is an addition that no rule answers to.
const codeUnmatched = "addition-without-rule"

// suggestedFields are those that Falco appends to the outputs of system call rules when it is told to.
var suggestedFields = []string{
	"container.id", "container.image.repository", "container.image.tag", "container.name", "k8s.pod.name", "k8s.ns.name",
}

// staticPrefix begins the fields that the configuration makes.
const staticPrefix = "static."

// Append gives c with the additions carried out, one after another, on the outputs of its rules; c does not change.
// With an error among the findings the result lacks what is broken, and it must not be run. An addition is compiled
// for the sources of the rules that answer to it, and each finding about it is given once.
func (c *Compiled) Append(additions []Addition) (*Compiled, []AdditionFinding) {
	if len(additions) == 0 {
		return c, nil
	}
	a := &appender{compiled: c, out: &Compiled{Sources: map[string]*Source{}}}
	for name, src := range c.Sources {
		changed := *src
		changed.Rules = slices.Clone(src.Rules)
		a.out.Sources[name] = &changed
	}
	for i := range additions {
		a.add(i, &additions[i])
	}
	return a.out, a.found
}

type appender struct {
	compiled, out *Compiled
	found         []AdditionFinding
}

// extra is an addition compiled for a source.
type extra struct {
	outputs []*format.Template
	fields  []*format.Field
}

func (a *appender) add(index int, addition *Addition) {
	matched := false
	for _, name := range slices.Sorted(maps.Keys(a.out.Sources)) {
		src := a.out.Sources[name]
		var x *extra
		for i, r := range src.Rules {
			if !addition.matches(r.Rule) {
				continue
			}
			matched = true
			if x == nil {
				x = a.compile(index, addition, src.Catalogue)
			}
			src.Rules[i] = x.apply(r)
		}
	}
	if !matched && (addition.Rule != "" || addition.Source != "" || len(addition.Tags) > 0) {
		a.report(AdditionFinding{Severity: condition.SeverityWarning, Index: index, Key: "match", Code: codeUnmatched,
			Message: "no rule has what match asks for", Hint: a.nearRule(addition.Rule)})
	}
}

func (x *Addition) matches(r *Rule) bool {
	if x.Rule != "" && x.Rule != r.Name || x.Source != "" && x.Source != r.Source {
		return false
	}
	return !slices.ContainsFunc(x.Tags, func(tag string) bool { return !slices.Contains(r.Tags, tag) })
}

// nearRule is a hint at the rule that may be meant.
func (a *appender) nearRule(name string) string {
	if name == "" {
		return ""
	}
	var names []string
	for _, src := range a.compiled.Sources {
		for _, r := range src.Rules {
			if r.Name == name {
				return "" // something else keeps it from matching
			}
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return didYouMean(name, names)
}

func (x *extra) apply(r *CompiledRule) *CompiledRule {
	changed := *r
	for _, t := range x.outputs {
		changed.Output = changed.Output.Join(t)
	}
	changed.Output = changed.Output.WithFields(x.fields...)
	return &changed
}

// compile compiles an addition for a source, without what is broken.
func (a *appender) compile(index int, addition *Addition, cat *field.Catalogue) *extra {
	x := &extra{}
	template := func(key, text string) *format.Template {
		t, found := format.Compile(text, cat)
		a.reportAll(index, addition, key, text, found)
		return t
	}
	if addition.Output != "" {
		// Behind another output a * is text; a second one is not swallowed.
		text := addition.Output
		if strings.HasPrefix(text, "*") {
			text = "*" + text
		}
		if t := template("extra_output", text); t != nil {
			x.outputs = append(x.outputs, t)
		}
	}
	if addition.Suggested {
		for _, text := range suggestions(cat) {
			t, _ := format.Compile(text, cat) // made of fields that the catalogue has
			x.outputs = append(x.outputs, t)
		}
	}
	for i, f := range addition.Fields {
		key := fmt.Sprintf("extra_fields[%d]", i)
		if f.Formatted {
			if t := template(key, f.Format); t != nil {
				x.fields = append(x.fields, format.TextField(f.Name, t))
			}
			continue
		}
		typed, found := format.CompileField(f.Name, cat)
		a.reportAll(index, addition, key, f.Name, found)
		if typed != nil {
			x.fields = append(x.fields, typed)
		}
	}
	return x
}

// suggestions lists the templates that Suggested stands for in a source.
func suggestions(cat *field.Catalogue) []string {
	var out []string
	suggest := func(name string) { out = append(out, strings.ReplaceAll(name, ".", "_")+"=%"+name) }
	for _, name := range suggestedFields {
		if _, _, ok := cat.Lookup(name); ok {
			suggest(name)
		}
	}
	for _, f := range cat.Fields() {
		if strings.HasPrefix(f.Name, staticPrefix) {
			suggest(f.Name)
		}
	}
	return out
}

// reportAll keeps the findings about a text of an addition.
func (a *appender) reportAll(index int, addition *Addition, key, text string, found []*condition.Diagnostic) {
	for _, d := range found {
		f := AdditionFinding{Severity: d.Severity, Index: index, Key: key, Code: d.Code, Message: d.Message, Hint: d.Hint}
		if part := text[min(d.Range.Start, len(text)):min(d.Range.End, len(text))]; part != text && !strings.Contains(d.Message, part) {
			f.Message = fmt.Sprintf("%s, at %s", d.Message, quote(part))
		}
		if d.Code == program.CodeUnknownField && d.Hint == "" && addition.Source == "" {
			f.Hint = "if it is a field of another source, limit the addition to that with match: {source: NAME}"
		}
		a.report(f)
	}
}

func (a *appender) report(f AdditionFinding) {
	if !slices.Contains(a.found, f) {
		a.found = append(a.found, f)
	}
}
