package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/saker-security/saker/internal/regular"
	"github.com/saker-security/saker/pkg/rule"
)

// Input is what a configuration is read from.
type Input struct {
	// File is the main configuration file, empty for none.
	File string
	// Options have the form key=value and take effect in their order.
	Options []string
	// Rules, when there are any, replace the key rules_files.
	Rules []string
	// Environment has the form of os.Environ.
	Environment []string
	// Recorded tells that events come from files, so that nothing is wrong with a configuration that asks for a source
	// of events which cannot be had live.
	Recorded bool

	// files is the file system; nil for that of the machine.
	files files
}

// files is what is read of a file system.
type files interface {
	Open(name string) (fs.File, error)
	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
}

// machine is the file system of the machine. One that pipes are read of waits for their writers: a program that ends by
// itself may be given one, one that reads its files again may not.
type machine struct{ pipes bool }

func (m machine) Open(name string) (fs.File, error) {
	if m.pipes {
		return os.Open(name)
	}
	return regular.Open(name)
}
func (machine) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (machine) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

const (
	// maxSize bounds a configuration file, in bytes, maxTotal all of them together.
	maxSize  = 4 << 20
	maxTotal = 16 << 20
	// maxFiles bounds how many files are read.
	maxFiles = 1000
)

// loader reads the files, variables and options of one configuration into one tree.
type loader struct {
	in    Input
	c     *Config
	env   *environment
	nodes int
	// bytes counts what was read, numbers the places given away.
	bytes, numbers int
}

// Load reads the configuration. The warnings are about what has no effect or not the one that one may expect, in the
// order of the files; they are there with an error too. The error tells everything that is wrong, a line each, with
// file, line and column, or the variable or option.
func Load(in Input) (Config, []string, error) {
	if in.files == nil {
		in.files = machine{pipes: in.Recorded}
	}
	c := Default()
	c.record.recorded = in.Recorded
	l := &loader{in: in, c: &c, env: newEnvironment(in.Environment)}
	if root := l.tree(); root != nil {
		mainTable().carryOut(&c, root, "")
	}
	l.places()
	l.rules()
	l.template()
	c.loadPlugins()
	c.finish()
	l.certificate()
	c.check()
	return c, warningTexts(c.record.warnings), joined(c.record.errors)
}

// tree reads everything into one mapping; nil when the main file cannot be read.
func (l *loader) tree() *value {
	root := &value{keys: map[string]*value{}}
	if l.in.File != "" {
		data, err := l.readFile(l.in.File)
		if err != nil {
			l.c.fail(&finding{place{layer: layerFile, name: l.in.File}, "read the configuration: " + reason(err)})
			return nil
		}
		if root, err = l.reader(layerFile, l.in.File).read(data); err != nil {
			l.c.fail(placed(err, place{}, ""))
			return nil
		}
	}
	options := l.options()
	l.override(root, options, true)
	l.include(root)
	l.variables(root, false)
	l.override(root, options, false)
	return root
}

// reader makes a reader of a text with the next number.
func (l *loader) reader(from layer, name string) *reader {
	l.numbers++
	return &reader{at: place{layer: from, number: l.numbers, name: name}, env: l.env, nodes: &l.nodes, warn: l.c.warn}
}

func (l *loader) options() []option {
	var options []option
	for _, text := range l.in.Options {
		l.numbers++
		o, err := parseOption(text, l.numbers)
		if err != nil {
			l.c.fail(placed(err, o.at, ""))
			continue
		}
		options = append(options, o)
	}
	return options
}

// override carries out the options: those about config_files, which count before the other files are read, or all
// others. The variable for config_files goes with the former.
func (l *loader) override(root *value, options []option, first bool) {
	if first {
		l.variables(root, true)
	}
	for _, o := range options {
		if (o.steps[0].key == "config_files") != first {
			continue
		}
		r := &reader{at: o.at, env: l.env, nodes: &l.nodes, warn: l.c.warn}
		k := mainTable().named[o.path]
		v, err := r.leaf(o.text, k != nil && k.list)
		if err == nil {
			err = root.put(o.steps, v, o.at)
		}
		if err != nil {
			l.c.fail(placed(err, o.at, o.path))
		}
	}
}

// readFile reads a configuration file within the limits and keeps its name.
func (l *loader) readFile(path string) ([]byte, error) {
	if len(l.c.Files) == maxFiles {
		return nil, fmt.Errorf("more than %d files", maxFiles)
	}
	data, err := readLimited(l.in.files, path, maxSize)
	if err != nil {
		return nil, err
	}
	if l.bytes += len(data); l.bytes > maxTotal {
		return nil, fmt.Errorf("the configuration files have more than %s together", formatSize(maxTotal))
	}
	l.c.Files = append(l.c.Files, path)
	return data, nil
}

func readLimited(from files, path string, limit int) ([]byte, error) {
	f, err := from.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > limit {
		return nil, fmt.Errorf("it is larger than %s", formatSize(int64(limit)))
	}
	return data, nil
}

// reason is the error without the path, which the place of the message has already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return rule.Printable(err.Error())
}

// rules looks which of the rules files are there.
func (l *loader) rules() {
	c := l.c
	if len(l.in.Rules) > 0 {
		c.RulesFiles = l.readable(l.in.Rules, place{}, "-r")
		return
	}
	if c.given("rules_file") && c.given("rules_files") {
		c.fail(&finding{c.record.given["rules_file"], "both 'rules_files' and 'rules_file' keys set; rules_file is the old name of rules_files, keep one"})
		return
	}
	var there []string
	for _, path := range c.RulesFiles {
		if _, err := l.in.files.Stat(path); errors.Is(err, fs.ErrNotExist) {
			c.RulesMissing = append(c.RulesMissing, path)
			continue
		}
		there = append(there, path)
	}
	at, key := c.record.given["rules_files"], "key rules_files"
	if c.given("rules_file") {
		at, key = c.record.given["rules_file"], "key rules_file"
	}
	if len(c.RulesMissing) > 0 {
		missing := rule.Printable(strings.Join(c.RulesMissing, ", "))
		if len(there) > 0 {
			c.warn(at, "skipped rules files that are not there: %s", missing)
		} else {
			c.warn(at, "none of the rules files is there (%s): the built-in rules are used", missing)
		}
	}
	c.RulesFiles = l.readable(there, at, key)
}

// readable leaves out rules files that are neither files nor directories, which is an error, unless pipes may be read.
func (l *loader) readable(paths []string, at place, key string) (good []string) {
	for _, path := range paths {
		info, err := l.in.files.Stat(path)
		if err == nil && !info.IsDir() && !info.Mode().IsRegular() && path != os.DevNull && !l.in.Recorded {
			l.c.fail(&finding{at, fmt.Sprintf("%s: %s is neither a file nor a directory", key, shown(path))})
			continue
		}
		good = append(good, path)
	}
	return good
}

// maxTemplate bounds the file of a template, in bytes.
const maxTemplate = 1 << 20

// template reads the file of the template of http_output.
func (l *loader) template() {
	c := l.c
	name := c.record.http.templateFile
	if name == "" {
		return
	}
	at := c.record.given["http_output.template_file"]
	if c.Outputs.HTTP.Settings.Template != "" {
		c.fail(&finding{at, "key http_output.template_file: there is http_output.template too, keep one"})
		return
	}
	data, err := readLimited(l.in.files, name, maxTemplate)
	if err != nil {
		c.fail(&finding{at, fmt.Sprintf("key http_output.template_file: read %s: %s", shown(name), reason(err))})
		return
	}
	c.Outputs.HTTP.Settings.Template = string(data)
	c.Files = append(c.Files, name)
}

// certificate looks whether the web server can have its certificate, so that one that is not there is told with all else.
func (l *loader) certificate() {
	c := l.c
	if !c.Web.Enabled || c.Web.Certificate == "" || l.in.Recorded {
		return
	}
	data, err := readLimited(l.in.files, c.Web.Certificate, maxSize)
	if err == nil {
		if _, err = tls.X509KeyPair(data, data); err == nil {
			return
		}
	}
	c.fail(&finding{c.record.given["webserver.ssl_certificate"], fmt.Sprintf("key webserver.ssl_certificate: %s cannot be used: %s; name a PEM file with the certificate and its key", shown(c.Web.Certificate), reason(err))})
}

// same tells whether two paths lead to one file.
func (l *loader) same(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, err := l.in.files.Stat(a)
	if err != nil {
		return false
	}
	y, err := l.in.files.Stat(b)
	return err == nil && os.SameFile(x, y)
}
