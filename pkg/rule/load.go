package rule

import (
	"fmt"
	"maps"
	"slices"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/field"
)

// Load reads rules files in order. The set is never nil; with an error among the diagnostics it lacks the items that
// are broken, and it must not be run. All findings are reported, in the order of the files. Load keeps no reference
// to the bytes of the files and changes nothing but what it returns.
//
// As in Falco each file must make sense with those before it: a rule cannot use a macro of a later file, though a
// later file can redefine macros, lists and rules or append to them. A rule of a source without a catalogue is
// skipped with a warning.
func Load(files []File, catalogues map[string]*field.Catalogue) (*Set, []Diagnostic) {
	l := &loader{
		catalogues: catalogues,
		found:      newFindings(map[string]int{}),
		texts:      &texts{},
		lists:      map[string]*listDef{},
		macros:     map[string]*macroDef{},
		rules:      map[string]*ruleDef{},
		broken:     map[string]bool{},
		skipped:    map[string]bool{},
	}
	for i, f := range files {
		if _, ok := l.found.order[f.Name]; !ok {
			l.found.order[f.Name] = i
		}
		l.file(newSource(f))
	}
	l.resolve(0)
	l.reportUnused()
	return l.set(), l.found.sorted()
}

// loader collects the definitions of all files.
type loader struct {
	catalogues map[string]*field.Catalogue
	found      *findings
	texts      *texts
	lists      map[string]*listDef
	macros     map[string]*macroDef
	rules      map[string]*ruleDef
	listOrder  []*listDef
	macroOrder []*macroDef
	ruleOrder  []*ruleDef
	// broken are the names of items that had an error, skipped those of rules of unknown sources: what refers to them
	// is not reported.
	broken, skipped map[string]bool
	// incomplete is set when a file could not be read to its end.
	incomplete bool
	// clock counts definitions and changes.
	clock int
}

// definition is what lists, macros and rules have in common.
type definition struct {
	name string
	// file and at are where its name stands in the first definition.
	file *source
	at   span
	// index is the number of the first definition, which never changes; visible is that of the last change.
	index, visible int
}

type listDef struct {
	definition
	items []*listItem
	used  bool
	// state and flat belong to the resolution: the items with the lists among them resolved.
	state state
	flat  []*condition.Text
}

type listItem struct {
	text   *text
	parsed *condition.Text
}

type macroDef struct {
	definition
	expression
	used  bool
	state state
	node  condition.Node
	size  int
}

type ruleDef struct {
	definition
	expression
	rule   *Rule
	output *text
}

// expression is a condition that is parsed when it is first needed: an appended condition makes sense only as a whole.
type expression struct {
	text   *text
	parsed bool
	tree   condition.Node
}

func (x *expression) setText(t *text) { x.text, x.parsed, x.tree = t, false, nil }

func (l *loader) file(file *source) {
	before := l.clock
	docs, p := parse(file)
	if p != nil {
		l.incomplete = true
		l.report(file, owner{}, *p)
	}
	for _, doc := range docs {
		l.document(file, doc)
	}
	l.resolve(before + 1)
}

// touch numbers a change of d.
func (l *loader) touch(d *definition) {
	l.clock++
	d.visible = l.clock
	if d.index == 0 {
		d.index = l.clock
	}
}

// definition starts the definition that the item makes.
func (m *mapping) definition(name string) definition {
	return definition{name: name, file: m.file, at: nodeSpan(m.file, m.pairs[m.owner.item].value)}
}

func (d *definition) pos() Position { return d.file.position(d.at.start) }

// defineList gives the definition of a list, emptied when the name was defined before.
func (l *loader) defineList(name string, m *mapping) *listDef {
	d := l.lists[name]
	if d == nil {
		d = &listDef{definition: m.definition(name)}
		l.lists[name] = d
		l.listOrder = append(l.listOrder, d)
	}
	d.items = nil
	return d
}

func (l *loader) defineMacro(name string, m *mapping) *macroDef {
	d := l.macros[name]
	if d == nil {
		d = &macroDef{definition: m.definition(name)}
		l.macros[name] = d
		l.macroOrder = append(l.macroOrder, d)
	}
	return d
}

func (l *loader) defineRuleNamed(name string, m *mapping) *ruleDef {
	d := l.rules[name]
	if d == nil {
		d = &ruleDef{definition: m.definition(name)}
		l.rules[name] = d
		l.ruleOrder = append(l.ruleOrder, d)
	}
	return d
}

// sources lists the names of the known sources.
func (l *loader) sources() []string { return slices.Sorted(maps.Keys(l.catalogues)) }

// report adds a finding at a stretch of a file.
func (l *loader) report(file *source, o owner, p problem) { l.found.report(file, o, p) }

func (f *findings) report(file *source, o owner, p problem) {
	start := file.position(p.at.start)
	f.add(Diagnostic{
		Severity: p.kind.severity, Code: p.kind.code, Falco: p.kind.falco, Message: p.message, Hint: p.hint,
		Start: start, End: file.position(max(p.at.start, p.at.end)), Item: o.item, Name: o.name, Line: file.line(start.Line),
	})
}

// reportRange adds a finding at a range of the texts.
func (f *findings) reportRange(t *texts, r condition.Range, k kind, hint, format string, args ...any) {
	x, local, ok := t.locate(r)
	if !ok {
		return
	}
	file, at := x.place(local)
	f.report(file, x.owner, problem{kind: k, at: at, message: fmt.Sprintf(format, args...), hint: hint})
}

// reportUnused warns of macros and lists that nothing refers to. While there are errors nobody can tell.
func (l *loader) reportUnused() {
	if HasErrors(l.found.all) {
		return
	}
	for _, d := range l.macroOrder {
		if !d.used {
			l.report(d.file, owner{"macro", d.name}, problem{kind: kindUnusedMacro, at: d.at,
				message: fmt.Sprintf("macro %s is not used", quote(d.name))})
		}
	}
	for _, d := range l.listOrder {
		if !d.used {
			l.report(d.file, owner{"list", d.name}, problem{kind: kindUnusedList, at: d.at,
				message: fmt.Sprintf("list %s is not used", quote(d.name))})
		}
	}
}

// set is the result of loading.
func (l *loader) set() *Set {
	s := &Set{texts: l.texts, order: l.found.order}
	for _, d := range l.ruleOrder {
		d.rule.Condition, d.rule.Output = d.text.value, d.output.value
		d.rule.output = d.output
		s.Rules = append(s.Rules, d.rule)
	}
	for _, d := range l.macroOrder {
		s.Macros = append(s.Macros, &Macro{Name: d.name, Condition: d.text.value, Node: d.node, Pos: d.pos(), Used: d.used})
	}
	for _, d := range l.listOrder {
		list := &List{Name: d.name, Pos: d.pos(), Used: d.used}
		for _, item := range d.items {
			list.Items = append(list.Items, item.text.value)
		}
		s.Lists = append(s.Lists, list)
	}
	return s
}
