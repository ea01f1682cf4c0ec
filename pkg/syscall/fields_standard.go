package syscall

import (
	"math"
	"slices"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
)

// standardFields tell of descriptors that the event need not work on: the three that every program begins with, and
// all that are open.
func standardFields() []field.Field {
	var fields []field.Field
	for num, name := range []string{"stdin", "stdout", "stderr"} {
		standard := func(get func(r *Record, fd *process.FD) string) field.Extractor {
			return threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				fd := r.in.descriptor(t.Process, int64(num))
				if fd != nil {
					v.Text = get(r, fd)
				}
				return fd != nil
			})
		}
		fields = append(fields,
			field.Field{Name: "proc." + name + ".type", Type: event.TypeString, Help: "What " + name + " of the process is, with the words of fd.type.",
				Extract: standard(func(_ *Record, fd *process.FD) string { return kindName(fd) })},
			field.Field{Name: "proc." + name + ".name", Type: event.TypeString, Help: "Path or connection that " + name + " of the process stands for, as fd.name shows it.",
				Extract: standard(func(r *Record, fd *process.FD) string {
					start := len(r.text)
					r.text = append(r.text, fd.Name...)
					return r.built(start)
				})},
		)
	}
	return append(fields,
		field.Field{Name: "proc.fdopencount", Type: event.TypeUint64, Help: "How many descriptors of the process are open.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				v.SetInt(r.in.openDescriptors(t.Process))
				return true
			})},
		field.Field{Name: "proc.fdusage", Type: event.TypeDouble, Help: "Open descriptors in percent of how many the process may open.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				if t.Process.FDLimit <= 0 {
					return false
				}
				share := float64(r.in.openDescriptors(t.Process)) / float64(t.Process.FDLimit)
				v.Num = math.Float64bits(100 * share)
				return true
			})},
		field.Field{Name: "fd.types", Type: event.TypeString, List: true, Need: field.ArgOptional, Form: field.FormIndex, NoCompare: true,
			Help: "What the first 1,024 open descriptors of the process are, each kind once; with [N] that of descriptor N.", Extract: withArg(openKinds)},
	)
}

// kindName is the text of fd.type.
func kindName(fd *process.FD) string {
	if name := kindNames[fd.Kind]; name != "" {
		return name
	}
	return notAvailable
}

func openKinds(r *Record, a *field.Arg, v *event.Value) bool {
	if r.Thread == nil {
		return false
	}
	p := r.Thread.Process
	if a.Present {
		fd := r.in.descriptor(p, int64(a.Index))
		if fd != nil {
			v.Grow().Text = kindName(fd)
		}
		return fd != nil
	}
	var seen []string
	r.in.eachDescriptor(p, func(fd *process.FD) {
		if name := kindName(fd); !slices.Contains(seen, name) {
			seen = append(seen, name)
		}
	})
	slices.Sort(seen)
	for _, name := range seen {
		v.Grow().Text = name
	}
	return len(seen) > 0
}
