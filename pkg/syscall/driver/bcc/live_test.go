//go:build bcc

package bcc

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/driver"
	"github.com/saker-security/saker/pkg/syscall/driver/drivertest"
)

// The ways and layouts that a machine is expected to have; empty for what Open chooses. The virtual machine in vm/
// sets them, so that a run there proves what it is meant to prove.
var (
	expectWay    = way(os.Getenv("SAKER_BCC_WAY"))
	expectLayout = layout(os.Getenv("SAKER_BCC_LAYOUT"))
)

func TestLive(t *testing.T) {
	drivertest.Run(t, func(o driver.Options) (driver.Driver, error) {
		d, err := open(o, expectWay, expectLayout)
		if err != nil {
			return nil, err
		}
		return d, nil
	})
}

// TestChoice shows what Open chooses by itself.
func TestChoice(t *testing.T) {
	d, err := Open(driver.Options{})
	if errors.Is(err, driver.ErrUnavailable) {
		drivertest.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	got := d.(*Driver)
	t.Logf("Open chose %s and %s", got.way, got.layout)
	want := wayTracepoints
	if _, err := os.Stat("/sys/kernel/tracing/kprobe_events"); err == nil {
		want = wayKprobes
	}
	if got.way != want {
		t.Errorf("Open chose %s, want %s on this kernel", got.way, want)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if s, err := d.Stats(); err != nil || s.Lost == nil {
		t.Errorf("after closing the counters are %v (%v), want their last values", s, err)
	}
	if d.Name() != "bcc" {
		t.Errorf("the driver's name is %q", d.Name())
	}
}

// BenchmarkLive opens files that do not exist as fast as one thread can while another reads the frames.
func BenchmarkLive(b *testing.B) {
	d, err := open(driver.Options{Types: []uint16{typeOpenat}}, expectWay, expectLayout)
	if errors.Is(err, driver.ErrUnavailable) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan int)
	go func() {
		frames := 0
		for {
			if _, err := d.Next(); err != nil {
				done <- frames
				return
			}
			frames++
		}
	}()
	for b.Loop() {
		_, _ = unix.Openat(unix.AT_FDCWD, "/nonexistent/file", unix.O_RDONLY, 0)
	}
	b.StopTimer()
	s, err := d.Stats()
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "opens/s")
	b.ReportMetric(float64(s.Lost[driver.LossBufferFull]), "lost")
	b.ReportMetric(float64(<-done), "frames")
}
