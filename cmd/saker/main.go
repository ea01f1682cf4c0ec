// Saker is runtime security for Kubernetes: audit events and system calls, judged by rules in Falco's language.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// Who reads our output may go away: that is an error of one sink and does not end the program.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks the program to end, the second one ends it.
	context.AfterFunc(ctx, stop)
	err := newCommand().ExecuteContext(ctx)
	if err == nil {
		return
	}
	if !errors.Is(err, errFindings) && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintln(os.Stderr, "Error:", err)
	}
	os.Exit(1)
}

// errFindings ends a command whose findings are printed already.
var errFindings = errors.New("findings")

func newCommand() *cobra.Command {
	c := &cobra.Command{
		Use:           "saker",
		Short:         "Runtime security for Kubernetes: audit events and system calls, judged by rules in Falco's language",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, c.CommandPath())
	})
	c.AddCommand(newRun(), newReplay(), newLint(), newFields(), newVersion())
	return c
}

// needFiles refuses a command line without files.
func needFiles(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("name at least one file or directory; see %s --help", c.CommandPath())
	}
	return nil
}
