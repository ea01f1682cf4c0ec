package syscall

import (
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// counterFields are those whose answer depends on where in a rule they stand.
func counterFields() []field.Field {
	return []field.Field{
		{Name: "util.cnt", Type: event.TypeUint64, Help: "How many events have asked for this value, the one at hand included.",
			Prepare: func(a *field.Arg) error {
				a.Data = new(atomic.Uint64)
				return nil
			},
			Extract: func(_ *event.Event, a *field.Arg, v *event.Value) bool {
				n, ok := a.Data.(*atomic.Uint64)
				if ok {
					v.Num = n.Add(1)
				}
				return ok
			}},
		{Name: "evt.around", Type: event.TypeUint64, Need: field.ArgRequired, Form: field.FormKey,
			FilterOnly: true, NoCompare: true, NoTransform: true, AtMost: true,
			Help:    "evt.around[T] = D holds for events at most D milliseconds before or after T, in nanoseconds since 1970 as evt.rawtime prints it.",
			Prepare: prepareMoment,
			Extract: func(e *event.Event, a *field.Arg, v *event.Value) bool {
				moment, ok := a.Data.(int64)
				if ok {
					v.Num = milliseconds(e.Time, moment)
				}
				return ok
			}},
	}
}

func prepareMoment(a *field.Arg) error {
	moment, err := strconv.ParseInt(a.Text, 10, 64)
	if err != nil || moment < 0 {
		return fmt.Errorf("%q is no time in nanoseconds since 1970, such as evt.rawtime prints", a.Text)
	}
	a.Data = moment
	return nil
}

// milliseconds gives the time between two moments in nanoseconds, rounded up.
func milliseconds(a, b int64) uint64 {
	const nanos = 1_000_000
	apart := uint64(max(a, b)) - uint64(min(a, b))
	return apart/nanos + (apart%nanos+nanos-1)/nanos
}

// lengthFields divide what evt.buflen and evt.count give by kind of event.
func lengthFields() []field.Field {
	const in, out = table.ReadsFD, table.WritesFD
	length := func(name, help string, way table.Flags, sort func(r *Record) bool) field.Field {
		return field.Field{Name: name, Type: event.TypeUint64, Hidden: true, Help: help, Applies: applies(having(way)),
			Extract: onResult(func(r *Record, res int64, v *event.Value) bool {
				v.SetInt(res)
				return res >= 0 && r.FD != nil && r.Row.Has(way) && sort(r)
			})}
	}
	anything := func(*Record) bool { return true }
	file := func(r *Record) bool { return r.FD.IsFile() }
	info := func(name, help string, sort func(r *Record) bool) field.Field {
		return field.Field{Name: name, Type: event.TypeUint32, Hidden: true, Help: help,
			Extract: extract(func(r *Record, v *event.Value) bool {
				v.Num = 1
				return r.Row.ID == table.Procinfo && sort(r)
			})}
	}
	fields := []field.Field{
		length("evt.buflen.in", "How many bytes were read.", in, anything),
		length("evt.buflen.out", "How many bytes were written.", out, anything),
		length("evt.buflen.file", "How many bytes were read from a file or written to one.", in|out, file),
		length("evt.buflen.file.in", "How many bytes were read from a file.", in, file),
		length("evt.buflen.file.out", "How many bytes were written to a file.", out, file),
		length("evt.buflen.net", "How many bytes were received from a socket or sent to one.", in|out, onSocket),
		length("evt.buflen.net.in", "How many bytes were received from a socket.", in, onSocket),
		length("evt.buflen.net.out", "How many bytes were sent to a socket.", out, onSocket),
		info("evt.count.procinfo", "1 for procinfo events of main threads.",
			func(r *Record) bool { return r.Thread != nil && r.Thread == &r.Thread.Process.Main }),
		info("evt.count.threadinfo", "1 for procinfo events.", anything),
	}
	for _, name := range []string{"name", "container.id", "container.name", "container.image"} {
		f := pending(event.TypeString, "evt.infra.docker."+name, "What an event of the kind infra told of a container.", "nothing makes events of the kind infra any more")
		f.Hidden = true
		fields = append(fields, f)
	}
	return fields
}
