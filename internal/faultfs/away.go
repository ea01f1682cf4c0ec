package faultfs

import (
	"path/filepath"
	"strings"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// RemoveAll takes a directory with everything in it away, safe at once, while files in it may be open: as somebody does
// who cleans up. It is no call that counts.
func (f *FS) RemoveAll(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path = filepath.Clean(path)
	in := func(p string) bool { return p == path || strings.HasPrefix(p, path+"/") }
	for p := range f.files {
		if in(p) {
			delete(f.files, p)
		}
	}
	for p := range f.safe {
		if in(p) {
			delete(f.safe, p)
		}
	}
	for p := range f.dirs {
		if in(p) {
			delete(f.dirs, p)
		}
	}
	kept := f.names[:0]
	for _, n := range f.names {
		if !in(n.from) && !in(n.to) {
			kept = append(kept, n)
		}
	}
	f.names = kept
}

// Leads is as in disk.FS.
func (f *FS) Leads(path string, open disk.File) (bool, error) {
	path = filepath.Clean(path)
	if err := f.enter(Op{Kind: Leads, Path: path}); err != nil {
		return false, err
	}
	defer f.mu.Unlock()
	n := f.files[path]
	return n != nil && n == open.(*file).node, nil
}

// Capacity is what Space was last set to, 0 without a bound.
func (f *FS) Capacity(string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.space, 0)
}
