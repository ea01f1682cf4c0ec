package main

import "github.com/spf13/cobra"

// newAuditPolicy is the parent of the commands about audit policies.
func newAuditPolicy() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Compare the rules with the audit policy of an API server, write one for them, and measure one",
		Args:  cobra.NoArgs,
	}
	return c
}
