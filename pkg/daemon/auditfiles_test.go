package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/config"
)

// TestAuditFiles runs the source of a log: told to stop it ends after the batch that is being evaluated, which counts,
// and does not begin another one.
func TestAuditFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.log")
	write(t, path, `{"kind":"Event","auditID":"a","stageTimestamp":"2026-11-21T19:00:00Z"}`+"\n")
	began, goOn := make(chan struct{}), make(chan struct{})
	evaluated := 0
	evaluate := func(ctx context.Context, b *audit.Batch) error {
		began <- struct{}{}
		<-goOn
		evaluated += b.Len()
		return ctx.Err()
	}
	open := func() *auditFiles {
		return newAuditFiles(config.AuditFile{Path: path}, dir, &audit.Splitter{}, evaluate, zap.NewNop())
	}
	s := open()
	if s.name() == "" || s.open() != nil {
		t.Error("it cannot be opened")
	}
	ended := make(chan error, 1)
	go func() { ended <- s.run() }()
	<-began
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.stop(late); !errors.Is(err, context.Canceled) {
		t.Errorf("stop without time: %v", err)
	}
	close(goOn)
	if err := s.stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	if err := s.run(); err != nil || evaluated != 1 {
		t.Errorf("run again: %v; %d events evaluated", err, evaluated)
	}
	if got := s.stats(); got.Events != 1 {
		t.Errorf("statistics %+v", got)
	}
	// The position is in the data directory, and says that all is read.
	files, err := filepath.Glob(filepath.Join(dir, "audit-files", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("positions %v, error %v", files, err)
	}
	position, err := os.ReadFile(files[0])
	if err != nil || !strings.Contains(string(position), `"offset": 71`) {
		t.Errorf("position %s, error %v", position, err)
	}
	// One that never ran ends, too.
	if err := open().stop(t.Context()); err != nil {
		t.Errorf("stop before run: %v", err)
	}
}

// TestAuditFilesOnce reads what is there and says that there is nothing more.
func TestAuditFilesOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	n := 0
	s := newAuditFiles(config.AuditFile{Path: path, Once: true, Cluster: "blue"}, t.TempDir(), &audit.Splitter{}, func(_ context.Context, b *audit.Batch) error {
		if b.Cluster != "blue" {
			t.Errorf("cluster %q", b.Cluster)
		}
		n += b.Len()
		return nil
	}, zap.NewNop())
	if err := s.run(); err == nil || errors.Is(err, errAllRead) {
		t.Errorf("a file that is not there: %v", err)
	}
	write(t, path, `{"kind":"Event","auditID":"a","stageTimestamp":"2026-11-21T19:00:00Z"}`)
	if err := s.run(); !errors.Is(err, errAllRead) || n != 1 {
		t.Errorf("error %v after %d events", err, n)
	}
}
