package rule

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// scalar is a YAML scalar that knows where each byte of its value stands in the file, whatever its style: plain or
// quoted over several lines, with escapes, literal or folded.
type scalar struct {
	file *source
	node *yaml.Node
	// spans are filled when the first position is asked for, unless the value stands in the file as it is, from base on,
	// which is tried first: known tells that it was.
	spans []span
	base  int
	known bool
}

// span is the stretch of the file that a byte of a value was made from. The bytes of one escape share a span.
type span struct{ start, end int }

func newScalar(file *source, node *yaml.Node) *scalar { return &scalar{file: file, node: node} }

func (s *scalar) value() string { return s.node.Value }

// span gives the stretch of the file from which value[start:end] was made. A point (start equal to end) is placed
// behind the byte before it when it stands at the end of the value or before nothing but white space.
func (s *scalar) span(start, end int) span {
	s.locate()
	value := s.value()
	if s.base < 0 && len(s.spans) == 0 {
		at := contentStart(s.file.data, s.file.offset(s.node.Line, s.node.Column))
		return span{at, at}
	}
	start, end = clamp(start, len(value)), clamp(end, len(value))
	if strings.TrimSpace(value[start:]) == "" {
		start = len(strings.TrimRight(value[:start], " \t\r\n"))
		if start > 0 {
			last := s.at(start - 1)
			return span{last.end, last.end}
		}
		return span{s.at(0).start, s.at(0).start}
	}
	out := s.at(start)
	if end <= start {
		return span{out.start, out.start}
	}
	out.end = s.at(end - 1).end
	return out
}

// at is the stretch of the file that byte i of the value was made from.
func (s *scalar) at(i int) span {
	if s.base >= 0 {
		return span{s.base + i, s.base + i + 1}
	}
	return s.spans[i]
}

func clamp(i, n int) int { return max(0, min(i, n)) }

// locate reads the scalar again, this time with the place of each byte. Should what it reads differ from the value that
// the YAML library gave (only blanks at the end of a file are known to), the places behind the difference are that of
// the last byte before it.
func (s *scalar) locate() {
	if s.known {
		return
	}
	s.known, s.base = true, -1
	data, value := s.file.data, s.node.Value
	at := contentStart(data, s.file.offset(s.node.Line, s.node.Column))
	if at >= len(data) {
		return
	}
	if s.literally(at) {
		return
	}
	switch style := s.node.Style; {
	case style&yaml.DoubleQuotedStyle != 0:
		s.spans = locateDouble(data, at, value)
	case style&yaml.SingleQuotedStyle != 0:
		s.spans = locateSingle(data, at, value)
	case style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		s.spans = locateBlock(data, at, value, style&yaml.FoldedStyle != 0)
	default:
		s.spans = locatePlain(data, at, value)
	}
	for n := len(s.spans); n > 0 && n < len(value); n++ {
		s.spans = append(s.spans, span{s.spans[n-1].end, s.spans[n-1].end})
	}
}

// literally tells whether the value stands at the offset at as it is, but for a quotation mark before and behind it.
func (s *scalar) literally(at int) bool {
	data, value, style := s.file.data, s.node.Value, s.node.Style
	if value == "" || strings.ContainsAny(value, "\n\\'\"\u0085\u2028\u2029") {
		return false
	}
	switch {
	case style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		if end := at + 1 + len(value); end < len(data) && data[end] == data[at] && data[at+1:end] == value {
			s.base = at + 1
		}
	case style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0:
		if strings.HasPrefix(data[at:], value) {
			s.base = at
		}
	}
	return s.base >= 0
}

// contentStart skips the tag and the anchor that may stand before a node, with white space and comments after them.
func contentStart(data string, at int) int {
	for at < len(data) && (data[at] == '!' || data[at] == '&') {
		anchor := data[at] == '&'
		for at++; at < len(data) && !isBlank(data, at) && !(anchor && endsAnchor(data[at])); at++ {
		}
		at = skipBlank(data, at)
	}
	return at
}

func endsAnchor(c byte) bool { return strings.IndexByte("[]{},", c) >= 0 }

// skipBlank skips blanks, line breaks and comments.
func skipBlank(data string, at int) int {
	for at < len(data) {
		switch n := breakLen(data, at); {
		case n > 0:
			at += n
		case data[at] == ' ' || data[at] == '\t':
			at++
		case data[at] == '#':
			for at < len(data) && breakLen(data, at) == 0 {
				at++
			}
		default:
			return at
		}
	}
	return at
}

// trace is a value that is made again from its source, byte by byte.
type trace struct {
	value []byte
	spans []span
}

// put adds text that was made from data[start:end] as a whole.
func (t *trace) put(text string, start, end int) {
	for i := 0; i < len(text); i++ {
		t.value = append(t.value, text[i])
		t.spans = append(t.spans, span{start, end})
	}
}

// copy adds data[start:end] as it is.
func (t *trace) copy(data string, start, end int) {
	for i := start; i < end; i++ {
		t.value = append(t.value, data[i])
		t.spans = append(t.spans, span{i, i + 1})
	}
}

// result gives the places of the bytes of value, as far as what was read is the value, and tells whether that is all.
func (t *trace) result(value string) ([]span, bool) {
	n := 0
	for n < len(value) && n < len(t.value) && value[n] == t.value[n] {
		n++
	}
	return t.spans[:n], n == len(value) && n == len(t.value)
}

// fold reads the white space at data[at:] inside a flow scalar (plain or quoted) and adds what it stands for: itself
// when it has no line break, a blank for one break, and one newline less than breaks otherwise. It returns where it
// ends.
func (t *trace) fold(data string, at int) int {
	start, breaks := at, 0
	var first span
	var kept []span
	for at < len(data) {
		n := breakLen(data, at)
		if n == 0 && data[at] != ' ' && data[at] != '\t' {
			break
		}
		if n == 0 {
			n = 1
		} else {
			breaks++
			if breaks == 1 {
				first = span{at, at + n}
			} else {
				kept = append(kept, span{at, at + n})
			}
		}
		at += n
	}
	switch {
	case breaks == 0:
		t.copy(data, start, at)
		return at
	case first.end-first.start == 3: // a Unicode separator is not folded
		t.put(newline(data, first), first.start, first.end)
	case breaks == 1:
		t.put(" ", start, at)
	}
	for _, k := range kept {
		t.put(newline(data, k), k.start, k.end)
	}
	return at
}

// newline is what a line break stands for in a value: a newline, but the two Unicode separators stand for themselves.
func newline(data string, s span) string {
	if s.end-s.start == 3 {
		return data[s.start:s.end]
	}
	return "\n"
}

func isBlank(data string, at int) bool {
	return data[at] == ' ' || data[at] == '\t' || breakLen(data, at) > 0
}

func locatePlain(data string, at int, value string) []span {
	var t trace
	for at < len(data) && len(t.value) < len(value) {
		if isBlank(data, at) {
			at = t.fold(data, at)
			continue
		}
		t.copy(data, at, at+1)
		at++
	}
	spans, _ := t.result(value)
	return spans
}

func locateSingle(data string, at int, value string) []span {
	var t trace
	for at++; at < len(data); {
		switch {
		case isBlank(data, at):
			at = t.fold(data, at)
		case data[at] != '\'':
			t.copy(data, at, at+1)
			at++
		case at+1 < len(data) && data[at+1] == '\'':
			t.put("'", at, at+2)
			at += 2
		default:
			at = len(data)
		}
	}
	spans, _ := t.result(value)
	return spans
}

func locateDouble(data string, at int, value string) []span {
	var t trace
	for at++; at < len(data); {
		switch {
		case isBlank(data, at):
			at = t.fold(data, at)
		case data[at] == '"':
			at = len(data)
		case data[at] == '\\' && at+1 < len(data):
			at = t.escape(data, at)
		default:
			t.copy(data, at, at+1)
			at++
		}
	}
	spans, _ := t.result(value)
	return spans
}
