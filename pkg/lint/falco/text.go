package falco

import (
	"fmt"
	"io"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

// WriteText writes the report as Falco's -V does: for each file a line with the verdict, and for one that cannot be
// used all that was found.
func (r *Results) WriteText(w io.Writer) error {
	var b strings.Builder
	for i := range r.Files {
		r.text(&b, &r.Files[i])
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write load results: %w", err)
	}
	return nil
}

const bar = "------\n"

func (r *Results) text(b *strings.Builder, f *Result) {
	name := printable(f.Name)
	switch {
	case f.OK() && len(f.Warnings) == 0 && len(f.Schema) == 0:
		fmt.Fprintf(b, "%s: Ok\n", name)
		return
	case f.OK():
		fmt.Fprintf(b, "%s: Ok, with warnings\n", name)
		return
	}
	fmt.Fprintf(b, "%s: Invalid\n", name)
	if len(f.Schema) > 0 {
		fmt.Fprintf(b, "%d Schema warnings:\n%s", len(f.Schema), bar)
		for _, s := range f.Schema {
			fmt.Fprintf(b, "%s\n%s", printable(s), bar)
		}
		b.WriteString("\n")
	}
	r.block(b, "Errors", f.Errors)
	r.block(b, "Warnings", f.Warnings)
}

func (r *Results) block(b *strings.Builder, title string, found []rule.Diagnostic) {
	if len(found) == 0 {
		return
	}
	fmt.Fprintf(b, "%d %s:\n", len(found), title)
	for i := range found {
		d := &found[i]
		for j, l := range d.Path {
			before := "    "
			if j == 0 {
				before = "In "
			}
			b.WriteString(before + l.Type)
			if l.Name != "" {
				fmt.Fprintf(b, " '%s'", printable(l.Name))
			}
			fmt.Fprintf(b, ": (%s:%d:%d)\n", printable(l.File), l.Line, l.Column)
		}
		fmt.Fprintf(b, "%s%s%s%s (%s): %s\n\n", bar, r.snippet(d), bar, d.Falco, codes[d.Falco].short, printable(message(d)))
	}
}

// printable escapes what a terminal would act on. A tab becomes a blank, so that a caret stays under its place.
func printable(s string) string { return rule.Printable(strings.ReplaceAll(s, "\t", " ")) }
