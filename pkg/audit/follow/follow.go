// Package follow reads the audit logs that an API server writes, as they grow, through every way in which logs are
// rotated, and remembers how far it is.
package follow

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
)

// Options say what a Follower reads.
type Options struct {
	// Path is a log, or a directory of logs.
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

// Follower follows a log. Stats may be called by any goroutine.
type Follower struct{ o Options }

// New makes a follower.
func New(o Options) *Follower { return &Follower{o} }

// Run reads until ctx ends, for which it returns nil, or until everything is read when it reads once.
func (f *Follower) Run(ctx context.Context) error { return errors.New("follow: being built") }

// Stats tells how it is doing.
func (f *Follower) Stats() Stats { return Stats{Path: f.o.Path} }
