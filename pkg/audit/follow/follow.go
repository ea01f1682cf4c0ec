// Package follow reads the audit logs that an API server writes, as they grow, through every way in which logs are
// rotated, and remembers how far it is.
//
// A log file is known by its inode and by its first bytes, so that it is found again under another name, as a copy, and
// packed by gzip: whatever was not read of it yet is read there. A file that is not known is read from its start. So
// events are read once, in whatever way files are renamed, copied, emptied and packed while the program runs or is down.
// After a crash those are read again whose position was not kept yet.
//
// One hole is in the nature of copytruncate: what is written between the copy and the emptying of the file is in neither.
package follow

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
)

// Options say what a Follower reads.
type Options struct {
	// Path is a log, or a directory of logs: files named *.log, *.json and *.jsonl, rotated and packed ones too.
	Path string
	// FromEnd starts at the end of what is there when no position is kept. Once reads what is there from the start and
	// ends; then no position is kept.
	FromEnd, Once bool
	// Position is the file in which the position is kept; empty for none.
	Position string
	// Cluster is what ka.cluster.name answers for the events; empty for what they say.
	Cluster string
	// Splitter numbers the events.
	Splitter *audit.Splitter
	// Evaluate is given the events. When it returns nil they are done with, and the position may be kept; else they are
	// given again after a pause.
	Evaluate func(context.Context, *audit.Batch) error
	// Log is told what happens to the files.
	Log *zap.Logger
}

const (
	// pollInterval is how often the files are looked at when no change is told, because a file system does not tell.
	pollInterval = 2 * time.Second
	// gatherTime is the least time from one look at the files to the next, so that events come in batches.
	gatherTime = 50 * time.Millisecond
	// quietTime is how long a file must be the same to be taken as finished, and how long the rest of one is looked for.
	quietTime = time.Minute
	// minPause and maxPause bound the pause before events are evaluated again; it doubles with each failure in a row.
	minPause = time.Second
	maxPause = 10 * time.Second
)

// Follower follows a log. Run is for one goroutine; Stats may be called by any.
type Follower struct {
	o     Options
	files []*file
	batch audit.Batch
	buf   []byte
	// bad counts the defects of the part that is being evaluated, firstBad is the first.
	bad      int
	firstBad *audit.BodyError
	// started tells that the position was read, fresh that there was none and the files were not looked at yet.
	started, fresh bool
	// dirty tells that the position changed since it was kept.
	dirty bool
	// denied is the first error of a file that cannot be opened or read at the last look, empty for none.
	denied string
	heads  map[inode]cachedHead
	now    func() time.Time
	// sync has the position on disk.
	sync func(*os.File) error
	// chunk is how much is read at once, limit how long a value may be.
	chunk, limit int

	mu    sync.Mutex
	stats Stats
}

// chunk and limit are what a Follower takes.
const (
	chunkBytes = 1 << 20
	limitBytes = 64 << 20
)

// New makes a follower.
func New(o Options) *Follower {
	f := &Follower{o: o, heads: map[inode]cachedHead{}, now: time.Now, sync: (*os.File).Sync, chunk: chunkBytes, limit: limitBytes}
	f.batch.Cluster = o.Cluster
	f.stats = Stats{Path: o.Path, State: "waiting", Rejected: map[string]uint64{}}
	return f
}

// Run reads until ctx ends, for which it returns nil, or until everything is read when it reads once. After an error it
// may be called again.
func (f *Follower) Run(ctx context.Context) error {
	defer f.closeAll()
	defer f.save()
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		f.o.Log.Warn("changes of audit logs are noticed only by looking from time to time", zap.Duration("interval", pollInterval), zap.Error(err))
	} else {
		defer func() { _ = watcher.Close() }() // nothing is waited for any more
	}
	changed := changes(watcher)
	for {
		if err := f.watch(watcher); err != nil {
			f.o.Log.Debug("changes in the directory of audit logs are not told", zap.Error(err))
		}
		again, err := f.pass(ctx)
		if err != nil || ctx.Err() != nil || f.o.Once && !again {
			return f.ended(err)
		}
		if !again && !(wait(ctx, changed, pollInterval) && wait(ctx, nil, gatherTime)) {
			return f.ended(nil)
		}
	}
}

// changes tells of the events of a watcher, which may be nil, any number of them at once.
func changes(w *fsnotify.Watcher) <-chan struct{} {
	if w == nil {
		return nil
	}
	changed := make(chan struct{}, 1)
	go func() {
		for {
			select {
			case _, ok := <-w.Events:
				if !ok {
					return
				}
			case _, ok := <-w.Errors: // events were lost, so it is to be looked what happened
				if !ok {
					return
				}
			}
			select {
			case changed <- struct{}{}:
			default: // it is known
			}
		}
	}()
	return changed
}

// wait waits for a change, or for a time. It returns false when ctx ended.
func wait(ctx context.Context, changed <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-changed:
	}
	return true
}

// ended notes that Run returns.
func (f *Follower) ended(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.State, f.stats.Failure = "ended", ""
	if err != nil {
		f.stats.State, f.stats.Failure = "failing", err.Error()
	}
	return err
}

// pass looks at the files and reads for a while. It returns whether there is more to read now.
func (f *Follower) pass(ctx context.Context) (again bool, err error) {
	if !f.started {
		f.load()
	}
	if err := f.scan(); err != nil {
		return false, err
	}
	if f.o.Once && len(f.files) == 0 && f.denied == "" {
		return false, fmt.Errorf("read audit events once: %s: there is no audit log", f.o.Path)
	}
	again, err = f.read(ctx)
	if f.o.Once && !again && err == nil && ctx.Err() == nil {
		err = f.missed()
	}
	return again, err
}

// watch has the watcher tell of changes in the directory.
func (f *Follower) watch(w *fsnotify.Watcher) error {
	if w == nil || len(w.WatchList()) > 0 {
		return nil
	}
	return w.Add(directory(f.o.Path))
}

// Stats tells how it is doing.
func (f *Follower) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Rejected = map[string]uint64{}
	for reason, n := range f.stats.Rejected {
		s.Rejected[reason] = n
	}
	return s
}

// count changes the statistics.
func (f *Follower) count(change func(*Stats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.stats)
}

// closeAll closes the files. They stay known.
func (f *Follower) closeAll() {
	for _, t := range f.files {
		t.close()
	}
}

// measure counts how far the files are read.
func (f *Follower) measure() {
	var position, size int64
	for _, t := range f.files {
		position += t.offset
		size += max(t.size, t.offset)
	}
	f.count(func(s *Stats) {
		s.Position, s.Size, s.Behind, s.Files = position, size, size-position, len(f.files)
		if s.State != "blocked" {
			s.Failure = f.denied
		}
	})
}

// checkKind refuses what is neither a file nor a directory.
func checkKind(info os.FileInfo, path string) error {
	if info.IsDir() || info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("follow %s: it is neither a file nor a directory", path)
}
