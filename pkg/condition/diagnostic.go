package condition

// Severity tells how bad a finding is.
type Severity uint8

// The severities.
const (
	SeverityError Severity = iota
	SeverityWarning
	// SeverityInfo is something good to know that needs no action, such as a field that has no value in this version.
	SeverityInfo
)

// String gives error, warning or info.
func (s Severity) String() string {
	switch s {
	case SeverityWarning:
		return "warning"
	case SeverityInfo:
		return "info"
	}
	return "error"
}

// Diagnostic is one finding about a condition or an output format: what is wrong, where, and what to do.
type Diagnostic struct {
	// Code is a short stable name of the kind of finding, such as syntax or unknown-field.
	Code     string
	Severity Severity
	// Range is where it is, in bytes of the text that was compiled.
	Range Range
	// Message says what is wrong, in our own words, starting in lower case and without a final stop.
	Message string
	// Hint says what to do; may be empty.
	Hint string
}

// Error gives the message and the hint.
func (d *Diagnostic) Error() string {
	if d.Hint == "" {
		return d.Message
	}
	return d.Message + "; " + d.Hint
}

// Position turns a byte offset of text into a line and a column, both from 1. Columns count bytes. As in Falco, a
// carriage return ends a line as a newline does.
func Position(text string, offset int) (line, column int) {
	line, column = 1, 1
	for i := 0; i < offset && i < len(text); i++ {
		if text[i] == '\n' || text[i] == '\r' {
			line, column = line+1, 1
		} else {
			column++
		}
	}
	return line, column
}
