package daemon

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// What the daemon is asked by those who watch it: health checks, metrics, reports. They use nothing else of it, and
// call these functions from any goroutine.

// sourceState is how an event source is doing.
type sourceState struct {
	name string
	// events is the event source of its rules.
	events   string
	up       bool
	restarts uint64
	// failure says why it is not up, on one line; empty when it is.
	failure string
	// optional sources are no matter of health: nobody asked for this one by name, and the machine has no means for it, or
	// all that it had to give is read.
	optional bool
}

// reloadState counts the reloads of configuration and rules since the start.
type reloadState struct {
	good, bad uint64
	// at is when the last good one, or the start, was done: nanoseconds since the Unix epoch.
	at int64
	// failure is the error of the last reload when it was bad, on one line.
	failure string
}

// settings is the configuration in force. It must not be changed.
func (d *Daemon) settings() *config.Config { return d.inForce.Load() }

// sourceStates gives the sources that are wanted, in the order of their names.
func (d *Daemon) sourceStates() []sourceState {
	list := slices.Clone(d.absent)
	for _, k := range d.sources {
		list = append(list, k.state())
	}
	slices.SortFunc(list, func(a, b sourceState) int { return strings.Compare(a.name, b.name) })
	return list
}

// sensorState are the counters of the system call sensor since the start.
type sensorState struct {
	// name is that of the driver, empty when none is open.
	name   string
	driver driver.Stats
	state  syscall.Stats
	// left is how many events waited in drivers that were closed.
	left uint64
}

// sensorCounts reads the counters of the system call sensor; ok is false when there is none.
func (d *Daemon) sensorCounts() (s sensorState, ok bool) {
	if d.sensor == nil {
		return s, false
	}
	return d.sensor.counts(), true
}

// emit delivers an alert that the program itself makes to all sinks.
func (d *Daemon) emit(a *alert.Alert) error { return d.pipeline.outputs.Deliver(a) }
