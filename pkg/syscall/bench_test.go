package syscall

import (
	"fmt"
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/syscalltest"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// extractors compiles fields as a rule would.
func extractors(t testing.TB, names []string) []func(e *event.Event, v *event.Value) bool {
	t.Helper()
	var out []func(*event.Event, *event.Value) bool
	for _, name := range names {
		f, arg, ok := catalogue.Lookup(name)
		if !ok {
			t.Fatalf("no field %s", name)
		}
		a := &field.Arg{Present: arg != "", Text: arg}
		out = append(out, func(e *event.Event, v *event.Value) bool { return f.Extract(e, a, v) })
	}
	return out
}

// BenchmarkOpen is the whole way of an open event up to where rules are judged: decoding, process and descriptor state.
func BenchmarkOpen(b *testing.B) {
	in := machine(b)
	frame := syscalltest.Open(5e9, 100, 3, "/etc/ld.so.cache", table.OpenRead)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := in.Event(frame); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenMany does the same over many processes, so that the tables do not fit into the nearest cache.
func BenchmarkOpenMany(b *testing.B) {
	in := machine(b)
	var frames [][]byte
	for i := range 5000 {
		pid := 1000 + i
		take(b, in, syscalltest.Clone(4e9, pid, 100, "worker"))
		frames = append(frames, syscalltest.Open(5e9, int64(pid), 3+i%40, fmt.Sprintf("/var/lib/app/%d/file", i), table.OpenRead))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := in.Event(frames[i]); err != nil {
			b.Fatal(err)
		}
		i = (i + 7919) % len(frames)
	}
}

// BenchmarkExec is an execve with its fork and exit.
func BenchmarkExec(b *testing.B) {
	in := machine(b)
	frames := [][]byte{
		syscalltest.Clone(5e9, 200, 100, "bash"),
		syscalltest.Exec(5e9, 200, 100, "/usr/bin/ls", "ls", "ls", "-l", "/tmp"),
		syscalltest.Exit(5e9, 200, 0),
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, frame := range frames {
			if _, err := in.Event(frame); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkField(b *testing.B) {
	in := machine(b)
	take(b, in, syscalltest.Clone(5e9, 200, 100, "bash"))
	take(b, in, syscalltest.Exec(5e9, 200, 100, "/usr/bin/cat", "cat", "cat", "-n", "/etc/shadow"))
	e := take(b, in, syscalltest.Open(6e9, 200, 3, "/etc/shadow", table.OpenRead))
	for _, name := range []string{"evt.type", "proc.name", "proc.cmdline", "proc.args", "proc.aname", "fd.name", "fd.directory", "evt.arg.flags", "evt.args", "user.name", "container.id"} {
		x := extractors(b, []string{name})[0]
		b.Run(name, func(b *testing.B) {
			var v event.Value
			r := e.Data.(*Record)
			b.ReportAllocs()
			for b.Loop() {
				v.Reset()
				r.text = r.text[:0]
				x(e, &v)
			}
		})
	}
}
