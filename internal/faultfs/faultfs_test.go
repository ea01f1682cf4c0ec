package faultfs

import (
	"errors"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

func create(t *testing.T, f *FS, path, text string) disk.File {
	t.Helper()
	file, err := f.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte(text), 0); err != nil {
		t.Fatal(err)
	}
	return file
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPowerLoss(t *testing.T) {
	f := New()
	must(t, f.MkdirAll("/d/e", 0o700))
	both := create(t, f, "/d/e/both", "kept")
	create(t, f, "/d/e/named", "lost")
	must(t, f.SyncDir("/d/e"))
	must(t, both.Sync())
	nameless := create(t, f, "/d/e/nameless", "kept")
	must(t, nameless.Sync())
	if _, err := both.WriteAt([]byte("lost"), 4); err != nil {
		t.Fatal(err)
	}
	if got := string(f.Get("/d/e/both")); got != "keptlost" {
		t.Fatalf("before: %q", got)
	}
	after := f.PowerLoss(nil)
	for path, want := range map[string]string{"/d/e/both": "kept", "/d/e/named": "", "/d/e/nameless": ""} {
		if got := string(after.Get(path)); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if len(after.Files()) != 2 {
		t.Errorf("files: %v", after.Files())
	}
	if _, err := both.WriteAt([]byte("x"), 0); !errors.Is(err, ErrCrashed) {
		t.Errorf("after the crash: %v", err)
	}
}

func TestPowerLossByChance(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(200) {
		f := New()
		file := create(t, f, "/a", "1234")
		must(t, file.Sync())
		must(t, f.SyncDir("/"))
		if _, err := file.WriteAt([]byte("abcd"), 0); err != nil {
			t.Fatal(err)
		}
		must(t, f.Rename("/a", "/b"))
		after := f.PowerLoss(rand.New(rand.NewPCG(seed, 1)))
		if len(after.Files()) != 1 {
			t.Fatalf("a rename left %v", after.Files())
		}
		seen[after.Files()[0]+string(after.Get(after.Files()[0]))] = true
	}
	for _, want := range []string{"/a1234", "/aabcd", "/b1234", "/babcd", "/aab34", "/babc4"} {
		if !seen[want] {
			t.Errorf("never %s: %v", want, seen)
		}
	}
}

func TestKill(t *testing.T) {
	f := New()
	create(t, f, "/a", "text")
	after := f.Kill()
	if got := string(after.Get("/a")); got != "text" {
		t.Fatalf("after kill: %q", got)
	}
	if got := after.PowerLoss(nil).Files(); len(got) != 0 {
		t.Fatalf("after kill and loss of power: %v", got)
	}
}

func TestSyncThatLies(t *testing.T) {
	f := New()
	file := create(t, f, "/a", "lost")
	must(t, f.SyncDir("/"))
	f.Hook(func(op Op) error {
		if op.Kind == Sync {
			return syscall.EIO
		}
		return nil
	})
	if err := file.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	f.Hook(nil)
	must(t, file.Sync())
	if got := string(f.Get("/a")); got != "lost" {
		t.Fatalf("before: %q", got)
	}
	if got := f.PowerLoss(nil).Get("/a"); len(got) != 0 {
		t.Fatalf("after: %q", got)
	}
}

func TestSpaceAndShortWrites(t *testing.T) {
	f := New()
	file := create(t, f, "/a", "1234")
	f.Space(6)
	n, err := file.WriteAt([]byte("5678"), 4)
	if n != 2 || !errors.Is(err, syscall.ENOSPC) || f.Used() != 6 {
		t.Fatalf("%d bytes, %v, %d used", n, err, f.Used())
	}
	if err := file.Allocate(7); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	must(t, file.Truncate(0))
	must(t, file.Allocate(6))
	f.Space(-1)
	f.Hook(func(op Op) error {
		if op.Kind == Write {
			return &Short{1, syscall.EIO}
		}
		return nil
	})
	n, err = file.WriteAt([]byte("abc"), 0)
	if n != 1 || !errors.Is(err, syscall.EIO) || string(f.Get("/a")) != "a\x00\x00\x00\x00\x00" {
		t.Fatalf("%d bytes, %v, %q", n, err, f.Get("/a"))
	}
	f.CrashAfter(f.Ops())
	if err := file.Sync(); !errors.Is(err, ErrCrashed) {
		t.Fatal(err)
	}
}
