package rules_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// corpus are real audit events, recorded from an API server while people and programs worked with it, and while some
// of them did what they should not.
const corpus = "../pkg/audit/testdata/events"

// The golden file shows the noise: how often each rule fires on how many real events, and on what.
func TestRecordedAuditEvents(t *testing.T) {
	j := newJudge(t, event.SourceK8sAudit)
	type what struct{ rule, on string }
	counts := map[what]int{}
	events, alerts := 0, 0
	for _, file := range corpusFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		split(t, text, func(e *event.Event) {
			events++
			for i, name := range j.fired(t, e) {
				if i == 0 {
					alerts++
				}
				counts[what{name, summary(j, e)}]++
			}
		})
	}
	var log bytes.Buffer
	fmt.Fprintf(&log, "%d of %d events raise an alert\n", alerts, events)
	for _, r := range j.source.Rules {
		var lines []string
		for k, n := range counts {
			if k.rule == r.Name {
				lines = append(lines, fmt.Sprintf("%4d  %s\n", n, k.on))
			}
		}
		sort.Slice(lines, func(a, b int) bool { return lines[a][4:] < lines[b][4:] })
		fmt.Fprintf(&log, "\n%s\n%s", r.Name, strings.Join(lines, ""))
	}
	golden(t, "testdata/corpus.golden", log.Bytes())
}

func corpusFiles(t testing.TB) (files []string) {
	t.Helper()
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".json" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("find recorded events: %v, %v", files, err)
	}
	return files
}

// summary says in a few words what an event is about.
func summary(j *judge, e *event.Event) string {
	words := []string{}
	for _, name := range []string{"ka.user.name", "ka.verb", "ka.target.resource", "ka.target.subresource", "ka.response.code"} {
		f, _, _ := j.source.Catalogue.Lookup(name)
		var v event.Value
		if f.Extract(e, &field.Arg{}, &v) {
			words = append(words, v.Text)
		}
	}
	return strings.Join(words, " ")
}
