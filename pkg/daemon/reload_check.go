package daemon

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/rule"
)

// checkGone refuses a configuration that lost files: whoever replaces a file by deleting it first shall not be without
// rules in between.
func (d *Daemon) checkGone(cfg *config.Config) error {
	now := d.settings()
	if missing := gone(now.RulesFiles); len(missing) > 0 && slices.ContainsFunc(missing, func(n string) bool { return slices.Contains(cfg.RulesMissing, n) }) {
		return fmt.Errorf("rules files are gone: %s; if that is meant, take them out of rules_files", strings.Join(missing, ", "))
	}
	if len(now.Files) > 0 && !slices.Contains(cfg.Files, now.Files[0]) && len(gone(now.Files[:1])) > 0 {
		return fmt.Errorf("the configuration file %s is gone", now.Files[0])
	}
	return nil
}

// checkEmptied refuses files that lost all that was in them: whoever saves a file may empty it first.
func checkEmptied(before, now fingerprint) error {
	if names := before.emptied(now); len(names) > 0 {
		return fmt.Errorf("nothing is left in %s; if that is meant, write [] into a rules file, {} into a configuration file", strings.Join(names, ", "))
	}
	return nil
}

// checkIdle refuses rules that leave a source without any, unless the configuration switches rules in another way.
func (d *Daemon) checkIdle(cfg *config.Config, rules *loaded) error {
	now := d.settings()
	if cfg.Priority != now.Priority || !slices.Equal(cfg.RuleSelections(), now.RuleSelections()) {
		return nil
	}
	before, next := d.enabledRules(), enabledRules(rules.compiled, cfg)
	var idle []string
	for _, source := range d.runningSources() {
		if before[source] > 0 && next[source] == 0 {
			idle = append(idle, fmt.Sprintf("%s (%d before)", source, before[source]))
		}
	}
	if len(idle) == 0 {
		return nil
	}
	return fmt.Errorf("no rule is left for %s in %s; if that is meant, disable the rules by the key rules, or restart", strings.Join(idle, ", "), rulesOf(cfg))
}

// rulesOf names the rules files of a configuration.
func rulesOf(cfg *config.Config) string {
	if len(cfg.RulesFiles) == 0 {
		return "the built-in rules"
	}
	return strings.Join(cfg.RulesFiles, ", ")
}

// runningSources are the names of the event sources that are taken in, also of one that is down for the moment, sorted.
func (d *Daemon) runningSources() (names []string) {
	for _, k := range d.sources {
		names = append(names, k.events)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// enabledRules counts the rules that are looked at, by source.
func enabledRules(c *rule.Compiled, cfg *config.Config) map[string]int {
	n := map[string]int{}
	for source, rules := range c.Sources {
		for _, r := range rules.Rules {
			if r.Rule.Enabled && r.Rule.Priority <= cfg.Priority {
				n[source]++
			}
		}
	}
	return n
}

// enabledRules counts the rules in force that are looked at, by source.
func (d *Daemon) enabledRules() map[string]int {
	n, priority := map[string]int{}, d.settings().Priority
	for _, c := range d.pipeline.engine.Counts().Rules {
		if c.Rule.Enabled && c.Rule.Priority <= priority {
			n[c.Rule.Source]++
		}
	}
	return n
}

// changedRules says how many rules each source has and will have.
func (d *Daemon) changedRules(next map[string]int) []zap.Field {
	before := d.enabledRules()
	var texts []string
	for _, source := range d.runningSources() {
		texts = append(texts, fmt.Sprintf("%s: %d -> %d", source, before[source], next[source]))
	}
	return []zap.Field{zap.Strings("rules", texts)}
}

// changedSinks names the sinks that come, go and change; none is not told.
func (d *Daemon) changedSinks(next []deliver.Output) (fields []zap.Field) {
	before, _ := enabledOutputs(d.settings(), d.log, d.options.Stdout) // they are in force, so there are some
	find := func(list []deliver.Output, name string) *deliver.Output {
		if i := slices.IndexFunc(list, func(o deliver.Output) bool { return o.Name == name }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	var added, removed, changed []string
	for _, o := range next {
		switch old := find(before, o.Name); {
		case old == nil:
			added = append(added, o.Name)
		case !reflect.DeepEqual(old.Settings, o.Settings) || !reflect.DeepEqual(old.Config, o.Config):
			changed = append(changed, o.Name)
		}
	}
	for _, o := range before {
		if find(next, o.Name) == nil {
			removed = append(removed, o.Name)
		}
	}
	for name, list := range map[string][]string{"sinks_added": added, "sinks_removed": removed, "sinks_changed": changed} {
		if len(list) > 0 {
			fields = append(fields, zap.Strings(name, list))
		}
	}
	slices.SortFunc(fields, func(a, b zap.Field) int { return strings.Compare(a.Key, b.Key) })
	return fields
}
