package server

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// finding is a finding with its place counted from the start of its item: lines from 0, columns and offsets in bytes.
type finding struct {
	startLine, startColumn, endLine, endColumn int

	severity      condition.Severity
	code, message string
	fixes         []rule.Fix
}

// manyItems is how many items are checked one by one after an edit; with more of them only the whole is checked.
const manyItems = 20

// checkItems checks the items of a document whose text changed, each with nothing but the definitions that it needs,
// so that the answer does not wait for the rest of a large file. What only the whole can tell (that a macro is used
// nowhere, that a rule is shadowed) comes with checkAll.
func (w *workspace) checkItems(d *document) {
	var changed []*item
	for _, it := range d.items {
		if !it.checked {
			changed = append(changed, it)
		}
	}
	if len(changed) > manyItems {
		return
	}
	names := w.names(d)
	for _, it := range changed {
		files, line, end := w.excerpt(d, it, names)
		it.findings = it.findings[:0:0]
		for _, found := range w.options.Check(files) {
			inside := found.Start.File == d.uri && found.Start.Line-1 >= line && found.Start.Line-1 < end
			if !inside || found.Code == "unused-macro" || found.Code == "unused-list" {
				continue
			}
			base := rule.Position{Line: line + 1}
			it.findings = append(it.findings, relative(&found, base, lineStarts(string(files[len(files)-1].Data))[line]))
		}
		it.checked = true
	}
}

// excerpt makes rules files of the item and of what it may refer to: definitions of the names in it, of the names in
// those, and earlier items that it changes. line and end are where the item is in the last file.
func (w *workspace) excerpt(d *document, target *item, names map[string][]*item) (files []rule.File, line, end int) {
	needed := map[*item]bool{target: true}
	queue := []*item{target}
	for len(queue) > 0 {
		it := queue[0]
		queue = queue[1:]
		add := func(others []*item) {
			for _, o := range others {
				if !needed[o] && (o.kind != "rule" || o.kind == it.kind && o.name == it.name) {
					needed[o] = true
					queue = append(queue, o)
				}
			}
		}
		add(names[it.name])
		for word := range it.words {
			add(names[word])
		}
	}
	for _, doc := range w.before(d) {
		var b strings.Builder
		at := 0
		for _, it := range doc.items {
			if !needed[it] {
				continue
			}
			text := it.text
			if !strings.HasSuffix(text, "\n") {
				text += "\n"
			}
			if it == target {
				line, end = at, at+strings.Count(text, "\n")
			}
			at += strings.Count(text, "\n")
			b.WriteString(text)
		}
		files = append(files, rule.File{Name: doc.uri, Data: []byte(b.String())})
	}
	return files, line, end
}

// names gives the items that define each name.
func (w *workspace) names(d *document) map[string][]*item {
	names := map[string][]*item{}
	for _, doc := range w.before(d) {
		for _, it := range doc.items {
			if it.name != "" {
				names[it.name] = append(names[it.name], it)
			}
		}
	}
	return names
}

// files are the document and what is read before it, whole.
func (w *workspace) files(d *document) []rule.File {
	var files []rule.File
	for _, doc := range w.before(d) {
		files = append(files, rule.File{Name: doc.uri, Data: []byte(doc.text)})
	}
	return files
}

// distribute gives the findings of a check of the whole document to its items. What stands in none of them is returned.
func (d *document) distribute(found []rule.Diagnostic) (outside []finding) {
	for _, it := range d.items {
		it.findings, it.checked = nil, true
	}
	for i := range found {
		f := &found[i]
		if f.Start.File != d.uri {
			continue
		}
		it := d.itemAt(f.Start.Line - 1)
		if it == nil {
			outside = append(outside, relative(f, rule.Position{Line: 1}, 0))
			continue
		}
		it.findings = append(it.findings, relative(f, rule.Position{Line: it.line + 1}, d.lines[it.line]))
	}
	return outside
}

// itemAt finds the item on a line, nil when there is none.
func (d *document) itemAt(line int) *item {
	i, exact := slices.BinarySearchFunc(d.items, line, func(it *item, line int) int { return it.line - line })
	if !exact {
		i--
	}
	if i < 0 {
		return nil
	}
	return d.items[i]
}

// relative counts the places of a finding from an item that starts at base and at byte offset start.
func relative(f *rule.Diagnostic, base rule.Position, start int) finding {
	out := finding{
		startLine: f.Start.Line - base.Line, startColumn: f.Start.Column - 1,
		endLine: f.End.Line - base.Line, endColumn: f.End.Column - 1,
		severity: f.Severity, code: f.Code, message: f.Message,
	}
	if f.Hint != "" {
		out.message += "\n" + f.Hint
	}
	for _, fix := range f.Fixes {
		moved := rule.Fix{Title: fix.Title}
		for _, e := range fix.Edits {
			if e.File != f.Start.File {
				moved.Edits = nil
				break
			}
			moved.Edits = append(moved.Edits, rule.Edit{File: e.File, Start: e.Start - start, End: e.End - start, Text: e.Text})
		}
		if len(moved.Edits) > 0 {
			out.fixes = append(out.fixes, moved)
		}
	}
	return out
}

// diagnostics gives all that is known of a document, in the terms of the protocol.
func (w *workspace) diagnostics(d *document) []diagnostic {
	out := []diagnostic{}
	for _, f := range w.outside[d.uri] {
		out = append(out, d.diagnostic(f, 0))
	}
	for _, it := range d.items {
		for _, f := range it.findings {
			out = append(out, d.diagnostic(f, it.line))
		}
	}
	for i := range out {
		out[i].CodeDescription = &codeDescription{w.options.Link(out[i].Code)}
	}
	return out
}

func (d *document) diagnostic(f finding, line int) diagnostic {
	at := func(n, column int) position {
		n = min(n+line, len(d.lines)-1)
		return position{n, d.character(n, min(column, len(d.line(n))))}
	}
	out := diagnostic{Range: textRange{at(f.startLine, f.startColumn), at(f.endLine, f.endColumn)},
		Severity: int(f.severity) + 1, Code: f.code, Source: "saker", Message: f.message}
	if out.Range.Start == out.Range.End { // editors show nothing for an empty range
		out.Range.End.Character++
	}
	return out
}
