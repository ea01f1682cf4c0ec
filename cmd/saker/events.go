package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/table"
)

func newEvents() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "events [SOURCE]",
		Short: "List the event types that evt.type may name, with the parameters for evt.arg",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			names, err := sources(args, daemon.Catalogues(""))
			if err != nil {
				return err
			}
			print, ok := map[string]func(*bufio.Writer, string, []eventJSON){"text": printEvents, "markdown": printEventsMarkdown}[format]
			if format == "json" {
				list := []eventJSON{}
				for _, name := range names {
					list = append(list, eventsOf(name)...)
				}
				return writeJSON(c.OutOrStdout(), list)
			}
			if !ok {
				return unknownFormat(format)
			}
			out := bufio.NewWriter(c.OutOrStdout())
			for _, name := range names {
				print(out, name, eventsOf(name))
			}
			return out.Flush()
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text, markdown or json")
	return c
}

// eventJSON is one event type in the JSON form.
type eventJSON struct {
	Source string `json:"source"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	// Live says that a driver of this version makes such events; others come from capture files only.
	Live       bool        `json:"live"`
	Parameters []paramJSON `json:"parameters"`
}

type paramJSON struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Values are the names of the bits or values, where they have names.
	Values []string `json:"values,omitempty"`
}

// eventsOf lists the event types of a source by number, the newest version of each. Audit events have no types.
func eventsOf(source string) []eventJSON {
	if source != event.SourceSyscall {
		return nil
	}
	var list []eventJSON
	seen := map[string]bool{"": true}
	for _, name := range table.TypeNames() {
		if seen[name] {
			continue
		}
		seen[name] = true
		row := table.ByID(table.Generic) // carries the calls that have no row
		if rows := table.ByName(name); len(rows) > 0 {
			row = rows[len(rows)-1]
		}
		e := eventJSON{Source: source, Name: name, Kind: row.Kind.String(), Live: table.Deliverable(name), Parameters: []paramJSON{}}
		for i := range row.Params {
			e.Parameters = append(e.Parameters, paramOf(&row.Params[i]))
		}
		list = append(list, e)
	}
	return list
}

func paramOf(p *table.Param) paramJSON {
	out := paramJSON{Name: p.Name, Type: p.Type.String()}
	for i := range p.Flags {
		out.Values = append(out.Values, p.Flags[i].Name)
	}
	return out
}

func (e *eventJSON) parameters() string {
	parts := make([]string, len(e.Parameters))
	for i, p := range e.Parameters {
		parts[i] = p.Name + " " + p.Type
	}
	return strings.Join(parts, ", ")
}

// untyped is what there is to say about a source without event types.
func untyped(source string) string {
	return fmt.Sprintf("Source %s: its events have no types; rules tell them apart by fields, see saker fields %s\n\n", source, source)
}

func countLive(events []eventJSON) (n int) {
	for i := range events {
		if events[i].Live {
			n++
		}
	}
	return n
}

func printEvents(w *bufio.Writer, source string, events []eventJSON) {
	if len(events) == 0 {
		fmt.Fprint(w, untyped(source))
		return
	}
	fmt.Fprintf(w, "Source %s: %d event types. The drivers make %d of them, marked *; the others come from capture files.\n\n", source, len(events), countLive(events))
	for i := range events {
		e := &events[i]
		mark := " "
		if e.Live {
			mark = "*"
		}
		fmt.Fprintf(w, "%s %s(%s)\n", mark, e.Name, e.parameters())
	}
	fmt.Fprintln(w)
}

func printEventsMarkdown(w *bufio.Writer, source string, events []eventJSON) {
	fmt.Fprintf(w, "## Source `%s`\n\n", source)
	if len(events) == 0 {
		fmt.Fprint(w, untyped(source))
		return
	}
	fmt.Fprintf(w, "%d event types. The drivers make %d of them, marked live; the others come from capture files.\n\n| event | kind | live | parameters |\n|---|---|---|---|\n",
		len(events), countLive(events))
	for i := range events {
		e := &events[i]
		live := ""
		if e.Live {
			live = "live"
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", e.Name, e.Kind, live, e.parameters())
	}
	fmt.Fprintln(w)
}

// writeJSON writes indented JSON.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(v)
}
