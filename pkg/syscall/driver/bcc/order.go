//go:build bcc

package bcc

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// order brings the records of all CPUs into the order of their time. A perf buffer belongs to one CPU, so without it a
// program that a new process runs on another CPU could come before the fork that made the process.
type order struct {
	held  []record // read, but an older one may still come
	ready []record // in order; ready[at:] are not yet handed out
	at    int
	free  [][]byte
	epoch time.Duration // what makes a record's time a Unix time
}

type record struct {
	time time.Duration // of CLOCK_MONOTONIC
	cpu  int
	raw  []byte
}

// Buffers that are kept for reuse: so many, and none larger than that.
const (
	maxFree     = 4096
	maxFreeSize = 4096
)

// buffer gives memory for the next record.
func (o *order) buffer() []byte {
	if n := len(o.free); n > 0 {
		b := o.free[n-1]
		o.free = o.free[:n-1]
		return b
	}
	return nil
}

func (o *order) add(raw []byte, cpu int) {
	r := record{cpu: cpu, raw: raw}
	if len(raw) >= 8 {
		r.time = time.Duration(binary.LittleEndian.Uint64(raw))
	}
	o.held = append(o.held, r)
}

// release makes the records up to a time ready. All that is ready must have been handed out.
func (o *order) release(until time.Duration) {
	o.recycle()
	slices.SortStableFunc(o.held, func(a, b record) int { return cmp.Compare(a.time, b.time) })
	n, _ := slices.BinarySearchFunc(o.held, until, func(r record, t time.Duration) int { return cmp.Compare(r.time, t) })
	o.ready, o.at = append(o.ready[:0], o.held[:n]...), 0
	o.held = slices.Delete(o.held, 0, n)
	o.epoch = time.Duration(time.Now().UnixNano()) - monotonic()
}

func (o *order) recycle() {
	for _, r := range o.ready {
		if len(o.free) < maxFree && cap(r.raw) <= maxFreeSize {
			o.free = append(o.free, r.raw)
		}
	}
	clear(o.ready)
	o.ready, o.at = o.ready[:0], 0
}

// next hands out a record; its bytes are valid until release.
func (o *order) next() (raw []byte, cpu int, ok bool) {
	if o.at == len(o.ready) {
		return nil, 0, false
	}
	r := o.ready[o.at]
	o.at++
	return r.raw, r.cpu, true
}

func monotonic() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // fails only for a clock that does not exist
	return time.Duration(t.Nano())
}

// missedReturns adds up the returns that this process's kretprobes could not see.
func missedReturns(tracefs string) (uint64, error) {
	text, err := os.ReadFile(filepath.Join(tracefs, "kprobe_profile"))
	if err != nil {
		return 0, fmt.Errorf("read the kretprobes' counters: %w", err)
	}
	return sumMissed(text, fmt.Sprintf("_bcc_%d", os.Getpid())), nil
}

// sumMissed reads lines of a probe's name, hits and misses, and takes those of which the name ends with a suffix.
func sumMissed(profile []byte, suffix string) uint64 {
	var sum uint64
	for line := range bytes.Lines(profile) {
		f := bytes.Fields(line)
		if len(f) != 3 || !bytes.HasSuffix(f[0], []byte(suffix)) {
			continue
		}
		if n, err := strconv.ParseUint(string(f[2]), 10, 64); err == nil {
			sum += n
		}
	}
	return sum
}
