package lint

import (
	"fmt"
	"io"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// WriteGitHub writes each finding as a workflow command of GitHub Actions, which shows it beside the changed lines of
// a pull request. Paths below the directory root are written relative to it. The form is that of GitHub's
// documentation of workflow commands.
func (r Result) WriteGitHub(w io.Writer, root string) error {
	commands := map[condition.Severity]string{condition.SeverityError: "error", condition.SeverityWarning: "warning", condition.SeverityInfo: "notice"}
	var b strings.Builder
	for i := range r.Findings {
		d := &r.Findings[i]
		fmt.Fprintf(&b, "::%s file=%s,line=%d,endLine=%d", commands[d.Severity], property(printable(relative(d.Start.File, root))), d.Start.Line, max(d.Start.Line, d.End.Line))
		if d.End.Line == d.Start.Line { // GitHub takes columns only within one line
			from, to := r.character(d.Start, d.Line), r.character(d.End, d.Line)
			fmt.Fprintf(&b, ",col=%d,endColumn=%d", from, max(from, to))
		}
		text := printable(d.Message)
		if d.Hint != "" {
			text += "\n" + printable(d.Hint)
		}
		fmt.Fprintf(&b, ",title=%s::%s\n", property(d.Code), message(text+"\n"+ExplanationURL(d.Code)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var (
	messageEscapes  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func message(s string) string { return messageEscapes.Replace(s) }

// property escapes the value of a property of a workflow command, where colons and commas have a meaning.
func property(s string) string { return propertyEscapes.Replace(s) }
