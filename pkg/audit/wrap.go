package audit

import (
	"bytes"

	"github.com/saker-security/saker/pkg/audit/scan"
)

// Unwrap looks into a value that is no audit event: an object, or a line of text that is no JSON, without its end. If it
// is the form in which some log service gives audit events, it tells what is in it and returns true. It must not keep the
// value.
type Unwrap func(value []byte, u *Unwrapped) bool

// Unwrapped is what a wrapper holds.
type Unwrapped struct {
	// Foreign is the number of entries that are about something else, as other logs of a cluster.
	Foreign int

	text []byte
	ends []int
}

// Event adds the text of an audit event, which it copies. A text that is cut off, as log services cut long messages, is
// rejected alone.
func (u *Unwrapped) Event(text []byte) {
	u.text = append(u.text, text...)
	u.ends = append(u.ends, len(u.text))
}

// Len is the number of events.
func (u *Unwrapped) Len() int { return len(u.ends) }

// Each calls do for the text of each event.
func (u *Unwrapped) Each(do func(text []byte)) {
	start := 0
	for _, end := range u.ends {
		do(u.text[start:end])
		start = end
	}
}

// Reset forgets everything but keeps the memory.
func (u *Unwrapped) Reset() {
	if cap(u.text) > keptWrapper {
		u.text = nil
	}
	u.Foreign, u.text, u.ends = 0, u.text[:0], u.ends[:0]
}

// keptWrapper bounds the memory for unwrapped events that is kept.
const keptWrapper = 16 << 20

// unwrapAt cuts the events that the value from i to end wraps, and returns whether it is a wrapper. Their text is put
// behind that of the batch, so that they are a part of it.
func (c *cutter) unwrapAt(i, end, depth int) bool {
	u, b := &c.b.wrapper, c.b
	if c.unwrap == nil {
		return false
	}
	u.Reset()
	if !c.unwrap(b.text[i:end], u) {
		return false
	}
	c.unwrapped = true
	b.Foreign += u.Foreign
	if len(u.ends) == 0 {
		return true
	}
	// The wrapper itself is needed no longer when it is the whole document.
	if depth == 0 && c.alone {
		b.text = b.unwrapped[:0]
	} else if !c.copied {
		b.text = append(b.unwrapped[:0], b.text...)
		c.copied = true
	}
	base := len(b.text)
	b.text = append(b.text, u.text...)
	b.unwrapped, b.doc = b.text, view(b.text)
	outer, rejects := b.s, len(b.Rejects)
	start := base
	for _, end := range u.ends {
		c.unwrappedEvent(start, base+end)
		start = base + end
	}
	for k := range b.Rejects[rejects:] {
		b.Rejects[rejects+k].Offset = i
	}
	b.s = outer
	return true
}

// unwrappedEvent cuts the event that the text from start to end is.
func (c *cutter) unwrappedEvent(start, end int) {
	b := c.b
	before := len(b.records)
	b.s.Reset(b.text[:end])
	at := b.s.Space(start)
	got := -1
	if b.s.At(at) == '{' {
		got = c.listItem(at, 0)
	}
	if got < 0 || b.s.Space(got) != end {
		c.takeBack(before)
		b.reject(CutOff, start)
	}
}

// takeBack removes what was cut beyond n records: a record whose event was never made, too.
func (c *cutter) takeBack(n int) {
	c.b.records = c.b.records[:min(n, len(c.b.records))]
	c.b.events = c.b.events[:min(n, len(c.b.events))]
}

// textLine takes the line at the position if it is the text in which a log service gives an event.
func (f *FileReader) textLine() (done bool, err error) {
	if f.Unwrap == nil || f.column != 1 || !isDigit(f.buf[f.pos]) {
		return false, nil
	}
	var end int
	for {
		if end = lineEnd(f.buf, f.pos); end >= 0 || f.ended || len(f.buf)-f.pos >= f.limit {
			break
		}
		if err := f.fill(); err != nil {
			return false, err
		}
	}
	if end < 0 {
		end = len(f.buf)
	}
	c := f.cutter(f.buf[f.pos:end], f.place)
	c.alone = true
	if !c.unwrapAt(0, end-f.pos, 0) {
		return false, nil
	}
	if err := c.flush(); err != nil {
		return false, err
	}
	f.advance(end - f.pos)
	return true, nil
}

// begin puts the batch on a text.
func (c *cutter) begin(text []byte) {
	c.b.clear()
	c.b.s.Reset(text)
	c.b.text, c.b.base, c.b.doc = text, c.at, view(text)
}

// lineEnd is the position of the newline at or behind i, or -1.
func lineEnd(text []byte, i int) int {
	if n := bytes.IndexByte(text[i:], '\n'); n >= 0 {
		return i + n
	}
	return -1
}

// isStart tells whether a line that begins with c may be a value of a log rather than the inside of one.
func isStart(c byte, wrapped bool) bool {
	return c == '{' || c == '[' || wrapped && isDigit(c)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// wholeObject tells whether the line is an object and nothing else.
func wholeObject(line []byte) bool {
	if len(line) == 0 || line[0] != '{' {
		return false
	}
	var s scan.Scanner
	s.Reset(line)
	end := s.Value(0, 0)
	return end > 0 && s.Space(end) == len(line)
}
