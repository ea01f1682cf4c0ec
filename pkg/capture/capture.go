// Package capture reads capture files, in which Falco and sysdig store system call events (.scap), and plays them back
// like a recording.
//
// A capture is a sequence of blocks: u32 type, u32 length of the whole block, the body, zeros up to a multiple of four
// bytes, the length again. A section header comes first; blocks about the machine, its network interfaces, users,
// processes and their descriptors follow, then the events. The blocks of version 1.2 of the format are read, which
// Falco writes since 0.30 and sysdig since 0.27. Numbers are little-endian. The format is that of
// userspace/libscap/scap_savefile.h of github.com/falcosecurity/libs.
package capture

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/saker-security/saker/pkg/syscall/driver"
	"github.com/saker-security/saker/pkg/syscall/recording"
)

// Magic are the first bytes of a capture: the type of its section header.
const Magic = "\x0a\x0d\x0d\x0a"

// ErrFormat is wrapped by the errors about a file that is no capture, or one that is damaged or cannot be read.
var ErrFormat = errors.New("not a capture that can be read")

// Source is a file of system call events: a capture or a recording.
type Source interface {
	driver.Driver
	// Header gives the state of the machine when the first event happened.
	Header() *recording.Header
	// Skipped counts the events that Next passed over so far, since they cannot be evaluated, by the reason.
	Skipped() map[Reason]uint64
}

// Reason is why an event of a capture is not delivered, as a text that follows "events were not evaluated: ".
type Reason string

// The reasons.
const (
	// ReasonEnter events mark the begin of a call. They come from Falco before 0.42 and from sysdig. The call is
	// evaluated when it returns.
	ReasonEnter Reason = "they are the begin of calls, which are evaluated when they return"
	// ReasonType events have a number that is not in the event table: those of a newer Falco, and versions of an event
	// that an older one wrote.
	ReasonType Reason = "their type is not known"
	// ReasonPlugin events come from a plugin of Falco.
	ReasonPlugin Reason = "they come from a plugin"
	// ReasonLong events, or one of their parameters, are longer than a frame has room for.
	ReasonLong Reason = "they are too long"
	// ReasonOld events are in blocks of a version before 1.2.
	ReasonOld Reason = "they are written in a version of the format that is too old"
)

// Unpack gives the bytes of a file as they were before gzip packed them, or as they are. A file that another program
// packed is an error.
func Unpack(file io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(file, bufferSize)
	start, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		return bufio.NewReaderSize(unpacked, bufferSize), nil
	case string(start) == "\x28\xb5\x2f\xfd":
		return nil, errors.New("it is packed by zstd, which is not supported: unpack it, or pack it by gzip")
	}
	return in, nil
}

const bufferSize = 256 << 10

// Open begins to read the capture or recording that the first bytes say it is; nil when it is neither.
func Open(in *bufio.Reader) (Source, error) {
	start, _ := in.Peek(len(recording.Magic))
	switch {
	case string(start) == recording.Magic:
		r, err := recording.NewReader(in)
		if err != nil {
			return nil, err
		}
		return whole{r}, nil
	case bytes.HasPrefix(start, []byte(Magic)):
		r, err := NewReader(in)
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	return nil, nil
}

// whole is a recording, of which no event is passed over.
type whole struct{ *recording.Reader }

func (whole) Skipped() map[Reason]uint64 { return nil }

// Reader plays a capture back. It is a driver.Driver.
type Reader struct {
	header recording.Header
	r      *bufio.Reader
	// offset is where the next byte of r is in the file, begin where the block begins that is being read.
	offset, begin int64
	// state is how many bytes of blocks that describe the machine were read.
	state int
	// body is the body of the last block, frame the last frame. first says that frame has not been delivered yet.
	body, frame []byte
	first       bool
	// begun says that an event was seen which is not about the state of the machine.
	begun bool
	// next is where the search for the next thread begins, see thread.
	next int

	skipped   map[Reason]uint64
	delivered atomic.Uint64
	closed    atomic.Bool
}

var _ Source = (*Reader)(nil)

// NewReader reads the head of a capture that is not packed, up to the first event.
func NewReader(source io.Reader) (*Reader, error) {
	r := &Reader{r: bufio.NewReaderSize(source, bufferSize), skipped: map[Reason]uint64{}}
	if err := r.section(); err != nil {
		return nil, err
	}
	_, err := r.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	r.countThreads()
	if err == nil {
		r.first = true
		r.header.Time = int64(binary.LittleEndian.Uint64(r.frame[8:]))
	}
	return r, nil
}

// Header gives the state of the machine when the first event happened.
func (r *Reader) Header() *recording.Header { return &r.header }

// Name is file.
func (r *Reader) Name() string { return "file" }

// Skipped counts the events that Next passed over so far. It belongs to the goroutine of Next.
func (r *Reader) Skipped() map[Reason]uint64 { return r.skipped }

// Next gives the next frame; io.EOF when there is none. An error says where in the unpacked file the block begins that
// is cut off or damaged; nothing behind it can be read.
func (r *Reader) Next() ([]byte, error) {
	if r.closed.Load() {
		return nil, os.ErrClosed
	}
	if r.first {
		r.first = false
		return r.frame, nil
	}
	for {
		ready, err := r.block()
		if err != nil {
			return nil, err
		}
		if ready {
			r.delivered.Add(1)
			return r.frame, nil
		}
	}
}

// Stats reads the counters. What the recorder lost is not in the file.
func (r *Reader) Stats() (driver.Stats, error) {
	return driver.Stats{Delivered: r.delivered.Load(), Lost: map[driver.Loss]uint64{}}, nil
}

// Close ends the reading; what the Reader reads from belongs to the caller.
func (r *Reader) Close() error {
	r.closed.Store(true)
	return nil
}

// fail is the error about the block that is being read.
func (r *Reader) fail(format string, args ...any) error {
	return fmt.Errorf("%w: block at byte %d: %s", ErrFormat, r.begin, fmt.Sprintf(format, args...))
}

// failRead is fail for an error of reading. A file that ends too early is a damaged one.
func (r *Reader) failRead(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.fail("the file ends within it, at byte %d", r.offset)
	}
	return fmt.Errorf("read a capture at byte %d: %w", r.offset, err)
}
