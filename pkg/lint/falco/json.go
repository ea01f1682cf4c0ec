package falco

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/saker-security/saker/pkg/rule"
)

// The types below are the JSON of falco_load_results. Their keys stand in the order of the alphabet, as Falco prints
// them.

type report struct {
	Results []entry `json:"falco_load_results"`
}

type entry struct {
	Errors []finding `json:"errors"`
	Name   string    `json:"name"`
	// SchemaValid and SchemaWarnings are absent for a file that was not compared with the schema.
	SchemaValid    *bool     `json:"schema_valid,omitempty"`
	SchemaWarnings *[]string `json:"schema_warnings,omitempty"`
	Successful     bool      `json:"successful"`
	Warnings       []finding `json:"warnings"`
}

type finding struct {
	Code     string  `json:"code"`
	CodeDesc string  `json:"codedesc"`
	Context  context `json:"context"`
	Message  string  `json:"message"`
}

type context struct {
	Locations []location `json:"locations"`
	Snippet   string     `json:"snippet"`
}

type location struct {
	ItemName string   `json:"item_name"`
	ItemType string   `json:"item_type"`
	Position position `json:"position"`
}

// position is where an item starts. Line, column and offset count from 0, the latter two in bytes.
type position struct {
	Column int    `json:"column"`
	Line   int    `json:"line"`
	Name   string `json:"name"`
	Offset int    `json:"offset"`
}

// WriteJSON writes the report as Falco does with json_output: one line.
func (r *Results) WriteJSON(w io.Writer) error {
	out := report{Results: []entry{}}
	for i := range r.Files {
		f := &r.Files[i]
		e := entry{Name: f.Name, Successful: f.OK(), Errors: []finding{}, Warnings: []finding{}}
		if f.Checked {
			valid := len(f.Schema) == 0
			e.SchemaValid, e.SchemaWarnings = &valid, &f.Schema
		}
		for j := range f.Errors {
			e.Errors = append(e.Errors, r.finding(&f.Errors[j], codes[f.Errors[j].Falco].short))
		}
		for j := range f.Warnings {
			e.Warnings = append(e.Warnings, r.finding(&f.Warnings[j], codes[f.Warnings[j].Falco].long))
		}
		out.Results = append(out.Results, e)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("write load results: %w", err)
	}
	return nil
}

func (r *Results) finding(d *rule.Diagnostic, description string) finding {
	f := finding{Code: d.Falco, CodeDesc: description, Message: message(d),
		Context: context{Locations: []location{}, Snippet: r.snippet(d)}}
	for _, l := range d.Path {
		f.Context.Locations = append(f.Context.Locations, location{ItemName: l.Name, ItemType: l.Type,
			Position: position{Column: l.Column, Line: l.Line, Name: l.File, Offset: l.Offset}})
	}
	return f
}

// message is what is wrong and what to do.
func message(d *rule.Diagnostic) string {
	if d.Hint == "" {
		return d.Message
	}
	return d.Message + "; " + d.Hint
}
