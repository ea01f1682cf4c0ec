package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/lint"
)

const generated = "<!-- Generated from the program's own tables by `make generate`. DO NOT EDIT. -->\n\n"

// TestDocuments compares the documents made from the program's tables with the tables; -update writes them.
func TestDocuments(t *testing.T) {
	for name, text := range map[string]string{
		"commands.md":      commandsDocument(),
		"configuration.md": configurationDocument(),
		"events.md":        listDocument(t, "Event types", "events"),
		"fields.md":        listDocument(t, "Fields", "fields"),
		"lint-codes.md":    lintCodesDocument(),
		"metrics.md":       metricsDocument(),
	} {
		path := filepath.Join("../../docs", name)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text, string(have)); diff != "" {
			t.Errorf("docs/%s differs from the program, run make generate:\n%s", name, diff)
		}
	}
}

func commandsDocument() string {
	var b strings.Builder
	b.WriteString("# Commands\n\n" + generated)
	for _, c := range newCommand().Commands() {
		if c.Name() == "completion" || c.Name() == "help" {
			continue
		}
		describe(&b, c, "##")
	}
	return b.String()
}

// describe writes about a command, and the commands that it has, under a heading.
func describe(b *strings.Builder, c *cobra.Command, heading string) {
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(b, "%s %s\n\n```\n%s\n```\n\n%s\n", heading, c.CommandPath(), c.UseLine(), text)
	first := true
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if first {
			b.WriteString("\n| flag | meaning |\n|---|---|\n")
			first = false
		}
		short := ""
		if f.Shorthand != "" {
			short = "`-" + f.Shorthand + "`, "
		}
		arg, usage := pflag.UnquoteUsage(f)
		if arg != "" {
			arg = " " + arg
		}
		if f.DefValue != "" && f.DefValue != "[]" && f.DefValue != "false" {
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(b, "| %s`--%s%s` | %s |\n", short, f.Name, arg, usage)
	})
	b.WriteString("\n")
	for _, sub := range c.Commands() {
		describe(b, sub, heading+"#")
	}
}

// listDocument is what a command that lists something prints as Markdown.
func listDocument(t *testing.T, title, command string) string {
	c := newCommand()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetArgs([]string{command, "--format", "markdown"})
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	return "# " + title + "\n\n" + generated + out.String()
}

func lintCodesDocument() string {
	return "# What saker lint finds\n\n" + generated + "`saker lint --explain CODE` prints the same about one code.\n\n" + lint.CodesDocument()
}

func metricsDocument() string {
	var b strings.Builder
	b.WriteString("# Metrics\n\n" + generated)
	b.WriteString("Served at `/metrics` for Prometheus, with those of the Go runtime and of the process. Names that Falco has keep\n" +
		"Falco's names and meaning. Units are part of the names; a metric of which nothing is known is left out.\n\n" +
		"For each sink, exactly and at every moment, alerts that came in are accounted for:\n\n```\n" + daemon.Accounting + "\n```\n\n" +
		"For audit events, whenever no request is being worked on:\n\n```\n" + daemon.AuditAccounting + "\n```\n\n" +
		"| metric | kind | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range daemon.Metrics() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, strings.Join(m.Labels, ", "), m.Help)
	}
	return b.String()
}
