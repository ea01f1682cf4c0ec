package follow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"
)

// positionVersion is the version of the form of the position.
const positionVersion = 1

// position is what is kept of a log from one run of the program to the next.
type position struct {
	Version int    `json:"version"`
	Path    string `json:"path"`
	Files   []kept `json:"files"`
}

// kept is what is kept of a file.
type kept struct {
	Path   string `json:"path"`
	ID     inode  `json:"id"`
	Head   head   `json:"head"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
	Packed bool   `json:"packed,omitempty"`
	Done   bool   `json:"done,omitempty"`
}

// load reads the position. One that cannot be used is told, and everything is read from its start.
func (f *Follower) load() {
	f.started, f.fresh = true, true
	if f.o.Once || f.o.Position == "" || len(f.files) > 0 {
		f.fresh = len(f.files) == 0
		return
	}
	data, err := os.ReadFile(f.o.Position)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var p position
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err == nil && p.Version != positionVersion {
		err = fmt.Errorf("its version is %d instead of %d", p.Version, positionVersion)
	}
	f.fresh = false
	if err != nil {
		f.o.Log.Error("the position in the audit log cannot be used, so that all files are read from their start", zap.String("position", f.o.Position), zap.Error(err))
		return
	}
	for _, k := range p.Files {
		f.files = append(f.files, &file{path: k.Path, id: k.ID, head: k.Head, offset: max(k.Offset, 0), size: k.Size, packed: k.Packed, done: k.Done,
			missing: f.now(), lines: f.newLines()})
	}
}

// save keeps the position if it changed. That it cannot costs no event: those after the last position that was kept are
// read again.
func (f *Follower) save() {
	if !f.dirty || f.o.Once || f.o.Position == "" {
		return
	}
	p := position{Version: positionVersion, Path: f.o.Path}
	for _, t := range f.files {
		p.Files = append(p.Files, kept{t.path, t.id, t.head, t.offset, t.size, t.packed, t.done})
	}
	err := p.write(f.o.Position, f.sync)
	f.dirty = err != nil
	f.count(func(s *Stats) {
		failure := ""
		if err != nil {
			failure = err.Error()
		}
		if failure != s.SaveFailure && failure != "" {
			f.o.Log.Error("the position in the audit log cannot be kept; after the next start some events are read again", zap.Error(err))
		}
		s.SaveFailure = failure
	})
}

// write replaces the file as a whole and has it on disk.
func (p *position) write(path string, sync func(*os.File) error) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	next := path + ".new"
	out, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(append(data, '\n'))
	if err == nil {
		err = sync(out)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return sync(d)
}
