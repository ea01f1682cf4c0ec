//go:build bcc

package bcc

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/perf"
	gobpf "github.com/iovisor/gobpf/bcc"
	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/driver"
)

// LossProbe counts returns of system calls that kretprobes could not see because too many calls were in progress.
const LossProbe driver.Loss = "probe_missed"

const (
	// defaultBuffer is the size of the perf buffers, all CPUs together.
	defaultBuffer = 16 << 20
	// pollInterval is the longest that an event waits in a perf buffer that is not filling up.
	pollInterval = 20 * time.Millisecond
	// settle is the time that a program may need between taking its time stamp and handing in its record.
	settle = 2 * time.Millisecond
)

// Driver reads system calls through BCC.
type Driver struct {
	way    way
	layout layout
	module *gobpf.Module
	links  []link.Link
	reader *perf.Reader
	counts *ebpf.Map
	missed func() (uint64, error)

	order order
	frame []byte

	mu     sync.Mutex
	closed bool
	last   driver.Stats
	lost   uint64 // by the count in the perf buffers; under mu
}

// Open compiles and attaches the sensor, which takes a second or two. Its errors wrap driver.ErrUnavailable. It mounts
// tracefs when nobody has, and leaves it mounted.
func Open(o driver.Options) (driver.Driver, error) {
	d, err := open(o, wayAuto, layoutAuto)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func open(o driver.Options, w way, l layout) (*Driver, error) {
	m, err := examine()
	if err != nil {
		return nil, err
	}
	if w == wayAuto {
		w = wayTracepoints
		if m.kprobes {
			w = wayKprobes
		}
	}
	if l == layoutAuto {
		l = layoutBTF
		if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
			l = layoutHeaders
		}
	}
	calls := slices.DeleteFunc(wanted(o.Types), func(c call) bool { return !m.has(c, w) })
	if len(calls) == 0 {
		return nil, unavailable("choose probes", fmt.Errorf("this kernel has neither kprobes nor the tracepoints syscalls:*"))
	}
	module, err := compile(m, calls, w, l)
	if err != nil {
		return nil, err
	}
	d := &Driver{way: w, layout: l, module: module, missed: func() (uint64, error) { return 0, nil }}
	if w == wayKprobes {
		d.missed = func() (uint64, error) { return missedReturns(m.tracefs) }
	}
	if err := d.start(o, m, calls); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// start opens the buffers and then attaches everything.
func (d *Driver) start(o driver.Options, m *machine, calls []call) error {
	events, err := d.table("events")
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }() // a second descriptor; the reader has its own
	if d.counts, err = d.table("counts"); err != nil {
		return err
	}
	size := cmp.Or(o.BufferBytes, defaultBuffer) / runtime.NumCPU()
	d.reader, err = perf.NewReaderWithOptions(events, size, perf.ReaderOptions{Watermark: max(size/4, 1)})
	if err != nil {
		return unavailable("open the perf buffers", err)
	}
	for _, name := range []string{"exit", "fork", "exec"} {
		if err := d.attachRaw("on_"+name, "sched_process_"+name); err != nil {
			return err
		}
	}
	for _, c := range calls {
		if err := attach(d.module, m, c, d.way); err != nil {
			return err
		}
	}
	return nil
}

// table gives a map of the module. gobpf keeps its own descriptor, so this is a second one.
func (d *Driver) table(name string) (*ebpf.Map, error) {
	fd := d.module.TableDesc(uint64(d.module.TableId(name)))["fd"].(int)
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, unavailable("open the map "+name, err)
	}
	table, err := ebpf.NewMapFromFD(own)
	if err != nil {
		return nil, unavailable("open the map "+name, err)
	}
	return table, nil
}

// attachRaw attaches a raw tracepoint. gobpf can do it but never detaches one.
func (d *Driver) attachRaw(function, tracepoint string) error {
	fd, err := d.module.LoadRawTracepoint(function)
	if err != nil {
		return unavailable("load the program for "+tracepoint, err)
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return unavailable("load the program for "+tracepoint, err)
	}
	program, err := ebpf.NewProgramFromFD(own)
	if err != nil {
		return unavailable("load the program for "+tracepoint, err)
	}
	defer func() { _ = program.Close() }() // the link keeps the program
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: tracepoint, Program: program})
	if err != nil {
		return unavailable("attach tracepoint "+tracepoint, err)
	}
	d.links = append(d.links, l)
	return nil
}

// Name is bcc.
func (d *Driver) Name() string { return "bcc" }

// Next waits for the next frame; events come in the order of their time, also those of different CPUs.
func (d *Driver) Next() ([]byte, error) {
	for {
		if raw, cpu, ok := d.order.next(); ok {
			frame, err := appendFrame(d.frame[:0], raw, cpu, d.order.epoch)
			if err != nil {
				return nil, fmt.Errorf("read a record of the BCC sensor: %w", err)
			}
			d.frame = frame
			return frame, nil
		}
		if err := d.fill(); err != nil {
			return nil, err
		}
	}
}

// fill empties the perf buffers into d.order once.
func (d *Driver) fill() error {
	// The last round over the buffers begins after the deadline, so everything older than that has been read then.
	until := monotonic() + pollInterval
	d.reader.SetDeadline(time.Now().Add(pollInterval))
	var record perf.Record
	for {
		record.RawSample = d.order.buffer()
		err := d.reader.ReadInto(&record)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			d.order.release(until - settle)
			return nil
		case errors.Is(err, perf.ErrClosed):
			return os.ErrClosed
		case err != nil:
			return fmt.Errorf("read the perf buffers: %w", err)
		case record.LostSamples > 0:
			d.mu.Lock()
			d.lost += record.LostSamples
			d.mu.Unlock()
		default:
			d.order.add(record.RawSample, record.CPU)
		}
	}
}

// Stats reads the counters of the kernel side. Losses that a kernel before 5.1 does not report to the program show up
// with the next event that does get through.
func (d *Driver) Stats() (driver.Stats, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return d.last, nil
	}
	return d.stats()
}

func (d *Driver) stats() (driver.Stats, error) {
	var sums [5]uint64 // delivered, buffer full, no scratch memory, cut, unread: the order of the C text
	for i := range sums {
		var perCPU []uint64
		if err := d.counts.Lookup(uint32(i), &perCPU); err != nil {
			return driver.Stats{}, fmt.Errorf("read the counters of the BCC sensor: %w", err)
		}
		for _, n := range perCPU {
			sums[i] += n
		}
	}
	missed, err := d.missed()
	if err != nil {
		return driver.Stats{}, err
	}
	return driver.Stats{Delivered: sums[0], Truncated: sums[3], Unread: sums[4], Lost: map[driver.Loss]uint64{
		driver.LossBufferFull: max(sums[1], d.lost),
		driver.LossScratch:    sums[2],
		LossProbe:             missed,
	}}, nil
}

// Close detaches everything and wakes Next. Stats then keeps its last values.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	var errs []error
	if d.counts != nil {
		if last, err := d.stats(); err == nil {
			d.last = last
		}
		errs = append(errs, d.counts.Close())
	}
	for _, l := range d.links {
		errs = append(errs, l.Close())
	}
	if d.reader != nil {
		errs = append(errs, d.reader.Close())
	}
	d.module.Close()
	return errors.Join(errs...)
}
