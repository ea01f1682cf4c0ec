// Package desk is where an operator looks at the alerts that wait for a sink and at the dead letters, and says what
// becomes of the latter. It works on the outputs of a running program, or on a data directory that nobody uses.
package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/dead"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

// The states of an alert.
const (
	// Queued alerts wait for the sink or are on their way to it.
	Queued = "queued"
	// Dead alerts were given up.
	Dead = "dead"
)

// Item is an alert that a sink does not have.
type Item struct {
	// ID of the alert, empty for a record that cannot be read; Reason says why then.
	ID    string `json:"id,omitempty"`
	Sink  string `json:"sink"`
	State string `json:"state"`
	// Since is when it came into the state.
	Since time.Time `json:"since"`
	// Reason and Attempts are those of a dead letter. The reason of a queued one is the last error of its sink, while the
	// program runs and the sink fails.
	Reason   string `json:"reason,omitempty"`
	Attempts int    `json:"attempts,omitempty"`
	Priority string `json:"priority,omitempty"`
	Rule     string `json:"rule,omitempty"`
	// Alert is the whole alert as a JSON line has it, if it was asked for.
	Alert json.RawMessage `json:"alert,omitempty"`
}

// Sink sums up what a sink does not have.
type Sink struct {
	Name   string `json:"sink"`
	Queued uint64 `json:"queued"`
	Dead   uint64 `json:"dead"`
	// Unreadable is how many stretches of the dead letters on disk are damaged, where nobody uses the data directory.
	Unreadable uint64 `json:"unreadable,omitempty"`
	// Count is what became of its alerts, if the program runs and has the sink.
	Count *deliver.Count `json:"count,omitempty"`
	// Left says that the program runs without this sink.
	Left bool `json:"left,omitempty"`
}

// Query chooses alerts to look at; what is empty chooses all.
type Query struct {
	Sink, State, ID string
	// Limit is how many items are given, 0 for all.
	Limit int
	// Full asks for the whole alerts.
	Full bool
}

// Choice names dead letters.
type Choice struct {
	// Sink is whose letters are meant, or "" for those of all sinks.
	Sink string `json:"sink"`
	// IDs are those of the letters. None means all letters, if All says so.
	IDs []string `json:"ids"`
	All bool     `json:"all"`
}

// Result says what a choice did.
type Result struct {
	// Done is for how many letters it was done, by sink.
	Done map[string]int `json:"done"`
	// Missing are the IDs of which no sink has a dead letter.
	Missing []string `json:"missing,omitempty"`
}

// Total is how many letters it was done for.
func (r *Result) Total() (n int) {
	for _, done := range r.Done {
		n += done
	}
	return n
}

// ErrNoSink is wrapped by the error about a sink that is not there.
var ErrNoSink = errors.New("no such sink")

// noSink is the error about a name that is none of those of the sinks.
func noSink(name string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("%w: %s; there is none", ErrNoSink, name)
	}
	return fmt.Errorf("%w: %s; write one of %s", ErrNoSink, name, strings.Join(names, ", "))
}

// Outputs is what the desk needs of *deliver.Outputs.
type Outputs interface {
	Counts() []deliver.Count
	Dead(sink string) *dead.Store
	Replay(sink string, ids []string) (int, error)
}

// Desk works on a data directory, on outputs, or on the outputs that use the directory.
type Desk struct {
	dir     string  // "" for none
	outputs Outputs // nil for none
}

// New makes the desk of outputs that run. dir is their data directory, or "".
func New(dir string, outputs Outputs) *Desk { return &Desk{dir, outputs} }

// Look makes a desk that only reads a data directory. Another process may use it.
func Look(dir string) *Desk { return &Desk{dir, nil} }

// names gives the sinks of the outputs, and those that left something in the directory, in alphabetical order.
func (d *Desk) names() ([]string, error) {
	var names []string
	if d.outputs != nil {
		for _, c := range d.outputs.Counts() {
			names = append(names, c.Sink)
		}
	}
	left, err := namesOnDisk(d.dir)
	if err != nil {
		return nil, err
	}
	names = append(names, left...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// namesOnDisk gives the sinks of a data directory.
func namesOnDisk(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(filepath.Join(dir, "sinks"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for sinks: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// List gives what the sinks do not have: sink by sink, dead letters first, the oldest first. The sums are those of all
// items that the query chooses, whatever its limit and state; with an ID there are none. An error of give ends it.
func (d *Desk) List(ctx context.Context, q Query, give func(Item) error) ([]Sink, error) {
	names, err := d.names()
	if err != nil {
		return nil, err
	}
	if q.Sink != "" {
		if !slices.Contains(names, q.Sink) {
			return nil, noSink(q.Sink, names)
		}
		names = []string{q.Sink}
	}
	l := lister{Desk: d, ctx: ctx, query: q, give: give, counts: make(map[string]*deliver.Count)}
	if d.outputs != nil {
		for _, c := range d.outputs.Counts() {
			l.counts[c.Sink] = &c
		}
	}
	var sinks []Sink
	for _, name := range names {
		s, err := l.sink(name)
		if err != nil {
			return nil, fmt.Errorf("sink %s: %w", name, err)
		}
		sinks = append(sinks, s)
	}
	return sinks, nil
}

// lister is one call of List.
type lister struct {
	*Desk
	ctx    context.Context
	query  Query
	give   func(Item) error
	given  int
	counts map[string]*deliver.Count
}

func (l *lister) sink(name string) (Sink, error) {
	s := Sink{Name: name, Count: l.counts[name]}
	s.Left = l.outputs != nil && s.Count == nil
	var err error
	if s.Count != nil {
		s.Dead, s.Queued = uint64(s.Count.DeadStored), s.Count.Queued
		err = l.letters(name, l.outputs.Dead(name))
	} else {
		err = l.lettersOnDisk(&s)
	}
	if err != nil || l.dir == "" {
		return s, err
	}
	return s, l.queue(&s)
}

// want says whether another item of the state is to be given.
func (l *lister) want(state string) bool {
	return (l.query.State == "" || l.query.State == state) && (l.query.Limit == 0 || l.given < l.query.Limit)
}

// letters gives those of a store that is open.
func (l *lister) letters(sink string, store *dead.Store) error {
	if store == nil || !l.want(Dead) {
		return nil
	}
	for _, i := range store.List() {
		if !l.want(Dead) {
			break
		}
		if l.query.ID != "" && l.query.ID != i.ID {
			continue
		}
		e, err := store.Get(i.ID)
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken meanwhile
		}
		if err != nil {
			e = dead.Entry{ID: i.ID, Time: i.Time, Reason: err.Error()}
		}
		if err := l.letter(sink, &e); err != nil {
			return err
		}
	}
	return nil
}

// lettersOnDisk gives and counts those of a directory.
func (l *lister) lettersOnDisk(s *Sink) error {
	var failed error
	stats, err := dead.Scan(nil, filepath.Join(l.dir, "sinks", s.Name, Dead), func(e dead.Entry) bool {
		if l.want(Dead) {
			failed = l.letter(s.Name, &e)
		}
		return failed == nil && l.want(Dead)
	})
	s.Dead, s.Unreadable = uint64(stats.Count), stats.Damaged
	if failed != nil {
		return failed
	}
	return err
}

func (l *lister) letter(sink string, e *dead.Entry) error {
	if l.query.ID != "" && l.query.ID != e.ID {
		return nil
	}
	i := Item{ID: e.ID, Sink: sink, State: Dead, Since: time.Unix(0, e.Time).UTC(), Reason: e.Reason, Attempts: e.Attempts}
	return l.item(i, e.Alert)
}

// queue gives the records of a queue, and counts them where the outputs do not.
func (l *lister) queue(s *Sink) error {
	if s.Count != nil && !l.want(Queued) {
		return nil
	}
	var failed error
	err := queue.Scan(nil, filepath.Join(l.dir, "sinks", s.Name, "queue"), func(r queue.Record) bool {
		if s.Count == nil {
			s.Queued++
		}
		if failed = l.ctx.Err(); failed == nil && l.want(Queued) {
			failed = l.record(s, &r)
		}
		return failed == nil && (s.Count == nil || l.want(Queued))
	})
	if failed != nil {
		return failed
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (l *lister) record(s *Sink, r *queue.Record) error {
	i := Item{Sink: s.Name, State: Queued, Since: time.Unix(0, r.Time).UTC()}
	if s.Count != nil {
		i.Reason = s.Count.Failing
	}
	a, err := alert.Decode(r.Payload)
	if err != nil {
		i.Reason = err.Error()
	} else {
		i.ID = a.ID
	}
	if l.query.ID != "" && l.query.ID != i.ID {
		return nil
	}
	return l.item(i, a)
}

// item completes an item from its alert, which may be nil, and gives it.
func (l *lister) item(i Item, a *alert.Alert) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	if a != nil {
		i.Priority, i.Rule = a.Priority.String(), a.Rule
		if l.query.Full {
			i.Alert = a.AppendJSON(nil, alert.Options{Message: true, Fields: true, Tags: true})
		}
	}
	l.given++
	return l.give(i)
}
