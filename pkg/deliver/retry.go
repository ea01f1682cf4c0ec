package deliver

import (
	"errors"
	"math/rand/v2"
	"time"
)

// maxLater bounds the pause that a sink may ask for, so that a wrong answer does not silence it for ever.
const maxLater = time.Hour

// verdict is what an error of Send means for a batch.
type verdict struct {
	// done alerts at the front were delivered.
	done int
	// refused alerts behind them will never be taken, as a whole.
	refused int
	// later is the pause that the sink asked for, -1 if it asked for none.
	later time.Duration
}

// judge says what the error of Send means for a batch of n alerts.
func judge(err error, n int) verdict {
	v := verdict{later: -1}
	if err == nil {
		v.done = n
		return v
	}
	partial, isPartial := errors.AsType[*Partial](err)
	if isPartial {
		v.done = min(max(partial.Done, 0), n)
		err = partial.Err
	}
	if _, ok := errors.AsType[*Refused](err); ok {
		v.refused = n - v.done
		if isPartial {
			v.refused = min(v.refused, 1) // the one at which it stopped
		}
		return v
	}
	if e, ok := errors.AsType[*Later](err); ok {
		v.later = min(max(e.After, 0), maxLater)
	}
	return v
}

// backoff is a random pause (full jitter) before something that failed so many times, at least once, is tried again.
func backoff(s *Settings, failures int) time.Duration {
	bound := s.RetryMin
	for i := 0; i < failures && bound < s.RetryMax; i++ {
		bound *= 2
	}
	bound = min(bound, s.RetryMax)
	if bound <= 0 {
		return 0
	}
	return time.Duration(rand.Int64N(int64(bound) + 1))
}
