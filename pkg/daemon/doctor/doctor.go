// Package doctor judges how the intake of Kubernetes audit events is doing, by what the running program tells and by the
// files of an API server, and says what to do next. It is a room beside daemon because judging is for people who look,
// while the program only counts.
package doctor

import (
	"fmt"
	"strings"
	"time"
)

// Verdict is how good something is.
type Verdict int

// The verdicts.
const (
	// OK needs nothing.
	OK Verdict = iota
	// Look works, but may not be what one wants.
	Look
	// Bad loses events or alerts, or is about to.
	Bad
)

// String is ok, look or bad.
func (v Verdict) String() string { return [...]string{"ok", "look", "bad"}[v] }

// MarshalText is part of encoding.TextMarshaler.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is part of encoding.TextUnmarshaler.
func (v *Verdict) UnmarshalText(text []byte) error {
	for _, known := range []Verdict{OK, Look, Bad} {
		if known.String() == string(text) {
			*v = known
			return nil
		}
	}
	return fmt.Errorf("there is no verdict %q", text)
}

// Finding is one thing that was looked at. Its texts may hold what came from outside, as it came.
type Finding struct {
	Verdict Verdict `json:"verdict"`
	// Subject is what was looked at, in a word or two.
	Subject string `json:"subject"`
	// Text says what was seen, Next what to do; Next is empty for OK.
	Text string `json:"text"`
	Next string `json:"next,omitempty"`
}

// findings collects.
type findings []Finding

func (f *findings) ok(subject, format string, args ...any) {
	*f = append(*f, Finding{OK, subject, fmt.Sprintf(format, args...), ""})
}

func (f *findings) look(subject, next, format string, args ...any) {
	*f = append(*f, Finding{Look, subject, fmt.Sprintf(format, args...), next})
}

func (f *findings) bad(subject, next, format string, args ...any) {
	*f = append(*f, Finding{Bad, subject, fmt.Sprintf(format, args...), next})
}

// Worst is the worst verdict of all.
func Worst(all []Finding) Verdict {
	worst := OK
	for _, f := range all {
		worst = max(worst, f.Verdict)
	}
	return worst
}

// age writes a duration as people say it.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + age(-d)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// size writes a number of bytes.
func size(n int64) string {
	for _, unit := range []struct {
		name string
		n    int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.n {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/float64(unit.n)), ".0") + " " + unit.name
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
