package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// sakerCommand finds the commands in the texts of the files, up to what the shell takes for itself.
var sakerCommand = regexp.MustCompile(`^saker ([^|>&;]*)`)

// TestCIExamples reads the files for continuous integration, and checks that the commands in them exist with the flags
// that they are given.
func TestCIExamples(t *testing.T) {
	names, err := filepath.Glob("../../examples/ci/*.yaml")
	if err != nil || len(names) < 3 {
		t.Fatalf("%d files, error %v", len(names), err)
	}
	commands := map[string]bool{}
	for _, name := range append(names, "../../.pre-commit-hooks.yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var root yaml.Node
		if err := yaml.Unmarshal(data, &root); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		found := 0
		for _, text := range scalars(&root) {
			m := sakerCommand.FindStringSubmatch(text)
			if m == nil {
				continue
			}
			found++
			commands[strings.Fields(m[1])[0]] = true
			checkCommand(t, name, strings.Fields(m[1]))
		}
		if found == 0 && filepath.Base(name) != "pre-commit-config.yaml" {
			t.Errorf("%s has no command", name)
		}
	}
	for _, want := range []string{"lint", "fmt", "test"} {
		if !commands[want] {
			t.Errorf("no example runs saker %s", want)
		}
	}
}

// TestPreCommitHooks: the hooks that the example names exist, with the flags that it gives them.
func TestPreCommitHooks(t *testing.T) {
	type hook struct {
		ID, Entry string
		Args      []string
		Names     *bool `yaml:"pass_filenames"`
	}
	var hooks []hook
	var config struct {
		Repos []struct{ Hooks []hook }
	}
	for name, to := range map[string]any{"../../.pre-commit-hooks.yaml": &hooks, "../../examples/ci/pre-commit-config.yaml": &config} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for _, used := range config.Repos[0].Hooks {
		i := slices.IndexFunc(hooks, func(h hook) bool { return h.ID == used.ID })
		if i < 0 {
			t.Errorf("there is no hook %s", used.ID)
			continue
		}
		command := append(strings.Fields(hooks[i].Entry)[1:], used.Args...)
		checkCommand(t, used.ID, command)
		if used.ID == "saker-lint" {
			lintsAllFiles(t, command, used.Names)
		}
	}
}

// lintsAllFiles checks that the hook names what is linted itself: of the files that changed alone, those that append to
// rules of other files, or use their macros, would be found broken.
func lintsAllFiles(t *testing.T, command []string, names *bool) {
	t.Helper()
	c, rest, err := newCommand().Find(command)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	if names == nil || *names || c.Flags().NArg() == 0 {
		t.Errorf("saker %v is given the names of the files that changed, or no others", command)
	}
}

func checkCommand(t *testing.T, where string, args []string) {
	t.Helper()
	c, rest, err := newCommand().Find(args)
	if err != nil || c.Name() != args[0] {
		t.Errorf("%s: saker %v: %v", where, args, err)
		return
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("%s: saker %v: %v", where, args, err)
	}
}

// scalars lists the texts of a YAML document, line by line.
func scalars(n *yaml.Node) []string {
	if n.Kind == yaml.ScalarNode {
		return strings.Split(strings.TrimSpace(n.Value), "\n")
	}
	var all []string
	for _, c := range n.Content {
		all = append(all, scalars(c)...)
	}
	return all
}
