package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/lint/schema"
)

func newSchema() *cobra.Command {
	schemas := map[string]func() []byte{"rules": schema.Rules}
	return &cobra.Command{
		Use:   "schema rules",
		Short: "Print the JSON schema of rules files, for editors",
		Long: `Schema prints the JSON schema (draft-07) of rules files. With it an editor that speaks YAML completes keys, shows what they
mean and marks what is wrong.`,
		ValidArgs: []string{"rules"},
		Args:      cobra.MaximumNArgs(1),
		RunE: tool(func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("name a schema: rules")
			}
			print := schemas[args[0]]
			if print == nil {
				return fmt.Errorf("unknown schema %q: there is rules", args[0])
			}
			_, err := c.OutOrStdout().Write(print())
			return err
		}),
	}
}
