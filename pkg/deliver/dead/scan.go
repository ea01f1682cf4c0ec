package dead

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// found is what a file holds beside its records: where they end, what is after them, what between them is damaged.
type found struct {
	size, end int64
	damaged   uint64
}

// scan gives each live record to f, in order. What is damaged is counted and passed over.
func scan(file disk.File, f func(at int64, length int, e *Entry)) (found, error) {
	size, err := file.Size()
	if err != nil {
		return found{}, err
	}
	r := &reader{f: file, size: size}
	budget := 16*size + 1<<20
	var damaged uint64
	for at := int64(0); at < size; {
		payload, length, isLive, err := r.record(at)
		if bad := (*badRecord)(nil); errors.As(err, &bad) {
			to, ok, err := r.next(at, &budget)
			if err != nil {
				return found{}, err
			}
			if ok {
				damaged++
				at = to
				continue
			}
			cut, err := r.unfinished(at, bad)
			if err != nil {
				return found{}, err
			}
			if !cut {
				damaged++
			}
			return found{size, at, damaged}, nil
		}
		if err != nil {
			return found{}, err
		}
		if isLive {
			e, err := decode(payload)
			if err != nil {
				damaged++
			} else {
				f(at, length, &e)
			}
		}
		at += int64(length)
	}
	return found{size, size, damaged}, nil
}

// unfinished says whether the end of the file, in which there is no record, looks like what is left of a write that
// did not finish: it is cut off, or the file was made longer and all is zero.
func (r *reader) unfinished(at int64, bad *badRecord) (bool, error) {
	if errors.Is(bad, disk.ErrCut) {
		return true, nil
	}
	for at < r.size {
		b, err := r.view(at, 32<<10)
		if err != nil {
			return false, err
		}
		for _, c := range b {
			if c != 0 {
				return false, nil
			}
		}
		at += int64(len(b))
	}
	return true, nil
}

// recordLength gives the length of the record with this frame header.
func recordLength(head []byte) int64 {
	return disk.FrameHeader + int64(binary.LittleEndian.Uint32(head)) + 1
}

// Scan gives the letters in the directory to f, oldest first, until f returns false, and changes nothing. Another
// process may have the store open; a directory without a store holds no letters.
func Scan(fsys disk.FS, dir string, f func(Entry) bool) (Stats, error) {
	if fsys == nil {
		fsys = disk.OS
	}
	path := filepath.Join(dir, logName)
	file, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return Stats{}, nil
	}
	if err != nil {
		return Stats{}, fmt.Errorf("read the dead letters: %w", err)
	}
	defer file.Close()
	// Read in two passes: of letters with the same ID only the last one is there.
	last := make(map[string]Item)
	place := make(map[string]int64)
	stats := Stats{}
	where, err := scan(file, func(at int64, length int, e *Entry) {
		last[e.ID], place[e.ID] = Item{e.ID, e.Time, int64(length)}, at
	})
	if err != nil && !errors.Is(err, io.EOF) { // made shorter meanwhile
		return Stats{}, fmt.Errorf("read the dead letters in %s: %w", path, err)
	}
	stats.Count, stats.FileBytes, stats.Damaged, stats.CutBytes = len(last), where.size, where.damaged, where.size-where.end
	for _, i := range last {
		stats.Bytes += i.Bytes
	}
	going := true
	_, err = scan(file, func(at int64, _ int, e *Entry) {
		if p, ok := place[e.ID]; going && ok && p == at {
			going = f(*e)
		}
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return stats, fmt.Errorf("read the dead letters in %s: %w", path, err)
	}
	return stats, nil
}
