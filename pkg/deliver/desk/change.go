package desk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/dead"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

// atOnce is how many letters are replayed or dropped before it is looked whether somebody still waits for it.
const atOnce = 500

// Replay puts the letters back into the queues of their sinks. The result is also there with an error.
func (d *Desk) Replay(ctx context.Context, c Choice) (Result, error) {
	return d.change(ctx, c, func(sink string, _ *dead.Store, ids []string) (int, error) { return d.outputs.Replay(sink, ids) })
}

// Drop removes the letters for good. The result is also there with an error.
func (d *Desk) Drop(ctx context.Context, c Choice) (Result, error) {
	return d.change(ctx, c, func(_ string, s *dead.Store, ids []string) (int, error) { return s.Discard(ids...) })
}

// change calls do for the letters of each sink that are chosen.
func (d *Desk) change(ctx context.Context, c Choice, do func(string, *dead.Store, []string) (int, error)) (r Result, err error) {
	r = Result{Done: make(map[string]int), Missing: c.IDs}
	if c.All == (len(c.IDs) > 0) {
		return r, errors.New("either IDs or all letters must be chosen")
	}
	names, err := d.chosen(c.Sink)
	if err != nil {
		return r, err
	}
	wanted := make(map[string]bool, len(c.IDs)) // true once found
	for _, id := range c.IDs {
		wanted[id] = false
	}
	defer func() {
		r.Missing = slices.DeleteFunc(slices.Clone(c.IDs), func(id string) bool { return wanted[id] })
	}()
	for _, name := range names {
		store := d.outputs.Dead(name)
		if store == nil {
			continue // removed meanwhile
		}
		var ids []string
		for _, i := range store.List() {
			if _, ok := wanted[i.ID]; ok || c.All {
				ids = append(ids, i.ID)
				wanted[i.ID] = true
			}
		}
		for part := range slices.Chunk(ids, atOnce) {
			if err := ctx.Err(); err != nil {
				return r, err
			}
			n, err := do(name, store, part)
			if n > 0 {
				r.Done[name] += n
			}
			if err != nil {
				return r, fmt.Errorf("sink %s: %w", name, err)
			}
		}
	}
	return r, nil
}

// chosen gives the sinks whose letters can be changed: those of the outputs.
func (d *Desk) chosen(sink string) ([]string, error) {
	var names []string
	for _, c := range d.outputs.Counts() {
		names = append(names, c.Sink)
	}
	if sink == "" {
		return names, nil
	}
	if !slices.Contains(names, sink) {
		all, err := d.names()
		if err == nil && slices.Contains(all, sink) {
			return nil, fmt.Errorf("sink %s is not configured any more: configure it again, or do this while the program does not run", sink)
		}
		return nil, noSink(sink, names)
	}
	return []string{sink}, nil
}

// Take takes a data directory that no process uses, so that its letters can be changed. done gives it back.
func Take(dir string) (d *Desk, done func() error, err error) {
	names, err := namesOnDisk(dir)
	if err != nil {
		return nil, nil, err
	}
	outputs := make([]deliver.Output, len(names))
	for i, name := range names {
		outputs[i] = deliver.Output{Name: name, Settings: keepAll(), Open: func() (deliver.Sink, error) { return nobody{}, nil }}
	}
	opened, err := deliver.Open(deliver.Options{Dir: dir}, outputs)
	if err != nil {
		return nil, nil, err
	}
	return New(dir, opened), opened.Close, nil
}

// keepAll are settings with which nothing makes room for anything else: the limits are those of the program that
// delivers.
func keepAll() deliver.Settings {
	s := deliver.DefaultSettings()
	s.Timeout, s.BreakerFailures, s.DeadBytes = 0, 0, math.MaxInt64
	s.RetryMin, s.RetryMax = time.Hour, time.Hour
	s.Queue = queue.Settings{MaxBytes: 1 << 50, MemoryBytes: s.Queue.MemoryBytes, Policy: queue.Block}
	return s
}

// nobody is a sink that takes nothing.
type nobody struct{}

func (nobody) Send(context.Context, []*alert.Alert) error {
	return &deliver.Later{Err: errors.New("the program does not run"), After: time.Hour}
}

func (nobody) Close() error { return nil }
