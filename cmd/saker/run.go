package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
)

func newRun() *cobra.Command {
	var s settings
	var sources, files []string
	var listen, dataDir, pidFile string
	var limit seconds
	c := &cobra.Command{
		Use:   "run",
		Short: "Take in audit events and system calls, and alert",
		Long: `Run starts the receiver of Kubernetes audit events, follows the audit logs that it is told of and starts, where the
kernel and the rights allow, the system call sensor. A receiver that other machines reach (audit.listen) needs something
that keeps strangers away: audit.tls_client_ca, audit.token_file or audit.allowed_networks.

Alerts go to the outputs of the configuration, which is standard output unless it says otherwise, the program's own log
to standard error. It ends with SIGINT or SIGTERM, after everything taken in is evaluated, gives the outputs the time
shutdown.drain for the alerts that wait, tells which are left, and prints how many events triggered which rules; a
second signal ends it at once. SIGHUP loads configuration and rules again, as a change of their files does, SIGUSR1
opens the files of the outputs anew.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			// Until it runs, the first signal to end ends it: nothing is taken in that could be finished, and loading may
			// wait for a slow disk. From here on SIGHUP does not end the program.
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			signals := make(chan os.Signal, 8)
			signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1)
			defer signal.Stop(signals)
			if c.Flags().Changed("audit-listen") {
				s.options = append(s.options, "audit.listen="+listen)
			}
			for _, file := range files {
				s.options = append(s.options, "audit.files[].path="+file)
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
			ctx, cancel := untilEnded(c.Context())
			defer cancel()
			signalled := ctx
			if limit > 0 {
				ctx, cancel = context.WithTimeout(ctx, time.Duration(limit))
				defer cancel()
			}
			if pidFile != "" {
				if err := writePID(pidFile); err != nil {
					cancel() // so that the daemon ends as soon as it runs
					return errors.Join(err, d.Run(ctx))
				}
				defer func() { err = errors.Join(err, os.Remove(pidFile)) }()
			}
			go obey(ctx, signals, d)
			ended := make(chan struct{})
			defer close(ended)
			go endAtOnce(signalled, ended, d)
			return d.Run(ctx)
		},
	}
	s.register(c)
	f := c.Flags()
	f.StringArrayVar(&sources, "source", nil, "take in only this `source` (k8s_audit or syscall), may be given again (default: both)")
	f.StringVar(&listen, "audit-listen", "127.0.0.1:9765", "`address` and port of the audit receiver")
	f.StringArrayVar(&files, "audit-file", nil, "audit log, or directory of audit logs, to `follow` beside those of audit.files, may be given again")
	f.StringVar(&dataDir, "data-dir", "", "`directory` in which alerts wait for the outputs, safe from a crash, before their events are acknowledged; memory for none")
	f.StringVarP(&pidFile, "pidfile", "P", "", "write the process id to a `file`, which is removed at the end")
	f.VarP(&limit, "run-for", "M", "end after so many `seconds`; 0 for never")
	return c
}

// seconds is a flag that takes a time as a number of seconds.
type seconds time.Duration

// maxSeconds bounds it, to some thirty years, which a time.Duration holds.
const maxSeconds = 1e9

// Set is part of pflag.Value.
func (s *seconds) Set(text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= maxSeconds) { // not for NaN
		return fmt.Errorf("write a number of seconds from 0 to %.0f, such as 90 or 0.5", maxSeconds)
	}
	*s = seconds(n * float64(time.Second))
	return nil
}

// String is part of pflag.Value.
func (s *seconds) String() string {
	return strconv.FormatFloat(time.Duration(*s).Seconds(), 'g', -1, 64)
}

// Type is part of pflag.Value.
func (s *seconds) Type() string { return "seconds" }

// obey carries out signals until ctx ends.
func obey(ctx context.Context, signals <-chan os.Signal, d *daemon.Daemon) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			if s == syscall.SIGHUP {
				d.Reload()
			} else {
				d.Reopen()
			}
		}
	}
}

// endAtOnce waits for the first signal that asks the program to end, which ends ctx, and has the second one end it at
// once, after a word about the alerts that wait. It returns when the program has ended before that.
func endAtOnce(ctx context.Context, ended <-chan struct{}, d *daemon.Daemon) {
	select {
	case <-ctx.Done():
	case <-ended:
		return
	}
	second := make(chan os.Signal, 1)
	signal.Notify(second, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(second)
	select {
	case s := <-second:
		d.Leave()
		signal.Reset(s)
		if p, err := os.FindProcess(os.Getpid()); err != nil || p.Signal(s) != nil {
			os.Exit(1)
		}
	case <-ended:
	}
}

// writePID writes the id of this process to a file, but not through a symbolic link that somebody has put there.
func writePID(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return fmt.Errorf("write the process id: %w", err)
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the process id to %s: %w", name, err)
	}
	return nil
}
