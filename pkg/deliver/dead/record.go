package dead

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/disk"
)

// A record of the log is a frame of package disk and one byte after it. The payload of the frame is the magic bytes,
// the time as 8 bytes in little-endian order, the number of attempts as a varint, the ID and the reason, each with its
// length as a varint before it, and the alert. The byte after it says whether the letter is still there. It is outside
// of the checksum so that a letter is removed by writing one byte in place, which takes no room on a full disk.
const (
	live    = 0xff
	removed = 0x00 // eight bits from live: a bit that flips removes nothing
)

// magic starts each payload; the last byte is the version. After damage the next record is found by it.
var magic = []byte{0xde, 0xad, 'L', 1}

var errRecord = errors.New("not a dead letter")

// appendRecord appends the record of the entry, which is live.
func appendRecord(dst []byte, e *Entry) []byte {
	p := make([]byte, 0, 512)
	p = append(p, magic...)
	p = binary.LittleEndian.AppendUint64(p, uint64(e.Time))
	p = binary.AppendUvarint(p, uint64(max(e.Attempts, 0)))
	p = append(binary.AppendUvarint(p, uint64(len(e.ID))), e.ID...)
	p = append(binary.AppendUvarint(p, uint64(len(e.Reason))), e.Reason...)
	p = e.Alert.Append(p)
	return append(disk.AppendFrame(dst, p), live)
}

// decode reads the payload of a record.
func decode(p []byte) (Entry, error) {
	rest, ok := bytes.CutPrefix(p, magic)
	if !ok || len(rest) < 8 {
		return Entry{}, errRecord
	}
	e := Entry{Time: int64(binary.LittleEndian.Uint64(rest))}
	rest = rest[8:]
	attempts, n := binary.Uvarint(rest)
	if n <= 0 || attempts > 1<<62 {
		return Entry{}, fmt.Errorf("%w: its number of attempts is impossible", errRecord)
	}
	e.Attempts, rest = int(attempts), rest[n:]
	for _, s := range []*string{&e.ID, &e.Reason} {
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) {
			return Entry{}, fmt.Errorf("%w: its lengths do not fit", errRecord)
		}
		*s, rest = string(rest[n:n+int(length)]), rest[n+int(length):]
	}
	var err error
	e.Alert, err = alert.Decode(rest)
	return e, err
}

// reader gives views of a file without holding all of it.
type reader struct {
	f    disk.File
	size int64
	at   int64 // of the first byte of buf
	buf  []byte
}

// view gives n bytes at the offset, fewer at the end of the file. They hold until the next call.
func (r *reader) view(at int64, n int) ([]byte, error) {
	n = int(min(int64(n), r.size-at))
	if n <= 0 {
		return nil, nil
	}
	if at < r.at || at+int64(n) > r.at+int64(len(r.buf)) {
		want := int(min(int64(max(n, 64<<10)), r.size-at))
		if cap(r.buf) < want {
			r.buf = make([]byte, want)
		}
		r.buf, r.at = r.buf[:want], at
		if got, err := r.f.ReadAt(r.buf, at); got < want {
			r.buf = r.buf[:0]
			return nil, err
		}
	}
	start := int(at - r.at)
	return r.buf[start : start+n], nil
}

// record reads the record at the offset: its payload, its length and whether it is live. What is no record is a
// *badRecord, and length is how many bytes were looked at; other errors are those of the file.
func (r *reader) record(at int64) (payload []byte, length int, isLive bool, err error) {
	head, err := r.view(at, disk.FrameHeader)
	if err != nil {
		return nil, 0, false, err
	}
	size := disk.FrameHeader
	if len(head) == disk.FrameHeader {
		if n := binary.LittleEndian.Uint32(head); n <= disk.MaxPayload {
			size += int(n) + 1
		}
	}
	b, err := r.view(at, size)
	if err != nil {
		return nil, 0, false, err
	}
	payload, length, err = disk.NextFrame(b)
	if err == nil && length == len(b) {
		err = disk.ErrCut
	}
	if err != nil {
		return nil, len(b), false, &badRecord{err}
	}
	return payload, length + 1, b[length] != removed, nil
}

// badRecord is the error of bytes that are no record.
type badRecord struct{ error }

// Unwrap gives the cause.
func (b *badRecord) Unwrap() error { return b.error }

// next finds the first record after damage at the offset. The record that the damaged one's length leads to is
// preferred: what a stranger wrote into an alert could look like a record. Otherwise the magic bytes are looked for.
// found is false when there is none up to the end of the file, or when looking took too long: budget, in bytes whose
// checksum may be computed, keeps a hostile file from taking quadratic time.
func (r *reader) next(at int64, budget *int64) (to int64, found bool, err error) {
	head, err := r.view(at, disk.FrameHeader)
	if err != nil {
		return 0, false, err
	}
	if len(head) == disk.FrameHeader {
		if n := binary.LittleEndian.Uint32(head); n <= disk.MaxPayload {
			to = at + disk.FrameHeader + int64(n) + 1
			if ok, err := r.isRecord(to, budget); ok || err != nil {
				return to, ok, err
			}
		}
	}
	for to = at + 1; *budget > 0; {
		b, err := r.view(to+disk.FrameHeader, 32<<10)
		if err != nil || len(b) < len(magic) {
			return 0, false, err
		}
		i := bytes.Index(b, magic)
		if i < 0 {
			to += int64(len(b) - len(magic) + 1)
			continue
		}
		to += int64(i)
		if ok, err := r.isRecord(to, budget); ok || err != nil {
			return to, ok, err
		}
		to++
	}
	return 0, false, nil
}

func (r *reader) isRecord(at int64, budget *int64) (bool, error) {
	p, length, _, err := r.record(at)
	if bad := (*badRecord)(nil); errors.As(err, &bad) {
		*budget -= int64(length)
		return false, nil
	}
	*budget -= int64(length)
	return err == nil && bytes.HasPrefix(p, magic), err
}
