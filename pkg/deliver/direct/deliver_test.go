package direct

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/saker-security/saker/pkg/alert"
)

func line(dst []byte, a *alert.Alert) []byte { return append(append(dst, a.Rule...), '\n') }

type broken struct{ err error }

func (b broken) Name() string             { return "broken" }
func (b broken) Write(*alert.Alert) error { return b.err }
func (b broken) Flush() error             { return b.err }
func (b broken) Close() error             { return nil }

func TestDeliverGoesOnBehindAFailure(t *testing.T) {
	var out bytes.Buffer
	failure := errors.New("no room")
	o := New(broken{failure}, NewWriter("stdout", &out, false, line))
	err := o.Deliver(&alert.Alert{Rule: "r"})
	if !errors.Is(err, failure) || !strings.Contains(err.Error(), `rule "r" to broken`) {
		t.Errorf("error %v", err)
	}
	if out.String() != "r\n" {
		t.Errorf("wrote %q", out.String())
	}
	want := []Count{{"broken", 0, 1}, {"stdout", 1, 0}}
	for i, c := range o.Counts() {
		if c != want[i] {
			t.Errorf("counts %v, want %v", c, want[i])
		}
	}
	if !errors.Is(o.Flush(), failure) {
		t.Error("the failure to flush is not reported")
	}
}

func TestBuffered(t *testing.T) {
	var out bytes.Buffer
	o := New(NewWriter("stdout", &out, true, line))
	if err := o.Deliver(&alert.Alert{Rule: "r"}); err != nil || out.Len() != 0 {
		t.Fatalf("error %v, written %q", err, out.String())
	}
	if err := o.Flush(); err != nil || out.String() != "r\n" {
		t.Fatalf("error %v, written %q", err, out.String())
	}
}

func TestFile(t *testing.T) {
	for _, keep := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "events.txt")
		f, err := NewFile(path, keep, line)
		if err != nil {
			t.Fatal(err)
		}
		o := New(f)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					if err := o.Deliver(&alert.Alert{Rule: "rule"}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil || string(data) != strings.Repeat("rule\n", 400) {
			t.Errorf("keep %v: %d bytes, error %v", keep, len(data), err)
		}
	}
}

// Without keep the file may be moved away between two alerts.
func TestFileIsReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.txt")
	f, err := NewFile(path, false, line)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := f.Write(&alert.Alert{Rule: name}); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path, path+"."+name); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(path + ".b"); err != nil || string(data) != "b\n" {
		t.Errorf("%q, %v", data, err)
	}
}

// A line that was cut off when the machine stopped must not spoil the next alert.
func TestCutLineIsEnded(t *testing.T) {
	for _, keep := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "events.txt")
		if err := os.WriteFile(path, []byte("whole\ncut o"), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := NewFile(path, keep, line)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Write(&alert.Alert{Rule: "next"}); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != "whole\ncut o\nnext\n" {
			t.Errorf("keep %v: %q, %v", keep, data, err)
		}
	}
}

// What was written of a line that did not fit is taken back.
func TestPartOfALineIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.txt")
	f, err := NewFile(path, true, line)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(&alert.Alert{Rule: "first"}); err != nil {
		t.Fatal(err)
	}
	limitFileSize(t, 10)
	if err := f.Write(&alert.Alert{Rule: "this one is too long for the disk"}); err == nil {
		t.Fatal("a line that does not fit was written")
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "first\n" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	j, err := NewJournal(dir, line)
	if err != nil {
		t.Fatal(err)
	}
	o := New(j)
	if err := o.Deliver(&alert.Alert{Rule: "r"}); err != nil {
		t.Fatal(err)
	}
	if err := o.Flush(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "alerts.jsonl")); err != nil || string(data) != "r\n" {
		t.Errorf("%q, %v", data, err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := NewJournal("/dev/null/x", line); err == nil {
		t.Error("a directory that cannot be made is accepted")
	}
}
