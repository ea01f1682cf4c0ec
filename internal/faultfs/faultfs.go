// Package faultfs is a file system in memory for tests of what disks do to programs. It knows what would be left after
// a loss of power: the bytes of a file are safe after Sync, its name after SyncDir, and everything else may be there,
// half there or not. Every call can be made to fail, to stop half-way or to take long.
package faultfs

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// The kinds of operations. Closing a file is none.
const (
	Open     = "open" // of a file that is there
	Create   = "create"
	Read     = "read"
	Write    = "write"
	Sync     = "sync"
	Truncate = "truncate"
	Allocate = "allocate"
	Size     = "size"
	Mkdir    = "mkdir"
	Rename   = "rename"
	Remove   = "remove"
	ReadDir  = "readdir"
	SyncDir  = "syncdir"
	Leads    = "leads"
)

// Op is one call.
type Op struct {
	N    int // counts all calls from 1
	Kind string
	Path string
	// Off and Len say which bytes are read or written.
	Off int64
	Len int
}

// Changes says whether the call changes what is on disk or what will be after a loss of power.
func (o Op) Changes() bool {
	return o.Kind != Open && o.Kind != Read && o.Kind != Size && o.Kind != ReadDir && o.Kind != Leads
}

// Short is the error of a hook that has a write stop after N bytes.
type Short struct {
	N   int
	Err error
}

func (s *Short) Error() string { return s.Err.Error() }

// Unwrap gives the cause.
func (s *Short) Unwrap() error { return s.Err }

// ErrCrashed is the error of every call after a crash.
var ErrCrashed = errors.New("the machine has crashed")

// FS is the file system. It starts with the directory "/".
type FS struct {
	mu    sync.Mutex
	hook  func(Op) error
	ops   int
	last  int   // no call after this one succeeds, 0 for no end
	space int64 // bytes there is room for, negative for no end
	files map[string]*node
	dirs  map[string]bool
	safe  map[string]*node // files by the names that are safe
	names []naming         // that are not safe, in order
}

// naming is a change of names: node gets the name to ("" for none), the name from is gone.
type naming struct {
	from, to string
	node     *node
}

// node is a file without its name.
type node struct {
	data    []byte
	safe    []byte
	changes []change // that are not safe, in order
}

// change is a write, or the file got a new length.
type change struct {
	off  int64
	data []byte
	size int64 // the new length if data is nil
}

// New makes an empty file system.
func New() *FS {
	return &FS{space: -1, files: map[string]*node{}, dirs: map[string]bool{"/": true}, safe: map[string]*node{}}
}

var _ disk.FS = (*FS)(nil)

// Hook has f called before every call. If f returns an error, so does the call, and nothing happens; but a Sync that
// fails loses what it should have kept, as the page cache of Linux does: the next Sync succeeds and the bytes can be
// read, but they are not safe. f may wait.
func (f *FS) Hook(hook func(Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

// CrashAfter has every call behind the n-th fail with ErrCrashed.
func (f *FS) CrashAfter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = n
	if n <= 0 {
		f.last = -1
	}
}

// Ops is how many calls there were.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// Space bounds the bytes of all files together; negative for no bound. What is there already stays.
func (f *FS) Space(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.space = bytes
}

// Used is how many bytes the files have.
func (f *FS) Used() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used()
}

func (f *FS) used() (sum int64) {
	for _, n := range f.files {
		sum += int64(len(n.data))
	}
	return sum
}

// Kill gives the file system as the next process finds it after this one was killed: everything is there. What was
// not safe is not safe there either. This one must not be used after it.
func (f *FS) Kill() *FS {
	f.CrashAfter(-1)
	f.mu.Lock()
	defer f.mu.Unlock()
	after := New()
	after.files, after.dirs, after.safe, after.names = f.files, f.dirs, f.safe, f.names
	return after
}

// PowerLoss gives the file system as it may be after power is lost. What was not safe is lost if random is nil, else
// each change of a file and of a name is there, half there or not by chance.
func (f *FS) PowerLoss(random *rand.Rand) *FS {
	f.CrashAfter(-1)
	return f.after(random)
}

// Safe gives the file system as it would be if power were lost now and nothing were left that is not safe. This one
// goes on.
func (f *FS) Safe() *FS { return f.after(nil) }

func (f *FS) after(random *rand.Rand) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	after := New()
	after.dirs = maps.Clone(f.dirs)
	names := maps.Clone(f.safe)
	for _, n := range f.names {
		if random != nil && random.IntN(2) == 0 {
			n.apply(names)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		data := names[path].left(random)
		kept := &node{data: data, safe: slices.Clone(data)}
		after.files[path], after.safe[path] = kept, kept
	}
	return after
}

// left is what is in a file after a loss of power.
func (n *node) left(random *rand.Rand) []byte {
	data := slices.Clone(n.safe)
	if random == nil {
		return data
	}
	for _, c := range n.changes {
		switch random.IntN(4) {
		case 0, 1:
			data = c.apply(data)
		case 2:
			if len(c.data) > 0 {
				c.data = c.data[:random.IntN(len(c.data))]
				data = c.apply(data)
			}
		}
	}
	return data
}

// Clone gives a file system with the same files, all of them safe.
func (f *FS) Clone() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	after := New()
	after.dirs = maps.Clone(f.dirs)
	for path, n := range f.files {
		kept := &node{data: slices.Clone(n.data), safe: slices.Clone(n.data)}
		after.files[path], after.safe[path] = kept, kept
	}
	return after
}

// Files lists the paths of all files.
func (f *FS) Files() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.files))
}

// Get gives the bytes of a file, nil if there is none.
func (f *FS) Get(path string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.files[filepath.Clean(path)]; n != nil {
		return slices.Clone(n.data)
	}
	return nil
}

// Put makes a file with these bytes, safe at once, and the directories above it.
func (f *FS) Put(path string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path = filepath.Clean(path)
	for dir := filepath.Dir(path); !f.dirs[dir]; dir = filepath.Dir(dir) {
		f.dirs[dir] = true
	}
	n := &node{data: slices.Clone(data), safe: slices.Clone(data)}
	f.files[path], f.safe[path] = n, n
}

// enter counts a call and asks the hook. The lock is held when it returns nil.
func (f *FS) enter(op Op) error {
	f.mu.Lock()
	f.ops++
	op.N = f.ops
	hook := f.hook
	f.mu.Unlock()
	var err error
	if hook != nil {
		err = hook(op)
	}
	f.mu.Lock()
	if f.last != 0 && op.N > f.last {
		err = ErrCrashed
	}
	if err != nil {
		f.mu.Unlock()
		return &fs.PathError{Op: op.Kind, Path: op.Path, Err: err}
	}
	return nil
}

// OpenFile is as in disk.FS. Reading and writing are not told apart.
func (f *FS) OpenFile(path string, flag int, _ fs.FileMode) (disk.File, error) {
	path = filepath.Clean(path)
	kind := Open
	f.mu.Lock()
	if f.files[path] == nil && flag&os.O_CREATE != 0 {
		kind = Create
	}
	f.mu.Unlock()
	if err := f.enter(Op{Kind: kind, Path: path}); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	n := f.files[path]
	switch {
	case f.dirs[path] && n == nil:
		return nil, &fs.PathError{Op: kind, Path: path, Err: syscall.EISDIR}
	case n != nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, &fs.PathError{Op: kind, Path: path, Err: fs.ErrExist}
	case n == nil && (flag&os.O_CREATE == 0 || !f.dirs[filepath.Dir(path)]):
		return nil, &fs.PathError{Op: kind, Path: path, Err: fs.ErrNotExist}
	case n == nil && f.space == 0:
		return nil, &fs.PathError{Op: kind, Path: path, Err: syscall.ENOSPC}
	case n == nil:
		n = &node{}
		f.rename(naming{to: path, node: n})
	case flag&os.O_TRUNC != 0:
		n.do(change{})
	}
	return &file{fs: f, node: n, path: path}, nil
}

// rename does a change of names that is not safe yet.
func (f *FS) rename(n naming) {
	n.apply(f.files)
	f.names = append(f.names, n)
}

func (n naming) apply(files map[string]*node) {
	if n.from != "" {
		delete(files, n.from)
	}
	if n.to != "" {
		files[n.to] = n.node
	}
}

// MkdirAll is as in disk.FS.
func (f *FS) MkdirAll(path string, _ fs.FileMode) error {
	path = filepath.Clean(path)
	if err := f.enter(Op{Kind: Mkdir, Path: path}); err != nil {
		return err
	}
	defer f.mu.Unlock()
	for dir := path; !f.dirs[dir]; dir = filepath.Dir(dir) {
		if f.files[dir] != nil {
			return &fs.PathError{Op: Mkdir, Path: dir, Err: syscall.ENOTDIR}
		}
		f.dirs[dir] = true
	}
	return nil
}

// Rename is as in disk.FS.
func (f *FS) Rename(from, to string) error {
	from, to = filepath.Clean(from), filepath.Clean(to)
	if err := f.enter(Op{Kind: Rename, Path: from}); err != nil {
		return err
	}
	defer f.mu.Unlock()
	n := f.files[from]
	if n == nil || !f.dirs[filepath.Dir(to)] {
		return &fs.PathError{Op: Rename, Path: from, Err: fs.ErrNotExist}
	}
	f.rename(naming{from: from, to: to, node: n})
	return nil
}

// Remove is as in disk.FS.
func (f *FS) Remove(path string) error {
	path = filepath.Clean(path)
	if err := f.enter(Op{Kind: Remove, Path: path}); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if f.files[path] == nil {
		return &fs.PathError{Op: Remove, Path: path, Err: fs.ErrNotExist}
	}
	f.rename(naming{from: path})
	return nil
}

// ReadDir is as in disk.FS.
func (f *FS) ReadDir(path string) ([]fs.DirEntry, error) {
	path = filepath.Clean(path)
	if err := f.enter(Op{Kind: ReadDir, Path: path}); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if !f.dirs[path] {
		return nil, &fs.PathError{Op: ReadDir, Path: path, Err: fs.ErrNotExist}
	}
	var list []fs.DirEntry
	for p, n := range f.files {
		if filepath.Dir(p) == path {
			list = append(list, entry{name: filepath.Base(p), size: int64(len(n.data))})
		}
	}
	for p := range f.dirs {
		if p != "/" && filepath.Dir(p) == path {
			list = append(list, entry{name: filepath.Base(p), dir: true})
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// SyncDir is as in disk.FS.
func (f *FS) SyncDir(path string) error {
	path = filepath.Clean(path)
	if err := f.enter(Op{Kind: SyncDir, Path: path}); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if !f.dirs[path] {
		return &fs.PathError{Op: SyncDir, Path: path, Err: fs.ErrNotExist}
	}
	left := f.names[:0]
	for _, n := range f.names {
		if n.from != "" && filepath.Dir(n.from) == path || n.to != "" && filepath.Dir(n.to) == path {
			n.apply(f.safe)
		} else {
			left = append(left, n)
		}
	}
	f.names = left
	return nil
}

// entry is what ReadDir gives.
type entry struct {
	name string
	size int64
	dir  bool
}

func (e entry) Name() string { return e.name }
func (e entry) IsDir() bool  { return e.dir }
func (e entry) Type() fs.FileMode {
	if e.dir {
		return fs.ModeDir
	}
	return 0
}
func (e entry) Info() (fs.FileInfo, error) { return e, nil }
func (e entry) Size() int64                { return e.size }
func (e entry) Mode() fs.FileMode          { return e.Type() | 0o600 }
func (e entry) ModTime() time.Time         { return time.Time{} }
func (e entry) Sys() any                   { return nil }
