package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
)

func newReplay() *cobra.Command {
	s := settings{recorded: true}
	c := &cobra.Command{
		Use:   "replay FILE|DIRECTORY|-...",
		Short: "Evaluate recorded events as fast as possible and print the alerts and statistics",
		Long: `Replay reads audit events (JSON lines, EventList files, and what the logs of EKS, GKE and AKS give) and system call
events: captures of Falco and sysdig (.scap) and recordings, packed by gzip or not. Files come in the order given and
those of directories by name; - is standard input. It evaluates all of them, prints the alerts and ends with the number
of alerts by priority and rule. Events that could not be evaluated are named with their reason and make the exit code 1.`,
		Args: needFiles,
		RunE: func(c *cobra.Command, paths []string) error {
			// Until it evaluates, the first signal ends it, also where it waits for a file that is a pipe.
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			cfg, err := s.load(c)
			if err != nil {
				return err
			}
			ctx, stop := untilEnded(c.Context())
			defer stop()
			return daemon.Replay(ctx, cfg, paths, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	s.register(c)
	return c
}
