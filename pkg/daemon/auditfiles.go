package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"sync"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
	logs "github.com/saker-security/saker/pkg/audit/follow" // follow is a function here
	"github.com/saker-security/saker/pkg/config"
)

// errAllRead is what run of a source returns that has nothing more to give, as a file that is read once. The source is
// not started again, and the program ends when it was the last one.
var errAllRead = errors.New("everything is read")

// auditFiles is a source of audit events: a log, or a directory of logs, of the key audit.files.
type auditFiles struct {
	file     config.AuditFile
	follower *logs.Follower

	mu      sync.Mutex
	cancel  context.CancelFunc
	ended   chan struct{} // closed when run returned
	stopped bool
}

// newAuditFiles makes the source of one entry of audit.files. Its position is kept in dataDir, or nowhere when that is
// empty. evaluate judges a batch, and returns nil when its alerts are in the queues for good; after an error it is given
// the same events again.
func newAuditFiles(file config.AuditFile, dataDir string, splitter *audit.Splitter, evaluate func(context.Context, *audit.Batch) error, log *zap.Logger) *auditFiles {
	o := logs.Options{Path: file.Path, FromEnd: file.FromEnd, Once: file.Once, Cluster: file.Cluster, Splitter: splitter, Evaluate: evaluate,
		Log: log.With(zap.String("log", file.Path))}
	if dataDir != "" {
		o.Position = filepath.Join(dataDir, "audit-files", positionName(file.Path))
	}
	return &auditFiles{file: file, follower: logs.New(o)}
}

// positionName is the name of the file with the position in a log.
func positionName(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:8]) + ".json"
}

func (a *auditFiles) name() string { return "k8s_audit of " + a.file.Path }

// stats tells how it is doing.
func (a *auditFiles) stats() logs.Stats { return a.follower.Stats() }

// open has nothing to take: a file that is not there may come.
func (a *auditFiles) open() error { return nil }

// run reads until stop is called; when the files are read once, until they are read, for which it returns errAllRead.
func (a *auditFiles) run() error {
	a.mu.Lock()
	if a.stopped {
		a.mu.Unlock()
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel, a.ended = cancel, make(chan struct{})
	defer close(a.ended)
	a.mu.Unlock()
	defer cancel()
	err := a.follower.Run(ctx)
	if err == nil && ctx.Err() == nil {
		return errAllRead
	}
	return err
}

// stop ends run after the batch that is being evaluated, or when ctx ends.
func (a *auditFiles) stop(ctx context.Context) error {
	a.mu.Lock()
	cancel, ended := a.cancel, a.ended
	a.stopped = true
	a.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
