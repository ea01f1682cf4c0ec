package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/daemon/doctor"
)

// auditDoctor are the flags of saker audit doctor.
type auditDoctor struct {
	settings
	dataDir, kubeconfig, manifest string
	wait                          time.Duration
	json                          bool
}

func newAuditDoctor() *cobra.Command {
	var f auditDoctor
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Tell whether audit events arrive, from where, how late, what is lost, and what to do about it",
		Long: `Doctor asks the program that runs in the data directory how the intake of audit events is doing, and judges it line by
line: ok; look, when it works but may not be what one wants; bad, when events or alerts are lost or soon will be.

On a machine of an API server, where Saker does not run, it looks at the files instead: with --kubeconfig it does what
the API server does with its webhook configuration, up to sending a list without events, and with --manifest it looks at
the flags of its static pod and at the files that they name.

The exit code is 0 when no line is bad, 1 when one is, and 2 when there is nothing to ask.`,
		Example: `  saker audit doctor -c saker.yaml --wait 30s
  saker audit doctor --kubeconfig audit-webhook.yaml --manifest /etc/kubernetes/manifests/kube-apiserver.yaml`,
		Args: cobra.NoArgs,
		RunE: tool(func(c *cobra.Command, _ []string) error { return f.run(c) }),
	}
	f.registerConfig(c)
	flags := c.Flags()
	flags.StringVar(&f.dataDir, "data-dir", "", "the data `directory` of the program (default: data_dir of the configuration)")
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "look at this webhook configuration `file` of an API server (--audit-webhook-config-file)")
	flags.StringVar(&f.manifest, "manifest", "", "look at this `file` with the static pod of an API server")
	flags.DurationVar(&f.wait, "wait", 0, "wait so long for the first event")
	flags.BoolVar(&f.json, "json", false, "print the findings, and what the program told, as one JSON object")
	return c
}

// doctorAnswer is what --json prints.
type doctorAnswer struct {
	Verdict  doctor.Verdict      `json:"verdict"`
	Findings []doctor.Finding    `json:"findings"`
	Report   *daemon.AuditReport `json:"report,omitempty"`
}

func (f *auditDoctor) run(c *cobra.Command) error {
	var a doctorAnswer
	switch {
	case f.kubeconfig == "" && f.manifest == "":
		switch report, err := f.ask(c); {
		case errors.Is(err, daemon.ErrNoAnswer):
			a.Findings = doctor.NoAnswer(err)
		case err != nil:
			return err
		default:
			a.Report, a.Findings = &report, doctor.Report(&report)
		}
	case f.wait != 0:
		return errors.New("--wait is for the running program, not for --kubeconfig and --manifest")
	}
	if f.manifest != "" {
		a.Findings = append(a.Findings, doctor.ManifestFile(f.manifest)...)
	}
	if f.kubeconfig != "" {
		a.Findings = append(a.Findings, doctor.Kubeconfig(c.Context(), f.kubeconfig, time.Now())...)
	}
	a.Verdict = doctor.Worst(a.Findings)
	if err := a.print(c.OutOrStdout(), f.json); err != nil {
		return err
	}
	if a.Verdict == doctor.Bad {
		return errFindings
	}
	return nil
}

// ask asks the running program, and again until an event has arrived or the time to wait is over.
func (f *auditDoctor) ask(c *cobra.Command) (daemon.AuditReport, error) {
	if c.Flags().Changed("data-dir") {
		f.options = append(f.options, "data_dir="+f.dataDir)
	}
	cfg, err := f.load(c)
	if err != nil {
		return daemon.AuditReport{}, err
	}
	if cfg.DataDir == "" {
		return daemon.AuditReport{}, errors.New("there is no data directory, so the running program cannot be asked: name it with --data-dir or the key data_dir")
	}
	ctx, cancel := context.WithTimeout(c.Context(), f.wait)
	defer cancel()
	for {
		r, err := daemon.AskAudit(c.Context(), cfg.DataDir)
		if errors.Is(err, daemon.ErrNotRunning) && ctx.Err() != nil {
			return r, fmt.Errorf("%w %s, so there is nothing to ask; on a machine of an API server give --kubeconfig and --manifest", err, cfg.DataDir)
		}
		if err != nil && !errors.Is(err, daemon.ErrNotRunning) {
			return r, err
		}
		if err == nil && (r.Events.Received > 0 || !r.Enabled || ctx.Err() != nil) {
			return r, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(askAgain):
		}
	}
}

// askAgain is how long --wait waits before it asks again.
const askAgain = 250 * time.Millisecond

// print prints the findings. What came from outside is escaped.
func (a *doctorAnswer) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(escapedJSON(w))
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(a)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range a.Findings {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Verdict, escapedText(f.Subject), escapedText(f.Text))
		if f.Next != "" {
			fmt.Fprintf(table, "\t\t-> %s\n", escapedText(f.Next))
		}
	}
	return table.Flush()
}
