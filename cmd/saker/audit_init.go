package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/policy"
	"github.com/saker-security/saker/pkg/policy/wiring"
	"github.com/saker-security/saker/pkg/rule"
)

// auditInit are the flags of saker audit init.
type auditInit struct {
	rules                               selecting
	distribution, server, cluster, name string
	auth, out, sakerDir, ca             string
	validDays, validAuthorityDays       int
	force, renew                        bool
}

func newAuditInit() *cobra.Command {
	var f auditInit
	distributions := strings.Join(wiring.Distributions(), ", ")
	c := &cobra.Command{
		Use:   "init --for DISTRIBUTION --server ADDRESS [RULES...]",
		Short: "Write the files by which an API server sends its audit events to Saker",
		Long: `Init writes all that an API server and Saker need for each other into a new directory: the audit policy that feeds the
rules (by default the built-in ones), the webhook configuration, certificates of an authority of their own, the flags in
the form of the distribution, Saker's configuration, and a README.md with the steps, how to check them and how to undo
them. Nothing is installed and nobody is asked.

The directory is made as a whole or not at all, and one that has something in it is left alone without --force. With
--renew its certificates and keys are made anew, for the same names and by the same authority.

The key of the authority is in the folder ca: keep it offline, or remove it. Whoever has it can send events to Saker.`,
		Example: `  saker audit init --for kubeadm --server 10.0.0.5 --cluster production
  saker audit init --for kind --server https://172.18.0.1:9765/k8s-audit --out kind-audit
  saker audit init --renew --out saker-audit`,
		RunE: tool(func(c *cobra.Command, args []string) error { return f.run(c, args) }),
	}
	flags := c.Flags()
	flags.StringVar(&f.distribution, "for", "", "the `kind` of cluster: one of "+distributions)
	flags.StringVar(&f.server, "server", "", "where the API server finds Saker: an `address` or name, or https://ADDRESS:9765/k8s-audit/CLUSTER")
	flags.StringVar(&f.cluster, "cluster", "", "the `name` by which Saker knows the cluster, for ka.cluster.name; needed when several send")
	flags.StringVar(&f.name, "tls-server-name", "", "make Saker's certificate good for this `name`, too, and have the API server expect it, so that the address may change")
	flags.StringVar(&f.auth, "auth", wiring.MTLS, "how the API server shows who it is: mtls by a client certificate, token by a bearer token")
	flags.StringVar(&f.out, "out", "saker-audit", "the `directory` to write")
	flags.StringVar(&f.sakerDir, "saker-dir", "", "the `directory` where the files of Saker itself will be (default: the folder saker of --out)")
	flags.StringVar(&f.ca, "ca", "", "sign with the authority whose ca.crt and ca.key are in this `directory`, such as the folder ca of another cluster")
	flags.IntVar(&f.validDays, "days", 365, "how long the certificates are good")
	flags.IntVar(&f.validAuthorityDays, "ca-days", 3650, "how long the authority is good")
	flags.BoolVar(&f.force, "force", false, "make everything anew, the authority too, where init has written before")
	flags.BoolVar(&f.renew, "renew", false, "make new certificates and keys in --out")
	f.rules.register(c)
	return c
}

func (f *auditInit) run(c *cobra.Command, args []string) error {
	if f.validDays < 1 || f.validAuthorityDays < 1 || f.validDays > 36500 || f.validAuthorityDays > 36500 {
		return errors.New("--days and --ca-days are numbers from 1 to 36500")
	}
	if f.renew {
		return f.renewal(c, args)
	}
	o, err := f.options(c, args)
	if err != nil {
		return err
	}
	files, err := wiring.Make(o)
	if err != nil {
		return err
	}
	if err := wiring.Write(f.out, files, f.force); err != nil {
		return err
	}
	printWritten(c.OutOrStdout(), f.out, files)
	return nil
}

func (f *auditInit) renewal(c *cobra.Command, args []string) error {
	for _, name := range []string{"for", "server", "cluster", "tls-server-name", "auth", "saker-dir", "ca-days", "force", "rule"} {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s means nothing with --renew, which keeps everything but certificates and keys", name)
		}
	}
	if len(args) > 0 {
		return errors.New("rules mean nothing with --renew, which keeps the policy as it is")
	}
	changed, err := wiring.Renew(f.out, f.ca, time.Now(), days(f.validDays))
	if err != nil {
		return err
	}
	for _, at := range changed {
		fmt.Fprintf(c.OutOrStdout(), "%s: made anew\n", rule.Printable(filepath.Join(f.out, filepath.FromSlash(at))))
	}
	return nil
}

// options checks the flags, and makes the policy and the authority that they ask for.
func (f *auditInit) options(c *cobra.Command, args []string) (o wiring.Options, err error) {
	switch known := strings.Join(wiring.Distributions(), ", "); {
	case f.distribution == "":
		return o, fmt.Errorf("say what kind of cluster it is: --for one of %s", known)
	case wiring.AddressHint(f.distribution) == "":
		return o, fmt.Errorf("--for %s is not known; it must be one of %s (generic writes the flags as they are)", rule.Printable(f.distribution), known)
	case f.server == "":
		return o, fmt.Errorf("say where the API server finds Saker: --server ADDRESS. %s", wiring.AddressHint(f.distribution))
	}
	out, err := filepath.Abs(f.out)
	if err != nil {
		return o, err
	}
	o = wiring.Options{
		For: f.distribution, ServerName: f.name, Auth: f.auth, Dir: out, SakerDir: f.sakerDir, Now: time.Now(),
		Valid: days(f.validDays), ValidAuthority: days(f.validAuthorityDays),
	}
	if o.SakerDir == "" {
		o.SakerDir = filepath.Join(out, "saker")
	}
	if o.Server, err = wiring.ParseServer(f.server, f.cluster); err != nil {
		return o, err
	}
	if f.ca != "" {
		if o.Authority, err = wiring.LoadAuthority(f.ca, o.Now); err != nil {
			return o, err
		}
	}
	compiled, err := f.rules.compile(c, args)
	if err != nil {
		return o, err
	}
	o.Policy, err = policy.Generate(compiled, policy.Options{})
	return o, err
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// printWritten lists what was written, and says where to go on.
func printWritten(w io.Writer, out string, files []wiring.File) {
	for _, f := range files {
		remark := ""
		if f.Mode&0o077 == 0 {
			remark = "  (secret)"
		}
		fmt.Fprintf(w, "%s%s\n", rule.Printable(filepath.Join(out, filepath.FromSlash(f.Path))), remark)
	}
	fmt.Fprintf(w, "the steps are in %s\n", rule.Printable(filepath.Join(out, "README.md")))
}
