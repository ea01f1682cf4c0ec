package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/lint/document"
	"github.com/saker-security/saker/pkg/rule"
)

// The codes of this package.
const (
	// CodeOldName: a field is known by an old name, which is checked less than the one that is used now.
	CodeOldName = "old-name"
	// Those about suppressions.
	CodeUnusedSuppression = "unused-suppression"
	CodeUnknownCode       = "unknown-code"
	CodeSuppressedError   = "suppressed-error"
)

// Codes lists the codes of this package.
func Codes() []string {
	return []string{CodeOldName, CodeUnusedSuppression, CodeUnknownCode, CodeSuppressedError}
}

// suppression is a code that a comment or an entry of the configuration suppresses.
type suppression struct {
	code string
	// at is a finding without code and message, at the place of the code.
	at rule.Diagnostic
	// matches tells whether the suppression is about the place of a finding.
	matches func(*rule.Diagnostic) bool
	// used is set when it suppressed something, refused when that was an error.
	used, refused bool
	// idle is set when nothing of what was linted can be meant.
	idle bool
}

type suppressions struct {
	all []*suppression
	// wrong are findings about comments that are no suppressions.
	wrong []rule.Diagnostic
}

func newSuppressions(files []rule.File, config *Config) *suppressions {
	s := &suppressions{}
	for _, f := range files {
		if !strings.Contains(string(f.Data), marker) {
			continue
		}
		if doc, err := document.Parse(string(f.Data)); err == nil {
			s.file(f.Name, doc)
		}
	}
	s.all = append(s.all, config.suppressions(files)...)
	return s
}

// marker begins a comment that suppresses findings: saker:ignore CODE, CODE -- reason.
const marker = "saker:ignore"

var (
	directive = regexp.MustCompile(`^#+\s*` + marker + `(-file)?(?:[:\s]|$)`)
	codeName  = regexp.MustCompile(`[^\s,]+`)
)

func (s *suppressions) file(name string, doc *document.Document) {
	index := newIndex(doc)
	for _, c := range doc.Comments {
		text := doc.Text[c.Start:c.End]
		m := directive.FindStringSubmatchIndex(text)
		if m == nil {
			continue
		}
		lines := stretch{1, doc.Lines()}
		if whole := m[2] >= 0; !whole {
			lines = index.about(c)
		} else if c.Line > index.first {
			s.wrong = append(s.wrong, placed(name, doc, c.Start, c.End, rule.Diagnostic{Severity: condition.SeverityWarning, Code: CodeUnusedSuppression,
				Message: "saker:ignore-file counts only above the first item", Hint: "move it to the top of the file, or write saker:ignore"}))
			continue
		}
		codes, _, _ := strings.Cut(text[m[1]:], "--")
		found := codeName.FindAllStringIndex(codes, -1)
		if len(found) == 0 {
			s.wrong = append(s.wrong, placed(name, doc, c.Start, c.End, rule.Diagnostic{Severity: condition.SeverityWarning, Code: CodeUnknownCode,
				Message: "the suppression names no code", Hint: "write # saker:ignore CODE -- reason"}))
		}
		for _, at := range found {
			start := c.Start + m[1] + at[0]
			s.all = append(s.all, &suppression{code: codes[at[0]:at[1]],
				at: placed(name, doc, start, start+at[1]-at[0], rule.Diagnostic{}),
				matches: func(d *rule.Diagnostic) bool {
					return d.Start.File == name && d.Start.Line >= lines.first && d.Start.Line <= lines.last
				}})
		}
		if len(s.all)+len(s.wrong) > maxSuppressions {
			return
		}
	}
}

// maxSuppressions is how many suppressions are looked at; a file with more of them is no rules file.
const maxSuppressions = 10_000

// placed gives a finding its place.
func placed(name string, doc *document.Document, start, end int, d rule.Diagnostic) rule.Diagnostic {
	line := doc.Line(start)
	at := doc.LineStart(line)
	d.Start = rule.Position{File: name, Line: line, Column: start - at + 1}
	d.End = rule.Position{File: name, Line: line, Column: end - at + 1}
	d.Line = strings.TrimRight(doc.Text[at:doc.LineStart(line+1)], "\r\n")
	return d
}

// stretch is the lines of an item, or of a key in it.
type stretch struct{ first, last int }

// index knows what a comment on a line is about.
type index struct {
	// stretches are the items and keys by the line on which they start.
	stretches map[int]stretch
	// below gives, for a line that holds nothing but a comment, the first line below it that is no such line.
	below map[int]int
	// first is the line of the first item.
	first int
}

func newIndex(doc *document.Document) *index {
	x := &index{stretches: map[int]stretch{}, below: map[int]int{}, first: doc.Lines() + 1}
	for _, c := range slices.Backward(doc.Comments) {
		if !c.Alone {
			continue
		}
		x.below[c.Line] = c.Line + 1
		if next, ok := x.below[c.Line+1]; ok {
			x.below[c.Line] = next
		}
	}
	for _, root := range doc.Roots {
		if len(root.Content) == 0 {
			continue
		}
		items := root.Content[0].Content
		for i, n := range items {
			last := doc.Lines()
			if i+1 < len(items) {
				last = items[i+1].Line - 1
			}
			x.first = min(x.first, n.Line)
			x.stretches[n.Line] = stretch{n.Line, last}
			for j := 2; j+1 < len(n.Content); j += 2 {
				end := last
				if j+2 < len(n.Content) {
					end = n.Content[j+2].Line - 1
				}
				if line := n.Content[j].Line; line != n.Line {
					x.stretches[line] = stretch{line, end}
				}
			}
		}
	}
	return x
}

// about gives the lines that a comment is about: the item or key that starts on its line, or the line itself. A
// comment that stands alone is about the line below it and the comments that follow it.
func (x *index) about(c document.Comment) stretch {
	line := c.Line
	if c.Alone {
		line = x.below[line]
	}
	if s, ok := x.stretches[line]; ok {
		return s
	}
	return stretch{line, line}
}

// covers tells whether a finding is suppressed. Errors never are.
func (s *suppressions) covers(d *rule.Diagnostic) bool {
	covered := false
	for _, x := range s.all {
		if x.code != d.Code || !x.matches(d) {
			continue
		}
		if d.IsError() {
			x.refused = true
			continue
		}
		x.used, covered = true, true
	}
	return covered
}

// findings are those about the suppressions. While there are errors nobody can tell which ones are unused.
func (s *suppressions) findings(complete bool) []rule.Diagnostic {
	found := s.wrong
	known := knownCodes()
	for _, x := range s.all {
		d := x.at
		switch {
		case !slices.Contains(known, x.code):
			d.Severity, d.Code = condition.SeverityWarning, CodeUnknownCode
			d.Message = fmt.Sprintf("there is no code %s", printable(x.code))
			d.Hint = didYouMean(x.code, known)
		case x.refused:
			d.Severity, d.Code = condition.SeverityWarning, CodeSuppressedError
			d.Message, d.Hint = "errors cannot be suppressed", "with an error the rules cannot be loaded: correct it"
		case x.used || x.idle || !complete:
			continue
		default:
			d.Severity, d.Code = condition.SeverityInfo, CodeUnusedSuppression
			d.Message, d.Hint = fmt.Sprintf("there is no finding %s to suppress", x.code), "remove it"
		}
		found = append(found, d)
	}
	return found
}

func didYouMean(code string, known []string) string {
	if near := field.Nearest(code, known, 2); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return "saker lint --explain all lists the codes"
}

func knownCodes() []string {
	var codes []string
	for _, e := range Explanations() {
		codes = append(codes, e.Code)
	}
	return codes
}
