package file

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/sinktest"
)

// TestSyncFails: what could not be synced is not delivered, and no later sync of the same open file is believed, since
// the system forgets pages that it could not write.
func TestSyncFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.txt")
	s, err := New(Settings{Path: path, KeepOpen: true, MaxBytes: int64(len("alert 0\nalert 1\n"))}, sinktest.Message, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	broken := errors.New("input/output error")
	var failed, synced []*os.File
	calls, failing := 0, 0 // which call fails, from 1 on
	s.flush = func(f *os.File) error {
		if slices.Contains(failed, f) {
			t.Error("a file is synced again after a failure")
		}
		if calls++; calls == failing {
			failed = append(failed, f)
			return broken
		}
		synced = append(synced, f)
		return f.Sync()
	}
	for _, test := range []struct{ failing, done int }{{1, 0}, {2, 2}, {3, 4}} { // a batch of five needs three files
		calls, failing = 0, test.failing
		if err := s.Reopen(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		err := s.Send(t.Context(), sinktest.Batch(0, 5))
		done := 0
		var partial *deliver.Partial
		if errors.As(err, &partial) {
			done = partial.Done
		}
		if !errors.Is(err, broken) || done != test.done || !strings.Contains(err.Error(), path) {
			t.Errorf("sync %d fails: error %v, want %d alerts delivered", test.failing, err, test.done)
		}
	}
	failing = 0
	if err := s.Send(t.Context(), sinktest.Batch(0, 1)); err != nil {
		t.Error(err)
	}
	if len(failed) != 3 || len(synced) == 0 {
		t.Errorf("%d syncs failed, %d did not", len(failed), len(synced))
	}
}

// TestNoSync: nothing is synced.
func TestNoSync(t *testing.T) {
	s, err := New(Settings{Path: filepath.Join(t.TempDir(), "events.txt"), NoSync: true}, sinktest.Message, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.flush = func(*os.File) error { t.Error("synced"); return nil }
	if err := s.Send(t.Context(), sinktest.Batch(0, 1)); err != nil {
		t.Error(err)
	}
}

// TestRemovedWhileWriting: lines that went with their file are not delivered.
func TestRemovedWhileWriting(t *testing.T) {
	for _, noSync := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "events.txt")
		remove := func(dst []byte, a *alert.Alert) []byte { // rendering comes after the look at the path
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
			return sinktest.Message(dst, a)
		}
		s, err := New(Settings{Path: path, NoSync: noSync}, remove, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		batch := sinktest.Batch(0, 2)
		var partial *deliver.Partial
		if err := s.Send(t.Context(), batch); !errors.Is(err, errRemoved) || errors.As(err, &partial) {
			t.Errorf("error %v", err)
		}
		s.render = sinktest.Message
		if err := s.Send(t.Context(), batch); err != nil {
			t.Error(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != "alert 0\nalert 1\n" {
			t.Errorf("%q, %v", data, err)
		}
	}
}
