package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/lint/layout"
	"github.com/saker-security/saker/pkg/rule"
)

func newFmt() *cobra.Command {
	var check, diff bool
	c := &cobra.Command{
		Use:   "fmt FILE|DIRECTORY...|-",
		Short: "Lay out rules files, keeping their comments and their meaning",
		Long: `Fmt writes the files anew in one look: the keys of an item in the usual order, conditions with a term on each line
where they are long, lists on one line where they are short, quotation marks only where they are needed, lines of at
most 120 characters where that is possible. It prints the names of the files that it changed. The file - is standard
input, which is printed laid out.

Every comment stays, and so does the meaning: the values of the file and the structure of its conditions are compared
before anything is written. Items with anchors, aliases, tags or comments at unusual places are left as they are, and
named on standard error. The exit code is 2 when a file cannot be read, such as one that is not valid YAML; the other
files are laid out all the same.`,
		Args: needFiles,
		RunE: tool(func(c *cobra.Command, paths []string) error {
			if len(paths) == 1 && paths[0] == "-" {
				return formatInput(c, check, diff)
			}
			files, err := rule.ReadFiles(paths)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				return fmt.Errorf("there are no *.yaml or *.yml files in %s", rule.Printable(strings.Join(paths, ", ")))
			}
			return formatFiles(c, files, check, diff)
		}),
	}
	c.Flags().BoolVar(&check, "check", false, "write nothing, print the names of the files that are laid out otherwise, exit with 1 if there are some")
	c.Flags().BoolVar(&diff, "diff", false, "write nothing, print what would change, exit with 1 if something would")
	return c
}

func formatFiles(c *cobra.Command, files []rule.File, check, diff bool) error {
	var failed []error
	different := false
	for _, f := range files {
		changed, err := formatFile(c, f, check, diff)
		if err != nil {
			failed = append(failed, err)
		}
		different = different || changed
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	if different && (check || diff) {
		return errFindings
	}
	return nil
}

// formatFile lays out one file and tells whether it changes.
func formatFile(c *cobra.Command, f rule.File, check, diff bool) (bool, error) {
	data, err := laidOut(c, f)
	if err != nil || string(data) == string(f.Data) {
		return false, err
	}
	switch {
	case diff:
		_, err = io.WriteString(c.OutOrStdout(), lint.Diff(f.Name, f.Data, data))
		return true, err
	case !check:
		if err := lint.ReplaceFile(f.Name, data); err != nil {
			return true, err
		}
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), lint.Printable(f.Name))
	return true, err
}

func formatInput(c *cobra.Command, check, diff bool) error {
	data, err := io.ReadAll(io.LimitReader(c.InOrStdin(), rule.MaxFileSize+1))
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	f := rule.File{Name: "<stdin>", Data: data}
	if check || diff {
		return formatFiles(c, []rule.File{f}, check, diff)
	}
	if data, err = laidOut(c, f); err != nil {
		return err
	}
	_, err = c.OutOrStdout().Write(data)
	return err
}

// maxKept is how many items of a file are named that are left as they are.
const maxKept = 20

// laidOut gives the new content of a file, and names the items that are left as they are.
func laidOut(c *cobra.Command, f rule.File) ([]byte, error) {
	result, err := layout.Format(f)
	if err != nil {
		return nil, err
	}
	for i, k := range result.Kept {
		if i == maxKept {
			fmt.Fprintf(c.ErrOrStderr(), "%s: %d more items are left as they are\n", lint.Printable(f.Name), len(result.Kept)-i)
			break
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s:%d: left as it is: %s\n", lint.Printable(f.Name), k.Line, k.Reason)
	}
	return result.Data, nil
}
