// Package alert is a match made into what people read: the alert with everything copied out of the event, and the
// lines of text and JSON that Falco would write for it.
package alert

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// Alert is one rule that matched one event. It holds nothing of the event's memory, so it can be kept, and is
// immutable once made: safe for concurrent use.
type Alert struct {
	// ID is the same whenever the same rule matches the same event, also after a restart: 26 letters and digits that
	// sort by the time of the event (see NewID).
	ID string
	// Time of the event, in nanoseconds since the Unix epoch.
	Time     int64
	Rule     string
	Priority rule.Priority
	// Source is the name of the event source, such as syscall.
	Source string
	// Hostname is the machine that made the alert.
	Hostname string
	// Tags are sorted and unique.
	Tags []string
	// Message is the rendered output of the rule, without time and priority. It may hold any bytes.
	Message string
	// Fields are the fields of the output, sorted by name, each once.
	Fields []Field
}

// Field is a field of the event with its value.
type Field struct {
	Name string
	// JSON is the value as JSON text: a number, string, truth value, array or null.
	JSON string
}

// Builder makes alerts. It keeps memory from one alert to the next and is not safe for concurrent use: each goroutine
// has its own.
type Builder struct {
	// Hostname is put into each alert. Falco takes it from the environment variable FALCO_HOSTNAME and else from the
	// system.
	Hostname string

	value event.Value
	text  []byte
	ends  []int
	hash  []byte
}

// New makes the alert for the event that the rule matched, reading the fields of the rule's output.
func (b *Builder) New(e *event.Event, r *rule.CompiledRule) *Alert {
	fields := r.Output.Fields()
	b.text = r.Output.Append(b.text[:0], e, &b.value)
	message := len(b.text)
	b.ends = b.ends[:0]
	for _, f := range fields {
		b.text = f.AppendJSON(b.text, e, &b.value)
		b.ends = append(b.ends, len(b.text))
	}
	all := string(b.text) // one allocation for the message and all values
	a := &Alert{
		ID:   b.id(e, r.Name),
		Time: e.Time, Rule: r.Name, Priority: r.Priority, Source: r.Source, Hostname: b.Hostname, Tags: r.Tags,
		Message: all[:message],
	}
	if len(fields) > 0 {
		a.Fields = make([]Field, len(fields))
	}
	start := message
	for i, f := range fields {
		a.Fields[i] = Field{Name: f.Name, JSON: all[start:b.ends[i]]}
		start = b.ends[i]
	}
	return a
}

// Field gives the value of a field as JSON text.
func (a *Alert) Field(name string) (json string, ok bool) {
	i, ok := slices.BinarySearchFunc(a.Fields, name, func(f Field, name string) int { return strings.Compare(f.Name, name) })
	if !ok {
		return "", false
	}
	return a.Fields[i].JSON, true
}
