package alert

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/saker-security/saker/pkg/rule"
)

// Priority is how severe an alert is; the most severe is the smallest.
type Priority = rule.Priority

// PriorityDebug is the least severe priority.
const PriorityDebug = rule.PriorityDebug

// codecVersion is the first byte of an encoded alert.
const codecVersion = 1

// ErrEncoding is wrapped by the errors of Decode.
var ErrEncoding = errors.New("not an encoded alert")

// Append appends the alert in the form in which it waits on disk: the version, the priority, the time as 8 bytes in
// little-endian order, then the texts and lists, each with its length as a varint before it.
func (a *Alert) Append(dst []byte) []byte {
	dst = append(dst, codecVersion, byte(a.Priority))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(a.Time))
	for _, s := range []string{a.ID, a.Rule, a.Source, a.Hostname, a.Message} {
		dst = appendText(dst, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(a.Tags)))
	for _, t := range a.Tags {
		dst = appendText(dst, t)
	}
	dst = binary.AppendUvarint(dst, uint64(len(a.Fields)))
	for _, f := range a.Fields {
		dst = appendText(appendText(dst, f.Name), f.JSON)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Decode reads what Append wrote. It copies b once. Errors wrap ErrEncoding; no length in b makes it take more memory
// than b has bytes, times a small number.
func Decode(b []byte) (*Alert, error) {
	if len(b) < 10 {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrEncoding, len(b))
	}
	if b[0] != codecVersion {
		return nil, fmt.Errorf("%w: version %d, this program knows %d", ErrEncoding, b[0], codecVersion)
	}
	if b[1] > byte(rule.PriorityDebug) {
		return nil, fmt.Errorf("%w: priority %d", ErrEncoding, b[1])
	}
	a := &Alert{Priority: Priority(b[1]), Time: int64(binary.LittleEndian.Uint64(b[2:]))}
	d := decoder{text: string(b[10:])}
	for _, s := range []*string{&a.ID, &a.Rule, &a.Source, &a.Hostname, &a.Message} {
		*s = d.next()
	}
	// A tag takes a byte at least, a field two.
	if n := d.count(1); n > 0 {
		a.Tags = make([]string, n)
		for i := range a.Tags {
			a.Tags[i] = d.next()
		}
	}
	if n := d.count(2); n > 0 {
		a.Fields = make([]Field, n)
		for i := range a.Fields {
			a.Fields[i] = Field{Name: d.next(), JSON: d.next()}
		}
	}
	if d.failed || d.text != "" {
		return nil, fmt.Errorf("%w: its lengths do not fit its %d bytes", ErrEncoding, len(b))
	}
	return a, nil
}

// EncodedID reads the ID of an alert from what Append wrote, or from its beginning, without a look at the rest.
func EncodedID(b []byte) (id string, err error) {
	if len(b) < 10 || b[0] != codecVersion {
		return "", fmt.Errorf("%w: no ID in %d bytes", ErrEncoding, len(b))
	}
	d := decoder{text: string(b[10:min(len(b), 10+maxIDBytes)])}
	if id = d.next(); d.failed {
		return "", fmt.Errorf("%w: an ID longer than %d bytes or cut off", ErrEncoding, maxIDBytes)
	}
	return id, nil
}

// maxIDBytes bounds an ID, with its length, that EncodedID reads.
const maxIDBytes = 128

// decoder takes texts from the front of text.
type decoder struct {
	text   string
	failed bool
}

func (d *decoder) uvarint() uint64 {
	var n uint64
	for i := 0; i < len(d.text) && i < binary.MaxVarintLen64; i++ {
		c := d.text[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.text = d.text[i+1:]
			return n
		}
	}
	d.failed = true
	return 0
}

// count reads a number of items that take at least size bytes each.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if d.failed || n > uint64(len(d.text)/size) {
		d.failed = true
		return 0
	}
	return int(n)
}

func (d *decoder) next() string {
	n := d.count(1)
	s := d.text[:n]
	d.text = d.text[n:]
	return s
}
