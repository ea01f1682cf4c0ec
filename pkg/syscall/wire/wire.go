// Package wire is the one format in which every driver, every recording and every capture hands over system call
// events. The event inside is the event block of a .scap capture, so that captures need no translation:
//
//	frame    u16 CPU, u16 version (1), u32 length of the event, event
//	event    u64 time (ns since the Unix epoch), u64 thread id, u32 length (header, lengths and data together),
//	         u16 event type, u32 number of parameters, u16 length of each parameter, the parameters one after another
//
// All numbers are little-endian; there is no padding. Event types are the ids of Falco's event table and parameters
// come in that table's order. A parameter of length 0 has no value. Texts (CHARBUF, FSPATH, FSRELPATH) end with a NUL
// that their length counts; FD, PID and ERRNO are signed 64 bits wide; other numbers have the width of their type. A
// list of texts in a BYTEBUF (args, env, cgroups) is its NUL-terminated elements one after another.
//
// Behind the parameters of the table open, openat, openat2, creat, chdir and fchdir may have one more, which is not
// Falco's and no part of a .scap capture: a text, the absolute path of the directory at which the path of the open
// begins, as the calling process sees it, or of the new working directory. It has no value when the path is absolute,
// when the call to change directory failed, and when the kernel side cannot tell it: the descriptor is no directory, or
// the path is too deep. A driver that sends it sends it with all of these events; then nobody has to guess from a table
// of descriptors that dup, fcntl and close may have overtaken.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes in bytes.
const (
	FrameHeaderSize = 8
	EventHeaderSize = 26
	// MaxEvent bounds one event: a bound for memory, far above what a driver sends.
	MaxEvent = 1 << 20
	// MaxParams bounds the parameters of one event; the widest row of the table has 30.
	MaxParams = 64
)

// Version is the frame version that this package reads and writes.
const Version = 1

// ErrMalformed is wrapped by all errors about bytes that are not a frame or an event.
var ErrMalformed = errors.New("malformed event")

// Header is the fixed part of an event.
type Header struct {
	CPU    uint16
	Time   int64
	Thread int64
	Type   uint16
	Params int
}

// Event is a decoded frame. Its parameters are views into the frame; the struct may be reused for the next frame.
type Event struct {
	Header
	params [MaxParams][]byte
}

// Param gives parameter i, nil when it has no value or the event has fewer parameters.
func (e *Event) Param(i int) []byte {
	if i < 0 || i >= e.Params {
		return nil
	}
	return e.params[i]
}

// Decode reads one frame from the front of b into e and returns how many bytes it took. The views in e are valid as
// long as b is unchanged.
func (e *Event) Decode(b []byte) (int, error) {
	if len(b) < FrameHeaderSize {
		return 0, fmt.Errorf("%w: %d bytes are too few for a frame header", ErrMalformed, len(b))
	}
	if v := binary.LittleEndian.Uint16(b[2:]); v != Version {
		return 0, fmt.Errorf("%w: frame version %d, want %d", ErrMalformed, v, Version)
	}
	size := int(binary.LittleEndian.Uint32(b[4:]))
	if size < EventHeaderSize || size > MaxEvent || size > len(b)-FrameHeaderSize {
		return 0, fmt.Errorf("%w: event length %d with %d bytes left", ErrMalformed, size, len(b)-FrameHeaderSize)
	}
	e.CPU = binary.LittleEndian.Uint16(b)
	if err := e.decodeEvent(b[FrameHeaderSize : FrameHeaderSize+size]); err != nil {
		return 0, err
	}
	return FrameHeaderSize + size, nil
}

func (e *Event) decodeEvent(b []byte) error {
	le := binary.LittleEndian
	e.Time, e.Thread, e.Type = int64(le.Uint64(b)), int64(le.Uint64(b[8:])), le.Uint16(b[20:])
	n := le.Uint32(b[22:])
	if int(le.Uint32(b[16:])) != len(b) {
		return fmt.Errorf("%w: the event says %d bytes, its frame %d", ErrMalformed, le.Uint32(b[16:]), len(b))
	}
	if n > MaxParams || EventHeaderSize+2*int(n) > len(b) {
		return fmt.Errorf("%w: %d parameters in %d bytes", ErrMalformed, n, len(b))
	}
	e.Params = int(n)
	data := b[EventHeaderSize+2*int(n):]
	for i := range e.Params {
		size := int(le.Uint16(b[EventHeaderSize+2*i:]))
		if size > len(data) {
			return fmt.Errorf("%w: parameter %d has %d bytes, %d are left", ErrMalformed, i, size, len(data))
		}
		e.params[i], data = data[:size:size], data[size:]
	}
	if len(data) != 0 {
		return fmt.Errorf("%w: %d bytes behind the last parameter", ErrMalformed, len(data))
	}
	return nil
}

// Append adds a frame with the given parameters to b. It is how recordings and tests make frames; a nil parameter
// has no value. Parameters longer than 65,535 bytes are a defect of the caller and panic.
func Append(b []byte, h Header, params ...[]byte) []byte {
	le := binary.LittleEndian
	size := EventHeaderSize + 2*len(params)
	for _, p := range params {
		size += len(p)
	}
	b = le.AppendUint16(b, h.CPU)
	b = le.AppendUint16(b, Version)
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint64(b, uint64(h.Time))
	b = le.AppendUint64(b, uint64(h.Thread))
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint16(b, h.Type)
	b = le.AppendUint32(b, uint32(len(params)))
	for _, p := range params {
		if len(p) > 0xffff {
			panic(fmt.Sprintf("parameter of %d bytes", len(p)))
		}
		b = le.AppendUint16(b, uint16(len(p)))
	}
	for _, p := range params {
		b = append(b, p...)
	}
	return b
}
