package description

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/saker-security/saker/pkg/rule"
)

// WriteJSON writes the Description, indented.
func (d *Description) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// WriteList writes a line for each rule: its priority, source, name, tags and place.
func (d *Description) WriteList(w io.Writer) error {
	widest, widestSource := 0, 0
	for _, r := range d.Rules {
		widest, widestSource = max(widest, utf8.RuneCountInString(name(r))), max(widestSource, utf8.RuneCountInString(r.Source))
	}
	var b strings.Builder
	for _, r := range d.Rules {
		fmt.Fprintf(&b, "%-13s  %s  %s  %s\n", r.Priority, pad(r.Source, widestSource), pad(name(r), widest), r.At)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// name is the name of a rule in a list, which tells too that the rule is off.
func name(r Rule) string {
	if !r.Enabled {
		return rule.Printable(r.Name) + " (disabled)"
	}
	return rule.Printable(r.Name)
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// String gives file:line.
func (p Place) String() string { return fmt.Sprintf("%s:%d", rule.Printable(p.File), p.Line) }

// WriteText writes all about each rule for people.
func (d *Description) WriteText(w io.Writer) error {
	for i, r := range d.Rules {
		var b strings.Builder
		if i > 0 {
			b.WriteString("\n")
		}
		r.text(&b)
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) text(b *strings.Builder) {
	fmt.Fprintf(b, "%s\n", name(*r))
	line(b, "defined", r.At.String())
	line(b, "source", r.Source)
	line(b, "priority", r.Priority)
	if len(r.Tags) > 0 {
		line(b, "tags", strings.Join(r.Tags, ", "))
	}
	if r.Capture {
		line(b, "capture", r.captureText())
	}
	line(b, "description", r.Description)
	line(b, "output", r.Output)
	line(b, "condition", r.Condition)
	line(b, "resolved", r.Resolved)
	for _, m := range r.Macros {
		line(b, "macro", fmt.Sprintf("%s (%s): %s", m.Name, strings.Join(origins(m.At, m.Parts), ", "), m.Resolved))
	}
	for _, l := range r.Lists {
		line(b, "list", fmt.Sprintf("%s (%s): %s", l.Name, strings.Join(origins(l.At, l.Parts), ", "), strings.Join(l.Resolved, ", ")))
	}
	for _, e := range r.Exceptions {
		line(b, "exception", e.text())
	}
	line(b, "events", r.eventsText())
	line(b, "fields", strings.Join(r.Fields, ", "))
	line(b, "in output", strings.Join(r.OutputFields, ", "))
	for _, p := range r.Parts {
		text := p.Change + " " + p.Key
		if p.Text != "" {
			text += ": " + p.Text
		}
		line(b, "from", p.At.String()+" "+text)
	}
}

func (r *Rule) captureText() string {
	if r.CaptureDuration == 0 {
		return "yes, of the configured length"
	}
	return fmt.Sprintf("yes, %d ms", r.CaptureDuration)
}

func (r *Rule) eventsText() string {
	switch {
	case r.AllEvents && r.Source == "syscall":
		return "all types"
	case r.AllEvents:
		return "all"
	case len(r.Events) == 0:
		return "none"
	}
	const most = 20
	if n := len(r.Events); n > most {
		return fmt.Sprintf("%d types: %s, …", n, strings.Join(r.Events[:most], ", "))
	}
	return strings.Join(r.Events, ", ")
}

func (e *Exception) text() string {
	if e.Resolved == "" {
		return fmt.Sprintf("%s (%s): no values", e.Name, e.At)
	}
	return fmt.Sprintf("%s (%s): not where %s", e.Name, e.At, e.Resolved)
}

// origins are the places of the parts of an item, each line once.
func origins(at Place, parts []Part) []string {
	var out []string
	for _, p := range parts {
		if s := p.At.String(); len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	if out == nil {
		return []string{at.String()}
	}
	return out
}

// line writes a labelled text, wrapped at blanks so that it stays right of its label.
func line(b *strings.Builder, label, text string) {
	const indent, width = 14, 86
	words := strings.Fields(text)
	for i, w := range words {
		words[i] = rule.Printable(w)
	}
	fmt.Fprintf(b, "  %-*s", indent-2, label)
	column := 0
	for i, w := range words {
		n := utf8.RuneCountInString(w)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = 0
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(w)
		column += n
	}
	b.WriteString("\n")
}
