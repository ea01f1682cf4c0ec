// Package recording stores system call events in a file, just as a driver delivers them, and plays them back.
//
// A recording is a line "saker-recording 1", a line of JSON (Header), and frames (package wire) until the end of the
// file.
package recording

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/driver"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// Magic is the first line of a recording, with its end.
const Magic = "saker-recording 1\n"

// maxHeader bounds the line of JSON.
const maxHeader = 256 << 20

// ErrFormat is wrapped by the errors about a file that is no recording or a damaged one.
var ErrFormat = errors.New("not a recording")

// Header is the state of the machine when the recording began.
type Header struct {
	Hostname string `json:"hostname,omitempty"`
	// Time is when the recording began, Boot when the machine started, both in nanoseconds since the Unix epoch.
	Time      int64           `json:"time"`
	Boot      int64           `json:"boot"`
	Addresses []netip.Addr    `json:"addresses,omitempty"`
	Users     []account.User  `json:"users,omitempty"`
	Groups    []account.Group `json:"groups,omitempty"`
	Threads   []process.Info  `json:"threads,omitempty"`
}

// Writer writes a recording. It is not safe for concurrent use.
type Writer struct{ w *bufio.Writer }

// NewWriter begins a recording.
func NewWriter(w io.Writer, h *Header) (*Writer, error) {
	line, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("write the head of a recording: %w", err)
	}
	b := bufio.NewWriterSize(w, 1<<16)
	b.WriteString(Magic)
	b.Write(line)
	if err := b.WriteByte('\n'); err != nil {
		return nil, fmt.Errorf("write the head of a recording: %w", err)
	}
	return &Writer{b}, nil
}

// Write adds a frame.
func (w *Writer) Write(frame []byte) error {
	if _, err := w.w.Write(frame); err != nil {
		return fmt.Errorf("write a recorded event: %w", err)
	}
	return nil
}

// Flush hands on what is still buffered. It is called before the file is closed.
func (w *Writer) Flush() error {
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("write a recording: %w", err)
	}
	return nil
}

// Reader plays a recording back. It is a driver.Driver.
type Reader struct {
	header Header
	r      *bufio.Reader
	frame  []byte
	offset int64

	delivered atomic.Uint64
	closed    atomic.Bool
	closer    io.Closer
}

var _ driver.Driver = (*Reader)(nil)

// Open opens a file.
func Open(path string) (*Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open a recording: %w", err)
	}
	r, err := NewReader(file)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.closer = file
	return r, nil
}

// NewReader reads the head of a recording.
func NewReader(source io.Reader) (*Reader, error) {
	r := &Reader{r: bufio.NewReaderSize(source, 1<<18)}
	magic := make([]byte, len(Magic))
	if _, err := io.ReadFull(r.r, magic); err != nil || string(magic) != Magic {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrFormat, Magic)
	}
	line, err := readLine(r.r)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(line, &r.header); err != nil {
		return nil, fmt.Errorf("%w: head: %w", ErrFormat, err)
	}
	r.offset = int64(len(Magic) + len(line) + 1)
	return r, nil
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("%w: the head does not end: %w", ErrFormat, err)
		case len(line) > maxHeader:
			return nil, fmt.Errorf("%w: the head is longer than %d bytes", ErrFormat, maxHeader)
		}
	}
}

// Header gives the state of the machine when the recording began.
func (r *Reader) Header() *Header { return &r.header }

// Name is file.
func (r *Reader) Name() string { return "file" }

// Next gives the next frame; io.EOF when there is none. A frame that is cut off or whose length cannot be is an error
// with its place in the file; nothing behind it can be read. Whether the event inside is sound is for the reader of
// the frame to find.
func (r *Reader) Next() ([]byte, error) {
	if r.closed.Load() {
		return nil, os.ErrClosed
	}
	head, err := r.r.Peek(wire.FrameHeaderSize)
	if err != nil {
		if len(head) == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, r.fail(err, "it ends within a frame")
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if size > wire.MaxEvent {
		return nil, r.fail(nil, fmt.Sprintf("event length %d", size))
	}
	total := wire.FrameHeaderSize + int(size)
	if cap(r.frame) < total {
		r.frame = make([]byte, total, 2*total)
	}
	r.frame = r.frame[:total]
	if _, err := io.ReadFull(r.r, r.frame); err != nil {
		return nil, r.fail(err, "it ends within a frame")
	}
	r.offset += int64(total)
	r.delivered.Add(1)
	return r.frame, nil
}

func (r *Reader) fail(err error, what string) error {
	if r.closed.Load() {
		return os.ErrClosed
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read a recording at byte %d: %w", r.offset, err)
	}
	return fmt.Errorf("%w: damaged at byte %d: %s", ErrFormat, r.offset, what)
}

// Stats reads the counters; nothing is ever lost.
func (r *Reader) Stats() (driver.Stats, error) {
	return driver.Stats{Delivered: r.delivered.Load(), Lost: map[driver.Loss]uint64{}}, nil
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.closed.Swap(true) || r.closer == nil {
		return nil
	}
	return r.closer.Close()
}
