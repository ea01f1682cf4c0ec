package daemon

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

const (
	// quietTime is how long files must be the same before they are read, so that nothing half-written is.
	quietTime = 100 * time.Millisecond
	// saveTime is the same for files that were written in their place, whose writer may stall, instead of being
	// replaced by files that were whole before.
	saveTime = 2 * time.Second
	// settleTime is how long that may take at most.
	settleTime = time.Minute
	// lookInterval is how often the files are looked at where the system cannot tell that they changed.
	lookInterval = 5 * time.Second
)

// watcher tells when something happens to files, by the directories that they are in: files that are replaced, and
// the links by which Kubernetes replaces all files of a volume at once, show there.
type watcher struct {
	notify *fsnotify.Watcher // nil where the system cannot tell
	names  map[string]bool   // what matters: files and links
	dirs   map[string]bool   // what is watched; true when everything in it matters
	log    *zap.Logger
}

func newWatcher(log *zap.Logger) *watcher {
	w := &watcher{dirs: map[string]bool{}, log: log}
	var err error
	if w.notify, err = fsnotify.NewWatcher(); err != nil {
		log.Warn("changes of configuration and rules files are noticed only by looking from time to time", zap.Duration("interval", lookInterval), zap.Error(err))
	}
	return w
}

func (w *watcher) close() {
	if w.notify != nil {
		_ = w.notify.Close() // nothing is waited for any more
	}
}

// watch has the watcher look at files and directories, wherever their links lead now, and no longer at others.
func (w *watcher) watch(paths []string) {
	if w.notify == nil {
		return
	}
	names, dirs := map[string]bool{}, map[string]bool{}
	for _, path := range paths {
		t := follow(path)
		for _, name := range t.names {
			names[name] = true
			dirs[filepath.Dir(name)] = dirs[filepath.Dir(name)]
		}
		if t.dir != "" {
			dirs[t.dir] = true
		}
	}
	for dir := range w.dirs {
		if _, still := dirs[dir]; !still {
			_ = w.notify.Remove(dir) // it may be gone
		}
	}
	w.names, w.dirs = names, dirs
	for dir := range dirs {
		// Also one that is watched already: it may be another directory of the same name.
		if err := w.notify.Add(dir); err != nil {
			w.log.Warn("changes of files in this directory are not noticed; send SIGHUP after a change", zap.String("directory", dir), zap.Error(err))
		}
	}
}

// matters tells whether an event is about something that is watched, rather than about a neighbour.
func (w *watcher) matters(e fsnotify.Event) bool {
	_, self := w.dirs[e.Name]
	return self || w.names[e.Name] || w.dirs[filepath.Dir(e.Name)]
}

// wait returns true when something happened that matters, or should be looked for, and false when ctx ended or asked
// has a value, which it takes.
func (w *watcher) wait(ctx context.Context, asked <-chan struct{}) (happened bool) {
	var events chan fsnotify.Event
	var errs chan error
	var look <-chan time.Time
	if w.notify != nil {
		events, errs = w.notify.Events, w.notify.Errors
	} else {
		timer := time.NewTimer(lookInterval)
		defer timer.Stop()
		look = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-asked:
			return false
		case e := <-events:
			if w.matters(e) {
				return true
			}
		case err := <-errs:
			// Events were lost, so it is looked what happened.
			w.log.Debug("watching files", zap.Error(err))
			return true
		case <-look:
			return true
		}
	}
}

// settle waits until files are the same for quietTime and gives what they are then. When one of them was written in its
// place since they were as known says, that takes saveTime, unless somebody is in a hurry.
func settle(ctx context.Context, known fingerprint, paths []string, hurry bool) fingerprint {
	print := fingerprintOf(paths)
	rewritten := known.rewritten(print)
	for began, last := time.Now(), time.Now(); sleep(ctx, quietTime) && time.Since(began) < settleTime; {
		next := fingerprintOf(paths)
		if !print.same(next) {
			rewritten = rewritten || print.rewritten(next)
			print, last = next, time.Now()
		} else if hurry || !rewritten || time.Since(last) >= saveTime {
			break
		}
	}
	return print
}
