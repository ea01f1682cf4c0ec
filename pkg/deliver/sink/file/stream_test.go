package file_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/file"
	"github.com/saker-security/saker/pkg/deliver/sink/sinktest"
)

// TestFIFO: without a reader alerts wait and nothing hangs; each reader gets whole lines.
func TestFIFO(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		must(t, unix.Mkfifo(s.Path, 0o600))
		sink := open(t, s)
		for range 2 {
			if err := sink.Send(t.Context(), sinktest.Batch(0, 1)); err == nil || !strings.Contains(err.Error(), "no program reads this FIFO") {
				t.Fatalf("error %v", err)
			}
			must(t, sink.Reopen())
			reader, err := os.OpenFile(s.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
			must(t, err)
			lines := bufio.NewReader(reader)
			for i := range 3 {
				send(t, sink, i, 1)
				if line, err := lines.ReadString('\n'); err != nil || line != text(i, 1) {
					t.Errorf("read %q, %v", line, err)
				}
			}
			must(t, reader.Close())
			if err := sink.Send(t.Context(), sinktest.Batch(3, 1)); !errors.Is(err, unix.EPIPE) {
				t.Errorf("error %v", err)
			}
		}
	})
}

// TestFullFIFO: a reader that does not read makes Send end with its context, and misses and repeats nothing later.
func TestFullFIFO(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		must(t, unix.Mkfifo(s.Path, 0o600))
		reader, err := os.OpenFile(s.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
		must(t, err)
		defer reader.Close()
		sink := open(t, s)
		const n = 20000
		batch := sinktest.Batch(0, n)
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			if err := sink.Send(ctx, batch); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("error %v", err)
			}
			cancel()
		}
		want := text(0, n)
		got := make([]byte, len(want))
		read := make(chan error, 1)
		go func() {
			_, err := io.ReadFull(reader, got)
			read <- err
		}()
		if err := sink.Send(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil || string(got) != want {
			t.Errorf("wrong text read, error %v", err)
		}
	})
}

// TestCloseFullFIFO: a write that hangs does not hang the end of the program.
func TestCloseFullFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	must(t, unix.Mkfifo(path, 0o600))
	reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	must(t, err)
	defer reader.Close()
	sink := open(t, file.Settings{Path: path})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := sink.Send(ctx, sinktest.Batch(0, 20000)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
}

func TestDevices(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		s.Path = os.DevNull
		s.MaxBytes = 1 // a device is not rotated
		sink := open(t, s)
		send(t, sink, 0, 3)
		send(t, sink, 3, 3)
		must(t, sink.Reopen())
		send(t, sink, 6, 3)

		s.Path = "/dev/full"
		if err := open(t, s).Send(t.Context(), sinktest.Batch(0, 1)); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("error %v", err)
		}
	})
}

// TestDescriptors: a path that names an open descriptor works although it is a link, for sockets too.
func TestDescriptors(t *testing.T) {
	for _, of := range []string{"/dev/fd/", "/proc/self/fd/", "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/"} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(t, err)
		there := os.NewFile(uintptr(pair[1]), "there")
		sink, err := file.New(file.Settings{Path: of + strconv.Itoa(pair[0])}, sinktest.Message, nil)
		must(t, err)
		must(t, unix.Close(pair[0])) // the sink has a copy of its own
		send(t, sink, 0, 2)
		must(t, sink.Close())
		if data, err := io.ReadAll(there); err != nil || string(data) != text(0, 2) {
			t.Errorf("%s: %q, %v", of, data, err)
		}
		must(t, there.Close())
	}
}

// TestStandardOutput: /dev/stdout is where the program's own standard output goes.
func TestStandardOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	out, err := os.Create(path)
	must(t, err)
	defer out.Close()
	saved, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	must(t, err)
	must(t, unix.Dup2(int(out.Fd()), 1))
	sink, err := file.New(file.Settings{Path: "/dev/stdout", MaxBytes: 1, MaxAge: time.Nanosecond}, sinktest.Message, nil)
	if err == nil {
		err = errors.Join(sink.Send(t.Context(), sinktest.Batch(0, 3)), sink.Reopen(), sink.Send(t.Context(), sinktest.Batch(3, 1)), sink.Close())
	}
	must(t, errors.Join(unix.Dup2(saved, 1), unix.Close(saved)))
	must(t, err)
	holds(t, path, text(0, 4))
}

// TestPartialStream: the lines that a device took are told.
func TestPartialStream(t *testing.T) {
	if !inChild(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "out")
	out, err := os.Create(path)
	must(t, err)
	defer out.Close()
	sink := open(t, file.Settings{Path: "/dev/fd/" + strconv.Itoa(int(out.Fd()))})
	lift := limitFileSize(t, uint64(len(text(0, 2))+3))
	err = sink.Send(t.Context(), sinktest.Batch(0, 4))
	lift()
	var partial *deliver.Partial
	if !errors.As(err, &partial) || partial.Done != 2 || !errors.Is(err, unix.EFBIG) {
		t.Errorf("error %v", err)
	}
	send(t, sink, 2, 2)
	holds(t, path, text(0, 4))
}
