package rules_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/recording"
)

// corpus are real audit events, recorded from an API server while people and programs worked with it, and while some
// of them did what they should not.
const corpus = "../pkg/audit/testdata/events"

// recordedCalls is what a machine did on which people worked, containers ran and attacks were tried.
const recordedCalls = "../pkg/syscall/testdata/peer.rec.gz"

// The golden files show the noise: how often each rule fires on how many real events, and on what.
func TestRecordedAuditEvents(t *testing.T) {
	l := newLedger(newJudge(t, event.SourceK8sAudit),
		"ka.user.name", "ka.verb", "ka.target.resource", "ka.target.subresource", "ka.response.code")
	for _, file := range corpusFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		split(t, text, func(e *event.Event) { l.enter(t, e) })
	}
	golden(t, "testdata/k8s_audit_recorded.golden", l.text())
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

func TestRecordedSystemCalls(t *testing.T) {
	l := newLedger(newJudge(t, event.SourceSyscall),
		"container.id", "proc.pname", "proc.name", "evt.type", "fd.name", "proc.exepath")
	f, err := os.Open(recordedCalls)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := recording.NewReader(plain)
	if err != nil {
		t.Fatal(err)
	}
	in := syscall.New(syscall.Options{})
	in.Load(r.Header())
	for {
		frame, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := in.Event(frame)
		if err != nil {
			t.Fatal(err)
		}
		l.enter(t, e)
	}
	golden(t, "testdata/syscall_recorded.golden", l.text())
}

// ledger counts which rules fire on what.
type ledger struct {
	judge *judge
	// fields say in a few words what an event is about.
	fields         []string
	counts         map[entry]int
	events, alerts int
}

type entry struct{ rule, on string }

func newLedger(j *judge, fields ...string) *ledger {
	return &ledger{judge: j, fields: fields, counts: map[entry]int{}}
}

func (l *ledger) enter(t *testing.T, e *event.Event) {
	t.Helper()
	l.events++
	for i, name := range l.judge.fired(t, e) {
		if i == 0 {
			l.alerts++
		}
		l.counts[entry{name, l.about(e)}]++
	}
}

func (l *ledger) about(e *event.Event) string {
	var words []string
	for _, name := range l.fields {
		f, _, _ := l.judge.source.Catalogue.Lookup(name)
		var v event.Value
		if f.Extract(e, &field.Arg{}, &v) {
			words = append(words, v.Text)
		}
	}
	return strings.Join(words, " ")
}

func (l *ledger) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d of %d events raise an alert\n", l.alerts, l.events)
	for _, r := range l.judge.source.Rules {
		var lines []string
		for k, n := range l.counts {
			if k.rule == r.Name {
				lines = append(lines, fmt.Sprintf("%4d  %s\n", n, k.on))
			}
		}
		sort.Slice(lines, func(a, b int) bool { return lines[a][4:] < lines[b][4:] })
		fmt.Fprintf(&b, "\n%s\n%s", r.Name, strings.Join(lines, ""))
	}
	return b.Bytes()
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
