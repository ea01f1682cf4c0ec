package recording

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/syscalltest"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

func header() *Header {
	return &Header{
		Hostname: "node1", Time: 5e9, Boot: 1e9, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		Users: []account.User{{UID: 1000, GID: 100, Name: "alice", Home: "/home/alice", Shell: "/bin/sh"}}, Groups: []account.Group{{GID: 100, Name: "users"}},
		Threads: []process.Info{{TID: 1, PID: 1, VTID: 1, VPID: 1, Comm: "init", Exe: "/sbin/init", Cwd: "/"}},
	}
}

func record(t testing.TB, frames ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, header())
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range frames {
		if err := w.Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func frames() [][]byte {
	return [][]byte{
		syscalltest.Open(6e9, 1, 3, "/etc/shadow", 1),
		syscalltest.Exec(7e9, 2, 1, "/bin/cat", "cat", "cat", strings.Repeat("x", 60000)),
		syscalltest.Exit(8e9, 2, 0),
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.saker")
	if err := os.WriteFile(path, record(t, frames()...), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(header(), r.Header(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for i, want := range frames() {
		got, err := r.Next()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("frame %d: %v, %d bytes, want %d", i, err, len(got), len(want))
		}
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the last frame: %v", err)
		}
	}
	if stats, err := r.Stats(); err != nil || stats.Delivered != 3 || len(stats.Lost) != 0 {
		t.Errorf("stats %+v, %v", stats, err)
	}
	if r.Name() != "file" {
		t.Errorf("name %s", r.Name())
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Next(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestDamaged(t *testing.T) {
	good := record(t, frames()[0])
	first := len(good) - len(frames()[0])
	long := bytes.Clone(good)
	long[first+7] = 0xff
	tests := []struct {
		name, want string
		file       []byte
	}{
		{"empty", "does not begin with", nil},
		{"another file", "does not begin with", []byte("#!/bin/sh\nexit 0 # something else\n")},
		{"newer version", "does not begin with", bytes.Replace(good, []byte("recording 1"), []byte("recording 2"), 1)},
		{"no head", "the head does not end", []byte(Magic + "{")},
		{"head is not JSON", "head: invalid character", []byte(Magic + "hello\n")},
		{"head of another shape", "head: json", []byte(Magic + `{"time":"now"}` + "\n")},
		{"cut within a frame", "it ends within a frame", good[:len(good)-1]},
		{"cut within a frame header", "it ends within a frame", good[:first+3]},
		{"length out of bounds", "event length", long},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := NewReader(bytes.NewReader(test.file))
			if err == nil {
				_, err = r.Next()
			}
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error)  { return 0, errors.New("disk on fire") }
func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestFailures(t *testing.T) {
	r, err := NewReader(io.MultiReader(bytes.NewReader(record(t)), failing{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err == nil || errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("a reading error is %v", err)
	}
	w, err := NewWriter(failing{}, header())
	if err == nil {
		err = w.Write(make([]byte, 1<<17))
	}
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("a writing error is %v", err)
	}
}

// FuzzRecording holds that no file crashes the reader, and that frames have the length that they say.
func FuzzRecording(f *testing.F) {
	f.Add(record(f, frames()[0], frames()[2]))
	f.Add([]byte(Magic + "{}\n"))
	f.Add([]byte(Magic + "null\n\x00\x00\x01\x00\x05\x00\x00\x00hello"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		for {
			frame, err := r.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, ErrFormat) {
					t.Fatalf("error of another kind: %v", err)
				}
				return
			}
			if len(frame) < wire.FrameHeaderSize || len(frame) > len(file) {
				t.Fatalf("frame of %d bytes in a file of %d", len(frame), len(file))
			}
		}
	})
}

func BenchmarkNext(b *testing.B) {
	frame := syscalltest.Open(6e9, 1, 3, "/etc/ld.so.cache", 1)
	var many [][]byte
	for range 10000 {
		many = append(many, frame)
	}
	file := record(b, many...)
	b.SetBytes(int64(len(frame)))
	var r *Reader
	for b.Loop() {
		if r != nil {
			if _, err := r.Next(); err == nil {
				continue
			}
		}
		var err error
		if r, err = NewReader(bytes.NewReader(file)); err != nil {
			b.Fatal(err)
		}
	}
}
