package dead

import (
	"io"
	"os"
)

// compactIfWorth writes the file anew when more than half of it is garbage. That it fails, as on a full disk, harms
// nothing: the file is as good as before, and the next removal tries again.
func (s *Store) compactIfWorth() {
	if s.file == nil || s.end-s.stats.Bytes < max(s.stats.Bytes, minGarbage) {
		return
	}
	if s.order.Len() == 0 {
		// This takes no room, so it works on a full disk. The marks are in the file should it not last.
		if err := s.file.Truncate(0); err == nil {
			s.end = 0
		}
		return
	}
	_ = s.compact()
}

// compact writes the live records to a new file that takes the place of the old one.
func (s *Store) compact() (err error) {
	f, err := s.fs.OpenFile(s.path(newName), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	offsets, end, err := s.copyTo(f)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		// An error does not say which of the two files has the name now.
		err = s.fs.Rename(s.path(newName), s.path(logName))
		s.suspect = s.suspect || err != nil
	}
	if err != nil {
		f.Close()
		_ = s.fs.Remove(s.path(newName))
		return err
	}
	// From here on the new file is the log of whoever opens it next.
	s.file.Close()
	s.file, s.end, s.loose = f, end, false
	for i, e := 0, s.order.Front(); e != nil; i, e = i+1, e.Next() {
		e.Value.(*item).at = offsets[i]
	}
	// Should the directory not be on disk, a loss of power brings the old file back, which lacks what is added from
	// now on: nothing is added before it is.
	err = s.fs.SyncDir(s.dir)
	s.suspect = err != nil
	return err
}

// copyTo writes the live records and gives their offsets, in order, and where they end.
func (s *Store) copyTo(f io.WriterAt) (offsets []int64, end int64, err error) {
	const chunk = 1 << 20
	buf := make([]byte, 0, chunk)
	flush := func() error {
		_, err := f.WriteAt(buf, end)
		end += int64(len(buf))
		buf = buf[:0]
		return err
	}
	for e := s.order.Front(); e != nil; e = e.Next() {
		record, err := s.read(e.Value.(*item))
		if err != nil {
			return nil, 0, err
		}
		offsets = append(offsets, end+int64(len(buf)))
		buf = append(buf, record...)
		buf[len(buf)-1] = live // the mark of a removal that failed
		if len(buf) >= chunk {
			if err := flush(); err != nil {
				return nil, 0, err
			}
		}
	}
	return offsets, end, flush()
}
