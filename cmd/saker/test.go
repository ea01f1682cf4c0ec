package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/ruletest"
	"github.com/saker-security/saker/rules"
)

// testFlags are the flags of saker test.
type testFlags struct {
	junit, coverageFile, run string
	coverage, verbose        bool
	parallel                 int
}

func newTest() *cobra.Command {
	var o testFlags
	c := &cobra.Command{
		Use:   "test FILE|DIRECTORY...",
		Short: "Run unit tests of rules",
		Long: `Test runs test files: YAML that gives events, written by field, as processes, as audit events or from a file, and says
which rules must fire on them. In a directory, and below it, the files *_test.yaml are taken. It needs no privileges.
The exit code is 0 when all tests pass, 1 when one fails and 2 when a test file or its rules cannot be used.`,
		Args: needFiles,
		RunE: tool(o.do),
	}
	f := c.Flags()
	f.StringVar(&o.run, "run", "", "run only the tests whose names match the regular `expression`")
	f.IntVarP(&o.parallel, "parallel", "p", 0, "how many tests run at the same time (default: the number of processors)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "name the tests that pass too")
	f.BoolVar(&o.coverage, "coverage", false, "print which rules never fired and which parts of conditions never were true or false")
	f.StringVar(&o.coverageFile, "coverage-file", "", "write the coverage as JSON to a `file`, - for the output")
	f.StringVar(&o.junit, "junit", "", "write the results as JUnit XML to a `file`")
	return c
}

func (o *testFlags) do(c *cobra.Command, paths []string) error {
	r := ruletest.Runner{Catalogues: ruletest.Catalogues(daemon.Catalogues("host")), Builtin: rules.Files(), Parallel: o.parallel,
		Coverage: o.coverage || o.coverageFile != ""}
	if o.run != "" {
		var err error
		if r.Select, err = regexp.Compile(o.run); err != nil {
			return fmt.Errorf("flag --run: %w", err)
		}
	}
	files, err := ruletest.Find(paths)
	if err != nil {
		return err
	}
	report, err := r.Run(c.Context(), files)
	if err != nil {
		return err
	}
	if err := report.WriteText(c.OutOrStdout(), o.verbose); err != nil {
		return err
	}
	if err := o.write(c.OutOrStdout(), report); err != nil {
		return err
	}
	if len(report.Broken) > 0 {
		return printBroken(c.ErrOrStderr(), report.Broken)
	}
	if len(report.Results) == 0 && o.run != "" {
		return fmt.Errorf("no test has a name that matches %s", o.run)
	}
	if report.Failed() > 0 {
		return errFindings
	}
	return nil
}

// write writes the reports that flags ask for.
func (o *testFlags) write(out io.Writer, report *ruletest.Report) error {
	if o.coverage {
		for _, one := range report.Coverage {
			if err := one.WriteText(out); err != nil {
				return err
			}
		}
	}
	if o.coverageFile != "" {
		data, err := json.MarshalIndent(report.Coverage, "", "  ")
		if err != nil {
			return fmt.Errorf("write the coverage: %w", err)
		}
		if err := writeFile(out, o.coverageFile, append(data, '\n')); err != nil {
			return fmt.Errorf("write the coverage: %w", err)
		}
	}
	if o.junit == "" {
		return nil
	}
	var b bytes.Buffer
	if err := report.WriteJUnit(&b); err != nil {
		return err
	}
	f, err := os.Create(o.junit)
	if err != nil {
		return fmt.Errorf("write a JUnit report: %w", err)
	}
	_, err = escapedXML(f).Write(b.Bytes())
	return errors.Join(err, f.Close())
}

func writeFile(out io.Writer, name string, data []byte) error {
	if name == "-" {
		_, err := escapedJSON(out).Write(data)
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// printBroken prints errors of test files, one or more lines each, and gives the one that ends the command.
func printBroken(w io.Writer, broken []error) error {
	for _, err := range broken {
		var bad *ruletest.RulesError
		if errors.As(err, &bad) {
			if err := (lint.Result{Findings: bad.Findings}).WriteText(w); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(w, errorText(err))
	}
	if len(broken) == 1 {
		return errors.New("not all tests could be run: see the error above")
	}
	return fmt.Errorf("not all tests could be run: see the %d errors above", len(broken))
}
