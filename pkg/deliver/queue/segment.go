package queue

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// A segment is a file named LANE-SERIAL.log: a header, twice, so that one flipped bit does not cost the file, and
// frames. All numbers are little-endian. The payload of a frame is
//
//	position ^ salt (64 bits), sequence (64), time (64, unix ns), priority (8), payload
//
// Positions count the records of a lane without a gap, so the number of records that damage took is a subtraction. The
// salt is a random number of the segment: without knowing it nobody can write a payload that is taken for a frame when
// the reader looks for the next one behind damage.
const (
	magic         = "sakerseg"
	version       = 1
	headerCopy    = 64
	headerSize    = 2 * headerCopy
	headerUsed    = 56
	recordHead    = 25
	frameOverhead = disk.FrameHeader + recordHead
	// maxNumber bounds positions, sequences and serials that are read, so that no sum of them overflows; what headers
	// and cursors say is bounded by less, so that there are numbers left for what comes after them.
	maxNumber = 1 << 62
	maxStart  = 1 << 61
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segment is one file of a lane.
type segment struct {
	serial  uint64
	path    string
	first   uint64 // position of its first record
	seq     uint64 // greater than the sequence of every record in the segments before
	created int64  // unix ns, not before any record in the segments before
	salt    uint64
	size    int64 // bytes that are on disk for certain and that readers may look at
	// file is open for writing while the segment is the active one of its lane.
	file disk.File
	// dropped: it is no longer part of the lane.
	dropped bool
	// lost: the policy dropped it with records that were not acknowledged. Otherwise newest is set when it is dropped: no
	// record of it was appended later, in unix ns.
	lost   bool
	newest int64
	told   bool // its records were given to Options.Retired
	// failures counts errors of reading it.
	failures int
}

func segmentName(lane int, serial uint64) string { return fmt.Sprintf("%d-%020d.log", lane, serial) }

// parseName reads the name of a segment.
func parseName(name string) (lane int, serial uint64, ok bool) {
	base, ok := strings.CutSuffix(name, ".log")
	if !ok || len(base) != 22 || base[1] != '-' || base[0] < '0' || base[0] >= '0'+lanes {
		return 0, 0, false
	}
	serial, err := strconv.ParseUint(base[2:], 10, 64)
	return int(base[0] - '0'), serial, err == nil && serial < maxNumber
}

// appendHeader appends both copies of the header.
func (s *segment) appendHeader(dst []byte, lane int) []byte {
	var h [headerCopy]byte
	copy(h[:], magic)
	binary.LittleEndian.PutUint16(h[8:], version)
	h[10] = byte(lane)
	binary.LittleEndian.PutUint64(h[12:], s.serial)
	binary.LittleEndian.PutUint64(h[20:], s.first)
	binary.LittleEndian.PutUint64(h[28:], s.seq)
	binary.LittleEndian.PutUint64(h[36:], uint64(s.created))
	binary.LittleEndian.PutUint64(h[44:], s.salt)
	binary.LittleEndian.PutUint32(h[52:], crc32.Checksum(h[:52], castagnoli))
	return append(append(dst, h[:]...), h[:]...)
}

// errNewer is the error of a file that a newer version of the program wrote.
var errNewer = errors.New("a newer version of the program wrote it")

var errHeader = errors.New("the header is damaged")

// parseHeader fills the segment, whose serial is known, from one copy of its header.
func (s *segment) parseHeader(h []byte, lane int) error {
	if len(h) < headerUsed || string(h[:8]) != magic || crc32.Checksum(h[:52], castagnoli) != binary.LittleEndian.Uint32(h[52:]) {
		return errHeader
	}
	if v := binary.LittleEndian.Uint16(h[8:]); v != version {
		return fmt.Errorf("format %d, known is %d: %w", v, version, errNewer)
	}
	s.first, s.seq = binary.LittleEndian.Uint64(h[20:]), binary.LittleEndian.Uint64(h[28:])
	s.created, s.salt = int64(binary.LittleEndian.Uint64(h[36:])), binary.LittleEndian.Uint64(h[44:])
	if int(h[10]) != lane || binary.LittleEndian.Uint64(h[12:]) != s.serial || s.first == 0 || s.first >= maxStart || s.seq >= maxStart {
		return errHeader
	}
	return nil
}

// newSegment makes the file of a segment; its entry in the directory is not on disk yet.
func newSegment(fsys disk.FS, dir string, lane int, s *segment) error {
	var salt [8]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return err
	}
	s.salt = binary.LittleEndian.Uint64(salt[:])
	s.path = filepath.Join(dir, segmentName(lane, s.serial))
	file, err := fsys.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	s.file = file
	if _, err := file.WriteAt(s.appendHeader(nil, lane), 0); err != nil {
		return err
	}
	s.size = headerSize
	return nil
}

// openSegment reads the header of a segment.
func openSegment(fsys disk.FS, dir, name string, lane int, serial uint64) (*segment, error) {
	s := &segment{serial: serial, path: filepath.Join(dir, name)}
	file, err := fsys.OpenFile(s.path, os.O_RDONLY, 0)
	if err != nil {
		return s, err
	}
	defer file.Close()
	if s.size, err = file.Size(); err != nil {
		return s, err
	}
	var h [headerSize]byte
	n, err := file.ReadAt(h[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return s, err
	}
	err = s.parseHeader(h[:min(n, headerCopy)], lane)
	if errors.Is(err, errHeader) && n == headerSize {
		err = s.parseHeader(h[headerCopy:], lane)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", s.path, err)
	}
	return s, nil
}

// appendRecord appends a record as a frame; scratch is a buffer to be reused.
func (s *segment) appendRecord(dst, scratch []byte, pos uint64, r *Record) (frames, buffer []byte) {
	scratch = binary.LittleEndian.AppendUint64(scratch[:0], pos^s.salt)
	scratch = binary.LittleEndian.AppendUint64(scratch, r.Seq)
	scratch = binary.LittleEndian.AppendUint64(scratch, uint64(r.Time))
	scratch = append(scratch, r.Priority)
	scratch = append(scratch, r.Payload...)
	return disk.AppendFrame(dst, scratch), scratch
}

// reader reads the records of one segment after the other and finds its way again behind damage.
type reader struct {
	fs   disk.FS
	seg  *segment
	file disk.File
	buf  []byte
	off  int64  // of the next frame
	pos  uint64 // of the last record read
	seq  uint64 // greatest sequence read
	time int64  // of the last record read
	good int64  // where the last good frame ends
	bad  int64  // bytes passed over
	// force takes blocks that cannot be read for zeros, which is damage, instead of failing.
	force bool
	// brief says that payloads are of no use after the next read, so that their memory is used again.
	brief bool
}

// chunk is how much is read at once; a longer record makes the buffer as long as itself.
const chunk = 256 << 10

// open goes to the first record of a segment.
func (r *reader) open(s *segment) error {
	r.close()
	file, err := r.fs.OpenFile(s.path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	r.seg, r.file, r.off, r.good, r.pos = s, file, headerSize, headerSize, s.first-1
	return nil
}

// at reads at an offset, less than asked only at the end of the file.
func (r *reader) at(b []byte, off int64) (n int, err error) {
	n, err = r.file.ReadAt(b, off)
	if err == nil || errors.Is(err, io.EOF) || !r.force {
		return n, ignoreEOF(err)
	}
	const block = 4096
	for n = 0; n < len(b); {
		part := b[n:min(len(b), n+block-int((off+int64(n))%block))]
		got, err := r.file.ReadAt(part, off+int64(n))
		if errors.Is(err, io.EOF) {
			return n + got, nil
		}
		if err != nil {
			clear(part)
		}
		n += len(part)
	}
	return n, nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (r *reader) close() {
	if r.file != nil {
		r.file.Close()
	}
	r.seg, r.file = nil, nil
}

// read gives the next records with a position in [want, end), at least one if there is one within the first size
// bytes of the segment. The payloads are views into memory that is theirs alone, unless the reader is brief.
func (r *reader) read(want, end uint64, size int64) ([]*item, error) {
	length := int64(chunk)
	for r.off < size && r.pos+1 < end {
		length = min(length, size-r.off)
		if int64(cap(r.buf)) < length {
			r.buf = make([]byte, length)
		}
		n, err := r.at(r.buf[:length], r.off)
		if err != nil {
			return nil, err
		}
		out, used, more := r.parse(r.buf[:n], want, end, size)
		r.off += used
		if len(out) > 0 {
			if !r.brief {
				r.buf = nil
			}
			return out, nil
		}
		switch {
		case used > 0:
			length = chunk
		case more > length && int64(n) == length:
			length = more
		default:
			if err := r.resync(end, size); err != nil {
				return nil, err
			}
			length = chunk
		}
	}
	return nil, nil
}

// parse takes the good frames off the front of b. more is the length of the frame that b cuts off, if it does.
func (r *reader) parse(b []byte, want, end uint64, size int64) (out []*item, used, more int64) {
	for {
		payload, length, err := disk.NextFrame(b[used:])
		if errors.Is(err, disk.ErrCut) && len(b[used:]) >= disk.FrameHeader {
			more = disk.FrameHeader + int64(binary.LittleEndian.Uint32(b[used:]))
			if r.off+used+more > size {
				more = 0
			}
			return out, used, more
		}
		if err != nil || len(payload) < recordHead || !r.plausible(payload, r.off+used, end) {
			return out, used, 0
		}
		r.pos = binary.LittleEndian.Uint64(payload) ^ r.seg.salt
		r.seq = max(r.seq, binary.LittleEndian.Uint64(payload[8:]))
		r.time = int64(binary.LittleEndian.Uint64(payload[16:]))
		used += int64(length)
		r.good = r.off + used
		if r.pos >= want {
			out = append(out, &item{pos: r.pos, Record: Record{
				Seq: binary.LittleEndian.Uint64(payload[8:]), Time: r.time, Priority: payload[24],
				Payload: payload[recordHead:len(payload):len(payload)],
			}})
		}
		if r.pos+1 >= end {
			return out, used, 0
		}
	}
}

// plausible says whether the start of a frame's payload at an offset may be a record: behind the last one, and no
// further than there was room for others between them.
func (r *reader) plausible(payload []byte, off int64, end uint64) bool {
	pos, seq := binary.LittleEndian.Uint64(payload)^r.seg.salt, binary.LittleEndian.Uint64(payload[8:])
	return pos > r.pos && pos < end && pos-r.pos-1 <= uint64(off-r.good)/frameOverhead && seq < maxNumber
}

// resync goes to the next good frame behind damage at the offset, or to the end.
func (r *reader) resync(end uint64, size int64) error {
	start := r.off
	r.off++
	defer func() { r.bad += r.off - start }()
	const window, head = 1 << 20, disk.FrameHeader + recordHead
	buf := make([]byte, min(window, max(size-r.off, 0)))
	for tries := 0; r.off+head <= size && tries < 1000; {
		n, err := r.at(buf[:min(int64(len(buf)), size-r.off)], r.off)
		if err != nil {
			return err
		}
		if n < head {
			break
		}
		for i := 0; i+head <= n; i++ {
			length := int64(binary.LittleEndian.Uint32(buf[i:]))
			off := r.off + int64(i)
			if length < recordHead || length > disk.MaxPayload || off+disk.FrameHeader+length > size || !r.plausible(buf[i+disk.FrameHeader:], off, end) {
				continue
			}
			frame := make([]byte, disk.FrameHeader+length)
			if _, err := r.at(frame, off); err != nil {
				return err
			}
			if _, _, err := disk.NextFrame(frame); err == nil {
				r.off = off
				return nil
			}
			if tries++; tries == 1000 {
				break
			}
		}
		r.off += int64(n - head + 1)
	}
	r.off = size
	return nil
}

// missing says whether a file is not there.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// named has an error say which file it is about, if it does not.
func named(path string, err error) error {
	if strings.Contains(err.Error(), path) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}
