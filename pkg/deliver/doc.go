// Package deliver takes alerts to people: every alert goes into the durable queue of every sink that wants it, and the
// workers of the sink take it from there to the place behind the sink until the place has it.
//
// # The guarantee
//
// An alert for which Outputs.Commit returned nil is delivered to each sink at least once, in the order in which it was
// given to Outputs.Deliver while the sink has one worker; or it is kept in the queue or with the dead letters of the
// sink; or it is counted as dropped, with the reason. This holds across the end of the process, however it ends. A
// sink that is slow, hangs, panics or is down holds up neither the others nor those who hand in alerts.
//
// An alert has the same ID each time it is sent. It is sent twice when a sink took it and the answer was lost, when the
// process ended before the acknowledgement was on disk, and when a dead letter was replayed at the moment of a crash.
// Those who must not see it twice compare IDs.
//
// # Events that come again
//
// Who sent an event and got no answer sends it again, and the same event and rule make an alert with the same ID. While
// the program runs it knows such events. After it was killed, a sink knows for ten minutes the alerts that were in the
// files of its queue, and those that were noted because their file was deleted or because they were acknowledged before
// they were written. It suppresses them (repeated). The times between two processes do not count, since a log is read on
// from where its position was kept however long nobody read it. Alerts that are replayed are not suppressed, nor those of
// events that are read again on purpose (Outputs.DeliverAnew). The alerts of one event are taken all or none, so an event
// that must be sent again because a queue is full left nothing behind.
//
// What is not recalled, and so may be delivered a second time: the batches that workers were sending in the moment of
// the kill; after a loss of power, what was acknowledged without having been on disk; what was acknowledged while notes
// could not be written, which is reported; what is beyond the newest 1,048,576 of a sink; and, when two processes are
// killed one after the other, what the first one had, if the second one took alerts more than ten minutes later.
//
// # Its limits
//
// Nothing is kept for ever: Settings bound queues and dead letters in bytes and time, and what is beyond is dropped as
// the policy says, and counted. Without a data directory everything is in memory and ends with the process. When a disk
// fails, alerts are kept in memory and Commit returns the error, so that a source which can send again does. What one
// Send delivered is what the sink says: a place that takes an alert and loses it is beyond this package.
//
// # What becomes of a batch
//
//   - Send returns nil: it is acknowledged.
//   - Refused: the place will never take it. A batch is sent again in halves until the alerts that are refused stand
//     alone; these become dead letters, with the reason. Dead letters are on disk before the queue forgets the alert;
//     while they cannot be, the alert stays in the queue and the others go on.
//   - Later: it is sent again after the pause that the place asked for, an hour at most.
//   - Partial: the first alerts are acknowledged, and its cause decides on the rest.
//   - A panic: the sink is opened anew within a second. A batch that makes it panic three times is taken for refused,
//     so that one alert which a sink cannot bear does not stop the others.
//   - No return within the time-out and a grace: the Send is left to itself, the sink is opened anew, and the batch is
//     sent again.
//   - Every other error: it is sent again after a random pause whose bound doubles with each failure. After
//     Settings.BreakerFailures failures in a row the sink is left alone for Settings.BreakerPause, then one batch tries.
//     After Settings.Attempts sendings, if that is not 0, its alerts become dead letters.
//
// # Accounting
//
// For each sink, exactly and at every moment (Outputs.Counts, Count.Unaccounted):
//
//	matched + recovered + replayed = suppressed(reason) + delivered + queued + dead + dropped(reason)
//
// # On disk
//
//	DATA_DIR/lock              the lock of the process that uses the directory
//	DATA_DIR/sinks/NAME/queue  package queue
//	DATA_DIR/sinks/NAME/dead   package dead
//	DATA_DIR/sinks/NAME/recall.0, recall.1   alerts that the queue has no file of any more, for the time in which they
//	                           may be made again
package deliver
