package rules_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
)

// auditCase is testdata/k8s_audit/<rule>/<hit|miss>-<why>.json: one audit event as the API server sends it, but
// indented for people.
type auditCase struct {
	rule string
	hit  bool
	file string
	// data is compact again.
	data []byte
}

func auditCases(t *testing.T) []auditCase {
	t.Helper()
	files, err := filepath.Glob("testdata/k8s_audit/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("find cases: %v, %v", files, err)
	}
	sort.Strings(files)
	var cases []auditCase
	for _, file := range files {
		indented, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var data bytes.Buffer
		if err := json.Compact(&data, indented); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		base := filepath.Base(file)
		hit := strings.HasPrefix(base, "hit")
		if !hit && !strings.HasPrefix(base, "miss") {
			t.Errorf("%s: the name starts with neither hit nor miss", file)
		}
		cases = append(cases, auditCase{filepath.Base(filepath.Dir(file)), hit, file, data.Bytes()})
	}
	return cases
}

// split calls do with the events of a text.
func split(t *testing.T, text []byte, do func(e *event.Event)) {
	t.Helper()
	var s audit.Splitter
	err := s.Split(&audit.Batch{}, text, func(b *audit.Batch) error {
		for _, r := range b.Rejects {
			t.Errorf("item at byte %d was rejected: %s", r.Offset, r.Reason)
		}
		for e := range b.All() {
			do(e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The golden files show which other rules fire on each case, and what the alert of the first hit of a rule says.
func TestAuditRules(t *testing.T) {
	j := newJudge(t, event.SourceK8sAudit)
	names := j.bySlug(t)
	hits, misses := map[string]int{}, map[string]int{}
	var log, messages bytes.Buffer
	for _, c := range auditCases(t) {
		name := names[c.rule]
		if name == "" {
			t.Errorf("%s: there is no rule of that name", c.file)
			continue
		}
		var fired []string
		events := 0
		split(t, c.data, func(e *event.Event) {
			fired, events = j.fired(t, e), events+1
			if c.hit && hits[name] == 0 {
				fmt.Fprintf(&messages, "%s\n\t%s\n", name, j.message(e, name))
			}
		})
		if events != 1 {
			t.Errorf("%s: %d events, want 1", c.file, events)
		}
		if got := slices.Contains(fired, name); got != c.hit {
			t.Errorf("%s: rule %q fires: %v, want %v; fired: %q", c.file, name, got, c.hit, fired)
		}
		if c.hit {
			hits[name]++
		} else {
			misses[name]++
		}
		fmt.Fprintf(&log, "%s/%s:%s\n", c.rule, strings.TrimSuffix(filepath.Base(c.file), ".json"), listed(fired))
	}
	covered(t, j, hits, misses)
	golden(t, "testdata/k8s_audit.golden", log.Bytes())
	golden(t, "testdata/k8s_audit_messages.golden", messages.Bytes())
}

// covered fails when a rule lacks a case that it fires on, or one that it leaves alone.
func covered(t *testing.T, j *judge, hits, misses map[string]int) {
	t.Helper()
	for _, r := range j.source.Rules {
		if hits[r.Name] == 0 || misses[r.Name] == 0 {
			t.Errorf("rule %q has %d true-positive and %d true-negative cases, want at least one of each", r.Name, hits[r.Name], misses[r.Name])
		}
	}
}

func listed(names []string) string {
	if len(names) == 0 {
		return " -"
	}
	return " " + strings.Join(names, ", ")
}
