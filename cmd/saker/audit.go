package main

import "github.com/spf13/cobra"

// newAudit is the parent of the commands about Kubernetes audit events.
func newAudit() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Set up the audit events of a Kubernetes API server, and look at what comes of them",
		Args:  cobra.NoArgs,
	}
	c.AddCommand(newAuditInit(), newAuditDoctor(), newAuditPolicy())
	return c
}
