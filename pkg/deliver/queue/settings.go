package queue

import (
	"fmt"
	"strings"
	"time"
)

// Policy says what happens when a queue is full.
type Policy uint8

// The policies.
const (
	// LowPriorityFirst drops the oldest of the least severe records.
	LowPriorityFirst Policy = iota
	// OldestFirst drops the oldest records.
	OldestFirst
	// Block drops nothing: Append fails until there is room.
	Block
)

var policyNames = [...]string{"low_priority_first", "oldest_first", "block"}

// PolicyNames lists the names of the policies.
func PolicyNames() []string { return policyNames[:] }

// String is the name of the policy in the configuration.
func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// ParsePolicy reads the name of a policy.
func ParsePolicy(name string) (Policy, error) {
	for i, n := range policyNames {
		if n == name {
			return Policy(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no policy of a full queue: there are %s", name, strings.Join(policyNames[:], ", "))
}

// Settings bound a queue.
type Settings struct {
	// MaxBytes bounds the queue on disk, MaxAge the time that a record waits (0 for no limit).
	MaxBytes int64
	MaxAge   time.Duration
	Policy   Policy
	// MemoryBytes bounds what waits in memory: everything in a queue without a directory; what could not be written yet
	// in one with a directory.
	MemoryBytes int64
}

// DefaultSettings gives 1 GiB on disk, 64 MiB in memory, and a week.
func DefaultSettings() Settings {
	return Settings{MaxBytes: 1 << 30, MaxAge: 7 * 24 * time.Hour, MemoryBytes: 64 << 20}
}
