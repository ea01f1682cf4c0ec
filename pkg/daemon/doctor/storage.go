package doctor

import (
	"fmt"

	"github.com/saker-security/saker/pkg/daemon"
)

// plural writes a number of things.
func plural(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// files judges the audit logs that are followed.
func (f *findings) files(r *daemon.AuditReport) {
	for i := range r.Files {
		file := &r.Files[i]
		what := file.Path
		if file.Cluster != "" {
			what += " of cluster " + file.Cluster
		}
		text := fmt.Sprintf("%s: %s, %s, %s behind", what, file.State, plural(file.Events, "event"), size(file.Behind))
		switch {
		case file.State == "blocked":
			f.bad("file", "what was read waits until it can be evaluated; see storage", "%s: %s", text, file.Failure)
		case file.Failure != "":
			f.bad("file", "let the user of Saker read it, and mend what the reason says", "%s: %s", text, file.Failure)
		case file.Lost > 0 || file.Gaps > 0:
			f.bad("file", "keep rotated logs longer (--audit-log-maxbackup, --audit-log-maxsize), so that they are read before they go",
				"%s; %s were gone before they were read, and %s of unknown length", text, size(int64(file.Lost)), plural(file.Gaps, "gap"))
		case file.Behind > farBehind:
			f.look("file", "see the lines about storage and sinks, and give Saker more CPU", "%s", text)
		case file.Malformed > 0:
			f.look("file", "something else writes into the log, or it was cut off: see the log of Saker", "%s, %s malformed", text, plural(file.Malformed, "line"))
		default:
			f.ok("file", "%s", text)
		}
	}
}

// storage judges how alerts are stored and delivered.
func (f *findings) storage(r *daemon.AuditReport) {
	s := &r.Storage
	switch {
	case s.Failure != "":
		f.bad("storage", "make room or mend the disk of data_dir; until then requests are answered with 503", "alerts cannot be stored: %s", s.Failure)
	case !s.Durable:
		f.look("storage", "set data_dir to a directory that outlives the program", "alerts wait in memory alone: what was answered is lost when the program ends")
	case seconds(s.CommitSeconds) > slowCommit:
		f.look("storage", "put data_dir on a faster disk; requests wait for it", "the last alerts took %s to be stored", age(seconds(s.CommitSeconds)))
	default:
		f.ok("storage", "alerts are on disk before a request is answered")
	}
	for i := range s.Sinks {
		f.sink(&s.Sinks[i])
	}
}

func (f *findings) sink(s *daemon.SinkReport) {
	text := fmt.Sprintf("%s: %d delivered, %d waiting", s.Name, s.Delivered, s.Queued)
	if s.Queued > 0 {
		text += ", the oldest for " + age(seconds(s.Oldest))
	}
	failing := ""
	if s.Failing != "" {
		failing = ": " + s.Failing
	}
	switch {
	case s.Dropped > 0:
		f.bad("sink", "raise delivery.queue_bytes or delivery.queue_age, and mend the sink", "%s, %d dropped for good%s", text, s.Dropped, failing)
	case s.Full:
		f.bad("sink", "mend the sink, or raise delivery.queue_bytes; a full queue holds the sources back", "%s, the queue is full%s", text, failing)
	case s.Open || s.Failing != "":
		f.look("sink", "mend the sink; alerts are kept until then", "%s, failing%s", text, failing)
	case s.Dead > 0:
		f.look("sink", "see saker alerts list, then saker alerts replay", "%s, %d refused for good", text, s.Dead)
	case s.Queued > 0 && seconds(s.Oldest) > waitingLong:
		f.look("sink", "the sink takes less than comes", "%s", text)
	default:
		f.ok("sink", "%s", text)
	}
}
