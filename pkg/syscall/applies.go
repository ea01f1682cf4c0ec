package syscall

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// restrict declares which events can have fields (field.Applies), as far as the table of events tells: those for which
// test holds. It is left open where a field says something of its own.
func restrict(test func(row *table.Event, a *field.Arg) bool, fields []field.Field) []field.Field {
	for i := range fields {
		if fields[i].Applies == nil {
			fields[i].Applies = applies(test)
		}
	}
	return fields
}

func applies(test func(row *table.Event, a *field.Arg) bool) func(uint16, *field.Arg) bool {
	return func(t uint16, a *field.Arg) bool {
		row := table.ByID(t)
		if row == nil { // a system call without a row
			row = table.ByID(table.Generic)
		}
		return test(row, a)
	}
}

// having is the test for events with any of the properties.
func having(flags table.Flags) func(*table.Event, *field.Arg) bool {
	return func(row *table.Event, _ *field.Arg) bool { return row.Has(flags) }
}

func returning(row *table.Event, _ *field.Arg) bool { return row.Returns() }

func calling(row *table.Event, _ *field.Arg) bool { return row.Kind == table.Syscall }

// opening is the test for the calls that open a file. Other events answer false to questions about opening, which no
// rule asks for.
func opening(row *table.Event, _ *field.Arg) bool { return row.OpensFile() || row.ID == openByHandle }

// connecting is the test for events that may work on a socket.
func connecting(row *table.Event, _ *field.Arg) bool {
	return row.Has(table.AnyFD) && !row.OpensFile()
}

func polling(row *table.Event, _ *field.Arg) bool { return descriptorList(row) >= 0 }

func buffering(row *table.Event, _ *field.Arg) bool { return dataParam(row) >= 0 }

// withParam is the test for events with the parameter that the argument names.
func withParam(row *table.Event, a *field.Arg) bool {
	if a.IsIndex {
		return a.Index < len(row.Params)
	}
	return row.Index(a.Text) >= 0
}

// withPath is the test for events with a path that is relative to a descriptor; with two for an argument.
func withPath(row *table.Event, a *field.Arg) bool {
	n := 0
	for i := range row.Params {
		if row.Params[i].Type == event.TypeRelPath {
			n++
		}
	}
	return n > 1 || n == 1 && !a.Present
}

// withEnd is the test for events with a path of the kind.
func withEnd(which int) func(*table.Event, *field.Arg) bool {
	return func(row *table.Event, _ *field.Arg) bool {
		indexes, ok := pathIndexes[row.ID]
		return ok && indexes[which] >= 0
	}
}
