package syscall

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// Catalogue is all that rules can ask of system call events. hostname is what evt.hostname answers. The names and
// meanings of the fields are those of Falco. A field that cannot be answered yet is in it, and says so (field.Pending).
func Catalogue(hostname string) *field.Catalogue {
	return field.New(event.SourceSyscall, table.TypeNames(),
		field.Generic(hostname),
		eventFields(),
		resultFields(),
		lengthFields(),
		argumentFields(),
		processFields(),
		lineageFields(),
		executableFields(),
		threadFields(),
		userFields(),
		restrict(having(table.AnyFD), fdFields()),
		restrict(connecting, socketFields()),
		standardFields(),
		pathFields(),
		restrict(polling, pollFields()),
		containerFields(),
		runtimeFields(),
		kubernetesFields(),
		probeFields(),
		documentFields(),
		counterFields(),
	)
}

// pending declares a field that never has a value in this version.
func pending(t event.Type, name, help, why string) field.Field {
	return field.Field{Name: name, Type: t, Help: help, Pending: why,
		Extract: func(*event.Event, *field.Arg, *event.Value) bool { return false }}
}

// withArgument makes a field need an argument; a form of 0 leaves it without one.
func withArgument(f field.Field, form field.Form) field.Field {
	if form != 0 {
		f.Need, f.Form = field.ArgRequired, form
	}
	return f
}

// extract makes an extractor of something that every event has.
func extract(get func(r *Record, v *event.Value) bool) field.Extractor {
	return func(e *event.Event, _ *field.Arg, v *event.Value) bool {
		r, ok := e.Data.(*Record)
		return ok && get(r, v)
	}
}

// withArg is extract for a field with an argument.
func withArg(get func(r *Record, a *field.Arg, v *event.Value) bool) field.Extractor {
	return func(e *event.Event, a *field.Arg, v *event.Value) bool {
		r, ok := e.Data.(*Record)
		return ok && get(r, a, v)
	}
}

// threadValue makes an extractor that has no value when the thread is not known.
func threadValue(get func(r *Record, t *process.Thread, v *event.Value) bool) field.Extractor {
	return extract(func(r *Record, v *event.Value) bool { return r.Thread != nil && get(r, r.Thread, v) })
}

// processText, processNumber, processInt and processBool make extractors of what a process always has.
func processText(get func(p *process.Process) string) field.Extractor {
	return threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
		v.Text = get(t.Process)
		return true
	})
}

func processNumber(get func(p *process.Process) uint64) field.Extractor {
	return threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
		v.Num = get(t.Process)
		return true
	})
}

func processInt(get func(p *process.Process) int64) field.Extractor {
	return processNumber(func(p *process.Process) uint64 { return uint64(get(p)) })
}

func processBool(get func(p *process.Process) bool) field.Extractor {
	return threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
		v.SetBool(get(t.Process))
		return true
	})
}

// parentText makes an extractor of something of the parent; no value when the parent is not known.
func parentText(get func(p *process.Process) string) field.Extractor {
	return threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
		parent := t.Process.Parent()
		if parent == nil {
			return false
		}
		v.Text = get(parent)
		return true
	})
}

// positive stores a time or number that is not known when it is 0.
func positive(n int64, v *event.Value) bool {
	v.Num = uint64(n)
	return n > 0
}

// What several fields show of a process.
func comm(p *process.Process) string    { return p.Main.Comm }
func exe(p *process.Process) string     { return p.Exe }
func exePath(p *process.Process) string { return p.ExePath }
func cmdline(p *process.Process) string { return p.CommandLine() }
func pid(p *process.Process) int64      { return p.PID() }
