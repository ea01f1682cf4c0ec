package follow

import "time"

// Stats is what a Follower did since it was made. Counters count from then on.
type Stats struct {
	// Path is the file or directory that is followed.
	Path string
	// State is waiting (for a file, or for more of it), reading, blocked (what was read cannot be evaluated now), failing
	// (Run returned an error) or ended. Failure is why it is blocked or failing, and otherwise which file cannot be read;
	// empty for none.
	State, Failure string
	// Position is how far the files are read that are there now, Size how long they are, Behind the difference; in bytes.
	// Those of files that are packed count unpacked, and only when they are read.
	Position, Size, Behind int64
	// Files is how many files are being followed, Reading the name of the one that was read last.
	Files   int
	Reading string
	// Events were evaluated, Duplicates of them were known already, Trimmed ones lost their request and response object.
	// Rejected are items that are no audit events, by reason, Malformed places that are no JSON, Foreign the entries of
	// cloud logs that are about something else.
	Events, Duplicates, Trimmed, Malformed, Foreign uint64
	Rejected                                        map[string]uint64
	// Rotations counts the files that were replaced, Truncations those that were emptied in their place.
	Rotations, Truncations uint64
	// Lost is how many bytes are known to be gone before they were read, Unknown how often it cannot be told how many.
	Lost, Unknown uint64
	// LastEvent is the stage time of the last event, LastRead when it was read; zero before the first.
	LastEvent, LastRead time.Time
	// SaveFailure says why the position cannot be kept, empty when it can.
	SaveFailure string
}
