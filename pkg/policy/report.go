package policy

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

// WriteJSON writes the report as an object with policy, rules and notes. Keys may be added, none will change its meaning.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// WriteText writes the report for people: the rules that miss something with the reasons and what to change, notes about
// the policy, and a summary. With all the rules that miss nothing are listed too.
func (r *Report) WriteText(w io.Writer, all bool) error {
	var b strings.Builder
	for i := range r.Rules {
		x := &r.Rules[i]
		if len(x.Findings) == 0 && !all {
			continue
		}
		fmt.Fprintf(&b, "%s: %s (%s:%d)\n", x.Verdict, rule.Printable(x.Rule), rule.Printable(x.File), x.Line)
		if x.Remains != "" {
			fmt.Fprintf(&b, "  still recorded: %s\n", rule.Printable(x.Remains))
		}
		for _, f := range x.Findings {
			f.write(&b, r.Policy)
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "%s:%d: note: %s\n", rule.Printable(r.Policy), n.Line, rule.Printable(n.Message))
	}
	fmt.Fprintln(&b, r.summary())
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *Finding) write(b *strings.Builder, policy string) {
	at := rule.Printable(policy)
	if f.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, f.Line)
	}
	fmt.Fprintf(b, "  %s: %s [%s]\n", at, rule.Printable(f.Message), f.Kind)
	if f.Advice == "" {
		return
	}
	if f.Add == "" {
		fmt.Fprintf(b, "    %s\n", rule.Printable(f.Advice))
		return
	}
	fmt.Fprintf(b, "    %s:\n", rule.Printable(f.Advice))
	for _, line := range strings.Split(strings.TrimSuffix(f.Add, "\n"), "\n") {
		fmt.Fprintf(b, "      %s\n", rule.Printable(line))
	}
}

func (r *Report) summary() string {
	text := plural(len(r.Rules), "rule", "rules")
	var counts []string
	for _, v := range []Verdict{CanFire, Idle, Blind, InPart, CannotTell, Never} {
		if n := r.Count(v); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return text + ": " + strings.Join(counts, ", ")
}
