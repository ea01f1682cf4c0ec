package program

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/saker-security/saker/pkg/deliver/sink/lines"
)

const (
	// maxLine is the length in bytes at which a line of a program's output is broken.
	maxLine = 8 << 10
	// maxSaid is how much of a program's standard error an error shows.
	maxSaid = 1 << 10
)

// output is where the output of all processes goes. Safe for concurrent use.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

// pipe takes what one process writes to one descriptor and passes it on in whole lines with control characters
// escaped: a program may unpack what is escaped in an alert. It never fails, so that the process is not disturbed.
type pipe struct {
	to *output

	mu   sync.Mutex
	line []byte
	said []byte // the beginning of everything
	more bool   // there is more than said
}

// Write is part of io.Writer.
func (p *pipe) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	room := maxSaid - len(p.said)
	p.more = p.more || len(text) > room
	p.said = append(p.said, text[:min(len(text), room)]...)
	p.line = append(p.line, text...)
	for {
		end := bytes.IndexByte(p.line, '\n')
		if end < 0 && len(p.line) > maxLine {
			end = maxLine
		}
		if end < 0 {
			return len(text), nil
		}
		p.pass(p.line[:end])
		p.line = append(p.line[:0], bytes.TrimPrefix(p.line[end:], []byte{'\n'})...)
	}
}

// pass writes one line.
func (p *pipe) pass(line []byte) {
	p.to.mu.Lock()
	defer p.to.mu.Unlock()
	_, _ = p.to.w.Write(append(lines.AppendClean(nil, line), '\n')) // there is nobody else to tell
}

// end passes on a last line without an end and gives the beginning of everything as one line.
func (p *pipe) end() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.line) > 0 {
		p.pass(p.line)
		p.line = nil
	}
	said := string(lines.AppendClean(nil, bytes.TrimSpace(p.said)))
	if p.more {
		said += fmt.Sprintf(" [cut at %d bytes]", maxSaid)
	}
	return said
}
