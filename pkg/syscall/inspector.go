package syscall

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/recording"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// Options of an Inspector. The zero value inspects recorded events: nothing of the machine is looked at.
type Options struct {
	// Proc is the proc file system in which processes that no event told of are looked up; nil for recordings.
	Proc *process.Proc
	// Accounts are the users and groups of the machine; nil for none.
	Accounts *account.Book
	// Addresses are those of the machine's network interfaces. They decide which end of a connection is local.
	Addresses []netip.Addr
	// Boot is when the machine started, in nanoseconds since the Unix epoch; that of Proc when it is 0.
	Boot int64
	// Limits bound the memory for processes and descriptors.
	Limits process.Limits
}

// Inspector turns frames into events. Its methods belong to one goroutine, except Stats.
type Inspector struct {
	table     *process.Table
	proc      *process.Proc
	books     *account.Books
	addresses map[netip.Addr]bool
	boot      int64

	event  event.Event
	record Record
	// closing is the descriptor that the last event closed. It is kept until that event has been judged.
	closing closing
	exiting exiting
	start   int64
	// switches are the times of the last switch events by CPU; none is kept where no driver makes them.
	switches map[uint16]int64
	// looked is the descriptor that was last looked up in /proc, see descriptor.
	looked process.FD

	count counters
}

type closing struct {
	process *process.Process
	num     int64
}

type exiting struct {
	tid, reaper, time int64
}

type counters struct {
	events     atomic.Uint64
	malformed  [reasons]atomic.Uint64
	unknownFDs atomic.Uint64
	threadless atomic.Uint64
}

// Reason is why a frame was not made an event.
type Reason uint8

// The reasons.
const (
	// ReasonFrame: the bytes are no frame.
	ReasonFrame Reason = iota
	// ReasonType: the event type is not in the table.
	ReasonType
	// ReasonParameter: a number has not the width of its type.
	ReasonParameter
	reasons
)

var reasonNames = [reasons]string{"frame", "type", "parameter"}

// String is the name of the reason in metrics.
func (r Reason) String() string { return reasonNames[r] }

// ErrUnknownType is wrapped by the error about an event type that the table does not have.
var ErrUnknownType = errors.New("unknown event type")

// Stats counts since the Inspector was made.
type Stats struct {
	// Events is how many frames became events. Malformed ones did not, by Reason.
	Events    uint64
	Malformed map[string]uint64
	// Threadless events came from a thread that is not known: the proc fields have no value in them.
	Threadless uint64
	// UnknownDirectories counts paths that could not be made absolute.
	UnknownDirectories uint64
	// Threads is how many threads are known now.
	Threads int64
	// Lookups counts searches for a thread in /proc, LookupsFailed those in vain.
	Lookups, LookupsFailed uint64
	// Evicted counts threads and FDsRefused descriptors for which there was no room.
	Evicted, FDsRefused uint64
}

// New makes an Inspector.
func New(o Options) *Inspector {
	in := &Inspector{
		table: process.NewTable(o.Limits, o.Proc), proc: o.Proc, boot: o.Boot,
		addresses: make(map[netip.Addr]bool, len(o.Addresses)),
	}
	book := o.Accounts
	if book == nil {
		book = account.Fixed(nil, nil)
	}
	in.books = account.NewBooks(book)
	if in.boot == 0 && o.Proc != nil {
		in.boot = o.Proc.Boot()
	}
	for _, a := range o.Addresses {
		in.addresses[a.Unmap()] = true
	}
	in.record.in = in
	in.event.Source = event.SourceSyscall
	in.event.Data = &in.record
	return in
}

// Seed fills the process table from /proc and returns how many threads there are. It is called once, after the driver
// was opened, so that nothing happens unseen between the two; now is the time.
func (in *Inspector) Seed(now int64) (int, error) {
	n, err := in.table.Seed(now)
	if err != nil {
		return 0, fmt.Errorf("fill the process table: %w", err)
	}
	return n, nil
}

// Load fills the tables with what a recording begins with. It is called once, before the first frame.
func (in *Inspector) Load(h *recording.Header) {
	in.boot = h.Boot
	in.books = account.NewBooks(account.Fixed(h.Users, h.Groups))
	for _, a := range h.Addresses {
		in.addresses[a.Unmap()] = true
	}
	in.table.Load(h.Threads, h.Time)
}

// Processes describes all living threads, for the head of a recording.
func (in *Inspector) Processes() []process.Info { return in.table.Snapshot() }

// Stats reads the counters. It may be called from any goroutine.
func (in *Inspector) Stats() Stats {
	c := in.table.Counts()
	s := Stats{
		Events: in.count.events.Load(), Malformed: map[string]uint64{}, Threadless: in.count.threadless.Load(),
		UnknownDirectories: in.count.unknownFDs.Load(), Threads: c.Threads.Load(),
		Lookups: c.Lookups.Load(), LookupsFailed: c.LookupsFailed.Load(),
		Evicted: c.Evicted.Load(), FDsRefused: c.FDsRefused.Load(),
	}
	for r := range reasons {
		s.Malformed[r.String()] = in.count.malformed[r].Load()
	}
	return s
}

// Event takes a frame and gives the event in it. The event, its Record and all texts of it are valid until the next
// call, and only as long as the frame is unchanged. An error wraps wire.ErrMalformed or ErrUnknownType; the frame is
// counted and the Inspector goes on with the next one.
func (in *Inspector) Event(frame []byte) (*event.Event, error) {
	in.finish()
	r := &in.record
	r.reset()
	if _, err := r.Wire.Decode(frame); err != nil {
		in.count.malformed[ReasonFrame].Add(1)
		return nil, err
	}
	r.Row = table.ByID(r.Wire.Type)
	if r.Row == nil {
		in.count.malformed[ReasonType].Add(1)
		return nil, fmt.Errorf("%w: %d", ErrUnknownType, r.Wire.Type)
	}
	if err := r.checkWidths(); err != nil {
		in.count.malformed[ReasonParameter].Add(1)
		return nil, err
	}
	in.table.Reap(r.Wire.Time)
	in.apply(r)
	if r.Thread == nil {
		in.count.threadless.Add(1)
	}
	e := &in.event
	e.Num = in.count.events.Add(1)
	e.Time, e.Type = r.Wire.Time, r.Wire.Type
	if e.Num == 1 {
		in.start = e.Time
	}
	e.Start = in.start
	return e, nil
}

func (r *Record) checkWidths() error {
	n := min(r.Wire.Params, len(r.Row.Params))
	for i := range n {
		size := len(r.Wire.Param(i))
		if size == 0 {
			continue
		}
		if want := widthOf(r.Row.Params[i].Type); want != 0 && want != size {
			return fmt.Errorf("%w: parameter %s of %s has %d bytes, want %d",
				wire.ErrMalformed, r.Row.Params[i].Name, r.Row.Name, size, want)
		}
	}
	return nil
}

// finish does what had to wait until the last event was judged.
func (in *Inspector) finish() {
	if in.closing.process != nil {
		in.table.CloseFD(in.closing.process, in.closing.num)
		in.closing = closing{}
	}
	if in.exiting.tid != 0 {
		in.table.Exit(in.exiting.tid, in.exiting.reaper, in.exiting.time)
		in.exiting = exiting{}
	}
}

// local tells whether an address is one of this machine's.
func (in *Inspector) local(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || in.addresses[a]
}
