// Package event is the one model of what happened, whatever the source: a Kubernetes audit event or a system call.
//
// It does no I/O and knows nothing of fields, rules or alerts. A source fills an Event and hands it on; what a rule
// may ask of it is declared in package field.
package event

// Names of the event sources, as rules files write them under the key source.
const (
	SourceSyscall  = "syscall"
	SourceK8sAudit = "k8s_audit"
	SourceInternal = "internal"
)

// Event is one thing that happened.
//
// An Event and everything that Data reaches belong to the source that made them: they are valid until the call that
// handed them over returns. Whoever needs a value longer copies it (strings.Clone for texts). An Event is not safe
// for concurrent use.
type Event struct {
	// Num counts the events of one source from 1, in the order in which they were taken in.
	Num uint64
	// Time is when it happened, in nanoseconds since the Unix epoch.
	Time int64
	// Start is the Time of the first event of the same stream; relative times count from it.
	Start int64
	// Source is one of the Source constants.
	Source string
	// Type is the number of the event type in the table of the source's catalogue. A source that has only one type
	// uses 0.
	Type uint16
	// Data is what the extractors of the source read: *audit.Record, *syscall.Record.
	Data any
}

// Identified is what Data may be so that the same event, taken in twice, is recognised as the same.
type Identified interface {
	// AppendIdentity appends bytes that tell this event from every other event of its source. everywhere says that
	// another machine that takes in the same event gives the same bytes.
	AppendIdentity(dst []byte) (identity []byte, everywhere bool)
}
