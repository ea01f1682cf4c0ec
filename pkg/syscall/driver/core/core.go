//go:build linux && (amd64 || arm64)

package core

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/driver"
)

const (
	// DefaultBufferBytes is the size of the ring buffer when Options name none.
	DefaultBufferBytes = 16 << 20
	minBufferBytes     = 64 << 10
	maxBufferBytes     = 1 << 30

	// The kernel side wakes the reader once in wakeInterval at most. What comes within the interval of a wake-up is
	// found by the reader itself, which looks again after busyWait as long as there was something and after idleWait
	// otherwise. busyWait must be well above wakeInterval, so that the event after a quiet spell always wakes.
	wakeInterval = time.Millisecond
	busyWait     = 5 * time.Millisecond
	idleWait     = 100 * time.Millisecond
)

// Driver is the CO-RE driver; it implements driver.Driver.
type Driver struct {
	objects sensorObjects
	// An unreferenced link is detached by its finalizer: they stay here until Close.
	links  []link.Link
	reader *ringbuf.Reader
	record ringbuf.Record
	busy   bool

	mu sync.Mutex // guards what follows
	// rows is the table of the kernel side, types are the event types that are or were on.
	rows  map[uint32]sensorRow
	types []uint16
}

// Open loads the programs, fills the table of wanted system calls and attaches. Errors that come from the machine
// wrap driver.ErrUnavailable.
func Open(o driver.Options) (driver.Driver, error) {
	return open(o)
}

func open(o driver.Options) (*Driver, error) {
	size, err := bufferSize(o.BufferBytes)
	if err != nil {
		return nil, err
	}
	table, types, err := tableOf(o.Types)
	if err != nil {
		return nil, err
	}
	// Only kernels before 5.11 account BPF memory to this limit, and there loading fails with a clear error.
	_ = rlimit.RemoveMemlock()
	d := &Driver{rows: table, types: types}
	if err := d.load(size); err != nil {
		return nil, unavailable(err)
	}
	if err := d.start(table); err != nil {
		return nil, unavailable(errors.Join(err, d.Close()))
	}
	return d, nil
}

// bufferSize is the size of the ring buffer for the wanted number of bytes: the next power of two.
func bufferSize(wanted int) (uint32, error) {
	switch {
	case wanted == 0:
		return DefaultBufferBytes, nil
	case wanted < 0 || wanted > maxBufferBytes:
		return 0, fmt.Errorf("ring buffer of %d bytes: give 1 to %d", wanted, maxBufferBytes)
	case wanted <= minBufferBytes:
		return minBufferBytes, nil
	}
	return 1 << bits.Len32(uint32(wanted-1)), nil
}

func (d *Driver) load(buffer uint32) error {
	spec, err := loadSensor()
	if err != nil {
		return err
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("count CPUs: %w", err)
	}
	offset, err := bootOffset()
	if err != nil {
		return err
	}
	spec.Maps[sensorMapEvents].MaxEntries = buffer
	spec.Maps[sensorMapScratches].MaxEntries = uint32(cpus)
	if err := spec.Variables[sensorVarBootOffsetNs].Set(offset); err != nil {
		return fmt.Errorf("set the clock offset: %w", err)
	}
	if err := spec.Variables[sensorVarWakeIntervalNs].Set(uint64(wakeInterval)); err != nil {
		return fmt.Errorf("set the wake-up interval: %w", err)
	}
	return spec.LoadAndAssign(&d.objects, nil)
}

// bootOffset is what the kernel's time since boot lacks to the Unix epoch, in ns. Of three readings the one with the
// least time between the two clocks is taken.
func bootOffset() (int64, error) {
	best, offset := int64(-1), int64(0)
	for range 3 {
		var before, now, after unix.Timespec
		for _, c := range []struct {
			clock int32
			ts    *unix.Timespec
		}{{unix.CLOCK_BOOTTIME, &before}, {unix.CLOCK_REALTIME, &now}, {unix.CLOCK_BOOTTIME, &after}} {
			if err := unix.ClockGettime(c.clock, c.ts); err != nil {
				return 0, fmt.Errorf("read clock %d: %w", c.clock, err)
			}
		}
		if took := after.Nano() - before.Nano(); best < 0 || took < best {
			best, offset = took, now.Nano()-before.Nano()-took/2
		}
	}
	return offset, nil
}

func (d *Driver) start(table map[uint32]sensorRow) error {
	for number, row := range table {
		if err := d.objects.Rows.Put(number, row); err != nil {
			return fmt.Errorf("fill the table of system calls: %w", err)
		}
	}
	reader, err := ringbuf.NewReader(d.objects.Events)
	if err != nil {
		return fmt.Errorf("open the ring buffer: %w", err)
	}
	d.reader = reader
	d.reader.SetDeadline(time.Now())
	// Tasks first: a process whose birth was seen is known when its system calls come.
	for _, p := range []struct {
		tracepoint string
		program    *ebpf.Program
	}{
		{"sched_process_fork", d.objects.OnFork},
		{"sched_process_exec", d.objects.OnExec},
		{"sched_process_exit", d.objects.OnExit},
	} {
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: p.tracepoint, Program: p.program})
		if err != nil {
			return &attachError{tracepoint: p.tracepoint, err: err}
		}
		d.links = append(d.links, l)
	}
	l, err := link.AttachTracing(link.TracingOptions{Program: d.objects.OnSysExit})
	if err != nil {
		return &attachError{tracepoint: "sys_exit", err: err}
	}
	d.links = append(d.links, l)
	return nil
}

// Want changes the event types that are wanted, while events come; see driver.Wanter. A call that is made at the very
// moment in which its row is written may be lost or come as a malformed frame.
func (d *Driver) Want(wanted []uint16) error {
	table, types, err := tableOf(wanted)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for number := range d.rows {
		if _, on := table[number]; !on {
			if err := d.objects.Rows.Put(number, sensorRow{}); err != nil {
				return fmt.Errorf("clear the table of system calls: %w", err)
			}
			delete(d.rows, number)
		}
	}
	for number, row := range table {
		if d.rows[number] == row {
			continue
		}
		if err := d.objects.Rows.Put(number, row); err != nil {
			return fmt.Errorf("fill the table of system calls: %w", err)
		}
		d.rows[number] = row
	}
	// What was counted for a type stays counted when it is off.
	all := append(slices.Clone(d.types), types...)
	slices.Sort(all)
	d.types = slices.Compact(all)
	return nil
}

// Name is co-re.
func (d *Driver) Name() string { return "co-re" }

// Next waits for the next frame; see driver.Driver.
func (d *Driver) Next() ([]byte, error) {
	for {
		err := d.reader.ReadInto(&d.record)
		switch {
		case err == nil:
			if !d.busy {
				d.busy = true
				d.reader.SetDeadline(time.Now().Add(busyWait))
			}
			return d.record.RawSample, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			wait := idleWait
			if d.busy {
				wait = busyWait
			}
			d.busy = false
			d.reader.SetDeadline(time.Now().Add(wait))
		case errors.Is(err, ringbuf.ErrClosed):
			return nil, os.ErrClosed
		default:
			return nil, fmt.Errorf("read the ring buffer: %w", err)
		}
	}
}

// Stats sums the counters of all event types; see StatsByType.
func (d *Driver) Stats() (driver.Stats, error) {
	sum := driver.Stats{Lost: make(map[driver.Loss]uint64)}
	byType, err := d.StatsByType()
	if err != nil {
		return sum, err
	}
	for _, s := range byType {
		sum.Delivered += s.Delivered
		sum.Truncated += s.Truncated
		sum.Unread += s.Unread
		for why, n := range s.Lost {
			sum.Lost[why] += n
		}
	}
	return sum, nil
}

// StatsByType reads the counters of every event type that is or was on, all CPUs together.
func (d *Driver) StatsByType() (map[uint16]driver.Stats, error) {
	d.mu.Lock()
	types := d.types
	d.mu.Unlock()
	out := make(map[uint16]driver.Stats, len(types))
	for _, t := range types {
		var cpus []sensorTally
		if err := d.objects.Counters.Lookup(uint32(t), &cpus); err != nil {
			return nil, fmt.Errorf("read the counters of event type %d: %w", t, err)
		}
		s := driver.Stats{Lost: make(map[driver.Loss]uint64)}
		for _, c := range cpus {
			s.Delivered += c.Delivered
			s.Truncated += c.Truncated
			s.Unread += c.Unread
			s.Lost[driver.LossBufferFull] += c.Lost[0]
			s.Lost[driver.LossScratch] += c.Lost[1]
			s.Lost[driver.LossTooLong] += c.Lost[2]
		}
		out[t] = s
	}
	return out, nil
}

// Close detaches the programs and wakes Next. Frames that are still in the buffer are gone.
func (d *Driver) Close() error {
	var errs []error
	for _, l := range d.links {
		errs = append(errs, l.Close())
	}
	if d.reader != nil {
		errs = append(errs, d.reader.Close())
	}
	errs = append(errs, d.objects.Close())
	return errors.Join(errs...)
}
