package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	internal "k8s.io/apiserver/pkg/apis/audit"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// Simulation measures what policies would have sent of recorded events. Add counts an event, Volumes gives the result.
// It is not safe for concurrent use.
type Simulation struct {
	volumes []*Volume
	first   int64
	last    int64
	events  int
}

// Volume is what a policy sends.
type Volume struct {
	Policy string `json:"policy"`
	// Seconds is the time over which the events were recorded, from the first to the last.
	Seconds float64 `json:"seconds"`
	// Recorded and RecordedBytes are the events that were looked at, Sent and SentBytes those that the policy lets
	// through, with the bodies and managed fields that it drops left out.
	Recorded      int   `json:"recorded"`
	RecordedBytes int64 `json:"recordedBytes"`
	Sent          int   `json:"sent"`
	SentBytes     int64 `json:"sentBytes"`
	// Omitted counts events by the stage that the policy omits.
	Omitted map[string]int `json:"omitted,omitempty"`
	// Short counts events that were recorded at a lower level than the policy asks for: their bodies cannot be counted.
	Short int `json:"short"`
	// Unreadable counts events that could not be taken apart.
	Unreadable int `json:"unreadable"`
	// Rules are the rules of the policy, in their order, and last what no rule takes.
	Rules     []RuleVolume `json:"rules"`
	Users     []Share      `json:"users"`
	Resources []Share      `json:"resources"`

	policy           *Policy
	users, resources map[string]*Share
}

// RuleVolume is what a rule of a policy takes and sends.
type RuleVolume struct {
	// Rule is its number, from 1, 0 for what no rule takes.
	Rule  int    `json:"rule"`
	Line  int    `json:"line"`
	Level string `json:"level"`
	// Taken are the events that the rule decides about, Sent those that are sent.
	Taken int   `json:"taken"`
	Sent  int   `json:"sent"`
	Bytes int64 `json:"bytes"`
}

// Share is what a user or a resource has of what is sent.
type Share struct {
	Name  string `json:"name"`
	Sent  int    `json:"sent"`
	Bytes int64  `json:"bytes"`
}

// NewSimulation begins to measure the policies.
func NewSimulation(policies ...*Policy) *Simulation {
	s := &Simulation{}
	for _, p := range policies {
		v := &Volume{Policy: p.Name, policy: p, Omitted: map[string]int{}, users: map[string]*Share{}, resources: map[string]*Share{}}
		for i := range p.spec.Rules {
			v.Rules = append(v.Rules, RuleVolume{Rule: i + 1, Line: p.lineOf(i), Level: string(p.spec.Rules[i].Level)})
		}
		v.Rules = append(v.Rules, RuleVolume{Level: levelNone.String()})
		s.volumes = append(s.volumes, v)
	}
	return s
}

// Add counts an audit event.
func (s *Simulation) Add(e *event.Event) {
	r, ok := e.Data.(*audit.Record)
	if !ok {
		return
	}
	if s.events++; s.events == 1 {
		s.first, s.last = e.Time, e.Time
	}
	s.first, s.last = min(s.first, e.Time), max(s.last, e.Time)
	text := []byte(r.PluginInfo())
	for _, v := range s.volumes {
		v.add(text)
	}
}

// maxShares is how many users and resources are told apart; an attacker may invent names.
const maxShares = 100_000

func (v *Volume) add(text []byte) {
	v.Recorded++
	v.RecordedBytes += int64(len(text))
	e, err := read(text)
	if err != nil {
		v.Unreadable++
		return
	}
	d := v.policy.evaluate(e.request)
	row := &v.Rules[len(v.Rules)-1]
	if d.rule >= 0 {
		row = &v.Rules[d.rule]
	}
	row.Taken++
	l := parseLevel(string(d.config.Level))
	if !e.strip(d) {
		if l != levelNone {
			v.Omitted[e.stage]++
		}
		return
	}
	if l > e.level && e.request.isResource && e.stage != received {
		v.Short++
	}
	n := int64(e.size())
	row.Sent++
	row.Bytes += n
	v.Sent++
	v.SentBytes += n
	share(v.users, e.request.user, n)
	share(v.resources, e.request.about(), n)
}

// about names what a request is about.
func (r request) about() string {
	if !r.isResource {
		return r.path
	}
	name := r.resource
	if r.subresource != "" {
		name += "/" + r.subresource
	}
	if r.group != "" {
		name += " (" + r.group + ")"
	}
	return name
}

func share(all map[string]*Share, name string, bytes int64) {
	if all[name] == nil {
		if len(all) >= maxShares {
			name = "others"
		}
		if all[name] == nil {
			all[name] = &Share{Name: name}
		}
	}
	all[name].Sent++
	all[name].Bytes += bytes
}

// Volumes gives the result, with the top users and resources that send most bytes.
func (s *Simulation) Volumes(top int) []*Volume {
	for _, v := range s.volumes {
		v.Seconds = float64(s.last-s.first) / 1e9
		v.Users, v.Resources = biggest(v.users, top), biggest(v.resources, top)
	}
	return s.volumes
}

func biggest(all map[string]*Share, top int) []Share {
	out := make([]Share, 0, len(all))
	for _, s := range all {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Share) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name)) })
	return out[:min(top, len(out))]
}

// WriteVolumesJSON writes the volumes as an object with the key policies.
func WriteVolumesJSON(w io.Writer, volumes []*Volume) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string]any{"policies": volumes})
}

// WriteVolumesText writes the volumes as tables, and with two policies what the second saves.
func WriteVolumesText(w io.Writer, volumes []*Volume) error {
	var b strings.Builder
	for _, v := range volumes {
		v.write(&b)
	}
	if len(volumes) == 2 {
		a, z := volumes[0], volumes[1]
		fmt.Fprintf(&b, "%s sends %s and %s bytes, %s %s and %s bytes (%s of the bytes)\n", rule.Printable(a.Policy), plural(a.Sent, "event", "events"), grouped(a.SentBytes),
			rule.Printable(z.Policy), plural(z.Sent, "event", "events"), grouped(z.SentBytes), percent(z.SentBytes, a.SentBytes))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (v *Volume) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %d of %s, %s of %s bytes (%s)", rule.Printable(v.Policy), v.Sent, plural(v.Recorded, "event", "events"),
		grouped(v.SentBytes), grouped(v.RecordedBytes), percent(v.SentBytes, v.RecordedBytes))
	if v.Seconds > 0 {
		fmt.Fprintf(b, ", %.1f events and %s bytes a second over %.0f s", float64(v.Sent)/v.Seconds, grouped(int64(float64(v.SentBytes)/v.Seconds)), v.Seconds)
	}
	fmt.Fprintf(b, "\n\n  %5s %5s  %-15s %9s %9s %13s %7s\n", "rule", "line", "level", "taken", "sent", "bytes", "share")
	for _, r := range v.Rules {
		if r.Taken == 0 && r.Rule == 0 {
			continue
		}
		number, line := fmt.Sprint(r.Rule), fmt.Sprint(r.Line)
		if r.Rule == 0 {
			number, line = "none", "-"
		}
		fmt.Fprintf(b, "  %5s %5s  %-15s %9d %9d %13s %7s\n", number, line, r.Level, r.Taken, r.Sent, grouped(r.Bytes), percent(r.Bytes, v.SentBytes))
	}
	v.table(b, "user", v.Users)
	v.table(b, "resource or path", v.Resources)
	b.WriteString("\n")
	for _, s := range []internal.Stage{internal.StageRequestReceived, internal.StageResponseStarted, internal.StageResponseComplete, internal.StagePanic} {
		if n := v.Omitted[string(s)]; n > 0 {
			fmt.Fprintf(b, "  omitted in stage %s: %s\n", s, plural(n, "event", "events"))
		}
	}
	if v.Unreadable > 0 {
		fmt.Fprintf(b, "  could not be read: %s\n", plural(v.Unreadable, "event", "events"))
	}
	if v.Short > 0 {
		fmt.Fprintf(b, "  recorded at a lower level than this policy asks for: %s, whose missing bodies cannot be counted\n", plural(v.Short, "event", "events"))
	}
	b.WriteString("  Only what was recorded can be counted: a policy that records more sends more than this.\n\n")
}

func (v *Volume) table(b *strings.Builder, title string, shares []Share) {
	if len(shares) == 0 {
		return
	}
	fmt.Fprintf(b, "\n  %9s %13s %7s  %s\n", "sent", "bytes", "share", title)
	for _, s := range shares {
		fmt.Fprintf(b, "  %9d %13s %7s  %s\n", s.Sent, grouped(s.Bytes), percent(s.Bytes, v.SentBytes), rule.Printable(s.Name))
	}
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

// grouped writes a number with commas.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
