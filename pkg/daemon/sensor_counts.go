package daemon

import (
	"maps"
	"slices"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// counts reads the counters of all drivers and states since the start.
func (s *sensor) counts() sensorState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		return sensorState{left: s.left, driver: sumDrivers(s.drivers, driver.Stats{}), state: sumStates(s.states, syscall.Stats{})}
	}
	return sensorState{
		name: s.live.driver.Name(), left: s.left,
		driver: sumDrivers(s.drivers, s.live.stats()), state: sumStates(s.states, s.live.inspector.Stats()),
	}
}

// reportLosses logs what the driver lost since the last report.
func (s *sensor) reportLosses() {
	stats := s.counts().driver
	var fields []zap.Field
	var total uint64
	for _, reason := range slices.Sorted(maps.Keys(stats.Lost)) {
		total += stats.Lost[reason]
		fields = append(fields, zap.Uint64(string(reason), stats.Lost[reason]))
	}
	s.mu.Lock()
	last := s.lost
	s.lost = total
	s.mu.Unlock()
	if total > last {
		s.log.Warn("system call events were lost and not evaluated", append(fields, zap.Uint64("new", total-last), zap.Uint64("total", total))...)
	}
}

// left is how many events a closed driver had delivered that were not taken.
func left(d driver.Stats, state syscall.Stats) uint64 {
	taken := state.Events
	for _, n := range state.Malformed {
		taken += n
	}
	// The counters of the driver are those of a moment before it was closed.
	return d.Delivered - min(taken, d.Delivered)
}

func sumDrivers(a, b driver.Stats) driver.Stats {
	return driver.Stats{
		Delivered: a.Delivered + b.Delivered, Lost: sumMaps(a.Lost, b.Lost),
		Truncated: a.Truncated + b.Truncated, Unread: a.Unread + b.Unread,
	}
}

func sumStates(a, b syscall.Stats) syscall.Stats {
	return syscall.Stats{
		Events: a.Events + b.Events, Malformed: sumMaps(a.Malformed, b.Malformed), Threadless: a.Threadless + b.Threadless,
		UnknownDirectories: a.UnknownDirectories + b.UnknownDirectories, Threads: a.Threads + b.Threads,
		Lookups: a.Lookups + b.Lookups, LookupsFailed: a.LookupsFailed + b.LookupsFailed,
		Evicted: a.Evicted + b.Evicted, FDsRefused: a.FDsRefused + b.FDsRefused,
	}
}

func sumMaps[K comparable](a, b map[K]uint64) map[K]uint64 {
	sum := make(map[K]uint64, len(a)+len(b))
	for _, m := range []map[K]uint64{a, b} {
		for k, n := range m {
			sum[k] += n
		}
	}
	return sum
}
