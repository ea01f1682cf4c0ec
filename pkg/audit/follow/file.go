package follow

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/saker-security/saker/internal/regular"
	"github.com/saker-security/saker/pkg/audit"
)

// inode is what a file system knows a file by. It is used again for another file when the first one is gone.
type inode struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

// head is a fingerprint: the SHA-256 of the first bytes of a file, as they are when it is not packed. Audit logs differ
// in their first bytes, as the ID of an event is among them.
type head struct {
	Bytes int    `json:"bytes"`
	Sum   string `json:"sum"`
}

const (
	// headBytes is how many bytes a head covers at most.
	headBytes = 4096
	// tellingBytes is how many bytes a head must cover to know a file by it alone.
	tellingBytes = 64
)

func headOf(text []byte) head {
	sum := sha256.Sum256(text)
	return head{len(text), hex.EncodeToString(sum[:])}
}

// of tells whether a file that begins with text is the one that the head was made of.
func (h head) of(text []byte) bool {
	return h.Bytes <= len(text) && headOf(text[:h.Bytes]) == h
}

// file is the content of a log file, wherever it is now.
type file struct {
	path string
	// id is zero when the content is not where it was, and not found elsewhere.
	id   inode
	head head
	// start is the text that head was made of; nil when it was not seen yet in this run.
	start []byte
	// offset is how far it is evaluated, in bytes of the unpacked content; size is how long it was when last seen.
	offset, size int64
	// packed tells that it is packed by gzip; done that it was put aside, is read, and is expected to stay as it is.
	packed, done bool
	// rotated is place.rotated.
	rotated  bool
	modified time.Time
	// tried is how far it was looked at, up to which there is no whole value behind offset; last tells that what is left
	// there will not get longer any more.
	tried int64
	last  bool
	// disk is the length of the file on disk, stuck that of a packed one that could not be read further.
	disk, stuck int64
	// later tells that it cannot be read before it was looked again where it is.
	later bool
	// missing is since when the content is looked for, seen tells that it was there since the program runs.
	missing time.Time
	seen    bool

	lines audit.Lines
	open  *os.File
	// unpacked and rest are the reader of a packed file and what it gave beyond offset.
	unpacked io.Reader
	rest     []byte
}

// candidate is a file in the directory.
type candidate struct {
	path     string
	id       inode
	size     int64
	modified time.Time
}

func newCandidate(path string, info fs.FileInfo) candidate {
	c := candidate{path: path, size: info.Size(), modified: info.ModTime()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		c.id = inode{uint64(s.Dev), s.Ino} //nolint:unconvert // the type of Dev depends on the machine
	}
	return c
}

// cachedHead is the beginning of a file as it was.
type cachedHead struct {
	size     int64
	modified time.Time
	text     []byte
	packed   bool
}

// errUnfinished is the error of a packed file that is being written.
var errUnfinished = errors.New("the packed file is not finished")

// begin gives the first bytes of the content of a candidate, and whether it is packed.
func (f *Follower) begin(c candidate) (text []byte, packed bool, err error) {
	// The time of a change is not exact, so that a file that was changed just now may have changed again.
	settled := f.now().Sub(c.modified) > 2*time.Second
	if known, ok := f.heads[c.id]; ok && settled && known.size == c.size && known.modified.Equal(c.modified) {
		return known.text, known.packed, nil
	}
	in, err := regular.Open(c.path)
	if err != nil {
		return nil, false, err
	}
	defer in.Close()
	text, packed, err = readHead(in)
	if errors.Is(err, errUnfinished) && (f.o.Once || f.now().Sub(c.modified) > quietTime) {
		err = nil // it is broken, which is told when it is read
	}
	if err == nil {
		f.heads[c.id] = cachedHead{c.size, c.modified, text, packed}
	}
	return text, packed, err
}

// readHead reads the first bytes of the content of a file.
func readHead(in io.Reader) (text []byte, packed bool, err error) {
	r := bufio.NewReaderSize(in, headBytes)
	magic, err := r.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	packed = string(magic) == "\x1f\x8b"
	content := io.Reader(r)
	if packed {
		if content, err = gzip.NewReader(r); err != nil {
			return nil, true, errUnfinished
		}
	}
	text = make([]byte, headBytes)
	n, err := io.ReadFull(content, text)
	switch {
	case err == nil, errors.Is(err, io.EOF):
		err = nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = nil
		// gzip uses the same error for a file that ends too soon; its own end is told by the next read.
		if packed {
			if _, e := content.Read(make([]byte, 1)); !errors.Is(e, io.EOF) {
				err = errUnfinished
			}
		}
	case packed:
		err = errUnfinished
	}
	return text[:n], packed, err
}

// setHead makes the fingerprint of a file that begins with text.
func (t *file) setHead(text []byte) {
	t.start = append([]byte(nil), text[:min(len(text), headBytes)]...)
	t.head = headOf(t.start)
}

// errReplaced is the error of a file that was written anew since it was looked at.
var errReplaced = errors.New("the file was replaced")

// read gives what is there of the content behind offset, at least to a length if there is as much, in buf or in memory
// of the file, which is open. ended tells that a packed file is read to its end.
func (t *file) read(buf []byte, length int) (text []byte, ended bool, err error) {
	if !t.packed {
		n, err := t.open.ReadAt(buf[:length], t.offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false, err
		}
		return buf[:n], false, t.still(buf[:n])
	}
	if t.unpacked == nil {
		if err := t.unpack(); err != nil {
			return nil, false, err
		}
	}
	for len(t.rest) < length {
		have := len(t.rest)
		if cap(t.rest) < length {
			t.rest = append(make([]byte, 0, length), t.rest...)
		}
		n, err := t.unpacked.Read(t.rest[have:length])
		t.rest = t.rest[:have+n]
		switch {
		case errors.Is(err, io.EOF):
			return t.rest, true, nil
		case err != nil:
			return t.rest, false, fmt.Errorf("unpack: %w", err)
		}
	}
	return t.rest, false, nil
}

// still checks that what was read is of the content that is known: if the file was emptied and written anew before it
// was read, its beginning is another one now.
func (t *file) still(text []byte) error {
	if t.offset == 0 && len(text) >= t.head.Bytes {
		if !t.head.of(text) {
			return errReplaced
		}
		if len(text) > t.head.Bytes && t.head.Bytes < headBytes {
			t.setHead(text)
		}
		return nil
	}
	start := make([]byte, t.head.Bytes)
	if n, err := t.open.ReadAt(start, 0); err != nil || !t.head.of(start[:n]) {
		return errReplaced
	}
	return nil
}

// unpack begins to read a packed file, and passes what is evaluated already.
func (t *file) unpack() error {
	if _, err := t.open.Seek(0, io.SeekStart); err != nil {
		return err
	}
	in, err := gzip.NewReader(bufio.NewReaderSize(t.open, 64<<10))
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	if _, err := io.CopyN(io.Discard, in, t.offset); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("unpack: %w", err)
	}
	t.unpacked, t.rest = in, nil
	return nil
}

// advance passes n bytes that are evaluated. Since they were read the file may have been closed, or found packed.
func (t *file) advance(n int) {
	t.offset += int64(n)
	if t.unpacked != nil {
		t.rest = t.rest[:copy(t.rest, t.rest[n:])]
	}
}

// close closes the file; it stays known.
func (t *file) close() {
	if t.open != nil {
		_ = t.open.Close() // it was only read
	}
	t.open, t.unpacked, t.rest, t.tried = nil, nil, nil, 0
}

// unread tells whether there may be something to read.
func (t *file) unread() bool {
	switch {
	case t.orphan() && t.open == nil, t.done, t.later:
		return false
	case t.packed:
		return t.stuck != t.disk
	}
	return t.size > max(t.offset, t.tried) || t.last && t.size > t.offset
}

// orphan tells that the content is at no place that is known.
func (t *file) orphan() bool { return t.id == inode{} }
