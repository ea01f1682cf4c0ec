package deliver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/pkg/deliver/queue"
)

// TestLock: a second process, which is like a second Open, learns who has the directory.
func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "data")
	synctest.Test(t, func(t *testing.T) {
		o := mustOpen(t, Options{Dir: dir})
		p := &place{}
		_, err := Open(Options{Dir: dir}, []Output{output1("x", p, testSettings())})
		if err == nil || !strings.Contains(err.Error(), dir+" is in use by process ") || p.opened != 0 {
			t.Errorf("a second one: %v", err)
		}
		closeAll(t, o)
		o = mustOpen(t, Options{Dir: dir})
		closeAll(t, o)
	})
	for path, mode := range map[string]os.FileMode{"": 0o700, "sinks": 0o700, "lock": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, error %v", path, info.Mode(), err)
		}
	}
	blocked := t.TempDir()
	if err := os.MkdirAll(filepath.Join(blocked, "sinks", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(blocked, "sinks", "x", "queue"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/dev/null/x", blocked} {
		_, err := Open(Options{Dir: dir}, []Output{output1("x", &place{}, testSettings())})
		if err == nil || !strings.HasSuffix(err.Error(), "not a directory: a file is where a directory should be; move it away, or set another data_dir") {
			t.Errorf("a directory that cannot be made: %v", err)
		}
	}
	// The lock is not taken through a link that somebody put there.
	planted := t.TempDir()
	if err := os.Symlink(filepath.Join(planted, "victim"), filepath.Join(planted, "lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: planted}, nil); err == nil {
		t.Error("a link is taken for the lock")
	}
	if _, err := os.Stat(filepath.Join(planted, "victim")); err == nil {
		t.Error("the lock was made elsewhere")
	}
}

// TestRestart: what a process left is delivered by the next one in order; what belongs to no sink is reported.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	down := errors.New("down")
	synctest.Test(t, func(t *testing.T) {
		x, y := &place{answer: fails(down)}, &place{answer: fails(down)}
		o := mustOpen(t, Options{Dir: dir}, output1("x", x, testSettings()), output1("y", y, testSettings()))
		deliver(t, o, 0, 500)
		if err := o.Commit(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		closeAll(t, o, x, y)
	})
	synctest.Test(t, func(t *testing.T) {
		x, seen := &place{}, &reports{}
		if err := os.Mkdir(filepath.Join(dir, "sinks", "stray"), 0o700); err != nil { // of which there is nothing to say
			t.Fatal(err)
		}
		o := mustOpen(t, Options{Dir: dir, Report: seen.add}, output1("x", x, testSettings()))
		deliver(t, o, 500, 600)
		c := drain(t, o, time.Minute)[0]
		if c.Recovered != 500 || c.Matched != 100 || c.Delivered != 600 {
			t.Errorf("%+v", c)
		}
		equal(t, "delivered", x.ids(), ids(0, 600))
		want := "500 alerts of sink y wait in " + filepath.Join(dir, "sinks", "y")
		found := Report{Sink: "x", Text: "500 alerts of an earlier run wait", Alerts: 500}
		if got := seen.list(); len(got) != 2 || got[0] != found || !strings.Contains(got[1].Text, want) || got[1].Alerts != 500 {
			t.Errorf("reports %+v", got)
		}
		closeAll(t, o, x)
	})
}

// TestForeignRecords: what is no alert is dropped and counted, and harms no other.
func TestForeignRecords(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		q, err := queue.Open(queue.Options{Dir: queueDir(dir, "x"), Settings: queue.DefaultSettings()})
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range [][]byte{[]byte("not an alert"), newAlert(0).Append(nil), nil, newAlert(1).Append(nil)} {
			if err := q.Append(uint8(i%2), b); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		p := &place{}
		o := mustOpen(t, Options{Dir: dir}, output1("x", p, testSettings()))
		c := drain(t, o, time.Minute)[0]
		if c.Recovered != 4 || c.Delivered != 2 || c.Dropped[queue.Damaged] != 2 {
			t.Errorf("%+v", c)
		}
		equal(t, "delivered", p.ids(), ids(0, 2))
		closeAll(t, o, p)
	})
}

// TestExpired: an alert that is too old is dropped and counted, whether it waits in the queue or is tried again.
func TestExpired(t *testing.T) {
	bubbles(t, func(t *testing.T, dir string) {
		start := time.Now()
		p, seen := &place{}, &reports{}
		p.answer = fails(errors.New("down"))
		s := testSettings()
		s.Queue.MaxAge = 2 * time.Hour
		o := mustOpen(t, Options{Dir: dir, Report: seen.add}, output1("x", p, s))
		deliver(t, o, 0, 25)
		time.Sleep(90 * time.Minute)
		deliver(t, o, 25, 30)
		time.Sleep(time.Until(start.Add(2*time.Hour + 2*time.Minute)))
		if c := balanced(t, o)[0]; c.Dropped[queue.Expired] < 10 || c.Queued < 5 {
			t.Errorf("%+v", c)
		}
		p.mend()
		c := drain(t, o, time.Hour)[0]
		if c.Dropped[queue.Expired] != 25 || c.Delivered != 5 {
			t.Errorf("%+v", c)
		}
		equal(t, "delivered", p.ids(), ids(25, 30))
		time.Sleep(2 * quiet)
		told := 0
		for _, r := range seen.list() {
			if strings.Contains(r.Text, "expired") {
				told += r.Alerts
			}
		}
		if told != 25 {
			t.Errorf("%d expired alerts were reported in %+v", told, seen.list())
		}
		closeAll(t, o, p)
	})
}
