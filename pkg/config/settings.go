package config

import (
	"time"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/file"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc"
	"github.com/saker-security/saker/pkg/deliver/sink/http"
	"github.com/saker-security/saker/pkg/deliver/sink/program"
	"github.com/saker-security/saker/pkg/deliver/sink/stdout"
	"github.com/saker-security/saker/pkg/deliver/sink/syslog"
)

// Output is one sink: whether it is there, its own settings, and how alerts get to it.
type Output[S any] struct {
	Enabled  bool
	Settings S
	Delivery deliver.Settings
}

// Outputs are the sinks.
type Outputs struct {
	Stdout  Output[stdout.Settings]
	File    Output[file.Settings]
	Syslog  Output[syslog.Settings]
	HTTP    Output[http.Settings]
	Program Output[program.Settings]
	GRPC    Output[grpc.Settings]
}

// deliveries gives the delivery of every sink.
func (o *Outputs) deliveries() []*deliver.Settings {
	return []*deliver.Settings{
		&o.Stdout.Delivery, &o.File.Delivery, &o.Syslog.Delivery, &o.HTTP.Delivery, &o.Program.Delivery, &o.GRPC.Delivery,
	}
}

// Web is the server of health checks, versions and metrics.
type Web struct {
	Enabled bool
	Address string
	Port    int
	// Healthz is the path of the health check.
	Healthz string
	// Certificate is a PEM file with key and certificate; empty for plain HTTP.
	Certificate string
	// Metrics serves /metrics.
	Metrics bool
}

// Log is the program's own log.
type Log struct {
	// Level is a name of syslog: emergency to debug.
	Level string
	// Format is json, text, or auto: text on a terminal.
	Format string
	// Stderr and Syslog are where it goes.
	Stderr, Syslog bool
}

// Metrics is the regular report of the program's counters.
type Metrics struct {
	Enabled  bool
	Interval time.Duration
	// OutputRule reports as an alert of source internal, OutputFile as JSON lines in a file.
	OutputRule bool
	OutputFile string
	// Groups of counters, in Falco's names.
	RulesCounters, ResourceUtilization, StateCounters, KernelEventCounters bool
	// ConvertMemoryToMB reports memory in megabytes, IncludeEmptyValues counters that are zero.
	ConvertMemoryToMB, IncludeEmptyValues bool
}

// Drops is what happens when the system call driver loses events.
type Drops struct {
	// Threshold is the share of lost events, from 0 to 1, above which Actions (log, alert, exit) are taken; at most
	// Rate times a second with a burst of MaxBurst.
	Threshold float64
	Actions   []string
	Rate      float64
	MaxBurst  int
	// Simulate reports drops that did not happen.
	Simulate bool
}

// Shutdown bounds the end of the program.
type Shutdown struct {
	// Drain is how long sinks may still take what waits for them.
	Drain time.Duration
}
