package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/policy"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/rules"
)

// newAuditPolicy is the parent of the commands about audit policies.
func newAuditPolicy() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Compare the rules with the audit policy of an API server, write one for them, and measure one",
		Args:  cobra.NoArgs,
	}
	c.AddCommand(newAuditPolicyCheck(), newAuditPolicyGenerate(), newAuditPolicySimulate())
	return c
}

// readPolicy reads a policy; - is standard input.
func readPolicy(c *cobra.Command, path string) (*policy.Policy, error) {
	in, name := c.InOrStdin(), "stdin"
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the policy: %w", err)
		}
		defer file.Close()
		in, name = file, path
	}
	data, err := io.ReadAll(io.LimitReader(in, policy.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	p, err := policy.Load(name, data)
	if err != nil {
		return nil, fmt.Errorf("the API server would not take the policy: %w", err)
	}
	return p, nil
}

// selecting are the flags that choose among rules.
type selecting struct{ names, enable, tags []string }

func (s *selecting) register(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&s.names, "rule", nil, "only the rules of this `name`, in which each * stands for any text, disabled ones too; may be given again")
	f.StringArrayVar(&s.enable, "enable", nil, "the rules of this `name` too, though they are off, as with saker run; may be given again")
	f.StringArrayVar(&s.tags, "enable-tag", nil, "the rules of this `tag` too, though they are off, as with saker run; may be given again")
}

// apply switches rules on and off.
func (s *selecting) apply(set *rule.Set) error {
	var selections []rule.Selection
	var flags []string
	choose := func(flag string, one rule.Selection) {
		selections, flags = append(selections, one), append(flags, flag)
	}
	if len(s.names) > 0 {
		choose("--rule", rule.Selection{Rule: "*"})
	}
	for _, name := range s.names {
		choose("--rule", rule.Selection{Enable: true, Rule: name})
	}
	for _, name := range s.enable {
		choose("--enable", rule.Selection{Enable: true, Rule: name})
	}
	for _, tag := range s.tags {
		choose("--enable-tag", rule.Selection{Enable: true, Tag: tag})
	}
	if unmatched := set.Select(selections); len(unmatched) > 0 {
		one := unmatched[0]
		if one.Hint == "" {
			return fmt.Errorf("flag %s: %s", flags[one.Index], one.Message)
		}
		return fmt.Errorf("flag %s: %s; %s", flags[one.Index], one.Message, one.Hint)
	}
	return nil
}

// compile loads rules files, or the built-in rules where paths is empty. Errors in them are printed.
func (s *selecting) compile(c *cobra.Command, paths []string) (*rule.Compiled, error) {
	files := rules.Files()
	if len(paths) > 0 {
		var err error
		if files, err = rule.ReadFiles(paths); err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("there are no *.yaml or *.yml files in %s", rule.Printable(strings.Join(paths, ", ")))
		}
	}
	catalogues := daemon.Catalogues("")
	set, found := rule.Load(files, catalogues)
	if err := s.apply(set); err != nil {
		return nil, err
	}
	compiled, more := set.Compile(catalogues)
	found = append(found, more...)
	if rule.HasErrors(found) {
		if err := (lint.Result{Findings: found}).WriteText(c.ErrOrStderr()); err != nil {
			return nil, err
		}
		return nil, errors.New("the rules cannot be used: see the findings above")
	}
	return compiled, nil
}

func newAuditPolicyCheck() *cobra.Command {
	var s selecting
	var format, fail string
	var all bool
	c := &cobra.Command{
		Use:   "check POLICY [RULES...]",
		Short: "Tell for each rule whether an audit policy lets it ever fire, why not, and what to change",
		Long: `Check asks the API server's own code what a policy records of the requests that the rules are about, and tells for each
rule of source k8s_audit, by default the built-in ones:

  can fire     everything that the rule is about is recorded
  blind        the rule also fires where it should not: a body by which it excludes is not recorded
  in part      only some of what the rule is about is recorded; it is named
  idle         its condition is false for every event, since a list in it is empty
  cannot tell  it is not known whether the rule misses something
  never        nothing that the policy records makes the rule fire

with the line of the policy that is the reason, and the YAML to add. Notes are about rules of the policy that never take
a request, keys that the API server ignores, and levels above what any rule needs.

The exit code is 1 when a rule can never fire (--fail chooses otherwise), 2 when policy or rules cannot be used, and 0
otherwise.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("name the file of a policy; see %s --help", c.CommandPath())}
			}
			return nil
		},
		RunE: tool(func(c *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("unknown format %q: there are text and json", format)
			}
			if fail != "never" && fail != "part" && fail != "any" {
				return fmt.Errorf("flag --fail: %q is none of never, part and any", fail)
			}
			p, err := readPolicy(c, args[0])
			if err != nil {
				return err
			}
			compiled, err := s.compile(c, args[1:])
			if err != nil {
				return err
			}
			report, err := policy.Check(p, compiled)
			if err != nil {
				return err
			}
			if format == "json" {
				err = report.WriteJSON(escapedJSON(c.OutOrStdout()))
			} else {
				err = report.WriteText(c.OutOrStdout(), all)
			}
			if err == nil && fails(report, fail) {
				err = errFindings
			}
			return err
		}),
	}
	s.register(c)
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().StringVar(&fail, "fail", "never", "what makes the exit code 1: never (a rule can never fire), part (or fires in part, blind, or cannot be told), any (any finding)")
	c.Flags().BoolVarP(&all, "all", "a", false, "list the rules that miss nothing too")
	return c
}

// fails tells whether a report makes the exit code 1.
func fails(r *policy.Report, when string) bool {
	if r.Count(policy.Never) > 0 {
		return true
	}
	findings := 0
	for i := range r.Rules {
		findings += len(r.Rules[i].Findings)
	}
	return when == "part" && r.Count(policy.CanFire)+r.Count(policy.Idle) < len(r.Rules) || when == "any" && findings > 0
}

func newAuditPolicyGenerate() *cobra.Command {
	var s selecting
	var o policy.Options
	var output string
	c := &cobra.Command{
		Use:   "generate [RULES...]",
		Short: "Write the smallest audit policy that feeds the rules",
		Long: `Generate writes an audit policy for kube-apiserver that records what the enabled rules of source k8s_audit, by default the
built-in ones, look at, and as little else as can be. Comments say which rules need each part. The same rules give the
same policy.

Bodies are recorded where a condition or an output reads them, but those in which credentials travel (Secrets, token
reviews, the answers to token requests) only with --secret-bodies.`,
		RunE: tool(func(c *cobra.Command, paths []string) error {
			compiled, err := s.compile(c, paths)
			if err != nil {
				return err
			}
			data, err := policy.Generate(compiled, o)
			if err != nil {
				return err
			}
			if output == "" || output == "-" {
				_, err = c.OutOrStdout().Write(data)
				return err
			}
			if err := os.WriteFile(output, data, 0o644); err != nil {
				return fmt.Errorf("write the policy: %w", err)
			}
			return nil
		}),
	}
	s.register(c)
	c.Flags().StringVar(&output, "output", "", "`file` to write, instead of standard output")
	c.Flags().BoolVar(&o.MetadataForRest, "metadata-for-rest", false, "record at level Metadata what no rule looks at, save for the noise of the cluster itself")
	c.Flags().BoolVar(&o.ConditionsOnly, "conditions-only", false, "do not record bodies that only outputs show: alerts show <NA> instead")
	c.Flags().BoolVar(&o.SecretBodies, "secret-bodies", false, "record bodies in which credentials travel where a rule asks for them")
	return c
}
