//go:build linux && (amd64 || arm64)

package core

import (
	"slices"
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// writes is how many bytes the kernel side writes for a kind; 0 for kinds of any length.
var writes = map[sensorParamKind]int{
	sensorParamKindKIND_RESULT: 8, sensorParamKindKIND_FD: 8, sensorParamKindKIND_UINT8: 1, sensorParamKindKIND_UINT16: 2,
	sensorParamKindKIND_UINT32: 4, sensorParamKindKIND_UINT64: 8, sensorParamKindKIND_OPEN_FLAGS: 4,
	sensorParamKindKIND_OPEN_MODE: 4, sensorParamKindKIND_RESOLVE: 4, sensorParamKindKIND_DEVICE: 4,
	sensorParamKindKIND_INODE: 8, sensorParamKindKIND_CREAT_LAYER: 2,
}

// TestSources compares the rows of this driver with the table of events: name, number and widths of the parameters.
func TestSources(t *testing.T) {
	for _, s := range sources {
		e := table.ByID(s.event)
		if e == nil || e.Name != s.name || len(e.Params) != len(s.params) {
			t.Errorf("%s (%d, %d parameters) is not in the table of events: %+v", s.name, s.event, len(s.params), e)
			continue
		}
		if _, err := s.call(); err != nil {
			t.Error(err)
		}
		if len(compatNumbers[s.name]) == 0 {
			t.Errorf("%s has no number for 32-bit programs", s.name)
		}
		if s.exec != 0 {
			continue
		}
		for i, p := range s.params {
			if got, want := writes[sensorParamKind(p.Kind)], width(e.Params[i].Type); got != want {
				t.Errorf("%s.%s: %d bytes are written, its type has %d", s.name, e.Params[i].Name, got, want)
			}
		}
	}
}

// width is the number of bytes of a type on the wire; 0 for types of any length.
func width(t event.Type) int {
	if t.Class() != event.ClassNumber {
		return 0
	}
	return t.Bits() / 8
}

// directories are the event types that carry a directory behind the parameters of the table.
var directories = []uint16{typeOpen, typeCreat, typeChdir, typeFchdir, typeOpenat, typeOpenat2}

// checkWidths compares a live event with the table: what has a value has the right length. Behind the table's parameters
// there is a directory in the events that carry one, and nothing in others.
func checkWidths(t testing.TB, g got) {
	t.Helper()
	e := table.ByID(g.Type)
	more := 0
	if slices.Contains(directories, g.Type) {
		more = 1
	}
	if e == nil || len(e.Params)+more != len(g.params) {
		t.Fatalf("event %d with %d parameters does not fit the table", g.Type, len(g.params))
	}
	for i, p := range g.params[:len(e.Params)] {
		if w := width(e.Params[i].Type); len(p) != 0 && w != 0 && len(p) != w {
			t.Errorf("%s.%s has %d bytes, want %d", e.Name, e.Params[i].Name, len(p), w)
		}
	}
}

// TestRows checks which calls are on: the wanted ones and those that the process table needs.
func TestRows(t *testing.T) {
	table, on, err := tableOf([]uint16{typeConnect, 9999})
	if err != nil {
		t.Fatal(err)
	}
	connect := nativeNumbers["connect"][0]
	if table[connect].Native.Type != typeConnect {
		t.Errorf("connect is off: %+v", table[connect])
	}
	for _, c := range []struct {
		event uint16
		want  bool
	}{
		{typeConnect, true}, {typeExecve, true}, {typeClone, true}, {typeProcexit, true}, {typeChdir, true},
		{typeOpenat, false}, {9999, false},
	} {
		if slices.Contains(on, c.event) != c.want {
			t.Errorf("event %d on: %v, want %v", c.event, !c.want, c.want)
		}
	}
}

// TestBufferSize checks rounding and limits.
func TestBufferSize(t *testing.T) {
	for _, c := range []struct {
		wanted int
		size   uint32
		fails  bool
	}{
		{0, DefaultBufferBytes, false}, {1, minBufferBytes, false}, {minBufferBytes + 1, 2 * minBufferBytes, false},
		{1 << 20, 1 << 20, false}, {maxBufferBytes, maxBufferBytes, false}, {maxBufferBytes + 1, 0, true}, {-1, 0, true},
	} {
		size, err := bufferSize(c.wanted)
		if size != c.size || (err != nil) != c.fails {
			t.Errorf("%d bytes: %d, %v", c.wanted, size, err)
		}
	}
}
