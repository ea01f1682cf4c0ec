package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the engine version that rules files may require, and the drivers built in",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v := daemon.Versions()
			_, err := fmt.Fprintf(c.OutOrStdout(), "saker %s (engine %s, drivers: %s, %s)\n", v.Saker, v.Engine, v.Drivers, runtime.Version())
			return err
		},
	}
}
