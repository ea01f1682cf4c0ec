package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/ruletest"
	"github.com/saker-security/saker/rules"
)

// explaining are the flags of saker explain.
type explaining struct {
	event, test, format, matching string
	rules                         []string
	number, limit                 int
}

func newExplain() *cobra.Command {
	var o explaining
	c := &cobra.Command{
		Use:   "explain RULE --event FILE",
		Short: "Show the value of every part of a rule's condition on an event, and which part decided",
		Long: `Explain evaluates one rule on recorded events and prints its condition as a tree: each part with its value, and what it
compares. The first part that made the result certain has an arrow. A value in brackets is of a part that is not looked
at, because the result was certain before.

The file holds audit events as JSON or system calls, as a capture (.scap) or a recording, or it is a test file, whose
events are taken from the tests (--test names one) and whose rules are used unless others are given.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("name one rule; see %s --help", c.CommandPath())}
			}
			return nil
		},
		RunE: tool(func(c *cobra.Command, args []string) error { return o.do(c, args[0]) }),
	}
	f := c.Flags()
	f.StringVarP(&o.event, "event", "e", "", "`file` with the events")
	f.StringVar(&o.test, "test", "", "take the events of the test of this `name`")
	f.IntVarP(&o.number, "number", "n", 0, "explain only the event of this `number`, from 1")
	f.IntVar(&o.limit, "limit", 10, "stop after so many events that are explained")
	f.StringArrayVarP(&o.rules, "rules", "r", nil, "rules `file` or directory, may be given again (default: the built-in rules)")
	f.StringVar(&o.matching, "rule-matching", "first", "first or all: whether an earlier rule takes an event away")
	f.StringVar(&o.format, "format", "text", "text or json, an object for each event")
	return c
}

func (o *explaining) do(c *cobra.Command, name string) error {
	switch {
	case o.event == "":
		return errors.New("name a file with events: --event FILE")
	case o.format != "text" && o.format != "json":
		return fmt.Errorf("unknown format %q: there are text and json", o.format)
	case o.matching != "first" && o.matching != "all":
		return fmt.Errorf("flag --rule-matching: %q is neither first nor all", o.matching)
	case o.limit < 1 || o.number < 0:
		return errors.New("flags --limit and --number count from 1")
	}
	data, err := start(o.event)
	if err != nil {
		return err
	}
	play := func(ctx context.Context, do func(int, *event.Event) error) error {
		return ruletest.PlayFile(ctx, o.event, do)
	}
	var file *ruletest.File
	if ruletest.IsTestFile(o.event, data) {
		var t *ruletest.Test
		if file, t, err = o.find(); err != nil {
			return err
		}
		play = func(ctx context.Context, do func(int, *event.Event) error) error {
			return t.Play(ctx, filepath.Dir(o.event), do)
		}
	} else if o.test != "" {
		return fmt.Errorf("flag --test: %s is not a test file", rule.Printable(o.event))
	}
	set, err := o.load(c.ErrOrStderr(), file)
	if err != nil {
		return err
	}
	one := set.Rule(name)
	if one == nil {
		if hint := set.Suggest(name); hint != "" {
			return fmt.Errorf("there is no rule %q; %s", name, hint)
		}
		return fmt.Errorf("there is no rule %q", name)
	}
	return o.explain(c, set, one, play)
}

// start reads the first bytes of a file.
func start(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, ruletest.MaxFileSize))
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return data, nil
}

// find reads the test file and gives the test that is named, or the only one.
func (o *explaining) find() (*ruletest.File, *ruletest.Test, error) {
	file, err := ruletest.ReadFile(o.event, ruletest.Catalogues(daemon.Catalogues("host")))
	if err != nil {
		return nil, nil, err
	}
	if o.test == "" && len(file.Tests) == 1 {
		return file, file.Tests[0], nil
	}
	var names []string
	for _, t := range file.Tests {
		if t.Name == o.test {
			return file, t, nil
		}
		names = append(names, fmt.Sprintf("%q", t.Name))
	}
	return nil, nil, fmt.Errorf("name one of the tests of %s with --test: %s", rule.Printable(o.event), strings.Join(names, ", "))
}

// load gives the rules: those of the flags, else those of the test file, else the built-in ones.
func (o *explaining) load(stderr io.Writer, file *ruletest.File) (*ruletest.Rules, error) {
	r := ruletest.Runner{Catalogues: ruletest.Catalogues(daemon.Catalogues("host")), Builtin: rules.Files()}
	if file == nil {
		file = &ruletest.File{Builtin: true}
	}
	if len(o.rules) > 0 {
		file = &ruletest.File{Name: "--rules", Rules: o.rules}
	}
	set, err := r.Rules(file)
	var bad *ruletest.RulesError
	if errors.As(err, &bad) {
		if err := (lint.Result{Findings: bad.Findings}).WriteText(stderr); err != nil {
			return nil, err
		}
		return nil, errors.New("the rules cannot be used: see the findings above")
	}
	return set, err
}

var errEnough = errors.New("enough events")

// explain explains the events that the rule looks at, the first ones up to the limit, and counts the others.
func (o *explaining) explain(c *cobra.Command, set *ruletest.Rules, one *rule.CompiledRule, play func(context.Context, func(int, *event.Event) error) error) error {
	settings := ruletest.Settings{FirstOnly: o.matching == "first", MinPriority: rule.PriorityDebug}
	seen, explained := 0, 0
	var other *ruletest.Explanation
	err := play(c.Context(), func(n int, e *event.Event) error {
		seen = n
		if o.number != 0 && n != o.number {
			return nil
		}
		if explained == o.limit {
			return errEnough
		}
		x := set.Explain(one, settings, n, e)
		if o.number == 0 && !set.Looks(one, e) {
			if other == nil {
				other = x
			}
			return nil
		}
		explained++
		return o.write(c.OutOrStdout(), x)
	})
	stopped := errors.Is(err, errEnough)
	if err != nil && !stopped {
		return err
	}
	switch {
	case o.number > seen:
		return fmt.Errorf("there is no event %d: there are %d", o.number, seen)
	case explained == 0 && other != nil:
		err = o.write(c.OutOrStdout(), other)
	default:
		err = nil
	}
	if err != nil || o.format == "json" {
		return err
	}
	if stopped {
		_, err = fmt.Fprintf(c.OutOrStdout(), "there are more events: choose one with --number, or raise --limit\n")
	} else if others := seen - max(explained, 1); o.number == 0 && others > 0 {
		_, err = fmt.Fprintf(c.OutOrStdout(), "events of types that the rule never looks at: %d\n", others)
	}
	return err
}

func (o *explaining) write(w io.Writer, x *ruletest.Explanation) error {
	if o.format == "json" {
		return x.WriteJSON(escapedJSON(w))
	}
	return x.WriteText(w)
}
