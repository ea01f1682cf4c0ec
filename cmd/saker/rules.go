package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/lint/description"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/rules"
)

func newRules() *cobra.Command {
	var paths []string
	var format string
	c := &cobra.Command{
		Use:   "rules [NAME...]",
		Short: "List the rules, or show what a rule amounts to and where each part of it comes from",
		Long: `Rules reads rules files as run would and lists the rules. For each NAME, in which * stands for any text, it shows the rule
as it stands after all files: the condition with macros, lists and exceptions in their places, the events and fields that
it asks for, and the file and line of each part.

The formats are text, json (all of it, with places) and falco (the JSON of Falco's -L, or of its -l for a NAME).`,
		RunE: tool(func(c *cobra.Command, names []string) error {
			if format != "text" && format != "json" && format != "falco" {
				return fmt.Errorf("unknown format %q: there are text, json and falco", format)
			}
			d, err := describeRules(c, paths)
			if err != nil {
				return err
			}
			if len(names) > 0 {
				if err := d.Select(names); err != nil {
					fmt.Fprintln(c.ErrOrStderr(), "Error:", err)
					return errFindings
				}
			}
			out := c.OutOrStdout()
			switch {
			case format == "json":
				return d.WriteJSON(escapedJSON(out))
			case format == "falco":
				return d.WriteFalco(escapedJSON(out))
			case len(names) > 0:
				return d.WriteText(out)
			}
			return d.WriteList(out)
		}),
	}
	c.Flags().StringArrayVarP(&paths, "rules", "r", nil, "rules `file` or directory, may be given again (default: the built-in rules)")
	c.Flags().StringVar(&format, "format", "text", "text, json or falco")
	return c
}

// describeRules loads rules files, or the built-in rules where paths is empty. Errors in them are printed.
func describeRules(c *cobra.Command, paths []string) (*description.Description, error) {
	files := rules.Files()
	if len(paths) > 0 {
		var err error
		if files, err = rule.ReadFiles(paths); err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("there are no *.yaml or *.yml files in %s", strings.Join(paths, ", "))
		}
	}
	catalogues := daemon.Catalogues("")
	set, found := rule.Load(files, catalogues)
	compiled, more := set.Compile(catalogues)
	found = append(found, more...)
	if rule.HasErrors(found) {
		if err := (lint.Result{Findings: found}).WriteText(c.ErrOrStderr()); err != nil {
			return nil, err
		}
		return nil, errFindings
	}
	return description.Of(set, compiled, catalogues), nil
}
