// Package config is the one configuration of Saker. It reads Falco's falco.yaml as it is, plus our own keys, from a
// file and from options key=value, into plain settings.
//
// Keys are declared once, in the table of keys.go; the documentation is made from it. A key that is not in the table
// is never ignored in silence: it comes back as a warning that says whether Falco knows it.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Config is what the program runs with. Default gives the values that hold where nothing is said.
type Config struct {
	// RulesFiles are files and directories in load order; empty for the rules built in.
	RulesFiles []string
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
	// DataDir is where queues and dead letters are; empty for memory only.
	DataDir  string
	Shutdown Shutdown
	Web      Web
	Audit    Audit
	Sensor   Sensor
	Log      Log
	Metrics  Metrics
	Drops    Drops
	// Sources are the event sources that the configuration asks for; empty for all.
	Sources []string
	// Watch reloads when one of Files, which are the configuration files that were read, or a rules file changes.
	Watch    bool
	Files    []string
	Hostname string
	// HostRoot is where the files of the machine are, / unless the program runs in a container.
	HostRoot string
	warnings []string
}

// Audit is the receiver of Kubernetes audit events.
type Audit struct {
	// Listen is host:port.
	Listen string
	// Certificate and Key are PEM files; both empty for plain HTTP. ClientCA, when set, asks clients for a
	// certificate signed by it.
	Certificate, Key, ClientCA string
	// MaxBody is the largest request body in bytes.
	MaxBody int64
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
	c := Config{HostRoot: "/"}
	for _, d := range c.Outputs.deliveries() {
		*d = deliver.DefaultSettings()
	}
	for _, k := range keys {
		if k.Default == "" {
			continue
		}
		if err := k.set(&c, &value{scalar: k.Default, isSet: true}); err != nil {
			panic(fmt.Sprintf("default of %s: %v", k.Name, err))
		}
	}
	return c
}

// Load reads the configuration: defaults, then the file (none when path is empty), then options of the form
// key=value in order. The warnings name keys that have no effect; they are there with an error too. Errors say the
// file, line and column, or the option.
func Load(path string, options []string, env func(string) string) (Config, []string, error) {
	var data []byte
	if path != "" {
		var err error
		if data, err = readFile(path); err != nil {
			return Default(), nil, fmt.Errorf("read configuration: %w", err)
		}
	}
	return Parse(path, data, options, env)
}

// Parse is Load of a file in memory; name is what its positions show.
func Parse(name string, data []byte, options []string, env func(string) string) (Config, []string, error) {
	c := Default()
	r := reader{name: name, env: env}
	root, err := r.read(data)
	if err != nil {
		return c, nil, err
	}
	for _, o := range options {
		if err := root.override(o, env); err != nil {
			return c, nil, err
		}
	}
	err = c.apply(root, "")
	if err == nil {
		err = c.check()
	}
	return c, c.warnings, err
}

// maxSize bounds a configuration file, in bytes.
const maxSize = 4 << 20

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxSize)
	}
	return data, nil
}

// apply walks the tree and carries out what the table knows. It goes on behind an error and returns all.
func (c *Config) apply(v *value, prefix string) error {
	var errs []error
	for _, name := range v.order {
		item, full := v.keys[name], prefix+name
		if k := keyNamed(full); k != nil {
			if !item.given() {
				continue
			}
			err := k.set(c, item)
			if err != nil && !errors.As(err, &placed{}) {
				err = fmt.Errorf("%s: key %s: %w", item.origin, full, err)
			}
			errs = append(errs, err)
			continue
		}
		if item.keys != nil && isSection(full) {
			errs = append(errs, c.apply(item, full+"."))
			continue
		}
		c.warn("%s: %s", item.key, unknownKey(full))
	}
	return errors.Join(errs...)
}

func isSection(name string) bool {
	for _, k := range keys {
		if strings.HasPrefix(k.Name, name+".") {
			return true
		}
	}
	return false
}

func unknownKey(name string) string {
	top, _, _ := strings.Cut(name, ".")
	for _, f := range falcoOnly {
		if f == name || f == top {
			return fmt.Sprintf("key %s is Falco's but has no effect in this version of Saker", shown(name))
		}
	}
	var names []string
	for _, k := range keys {
		names = append(names, k.Name)
	}
	text := fmt.Sprintf("unknown key %s has no effect", shown(name))
	if near := field.Nearest(name, names, 1); len(near) > 0 {
		text += "; did you mean " + near[0] + "?"
	}
	return text
}

func (c *Config) check() error {
	switch {
	case c.Outputs.File.Enabled && c.Outputs.File.Settings.Path == "":
		return fmt.Errorf("file_output.enabled is true, but file_output.filename is empty")
	case c.Audit.Listen == "":
		return fmt.Errorf("audit.listen is empty; write host:port, such as 127.0.0.1:9765")
	case (c.Audit.Certificate == "") != (c.Audit.Key == ""):
		return fmt.Errorf("audit.tls_certificate and audit.tls_key must be set together")
	case c.Audit.ClientCA != "" && c.Audit.Certificate == "":
		return fmt.Errorf("audit.tls_client_ca needs audit.tls_certificate and audit.tls_key")
	}
	return nil
}
