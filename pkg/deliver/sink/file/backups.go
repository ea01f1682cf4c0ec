package file

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// backups are the files that were moved away: NAME-TIME-N, with .gz when they are compressed and .gz.tmp while they
// are being compressed. Compressing may stop at any time: the plain file is removed when the other is whole on disk.
type backups struct {
	path     string
	keep     int
	compress bool
	warn     func(error)
	wake     chan struct{}

	stamp string // of the last file that was moved, and its number
	n     int
}

const stampLayout = "20060102T150405Z"

var backupName = regexp.MustCompile(`^(\d{8}T\d{6}Z)-(\d{1,9})(\.gz)?(\.tmp)?$`)

func newBackups(s Settings, warn func(error)) *backups {
	return &backups{path: s.Path, keep: s.MaxBackups, compress: s.Compress, warn: warn, wake: make(chan struct{}, 1)}
}

// move renames the file to a name that is free and sorts behind those before. That the new name is on disk is seen to
// when the next file is begun: it is in the same directory.
func (b *backups) move() error {
	// A clock that was set back must not make a new file look old.
	if stamp := time.Now().UTC().Format(stampLayout); stamp > b.stamp {
		b.stamp, b.n = stamp, 0
	}
	for {
		b.n++
		name := fmt.Sprintf("%s-%s-%d", b.path, b.stamp, b.n)
		free, err := isFree(name)
		if err != nil {
			return err
		}
		if free {
			return os.Rename(b.path, name)
		}
	}
}

// isFree tells whether nothing has a name, compressed or not.
func isFree(name string) (bool, error) {
	for _, n := range []string{name, name + ".gz"} {
		if _, err := os.Lstat(n); !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return true, nil
}

// tidySoon has run look at the files.
func (b *backups) tidySoon() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run compresses and removes files until stop is closed.
func (b *backups) run(stop <-chan struct{}) {
	b.tidySoon() // what was left by a stop of the program
	for {
		select {
		case <-stop:
			return
		case <-b.wake:
		}
		if err := b.tidy(stop); err != nil && !errors.Is(err, errStopped) {
			b.warn(fmt.Errorf("tidy the rotated files of alerts: %w", err))
		}
	}
}

// backup is one file that was moved away; plain and packed tell in which forms it is there.
type backup struct {
	name          string // without .gz
	stamp         string
	n             int
	plain, packed bool
}

// tidy removes the files that are too many and compresses the others. It does what it can and gives all errors.
func (b *backups) tidy(stop <-chan struct{}) error {
	all, err := b.list()
	if err != nil {
		return err
	}
	surplus := 0
	if b.keep > 0 {
		surplus = max(len(all)-b.keep, 0)
	}
	var failed []error
	for i, f := range all {
		switch {
		case i < surplus:
			failed = append(failed, remove(f.plain, f.name), remove(f.packed, f.name+".gz"))
		case f.plain && f.packed:
			failed = append(failed, os.Remove(f.name)) // it was to be removed next when the program stopped
		case f.plain && b.compress:
			if err := pack(f.name, stop); errors.Is(err, errStopped) {
				return err
			} else if err != nil {
				failed = append(failed, err)
			}
		}
	}
	return errors.Join(failed...)
}

func remove(there bool, name string) error {
	if !there {
		return nil
	}
	return os.Remove(name)
}

// list finds the files, the oldest first, and removes what an unfinished compression left behind.
func (b *backups) list() ([]backup, error) {
	entries, err := os.ReadDir(filepath.Dir(b.path))
	if err != nil {
		return nil, err
	}
	found := map[string]*backup{}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(b.path)+"-")
		m := backupName.FindStringSubmatch(rest)
		if !ok || m == nil || !e.Type().IsRegular() {
			continue
		}
		if m[4] != "" {
			if err := os.Remove(filepath.Join(filepath.Dir(b.path), e.Name())); err != nil {
				return nil, err
			}
			continue
		}
		f := found[m[1]+m[2]]
		if f == nil {
			n, _ := strconv.Atoi(m[2]) // nine digits at most
			f = &backup{name: fmt.Sprintf("%s-%s-%s", b.path, m[1], m[2]), stamp: m[1], n: n}
			found[m[1]+m[2]] = f
		}
		if m[3] == "" {
			f.plain = true
		} else {
			f.packed = true
		}
	}
	all := make([]backup, 0, len(found))
	for _, f := range found {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b backup) int {
		return cmp.Or(strings.Compare(a.stamp, b.stamp), cmp.Compare(a.n, b.n))
	})
	return all, nil
}

// errStopped ends a compression when the sink is closed.
var errStopped = errors.New("stopped")

// stoppable reads until stop is closed.
type stoppable struct {
	io.Reader
	stop <-chan struct{}
}

func (s stoppable) Read(p []byte) (int, error) {
	select {
	case <-s.stop:
		return 0, errStopped
	default:
		return s.Reader.Read(p)
	}
}

// pack compresses a file and removes it.
func pack(name string, stop <-chan struct{}) error {
	in, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	temporary := name + ".gz.tmp"
	out, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, stoppable{in, stop})
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = out.Sync()
	}
	if failed := out.Close(); err == nil {
		err = failed
	}
	if err == nil {
		err = os.Rename(temporary, name+".gz")
	}
	if err != nil {
		_ = os.Remove(temporary) // list does it otherwise
		return err
	}
	if err := disk.OS.SyncDir(filepath.Dir(name)); err != nil {
		return err
	}
	return os.Remove(name)
}
