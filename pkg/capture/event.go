package capture

import (
	"bytes"
	"encoding/binary"

	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// Events that are told apart here.
const (
	typeContainer  = 324
	typeUserAdded  = 354
	typeGroupAdded = 358
)

// event makes a frame of the block in r.body:
//
//	u16 CPU, with blocks that have flags: u32 flags, u64 time, u64 thread id, u32 length (of the event: header, lengths
//	and data), u16 event type, u32 number of parameters, the length of each (u16, in large blocks u32), the parameters
func (r *Reader) event(kind uint32) (ready bool, err error) {
	c := cursor{b: r.body}
	h := wire.Header{CPU: c.u16()}
	if kind == blockEventFlags || kind == blockLargeFlags {
		c.u32()
	}
	event := c.b
	h.Time, h.Thread = c.i64(), c.i64()
	size := c.u32()
	h.Type = c.u16()
	count := c.u32()
	width := 2
	if kind == blockLarge || kind == blockLargeFlags {
		width = 4
	}
	if c.short || uint64(size) > uint64(len(event)) || uint64(size) < uint64(wire.EventHeaderSize)+uint64(count)*uint64(width) {
		return false, r.fail("an event of %d bytes with %d parameters in a block of %d", size, count, len(r.body))
	}
	c.b = event[wire.EventHeaderSize:size]
	row := table.ByID(h.Type)
	if reason := unable(h.Type, row); reason != "" {
		r.begun = true
		r.skipped[reason]++
		return false, nil
	}
	lengths := cursor{b: c.take(int(count) * width)}
	var params [wire.MaxParams][]byte
	// A newer version may have more parameters than the table.
	known := min(int(count), len(row.Params), len(params))
	for i := range known {
		n := lengths.number(width)
		if n > uint64(len(c.b)) {
			return false, r.fail("parameter %d of an event has %d bytes, %d are left", i, n, len(c.b))
		}
		if params[i] = c.take(int(n)); n > 0xffff {
			r.begun = true
			r.skipped[ReasonLong]++
			return false, nil
		}
	}
	if !r.begun && r.initial(h.Type, params[:known]) {
		return false, nil
	}
	r.begun = true
	r.frame = wire.Append(r.frame[:0], h, params[:known]...)
	if len(r.frame) > wire.MaxEvent {
		r.skipped[ReasonLong]++
		return false, nil
	}
	return true, nil
}

// unable tells why events of a type cannot be evaluated; empty when they can. Falco's numbers are even when a call
// begins and odd when it returns; events that are no calls have one of the two.
func unable(id uint16, row *table.Event) Reason {
	switch {
	case row == nil && id%2 == 0 && table.ByID(id+1) != nil:
		return ReasonEnter
	case row == nil:
		return ReasonType
	case row.Kind == table.Plugin:
		return ReasonPlugin
	}
	return ""
}

// initial takes in an event that describes the machine: before the first other event, users, groups and containers are
// those that were there before the capture began.
func (r *Reader) initial(id uint16, params [][]byte) bool {
	text := func(i int) string { return string(bytes.TrimSuffix(params[i], []byte{0})) }
	number := func(i int) uint32 {
		if len(params[i]) != 4 {
			return 0
		}
		return binary.LittleEndian.Uint32(params[i])
	}
	switch {
	case id == typeContainer:
	case id == typeUserAdded && len(params) == 6:
		if text(5) == "" {
			r.header.Users = append(r.header.Users, account.User{UID: number(0), GID: number(1), Name: text(2), Home: text(3), Shell: text(4)})
		}
	case id == typeGroupAdded && len(params) == 3:
		if text(2) == "" {
			r.header.Groups = append(r.header.Groups, account.Group{GID: number(0), Name: text(1)})
		}
	default:
		return false
	}
	return true
}
