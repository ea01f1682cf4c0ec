package rule

import (
	"github.com/saker-security/saker/pkg/condition"
)

// What tools need that look at a set after it was loaded: whose text a part of a resolved condition is, how it was
// written, and findings of their own at places in the files.

// Owner tells whose text a range of a Node is: rule, macro or list, and the name. Both are empty for a range that
// belongs to no text.
func (s *Set) Owner(r condition.Range) (item, name string) {
	x, _, ok := s.texts.locate(r)
	if !ok {
		return "", ""
	}
	return x.context.item()
}

// Text gives the whole text that a range of a Node belongs to, and the range in it.
func (s *Set) Text(r condition.Range) (text string, local condition.Range) {
	x, local, ok := s.texts.locate(r)
	if !ok {
		return "", condition.Range{}
	}
	return x.value, local
}

// Offsets gives the bytes of a file that a range of a Node stands for.
func (s *Set) Offsets(r condition.Range) (file string, start, end int, ok bool) {
	x, local, ok := s.texts.locate(r)
	if !ok {
		return "", 0, 0, false
	}
	source, at := x.place(local)
	return source.name, at.start, at.end, true
}

// At gives d the place that a range of a Node stands for, with its line and item.
func (s *Set) At(r condition.Range, d Diagnostic) Diagnostic {
	x, local, ok := s.texts.locate(r)
	if !ok {
		return d
	}
	return x.at(local, d)
}

// AtOutput gives d the place of a stretch of the output of rule r of the set.
func (s *Set) AtOutput(r *Rule, at condition.Range, d Diagnostic) Diagnostic {
	if r.output == nil {
		return s.AtName(r, d)
	}
	return r.output.at(at, d)
}

// AtName gives d the place of the name of rule r of the set.
func (s *Set) AtName(r *Rule, d Diagnostic) Diagnostic {
	at := r.name.span(0, len(r.Name))
	return placed(r.name.file, at, r.context, d)
}

// AtPosition gives d a place in one of the files of the set and the item that it belongs to.
func (s *Set) AtPosition(item, name string, start, end Position, d Diagnostic) Diagnostic {
	d.Start, d.End, d.Item, d.Name = start, end, item, name
	for _, x := range s.texts.all {
		if file := x.parts[0].scalar.file; file.name == start.File {
			d.Line = file.line(start.Line)
			break
		}
	}
	return d
}

func (x *text) at(local condition.Range, d Diagnostic) Diagnostic {
	file, at := x.place(local)
	return placed(file, at, x.context, d)
}

func placed(file *source, at span, c *context, d Diagnostic) Diagnostic {
	d.Start, d.End = file.position(at.start), file.position(max(at.start, at.end))
	d.Item, d.Name = c.item()
	d.Line = file.line(d.Start.Line)
	return d
}
