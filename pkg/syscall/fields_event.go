package syscall

import (
	"fmt"
	"time"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// noLatency is why the latency fields are deprecated.
const noLatency = "no events are made when a call begins any more, so the value is always 0; leave it out"

func eventFields() []field.Field {
	zero := func(name string) field.Field {
		return field.Field{Name: name, Type: event.TypeRelTime, Help: "Always 0.", Deprecated: noLatency,
			Extract: extract(func(*Record, *event.Value) bool { return true })}
	}
	return []field.Field{
		{Name: "evt.type", Type: event.TypeString, Help: "Name of the event, such as openat.", Constant: knownType,
			Extract: extract(func(r *Record, v *event.Value) bool {
				v.Text = r.Row.Name
				return true
			})},
		{Name: "evt.type.is", Type: event.TypeUint32, Need: field.ArgRequired, Form: field.FormAny, DotArg: true, Prepare: prepareType,
			Help: "1 when the event has the named type, else 0: evt.type.is.open.",
			Extract: withArg(func(r *Record, a *field.Arg, v *event.Value) bool {
				v.SetBool(a.IsIndex && a.Index == int(r.Wire.Type) || !a.IsIndex && a.Text == r.Row.Name)
				return true
			})},
		{Name: "syscall.type", Type: event.TypeString, Applies: applies(calling), Help: "Name of the system call; none for events that are not calls.",
			Extract: extract(func(r *Record, v *event.Value) bool {
				v.Text = r.Row.Name
				return r.Row.Kind == table.Syscall
			})},
		{Name: "evt.category", Type: event.TypeString, Help: "What the event works on: file, net, process and so on.",
			Extract: extract(func(r *Record, v *event.Value) bool {
				v.Text = r.category()
				return true
			})},
		{Name: "evt.cpu", Type: event.TypeInt16, Help: "Number of the CPU on which it happened.",
			Extract: extract(func(r *Record, v *event.Value) bool {
				v.SetInt(int64(int16(r.Wire.CPU)))
				return true
			})},
		{Name: "evt.dir", Type: event.TypeString, Help: "< for a call that returned, > for other events.",
			Deprecated: "there are only events of calls that returned; leave it out",
			Extract: extract(func(r *Record, v *event.Value) bool {
				v.Text = ">"
				if r.Row.ID%2 == 1 {
					v.Text = "<"
				}
				return true
			})},
		{Name: "evt.deltatime", Type: event.TypeRelTime, Help: "Nanoseconds since the event before.", Extract: delta(func(d uint64) uint64 { return d })},
		{Name: "evt.deltatime.s", Type: event.TypeRelTime, Help: "Whole seconds since the event before.", Extract: delta(func(d uint64) uint64 { return d / 1e9 })},
		{Name: "evt.deltatime.ns", Type: event.TypeRelTime, Print: field.Padded9, Help: "Nanoseconds of evt.deltatime beyond its whole seconds.", Extract: delta(func(d uint64) uint64 { return d % 1e9 })},
		zero("evt.latency"), zero("evt.latency.s"), zero("evt.latency.ns"), zero("evt.wait_latency"),
		{Name: "evt.latency.quantized", Type: event.TypeUint64, Hidden: true, Help: "Always 0.", Deprecated: noLatency,
			Extract: extract(func(*Record, *event.Value) bool { return true })},
		{Name: "evt.outputtime", Type: event.TypeString, PrintOnly: true, Epoch: true, Help: "The same as evt.time.",
			Extract: func(e *event.Event, _ *field.Arg, v *event.Value) bool {
				v.Text = time.Unix(0, e.Time).Format("15:04:05.000000000")
				return true
			}},
		{Name: "evt.latency.human", Type: event.TypeString, Help: "Always 0ns.", Deprecated: noLatency,
			Extract: extract(func(_ *Record, v *event.Value) bool {
				v.Text = "0ns"
				return true
			})},
		property("evt.is_io", "Whether the event reads or writes a descriptor.", table.ReadsFD|table.WritesFD),
		property("evt.is_io_read", "Whether the event reads from a descriptor.", table.ReadsFD),
		property("evt.is_io_write", "Whether the event writes to a descriptor.", table.WritesFD),
		property("evt.is_wait", "Whether the call may wait for something.", table.Waits),
		{Name: "evt.io_dir", Type: event.TypeString, Applies: applies(having(table.ReadsFD | table.WritesFD)), Help: "read or write for events that do so with a descriptor.",
			Extract: extract(func(r *Record, v *event.Value) bool {
				switch {
				case r.Row.Has(table.ReadsFD):
					v.Text = "read"
				case r.Row.Has(table.WritesFD):
					v.Text = "write"
				}
				return v.Text != ""
			})},
		{Name: "evt.is_syslog", Type: event.TypeBool, Help: "Whether the event writes to /dev/log.",
			Extract: extract(func(r *Record, v *event.Value) bool {
				v.SetBool(r.Row.Has(table.WritesFD) && r.FD != nil && hasSuffix(r.FD.Name, "/dev/log"))
				return true
			})},
		{Name: "evt.is_open_read", Type: event.TypeBool, Applies: applies(opening), Help: "Whether a file is opened for reading.", Extract: openFlag(table.OpenRead)},
		{Name: "evt.is_open_write", Type: event.TypeBool, Applies: applies(opening), Help: "Whether a file is opened for writing.", Extract: openFlag(table.OpenWrite)},
		{Name: "evt.is_open_exec", Type: event.TypeBool, Applies: applies(opening), Help: "Whether a file is opened that will be executable if the call makes it.", Extract: openBool(opensExecutable)},
		{Name: "evt.is_open_create", Type: event.TypeBool, Applies: applies(opening), Help: "Whether the call made the file.", Extract: openBool(opensNew)},
	}
}

// typeIDs are the numbers of all event names.
var typeIDs = func() map[string]int {
	ids := map[string]int{}
	for id, name := range table.TypeNames() {
		ids[name] = id
	}
	delete(ids, "")
	return ids
}()

// knownType checks a constant that evt.type is compared with.
func knownType(name string) error {
	if _, ok := typeIDs[name]; ok {
		return nil
	}
	names := make([]string, 0, len(typeIDs))
	for known := range typeIDs {
		names = append(names, known)
	}
	if near := field.Nearest(name, names, 1); len(near) > 0 {
		return fmt.Errorf("unknown event type %s, did you mean %s?", name, near[0])
	}
	return fmt.Errorf("unknown event type %s", name)
}

func prepareType(a *field.Arg) error {
	if a.IsIndex {
		return nil
	}
	return knownType(a.Text)
}

func property(name, help string, flags table.Flags) field.Field {
	return field.Field{Name: name, Type: event.TypeBool, Help: help,
		Extract: extract(func(r *Record, v *event.Value) bool {
			v.SetBool(r.Row.Has(flags))
			return true
		})}
}

func delta(part func(uint64) uint64) field.Extractor {
	return extract(func(r *Record, v *event.Value) bool {
		if r.previous > 0 && r.Wire.Time > r.previous {
			v.Num = part(uint64(r.Wire.Time - r.previous))
		}
		return true
	})
}

// category of an event that works on any descriptor is that of the descriptor.
func (r *Record) category() string {
	if !r.Row.Category.IO() {
		return r.Row.Category.String()
	}
	switch {
	case r.FD == nil:
	case r.FD.IsFile():
		return "file"
	case r.FD.IsIP():
		return "net"
	case r.FD.Kind == process.KindUnix || r.FD.Kind == process.KindPipe:
		return "ipc"
	}
	return table.Unknown.String()
}

func hasSuffix(b []byte, suffix string) bool {
	return len(b) >= len(suffix) && view(b[len(b)-len(suffix):]) == suffix
}

// openBool makes an extractor that is false, not missing, for events that open nothing.
func openBool(test func(r *Record) bool) field.Extractor {
	return extract(func(r *Record, v *event.Value) bool {
		v.SetBool(test(r))
		return true
	})
}

// openByHandle is the one call that opens a file without a name; its flags are parameter 2.
const openByHandle = 337

// openFlags gives the flags with which the event opens a file, 0 when it opens none.
func (r *Record) openFlags() uint64 {
	switch {
	case r.Row.ID == openByHandle:
		return uint64(r.integer(2))
	case r.Row.OpensFile():
		if p := openParamsOf(r.Row.ID); p.flags >= 0 {
			return uint64(r.integer(p.flags))
		}
	}
	return 0
}

func openFlag(bit uint64) field.Extractor {
	return openBool(func(r *Record) bool { return r.openFlags()&bit != 0 })
}

func opensExecutable(r *Record) bool {
	if !r.Row.OpensFile() {
		return false
	}
	const anyExecute = 0o111
	makes := r.Row.ID == table.Creat || r.openFlags()&(table.OpenCreate|table.OpenTmpfile) != 0
	return makes && r.integer(openParamsOf(r.Row.ID).mode)&anyExecute != 0
}

// opensNew does not take O_TMPFILE without a way to write for a new file: sensors report that bit for directories too,
// as the kernel's O_TMPFILE contains O_DIRECTORY.
func opensNew(r *Record) bool {
	flags := r.openFlags()
	return flags&table.OpenCreated != 0 ||
		flags&table.OpenTmpfile != 0 && flags&table.OpenWrite != 0 && r.integer(0) >= 0
}
