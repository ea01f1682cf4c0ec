package deliver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// lockName is the file in the data directory whose lock says that a process uses it. It holds the number of that
// process for people.
const lockName = "lock"

// takeLock takes the lock of the data directory. It is held until the file is closed or the process ends, however it
// ends.
func takeLock(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := disk.OpenRegular(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := flock(f); err != nil {
		holder := holderOf(f)
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("the data directory %s is in use by %s: stop it, or give this one another data_dir", dir, holder)
		}
		return nil, fmt.Errorf("lock the data directory: flock %s: %w", path, err)
	}
	if !leadsTo(f) { // removed since it was opened: whoever opens it now gets another file
		f.Close()
		return takeLock(dir)
	}
	// The number is for people only: that it cannot be written, as on a full disk, is no reason not to start.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// lock is the lock of the data directory while it is used. A nil one is always held.
type lock struct {
	dir    string
	mu     sync.Mutex
	file   *os.File // nil after Close
	looked time.Time
	err    error // of the last look
}

// lockPause is the least time between two looks of hold.
const lockPause = time.Second

// hold is check, at most once a second.
func (l *lock) hold() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.looked) >= lockPause {
		l.look()
	}
	return l.err
}

// check says whether this process still has the lock. If somebody removed the file, another process could start on the
// directory: then the lock is taken anew, unless that other process has it.
func (l *lock) check() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
	return l.err
}

func (l *lock) look() {
	l.looked, l.err = time.Now(), nil
	if l.file == nil || leadsTo(l.file) {
		return
	}
	err := disk.OS.MkdirAll(l.dir, 0o700)
	var file *os.File
	if err == nil {
		file, err = takeLock(l.dir)
	}
	if err != nil {
		l.err = fmt.Errorf("the lock of the data directory was removed while in use: %w", err)
		return
	}
	l.file.Close()
	l.file = file
}

// leadsTo says whether the path of a file leads to it still.
func leadsTo(f *os.File) bool {
	there, err := os.Lstat(f.Name())
	if err != nil {
		return false
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(there, open)
}

// Close gives the lock up.
func (l *lock) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

func flock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// holderOf says which process has the lock.
func holderOf(f *os.File) string {
	var b [32]byte
	n, _ := f.ReadAt(b[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid <= 0 {
		return "another process"
	}
	return "process " + strconv.Itoa(pid)
}

// openToOthers gives the warning that users other than that of the process may write to the data directory, or "".
func openToOthers(dir string) string {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o022 == 0 {
		return ""
	}
	return fmt.Sprintf("the data directory %s has mode %#o, so other users may remove and replace alerts in it: chmod 700 %[1]s", dir, info.Mode().Perm())
}
