package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

// environment is the environment of the program.
type environment struct {
	values map[string]string
	names  []string
}

func newEnvironment(list []string) *environment {
	e := &environment{values: map[string]string{}}
	for _, item := range list {
		name, text, ok := strings.Cut(item, "=")
		if _, twice := e.values[name]; ok && name != "" && !twice {
			e.values[name] = text
			e.names = append(e.names, name)
		}
	}
	slices.Sort(e.names)
	return e
}

// expand replaces ${NAME} by the environment's value; $${NAME} stands for a literal ${NAME}. missing is told the names
// that the environment does not have.
func (e *environment) expand(text string, missing func(name string)) string {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			break
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1])
			b.WriteString(text[i : i+end+1])
		} else {
			b.WriteString(text[:i])
			name := text[i+2 : i+end]
			replacement, ok := e.values[name]
			if !ok {
				missing(name)
			}
			b.WriteString(replacement)
		}
		text = text[i+end+1:]
	}
	b.WriteString(text)
	return b.String()
}

// Variable is the environment variable that sets a key.
func (k *Key) Variable() string {
	return prefix + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))
}

const prefix = "SAKER_"

// FileVariable is the environment variable that names the main configuration file.
const FileVariable = prefix + "CONFIG"

// DefaultFile is the configuration file that is read when none is named and it is there. Falco's own file is read only
// when it is named: a machine may have it for a Falco that runs beside Saker.
const DefaultFile = "/etc/saker/saker.yaml"

// FindFile gives the main configuration file where none is named on the command line: the one of SAKER_CONFIG, else
// DefaultFile when it is there, else none.
func FindFile(list []string) string {
	if name := newEnvironment(list).values[FileVariable]; name != "" {
		return name
	}
	if _, err := os.Stat(DefaultFile); err == nil {
		return DefaultFile
	}
	return ""
}

// variables puts the values of SAKER_KEY into the tree: the one for config_files alone, or all others. An empty variable
// is none. Values are taken as they are, without ${NAME}; { and [ begin mappings and sequences in YAML's flow form.
func (l *loader) variables(root *value, configFiles bool) {
	rows := map[string]*Key{}
	for i := range mainTable().keys {
		k := &mainTable().keys[i]
		rows[k.Variable()] = k
	}
	for _, name := range l.env.names {
		if !strings.HasPrefix(name, prefix) || (name == prefix+"CONFIG_FILES") != configFiles {
			continue
		}
		text := l.env.values[name]
		if text == "" {
			continue // as templates of containers have it for what is not set
		}
		l.numbers++
		at := place{layer: layerEnvironment, number: l.numbers, name: rule.Printable(name)}
		k := rows[name]
		if k == nil {
			if name != FileVariable && !isService(name, text) {
				text := "this environment variable has no effect: there is no such key"
				if l.c.record.unknown++; l.c.record.unknown <= maxWarnings {
					text += nearest(name, variableNames(rows))
				}
				l.c.warn(at, "%s", text)
			}
			continue
		}
		r := &reader{at: at, env: l.env, nodes: &l.nodes, warn: l.c.warn, literal: true}
		v, err := r.leaf(text, k.list)
		if err != nil {
			l.c.fail(placed(err, at, k.Name))
			continue
		}
		steps, err := splitPath(k.Name)
		if err == nil {
			err = root.put(steps, v, at)
		}
		if err != nil {
			l.c.fail(placed(err, at, k.Name))
		}
	}
}

func variableNames(rows map[string]*Key) []string {
	var names []string
	for name := range rows {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// isService tells a variable that Kubernetes sets for a service whose name begins with saker: NAME_SERVICE_HOST,
// NAME_SERVICE_PORT, NAME_SERVICE_PORT_X, NAME_PORT=tcp://..., NAME_PORT_80_TCP and those that begin with it.
func isService(name, text string) bool {
	if strings.HasSuffix(name, "_SERVICE_HOST") || strings.HasSuffix(name, "_SERVICE_PORT") || strings.Contains(name, "_SERVICE_PORT_") {
		return true
	}
	if strings.HasSuffix(name, "_PORT") && strings.Contains(text, "://") {
		return true
	}
	_, rest, ok := strings.Cut(name, "_PORT_")
	digits := strings.TrimLeft(rest, "0123456789")
	return ok && len(digits) < len(rest) &&
		(strings.HasPrefix(digits, "_TCP") || strings.HasPrefix(digits, "_UDP") || strings.HasPrefix(digits, "_SCTP"))
}

// places fills in what is found in the environment and on the machine: the host's name and root, and the directory for
// data.
func (l *loader) places() {
	c := l.c
	if c.Hostname = l.env.values["FALCO_HOSTNAME"]; c.Hostname == "" {
		name, err := os.Hostname()
		if err != nil {
			c.fail(&finding{text: fmt.Sprintf("find the host's name (or set FALCO_HOSTNAME): %v", err)})
		}
		c.Hostname = name
	}
	if root := l.env.values["HOST_ROOT"]; root != "" {
		c.HostRoot = root
	}
	if !c.DataDirChosen {
		c.DataDir, c.DataDirChosen = dataDir(l.env, os.Geteuid() == 0, isWritable)
	}
}

// systemDataDir is where data is unless the environment says otherwise.
const systemDataDir = "/var/lib/saker"

// dataDir finds the directory for data, and whether somebody chose it. root tells whether the program may make any
// directory, writable whether it may make files in one.
func dataDir(env *environment, root bool, writable func(dir string) bool) (dir string, chosen bool) {
	if dirs := filepath.SplitList(env.values["STATE_DIRECTORY"]); len(dirs) > 0 && filepath.IsAbs(dirs[0]) {
		return dirs[0], true
	}
	if root || writable(systemDataDir) {
		return systemDataDir, false
	}
	if state := env.values["XDG_STATE_HOME"]; filepath.IsAbs(state) {
		return filepath.Join(state, "saker"), false
	}
	if home := env.values["HOME"]; filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "saker"), false
	}
	return "", false
}

// inMemory is the value of data_dir for no directory.
const inMemory = "memory"

func setDataDir(c *Config, v *value) error {
	dir, err := text.read(v)
	if err != nil {
		return err
	}
	if dir == "" {
		return fmt.Errorf("it is empty; write a path, or %s to keep nothing on disk", inMemory)
	}
	c.DataDir, c.DataDirChosen = dir, true
	if dir == inMemory {
		c.DataDir = ""
	}
	return nil
}

func (c *Config) dataDirShown() any {
	if c.DataDir == "" {
		return inMemory
	}
	return c.DataDir
}
