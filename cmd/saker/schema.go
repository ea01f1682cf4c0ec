package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/lint/schema"
	"github.com/saker-security/saker/pkg/ruletest"
)

func newSchema() *cobra.Command {
	schemas := map[string]func() []byte{"config": config.Schema, "rules": schema.Rules, "tests": ruletest.Schema}
	return &cobra.Command{
		Use:   "schema config|rules|tests",
		Short: "Print the JSON schema of configuration files, rules files or test files, for editors",
		Long: `Schema prints the JSON schema (draft-07) of configuration files, of rules files, or of the files that test reads. With
it an editor that knows YAML completes keys, shows what they mean and marks what is wrong.`,
		ValidArgs: []string{"config", "rules", "tests"},
		Args:      cobra.MaximumNArgs(1),
		RunE: tool(func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name a schema: config, rules or tests")
			}
			print := schemas[args[0]]
			if print == nil {
				return fmt.Errorf("unknown schema %q: there are config, rules and tests", args[0])
			}
			_, err := c.OutOrStdout().Write(print())
			return err
		}),
	}
}
