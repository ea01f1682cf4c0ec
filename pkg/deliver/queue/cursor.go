package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// The cursor is a file with two slots in sectors of their own, written in place, so that it needs no space. One slot is
// always safe on disk: the other one is written, as often as there is something to note, until it is safe too; then
// they change places. Numbers are little-endian:
//
//	"sakercur", version (16 bits), lanes (16), 0 (32), generation (64), next sequence (64), per lane the position up to
//	which everything is acknowledged (64), CRC-32C of all that,
//	the generation again (64), per lane the position of the next record (64), CRC-32C of these
//
// The second part tells what is missing if files were damaged; earlier versions of the program did not write it.
const (
	cursorName  = "cursor"
	cursorMagic = "sakercur"
	cursorHead  = 32
	cursorSlot  = cursorHead + 8*lanes + 4
	cursorFull  = cursorSlot + 8 + 8*lanes + 4
	cursorPage  = 4096
)

// mark is what a slot holds.
type mark struct {
	generation, seq uint64
	floor           [lanes]uint64
	next            [lanes]uint64 // 0 if it is unknown
}

func (m *mark) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, cursorMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, version)
	dst = binary.LittleEndian.AppendUint16(dst, lanes)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint64(dst, m.generation)
	dst = binary.LittleEndian.AppendUint64(dst, m.seq)
	for _, f := range m.floor {
		dst = binary.LittleEndian.AppendUint64(dst, f)
	}
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	start = len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, m.generation)
	for _, n := range m.next {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// parseMark reads a slot; ok is false if it is damaged, and err is set if a newer version wrote it.
func parseMark(b []byte) (m mark, ok bool, err error) {
	if len(b) < cursorSlot || string(b[:8]) != cursorMagic ||
		crc32.Checksum(b[:cursorSlot-4], castagnoli) != binary.LittleEndian.Uint32(b[cursorSlot-4:]) {
		return m, false, nil
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v != version {
		return m, false, fmt.Errorf("format %d, known is %d: %w", v, version, errNewer)
	}
	m.generation, m.seq = binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	ok = binary.LittleEndian.Uint16(b[10:]) == lanes && m.seq < maxStart
	for i := range m.floor {
		m.floor[i] = binary.LittleEndian.Uint64(b[cursorHead+8*i:])
		ok = ok && m.floor[i] < maxStart
	}
	m.parseNext(b[cursorSlot:])
	return m, ok, nil
}

// parseNext reads the second part if it is whole and of the same mark.
func (m *mark) parseNext(b []byte) {
	const used = cursorFull - cursorSlot
	if len(b) < used || binary.LittleEndian.Uint64(b) != m.generation ||
		crc32.Checksum(b[:used-4], castagnoli) != binary.LittleEndian.Uint32(b[used-4:]) {
		return
	}
	for i := range m.next {
		if n := binary.LittleEndian.Uint64(b[8+8*i:]); n < maxStart {
			m.next[i] = n
		}
	}
}

// readMark reads the newer of the slots that are whole, and says which it is; ok is false if there is none.
func readMark(fsys disk.FS, dir string) (newest mark, slot int64, ok bool, err error) {
	path := filepath.Join(dir, cursorName)
	file, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if missing(err) {
		return newest, 0, false, nil
	}
	if err != nil {
		return newest, 0, false, err
	}
	defer file.Close()
	for i := range int64(2) {
		var b [cursorFull]byte
		n, err := file.ReadAt(b[:], i*cursorPage)
		if err != nil && !errors.Is(err, io.EOF) {
			return newest, 0, false, err
		}
		m, whole, err := parseMark(b[:n])
		if err != nil {
			return newest, 0, false, fmt.Errorf("%s: %w", path, err)
		}
		if whole && (!ok || m.generation > newest.generation) {
			newest, slot, ok = m, i, true
		}
	}
	return newest, slot, ok, nil
}

// cursor writes marks.
type cursor struct {
	busy       chan struct{} // holds a token while somebody uses the cursor, for as long as the disk takes
	fs         disk.FS
	dir        string
	file       disk.File
	generation uint64 // of the last mark
	slot       int64  // where marks go; the other one is safe
	buf        []byte
}

// open makes the file if there is none, and has it and its entry on disk.
func (c *cursor) open() error {
	if c.file != nil {
		return nil
	}
	file, err := c.fs.OpenFile(filepath.Join(c.dir, cursorName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = file.Allocate(2 * cursorPage)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = c.fs.SyncDir(c.dir)
	}
	if err != nil {
		file.Close()
		return err
	}
	c.file = file
	return nil
}

// write puts a mark into the slot that need not be safe.
func (c *cursor) write(m mark) error {
	c.generation++
	m.generation = c.generation
	c.buf = m.append(c.buf[:0])
	_, err := c.file.WriteAt(c.buf, c.slot*cursorPage)
	return err
}

// save writes a mark and has it on disk. With both, neither slot holds an older one afterwards, so that files may be
// deleted that only the older mark would ask for.
func (c *cursor) save(m mark, both bool) error {
	if err := c.open(); err != nil {
		return err
	}
	for n := 0; n == 0 || n == 1 && both; n++ {
		if err := c.write(m); err != nil {
			return err
		}
		if err := c.file.Sync(); err != nil {
			// What became of the pages is unknown: open the file anew the next time.
			c.file.Close()
			c.file = nil
			return err
		}
		c.slot = 1 - c.slot
	}
	return nil
}

func (c *cursor) close() {
	c.busy <- struct{}{}
	defer func() { <-c.busy }()
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}
