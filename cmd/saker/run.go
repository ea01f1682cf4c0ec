package main

import (
	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
)

func newRun() *cobra.Command {
	var s settings
	var sources []string
	var listen, dataDir string
	c := &cobra.Command{
		Use:   "run",
		Short: "Take in audit events and system calls, and alert",
		Long: `Run starts the receiver of Kubernetes audit events and, where the kernel and the rights allow, the system call
sensor. Alerts go to standard output, the program's own log as JSON lines to standard error. It ends with SIGINT or
SIGTERM, after everything taken in is evaluated, and prints how many events triggered which rules.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("audit-listen") {
				s.options = append(s.options, "audit.listen="+listen)
			}
			if c.Flags().Changed("data-dir") {
				s.options = append(s.options, "data_dir="+dataDir)
			}
			d, err := daemon.New(daemon.Options{
				Load: s.read, Sources: sources, Stdout: c.OutOrStdout(), Stderr: c.ErrOrStderr(),
			})
			if err != nil {
				return err
			}
			return d.Run(c.Context())
		},
	}
	s.register(c)
	f := c.Flags()
	f.StringArrayVar(&sources, "source", nil, "take in only this `source` (k8s_audit or syscall), may be given again (default: both)")
	f.StringVar(&listen, "audit-listen", "127.0.0.1:9765", "`address` and port of the audit receiver")
	f.StringVar(&dataDir, "data-dir", "", "`directory` in which alerts wait for the outputs, safe from a crash, before their events are acknowledged; memory for none")
	return c
}
