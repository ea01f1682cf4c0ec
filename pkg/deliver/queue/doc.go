// Package queue keeps records, the alerts of one sink, until they are acknowledged: on disk, so that they outlive the
// process and the power, or in memory only, if there is no directory.
//
// # What is promised
//
//   - When Commit returns nil, every record appended before is on stable storage, or was acknowledged or dropped, which
//     is counted. It stays until it is acknowledged: through kill -9, loss of power after any operation, a full disk,
//     failing writes and failing syncs.
//   - Without Commit, a record is on stable storage ten milliseconds and one sync after Append, which itself never waits
//     for the disk; if others were written just before, it may take a tenth of a second, and in a process with more than
//     ten queues up to a second.
//   - Every record is given out at least once. After kill -9 those come again that were acknowledged while an older one
//     was not, and those acknowledged in the last moment; after a loss of power, those acknowledged in the last second.
//   - Records are given out in the order in which they were appended.
//   - Nothing gets lost without being counted: Appended + Recovered = Acked + Records + what was dropped, by reason. When
//     part of a file is unreadable, the records in it and no others are lost, and their number is exact. Only the very end
//     of a lane is counted in bytes instead: nobody can tell how many records a half-written end was to be, and none of
//     them had been committed unless the disk damaged what it had.
//   - A queue opens whatever is in its directory, except files of a newer version of the program and things with the
//     name of a file that are none, such as named pipes. Damage that it finds is in Stats.Damage.
//   - While the disk is full or fails, records are taken into memory and given out from there. Within a second and the
//     time of a write after it works again everything is written.
//
// The limits: a disk that forgets what it said was synced cannot be helped. If a sync fails and the process is killed
// before it has taken back what it wrote, the next process reads those records, which were never committed, from memory
// that the kernel holds to be on disk, and a loss of power before they are delivered takes them. A record whose file the policy dropped
// while a sink was busy with it is not on disk any more, so that a crash in that moment loses it; if it is released, it is
// counted as dropped. Close waits for a disk that hangs.
//
// # How it works
//
// With the policy that drops the least severe records first there is a lane per priority, otherwise one for all. A
// lane is a log: a row of segments, files that are only ever appended to, of 8 MiB or a sixteenth of the bound. Every
// record has a position in its lane, without gaps, and a sequence in the queue; reading merges the lanes by sequence.
// Whole segments are deleted when everything in them is acknowledged or when the policy drops them.
//
// Nothing but the segments says where the log ends: opening reads the last one of each lane, up to its last good record.
// What is behind is cut off. A process never appends to a segment of an earlier one. Inside of a segment the reader goes
// on behind damage at the next good frame; positions tell how many records that cost. A segment ends where the next one
// begins, so that what was written to a segment in vain and was written again to the next one does not count twice.
//
// One goroutine writes. It takes what is pending, writes it, syncs, and only then gives the records their positions; who
// calls Commit meanwhile waits for the next round together with all others. A segment whose write or sync failed is not
// written again, for the kernel may have thrown its pages away and report the next sync as a success: the records
// are still in memory and go to a new segment, a second later.
//
// The cursor is a file of two slots, written in place, that holds per lane up to where everything is acknowledged. It
// follows every acknowledgment and is synced every second and, in both slots, before a segment is deleted. One slot is
// always safe. Acknowledgments above the lowest record that is out are known to the process only.
//
// A sync proves nothing about a file that somebody removed. So it is believed only if the path still leads to the file,
// and once a second all open files are looked at: what is gone is written anew from those that are open, and until that
// is done Commit fails.
//
// A reserve as long as a segment, or a 64th of the bound or of the file system if that is less, is kept allocated. On a full disk it is given up, which lets what waits in memory be
// written, and lets file systems delete that need space for it.
//
// Memory does not depend on the backlog: it holds what is pending, up to MemoryBytes, what is leased, 256 KiB read ahead
// per lane, and a few words per segment.
//
// # Why not JetStream
//
// The file store of an embedded nats-server (2.15.2) was the other candidate. The program in test/jetstream puts it to
// the same questions with messages of 1 KB, on the machine on which BenchmarkAppendCommit puts 85,000 to 230,000
// records/s on disk (a commit for each 100) and BenchmarkDrain takes out 550,000 to 700,000/s:
//
//   - Speed. With every acknowledgment on disk (SyncAlways) 3,900 to 6,200 messages/s, for each message has a sync of its
//     own; five sinks of 10,000 alerts/s need 50,000. Without it 62,000/s, of which a loss of power takes up to two
//     minutes (the default of SyncInterval).
//   - Damage. One flipped bit in a file of 3,000 messages loses that message, and the stream still counts it as present,
//     in 30 of 30 trials. When the index file is not there or not up to date, as after a kill, it loses everything behind
//     the bit as well: 1,281 messages at the median, 2,998 at most. Here it costs one record at most, which is counted
//     (TestBitFlips).
//   - A full disk. Publishing ends in time-outs without a reason and does not go on when there is room again, for
//     more than 30 seconds and until a restart. Here it goes on within seconds (TestFullDiskAndBack).
//   - A sync that fails (strace injects EIO). Nothing false is acknowledged, but nothing is any more, until a restart.
//
// It would add 11 MB to the program. For a fleet of machines it may still be what carries alerts between them.
package queue
