package main

import (
	"bufio"
	"encoding/json"
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
			names := slices.Sorted(maps.Keys(catalogues))
			if len(args) == 1 {
				if catalogues[args[0]] == nil {
					return fmt.Errorf("unknown source %q: there are %s", args[0], strings.Join(names, " and "))
				}
				names = args
			}
			out := bufio.NewWriter(c.OutOrStdout())
			print := printFields
			switch format {
			case "text":
			case "markdown":
				print = printMarkdown
			case "json":
				return printJSON(c.OutOrStdout(), names, catalogues)
			default:
				return fmt.Errorf("unknown format %q: there are text, markdown and json", format)
			}
			for _, name := range names {
				print(out, catalogues[name])
			}
			return out.Flush()
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text, markdown or json")
	return c
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
	return text
}

func printFields(w *bufio.Writer, c *field.Catalogue) {
	fmt.Fprintf(w, "Source %s: %d fields\n\n", c.Source(), len(visible(c)))
	for _, f := range visible(c) {
		fmt.Fprintf(w, "%-48s %-14s %s\n", usage(f), typeName(f), notes(f))
	}
	fmt.Fprintln(w)
}

func printMarkdown(w *bufio.Writer, c *field.Catalogue) {
	fmt.Fprintf(w, "## Source `%s`\n\n| field | type | meaning |\n|---|---|---|\n", c.Source())
	for _, f := range visible(c) {
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", usage(f), typeName(f), strings.ReplaceAll(notes(f), "|", `\|`))
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
	Help       string `json:"help"`
}

func printJSON(w io.Writer, names []string, catalogues map[string]*field.Catalogue) error {
	needs := map[field.Need]string{field.ArgNone: "none", field.ArgOptional: "optional", field.ArgRequired: "required"}
	list := []fieldJSON{}
	for _, name := range names {
		for _, f := range visible(catalogues[name]) {
			list = append(list, fieldJSON{
				Source: name, Name: f.Name, Type: f.Type.String(), List: f.List, Argument: needs[f.Need],
				FilterOnly: f.FilterOnly, PrintOnly: f.PrintOnly, Deprecated: f.Deprecated, Help: f.Help,
			})
		}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(list)
}
