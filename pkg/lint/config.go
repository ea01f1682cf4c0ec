package lint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/lint/document"
	"github.com/saker-security/saker/pkg/rule"
)

// ConfigName is the name of the configuration file of the linter.
const ConfigName = ".saker-lint.yaml"

// Config is a configuration file of the linter: a YAML mapping with two keys.
//
//	severity:            # how severe the findings of a code are: off, info, warning or error
//	  rare-tag: off
//	ignore:              # findings that are not reported; path, rule and reason may be left out
//	  - code: field-as-text
//	    path: legacy/*.yaml
//	    rule: Old *
//	    reason: they come from elsewhere
//
// A path is relative to the directory of the file; * stands for any part of a name, ** for any directories. The nil
// Config is empty.
type Config struct {
	name       string
	doc        *document.Document
	severities map[string]condition.Severity
	codes      []codeAt
	ignores    []ignore
}

// codeAt is a code with its place.
type codeAt struct {
	name string
	node *yaml.Node
}

type ignore struct {
	codes      []codeAt
	path, rule *regexp.Regexp
}

// severityOff is that of findings that the configuration switches off.
const severityOff condition.Severity = 100

var severityNames = map[string]condition.Severity{"off": severityOff, "info": condition.SeverityInfo,
	"warning": condition.SeverityWarning, "error": condition.SeverityError}

// maxConfig is how many bytes a configuration file may have.
const maxConfig = 1 << 20

// FindConfig looks for the configuration file in a directory and its parents, up to the one that holds a repository.
// It gives nothing when there is none.
func FindConfig(directory string) (string, error) {
	at, err := filepath.Abs(directory)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", ConfigName, err)
	}
	for {
		name := filepath.Join(at, ConfigName)
		if _, err := os.Stat(name); err == nil {
			return name, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find %s: %w", ConfigName, err)
		}
		_, err := os.Stat(filepath.Join(at, ".git"))
		if parent := filepath.Dir(at); err != nil && parent != at {
			at = parent
			continue
		}
		return "", nil
	}
}

// ReadConfig reads a configuration file. An error names the place.
func ReadConfig(name string) (*Config, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of the linter: %w", err)
	}
	return ParseConfig(name, data)
}

// ParseConfig reads the content of a configuration file. An error names the place.
func ParseConfig(name string, data []byte) (*Config, error) {
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s: the file is larger than %d MiB", rule.Printable(name), maxConfig>>20)
	}
	doc, err := document.Parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rule.Printable(name), err)
	}
	c := &Config{name: name, doc: doc, severities: map[string]condition.Severity{}}
	for _, root := range doc.Roots {
		if len(root.Content) > 0 && root.Content[0].ShortTag() != "!!null" {
			if err := c.read(root.Content[0]); err != nil {
				return nil, fmt.Errorf("%s:%w", name, err)
			}
		}
	}
	return c, nil
}

// errorAt begins with the line and column of a node.
func errorAt(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%d:%d: %s", n.Line, n.Column, fmt.Sprintf(format, args...))
}

func (c *Config) read(n *yaml.Node) error {
	return eachKey(n, func(key string, value *yaml.Node) error {
		switch key {
		case "severity":
			return c.readSeverities(value)
		case "ignore":
			if value.Kind != yaml.SequenceNode {
				return errorAt(value, "ignore must be a list of entries")
			}
			for _, entry := range value.Content {
				if err := c.readIgnore(entry); err != nil {
					return err
				}
			}
			return nil
		}
		return errorAt(value, "unknown key %s: there are severity and ignore", printable(key))
	})
}

// eachKey calls f for each key of a mapping.
func eachKey(n *yaml.Node, f func(key string, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return errorAt(n, "a mapping is needed here")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := f(n.Content[i].Value, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) readSeverities(n *yaml.Node) error {
	if err := eachKey(n, func(code string, value *yaml.Node) error {
		severity, ok := severityNames[value.Value]
		if !ok || value.Kind != yaml.ScalarNode {
			return errorAt(value, "a severity is off, info, warning or error")
		}
		c.severities[code] = severity
		return nil
	}); err != nil {
		return err
	}
	for i := 0; i < len(n.Content); i += 2 {
		c.codes = append(c.codes, codeAt{n.Content[i].Value, n.Content[i]})
	}
	return nil
}

func (c *Config) readIgnore(n *yaml.Node) error {
	var x ignore
	if err := eachKey(n, func(key string, value *yaml.Node) error {
		if key == "code" && value.Kind == yaml.SequenceNode {
			for _, code := range value.Content {
				x.codes = append(x.codes, codeAt{code.Value, code})
			}
			return nil
		}
		if value.Kind != yaml.ScalarNode {
			return errorAt(value, "%s must be a text", printable(key))
		}
		switch key {
		case "code":
			x.codes = append(x.codes, codeAt{value.Value, value})
		case "path":
			x.path = pathPattern(value.Value)
		case "rule":
			x.rule = regexp.MustCompile(`^` + strings.ReplaceAll(regexp.QuoteMeta(value.Value), `\*`, `.*`) + `$`)
		case "reason":
		default:
			return errorAt(value, "unknown key %s: there are code, path, rule and reason", printable(key))
		}
		return nil
	}); err != nil {
		return err
	}
	if len(x.codes) == 0 {
		return errorAt(n, "an entry needs a code")
	}
	c.ignores = append(c.ignores, x)
	return nil
}

// pathPattern compiles a pattern of paths. One without a slash is about the name of the file in any directory.
func pathPattern(pattern string) *regexp.Regexp {
	if !strings.Contains(pattern, "/") {
		pattern = "**/" + pattern
	}
	text := regexp.QuoteMeta(strings.TrimPrefix(pattern, "/"))
	for _, x := range [][2]string{{`\*\*/`, "\x00"}, {`\*\*`, "\x01"}, {`\*`, `[^/]*`}, {`\?`, `[^/]`}, {"\x00", `(?:.*/)?`}, {"\x01", `.*`}} {
		text = strings.ReplaceAll(text, x[0], x[1])
	}
	return regexp.MustCompile(`^` + text + `$`)
}

// rate gives a finding the severity that the configuration asks for. Errors stay errors.
func (c *Config) rate(d *rule.Diagnostic) {
	if c == nil || d.IsError() {
		return
	}
	if severity, ok := c.severities[d.Code]; ok {
		d.Severity = severity
	}
}

// suppressions gives the entries of the configuration as suppressions, as far as they are about the files.
func (c *Config) suppressions(files []rule.File) []*suppression {
	if c == nil {
		return nil
	}
	var all []*suppression
	for _, x := range c.ignores {
		idle := !slices.ContainsFunc(files, func(f rule.File) bool { return x.path == nil || x.path.MatchString(c.relative(f.Name)) })
		for _, code := range x.codes {
			all = append(all, &suppression{code: code.name, at: c.place(code), idle: idle, matches: func(d *rule.Diagnostic) bool {
				return (x.path == nil || x.path.MatchString(c.relative(d.Start.File))) &&
					(x.rule == nil || d.Item == "rule" && x.rule.MatchString(d.Name))
			}})
		}
	}
	for _, code := range c.codes {
		// What changes the severity of a code suppresses nothing, but its code must exist too.
		all = append(all, &suppression{code: code.name, at: c.place(code), idle: true, matches: func(*rule.Diagnostic) bool { return false }})
	}
	return all
}

func (c *Config) place(code codeAt) rule.Diagnostic {
	start := c.doc.Offset(code.node)
	return placed(c.name, c.doc, start, start+len(code.name), rule.Diagnostic{})
}

// relative gives the path of a file relative to the directory of the configuration.
func (c *Config) relative(name string) string {
	full, err := filepath.Abs(name)
	if err != nil {
		return filepath.ToSlash(name)
	}
	base, err := filepath.Abs(filepath.Dir(c.name))
	if err != nil {
		return filepath.ToSlash(name)
	}
	rel, err := filepath.Rel(base, full)
	if err != nil {
		return filepath.ToSlash(name)
	}
	return filepath.ToSlash(rel)
}
