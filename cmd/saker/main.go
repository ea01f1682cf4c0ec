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
	ctx, stop := untilEnded(context.Background())
	defer stop()
	err := newCommand().ExecuteContext(ctx)
	if err == nil {
		return
	}
	if !errors.Is(err, errFindings) && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintln(os.Stderr, "Error:", errorText(err))
	}
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}

// untilEnded is a context that ends with the first signal that asks the program to end; the second one ends the program.
func untilEnded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// errFindings ends a command whose findings are printed already, with exit code 1.
var errFindings = errors.New("findings")

// errUsage is wrapped by errors that make the exit code 2.
var errUsage = errors.New("usage")

// usageError is an error of the command line, or of the files that it names.
type usageError struct{ error }

func (e usageError) Unwrap() []error { return []error{e.error, errUsage} }

// tool wraps the function of a rule tool so that its exit code tells findings (1) from everything that kept the tool
// from looking for them (2): a wrong flag, a file that cannot be read.
func tool(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		// A tool has nothing to finish: the first signal ends it, also where it waits for a file that is a pipe.
		signal.Reset(os.Interrupt, syscall.SIGTERM)
		err := run(c, args)
		if err == nil || errors.Is(err, errFindings) {
			return err
		}
		return usageError{err}
	}
}

func newCommand() *cobra.Command {
	c := &cobra.Command{
		Use:           "saker",
		Short:         "Runtime security for Kubernetes: audit events and system calls, judged by rules in Falco's language",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	c.AddCommand(newRun(), newReplay(), newLint(), newFmt(), newTest(), newExplain(), newFields(), newEvents(), newRules(), newSchema(), newAlerts(), newAudit(), newLSP(), newVersion())
	return c
}

// needFiles refuses a command line without files.
func needFiles(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError{fmt.Errorf("name at least one file or directory; see %s --help", c.CommandPath())}
	}
	return nil
}
