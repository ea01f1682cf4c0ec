package daemon

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/rules"
)

// ErrRules is wrapped by the error of rules that cannot be used; the findings are printed already.
var ErrRules = errors.New("the rules cannot be used")

// Catalogues gives the fields of every source, with the static fields of a configuration.
func Catalogues(hostname string, static ...config.StaticField) map[string]*field.Catalogue {
	out := map[string]*field.Catalogue{}
	for _, c := range []*field.Catalogue{audit.Catalogue(hostname), syscall.Catalogue(hostname)} {
		out[c.Source()] = withStatic(c, static)
	}
	return out
}

// withStatic gives the catalogue c with static fields.
func withStatic(c *field.Catalogue, static []config.StaticField) *field.Catalogue {
	if len(static) == 0 {
		return c
	}
	var own, more []field.Field
	for _, f := range c.Fields() {
		own = append(own, *f)
	}
	for _, s := range static {
		more = append(more, field.Field{Name: "static." + s.Name, Type: event.TypeString, Help: "Set by static_fields in the configuration.",
			Extract: func(_ *event.Event, _ *field.Arg, v *event.Value) bool {
				v.Text = s.Value
				return true
			}})
	}
	return field.New(c.Source(), c.Types(), own, more)
}

// loaded are rules that can be run. names are those of all of them in the order of their definition, in which the
// statistics list them.
type loaded struct {
	compiled *rule.Compiled
	names    []string
}

// loadRules reads the rules files of the configuration, or the built-in rules where it names none, switches rules on
// and off, compiles them and appends to their outputs. Findings that matter for running them are printed to stderr.
func loadRules(cfg config.Config, log *zap.Logger, stderr io.Writer) (*loaded, error) {
	files := rules.Files()
	if len(cfg.RulesFiles) > 0 {
		read := rule.ReadRegularFiles
		if cfg.IsRecorded() {
			read = rule.ReadFiles
		}
		var err error
		if files, err = read(cfg.RulesFiles); err != nil {
			return nil, err
		}
	}
	catalogues := Catalogues(cfg.Hostname, cfg.StaticFields...)
	set, found := rule.Load(files, catalogues)
	var names []string
	for _, r := range set.Rules {
		names = append(names, r.Name)
	}
	unmatched := set.Select(cfg.RuleSelections())
	compiled, more := set.Compile(catalogues)
	found = slices.DeleteFunc(append(found, more...), func(d rule.Diagnostic) bool { return d.Severity == condition.SeverityInfo })
	if err := (lint.Result{Findings: found}).WriteText(stderr); err != nil {
		return nil, err
	}
	if rule.HasErrors(found) {
		return nil, fmt.Errorf("%w: see the findings above", ErrRules)
	}
	reportSelections(set, unmatched, cfg, stderr)
	reportCaptures(set, log)
	compiled, err := appendOutputs(compiled, cfg, stderr)
	if err != nil {
		return nil, err
	}
	return &loaded{compiled, names}, nil
}

// reportSelections tells which selections have no effect.
func reportSelections(set *rule.Set, unmatched []rule.Unmatched, cfg config.Config, stderr io.Writer) {
	for _, u := range unmatched {
		warn(stderr, cfg.Selections[u.Index].Origin+": "+u.Message, u.Hint)
	}
	for _, s := range cfg.Selections {
		i := slices.IndexFunc(set.Rules, func(r *rule.Rule) bool { return r.Name == s.Rule })
		if s.Enable && i >= 0 && set.Rules[i].Enabled && set.Rules[i].Priority > cfg.Priority {
			warn(stderr, fmt.Sprintf("%s: rule %q stays off: its priority %s is less severe than %s", s.Origin, s.Rule, set.Rules[i].Priority, cfg.Priority),
				"set the key priority")
		}
	}
}

// appendOutputs carries out append_output. Its errors are errors of the configuration.
func appendOutputs(compiled *rule.Compiled, cfg config.Config, stderr io.Writer) (*rule.Compiled, error) {
	compiled, found := compiled.Append(cfg.RuleAdditions())
	var errs []error
	for _, f := range found {
		text := fmt.Sprintf("%s: append_output[%d].%s: %s", cfg.Additions[f.Index].Origin, f.Index, f.Key, f.Message)
		if f.Severity == condition.SeverityError {
			errs = append(errs, errors.New(withHint(text, f.Hint)))
			continue
		}
		warn(stderr, text, f.Hint)
	}
	return compiled, errors.Join(errs...)
}

func warn(stderr io.Writer, text, hint string) {
	fmt.Fprintln(stderr, "Warning:", withHint(text, hint))
}

func withHint(text, hint string) string {
	if hint == "" {
		return text
	}
	return text + "; " + hint
}

// reportCaptures says once that capture files are not written.
func reportCaptures(set *rule.Set, log *zap.Logger) {
	var names []string
	for _, r := range set.Rules {
		if r.Capture && r.Enabled {
			names = append(names, r.Name)
		}
	}
	if len(names) > 0 {
		log.Info("rules ask for capture files, which this version does not write", zap.Strings("rules", names))
	}
}
