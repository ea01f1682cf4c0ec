//go:build linux && (amd64 || arm64)

package core

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/driver"
)

// TestForkChain runs a shell that runs a shell that runs a program, and checks that each is cloned, executes and ends
// in this order, with the right parent.
func TestForkChain(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	shell, _ := program(t, "sh")
	// The colon behind keeps the shells from replacing themselves.
	cmd := exec.Command(shell, "-c", shell+" -c 'true; /bin/true; :'; :")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	type task struct{ parent, execs int }
	tasks := map[int64]*task{}
	root := int64(cmd.Process.Pid)
	for {
		g := s.next()
		switch {
		case g.Type == typeClone && (g.Thread == root || tasks[g.number(5)] != nil):
			tasks[g.Thread] = &task{parent: int(g.number(5))}
		case g.Type == typeExecve && tasks[g.Thread] != nil && g.number(0) == 0:
			tasks[g.Thread].execs++
		case g.Type == typeProcexit && tasks[g.Thread] != nil && tasks[g.Thread].execs == 0:
			t.Errorf("task %d ended without a program", g.Thread)
		}
		if g.Type == typeProcexit && g.Thread == root {
			break
		}
	}
	if len(tasks) != 3 {
		t.Errorf("%d tasks, want 3: %v", len(tasks), tasks)
	}
}

// TestStorm checks that no event of many short processes is missing or doubled.
func TestStorm(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	path, _ := program(t, "true")
	const workers, each = 4, 50
	pids := make(chan int, workers*each)
	for range workers {
		go func() {
			for range each {
				cmd := exec.Command(path)
				if err := cmd.Run(); err != nil {
					t.Error(err)
				}
				pids <- cmd.Process.Pid
			}
		}()
	}
	steps := map[int64][]uint16{}
	ended := 0
	mine := map[int64]bool{}
	for ended < workers*each {
		g := s.next()
		steps[g.Thread] = append(steps[g.Thread], g.Type)
		if g.Type == typeExecve && g.text(execFilename) == path {
			mine[g.Thread] = true
		}
		if g.Type == typeProcexit && mine[g.Thread] {
			ended++
		}
	}
	for range workers * each {
		pid := int64(<-pids)
		if got := steps[pid]; len(got) != 3 || got[0] != typeClone || got[1] != typeExecve || got[2] != typeProcexit {
			t.Errorf("process %d: %v", pid, got)
		}
	}
	if lost := losses(t, d); lost != 0 {
		t.Errorf("%d events lost", lost)
	}
}

func losses(t *testing.T, d *Driver) (sum uint64) {
	t.Helper()
	stats, err := d.Stats()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range stats.Lost {
		sum += n
	}
	return sum
}

// TestLossIsCounted overfills the smallest buffer while nobody reads: what was made is what is delivered plus what is
// counted as lost, exactly.
func TestLossIsCounted(t *testing.T) {
	d := sensorWith(t, driver.Options{Types: []uint16{typeOpenat2}, BufferBytes: 1})
	const made = 5000
	onThread(func() {
		for range made {
			_, _ = unix.Openat2(-1, "relative", &unix.OpenHow{})
		}
	})
	byType, err := d.StatsByType()
	if err != nil {
		t.Fatal(err)
	}
	stats := byType[typeOpenat2]
	lost := stats.Lost[driver.LossBufferFull]
	if lost == 0 || stats.Delivered == 0 || stats.Delivered+lost != made {
		t.Errorf("made %d, delivered %d, lost %v", made, stats.Delivered, stats.Lost)
	}
	s := events(t, d)
	for range stats.Delivered {
		s.find(func(g got) bool { return g.Type == typeOpenat2 })
	}
	// What comes after the overflow is delivered again.
	tid := onThread(func() { _, _ = unix.Openat2(-1, "after", &unix.OpenHow{}) })
	if g := s.find(of(typeOpenat2, tid)); g.text(2) != "after" {
		t.Errorf("event after the overflow: %q", g.params)
	}
}

// TestScratchIsCounted marks the scratch memory of all CPUs as used, as it would be for a program that comes in between.
func TestScratchIsCounted(t *testing.T) {
	d := sensor(t, typeOpenat2)
	set := func(busy uint32) {
		t.Helper()
		for cpu := range d.objects.Scratches.MaxEntries() {
			if err := d.objects.Scratches.Put(cpu, sensorScratch{Busy: busy}); err != nil {
				t.Fatal(err)
			}
		}
	}
	set(1)
	const made = 10
	onThread(func() {
		for range made {
			_, _ = unix.Openat2(-1, "relative", &unix.OpenHow{})
		}
	})
	byType, err := d.StatsByType()
	if err != nil {
		t.Fatal(err)
	}
	if s := byType[typeOpenat2]; s.Delivered != 0 || s.Lost[driver.LossScratch] != made {
		t.Errorf("delivered %d, lost %v", s.Delivered, s.Lost)
	}
}

// TestLinksStay checks that the garbage collector does not detach the sensor.
func TestLinksStay(t *testing.T) {
	d := sensor(t, typeOpenat2)
	s := events(t, d)
	for range 5 {
		runtime.GC()
	}
	tid := onThread(func() { _, _ = unix.Openat2(-1, "still there", &unix.OpenHow{}) })
	s.find(of(typeOpenat2, tid))
}

// TestPromptness checks that single events on a quiet sensor come soon, also the second of two, for which the kernel
// side does not wake the reader.
func TestPromptness(t *testing.T) {
	d := sensor(t, typeOpenat2)
	s := events(t, d)
	for range 5 {
		tids := make(chan int, 1)
		made := make(chan time.Time, 1)
		go func() {
			tids <- onThread(func() {
				_, _ = unix.Openat2(-1, "one", &unix.OpenHow{})
				_, _ = unix.Openat2(-1, "two", &unix.OpenHow{})
				made <- time.Now()
			})
		}()
		for {
			if g := s.find(func(g got) bool { return g.Type == typeOpenat2 }); g.text(2) == "two" {
				break
			}
		}
		if late := time.Since(<-made); late > 900*time.Millisecond {
			t.Errorf("event came after %v", late)
		}
		<-tids
	}
}

// TestClose checks that a waiting Next ends, and that a second Close is harmless.
func TestClose(t *testing.T) {
	d := sensor(t)
	done := make(chan error)
	go func() {
		for {
			if _, err := d.Next(); err != nil {
				done <- err
				return
			}
		}
	}()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || err.Error() != "file already closed" {
		t.Errorf("Next gave %v", err)
	}
	_ = d.Close()
}

// TestTruncated checks that a long argument list is cut at the limit and that this is counted.
func TestTruncated(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	path, _ := program(t, "true")
	long := make([]byte, 6000)
	for i := range long {
		long[i] = 'z'
	}
	cmd := exec.Command(path, "short", string(long))
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	g := s.find(of(typeExecve, cmd.Process.Pid))
	if args := g.params[execArgs]; len(args) != 4096 || args[4095] != 0 || string(args[:6]) != "short\x00" {
		t.Errorf("args have %d bytes: %.20q", len(args), args)
	}
	if g.text(execComm) != filepath.Base(path) || g.text(execFilename) != path {
		t.Errorf("what follows the cut: %q", g.params[execComm:])
	}
	stats, err := d.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if stats.Truncated == 0 {
		t.Error("the cut is not counted")
	}
}
