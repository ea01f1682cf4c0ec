package daemon

import (
	"fmt"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
)

// panics counts the panics that were caught and remembers where they came from. Its zero value is ready.
type panics struct {
	count atomic.Uint64
	mu    sync.Mutex
	known map[string]bool
}

// maxPanicPlaces bounds the places that are remembered; panics of others are logged without their stack.
const maxPanicPlaces = 1000

// first tells whether a place has not panicked before.
func (p *panics) first(where string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[where] || len(p.known) >= maxPanicPlaces {
		return false
	}
	if p.known == nil {
		p.known = map[string]bool{}
	}
	p.known[where] = true
	return true
}

// panicked counts and logs a panic that was caught: with its stack the first time that it comes from this place.
func (p *pipeline) panicked(where string, value any, stack []byte) {
	p.panics.count.Add(1)
	fields := []zap.Field{zap.String("where", where), zap.String("panic", fmt.Sprint(value))}
	if p.panics.first(where) {
		fields = append(fields, zap.ByteString("stack", stack))
	}
	p.log.Error("a defect of the program was caught, and it goes on", fields...)
}
