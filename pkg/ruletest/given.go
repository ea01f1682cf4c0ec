package ruletest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// Given is the Data of an event that is written by field. A field that is not written has no value, except those that
// follow from others: the elements of proc.aname from the list of all and the other way round, those about the type of
// the event from evt.type, and the fields that every event has, such as evt.num and evt.time. It is immutable once read.
type Given struct {
	// Source is the name of the source whose event it is, Type the number of the event type in it.
	Source string
	Type   uint16
	// values are the written ones by the name of the field with its argument.
	values map[string]typed
}

// fields finds fields by the names that test files write.
type fields struct {
	catalogues map[string]*field.Catalogue
	sources    []string
	known      map[string]*lookup
}

// lookup is what a written name stands for: a field in each source that has it, or why it is none.
type lookup struct {
	uses  map[string]program.Use
	wrong map[string]*condition.Diagnostic
}

func newFields(catalogues map[string]*field.Catalogue) fields {
	f := fields{catalogues: catalogues, known: map[string]*lookup{}}
	// Where nothing else tells, an event is a system call.
	for name := range catalogues {
		f.sources = append(f.sources, name)
	}
	slices.Sort(f.sources)
	slices.Reverse(f.sources)
	return f
}

// lookup finds a field by its name with its argument, as a condition writes it.
func (f *fields) lookup(name string) *lookup {
	if l := f.known[name]; l != nil {
		return l
	}
	l := &lookup{uses: map[string]program.Use{}, wrong: map[string]*condition.Diagnostic{}}
	op, n, d := condition.ParseOperand(name)
	one, ok := op.(*condition.Field)
	if d == nil && (n != len(name) || !ok) {
		d = &condition.Diagnostic{Message: fmt.Sprintf("%s is not the name of a field", quoted(name)), Hint: "write it as in a condition: proc.name, proc.aname[2]"}
	}
	for source, cat := range f.catalogues {
		if d != nil {
			l.wrong[source] = d
			continue
		}
		use, d := useOf(one, cat)
		if d != nil {
			l.wrong[source] = d
		} else {
			l.uses[source] = use
		}
	}
	f.known[name] = l
	return l
}

// useOf compiles a field that stands alone. Fields for conditions only and fields for outputs only will both do.
func useOf(one *condition.Field, cat *field.Catalogue) (program.Use, *condition.Diagnostic) {
	x, found := program.CompileOperand(one, cat)
	if x != nil {
		return x.Fields()[0], nil
	}
	if found[0].Code != program.CodeFilterOnly {
		return program.Use{}, found[0]
	}
	b := program.NewBuilder(cat)
	if id, found := b.Add(&condition.Check{Left: one, Op: condition.OpExists}); id == program.None {
		return program.Use{}, found[0]
	}
	return b.Build().Fields()[0], nil
}

// key names a field with its argument, however the argument was written.
func key(f *field.Field, a *field.Arg) string {
	if !a.Present {
		return f.Name
	}
	return f.Name + "[" + a.Text + "]"
}

// given reads an event that is written by field.
func (r *reader) given(n, source *yaml.Node) *Given {
	pairs := r.pairs(n, "fields")
	g := &Given{values: map[string]typed{}, Source: r.sourceOf(pairs, source)}
	cat := r.catalogues[g.Source]
	if cat == nil {
		return g
	}
	for _, p := range pairs {
		l := r.lookup(p.key.Value)
		use, ok := l.uses[g.Source]
		if !ok {
			r.fail(p.key, l.wrong[g.Source].Hint, "%s", l.wrong[g.Source].Message)
			continue
		}
		name := key(use.Field, use.Arg)
		if _, twice := g.values[name]; twice {
			r.fail(p.key, "remove one of the two", "%s is there twice", quoted(p.key.Value))
		}
		g.values[name] = r.typed(use, p.value)
	}
	if len(cat.Types()) > 0 {
		g.Type = r.eventType(n, pairs, cat)
	}
	return g
}

// sourceOf is the source that is named, or the one that knows most of the fields.
func (r *reader) sourceOf(pairs []pair, named *yaml.Node) string {
	if named != nil {
		name := r.text(named, "source")
		if name != "" && r.catalogues[name] == nil {
			r.fail(named, suggestion(name, r.sources), "there is no source %s", quoted(name))
		}
		return name
	}
	best, most := "", -1
	for _, source := range r.sources {
		known := 0
		for _, p := range pairs {
			if _, ok := r.lookup(p.key.Value).uses[source]; ok {
				known++
			}
		}
		if known > most {
			best, most = source, known
		}
	}
	return best
}

// eventType finds the number of the type that evt.type names: the newest where several have the name.
func (r *reader) eventType(n *yaml.Node, pairs []pair, cat *field.Catalogue) uint16 {
	i := slices.IndexFunc(pairs, func(p pair) bool { return p.key.Value == "evt.type" })
	if i < 0 {
		r.fail(n, "add evt.type: with the name of the call, such as openat", "an event of source %s needs evt.type", cat.Source())
		return 0
	}
	at := pairs[i].value
	name := r.text(at, "evt.type")
	if f, _, ok := cat.Lookup("evt.type"); ok && f.Constant != nil && name != "" {
		if err := f.Constant(name); err != nil {
			r.fail(at, "", "%v", err)
			return 0
		}
	}
	ids := cat.TypeIDs(name)
	if len(ids) == 0 {
		ids = cat.TypeIDs("syscall") // a call without a type of its own
	}
	if len(ids) == 0 {
		return 0
	}
	return slices.Max(ids)
}

// wanted reads the values that fields of an event must have.
func (r *reader) wanted(n *yaml.Node) (out []wanted) {
	for _, p := range r.pairs(n, "fields") {
		w := wanted{name: p.key.Value, source: map[string]typed{}}
		l := r.lookup(w.name)
		if len(l.uses) == 0 {
			source := r.sourceOf([]pair{p}, nil)
			r.fail(p.key, l.wrong[source].Hint, "%s", l.wrong[source].Message)
		}
		for source, use := range l.uses {
			w.source[source] = r.typed(use, p.value)
		}
		out = append(out, w)
	}
	return out
}

// typed reads the value of a field.
func (r *reader) typed(use program.Use, n *yaml.Node) typed {
	n = follow(n)
	t := typed{use: use}
	many := use.Field.List || !use.Arg.Present && use.Field.Quantifier != field.One
	switch {
	case isNull(n):
		t.missing = true
	case n.Kind == yaml.MappingNode:
		r.fail(n, "", "the value of %s must be a text or a list, not a mapping", use.Name)
	case n.Kind == yaml.SequenceNode && !many:
		r.fail(n, "", "field %s has one value, not a list", use.Name)
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			r.scalar(use, follow(item), t.value.Grow())
		}
		t.missing = len(n.Content) == 0
	case many:
		r.scalar(use, n, t.value.Grow())
	default:
		r.scalar(use, n, &t.value)
	}
	return t
}

func (r *reader) scalar(use program.Use, n *yaml.Node, v *event.Value) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		r.fail(n, "", "a value of %s must be a text, not %s", use.Name, kindName(n))
		return
	}
	if err := parse(use.Field.Type, n, v); err != nil {
		r.fail(n, "", "the value of %s: %s", use.Name, err)
	}
}

// Catalogues gives copies of the catalogues whose fields answer for events of both kinds: written ones (*Given), and
// real ones as before.
func Catalogues(real map[string]*field.Catalogue) map[string]*field.Catalogue {
	out := map[string]*field.Catalogue{}
	generic := map[string]bool{}
	for _, f := range field.Generic("") {
		generic[f.Name] = true
	}
	for source, cat := range real {
		fields := make([]field.Field, len(cat.Fields()))
		for i, f := range cat.Fields() {
			fields[i] = *f
			fields[i].Extract = extractor(&fields[i], f.Extract, generic[f.Name], cat)
		}
		out[source] = field.New(cat.Source(), cat.Types(), fields)
	}
	return out
}

// extractor takes written values from written events and leaves real ones to the real extractor, which also answers
// for what every event has.
func extractor(f *field.Field, real field.Extractor, generic bool, cat *field.Catalogue) field.Extractor {
	return func(e *event.Event, a *field.Arg, v *event.Value) bool {
		g, ok := e.Data.(*Given)
		if !ok {
			return real(e, a, v)
		}
		if t, ok := g.values[key(f, a)]; ok {
			if !t.missing {
				assign(v, &t.value)
			}
			return !t.missing
		}
		if generic {
			return real(e, a, v)
		}
		if cat.Source() == event.SourceSyscall && ofType[f.Name] {
			if row := table.ByID(g.Type); row != nil {
				bare := *e
				bare.Data = &syscall.Record{Row: row, Wire: wire.Event{Header: wire.Header{Type: g.Type}}}
				return real(&bare, a, v)
			}
		}
		return g.derive(f, a, v)
	}
}

// ofType are the fields of system calls that follow from the type of the event.
var ofType = map[string]bool{"evt.type.is": true, "syscall.type": true, "evt.dir": true, "evt.is_io": true, "evt.is_io_read": true,
	"evt.is_io_write": true, "evt.io_dir": true, "evt.is_wait": true}

// derive makes the value of a field that was not written from others.
func (g *Given) derive(f *field.Field, a *field.Arg, v *event.Value) bool {
	switch {
	case a.Present && a.IsIndex:
		all, ok := g.values[f.Name]
		// Ancestors count from 1, as 0 is the process itself.
		i := a.Index
		if f.Quantifier == field.Some {
			i--
		}
		if !ok || all.missing || i < 0 || i >= len(all.value.List) {
			return false
		}
		if f.List {
			assign(v.Grow(), &all.value.List[i])
		} else {
			assign(v, &all.value.List[i])
		}
		return true
	case f.Quantifier == field.Some && f.Form == field.FormIndex:
		return g.collect(f, v)
	}
	return false
}

// collect makes the list of all ancestors from those that were written one by one.
func (g *Given) collect(f *field.Field, v *event.Value) bool {
	type indexed struct {
		index int
		value event.Value
	}
	var found []indexed
	for name, t := range g.values {
		if t.use.Field.Name == f.Name && strings.HasPrefix(name, f.Name+"[") && t.use.Arg.Index > 0 && !t.missing {
			found = append(found, indexed{t.use.Arg.Index, t.value})
		}
	}
	slices.SortFunc(found, func(a, b indexed) int { return a.index - b.index })
	for i := range found {
		assign(v.Grow(), &found[i].value)
	}
	return len(found) > 0
}

// assign copies a value. Texts are shared, as they never change.
func assign(dst, src *event.Value) {
	dst.Text, dst.Num, dst.Addr = src.Text, src.Num, src.Addr
	for i := range src.List {
		assign(dst.Grow(), &src.List[i])
	}
}

// firstTime is when the first event of a test happens that does not say it; the next ones follow in milliseconds.
const firstTime, timeStep = 1_767_225_600_000_000_000, 1_000_000

// event makes event number n of a test.
func (g *Given) event(n int) *event.Event {
	return &event.Event{Num: uint64(n), Time: firstTime + timeStep*int64(n-1), Start: firstTime, Source: g.Source, Type: g.Type, Data: g}
}

var errAddress = errors.New("it is not an IP address")
