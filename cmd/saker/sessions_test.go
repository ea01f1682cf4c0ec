package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSessions runs the sessions that docs/tools shows, in the folder docs/tools/example, and compares what is printed
// with what is shown; -update writes it. A session is a block that starts with ```console: each line "$ command" is
// given to a shell, and the lines up to the next one are what it prints to both outputs.
func TestSessions(t *testing.T) {
	documents, err := filepath.Glob("../../docs/tools/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatalf("no documents in docs/tools: %v", err)
	}
	for _, path := range documents {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			have := string(data)
			got := sessions(t, have)
			if got == have {
				return
			}
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s does not show what the program prints, run make generate:\n%s", path, cmp.Diff(have, got))
		})
	}
}

// sessions gives the document with the output of its commands as it is now.
func sessions(t *testing.T, document string) string {
	t.Helper()
	var b strings.Builder
	inside := false
	for _, line := range strings.SplitAfter(document, "\n") {
		switch {
		case !inside:
			inside = strings.TrimSpace(line) == "```console"
			b.WriteString(line)
		case strings.TrimSpace(line) == "```":
			inside = false
			b.WriteString(line)
		case strings.HasPrefix(line, "$ "):
			b.WriteString(line)
			b.WriteString(session(t, strings.TrimSpace(line[2:])))
		}
	}
	return b.String()
}

func session(t *testing.T, command string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-c", command)
	c.Dir = "../../docs/tools/example"
	c.Env = append(os.Environ(), "FALCO_HOSTNAME=host", "TZ=UTC", "COLUMNS=100", "GORACE="+raceExit)
	out, err := c.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", command, err)
	}
	text := string(out)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}
