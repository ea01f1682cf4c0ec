package syscall

import (
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
)

// lineageFields are the fields about parents and their parents. Those of all ancestors offer one value for each, from
// the parent upwards; with [N] they give that of one, the process itself for 0.
func lineageFields() []field.Field {
	lineage := func(name, help string, get func(p *process.Process) string) field.Field {
		return field.Field{Name: name, Type: event.TypeString, Need: field.ArgOptional, Form: field.FormIndex, Quantifier: field.Some,
			NoCompare: true, NoTransform: true, Help: help,
			Extract: ancestorValue(func(p *process.Process, v *event.Value) { v.Text = get(p) })}
	}
	return []field.Field{
		{Name: "proc.pname", Type: event.TypeString, Help: "Short name of the parent.", Extract: parentText(comm)},
		{Name: "proc.pexe", Type: event.TypeString, Help: "First argument of the parent.", Extract: parentText(exe)},
		{Name: "proc.pexepath", Type: event.TypeString, Help: "Program of the parent.", Extract: parentText(exePath)},
		{Name: "proc.pcmdline", Type: event.TypeString, Help: "Short name and arguments of the parent, joined by blanks.", Extract: parentText(cmdline)},
		{Name: "proc.ppid", Type: event.TypeInt64, Help: "Id of the parent.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
				id, ok := t.Process.ParentPID()
				v.SetInt(id)
				return ok
			})},
		{Name: "proc.pvpid", Type: event.TypeInt64, Help: "Id of the parent in its own pid namespace.",
			Extract: parentValue(func(_ *Record, p *process.Process, v *event.Value) bool {
				v.SetInt(p.VPID)
				return true
			})},
		{Name: "proc.ppid.duration", Type: event.TypeRelTime, Help: "Nanoseconds since the parent was made.",
			Extract: parentValue(func(r *Record, p *process.Process, v *event.Value) bool { return r.since(p, v) })},
		{Name: "proc.ppid.ts", Type: event.TypeRelTime, Help: "When the parent was made, in nanoseconds since 1970.",
			Extract: parentValue(func(_ *Record, p *process.Process, v *event.Value) bool { return positive(p.Start, v) })},
		lineage("proc.aname", "Short name of an ancestor: [1] is the parent. Without number, of any ancestor.", comm),
		lineage("proc.aexe", "First argument of an ancestor: [1] is the parent. Without number, of any ancestor.", exe),
		lineage("proc.aexepath", "Program of an ancestor: [1] is the parent. Without number, of any ancestor.", exePath),
		lineage("proc.acmdline", "Short name and arguments of an ancestor: [1] is the parent. Without number, of any ancestor.", cmdline),
		{Name: "proc.apid", Type: event.TypeInt64, Need: field.ArgOptional, Form: field.FormIndex, Quantifier: field.Some,
			NoCompare: true, NoTransform: true, Help: "Id of an ancestor: [1] is the parent. Without number, of any ancestor.",
			Extract: ancestorValue(func(p *process.Process, v *event.Value) { v.SetInt(p.PID()) })},
		{Name: "proc.aargs", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormIndex,
			Help: "Arguments of an ancestor: [1] is the parent. Without number, those of all ancestors, joined by blanks.", Extract: withArg(ancestorArgs)},
		{Name: "proc.aenv", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormAny, Quantifier: field.Some,
			NoCompare: true, NoTransform: true,
			Help:    "Environment of an ancestor: [1] is the parent. With [NAME] the nearest ancestor's value of that variable that is not empty. Without argument, of any ancestor.",
			Extract: withArg(ancestorEnv)},
		{Name: "proc.loginshellid", Type: event.TypeInt64, Help: "Id of the oldest process among the ancestors and the process itself whose short name ends in sh.",
			Extract: threadValue(loginShell)},
	}
}

func parentValue(get func(r *Record, p *process.Process, v *event.Value) bool) field.Extractor {
	return threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
		parent := t.Process.Parent()
		return parent != nil && get(r, parent, v)
	})
}

func ancestorValue(set func(p *process.Process, v *event.Value)) field.Extractor {
	return withArg(func(r *Record, a *field.Arg, v *event.Value) bool {
		if r.Thread == nil {
			return false
		}
		if a.Present {
			p := r.Thread.Process.Ancestor(a.Index)
			if p != nil {
				set(p, v)
			}
			return p != nil
		}
		r.Thread.Process.Ancestors(func(p *process.Process) bool {
			set(p, v.Grow())
			return true
		})
		return len(v.List) > 0
	})
}

func ancestorArgs(r *Record, a *field.Arg, v *event.Value) bool {
	if r.Thread == nil {
		return false
	}
	if a.Present {
		p := r.Thread.Process.Ancestor(a.Index)
		if p != nil {
			v.Text = r.elements(p.Args)
		}
		return p != nil
	}
	start := len(r.text)
	r.Thread.Process.Ancestors(func(p *process.Process) bool {
		if len(r.text) > start && p.Args != "" {
			r.text = append(r.text, ' ')
		}
		r.appendElements(p.Args)
		return true
	})
	v.Text = r.built(start)
	return true
}

// maxEnvAncestors is how many ancestors are asked for a variable.
const maxEnvAncestors = 20

func ancestorEnv(r *Record, a *field.Arg, v *event.Value) bool {
	if r.Thread == nil {
		return false
	}
	p := r.Thread.Process
	switch {
	case a.Present && a.IsIndex:
		if p = p.Ancestor(a.Index); p != nil {
			v.Text = r.elements(p.Env)
		}
		return p != nil
	case a.Present:
		n := 0
		p.Ancestors(func(q *process.Process) bool {
			v.Text = q.Variable(a.Text)
			n++
			return v.Text == "" && n < maxEnvAncestors
		})
		return true
	}
	p.Ancestors(func(q *process.Process) bool {
		v.Grow().Text = r.elements(q.Env)
		return true
	})
	return len(v.List) > 0
}

func loginShell(_ *Record, t *process.Thread, v *event.Value) bool {
	found := strings.HasSuffix(t.Process.Main.Comm, "sh")
	if found {
		v.SetInt(t.Process.PID())
	}
	t.Process.Ancestors(func(p *process.Process) bool {
		if strings.HasSuffix(p.Main.Comm, "sh") {
			v.SetInt(p.PID())
			found = true
		}
		return true
	})
	return found
}
