package main

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/lint/layout"
	"github.com/saker-security/saker/pkg/lint/server"
	"github.com/saker-security/saker/pkg/rule"
)

// lspPause is how long an author must have typed nothing before the whole file is checked.
const lspPause = 300 * time.Millisecond

func newLSP() *cobra.Command {
	return &cobra.Command{
		Use:   "lsp [FILE|DIRECTORY...]",
		Short: "Help editors with rules files: a language server on stdin and stdout",
		Long: `Lsp speaks the Language Server Protocol on stdin and stdout: findings while one types, completion of fields, macros, lists,
event types and keys, what a name means, where it is defined and used, corrections and layout. The files that are named
are read before the one that is edited, as run would read them; the client can name them too, as rules in its
initializationOptions.`,
		RunE: tool(func(c *cobra.Command, paths []string) error {
			files, err := rule.ReadFiles(paths)
			if err != nil {
				return err
			}
			options, err := lspOptions()
			if err != nil {
				return err
			}
			return server.Serve(c.Context(), stdio{c.InOrStdin(), c.OutOrStdout()}, server.Options{
				Catalogues: options.Catalogues,
				Check:      func(files []rule.File) []rule.Diagnostic { return lint.Lint(files, options).Findings },
				Format:     format,
				Link:       lint.ExplanationURL,
				Before:     files,
				Read:       rule.ReadFiles,
				Pause:      lspPause,
			})
		}),
	}
}

// lspOptions are what an editor wants to see: everything, but for what the configuration file of the linter suppresses
// that is found from the working directory.
func lspOptions() (lint.Options, error) {
	o := lint.Options{Catalogues: daemon.Catalogues(""), Least: condition.SeverityInfo}
	o.Analysis.Delivers = delivers
	name, err := lint.FindConfig(".")
	if err == nil && name != "" {
		o.Config, err = lint.ReadConfig(name)
	}
	return o, err
}

// format lays out a file for an editor, which asks again when the file was broken.
func format(name string, data []byte) ([]byte, error) {
	result, err := layout.Format(rule.File{Name: name, Data: data})
	return result.Data, err
}

// stdio is the pipe between an editor and the program.
type stdio struct {
	io.Reader
	io.Writer
}

// Close ends the reading of stdin, so that nothing waits for an editor that is gone.
func (s stdio) Close() error {
	if f, ok := s.Reader.(*os.File); ok {
		if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			return err
		}
	}
	return nil
}
