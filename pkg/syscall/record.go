// Package syscall is the source of system call events: it turns the frames of a driver, a recording or a capture into
// events that rules can ask, and keeps what they ask for (processes, descriptors, users, containers) up to date.
package syscall

import (
	"encoding/binary"
	"unsafe"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// Record is the Data of a system call event. Like the event it is valid until the Inspector takes the next frame, and
// so are all texts taken from it.
type Record struct {
	Wire wire.Event
	// Row describes the event and its parameters.
	Row *table.Event
	// Thread caused the event; nil when it is not known.
	Thread *process.Thread
	// FD is the descriptor that the event works on; nil when it is not known or there is none. FDNum is its number,
	// -1 when the call made none.
	FD    *process.FD
	FDNum int64

	nameChanged bool
	// previous is the time of the event before, 0 for the first.
	previous int64
	// slice is how long the thread of a switch event ran, in nanoseconds.
	slice int64
	in    *Inspector
	// text is where texts that must be put together are built; it is emptied for each event.
	text []byte
}

// AppendIdentity appends thread, processor, type and parameters of the event; its time is known apart.
func (r *Record) AppendIdentity(dst []byte) (identity []byte, everywhere bool) {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Wire.Thread))
	dst = binary.LittleEndian.AppendUint16(dst, r.Wire.CPU)
	dst = binary.LittleEndian.AppendUint16(dst, r.Wire.Type)
	for i := range r.Wire.Params {
		p := r.Wire.Param(i)
		dst = append(binary.LittleEndian.AppendUint32(dst, uint32(len(p))), p...)
	}
	return dst, false
}

// maxText is how much memory for texts is kept from one event to the next.
const maxText = 1 << 20

// reset prepares the record for the next frame.
func (r *Record) reset() {
	if cap(r.text) > maxText {
		r.text = nil
	}
	r.text = r.text[:0]
	r.previous = r.Wire.Time
	r.Row, r.Thread, r.FD, r.FDNum, r.nameChanged, r.slice = nil, nil, nil, -1, false, 0
}

// view reads bytes as a string without a copy. The bytes must not change while the string is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf reads a string as bytes without a copy. The bytes must not be written to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// built gives what was appended to r.text since it had the length start.
func (r *Record) built(start int) string { return view(r.text[start:]) }

// number reads a number parameter, sign-extended when its type has a sign; false when there is none.
func (r *Record) number(i int) (uint64, bool) {
	p := r.Wire.Param(i)
	signed := i < len(r.Row.Params) && r.Row.Params[i].Type.Signed()
	return decode(p, signed)
}

func decode(p []byte, signed bool) (uint64, bool) {
	switch len(p) {
	case 8:
		return binary.LittleEndian.Uint64(p), true
	case 4:
		n := binary.LittleEndian.Uint32(p)
		if signed {
			return uint64(int64(int32(n))), true
		}
		return uint64(n), true
	case 2:
		n := binary.LittleEndian.Uint16(p)
		if signed {
			return uint64(int64(int16(n))), true
		}
		return uint64(n), true
	case 1:
		if signed {
			return uint64(int64(int8(p[0]))), true
		}
		return uint64(p[0]), true
	}
	return 0, false
}

// integer is number for parameters that have a sign or are small; 0 when there is no value.
func (r *Record) integer(i int) int64 {
	n, _ := r.number(i)
	return int64(n)
}

// bytes gives a text parameter without the NUL at its end; nil when there is no value.
func (r *Record) bytes(i int) []byte { return trimNUL(r.Wire.Param(i)) }

func trimNUL(p []byte) []byte {
	for j, c := range p {
		if c == 0 {
			return p[:j:j]
		}
	}
	return p
}

// result gives what the call returned; false for events that are no calls.
func (r *Record) result() (int64, bool) {
	if !r.Row.Returns() {
		return 0, false
	}
	n, ok := r.number(0)
	return int64(n), ok
}

// widthOf is how many bytes a number type has on the wire, 0 when any length will do.
func widthOf(t event.Type) int {
	if t.Class() == event.ClassNumber || t.Class() == event.ClassBool {
		return t.Bits() / 8
	}
	return 0
}
