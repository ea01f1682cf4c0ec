// Package table is the table of system call events: what events there are, under which number, with which parameters.
// The decoder, the text of evt.arg, the catalogue and the drivers read this one table, so an event or a new version
// of one is a row. Numbers, names and order of parameters are those of the .scap capture format.
package table

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// Event is one row.
type Event struct {
	// ID is the number of the event on the wire.
	ID uint16
	// Name is what evt.type says.
	Name     string
	Category Category
	Kind     Kind
	Flags    Flags
	Params   []Param
}

// Param is one parameter of an event.
type Param struct {
	Name string
	Type event.Type
	// Print is how the number is written in text.
	Print field.Print
	// Flags are the names of the bits or values; nil when the number is all that is shown.
	Flags []Flag
}

// Kind tells system calls and other events apart.
type Kind uint8

// The kinds.
const (
	Syscall Kind = iota
	Tracepoint
	Meta
	Plugin
	Iterator
)

var kinds = [...]string{Syscall: "syscall", Tracepoint: "tracepoint", Meta: "meta", Plugin: "plugin", Iterator: "iterator"}

// String names the kind.
func (k Kind) String() string { return kinds[k] }

// Category groups events by what they work on. The four I/O categories are shown by the kind of their descriptor.
type Category uint8

// The categories.
const (
	Unknown Category = iota
	Other
	File
	Net
	IPC
	Wait
	Signal
	Sleep
	Time
	Process
	Scheduler
	Memory
	User
	System
	Internal
	IORead
	IOWrite
	IOOther
)

var categories = [...]string{
	Unknown: "unknown", Other: "other", File: "file", Net: "net", IPC: "IPC", Wait: "wait", Signal: "signal",
	Sleep: "sleep", Time: "time", Process: "process", Scheduler: "scheduler", Memory: "memory", User: "user",
	System: "system", Internal: "internal", IORead: "unknown", IOWrite: "unknown", IOOther: "unknown",
}

// String is the text of evt.category for events whose category does not depend on a descriptor.
func (c Category) String() string { return categories[c] }

// IO tells whether the category is shown by the kind of the descriptor.
func (c Category) IO() bool { return c >= IORead }

// Flags are the properties of an event.
type Flags uint16

// The properties.
const (
	CreatesFD Flags = 1 << iota
	UsesFD
	DestroysFD
	ReadsFD
	WritesFD
	Waits
	// State events change what later events are shown with.
	State
	Large
	SkipReset
	// Old events have a name that rules may use but nothing makes them any more.
	Old
)

// AnyFD is the set of properties that gives an event fd fields.
const AnyFD = CreatesFD | UsesFD | DestroysFD

// IDs of the events that the source itself looks at.
const (
	Generic   = 1
	Open      = 3
	Close     = 5
	Socket    = 19
	Connect   = 23
	Creat     = 59
	Pipe      = 61
	Chdir     = 95
	Fchdir    = 97
	Fcntl     = 151
	Switch    = 152
	ProcExit  = 186
	Setresuid = 193
	Setresgid = 195
	Setuid    = 199
	Setgid    = 201
	Clone     = 223
	Fork      = 225
	Vfork     = 227
	Procinfo  = 234
	Accept    = 247
	Chroot    = 267
	Setsid    = 275
	Execve    = 293
	Setpgid   = 295
	Openat    = 307
	Openat2   = 327
	Execveat  = 331
	Clone3    = 335
	Capset    = 353
	Dup2      = 363
	Dup3      = 365
	Dup       = 367
	Accept4   = 389
	Pipe2     = 393
	Setreuid  = 427
	Setregid  = 429
)

// firstGeneric is the number under which the first system call without a row is known to the catalogue. The wire has
// no such numbers: it carries the event Generic with the call as a parameter.
const firstGeneric = 512

var (
	byID      [firstGeneric]*Event
	byName    = map[string][]*Event{}
	typeNames []string
	// deliverable are the events that a live driver makes today; one driver may make fewer than another.
	deliverable = map[uint16]bool{
		Open: true, Close: true, Connect: true, Creat: true, Chdir: true, Fchdir: true, ProcExit: true,
		Setresuid: true, Setresgid: true, Setuid: true, Setgid: true, Clone: true, Chroot: true, Setsid: true,
		Execve: true, Setpgid: true, Openat: true, Openat2: true, Execveat: true, Setreuid: true, Setregid: true,
	}
)

func init() {
	typeNames = make([]string, firstGeneric, firstGeneric+len(generic))
	for _, rows := range [][]Event{rowsAG, rowsHQ, rowsRZ, rowsMeta} {
		for i := range rows {
			row := &rows[i]
			byID[row.ID] = row
			byName[row.Name] = append(byName[row.Name], row)
			typeNames[row.ID] = row.Name
		}
	}
	typeNames = append(typeNames, generic...)
}

// ByID finds a row by its number; nil when there is none.
func ByID(id uint16) *Event {
	if int(id) < len(byID) {
		return byID[id]
	}
	return nil
}

// ByName finds the rows with a name, none for an unknown name and for system calls that have no row.
func ByName(name string) []*Event { return byName[name] }

// TypeNames lists the names of all event types by their number, empty for a number without event. Behind the rows
// follow the system calls that have none. The slice must not be changed.
func TypeNames() []string { return typeNames }

// Deliverable tells whether the live drivers make events with this name. Others exist in captures only.
func Deliverable(name string) bool {
	for _, row := range byName[name] {
		if deliverable[row.ID] {
			return true
		}
	}
	return false
}

// DeliverableIDs lists the numbers of the events that the live drivers make, in rising order.
func DeliverableIDs() []uint16 {
	var ids []uint16
	for id, row := range byID {
		if row != nil && deliverable[row.ID] {
			ids = append(ids, uint16(id))
		}
	}
	return ids
}

// Index gives the position of the parameter called name, -1 when the event has none.
func (e *Event) Index(name string) int {
	for i := range e.Params {
		if e.Params[i].Name == name {
			return i
		}
	}
	return -1
}

// Has tells whether the event has any of the properties f.
func (e *Event) Has(f Flags) bool { return e.Flags&f != 0 }

// Returns tells whether parameter 0 is what a call returned.
func (e *Event) Returns() bool { return e.Kind == Syscall && len(e.Params) > 0 && e.ID != Generic }

// OpensFile tells whether the event is one of the calls that open a file by name.
func (e *Event) OpensFile() bool {
	return e.ID == Open || e.ID == Openat || e.ID == Openat2 || e.ID == Creat
}
