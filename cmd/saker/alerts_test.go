package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/dead"
	"github.com/saker-security/saker/pkg/deliver/desk"
	"github.com/saker-security/saker/pkg/deliver/queue"
	"github.com/saker-security/saker/pkg/rule"
)

// exampleData is the data directory of the documentation.
const exampleData = "../../docs/tools/example/data"

// TestExampleData: the data directory of the documentation can still be read and holds what makeExample puts into it;
// -update makes it anew where that is not so.
func TestExampleData(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { makeExample(t, dir) })
	want, err := contents(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := contents(t, exampleData)
	diff := cmp.Diff(want, got)
	if diff == "" && err == nil {
		return
	}
	if !*update {
		t.Fatalf("run make generate: %v\n%s", err, diff)
	}
	if err := os.RemoveAll(exampleData); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(exampleData, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
}

// contents lists everything in a data directory.
func contents(t *testing.T, dir string) (all []any, err error) {
	t.Helper()
	sinks, err := desk.Look(dir).List(t.Context(), desk.Query{Full: true}, func(i desk.Item) error {
		all = append(all, i)
		return nil
	})
	return append(all, sinks), err
}

// makeExample leaves two dead letters of an HTTP sink, one of them hostile, and two alerts that wait. The clock is that
// of synctest.
func makeExample(t *testing.T, dir string) {
	day := time.Date(2026, time.November, 21, 8, 0, 0, 0, time.UTC)
	time.Sleep(time.Until(day.Add(5 * time.Second)))
	service := func(n int, name, user string) *alert.Alert {
		at := day.Add(time.Duration(n) * 500 * time.Millisecond)
		return &alert.Alert{
			ID: alert.NewID(at.UnixNano(), fmt.Append(nil, n)), Time: at.UnixNano(), Rule: "Service created", Priority: rule.PriorityWarning,
			Source: "k8s_audit", Hostname: "host", Tags: []string{"network"}, Message: user + " made a service",
			Fields: []alert.Field{{Name: "ka.target.name", JSON: `"` + name + `"`}, {Name: "ka.user.name", JSON: `"` + user + `"`}},
		}
	}
	first, second := service(1, "web", "devops"), service(2, "db", "eve")
	second.Rule, second.Message = "Odd\x1b[2Jname", "eve\n08:00:01: Notice all is well"
	store, err := dead.Open(nil, filepath.Join(dir, "sinks", "http", "dead"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Add(
		dead.Entry{ID: first.ID, Alert: first, Reason: "https://siem.example/alerts answers 413 Request Entity Too Large: at most 256 bytes", Attempts: 1, Time: day.Add(time.Second).UnixNano()},
		dead.Entry{ID: second.ID, Alert: second, Reason: "https://siem.example/alerts answers 400 Bad Request: no such tenant", Attempts: 4, Time: day.Add(2 * time.Second).UnixNano()},
	); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	settings := queue.DefaultSettings()
	settings.MaxBytes = 64 << 10 // small files
	for sink, a := range map[string]*alert.Alert{"http": service(3, "api", "devops"), "syslog": service(4, "cache", "devops")} {
		q, err := queue.Open(queue.Options{Dir: filepath.Join(dir, "sinks", sink, "queue"), Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Append(uint8(a.Priority), a.Append(nil)); err != nil {
			t.Fatal(err)
		}
		if err := q.Commit(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAlertsEscape: whatever an alert holds, what is printed has no line more and nothing that a terminal acts on.
func TestAlertsEscape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, name)) }
		value, err := json.Marshal(text("value"))
		if err != nil {
			t.Fatal(err)
		}
		a := &alert.Alert{
			ID: text("id"), Rule: text("rule"), Source: text("source"), Hostname: text("host"), Tags: []string{text("tag")},
			Message: text("message"), Fields: []alert.Field{{Name: text("name"), JSON: string(value)}},
		}
		i := desk.Item{
			ID: a.ID, Sink: text("sink"), State: text("state"), Reason: text("reason"), Rule: a.Rule, Priority: text("priority"),
			Alert: a.AppendJSON(nil, alert.Options{Message: true, Fields: true, Tags: true}),
		}
		var whole, line bytes.Buffer
		if err := showItem(&whole, &i, true); err != nil {
			t.Fatal(err)
		}
		if err := jsonLine(&line)(i); err != nil {
			t.Fatal(err)
		}
		// A line for each part that is not empty, one for the title of the fields, two for the fields.
		if n := strings.Count(whole.String(), "\n"); n > 15 || strings.Count(line.String(), "\n") != 1 {
			t.Fatalf("%d lines: %q", n, whole.String())
		}
		cells := tableCell(i.Sink) + tableCell(i.Rule) + tableCell(reason(&i))
		for _, r := range strings.ReplaceAll(whole.String()+line.String()+cells, "\n", "") {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q is printed", r)
			}
		}
	})
}
