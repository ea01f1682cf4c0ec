package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/audit/cloud"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/policy"
	"github.com/saker-security/saker/pkg/rule"
)

// simulating are the flags of saker audit policy simulate.
type simulating struct {
	compare, format string
	top             int
}

func newAuditPolicySimulate() *cobra.Command {
	var s simulating
	c := &cobra.Command{
		Use:   "simulate POLICY EVENTS...",
		Short: "Measure what a policy would send of recorded audit events, by its rules and levels",
		Long: `Simulate asks the API server's own code what a policy does with each recorded event and measures what would be sent:
events and bytes for each rule of the policy, without the stages, bodies and managed fields that it drops, and the users
and resources that send most. With --compare a second policy is measured beside the first.

The events are audit logs, as replay reads them: files, directories, or - for standard input. Record them with a policy
that says RequestResponse for everything: what was not recorded cannot be counted.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError{fmt.Errorf("name the file of a policy and files with events; see %s --help", c.CommandPath())}
			}
			return nil
		},
		RunE: tool(func(c *cobra.Command, args []string) error { return s.do(c, args[0], args[1:]) }),
	}
	c.Flags().StringVar(&s.compare, "compare", "", "`file` of a second policy")
	c.Flags().StringVar(&s.format, "format", "text", "text or json")
	c.Flags().IntVar(&s.top, "top", 10, "how many users and resources to list")
	return c
}

func (s *simulating) do(c *cobra.Command, path string, files []string) error {
	switch {
	case s.format != "text" && s.format != "json":
		return fmt.Errorf("unknown format %q: there are text and json", s.format)
	case s.top < 0:
		return errors.New("flag --top counts from 0")
	}
	stdin := 0
	for _, name := range append([]string{path, s.compare}, files...) {
		if name == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		return errors.New("standard input (-) can be read once only: as a policy, or as events")
	}
	p, err := readPolicy(c, path)
	if err != nil {
		return err
	}
	policies := []*policy.Policy{p}
	if s.compare != "" {
		if p, err = readPolicy(c, s.compare); err != nil {
			return err
		}
		policies = append(policies, p)
	}
	simulation := policy.NewSimulation(policies...)
	defects, err := s.read(c, files, simulation)
	if err != nil {
		return err
	}
	volumes := simulation.Volumes(s.top)
	if s.format == "json" {
		err = policy.WriteVolumesJSON(escapedJSON(c.OutOrStdout()), volumes)
	} else {
		err = policy.WriteVolumesText(c.OutOrStdout(), volumes)
	}
	if err == nil && defects > 0 {
		err = errFindings
	}
	return err
}

// read counts the events of the files. Defects in them are printed and counted.
func (s *simulating) read(c *cobra.Command, files []string, simulation *policy.Simulation) (defects int, err error) {
	reader := audit.FileReader{Splitter: &audit.Splitter{}, Unwrap: cloud.Unwrap, Report: func(e *audit.FileError) {
		defects++
		fmt.Fprintln(c.ErrOrStderr(), "Error:", rule.Printable(e.Error()))
	}}
	count := func(e *event.Event) error {
		simulation.Add(e)
		return c.Context().Err()
	}
	for _, file := range files {
		if file == "-" {
			err = reader.ReadFrom("stdin", c.InOrStdin(), count)
		} else {
			err = reader.Read(file, count)
		}
		if err != nil {
			return defects, err
		}
	}
	return defects, nil
}
