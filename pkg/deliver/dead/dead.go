// Package dead keeps the alerts that a sink refused, the dead letters of the sink, until somebody takes or drops them.
//
// They lie in one file, to which records are appended. Memory holds only where each of them is, not the alerts. A
// removed record is marked in place; when more than half of the file is such garbage, the rest is written to a new
// file that takes its place.
package dead

import (
	"container/list"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/disk"
)

const (
	logName = "log"
	newName = "log.new"
	// minGarbage is how many bytes of garbage are worth writing the file anew.
	minGarbage = 64 << 10
	// maxDamage bounds Stats.Damage.
	maxDamage = 16
)

// Entry is a dead letter.
type Entry struct {
	// ID is that of the alert. It is there once: a later entry of the same ID takes the place of the earlier one.
	ID    string
	Alert *alert.Alert
	// Reason is why the sink did not get it, for people, at most about 1 KB.
	Reason string
	// Attempts is how often it was sent.
	Attempts int
	// Time is when it was given up, in nanoseconds since the Unix epoch.
	Time int64
}

// Item is what is known of a dead letter without reading it.
type Item struct {
	ID string
	// Time is that of the entry; Bytes is its length on disk.
	Time  int64
	Bytes int64
}

// Stats are the counts of a store. Dropped, Discarded and Damaged count since it was opened.
type Stats struct {
	// Count letters take Bytes; FileBytes is the length of the file, with what was removed.
	Count            int
	Bytes, FileBytes int64
	// Dropped is how many made room for others or were larger than the whole store, Discarded how many Discard removed.
	Dropped, Discarded uint64
	// Damaged is how many stretches of the file could not be read; each held one letter or more. What a write that
	// did not finish left at the end of the file is none of them: CutBytes counts it.
	Damaged  uint64
	CutBytes int64
	// Damage says, in texts with the path, what was found damaged when the store was opened and what was removed since,
	// what it costs, and what was done. It only grows, up to a bound.
	Damage []string
}

// Store holds the dead letters of one sink. It is safe for concurrent use.
type Store struct {
	fs       disk.FS
	dir      string
	maxBytes int64
	held     func() error // nil or that of Guard

	mu      sync.Mutex
	file    disk.File  // nil in memory
	end     int64      // of the records in file
	suspect bool       // a write failed, so the file may hold what the index does not: it is written anew before it is used
	loose   bool       // marks of forgetOnDisk may not be on disk
	order   *list.List // of *item, oldest first
	byID    map[string]*list.Element
	stats   Stats
	closed  bool
}

// item is a live letter: where its record is, or in memory the record itself.
type item struct {
	Item
	at     int64
	record []byte
}

// ErrClosed is the error of a store that is used after Close.
var ErrClosed = errors.New("the store of dead letters is closed")

// Open opens the store in the directory, which is made when it is missing; without a directory the letters are in
// memory. fs nil is the file system of the machine. The live records take maxBytes at most, the file up to twice that.
// A file that is damaged is no error: what can be read is kept, and the rest is in the counts.
func Open(fs disk.FS, dir string, maxBytes int64) (*Store, error) {
	if fs == nil {
		fs = disk.OS
	}
	s := &Store{fs: fs, dir: dir, maxBytes: maxBytes, order: list.New(), byID: make(map[string]*list.Element)}
	if dir == "" {
		return s, nil
	}
	if err := s.open(); err != nil {
		if s.file != nil {
			s.file.Close()
		}
		return nil, fmt.Errorf("open the dead letters in %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) open() error {
	if err := s.fs.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	var err error
	if s.file, err = s.fs.OpenFile(s.path(logName), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	if err := s.recover(); err != nil {
		return err
	}
	s.forgetOnDisk(s.makeRoom(0)) // a smaller limit than last time
	return nil
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// recover reads the file into the index.
func (s *Store) recover() error {
	var older []int64 // records whose place a later one took
	found, err := scan(s.file, func(at int64, length int, e *Entry) {
		if old := s.byID[e.ID]; old != nil {
			older = append(older, old.Value.(*item).at)
			s.forget(old)
		}
		s.keep(&item{Item: Item{e.ID, e.Time, int64(length)}, at: at})
	})
	if err != nil {
		return err
	}
	s.end, s.stats.Damaged, s.stats.CutBytes = found.end, found.damaged, found.size-found.end
	switch {
	case s.stats.Damaged > 0:
		s.damaged("%s is damaged, and %d dead letters or more are lost: %d are left", s.path(logName), s.stats.Damaged, s.order.Len())
	case s.stats.CutBytes > 0:
		s.damaged("the last %d bytes of %s are no whole dead letter, as after a write that did not finish: they are cut off, %d dead letters are left",
			s.stats.CutBytes, s.path(logName), s.order.Len())
	}
	// The next write starts with a file without damage.
	s.suspect = s.stats.Damaged > 0
	if !s.suspect && s.stats.CutBytes > 0 {
		s.suspect = s.file.Truncate(s.end) != nil
	}
	s.forgetOnDisk(older)
	return nil
}

// forgetOnDisk marks records that are not in the index any more. The marks are on disk with the next Sync; should they
// get lost, the next opening finds the records and drops them again.
func (s *Store) forgetOnDisk(offsets []int64) {
	s.loose = s.loose || len(offsets) > 0
	if s.mark(offsets) != nil {
		s.suspect = true
	}
}

// keep and forget change the index.
func (s *Store) keep(i *item) {
	s.byID[i.ID] = s.order.PushBack(i)
	s.stats.Bytes += i.Bytes
}

func (s *Store) forget(e *list.Element) {
	i := s.order.Remove(e).(*item)
	if s.byID[i.ID] == e {
		delete(s.byID, i.ID)
	}
	s.stats.Bytes -= i.Bytes
}

// Add keeps the entries. They are on disk when it returns nil; when it fails, none of them is kept.
func (s *Store) Add(entries ...Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var data []byte
	items := make([]*item, 0, len(entries))
	large := uint64(0)
	for i := range entries {
		start := len(data)
		data = appendRecord(data, &entries[i])
		length := int64(len(data) - start)
		if length > min(s.maxBytes, disk.MaxPayload) {
			data = data[:start]
			large++
			continue
		}
		items = append(items, &item{Item: Item{entries[i].ID, entries[i].Time, length}, at: int64(start)})
	}
	if err := s.usable(); err != nil {
		return fmt.Errorf("keep dead letters: %w", err)
	}
	if len(items) > 0 {
		if err := s.write(data); err != nil {
			return fmt.Errorf("keep dead letters in %s: %w", s.path(logName), err)
		}
	}
	s.stats.Dropped += large
	s.forgetOnDisk(s.place(items, data))
	s.compactIfWorth()
	return nil
}

// usable says whether the store may be written to.
func (s *Store) usable() error {
	if s.closed {
		return ErrClosed
	}
	removed, err := s.removed()
	if err != nil {
		return err
	}
	if !removed && !s.suspect {
		return nil
	}
	if removed {
		if s.held != nil {
			if err := s.held(); err != nil {
				return err
			}
		}
		if err := s.fs.MkdirAll(s.dir, 0o700); err != nil {
			return err
		}
	}
	if err := s.compact(); err != nil {
		return err
	}
	if removed {
		s.damaged("%s was removed or replaced while in use: it was written anew, with all dead letters", s.path(logName))
	}
	return nil
}

// removed says whether the path does not lead to the open file any more: what is written to a file that somebody
// removed is gone when the process ends.
func (s *Store) removed() (bool, error) {
	if s.file == nil {
		return false, nil
	}
	ok, err := s.fs.Leads(s.path(logName), s.file)
	return err == nil && !ok, err
}

// Guard has held, if it is not nil, asked before what somebody removed is written anew: it says why it must not be, as
// another process may have the directory by then.
func (s *Store) Guard(held func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held
}

// Check looks whether the file is where it belongs, and writes it anew if somebody removed it or put another one in its
// place. It should be called now and then; before every change it is done anyway.
func (s *Store) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	removed, err := s.removed()
	if removed {
		err = s.usable()
	}
	if err != nil {
		return fmt.Errorf("keep dead letters in %s: %w", s.path(logName), err)
	}
	return nil
}

// write has the data at the end of the file on disk.
func (s *Store) write(data []byte) error {
	if s.file == nil {
		return nil
	}
	if _, err := s.file.WriteAt(data, s.end); err != nil {
		s.suspect = s.file.Truncate(s.end) != nil
		return err
	}
	if err := s.file.Sync(); err != nil {
		// What the kernel could not write it may have forgotten: a second Sync would say that all is well.
		s.suspect = true
		return err
	}
	s.loose = false
	removed, err := s.removed()
	if removed {
		err = errors.New("the file was removed or replaced while in use")
	}
	return err
}

// place puts the items, whose records are data, into the index. It returns the offsets of the records that made room.
func (s *Store) place(items []*item, data []byte) (gone []int64) {
	for _, i := range items {
		if s.file == nil {
			i.record = append([]byte(nil), data[i.at:i.at+i.Bytes]...)
		}
		i.at += s.end
		if old := s.byID[i.ID]; old != nil {
			gone = append(gone, old.Value.(*item).at)
			s.forget(old)
		}
		gone = append(gone, s.makeRoom(i.Bytes)...)
		s.keep(i)
	}
	if s.file != nil {
		s.end += int64(len(data))
	}
	return gone
}

// makeRoom forgets the oldest letters until another one of so many bytes fits in.
func (s *Store) makeRoom(bytes int64) (gone []int64) {
	for s.stats.Bytes+bytes > s.maxBytes && s.order.Len() > 0 {
		e := s.order.Front()
		gone = append(gone, e.Value.(*item).at)
		s.forget(e)
		s.stats.Dropped++
	}
	return gone
}

// mark writes into the file that the records at the offsets are removed.
func (s *Store) mark(offsets []int64) error {
	if s.file == nil {
		return nil
	}
	for _, at := range offsets {
		var head [disk.FrameHeader]byte
		if _, err := s.file.ReadAt(head[:], at); err != nil {
			return err
		}
		if _, err := s.file.WriteAt([]byte{removed}, at+recordLength(head[:])-1); err != nil {
			return err
		}
	}
	return nil
}

// List gives what is there, oldest first.
func (s *Store) List() []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := make([]Item, 0, s.order.Len())
	for e := s.order.Front(); e != nil; e = e.Next() {
		items = append(items, e.Value.(*item).Item)
	}
	return items
}

// Get reads a letter. An ID that is not there is fs.ErrNotExist; a record that cannot be read any more is another error.
func (s *Store) Get(id string) (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Entry{}, ErrClosed
	}
	e := s.byID[id]
	if e == nil {
		return Entry{}, fmt.Errorf("dead letter %q: %w", id, fs.ErrNotExist)
	}
	record, err := s.read(e.Value.(*item))
	if err != nil {
		return Entry{}, fmt.Errorf("read dead letter %s: %w", id, err)
	}
	payload, _, err := disk.NextFrame(record)
	if err != nil {
		return Entry{}, fmt.Errorf("read dead letter %s: %w", id, err)
	}
	return decode(payload)
}

// read gives the record of an item.
func (s *Store) read(i *item) ([]byte, error) {
	if i.record != nil {
		return i.record, nil
	}
	record := make([]byte, i.Bytes)
	if n, err := s.file.ReadAt(record, i.at); n < len(record) {
		return nil, err
	}
	return record, nil
}

// Remove removes the letters of the IDs and says how many there were. It needs no room on the disk. They are gone for
// good when it returns nil; when it fails, they may be back after a restart and count as being there.
func (s *Store) Remove(ids ...string) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return 0, fmt.Errorf("remove dead letters: %w", err)
	}
	there := make([]*list.Element, 0, len(ids))
	offsets := make([]int64, 0, len(ids))
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if e := s.byID[id]; e != nil && !seen[id] {
			seen[id] = true
			there = append(there, e)
			offsets = append(offsets, e.Value.(*item).at)
		}
	}
	if len(there) == 0 {
		return 0, nil
	}
	if err := s.markOnDisk(offsets); err != nil {
		s.suspect = true
		return 0, fmt.Errorf("remove dead letters from %s: %w", s.path(logName), err)
	}
	for _, e := range there {
		s.forget(e)
	}
	s.compactIfWorth()
	return len(there), nil
}

// markOnDisk has the marks on disk. Those of older records of the same letters are there before: without the newest one,
// the next opening would take another for it.
func (s *Store) markOnDisk(offsets []int64) error {
	if s.file == nil {
		return nil
	}
	if s.loose {
		if err := s.file.Sync(); err != nil {
			return err
		}
		s.loose = false
	}
	if err := s.mark(offsets); err != nil {
		return err
	}
	return s.file.Sync()
}

// Discard is Remove of letters that nobody wants, which are counted as Discarded.
func (s *Store) Discard(ids ...string) (n int, err error) {
	n, err = s.Remove(ids...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Discarded += uint64(n)
	return n, err
}

// Stats gives the counts.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.stats
	c.Count, c.FileBytes, c.Damage = s.order.Len(), s.end, slices.Clone(s.stats.Damage)
	return c
}

// damaged adds a text to Stats.Damage.
func (s *Store) damaged(format string, args ...any) {
	if len(s.stats.Damage) < maxDamage {
		s.stats.Damage = append(s.stats.Damage, fmt.Sprintf(format, args...))
	}
}

// Close closes the file. Everything that was added is on disk.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
