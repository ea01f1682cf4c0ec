package config

import (
	"fmt"
	"math"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

// maxInt bounds numbers that have no other bound.
const maxInt = math.MaxInt32

// settingRow makes rows for one setting of the delivery: one for all sinks, and one for each sink.
type settingRow struct {
	name string
	all  func() Key
	one  func(sink string, at func(*Outputs) *deliver.Settings) Key
}

func setting[T any](name string, f form[T], at func(*deliver.Settings) *T, help string) settingRow {
	show := func(s deliver.Settings) string { return fmt.Sprint(f.show(*at(&s))) }
	all := func() Key {
		k := key("delivery."+name, show(deliver.DefaultSettings()), f, func(c *Config) *T { return at(&c.record.delivery) }, help)
		set := k.set
		k.set = func(c *Config, v *value) error {
			if err := set(c, v); err != nil {
				return err
			}
			for _, d := range c.Outputs.deliveries() {
				*at(d) = *at(&c.record.delivery)
			}
			return nil
		}
		k.preset = true
		return k.ours()
	}
	one := func(sink string, of func(*Outputs) *deliver.Settings) Key {
		defaults := defaultOutputs()
		k := key(sink+".delivery."+name, show(*of(&defaults)), f, func(c *Config) *T { return at(of(&c.Outputs)) },
			"As delivery."+name+", for this sink.")
		k.preset = true
		return k.ours()
	}
	return settingRow{name, all, one}
}

// settings are what can be said about the delivery to a sink.
var settings = []settingRow{
	setting("min_priority", priority, func(s *deliver.Settings) *alert.Priority { return &s.MinPriority },
		"Least severe priority that sinks get; other alerts are counted as suppressed."),
	setting("batch", integer(1, 10_000), func(s *deliver.Settings) *int { return &s.Batch },
		"How many alerts are sent together at most."),
	setting("linger", duration, func(s *deliver.Settings) *time.Duration { return &s.Linger },
		"How long the first alert of a batch waits for others."),
	setting("workers", integer(1, 256), func(s *deliver.Settings) *int { return &s.Workers },
		"How many batches are on their way at once. With more than one, alerts may arrive out of order."),
	setting("rate", number(0, math.MaxFloat64), func(s *deliver.Settings) *float64 { return &s.Rate },
		"Greatest number of alerts sent in a second, 0 for no limit. Alerts above it wait in the queue."),
	setting("burst", integer(0, maxInt), func(s *deliver.Settings) *int { return &s.Burst },
		"How many alerts may be sent at once in spite of rate; 0 for as many as in a second."),
	setting("timeout", duration, func(s *deliver.Settings) *time.Duration { return &s.Timeout },
		"How long sending one batch may take, 0 for no limit."),
	setting("retry_min", duration, func(s *deliver.Settings) *time.Duration { return &s.RetryMin },
		"Bound of the first pause before a batch is sent again; it doubles each time. The pause itself is a random time up to the bound."),
	setting("retry_max", duration, func(s *deliver.Settings) *time.Duration { return &s.RetryMax },
		"Greatest bound of the pause before a batch is sent again."),
	setting("attempts", integer(0, maxInt), func(s *deliver.Settings) *int { return &s.Attempts },
		"How often a batch is sent before its alerts go to the dead letters, 0 for ever."),
	setting("breaker_failures", integer(0, maxInt), func(s *deliver.Settings) *int { return &s.BreakerFailures },
		"After how many failures in a row a sink is left alone for breaker_pause; 0 never leaves it alone."),
	setting("breaker_pause", duration, func(s *deliver.Settings) *time.Duration { return &s.BreakerPause },
		"How long a failing sink is left alone; then one batch tries it."),
	setting("dead_bytes", sizeFrom(1<<20), func(s *deliver.Settings) *int64 { return &s.DeadBytes },
		"Greatest size of the dead letters of a sink; the oldest make room and are counted."),
	setting("queue_bytes", sizeFrom(1<<20), func(s *deliver.Settings) *int64 { return &s.Queue.MaxBytes },
		"Greatest size of the queue of a sink on disk."),
	setting("queue_age", duration, func(s *deliver.Settings) *time.Duration { return &s.Queue.MaxAge },
		"How long an alert may wait in a queue, 0 for ever; older ones are dropped and counted."),
	setting("when_full", policy, func(s *deliver.Settings) *queue.Policy { return &s.Queue.Policy },
		"What happens when a queue is full: low_priority_first drops the oldest of the least severe alerts, oldest_first the oldest, block drops nothing and holds back the sources, and with them all sinks, as long as this one does not take its alerts. What is dropped is counted."),
	setting("memory_bytes", sizeFrom(1<<20), func(s *deliver.Settings) *int64 { return &s.Queue.MemoryBytes },
		"Greatest size of what waits in memory: everything without a data directory, else what could not be written to disk yet."),
}

func deliveryKeys() []Key {
	var keys []Key
	for _, s := range settings {
		keys = append(keys, s.all())
	}
	return keys
}

func sinkDelivery(sink string, at func(*Outputs) *deliver.Settings) []Key {
	var keys []Key
	for _, s := range settings {
		keys = append(keys, s.one(sink, at))
	}
	return keys
}

// defaultOutputs gives the delivery of each sink where nothing is said.
func defaultOutputs() Outputs {
	var o Outputs
	for _, d := range o.deliveries() {
		*d = deliver.DefaultSettings()
	}
	// These write to this machine, where many lines cost little more than one.
	o.Stdout.Delivery.Batch, o.File.Delivery.Batch, o.Syslog.Delivery.Batch = 256, 256, 64
	// The sink itself stops a program that takes too long.
	o.Program.Delivery.Timeout = time.Minute
	// An alert waits until a client asks for it.
	o.GRPC.Delivery.Timeout = 0
	return o
}
