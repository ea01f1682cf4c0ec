package deliver

import (
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

// Settings say how alerts get to one sink. DefaultSettings gives the values that hold where nothing is said.
type Settings struct {
	// MinPriority is the least severe priority that the sink gets; others are counted as suppressed.
	MinPriority alert.Priority
	// Batch is how many alerts are sent together at most, Linger how long the first of them waits for others.
	Batch  int
	Linger time.Duration
	// Workers is how many batches are on their way at once. With more than one, alerts may arrive out of order.
	Workers int
	// Rate is the greatest number of alerts sent in a second, 0 for no limit; Burst may be sent at once.
	Rate  float64
	Burst int
	// Timeout is how long sending one batch may take, 0 for no limit.
	Timeout time.Duration
	// RetryMin and RetryMax bound the pause before a batch is sent again: the n-th pause is a random time (full jitter)
	// up to RetryMin doubled n times, at most RetryMax.
	RetryMin, RetryMax time.Duration
	// Attempts is how often a batch is sent before its alerts go to the dead letters, 0 for ever.
	Attempts int
	// BreakerFailures is after how many failures in a row the sink is left alone for BreakerPause; then one batch
	// tries it. 0 never leaves it alone.
	BreakerFailures int
	BreakerPause    time.Duration
	// DeadBytes bounds the dead letters in bytes; the oldest make room and are counted.
	DeadBytes int64
	Queue     queue.Settings
}

// DefaultSettings gives the settings of a sink of which nothing is said.
func DefaultSettings() Settings {
	return Settings{
		MinPriority: alert.PriorityDebug, Batch: 1, Workers: 1, Timeout: 10 * time.Second,
		RetryMin: 500 * time.Millisecond, RetryMax: 30 * time.Second,
		BreakerFailures: 10, BreakerPause: 30 * time.Second, DeadBytes: 64 << 20,
		Queue: queue.DefaultSettings(),
	}
}
