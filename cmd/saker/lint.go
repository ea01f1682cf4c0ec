package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/rule"
)

func newLint() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "lint FILE|DIRECTORY...",
		Short: "Check rules files and say what is wrong, where, and what to do",
		Long: `Lint reads the files as run would, in the order given, and prints every finding with file, line and column. The exit
code is 1 when there is an error and 0 otherwise; warnings alone do not change it.`,
		Args: needFiles,
		RunE: tool(func(c *cobra.Command, paths []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("unknown format %q: there are text and json", format)
			}
			files, err := rule.ReadFiles(paths)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				return fmt.Errorf("there are no *.yaml or *.yml files in %s", strings.Join(paths, ", "))
			}
			result := lint.Check(files, daemon.Catalogues(""))
			if format == "json" {
				err = result.WriteJSON(c.OutOrStdout())
			} else if err = result.WriteText(c.OutOrStdout()); err == nil {
				_, err = fmt.Fprintln(c.OutOrStdout(), result.Summary())
			}
			if err != nil {
				return err
			}
			if !result.OK() {
				return errFindings
			}
			return nil
		}),
	}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}
