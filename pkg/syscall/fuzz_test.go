package syscall

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/syscalltest"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// feed reads the fuzzer's bytes piece by piece.
type feed []byte

func (f *feed) take(n int) []byte {
	n = min(n, len(*f))
	b := (*f)[:n:n]
	*f = (*f)[n:]
	return b
}

func (f *feed) byte() int {
	if b := f.take(1); len(b) == 1 {
		return int(b[0])
	}
	return 0
}

// fuzzedTypes are the events whose frames the fuzzer puts together: those that change state, and a few others.
var fuzzedTypes = []uint16{
	table.Clone, table.Clone3, table.Execve, table.Execveat, table.ProcExit, table.Open, table.Openat, table.Openat2, table.Creat,
	table.Close, table.Connect, table.Accept4, table.Socket, table.Chdir, table.Fchdir, table.Dup, table.Dup3, table.Setsid,
	table.Setpgid, table.Setuid, table.Capset, table.Generic, table.Switch, table.Procinfo, 79, 81, 175, 181, 255, 311, 337,
}

// frame makes a frame that is well formed as a whole and has whatever the fuzzer wants in it. Ids are small, so that
// threads meet each other.
func (f *feed) frame(now int64) []byte {
	row := table.ByID(fuzzedTypes[f.byte()%len(fuzzedTypes)])
	params := make([][]byte, len(row.Params))
	for i := range params {
		if f.byte()%8 == 0 {
			continue
		}
		switch width := widthOf(row.Params[i].Type); {
		case width > 0:
			b := make([]byte, width)
			copy(b, f.take(1+f.byte()%2))
			switch how := f.byte() % 8; {
			case how == 0:
				for j := range b {
					b[j] = 0xff
				}
			case how == 1:
				clear(b)
			case row.Params[i].Type == event.TypeFD || row.Params[i].Type == event.TypePID || row.Params[i].Type == event.TypeErrno:
				b[0], b[1] = b[0]%20, 0
			}
			params[i] = b
		case row.Params[i].Type == event.TypeSockTuple || row.Params[i].Type == event.TypeSockAddr:
			params[i] = append([]byte{[]byte{1, 2, 10, 99}[f.byte()%4]}, f.take(f.byte()%60)...)
		default:
			params[i] = append(append([]byte{}, f.take(f.byte()%24)...), 0)
		}
	}
	switch how := f.byte() % 8; { // a directory, or something else, behind the parameters of the table
	case how == 0:
		params = append(params, nil)
	case how < 3:
		params = append(params, append(append([]byte{'/'}, f.take(f.byte()%24)...), 0))
	case how == 3:
		params = append(params, f.take(f.byte()%24))
	}
	return wire.Append(nil, wire.Header{CPU: 1, Time: now, Thread: int64(f.byte() % 20), Type: row.ID}, params...)
}

// FuzzInspector holds that no sequence of frames crashes the inspector or any field, and that the tables stay within
// their limits.
func FuzzInspector(f *testing.F) {
	for seed := range uint64(16) {
		random := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, 4000)
		for i := range data {
			data[i] = byte(random.UintN(256))
		}
		f.Add(data, false)
	}
	for _, seed := range [][]byte{
		syscalltest.Clone(1e9, 5, 1, "a"), syscalltest.Exec(2e9, 5, 1, "/bin/x", "x", "x", "y"), syscalltest.Open(3e9, 5, 3, "rel", 1),
	} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, raw bool) {
		limits := process.Limits{Threads: 8, FDs: 16}
		in := New(Options{Limits: limits})
		in.table.Birth(&process.Birth{Image: process.Image{TID: 1, PID: 1, Comm: "init"}, VTID: 1, VPID: 1}, 1, 0)
		input := feed(data)
		for n := int64(1); len(input) > 0 && n < 200; n++ {
			frame := []byte(input)
			if raw {
				input = nil
			} else {
				frame = input.frame(n * 400e6)
			}
			e, err := in.Event(frame)
			if err != nil {
				continue
			}
			askAll(e)
		}
		if got := in.Stats().Threads; got > int64(limits.Threads) {
			t.Errorf("%d threads in a table for %d", got, limits.Threads)
		}
		in.table.Each(func(thread *process.Thread) {
			depth := 0
			thread.Process.Ancestors(func(*process.Process) bool {
				depth++
				return true
			})
			if depth > 64 {
				t.Errorf("thread %d has %d ancestors", thread.TID, depth)
			}
		})
	})
}

// question is a field with an argument that it takes.
type question struct {
	field *field.Field
	arg   field.Arg
}

// questions are all fields, those that take an argument with and without one.
var questions = func() (all []question) {
	for _, f := range catalogue.Fields() {
		for _, a := range []field.Arg{{}, {Present: true, Text: "1", Index: 1, IsIndex: true}, {Present: true, Text: "name"}} {
			if a.Present && f.Need == field.ArgNone || !a.Present && f.Need == field.ArgRequired || f.Form == field.FormIndex && a.Present && !a.IsIndex {
				continue
			}
			if f.Prepare == nil || f.Prepare(&a) == nil {
				all = append(all, question{f, a})
			}
		}
	}
	return all
}()

// askAll asks all questions. A value in an event that the field does not apply to is a defect; only questions about
// opening have an answer, false, for every event.
func askAll(e *event.Event) {
	var v event.Value
	for i := range questions {
		f, a := questions[i].field, &questions[i].arg
		v.Reset()
		if f.Extract(e, a, &v) && f.Applies != nil && !f.Applies(e.Type, a) && !strings.HasPrefix(f.Name, "evt.is_open_") {
			panic(fmt.Sprintf("%s[%s] has a value in an event of type %d, which it does not apply to", f.Name, a.Text, e.Type))
		}
	}
}
