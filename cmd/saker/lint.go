package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/lint/falco"
	"github.com/saker-security/saker/pkg/rule"
)

// lintFlags are the flags of saker lint.
type lintFlags struct {
	settings
	format, severity, linter, explain string
	fix, diff, strict                 bool
}

func newLint() *cobra.Command {
	var f lintFlags
	c := &cobra.Command{
		Use:   "lint FILE|DIRECTORY...",
		Short: "Check rules files and say what is wrong, where, and what to do",
		Long: `Lint reads the files as run would, in the order given, and prints every finding with file, line and column. What is
wrong keeps the rules from running; warnings and infos are about rules that hardly do what their author wanted. The
exit code is 1 when something is reported, 2 when the files cannot be looked at, and 0 otherwise.

With --fix --diff nothing is written and nothing is reported but the corrections: the exit code is 1 when something
would be corrected and 0 when nothing would, whatever else is wrong with the files.

The comment # saker:ignore CODE -- reason suppresses findings about the line on which it stands, or the line below it;
on the first line of an item it is about the whole item, on that of a key about the value of the key. The comment
# saker:ignore-file CODE at the top is about the file. The file ` + lint.ConfigName + ` in the directory of the first
file, or in a parent of it up to the root of the repository, sets severities and suppresses by path and rule. Errors
cannot be suppressed.

With -c and -o the rules are looked at as they run with that configuration: its static_fields, its rule_matching, and,
when no file is named, its rules_files.

The format falco is the report that falco -V writes as JSON (falco-text: as text), with what Falco looks for and nothing else: its exit code
is 1 only for errors, and severities, suppressions and the configuration do not count.`,
		Args: func(c *cobra.Command, args []string) error {
			if f.explain != "" || f.file != "" {
				return nil
			}
			return needFiles(c, args)
		},
		RunE: tool(func(c *cobra.Command, paths []string) error {
			if f.explain != "" {
				return explain(c.OutOrStdout(), append([]string{f.explain}, paths...))
			}
			return f.run(c, paths)
		}),
	}
	c.Flags().StringVar(&f.format, "format", "text", strings.Join(lintFormats, ", "))
	c.Flags().StringVar(&f.severity, "severity", "warning", "the least severity that is reported: error, warning or info")
	c.Flags().StringVar(&f.linter, "lint-config", "", "the configuration `FILE` of the linter, instead of the one that is found")
	c.Flags().StringVar(&f.explain, "explain", "", "explain the findings of a `CODE`, several, or all, and check nothing")
	c.Flags().BoolVar(&f.fix, "fix", false, "make the corrections that change nothing about what the rules match, and report the rest")
	c.Flags().BoolVar(&f.diff, "diff", false, "with --fix: print what would be corrected, write and report nothing, exit with 1 if something would")
	c.Flags().BoolVar(&f.strict, "strict", false, "look for matters of style too, reported as infos")
	f.registerConfig(c)
	c.Flags().Lookup("config").Usage = "configuration `file` in the form of falco.yaml" // no other is looked for
	return c
}

var lintFormats = []string{"text", "json", "sarif", "github", "junit", "falco", "falco-text"}

// explain prints the explanations of codes. The code all stands for the list of them.
func explain(w io.Writer, codes []string) error {
	for _, code := range strings.FieldsFunc(strings.Join(codes, ","), func(r rune) bool { return r == ',' || r == ' ' }) {
		if code == "all" {
			for _, e := range lint.Explanations() {
				if _, err := fmt.Fprintf(w, "%-24s %s\n", e.Code, e.Title); err != nil {
					return err
				}
			}
			continue
		}
		e, ok := lint.Explain(code)
		if !ok {
			return fmt.Errorf("there is no code %q; %s", code, nearestCode(code))
		}
		if err := e.Write(w); err != nil {
			return err
		}
	}
	return nil
}

func nearestCode(code string) string {
	var codes []string
	for _, e := range lint.Explanations() {
		codes = append(codes, e.Code)
	}
	if near := field.Nearest(code, codes, 2); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return "saker lint --explain all lists them"
}

func (f *lintFlags) run(c *cobra.Command, paths []string) error {
	cfg, _, err := config.Load(config.Input{File: f.file, Options: f.settings.options, Environment: os.Environ(), Recorded: true})
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		paths = cfg.RulesFiles
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s names no rules_files: name files or directories", rule.Printable(f.file))
	}
	options, err := f.lintOptions(cfg, paths)
	if err != nil {
		return err
	}
	files, err := rule.ReadFiles(paths)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("there are no *.yaml or *.yml files in %s", rule.Printable(strings.Join(paths, ", ")))
	}
	if f.fix {
		if files, err = f.correct(c, files, options); err != nil || f.diff {
			return err
		}
	}
	if f.format == "falco" || f.format == "falco-text" {
		return f.writeFalco(c, files, options)
	}
	result := lint.Lint(files, options)
	if err := f.write(c.OutOrStdout(), result); err != nil {
		return err
	}
	if len(result.Findings) > 0 {
		return errFindings
	}
	return nil
}

// writeFalco writes Falco's own report, whose exit code says only whether the files can be used.
func (f *lintFlags) writeFalco(c *cobra.Command, files []rule.File, o lint.Options) error {
	ok, err := falco.WriteResults(escapedJSON(c.OutOrStdout()), c.ErrOrStderr(), files, o.Catalogues, f.format == "falco-text")
	if err == nil && !ok {
		err = errFindings
	}
	return err
}

// lintOptions says what to look for in rules that run with the configuration cfg.
func (f *lintFlags) lintOptions(cfg config.Config, paths []string) (lint.Options, error) {
	o := lint.Options{Catalogues: daemon.Catalogues("", cfg.StaticFields...)}
	o.Analysis.MatchAll, o.Analysis.Strict = cfg.MatchAll, f.strict
	o.Analysis.Delivers = delivers
	severities := map[string]condition.Severity{"error": condition.SeverityError, "warning": condition.SeverityWarning, "info": condition.SeverityInfo}
	least, ok := severities[f.severity]
	if !ok {
		return o, fmt.Errorf("unknown severity %q: there are error, warning and info", f.severity)
	}
	o.Least = least
	known := false
	for _, name := range lintFormats {
		known = known || name == f.format
	}
	if !known {
		return o, fmt.Errorf("unknown format %q: there are %s", f.format, strings.Join(lintFormats, ", "))
	}
	if f.diff && !f.fix {
		return o, errors.New("--diff is used with --fix")
	}
	name := f.linter
	if name == "" {
		directory := paths[0]
		if info, err := os.Stat(directory); err == nil && !info.IsDir() {
			directory = filepath.Dir(directory)
		}
		var err error
		if name, err = lint.FindConfig(directory); err != nil || name == "" {
			return o, err
		}
	}
	var err error
	o.Config, err = lint.ReadConfig(name)
	return o, err
}

// correct makes the safe corrections, or shows them with --diff, and gives the files as they are then. With --diff the
// error is errFindings when there are some.
func (f *lintFlags) correct(c *cobra.Command, files []rule.File, o lint.Options) ([]rule.File, error) {
	fixed, done := lint.Fix(files, o)
	if f.diff {
		for i := range files {
			if _, err := io.WriteString(c.OutOrStdout(), lint.Diff(files[i].Name, files[i].Data, fixed[i].Data)); err != nil {
				return nil, err
			}
		}
		if len(done) > 0 {
			return nil, errFindings
		}
		return fixed, nil
	}
	for i := range files {
		if string(files[i].Data) == string(fixed[i].Data) {
			continue
		}
		if err := lint.ReplaceFile(files[i].Name, fixed[i].Data); err != nil {
			return nil, err
		}
	}
	for _, x := range done {
		// On stderr: stdout holds the report.
		fmt.Fprintf(c.ErrOrStderr(), "%s: fixed: %s [%s]\n", x.Finding.Start, lint.Printable(x.Title), x.Finding.Code)
	}
	return fixed, nil
}

func (f *lintFlags) write(w io.Writer, r lint.Result) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	switch f.format {
	case "json":
		return r.WriteJSON(escapedJSON(w))
	case "sarif":
		return r.WriteSARIF(escapedJSON(w), root, daemon.Versions().Saker)
	case "github":
		return r.WriteGitHub(w, root)
	case "junit":
		return r.WriteJUnit(w)
	}
	write := r.WriteText
	if isTerminal(w) && os.Getenv("NO_COLOR") == "" {
		write = r.WriteColour
	}
	if err := write(w); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, r.Summary())
	if codes := r.FoundCodes(); err == nil && len(codes) > 0 {
		_, err = fmt.Fprintln(w, "more about them: saker lint --explain "+strings.Join(codes, ","))
	}
	return err
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
