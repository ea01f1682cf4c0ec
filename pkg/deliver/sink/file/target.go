package file

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/disk"
	"github.com/saker-security/saker/pkg/deliver/sink/lines"
	"github.com/saker-security/saker/pkg/deliver/sink/stdout"
)

// errNoReader is the error of a FIFO that nobody reads at the moment.
var errNoReader = errors.New("no program reads this FIFO")

// target is the open file.
type target struct {
	file *os.File
	info fs.FileInfo
	// fixed is set for a descriptor: nothing that happens at the path replaces it.
	fixed bool
	// stream writes to what is not a regular file; nil for one that is.
	stream *stdout.Sink

	size  int64     // in bytes, after the last line that was written here
	began time.Time // when the first line was written
	// unended is set when the last line may lack its end.
	unended bool
}

// descriptor is the form of a path that names an open descriptor of a process.
var descriptor = regexp.MustCompile(`^(?:/dev/fd|/proc/(self|\d+)/fd)/(\d+)$`)

// ownDescriptor gives the descriptor of this process that a path names.
func ownDescriptor(path string) (int, bool) {
	switch path {
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	m := descriptor.FindStringSubmatch(path)
	if m == nil || m[1] != "" && m[1] != "self" && m[1] != strconv.Itoa(os.Getpid()) {
		return 0, false
	}
	fd, err := strconv.Atoi(m[2])
	return fd, err == nil
}

// open opens what is at the path for appending, or makes a file with mode 0600.
func open(path string, render deliver.Render) (*target, error) {
	t := &target{unended: true}
	var err error
	if fd, ok := ownDescriptor(path); ok {
		t.fixed = true
		// Opening the path would not do for a socket, such as the one that systemd gives for standard output.
		if fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3); err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		t.file = os.NewFile(uintptr(fd), path)
	} else {
		t.fixed = descriptor.MatchString(path)
		if t.file, err = openPath(path, t.fixed); err != nil {
			return nil, err
		}
	}
	if err = t.begin(path, render); err != nil {
		_ = t.file.Close() // the first error is the one to tell
		return nil, err
	}
	return t, nil
}

// openPath opens a path, with a symbolic link at its end only where follow is set.
func openPath(path string, follow bool) (*os.File, error) {
	flags := os.O_RDWR | os.O_CREATE | unix.O_NOFOLLOW
	stat := os.Lstat
	if follow {
		flags, stat = os.O_WRONLY, os.Stat
	}
	info, err := stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		if err := refuse(path, info.Mode()); err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			flags = flags&^(os.O_RDWR|os.O_CREATE) | os.O_WRONLY
		}
	}
	// O_NONBLOCK: opening a FIFO that nobody reads fails instead of waiting, and writing to a full one can be ended.
	file, err := os.OpenFile(path, flags|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY, 0o600)
	switch {
	case errors.Is(err, unix.ENXIO) && info != nil && info.Mode()&fs.ModeNamedPipe != 0:
		return nil, &fs.PathError{Op: "open", Path: path, Err: errNoReader}
	case errors.Is(err, unix.ELOOP):
		return nil, refuse(path, fs.ModeSymlink)
	}
	return file, err
}

// refuse tells why alerts are not written to such a file.
func refuse(path string, mode fs.FileMode) error {
	var what string
	switch {
	case mode&fs.ModeSymlink != 0:
		return fmt.Errorf("alerts are not written to %s: it is a symbolic link, which is not followed; give the path of the file itself", path)
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0:
		what = "a block device"
	default:
		return nil
	}
	return fmt.Errorf("alerts are not written to %s: it is %s", path, what)
}

// begin finds out what was opened.
func (t *target) begin(path string, render deliver.Render) (err error) {
	if t.info, err = t.file.Stat(); err != nil {
		return err
	}
	if !t.fixed { // what is at the path may be another thing than a moment ago
		if err = refuse(path, t.info.Mode()); err != nil {
			return err
		}
	}
	if t.fixed || !t.info.Mode().IsRegular() {
		t.stream, err = stdout.New(t.file, stdout.Settings{Buffered: true}, render)
		return err
	}
	if t.size = t.info.Size(); t.size > 0 {
		t.began = birth(t.file, time.Now())
		return nil
	}
	// A new file is lost with the power as long as its directory is not on disk. Where we may make files but not read
	// the directory, there is no way to sync it.
	if err = disk.OS.SyncDir(filepath.Dir(path)); errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// moved tells whether the path leads to another file now, or to none.
func (t *target) moved(path string) bool {
	if t.fixed {
		return false
	}
	info, err := os.Lstat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return !os.SameFile(info, t.info)
}

// errRemoved is the error of lines that went with their file.
var errRemoved = errors.New("the file was removed while alerts were written to it")

// removed tells whether the file has no name any more.
func (t *target) removed() bool {
	info, err := t.file.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}

// look takes note of what others did to the file.
func (t *target) look() error {
	if t.stream != nil {
		return nil
	}
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < t.size { // its content was copied elsewhere
		t.began = time.Now()
	}
	t.unended = t.unended || info.Size() != t.size
	t.size = info.Size()
	return nil
}

// mend ends a line that was cut off when the program or the machine stopped, so that it does not spoil the next one. The
// alert of that line is not delivered, so it comes again: where one of the lines to write begins with what is there, the
// line is completed, and every line in the file is whole. Nothing is cut off, because programs that follow the file take
// one that got shorter for a new one. It tells how many of the lines, 0 or 1, are in the file by that, and whether a part
// stays that is none of them.
func (t *target) mend(l *lines.Lines) (done int, part bool, err error) {
	if !t.unended || t.size == 0 || l.Len() == 0 {
		return 0, false, nil
	}
	rest, err := t.lastLine(l.Longest())
	if err != nil {
		return 0, false, err
	}
	if len(rest) > 0 {
		end := []byte{'\n'}
		part = true
		for i := range l.Len() {
			if text := l.Line(i); bytes.HasPrefix(text, rest) {
				end, part = text[len(rest):], false
				if i == 0 {
					done = 1
				}
				break
			}
		}
		n, err := t.file.Write(end)
		t.size += int64(n)
		if err != nil {
			return 0, false, err
		}
	}
	t.unended = false
	return done, part, nil
}

// lastLine gives what is behind the last line break, its last bytes where it is longer.
func (t *target) lastLine(most int) ([]byte, error) {
	rest := make([]byte, min(int64(most), t.size))
	if _, err := t.file.ReadAt(rest, t.size-int64(len(rest))); err != nil {
		return nil, err
	}
	if at := bytes.LastIndexByte(rest, '\n'); at >= 0 || int64(len(rest)) == t.size {
		return rest[at+1:], nil
	}
	return rest, nil
}

// append writes the lines from one index to another with one call and tells how many are whole in the file. Part of a
// line that did not fit is taken back.
func (t *target) append(l *lines.Lines, from, to int) (int, error) {
	if t.size == 0 {
		t.began = time.Now()
	}
	start := l.End(from)
	n, err := t.file.Write(l.Text[start:l.End(to)])
	t.size += int64(n)
	if err == nil {
		return to - from, nil
	}
	whole := l.Whole(start + n)
	if part := start + n - l.End(whole); part > 0 {
		t.takeBack(int64(part))
	}
	return whole - from, err
}

// takeBack cuts off the last bytes that were written. If the file does not end with them any more, or cannot be cut,
// the next batch mends the line.
func (t *target) takeBack(part int64) {
	t.unended = true
	info, err := t.file.Stat()
	if err == nil && info.Size() == t.size && t.file.Truncate(t.size-part) == nil {
		t.size -= part
	}
}

func (t *target) close() {
	if t.stream != nil {
		_ = t.stream.Close() // it holds nothing of its own
	}
	_ = t.file.Close() // what counts was synced
}
