package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/deliver/desk"
	"github.com/saker-security/saker/pkg/rule"
)

// alertsFlags are the flags of saker alerts; each command has those that it registers.
type alertsFlags struct {
	settings
	dataDir string
	query   desk.Query
	choice  desk.Choice
	json    bool
}

func newAlerts() *cobra.Command {
	c := &cobra.Command{
		Use:   "alerts",
		Short: "Look at alerts that wait for a sink and at dead letters; send those again, or drop them",
		Long: `Alerts shows what the sinks do not have: alerts that wait in the queue of a sink, and dead letters, which a sink
refused for good. It works in the data directory, and through the running program when there is one.`,
	}
	c.AddCommand(newAlertsList(), newAlertsShow(), newAlertsReplay(), newAlertsDrop())
	return c
}

// command makes a command of saker alerts. Its function works on a desk.
func (f *alertsFlags) command(use, short, long string, run func(c *cobra.Command, args []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, RunE: tool(run)}
	f.registerConfig(c)
	c.Flags().StringVar(&f.dataDir, "data-dir", "", "the data `directory` of the program (default: data_dir of the configuration)")
	return c
}

func newAlertsList() *cobra.Command {
	var f alertsFlags
	c := f.command("list", "List the alerts that the sinks do not have",
		`List prints for each sink its dead letters and what is queued, the oldest first, and how many of them there are. While
the program runs it prints what became of the other alerts since its start too. An alert that is delivered at this
moment may still be listed.`, f.list)
	c.Args = cobra.NoArgs
	c.Flags().StringVar(&f.query.Sink, "sink", "", "list only the alerts of this `sink`")
	c.Flags().StringVar(&f.query.State, "state", "", "list only alerts in this `state`: queued or dead")
	c.Flags().IntVar(&f.query.Limit, "limit", 100, "list so many alerts, 0 for all; with --json all are listed unless this is given")
	c.Flags().BoolVar(&f.json, "json", false, "print each alert as a JSON line, whole")
	return c
}

func newAlertsShow() *cobra.Command {
	var f alertsFlags
	c := f.command("show ID", "Show an alert with everything in it, and why it is there",
		`Show prints an alert that is queued or a dead letter, once for each sink that does not have it. The exit code is 1
when there is none of this ID.`, f.show)
	c.Args = needIDs(func(args []string) bool { return len(args) == 1 }, "name the ID of one alert")
	c.Flags().StringVar(&f.query.Sink, "sink", "", "look only at this `sink`")
	c.Flags().BoolVar(&f.json, "json", false, "print it as a JSON line")
	return c
}

func newAlertsReplay() *cobra.Command {
	var f alertsFlags
	return f.change("replay [ID...]", "Put dead letters back into the queue of their sink",
		`Replay puts dead letters back into the queue of their sink, which sends them again: at once when the program runs, and
else when it starts. The exit code is 1 when an ID is not found.`, "put back into the queue", desks.Replay)
}

func newAlertsDrop() *cobra.Command {
	var f alertsFlags
	return f.change("drop [ID...]", "Remove dead letters for good",
		`Drop removes dead letters for good, without asking. The exit code is 1 when an ID is not found.`, "dropped", desks.Drop)
}

// change makes the command of a change of dead letters.
func (f *alertsFlags) change(use, short, long, what string, do func(desks, context.Context, desk.Choice) (desk.Result, error)) *cobra.Command {
	c := f.command(use, short, long, func(c *cobra.Command, ids []string) error {
		f.choice.IDs = ids
		d, done, err := f.open(c, true)
		if err != nil {
			return err
		}
		r, err := do(d, c.Context(), f.choice)
		return f.report(c, what, r, errors.Join(err, done()))
	})
	c.Args = needIDs(func(args []string) bool { return f.choice.All == (len(args) == 0) }, "name the IDs of dead letters, or give --all")
	c.Flags().StringVar(&f.choice.Sink, "sink", "", "only dead letters of this `sink`")
	c.Flags().BoolVar(&f.choice.All, "all", false, "all dead letters, or all of the sink")
	return c
}

func needIDs(good func([]string) bool, text string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if !good(args) {
			return usageError{fmt.Errorf("%s; see %s --help", text, c.CommandPath())}
		}
		return nil
	}
}

// desks are the two ways to a desk.
type desks interface {
	List(ctx context.Context, q desk.Query, give func(desk.Item) error) ([]desk.Sink, error)
	Replay(ctx context.Context, c desk.Choice) (desk.Result, error)
	Drop(ctx context.Context, c desk.Choice) (desk.Result, error)
}

// open gives the desk of the running program, or else one of the data directory, which is taken where it shall be
// changed.
func (f *alertsFlags) open(c *cobra.Command, change bool) (d desks, done func() error, err error) {
	if c.Flags().Changed("data-dir") {
		f.options = append(f.options, "data_dir="+f.dataDir)
	}
	cfg, err := f.load(c)
	if err != nil {
		return nil, nil, err
	}
	if cfg.DataDir == "" {
		return nil, nil, errors.New("there is no data directory, so alerts wait in memory only: name it with --data-dir or the key data_dir")
	}
	none := func() error { return nil }
	running, err := daemon.Dial(c.Context(), cfg.DataDir)
	switch {
	case err == nil:
		return running, none, nil
	case !errors.Is(err, daemon.ErrNotRunning):
		return nil, nil, err
	}
	if _, err := os.Stat(cfg.DataDir); err != nil {
		return nil, nil, fmt.Errorf("the data directory: %w", err)
	}
	if !change {
		return desk.Look(cfg.DataDir), none, nil
	}
	taken, done, err := desk.Take(cfg.DataDir)
	if err != nil {
		return nil, nil, err // not a nil *desk.Desk in an interface
	}
	return taken, done, nil
}

func (f *alertsFlags) list(c *cobra.Command, _ []string) error {
	if s := f.query.State; s != "" && s != desk.Queued && s != desk.Dead {
		return fmt.Errorf("--state is queued or dead, not %q", s)
	}
	if f.query.Limit < 0 {
		return errors.New("--limit is a number from 0")
	}
	d, done, err := f.open(c, false)
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	listed := uint64(0)
	row := func(i desk.Item) error {
		if listed++; listed%flushRows == 1 {
			if err := table.Flush(); err != nil {
				return err
			}
			fmt.Fprintln(table, "SINK\tSTATE\tSINCE\tPRIORITY\tRULE\tID\tREASON")
		}
		_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", tableCell(i.Sink), tableCell(i.State), i.Since.Format(time.RFC3339), tableCell(i.Priority),
			tableCell(i.Rule), tableCell(i.ID), tableCell(reason(&i)))
		return err
	}
	if f.json {
		f.query.Full = true
		if !c.Flags().Changed("limit") {
			f.query.Limit = 0
		}
		row = jsonLine(w)
	}
	sinks, err := d.List(c.Context(), f.query, row)
	if err = errors.Join(err, table.Flush(), done()); err != nil || f.json {
		return err
	}
	return f.sums(w, sinks, listed)
}

// flushRows is after how many rows a long table is printed so far, with a new header.
const flushRows = 1000

// maxCell is how many characters of a text a table shows.
const maxCell = 80

// tableCell is a text as a table shows it.
func tableCell(s string) string {
	s = escapedText(s)
	if runes := []rune(s); len(runes) > maxCell {
		s = string(runes[:maxCell-1]) + "…"
	}
	return s
}

// reason says why an item is there.
func reason(i *desk.Item) string {
	if i.Reason == "" {
		return "-"
	}
	if i.Attempts > 1 {
		return fmt.Sprintf("%s (%d attempts)", i.Reason, i.Attempts)
	}
	return i.Reason
}

func jsonLine(w io.Writer) func(desk.Item) error {
	lines := json.NewEncoder(escapedJSON(w))
	lines.SetEscapeHTML(false)
	return func(i desk.Item) error { return lines.Encode(i) }
}

// sums prints how many alerts there are.
func (f *alertsFlags) sums(w io.Writer, sinks []desk.Sink, listed uint64) error {
	all := uint64(0)
	var b bytes.Buffer
	for i := range sinks {
		s := &sinks[i]
		if f.query.State != desk.Dead {
			all += s.Queued
		}
		if f.query.State != desk.Queued {
			all += s.Dead
		}
		fmt.Fprintf(&b, "%s: %d dead, %d queued", rule.Printable(s.Name), s.Dead, s.Queued)
		if s.Unreadable > 0 {
			fmt.Fprintf(&b, ", %d places of the dead letters are damaged", s.Unreadable)
		}
		if s.Left {
			b.WriteString(", and the sink is not configured any more")
		}
		b.WriteByte('\n')
		if s.Count != nil {
			b.WriteString(counters(s))
		}
	}
	if len(sinks) == 0 {
		b.WriteString("no sink has left anything here\n")
	}
	if listed < all && f.query.Limit > 0 && listed >= uint64(f.query.Limit) {
		fmt.Fprintf(w, "%d of %d alerts; --limit 0 lists all of them\n", listed, all)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// counters says what became of the alerts of a sink since the program started.
func counters(s *desk.Sink) string {
	c := s.Count
	text := fmt.Sprintf("  since the start: matched %d + recovered %d + replayed %d = delivered %d + queued %d + dead %d", c.Matched, c.Recovered, c.Replayed,
		c.Delivered, c.Queued, c.Dead)
	for _, part := range []struct {
		name   string
		counts map[string]uint64
	}{{"suppressed", c.Suppressed}, {"dropped", c.Dropped}} {
		sum, reasons := uint64(0), []string(nil)
		for reason, n := range part.counts {
			if sum += n; n > 0 {
				reasons = append(reasons, reason+" "+strconv.FormatUint(n, 10))
			}
		}
		text += fmt.Sprintf(" + %s %d", part.name, sum)
		if slices.Sort(reasons); len(reasons) > 0 {
			text += " (" + strings.Join(reasons, ", ") + ")"
		}
	}
	text += "\n"
	if c.Failing != "" {
		text += "  failing: " + rule.Printable(c.Failing) + "\n"
	}
	return text
}

func (f *alertsFlags) show(c *cobra.Command, ids []string) error {
	f.query.ID, f.query.Full = ids[0], true
	d, done, err := f.open(c, false)
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	found := 0
	show := func(i desk.Item) error { return showItem(w, &i, found > 1) }
	if f.json {
		show = jsonLine(w)
	}
	_, err = d.List(c.Context(), f.query, func(i desk.Item) error {
		found++
		return show(i)
	})
	if err := errors.Join(err, done()); err != nil {
		return err
	}
	if found == 0 {
		fmt.Fprintf(c.ErrOrStderr(), "no alert %s is queued or a dead letter\n", rule.Printable(ids[0]))
		return errFindings
	}
	return nil
}

// showItem prints everything about an item, a line for each part.
func showItem(w io.Writer, i *desk.Item, another bool) error {
	var a struct {
		Hostname, Message, Source, Time string
		Tags                            []string
		Fields                          json.RawMessage `json:"output_fields"`
	}
	if len(i.Alert) > 0 {
		if err := json.Unmarshal(i.Alert, &a); err != nil {
			return fmt.Errorf("alert %s: %w", i.ID, err)
		}
	}
	var b bytes.Buffer
	if another {
		b.WriteByte('\n')
	}
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-9s %s\n", name, escapedText(text))
		}
	}
	line("id", i.ID)
	line("sink", i.Sink)
	line("state", i.State+" since "+i.Since.Format(time.RFC3339))
	if i.State == desk.Dead || i.Reason != "" {
		line("reason", reason(i))
	}
	line("time", a.Time)
	line("priority", i.Priority)
	line("rule", i.Rule)
	line("source", a.Source)
	line("host", a.Hostname)
	line("tags", strings.Join(a.Tags, ", "))
	line("message", a.Message)
	if err := showFields(&b, a.Fields); err != nil {
		return fmt.Errorf("alert %s: %w", i.ID, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// showFields prints the fields of an alert as JSON values, in their order.
func showFields(b *bytes.Buffer, object json.RawMessage) error {
	if len(object) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return err
	}
	b.WriteString("fields\n")
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		fmt.Fprintf(b, "  %s = %s\n", escapedText(fmt.Sprint(name)), escapedText(string(value)))
	}
	return nil
}

// report prints what a change did.
func (f *alertsFlags) report(c *cobra.Command, what string, r desk.Result, err error) error {
	w := c.OutOrStdout()
	for _, sink := range slices.Sorted(maps.Keys(r.Done)) {
		fmt.Fprintf(w, "%s: %d %s\n", rule.Printable(sink), r.Done[sink], what)
	}
	if err != nil {
		return err
	}
	if len(r.Done) == 0 && len(r.Missing) == 0 {
		fmt.Fprintln(w, "there are no dead letters")
	}
	for _, id := range r.Missing {
		fmt.Fprintf(c.ErrOrStderr(), "there is no dead letter %s\n", rule.Printable(id))
	}
	if len(r.Missing) > 0 {
		return errFindings
	}
	return nil
}
