package audit

import (
	"bytes"
	"fmt"
	"math"

	"github.com/saker-security/saker/pkg/audit/scan"
	"github.com/saker-security/saker/pkg/event"
)

// BodyError says why a text as a whole was refused.
type BodyError struct {
	// Offset is where the defect is, in bytes from the start of the text. Line and Column count from 1, Column in bytes.
	Offset, Line, Column int
	// Message says what is wrong.
	Message string
	// Short is set when the text is right as far as it goes, but ends too soon.
	Short bool
	// Reason is why a single event was refused, nil for a text that is no JSON or no audit events at all.
	Reason *Reason
}

func (e *BodyError) Error() string {
	return fmt.Sprintf("%s, at line %d, column %d (byte %d)", e.Message, e.Line, e.Column, e.Offset)
}

func bodyError(text []byte, offset int, message string) *BodyError {
	before := text[:min(offset, len(text))]
	return &BodyError{
		Offset:  offset,
		Line:    1 + bytes.Count(before, []byte{'\n'}),
		Column:  offset - bytes.LastIndexByte(before, '\n'),
		Message: message,
	}
}

// Split cuts text into the events that it holds and hands them to the function to, in their order, with what was
// rejected: at once, or 4,096 at a time when there are more. It uses the memory of b, and reads text until it returns.
//
// The text is an EventList, an Event, or an array of such things and of arrays. A bad item is rejected alone. A text
// that is not JSON, or that as a whole is not audit events, gives a *BodyError; then nothing was handed over, except
// for the batches that were full before the defect. An EventList must not hold the member kind or items twice.
// An error of to ends the work and is returned as it is.
//
// The text is UTF-8, and may begin with a byte order mark. What stands in its strings is evaluated as it is, bytes that
// are not UTF-8 included.
func (s *Splitter) Split(b *Batch, text []byte, to func(*Batch) error) error {
	skip, err := encoding(text)
	if err != nil {
		return err
	}
	if len(bytes.TrimLeft(text[skip:], " \t\r\n")) == 0 {
		return bodyError(text, len(text), emptyText)
	}
	defer b.release()
	c := cutter{splitter: s, b: b, to: to, at: start, from: skip}
	end, err := c.document(text, c.item)
	if err != nil {
		return err
	}
	if end = b.s.Space(end); end != len(text) {
		b.s.Fail(end, "the end of the text")
		return c.failure()
	}
	return c.flush()
}

// These defects show in more than one way.
const (
	emptyText  = "the text is empty"
	itemsTwice = "an EventList with the member items twice"
	kindTwice  = "an EventList with the member kind twice"
)

// encoding returns how long the byte order mark of a text is, or the defect of a text that is not UTF-8: one in UTF-16
// begins with such a mark, or has one zero among its first two bytes.
func encoding(text []byte) (mark int, err error) {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return 3, nil
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")),
		len(text) > 1 && (text[0] == 0) != (text[1] == 0):
		return 0, bodyError(text, 0, "the text is not UTF-8: it looks like UTF-16")
	}
	return 0, nil
}

// cutter is one run of Split.
type cutter struct {
	splitter *Splitter
	b        *Batch
	to       func(*Batch) error
	// whole keeps full batches back until the text turns out to be right.
	whole bool
	// unwrap opens wrappers, nil for none; unwrapped tells that it did, copied that the text was copied for that. alone
	// tells that the text is needed no longer once the document is opened.
	unwrap                   Unwrap
	unwrapped, copied, alone bool
	// at is the place of the text, from where it begins in it, behind its byte order mark. trimmed tells that it is an event that was too long and
	// is cut down already.
	at      place
	from    int
	trimmed bool
	// err is an error that is not a defect of the JSON text.
	err error
}

// document cuts the first JSON value of text with each and returns the position after it. The last events wait for flush.
func (c *cutter) document(text []byte, each func(i, depth int) int) (int, error) {
	c.begin(text)
	if uint64(len(text)) >= math.MaxUint32 {
		return 0, bodyError(text, 0, "the text is longer than 4 GiB")
	}
	start := c.b.s.Space(c.from)
	end := each(start, 0)
	if end < 0 {
		return 0, c.failure()
	}
	if first := c.b.Rejects; !c.unwrapped && c.b.s.At(start) != '[' && len(first) == 1 && first[0].Offset == start {
		err := bodyError(text, start, first[0].Reason.text())
		reason := first[0].Reason
		err.Reason = &reason
		return end, err
	}
	return end, nil
}

func (c *cutter) failure() error {
	if c.err != nil {
		return c.err
	}
	defect := c.b.s.Err
	err := bodyError(c.b.text, defect.Offset, "malformed JSON: "+defect.Message)
	err.Short = defect.Short
	return err
}

// item cuts what may stand at the top of a text or in an array: an EventList, an Event or an array.
func (c *cutter) item(i, depth int) int {
	switch c.b.s.At(i) {
	case '{':
		return c.object(i, depth)
	case '[':
		return c.array(i, depth, c.item)
	}
	return c.skip(i, depth, NotAnObject)
}

// listItem cuts an item of an EventList. As the API server does not write it, the kind is not looked at.
func (c *cutter) listItem(i, depth int) int {
	if c.b.s.At(i) != '{' {
		return c.skip(i, depth, NotAnObject)
	}
	n := len(c.b.records)
	if n < cap(c.b.records) {
		c.b.records = c.b.records[:n+1]
		c.b.records[n] = Record{b: c.b}
	} else {
		c.b.records = append(c.b.records, Record{b: c.b})
	}
	end := c.b.records[n].index(i, depth, eventGroup, nil)
	if end < 0 {
		return -1
	}
	return c.finish(i, end)
}

func (c *cutter) skip(i, depth int, reason Reason) int {
	end := c.b.s.Value(i, depth)
	if end >= 0 {
		c.b.reject(reason, i)
	}
	return end
}

func (c *cutter) array(i, depth int, each func(i, depth int) int) int {
	s := &c.b.s
	if depth++; depth > scan.MaxDepth {
		return s.Value(i, scan.MaxDepth)
	}
	i = s.Space(i + 1)
	if s.At(i) == ']' {
		return i + 1
	}
	for more := true; more; {
		if i = each(i, depth); i < 0 {
			return -1
		}
		i, more = s.Next(i, ']')
	}
	return i
}

// object cuts an EventList or an Event. The items of a list are cut on the way when its kind came before them, as the
// API server writes it, and otherwise in a second pass.
func (c *cutter) object(i, depth int) int {
	head := Record{b: c.b}
	listed := false
	end := head.index(i, depth, eventGroup, func(at, depth int) int {
		if listed {
			c.err = bodyError(c.b.text, at, itemsTwice)
			return -1
		}
		if !head.is(head.at[kind], "EventList") || c.b.s.At(at) != '[' {
			return c.b.s.Value(at, depth)
		}
		listed = true
		return c.array(at, depth, c.listItem)
	})
	if end < 0 {
		return -1
	}
	isList := head.is(head.at[kind], "EventList")
	switch {
	case listed && !isList:
		c.err = bodyError(c.b.text, i, kindTwice)
		return -1
	case listed:
	case isList && (head.isArray(head.at[items])):
		if c.array(int(head.at[items].Start), depth+1, c.listItem) < 0 {
			return -1
		}
	case isList && (head.at[items].IsZero() || c.b.doc[head.at[items].Start] == 'n'):
		// An empty list of Go is null in JSON.
	case head.is(head.at[kind], "Event"):
		c.b.records = append(c.b.records, head)
		return c.finish(i, end)
	case c.unwrapAt(i, end, depth):
	default:
		c.b.reject(NotAnEvent, i)
	}
	return end
}

// finish makes an event of the last record, which covers the text from i to end, and returns end.
func (c *cutter) finish(i, end int) int {
	n := len(c.b.records) - 1
	r := &c.b.records[n]
	r.span = scan.Span{Start: uint32(i), End: uint32(end)}
	limit := c.splitter.limit()
	cut := c.trimmed || end-i > limit
	if cut && end-i-r.lost() > limit {
		c.b.records = c.b.records[:n]
		c.b.reject(TooLarge, i)
		return end
	}
	text, ok := r.text(r.at[stageTimestamp])
	if !ok {
		c.b.records = c.b.records[:n]
		c.b.reject(NoTime, i)
		return end
	}
	at, ok := parseTime(text)
	if !ok {
		c.b.records = c.b.records[:n]
		c.b.reject(BadTime, i)
		return end
	}
	if cut {
		r.at[requestObject], r.at[responseObject], r.trimmed = scan.Span{}, scan.Span{}, true
		clear(r.at[requestData:])
		c.b.Trimmed++
	}
	c.b.events = append(c.b.events, event.Event{Time: at, Source: event.SourceK8sAudit})
	if len(c.b.events) >= batchEvents && !c.whole {
		if c.err = c.flush(); c.err != nil {
			return -1
		}
	}
	return end
}

// flush hands over what was cut.
func (c *cutter) flush() error {
	if len(c.b.events) == 0 && c.b.rejected() == 0 && c.b.Foreign == 0 {
		return nil
	}
	if c.unwrapped {
		c.b.s.Reset(c.b.text) // all of it
	}
	for i := range c.b.Rejects {
		c.b.Rejects[i].Offset += c.b.base.offset
	}
	err := c.splitter.hand(c.b, c.to)
	c.b.clear()
	return err
}
