package ruletest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// fired is an alert that a test raised.
type fired struct {
	rule  *rule.CompiledRule
	event int
	alert *alert.Alert
	// differs says for each expectation of the same rule how the alert differs; none where it is as expected.
	differs map[*Expectation][]string
}

// expected tells whether the alert is as some expectation says.
func (f *fired) expected() bool {
	for _, d := range f.differs {
		if len(d) == 0 {
			return true
		}
	}
	return false
}

// maxAlerts is how many alerts of one test are kept.
const maxAlerts = 10_000

// run runs the test. The error is something that kept it from being run.
func (r *Result) run(ctx context.Context, cover bool) (err error) {
	began := time.Now()
	defer func() {
		r.Duration = time.Since(began)
		if p := recover(); p != nil { // an event brought a defect of an extractor to light: the other tests go on
			err = fmt.Errorf("%s: test %s: panic: %v", r.Test.Pos, quoted(r.Test.Name), p)
		}
	}()
	rules := r.rules
	j := &judge{result: r, rules: rules}
	g := rules.Engine(r.File.Settings)
	err = r.Test.Play(ctx, filepath.Dir(r.File.Name), func(n int, e *event.Event) error {
		r.Events = n
		if cover && rules.Compiled.Sources[e.Source] != nil {
			rules.probe(e.Source).cover(e)
		}
		return g.Evaluate(e, func(one *rule.CompiledRule) { j.note(one, n, e) })
	})
	if err != nil {
		return fmt.Errorf("%s: test %s: %w", r.Test.Pos, quoted(r.Test.Name), err)
	}
	if err := j.compare(ctx); err != nil {
		return fmt.Errorf("%s: test %s: %w", r.Test.Pos, quoted(r.Test.Name), err)
	}
	return nil
}

// judge compares the alerts of a test with what it expects.
type judge struct {
	result  *Result
	rules   *Rules
	builder alert.Builder
	fired   []*fired
}

// note keeps an alert while its event is valid.
func (j *judge) note(one *rule.CompiledRule, n int, e *event.Event) {
	j.result.Alerts++
	j.result.fired[one.Name] = true
	if len(j.fired) == maxAlerts {
		return
	}
	f := &fired{rule: one, event: n, alert: j.builder.New(e, one), differs: map[*Expectation][]string{}}
	for _, x := range j.result.Test.Expect {
		if x.Rule == one.Name && (x.Event == 0 || x.Event == n) {
			f.differs[x] = x.differences(f.alert, e)
		}
	}
	j.fired = append(j.fired, f)
}

// differences says how an alert is not as expected.
func (x *Expectation) differences(a *alert.Alert, e *event.Event) (out []string) {
	if x.HasPriority && a.Priority != x.Priority {
		out = append(out, fmt.Sprintf("priority is %s, want %s", a.Priority, x.Priority))
	}
	if x.HasOutput && a.Message != x.Output {
		out = append(out, fmt.Sprintf("output is %s, want %s", rule.Printable(a.Message), rule.Printable(x.Output)))
	}
	for _, part := range x.Contains {
		if !strings.Contains(a.Message, part) {
			out = append(out, fmt.Sprintf("output is %s, which does not contain %s", rule.Printable(a.Message), quoted(part)))
		}
	}
	for _, w := range x.Fields {
		t := w.source[e.Source]
		var v event.Value
		ok := t.use.Field.Extract(e, t.use.Arg, &v) && !(t.use.Field.List && len(v.List) == 0)
		if ok == !t.missing && (!ok || same(&v, &t.value)) {
			continue
		}
		got, want := "missing", "missing"
		if ok {
			got = show(&v, t.use.Field.Type, t.use.Field.List)
		}
		if !t.missing {
			want = show(&t.value, t.use.Field.Type, t.use.Field.List)
		}
		out = append(out, fmt.Sprintf("%s is %s, want %s", rule.Printable(w.name), got, want))
	}
	return out
}

// compare finds what is not as expected.
func (j *judge) compare(ctx context.Context) error {
	var missing []*Expectation
	told := map[*fired]bool{}
	for _, x := range j.result.Test.Expect {
		n, near := j.count(x)
		switch {
		case n == x.Count || n > 0 && x.Count < 0:
		case n == 0 && near != nil && x.Count != 0:
			told[near] = true
			j.fail(x.Pos, append([]string{}, near.differs[x]...), "rule %s fired on event %d, but not as expected", quoted(x.Rule), near.event)
		case n == 0 && j.result.Alerts <= maxAlerts:
			missing = append(missing, x)
		default:
			j.fail(x.Pos, nil, "rule %s fired %s, want %d", quoted(x.Rule), times(n), x.Count)
		}
	}
	for _, f := range j.fired {
		if !f.expected() && !told[f] {
			j.unexpected(f)
		}
	}
	if j.result.Alerts > maxAlerts {
		j.fail(j.result.Test.Pos, nil, "there are %d alerts, more than the %d that are compared", j.result.Alerts, maxAlerts)
	}
	return j.explain(ctx, missing)
}

// count tells how many alerts are as x expects, and gives one that is about the right rule but not as expected.
func (j *judge) count(x *Expectation) (n int, near *fired) {
	for _, f := range j.fired {
		d, ok := f.differs[x]
		switch {
		case ok && len(d) == 0:
			n++
		case ok && near == nil && !f.expected():
			near = f
		}
	}
	return n, near
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (j *judge) unexpected(f *fired) {
	details := []string{"output: " + rule.Printable(f.alert.Message)}
	for _, x := range j.result.Test.Expect {
		details = append(details, f.differs[x]...)
	}
	j.fail(j.result.Test.Pos, details, "rule %s (%s) fired on event %d, which is not expected", quoted(f.rule.Name), rule.Printable(f.rule.Pos.String()), f.event)
}

func (j *judge) fail(pos rule.Position, details []string, format string, args ...any) {
	j.result.Failures = append(j.result.Failures, Failure{Pos: pos, Message: fmt.Sprintf(format, args...), Details: details})
}

// explain says of rules that did not fire why: on the event that the expectation names, or on the last of those that
// the rule looks at.
func (j *judge) explain(ctx context.Context, missing []*Expectation) error {
	if len(missing) == 0 {
		return nil
	}
	why := make([]*Explanation, len(missing))
	err := j.result.Test.Play(ctx, filepath.Dir(j.result.File.Name), func(n int, e *event.Event) error {
		for i, x := range missing {
			one := j.rules.Rule(x.Rule)
			looked := why[i] == nil || j.rules.Looks(one, e)
			if x.Event == n || x.Event == 0 && looked {
				why[i] = j.rules.Explain(one, j.result.File.Settings, n, e)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, x := range missing {
		if why[i] == nil {
			j.fail(x.Pos, []string{fmt.Sprintf("there is no event %d, the test has %d", x.Event, j.result.Events)}, "rule %s did not fire", quoted(x.Rule))
			continue
		}
		details := append(slices.Clone(why[i].Notes), fmt.Sprintf("event %d: %s", why[i].Event, why[i].Reason))
		j.fail(x.Pos, details, "rule %s did not fire", quoted(x.Rule))
	}
	return nil
}
