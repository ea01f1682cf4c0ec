package alert

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/format"
)

// NewInternal makes an alert of the program about itself, of the source internal. rule says what about; time is in
// nanoseconds since the Unix epoch, fields in any order. As in Falco its lines differ a little: a line of text has the
// fields behind the message, in parentheses; its time is never in ISO 8601; a JSON line has no tags, and an output
// without time and priority.
func NewInternal(time int64, hostname, rule string, p Priority, message string, fields ...Field) *Alert {
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	a := &Alert{
		Time: time, Hostname: hostname, Rule: rule, Priority: p, Source: event.SourceInternal, Message: message, Fields: fields,
	}
	a.ID = NewID(time, a.Append(nil))
	return a
}

func (a *Alert) internal() bool { return a.Source == event.SourceInternal }

// appendDetails appends the fields as they stand in a line of text: (name=VALUE name=VALUE).
func (a *Alert) appendDetails(dst []byte) []byte {
	if len(a.Fields) == 0 {
		return dst
	}
	between := " ("
	for _, f := range a.Fields {
		dst = append(dst, between...)
		dst = format.AppendEscaped(dst, f.Name)
		dst = append(dst, '=')
		dst = append(dst, f.JSON...)
		between = " "
	}
	return append(dst, ')')
}
