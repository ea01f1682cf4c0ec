package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/field"
)

func newFields() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "fields [SOURCE]",
		Short: "List the fields that conditions and outputs may use",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			catalogues := daemon.Catalogues("")
			names, err := sources(args, catalogues)
			if err != nil {
				return err
			}
			print, ok := map[string]func(*bufio.Writer, *field.Catalogue){"text": printFields, "markdown": printMarkdown}[format]
			if format == "json" {
				return printJSON(c.OutOrStdout(), names, catalogues)
			}
			if !ok {
				return unknownFormat(format)
			}
			out := bufio.NewWriter(c.OutOrStdout())
			for _, name := range names {
				print(out, catalogues[name])
			}
			return out.Flush()
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text, markdown or json")
	return c
}

// sources gives the names of the sources to list: the one that is asked for, else all.
func sources(args []string, catalogues map[string]*field.Catalogue) ([]string, error) {
	names := slices.Sorted(maps.Keys(catalogues))
	if len(args) == 0 {
		return names, nil
	}
	if catalogues[args[0]] == nil {
		return nil, fmt.Errorf("unknown source %q: there are %s", args[0], strings.Join(names, " and "))
	}
	return args, nil
}

func unknownFormat(format string) error {
	return fmt.Errorf("unknown format %q: there are text, markdown and json", format)
}

// visible yields the fields that are listed.
func visible(c *field.Catalogue) []*field.Field {
	var fields []*field.Field
	for _, f := range c.Fields() {
		if !f.Hidden {
			fields = append(fields, f)
		}
	}
	return fields
}

// usage is the name with its argument as one writes it.
func usage(f *field.Field) string {
	arg := "key"
	if f.Form == field.FormIndex {
		arg = "index"
	}
	switch {
	case f.DotArg:
		return f.Name + ".<" + arg + ">"
	case f.Need == field.ArgRequired:
		return f.Name + "[" + arg + "]"
	case f.Need == field.ArgOptional:
		return f.Name + "[" + arg + "]?"
	}
	return f.Name
}

func typeName(f *field.Field) string {
	if f.List {
		return f.Type.String() + " list"
	}
	return f.Type.String()
}

func notes(f *field.Field) string {
	text := f.Help
	if f.FilterOnly {
		text += " Only in conditions."
	}
	if f.PrintOnly {
		text += " Only in outputs."
	}
	if f.Deprecated != "" {
		text += " Deprecated: " + f.Deprecated
	}
	if f.Pending != "" {
		text += " Never has a value in this version: " + f.Pending + "."
	}
	return text
}

// count says how many fields a source has.
func count(fields []*field.Field) string {
	pending := 0
	for _, f := range fields {
		if f.Pending != "" {
			pending++
		}
	}
	text := fmt.Sprintf("%d fields", len(fields))
	if pending > 0 {
		text += fmt.Sprintf(". %d of them, marked -, can be used and never have a value in this version", pending)
	}
	return text
}

func printFields(w *bufio.Writer, c *field.Catalogue) {
	fields := visible(c)
	fmt.Fprintf(w, "Source %s: %s.\n\n", c.Source(), count(fields))
	for _, f := range fields {
		mark := " "
		if f.Pending != "" {
			mark = "-"
		}
		fmt.Fprintf(w, "%s %-48s %-14s %s\n", mark, usage(f), typeName(f), notes(f))
	}
	fmt.Fprintln(w)
}

func printMarkdown(w *bufio.Writer, c *field.Catalogue) {
	fields := visible(c)
	fmt.Fprintf(w, "## Source `%s`\n\n%s.\n\n| field | | type | meaning |\n|---|---|---|---|\n", c.Source(), count(fields))
	for _, f := range fields {
		mark := ""
		if f.Pending != "" {
			mark = "-"
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", usage(f), mark, typeName(f), strings.ReplaceAll(notes(f), "|", `\|`))
	}
	fmt.Fprintln(w)
}

// fieldJSON is one field in the JSON form.
type fieldJSON struct {
	Source     string `json:"source"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	List       bool   `json:"list"`
	Argument   string `json:"argument"`
	FilterOnly bool   `json:"filter_only"`
	PrintOnly  bool   `json:"print_only"`
	Deprecated string `json:"deprecated,omitempty"`
	// Pending says why the field never has a value in this version.
	Pending string `json:"pending,omitempty"`
	Help    string `json:"help"`
}

func printJSON(w io.Writer, names []string, catalogues map[string]*field.Catalogue) error {
	needs := map[field.Need]string{field.ArgNone: "none", field.ArgOptional: "optional", field.ArgRequired: "required"}
	list := []fieldJSON{}
	for _, name := range names {
		for _, f := range visible(catalogues[name]) {
			list = append(list, fieldJSON{
				Source: name, Name: f.Name, Type: f.Type.String(), List: f.List, Argument: needs[f.Need],
				FilterOnly: f.FilterOnly, PrintOnly: f.PrintOnly, Deprecated: f.Deprecated, Pending: f.Pending, Help: f.Help,
			})
		}
	}
	return writeJSON(w, list)
}
