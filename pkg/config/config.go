// Package config is the one configuration of Saker. It reads Falco's falco.yaml as it is, plus our own keys, from
// files, the environment and options key=value, into plain settings.
//
// Keys are declared once, in the table of keys.go; the documentation, the JSON schema and the list of what is in effect
// are made from it. A key is never ignored in silence: one that is not in the table, and one without effect that is set
// to something other than its default, comes back as a warning that says why.
//
// A value comes from, each overriding the ones before: the default, the main file, the files that config_files names
// (with their strategies), the variable SAKER_KEY of the environment, the option -o key=value.
package config

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/rule"
)

// Config is what the program runs with. Default gives the values that hold where nothing is said.
type Config struct {
	// RulesFiles are files and directories in load order; empty for the rules built in. RulesMissing are those that are
	// configured and were not there.
	RulesFiles, RulesMissing []string
	// Priority is the threshold: rules less severe are not evaluated.
	Priority rule.Priority
	// MatchAll makes an event trigger every rule that holds, not only the first.
	MatchAll bool
	// Selections switch rules on and off after the rules files are read, in order.
	Selections []Selection
	// Additions append to the outputs of rules, in order.
	Additions []Addition
	// StaticFields are fields with one value, the same for every event of every source; sorted by name.
	StaticFields []StaticField

	JSON        bool
	JSONOutput  bool
	JSONMessage bool
	JSONFields  bool
	JSONTags    bool
	ISO8601     bool
	// JSONID adds the key id to JSON alerts.
	JSONID bool
	// Base64 writes byte buffers in outputs in base 64.
	Base64  bool
	Outputs Outputs
	// DataDir is where queues and dead letters are; empty for memory only. DataDirChosen tells that somebody asked for
	// it, so that a directory that cannot be used is an error; else memory takes its place.
	DataDir       string
	DataDirChosen bool
	Shutdown      Shutdown
	Web           Web
	Audit         Audit
	Sensor        Sensor
	Log           Log
	Metrics       Metrics
	Drops         Drops
	// Sources are the event sources that the configuration asks for; empty for all.
	Sources []string
	// Watch reloads when one of Files, which are the files that were read (the configuration, the template of
	// http_output), or a rules file changes. ConfigPaths are the files and directories that config_files names, whether
	// they are there or not.
	Watch       bool
	Files       []string
	ConfigPaths []string
	// Hostname is FALCO_HOSTNAME or else the name of the machine.
	Hostname string
	// HostRoot is HOST_ROOT: where the files of the machine are, / unless the program runs in a container.
	HostRoot string
	record   *record
}

// record is what reading a configuration needs beside the settings.
type record struct {
	errors, warnings []*finding
	// given says where the keys were written, bad which of them have no value because of an error.
	given map[string]place
	bad   map[string]bool
	// origins are all places that had a part in a value.
	origins map[string][]place
	// unknown counts keys that nobody knows.
	unknown int
	// The rest are values that other settings are made of.
	delivery               deliver.Settings
	outputTimeout          int
	grpcServer, grpcOutput bool
	http                   httpRecord
	webTLS                 bool
	webCertificate         string
	dropBurst              float64
	modern                 struct{ preset, cpus int }
	kmod                   int
	// oldDriver is kmod or ebpf when one was asked for.
	oldDriver string
	plugins   pluginRecord
	// recorded is Input.Recorded.
	recorded bool
}

// httpRecord holds the keys of http_output that are no settings of the sink by themselves.
type httpRecord struct {
	// plain is set when the URL is known to be one without TLS.
	plain                                             bool
	mtls                                              bool
	cert, key, caCert, caBundle, caPath, templateFile string
}

// Audit is the receiver of Kubernetes audit events.
type Audit struct {
	// Listen is host:port, Path the path that takes the events.
	Listen, Path string
	// Certificate and Key are PEM files; both empty for plain HTTP. ClientCA, when set, asks clients for a
	// certificate signed by it.
	Certificate, Key, ClientCA string
	// TokenFile holds the bearer tokens of which a sender must show one, a line for each; empty for none.
	TokenFile string
	// Networks are those from which requests are taken; none for all.
	Networks []netip.Prefix
	// AllowUnauthenticated has the receiver listen beyond loopback without client certificates, tokens and networks.
	AllowUnauthenticated bool
	// MaxBody is the largest request body in bytes, MaxEvent the largest event that keeps its request and response object.
	MaxBody, MaxEvent int64
	// DuplicateTime and DuplicateEvents bound the window in which an event that comes again is recognised.
	DuplicateTime   time.Duration
	DuplicateEvents int
	// Files are audit logs that are followed; their position is kept in the data directory.
	Files []AuditFile
}

// AuditFile is an audit log, or a directory with such logs, that is read beside the receiver or in its place.
type AuditFile struct {
	Path string
	// Cluster is what ka.cluster.name answers for its events; empty for what the events say.
	Cluster string
	// FromEnd starts at the end of a log for which no position is kept. Once reads what is there and ends.
	FromEnd, Once bool
}

// Sensor is the system call sensor.
type Sensor struct {
	// Kind is auto, modern_ebpf (the CO-RE driver), bcc or nodriver.
	Kind string
	// Buffer is the size in bytes of the buffer between kernel and reader, 0 for the driver's own default.
	Buffer int64
}

// Default is the configuration without file and options.
func Default() Config {
	c := Config{HostRoot: "/", Outputs: defaultOutputs()}
	c.record = &record{given: map[string]place{}, origins: map[string][]place{}, bad: map[string]bool{}, delivery: deliver.DefaultSettings()}
	for _, k := range mainTable().keys {
		if k.Default == "" || k.preset || k.Inert != "" {
			continue
		}
		if err := k.set(&c, parseDefault(k.Default)); err != nil {
			panic(fmt.Sprintf("default of %s: %v", k.Name, err))
		}
	}
	c.finish()
	return c
}

func (c *Config) warn(at place, format string, args ...any) {
	c.record.warnings = append(c.record.warnings, &finding{at, fmt.Sprintf(format, args...)})
}

func (c *Config) fail(f *finding) { c.record.errors = append(c.record.errors, f) }

// IsRecorded tells that events come from files, so that the program ends by itself and reads nothing again.
func (c *Config) IsRecorded() bool { return c.record != nil && c.record.recorded }

// given tells whether a key was set, by whatever layer.
func (c *Config) given(key string) bool { _, ok := c.record.given[key]; return ok }
