package capture

import (
	"encoding/binary"
	"errors"
	"io"
)

// Types of blocks.
const (
	blockSection    = 0x0a0d0d0a
	blockMachine    = 0x201
	blockEventOld   = 0x204
	blockFlagsOld   = 0x208
	blockProcesses  = 0x215
	blockEvent      = 0x216
	blockEventFlags = 0x217
	blockFDs        = 0x218
	blockInterfaces = 0x219
	blockUsers      = 0x220
	blockLarge      = 0x221
	blockLargeFlags = 0x222
)

const (
	// blockHead is the type and the length before a body, blockTail the length behind it.
	blockHead, blockTail = 8, 4
	// maxState bounds one block that describes the machine and all of them together: more than the processes of any
	// machine need.
	maxState = 128 << 20
	// maxEventBlock bounds a block with an event; longer ones are passed over.
	maxEventBlock = 2 << 20
)

// section reads the section header.
func (r *Reader) section() error {
	var head [blockHead + 16 + blockTail]byte
	n, err := io.ReadFull(r.r, head[:])
	r.offset = int64(n)
	if err != nil {
		return r.failRead(err)
	}
	le := binary.LittleEndian
	if le.Uint32(head[:]) != blockSection {
		return r.fail("it is no section header")
	}
	switch order := le.Uint32(head[8:]); order {
	case 0x1a2b3c4d:
	case 0x4d3c2b1a:
		return r.fail("the capture was made on a big-endian machine, which is not supported")
	default:
		return r.fail("the mark of the byte order is 0x%08x", order)
	}
	if major, minor := le.Uint16(head[12:]), le.Uint16(head[14:]); major != 1 {
		return r.fail("it has version %d.%d of the format, only versions 1 are known", major, minor)
	}
	if size := le.Uint32(head[4:]); size != uint32(len(head)) || le.Uint32(head[len(head)-blockTail:]) != size {
		return r.fail("a section header of %d bytes, want %d", size, len(head))
	}
	return nil
}

// block reads one block and tells whether it made a frame; io.EOF when there is no other.
func (r *Reader) block() (ready bool, err error) {
	r.begin = r.offset
	head, err := r.r.Peek(blockHead)
	if err != nil {
		if len(head) == 0 && errors.Is(err, io.EOF) {
			return false, io.EOF
		}
		r.offset += int64(len(head))
		return false, r.failRead(err)
	}
	kind, size := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	if size < blockHead+blockTail {
		return false, r.fail("its length is %d", size)
	}
	rest := int(size) - blockHead
	r.discard(blockHead)
	switch kind {
	case blockEvent, blockEventFlags, blockLarge, blockLargeFlags:
		if rest > maxEventBlock {
			r.begun = true
			r.skipped[ReasonLong]++
			return false, r.skip(rest, size)
		}
		if err := r.read(rest, size); err != nil {
			return false, err
		}
		return r.event(kind)
	case blockEventOld, blockFlagsOld:
		r.begun = true
		r.skipped[ReasonOld]++
	case blockSection:
		return false, r.fail("a second section, which is not supported: split the capture")
	case blockMachine, blockProcesses, blockFDs, blockInterfaces, blockUsers:
		if r.begun {
			break // the state of now is made by the events
		}
		if r.state += rest; r.state > maxState {
			return false, r.fail("more than %d bytes about the machine", maxState)
		}
		if err := r.read(rest, size); err != nil {
			return false, err
		}
		return false, r.describe(kind)
	}
	return false, r.skip(rest, size)
}

// discard steps over bytes that are in the buffer.
func (r *Reader) discard(n int) {
	done, _ := r.r.Discard(n)
	r.offset += int64(done)
}

// skip steps over the rest of a block.
func (r *Reader) skip(rest int, size uint32) error {
	n, err := r.r.Discard(rest - blockTail)
	if r.offset += int64(n); err != nil {
		return r.failRead(err)
	}
	return r.read(blockTail, size)
}

// readStep is how much memory is taken before the bytes for it were seen: the length of a block may be a lie.
const readStep = 1 << 20

// read takes the rest of a block to r.body and checks the length at its end.
func (r *Reader) read(rest int, size uint32) error {
	r.body = r.body[:0]
	for len(r.body) < rest {
		begin := len(r.body)
		step := min(rest-begin, readStep)
		if cap(r.body) < begin+step {
			r.body = append(make([]byte, 0, 2*begin+step), r.body...)
		}
		r.body = r.body[:begin+step]
		n, err := io.ReadFull(r.r, r.body[begin:])
		if r.offset += int64(n); err != nil {
			return r.failRead(err)
		}
	}
	r.body = r.body[:rest-blockTail]
	if tail := binary.LittleEndian.Uint32(r.body[:rest][rest-blockTail:]); tail != size {
		return r.fail("its length is %d at the begin and %d at the end", size, tail)
	}
	return nil
}

// cursor takes numbers and texts from the front of bytes. Behind their end everything is zero, and short is set.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.short, c.b = true, nil
		return nil
	}
	taken := c.b[:n:n]
	c.b = c.b[n:]
	return taken
}

func (c *cursor) number(size int) uint64 {
	n := uint64(0)
	for i, b := range c.take(size) {
		n |= uint64(b) << (8 * i)
	}
	return n
}

func (c *cursor) u8() byte    { return byte(c.number(1)) }
func (c *cursor) u16() uint16 { return uint16(c.number(2)) }
func (c *cursor) u32() uint32 { return uint32(c.number(4)) }
func (c *cursor) u64() uint64 { return c.number(8) }
func (c *cursor) i64() int64  { return int64(c.number(8)) }

// bytes takes what follows a length of two bytes.
func (c *cursor) bytes() []byte { return c.take(int(c.u16())) }
func (c *cursor) text() string  { return string(c.bytes()) }
