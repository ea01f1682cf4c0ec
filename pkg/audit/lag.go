package audit

import "time"

// lagBounds are the upper bounds of the buckets of the lag. An API server waits up to 30 seconds for a batch by default.
var lagBounds = [...]time.Duration{
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
	10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute,
}

// lag counts how old events were when they came to be evaluated.
type lag struct {
	buckets [len(lagBounds) + 1]uint64
	sum     float64 // in seconds
}

func (l *lag) count(behind time.Duration) {
	i := 0
	for i < len(lagBounds) && behind > lagBounds[i] {
		i++
	}
	l.buckets[i]++
	l.sum += behind.Seconds()
}

// Lag is a histogram of the age of events: from their stage time until they came to be evaluated.
type Lag struct {
	// Counts holds how many events were at most as old as the bound at the same place of Bounds, in seconds, and older
	// than the one before; the last of Counts has no bound.
	Bounds []float64
	Counts []uint64
	// Sum is the age of all of them together, in seconds.
	Sum float64
}

func (l *lag) snapshot() Lag {
	got := Lag{Counts: append([]uint64(nil), l.buckets[:]...), Sum: l.sum}
	for _, bound := range lagBounds {
		got.Bounds = append(got.Bounds, bound.Seconds())
	}
	return got
}
