package audit

import (
	"bytes"
	"errors"
	"fmt"
)

// Lines cuts the events out of a log that grows, part by part: one event in each line as the API server writes it, or
// any other form that a FileReader reads. Arrays are passed over by their brackets, so that they may be longer than a
// part. It is not safe for concurrent use.
type Lines struct {
	// Splitter numbers the events.
	Splitter *Splitter
	// Unwrap opens the records of log services, nil for none.
	Unwrap Unwrap
	// Report is told of each place that is no JSON.
	Report func(*BodyError)
	// Max is how long a value may be in bytes.
	Max int

	credit int  // how many bytes may be looked at again, besides freeBytes
	inside bool // the next part begins inside of a line that is passed over
}

// freeBytes is how much of a log may be looked at again because of what is broken, before as much was read.
const freeBytes = 1 << 20

// Cut hands the events of a part of a log to the function to, usually at once, with what was rejected. It returns how
// much of the text is done with; what follows is the beginning of a value whose rest has not come yet. Nothing more
// comes when last is set. An error of to ends the work and is returned as it is, with n as if nothing was done; the
// same text may be given again.
func (l *Lines) Cut(b *Batch, text []byte, last bool, to func(*Batch) error) (n int, err error) {
	defer b.release()
	r := lineRun{Lines: l, text: text, last: last}
	r.cutter = cutter{splitter: l.Splitter, b: b, to: to, whole: true, unwrap: l.Unwrap}
	r.begin(text)
	credit, inside := l.credit, l.inside
	for more := true; more; {
		if more, err = r.next(); err == nil && (!more || len(b.events) >= batchEvents) {
			err = r.flush()
		}
		if err != nil {
			l.credit, l.inside = credit, inside
			return 0, err
		}
	}
	return r.at, nil
}

// lineRun is one run of Cut.
type lineRun struct {
	*Lines
	cutter
	text []byte
	at   int
	last bool
}

// next takes what stands at the position. It returns false when there is nothing whole any more.
func (r *lineRun) next() (more bool, err error) {
	if r.inside && !r.pass() {
		return false, nil
	}
	rest := bytes.TrimLeft(r.text[r.at:], " \t\r\n[],")
	r.advance(len(r.text) - len(rest))
	switch {
	case len(rest) == 0:
		return false, nil
	case rest[0] == '{':
		return r.object()
	}
	return r.line()
}

// advance moves the position on to i.
func (r *lineRun) advance(i int) {
	r.credit += i - r.at
	r.at = i
}

// object takes the object at the position.
func (r *lineRun) object() (more bool, err error) {
	b := r.b
	before := b.mark()
	b.s.Reset(r.text)
	end := r.item(r.at, 0)
	if end >= 0 {
		r.advance(end)
		return true, nil
	}
	b.back(before)
	bad, err := r.defect()
	if err != nil {
		return false, err
	}
	if bad.Short && !r.last && !r.torn() {
		if len(r.text)-r.at < r.Max {
			return false, nil
		}
		bad.Message = fmt.Sprintf("the value is longer than %d bytes", r.Max)
	}
	return r.broken(bad), nil
}

// torn tells whether the object at the position, which does not end, is a line that was never finished: because lines
// follow that are whole.
func (r *lineRun) torn() bool {
	for i := lineEnd(r.text, r.at); i >= 0; {
		end := lineEnd(r.text, i+1)
		if end < 0 {
			return false
		}
		if line := r.text[i+1 : end]; wholeObject(line) {
			return true
		}
		i = end
	}
	return false
}

// line takes a line that is no JSON.
func (r *lineRun) line() (more bool, err error) {
	end := lineEnd(r.text, r.at)
	if end < 0 && !r.last && len(r.text)-r.at < r.Max {
		return false, nil
	}
	if end < 0 {
		end = len(r.text)
	}
	if isDigit(r.text[r.at]) && r.unwrapAt(r.at, end, 0) {
		r.advance(end)
		return true, nil
	}
	r.b.s.Reset(r.text)
	r.b.s.Fail(r.at, "a value")
	bad, err := r.defect()
	return err == nil && r.broken(bad), err
}

// defect is what is wrong with the value at the position. It names no line, as finding it out costs time for each.
func (r *lineRun) defect() (*BodyError, error) {
	if err := r.err; err != nil {
		var bad *BodyError
		r.err = nil
		if !errors.As(err, &bad) {
			return nil, err
		}
		return bad, nil
	}
	found := r.b.s.Err
	return &BodyError{Offset: found.Offset, Message: "malformed JSON: " + found.Message, Short: found.Short}, nil
}

// broken reports a defect and finds where to go on: with the next line that may be the start of a value. Lines before
// the defect count only as long as no more is looked at again than was read, so that no log makes reading slow.
func (r *lineRun) broken(bad *BodyError) (more bool) {
	if r.Report != nil {
		told := *bad
		told.Line, told.Column = 0, 0
		r.Report(&told)
	}
	if again := bad.Offset - r.at; again <= r.credit+freeBytes {
		r.credit -= again
	} else {
		r.at = bad.Offset
	}
	r.inside = true
	return r.pass()
}

// pass passes lines up to one that may be the start of a value.
func (r *lineRun) pass() (more bool) {
	for {
		end := lineEnd(r.text, r.at)
		if end < 0 {
			r.advance(len(r.text))
			return false
		}
		r.advance(end + 1)
		if r.at == len(r.text) {
			// Only the next part tells.
			r.inside = false
			return false
		}
		if isStart(r.text[r.at], r.unwrap != nil) {
			r.inside = false
			return true
		}
	}
}
