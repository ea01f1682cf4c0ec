package deliver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// The notes of a recall are two files, recall.0 and recall.1, that are only appended to. Entries go to one of them; when
// everything in the other one is too old to matter, or this one is long, the other one is emptied and takes its place.
// They are frames of package disk whose payload is
//
//	version (8 bits), time of writing (64, unix ns), entries: time when the record was appended (64), mark (16 bytes)
//
// with numbers in little-endian order. What is behind the first frame that is damaged is not read.
const (
	recallVersion = 1
	recallHead    = 9
	recallEntryN  = 24
	// recallFrame is how many entries a frame has at most.
	recallFrame = 4096
	// recallBytes is how long a file gets: both together hold maxRecalled entries.
	recallBytes = maxRecalled / 2 * recallEntryN
)

// recallEntry is an alert that was in the queue.
type recallEntry struct {
	time int64
	mark mark
}

// recallFiles are the two files of a sink. They are not safe for concurrent use.
type recallFiles struct {
	fs  disk.FS
	dir string

	current int
	size    int64 // of the current one, as far as it is good
	begun   int64 // when its first frame was written, 0 if it is empty
	buf     []byte
}

func (f *recallFiles) path(n int) string { return filepath.Join(f.dir, fmt.Sprint("recall.", n)) }

// load reads both files, and says what could not be read. The one that was begun later is the current one.
func (f *recallFiles) load() (entries []recallEntry, damage []string) {
	for n := range 2 {
		got, err := f.read(n)
		if err != nil {
			damage = append(damage, fmt.Sprintf("%s: %s: alerts whose events are sent again may be delivered twice", f.path(n), ErrorText(err)))
		}
		if got.begun >= f.begun {
			f.current, f.size, f.begun = n, got.size, got.begun
			entries = append(entries, got.entries...)
		} else {
			entries = append(got.entries, entries...)
		}
	}
	return entries, damage
}

// recallFile is what is in one file, up to the first damage.
type recallFile struct {
	entries     []recallEntry
	size, begun int64
}

// read reads a file. An end that was not written whole, or is zeros as a loss of power leaves it, is no damage.
func (f *recallFiles) read(n int) (got recallFile, err error) {
	b, err := f.content(n)
	for len(b) > 0 && err == nil {
		payload, length, bad := disk.NextFrame(b)
		if errors.Is(bad, disk.ErrCut) || len(bytes.Trim(b, "\x00")) == 0 {
			break
		}
		if bad == nil && (len(payload) < recallHead || payload[0] != recallVersion || (len(payload)-recallHead)%recallEntryN != 0) {
			bad = errors.New("another version of the program wrote it")
		}
		if bad != nil {
			err = fmt.Errorf("byte %d: %w", got.size, bad)
			break
		}
		if got.size == 0 {
			got.begun = int64(binary.LittleEndian.Uint64(payload[1:]))
		}
		for p := payload[recallHead:]; len(p) > 0; p = p[recallEntryN:] {
			got.entries = append(got.entries, recallEntry{int64(binary.LittleEndian.Uint64(p)), mark(p[8:recallEntryN])})
		}
		got.size += int64(length)
		b = b[length:]
	}
	return got, err
}

// content gives the bytes of a file.
func (f *recallFiles) content(n int) ([]byte, error) {
	file, err := f.fs.OpenFile(f.path(n), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(size, 2*recallBytes))
	got, err := file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:got], nil
}

// add appends entries, and has them on disk if sync is set.
func (f *recallFiles) add(entries []recallEntry, now time.Time, sync bool) error {
	if len(entries) == 0 {
		return nil
	}
	if f.size > 0 && (f.begun < now.Add(-recallTime).UnixNano() || f.size >= recallBytes) {
		f.current, f.size = 1-f.current, 0
	}
	f.encode(entries, now)
	file, err := f.fs.OpenFile(f.path(f.current), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return err
	}
	if size < f.size {
		f.size = 0 // somebody removed it
	}
	if size != f.size {
		if err := file.Truncate(f.size); err != nil {
			return err
		}
	}
	if _, err := file.WriteAt(f.buf, f.size); err != nil {
		return err
	}
	if f.size == 0 {
		f.begun = now.UnixNano()
	}
	if sync {
		if err := f.keep(file); err != nil {
			return err
		}
	}
	f.size += int64(len(f.buf))
	return nil
}

// keep has the file and its entry in the directory on disk.
func (f *recallFiles) keep(file disk.File) error {
	if err := file.Sync(); err != nil {
		return err
	}
	return f.fs.SyncDir(f.dir)
}

// encode puts the frames of entries into the buffer.
func (f *recallFiles) encode(entries []recallEntry, now time.Time) {
	f.buf = nil
	payload := make([]byte, 0, recallHead+min(len(entries), recallFrame)*recallEntryN)
	for len(entries) > 0 {
		n := min(len(entries), recallFrame)
		payload = binary.LittleEndian.AppendUint64(append(payload[:0], recallVersion), uint64(now.UnixNano()))
		for _, e := range entries[:n] {
			payload = append(binary.LittleEndian.AppendUint64(payload, uint64(e.time)), e.mark[:]...)
		}
		f.buf, entries = disk.AppendFrame(f.buf, payload), entries[n:]
	}
}
