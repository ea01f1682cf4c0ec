package server

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/field"
)

// maxShown is how many lines of an item are shown when one hovers over its name.
const maxShown = 20

// shown is the item as it is shown to people who ask what its name means.
func (it *item) shown() string {
	lines := strings.Split(strings.TrimRight(it.text, " \r\n"), "\n")
	if len(lines) > maxShown {
		lines = append(lines[:maxShown:maxShown], "…")
	}
	return strings.Join(lines, "\n")
}

// hover says what the word at the cursor means; nil when nothing is known of it.
func (w *workspace) hover(d *document, offset int) any {
	p := d.at(offset)
	text := ""
	switch {
	case p.word == "":
	case p.naming && p.item != nil:
		text = keyHelp()[p.word]
	default:
		text = w.meaning(d, p)
	}
	if text == "" {
		return nil
	}
	return hover{Contents: markup{"markdown", text}, Range: d.span(p.start, p.end)}
}

func (w *workspace) meaning(d *document, p place) string {
	if strings.Contains(p.word, ".") {
		for _, cat := range w.catalogues(p.item) {
			if f, _, ok := cat.Lookup(p.word); ok {
				return describe(f, cat.Source())
			}
		}
	}
	if items := w.defined(d, p); len(items) > 0 {
		var parts []string
		for _, def := range items {
			parts = append(parts, fmt.Sprintf("%s, line %d\n```yaml\n%s\n```", filepath.Base(def.document.uri), def.item.line+1, def.item.shown()))
		}
		return strings.Join(parts, "\n")
	}
	for _, words := range []map[string]string{operators, transformers} {
		if help := words[p.word]; help != "" && p.inner == "condition" {
			return fmt.Sprintf("`%s`: %s", p.word, help)
		}
	}
	return ""
}

func describe(f *field.Field, source string) string {
	text := fmt.Sprintf("`%s` %s\n\n%s", f.Name, detail(f, source), f.Help)
	if f.Deprecated != "" {
		text += "\n\nDeprecated: " + f.Deprecated
	}
	if f.Pending != "" {
		text += "\n\nNo value in this version: " + f.Pending
	}
	return text
}

// definition is an item with the document it stands in.
type definition struct {
	document *document
	item     *item
}

// defined gives the items that define what the word at a place names, in the order in which they are read.
func (w *workspace) defined(d *document, p place) []definition {
	if p.item == nil || p.word == "" {
		return nil
	}
	onName := p.start >= d.lines[p.item.line] && p.word == p.item.name
	var found []definition
	for _, doc := range w.before(d) {
		for _, it := range doc.items {
			switch {
			case onName && it.kind == p.item.kind && it.name == p.item.name,
				!onName && it.name == p.word && (it.kind == "macro" || it.kind == "list"):
				found = append(found, definition{doc, it})
			}
		}
	}
	return found
}

// define tells where the word at the cursor is defined: a macro, a list, or the rule that an item changes.
func (w *workspace) define(d *document, offset int) any {
	p := d.at(offset)
	if p.item != nil && offset >= d.lines[p.item.line]+p.item.nameStart && offset <= d.lines[p.item.line]+p.item.nameEnd {
		p.word = p.item.name // names of rules are several words
	}
	locations := []location{}
	for _, def := range w.defined(d, p) {
		locations = append(locations, def.location())
	}
	return locations
}

func (def definition) location() location {
	start := def.document.lines[def.item.line]
	return location{def.document.uri, def.document.span(start+def.item.nameStart, start+def.item.nameEnd)}
}

// references lists the places at which the name under the cursor stands.
func (w *workspace) references(d *document, offset int) any {
	p := d.at(offset)
	locations := []location{}
	if len(w.defined(d, p)) == 0 {
		return locations
	}
	for _, doc := range w.before(d) {
		for _, it := range doc.items {
			if !it.words[p.word] {
				continue
			}
			start := doc.lines[it.line]
			for _, at := range occurrences(it.text, p.word) {
				locations = append(locations, location{doc.uri, doc.span(start+at, start+at+len(p.word))})
			}
		}
	}
	return locations
}

// occurrences gives the offsets at which a whole word stands in a text.
func occurrences(text, word string) []int {
	var found []int
	for i := 0; ; {
		n := strings.Index(text[i:], word)
		if n < 0 {
			return found
		}
		at := i + n
		i = at + len(word)
		if (at == 0 || !isWordByte(text[at-1])) && (i == len(text) || !isWordByte(text[i])) {
			found = append(found, at)
		}
	}
}

// symbols lists the items of a document.
func (s *session) symbols(d *document) (any, error) {
	kinds := map[string]int{"rule": symbolEvent, "macro": symbolFunction, "list": symbolArray}
	out := []symbol{}
	for _, it := range d.items {
		if it.name == "" {
			continue
		}
		start := d.lines[it.line]
		out = append(out, symbol{Name: it.name, Detail: it.kind, Kind: kinds[it.kind],
			Range:          d.span(start, start+len(strings.TrimRight(it.text, " \r\n"))),
			SelectionRange: d.span(start+it.nameStart, start+it.nameEnd)})
	}
	return out, nil
}

// actions gives the corrections of the findings that touch a range.
func (s *session) actions(d *document, r textRange) []codeAction {
	out := []codeAction{}
	for _, it := range d.items {
		base := d.lines[it.line]
		for _, f := range it.findings {
			shown := d.diagnostic(f, it.line)
			if before(shown.Range.End, r.Start) || before(r.End, shown.Range.Start) {
				continue
			}
			for _, fix := range f.fixes {
				var edits []textEdit
				for _, e := range fix.Edits {
					edits = append(edits, textEdit{d.span(base+e.Start, base+e.End), e.Text})
				}
				out = append(out, codeAction{Title: fix.Title, Kind: "quickfix", Diagnostics: []diagnostic{shown},
					Edit: workspaceEdit{map[string][]textEdit{d.uri: edits}}})
			}
		}
	}
	return slices.Clip(out)
}

func before(a, b position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Character < b.Character
}

// fileURI gives the URI of a file.
func fileURI(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}
