package alert

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/saker-security/saker/pkg/event"
)

// crockford is the alphabet of Crockford's base 32, in which ULIDs are written.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// idLength is the length of an ID in bytes.
const idLength = 26

// NewID makes the ID of an alert: a ULID (https://github.com/ulid/spec) whose time is that of the event, in
// nanoseconds since the Unix epoch, and whose other 80 bits are taken from a hash of what identifies the alert instead
// of from a random number. Times outside of 1970 to 10889 are those of its limits.
func NewID(time int64, identity []byte) string {
	sum := sha256.Sum256(identity)
	var b [16]byte
	ms := uint64(max(time, 0)) / 1e6
	binary.BigEndian.PutUint64(b[:8], ms<<16)
	copy(b[6:], sum[:10])
	return encodeID(b)
}

// encodeID writes 128 bits as 26 digits of 5 bits, the first of which has 3.
func encodeID(b [16]byte) string {
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var out [idLength]byte
	for i := idLength - 1; i >= 0; i-- {
		out[i] = crockford[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(out[:])
}

// id gives the ID of the alert of a rule for an event. An event whose source cannot identify it is known by its
// number, which a restart repeats: its time is part of the ID as well.
func (b *Builder) id(e *event.Event, rule string) string {
	b.hash = append(append(b.hash[:0], e.Source...), 0)
	b.hash = append(append(b.hash, rule...), 0)
	b.hash = binary.LittleEndian.AppendUint64(b.hash, uint64(e.Time))
	everywhere := false
	if d, ok := e.Data.(event.Identified); ok {
		b.hash, everywhere = d.AppendIdentity(b.hash)
	} else {
		b.hash = binary.LittleEndian.AppendUint64(b.hash, e.Num)
	}
	if !everywhere {
		b.hash = append(append(b.hash, 0), b.Hostname...)
	}
	id := NewID(e.Time, b.hash)
	if cap(b.hash) > maxKept {
		b.hash = nil
	}
	return id
}

// maxKept is how many bytes of an event are kept as memory for the next one.
const maxKept = 1 << 20
