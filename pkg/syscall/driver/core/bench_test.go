//go:build linux && (amd64 || arm64)

package core

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cheapCall is a system call that does next to nothing; traced it makes an event of two parameters.
func cheapCall() { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, ^uintptr(0), 0, 0) }

// BenchmarkReader makes one event per iteration on one core and reads them on another: as fast as it goes, and at
// 500,000 in a second. It reports the events made in a second and how many were lost.
func BenchmarkReader(b *testing.B) {
	for _, c := range []struct {
		name      string
		perSecond int
	}{{"full", 0}, {"500k", 500_000}} {
		b.Run(c.name, func(b *testing.B) {
			d := sensor(b, typeClose)
			var read atomic.Uint64
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					if _, err := d.Next(); err != nil {
						return
					}
					read.Add(1)
				}
			}()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			b.ResetTimer()
			produce(b.N, c.perSecond)
			b.StopTimer()
			elapsed := b.Elapsed()
			stats, err := d.Stats()
			if err != nil {
				b.Fatal(err)
			}
			for end := time.Now().Add(patience); read.Load() < stats.Delivered; runtime.Gosched() {
				if time.Now().After(end) {
					b.Fatalf("%d of %d events read", read.Load(), stats.Delivered)
				}
			}
			d.Close()
			<-ended
			lost := uint64(0)
			for _, n := range stats.Lost {
				lost += n
			}
			b.ReportMetric(float64(b.N)/elapsed.Seconds(), "events/s")
			b.ReportMetric(float64(lost), "lost")
		})
	}
}

// produce makes n events; with a rate it waits, busily, for the time of each hundredth.
func produce(n, perSecond int) {
	const step = 100
	start := time.Now()
	for i := range n {
		cheapCall()
		if perSecond > 0 && i%step == 0 {
			due := time.Duration(i) * time.Second / time.Duration(perSecond)
			for time.Since(start) < due {
			}
		}
	}
}

// BenchmarkCall is what a system call costs: without the sensor, with it but not wanted, and wanted, with a reader.
func BenchmarkCall(b *testing.B) {
	b.Run("untraced", func(b *testing.B) {
		for b.Loop() {
			cheapCall()
		}
	})
	for _, c := range []struct {
		name  string
		types []uint16
	}{{"unwanted", nil}, {"wanted", []uint16{typeClose}}} {
		b.Run(c.name, func(b *testing.B) {
			d := sensor(b, c.types...)
			go func() {
				for {
					if _, err := d.Next(); err != nil {
						return
					}
				}
			}()
			for b.Loop() {
				cheapCall()
			}
		})
	}
}

// BenchmarkOpenat is what an open costs that fails: without the sensor, with it by an absolute path, and by a relative
// one, whose directory is five below the root.
func BenchmarkOpenat(b *testing.B) {
	dir := b.TempDir() + "/a/b"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	for _, c := range []struct {
		name, path string
		traced     bool
	}{{"untraced", "/missing", false}, {"absolute", "/missing", true}, {"relative", "missing", true}} {
		b.Run(c.name, func(b *testing.B) {
			if c.traced {
				d := sensor(b, typeOpenat)
				go func() {
					for {
						if _, err := d.Next(); err != nil {
							return
						}
					}
				}()
			}
			path, _ := unix.BytePtrFromString(c.path)
			for b.Loop() {
				_, _, _ = unix.RawSyscall(unix.SYS_OPENAT, uintptr(fd), uintptr(unsafe.Pointer(path)), 0)
			}
		})
	}
}
