package rule

import (
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v4"

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
	return Options{}.Load(files, catalogues)
}

// Options are what loading takes for granted. The zero value is what the program itself uses.
type Options struct {
	// Plugins are the versions of the Falco plugins that count as there, by name; nil stands for what Plugins gives.
	Plugins map[string]string
}

// Load does what the function of that name does, with options.
func (o Options) Load(files []File, catalogues map[string]*field.Catalogue) (*Set, []Diagnostic) {
	l := o.newLoader(catalogues)
	for i, f := range files {
		if _, ok := l.found.order[f.Name]; !ok {
			l.found.order[f.Name] = i
		}
		before := l.clock
		l.read(newSource(f))
		if i < len(files)-1 {
			l.resolve(before + 1)
		}
	}
	l.complete = true
	l.resolve(0)
	l.reportUnused()
	return l.set(), l.found.sorted()
}

// loader collects the definitions of all files.
type loader struct {
	catalogues map[string]*field.Catalogue
	builtIn    map[string]string
	found      *findings
	texts      *texts
	lists      map[string]*listDef
	macros     map[string]*macroDef
	rules      map[string]*ruleDef
	listOrder  []*listDef
	macroOrder []*macroDef
	ruleOrder  []*ruleDef
	// engine is the highest version that a file requires, plugins what plugins they require.
	engine  *version
	plugins []Requirement
	// broken are the names of items that had an error: what refers to them is not reported.
	broken map[string]bool
	// incomplete is set when a file could not be read to its end, or it is not known what is missing.
	incomplete bool
	// strict leaves out items with errors and ends a file at its first error, as Falco does.
	strict bool
	// badException is set when a value of an exception was reported.
	badException bool
	// complete is set when all files are read; nearLists remembers words and the lists that are like them from then on.
	complete  bool
	nearLists map[string]string
	// fields remembers the fields of exceptions by their text, asked what keeps a source from having them.
	fields map[string]*condition.Field
	asked  map[string]*condition.Diagnostic
	// compared counts the names that were compared with misspelled ones.
	compared int
	// total counts the nodes of all resolved conditions of rules.
	total int
	// clock counts definitions and changes.
	clock int
}

func (o Options) newLoader(catalogues map[string]*field.Catalogue) *loader {
	if o.Plugins == nil {
		o.Plugins = Plugins()
	}
	return &loader{
		catalogues: catalogues,
		builtIn:    o.Plugins,
		found:      newFindings(map[string]int{}),
		texts:      &texts{},
		lists:      map[string]*listDef{},
		macros:     map[string]*macroDef{},
		rules:      map[string]*ruleDef{},
		broken:     map[string]bool{},
		nearLists:  map[string]string{},
		fields:     map[string]*condition.Field{},
		asked:      map[string]*condition.Diagnostic{},
	}
}

// definition is what lists, macros and rules have in common.
type definition struct {
	name string
	// file and at are where its name stands in the first definition.
	file *source
	at   span
	// context is the item of the last definition.
	context *context
	// index is the number of the first definition, which never changes; visible is that of the last change.
	index, visible int
}

type listDef struct {
	definition
	parts []Part
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
	parts []Part
	expression
	used  bool
	state state
	node  condition.Node
	size  int
}

type ruleDef struct {
	definition
	expression
	rule       *Rule
	output     *text
	exceptions []*exception
	// unknown marks a rule of a source that is not known: it is read but not part of the set.
	unknown bool
}

// expression is a condition that is parsed when it is first needed: an appended condition makes sense only as a whole.
type expression struct {
	text   *text
	parsed bool
	tree   condition.Node
}

func (x *expression) setText(t *text) { x.text, x.parsed, x.tree = t, false, nil }

// read reads the items of a file.
func (l *loader) read(file *source) {
	l.found.now = rank{}
	docs, p := parse(file)
	if p != nil && p.unclosed != "" && l.strict {
		l.readUnclosed(file, p.unclosed)
	}
	switch {
	case p == nil:
	case p.kind == kindYAML && !l.strict:
		file, docs = l.recover(file, p)
	default:
		l.incomplete = true
		l.syntaxError(file, p)
	}
	for _, doc := range docs {
		l.document(file, doc)
	}
}

// recover reports the syntax errors of a file and gives what can be read in spite of them.
func (l *loader) recover(file *source, p *problem) (*source, []*yaml.Node) {
	r, rest, docs, complete := recoverItems(file, p)
	for i := range r.problems {
		l.syntaxError(file, &r.problems[i])
	}
	for _, name := range r.names {
		l.broken[name] = true
	}
	l.incomplete = l.incomplete || r.unnamed || !complete
	return rest, docs
}

func (l *loader) syntaxError(file *source, p *problem) {
	l.report(content(file).insideAt(inValue, "", p.at.start), *p)
}

// readUnclosed reads a file that ends inside a quoted text as Falco's YAML library does: the text ends with the file.
func (l *loader) readUnclosed(file *source, quote string) {
	closed := newSource(File{Name: file.name, Data: []byte(file.data + quote)})
	if docs, p := parse(closed); p == nil {
		for _, doc := range docs {
			l.document(closed, doc)
		}
	}
}

// stop tells whether the rest of a file is not looked at.
func (l *loader) stop() bool {
	return l.strict && slices.ContainsFunc(l.found.all, func(r ranked) bool { return r.IsError() && r.Falco != "" })
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
	return definition{name: name, file: m.file, at: nodeSpan(m.file, m.value(m.context.kind)), context: m.context}
}

func (d *definition) pos() Position { return d.file.position(d.at.start) }

// defineList gives the definition of a list.
func (l *loader) defineList(name string, m *mapping) *listDef {
	d := l.lists[name]
	if d == nil {
		d = &listDef{definition: m.definition(name)}
		l.lists[name] = d
		l.listOrder = append(l.listOrder, d)
	}
	d.context = m.context
	return d
}

func (l *loader) defineMacro(name string, m *mapping) *macroDef {
	d := l.macros[name]
	if d == nil {
		d = &macroDef{definition: m.definition(name)}
		l.macros[name] = d
		l.macroOrder = append(l.macroOrder, d)
	}
	d.context = m.context
	return d
}

func (l *loader) defineRuleNamed(name string, m *mapping) *ruleDef {
	d := l.rules[name]
	if d == nil {
		d = &ruleDef{definition: m.definition(name)}
		l.rules[name] = d
		l.ruleOrder = append(l.ruleOrder, d)
	}
	d.context = m.context
	return d
}

// sources lists the names of the known sources.
func (l *loader) sources() []string { return slices.Sorted(maps.Keys(l.catalogues)) }

// report adds a finding at a stretch of the file of c.
func (l *loader) report(c *context, p problem) { l.found.report(c.file, c, p) }

// reportUnused warns of macros and lists that nothing refers to. While there are errors nobody can tell.
func (l *loader) reportUnused() {
	if !l.found.hasErrors() {
		l.unused()
	}
}

// unused reports macros and lists that nothing refers to.
func (l *loader) unused() {
	for i, d := range l.macroOrder {
		l.found.now = rank{stage: stageUnused, item: i}
		if !d.used {
			l.found.report(d.file, d.context, problem{kind: kindUnusedMacro, at: d.at,
				message: fmt.Sprintf("macro %s is not used", quote(d.name))})
		}
	}
	for i, d := range l.listOrder {
		l.found.now = rank{stage: stageUnused, item: len(l.macroOrder) + i}
		if !d.used {
			l.found.report(d.file, d.context, problem{kind: kindUnusedList, at: d.at,
				message: fmt.Sprintf("list %s is not used", quote(d.name))})
		}
	}
}

// set is the result of loading.
func (l *loader) set() *Set {
	s := &Set{texts: l.texts, loader: l, order: l.found.order, Plugins: l.plugins}
	if l.engine != nil {
		s.Engine = l.engine.String()
	}
	for _, d := range l.ruleOrder {
		if d.unknown {
			continue
		}
		r := d.rule
		r.Condition, r.Output, r.Tree = d.text.value, d.output.value, d.tree
		r.output, r.context, r.condition, r.index = d.output, d.context, d.text, d.index
		for _, e := range d.exceptions {
			r.Exceptions = append(r.Exceptions, e.plain())
		}
		s.Rules = append(s.Rules, r)
	}
	for _, d := range l.macroOrder {
		s.Macros = append(s.Macros, &Macro{Name: d.name, Condition: d.text.value, Tree: d.tree, Node: d.node, Pos: d.pos(), Parts: d.parts, Used: d.used})
	}
	for _, d := range l.listOrder {
		list := &List{Name: d.name, Pos: d.pos(), Parts: d.parts, Used: d.used}
		for _, item := range d.items {
			list.Items = append(list.Items, item.text.value)
		}
		s.Lists = append(s.Lists, list)
	}
	return s
}
