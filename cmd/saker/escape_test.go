package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"
)

// Names of files and words of the command line cannot steer a terminal, nor print a line of their own.
func TestNamesAreEscaped(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SAKER_DATA_DIR", "")
	const name = "ev\x1b[31mil\u009b\u202e\nforged: line.yaml"
	const word = "x\x1b[31m\u009b\u202e"
	for _, file := range []struct{ prefix, text string }{
		{"config", "prioritty: info\njson_output: maybe\n"},
		{"rules", "- rule: a\n  desc: b\n  condition: nosuch.field=1\n  output: x\n  priority: INFO\n"},
		{"broken", "- rule: [\n"},
		{"linter", "x: ["},
		{"events", `{"a`},
		{"tests", "tests: 5\nrules: [nosuch.yaml]\n"},
	} {
		if err := os.WriteFile(file.prefix+name, []byte(file.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("directory"+name, 0o700); err != nil {
		t.Fatal(err)
	}
	run := []string{"run", "--source", "k8s_audit", "--audit-listen", "127.0.0.1:0", "-o", "webserver.enabled=false", "-M", "0.01"}
	for _, args := range [][]string{
		{"run", "-c", "config" + name}, {"run", "-c", "nosuch" + name}, {"run", "-r", "nosuch" + name}, {"run", "-r", "rules" + name}, {"run", "-r", "broken" + name},
		{"run", "--" + word}, {"run", word}, {"run", "-o", word}, {"run", "-o", word + "=1"}, {"run", "-M", word}, {"run", "--source", word}, {word},
		append(run, "-P", "/nosuch/"+name), append(run, "-o", "file_output.enabled=true", "-o", "file_output.filename=/nosuch/"+name),
		append(run, "--data-dir", "config"+name+"/x"),
		{"replay", "nosuch" + name}, {"replay", "events" + name}, {"replay", "-r", "rules" + name, "events" + name},
		{"lint", "nosuch" + name}, {"lint", "rules" + name}, {"lint", "broken" + name}, {"lint", "directory" + name}, {"lint", "--format", "github", "rules" + name},
		{"lint", "--format", "falco-text", "broken" + name}, {"lint", "--config", "config" + name, "rules" + name}, {"lint", "--config", "nosuch" + name},
		{"lint", "--lint-config", "linter" + name, "rules" + name}, {"lint", "--lint-config", "nosuch" + name, "rules" + name}, {"lint", "--explain", word},
		{"fmt", "broken" + name}, {"fmt", "nosuch" + name}, {"fmt", "--check", "rules" + name}, {"fmt", "--diff", "rules" + name},
		{"test", "nosuch" + name}, {"test", "tests" + name}, {"test", "--run", "(" + word, "tests" + name}, {"test", "--junit", "/nosuch/" + name, "tests" + name},
		{"explain", "a", "-e", "nosuch" + name}, {"explain", "a", "-e", "events" + name, "-r", "rules" + name}, {"explain", "a", "-e", "events" + name, "--test", "x"},
		{"alerts", "list", "--data-dir", "nosuch" + name}, {"alerts", "drop", "--data-dir", "directory" + name, "--sink", word, "a"},
		{"rules", "-r", "rules" + name}, {"fields", "--format", word}, {"schema", word}, {"lsp", "nosuch" + name},
	} {
		t.Run(strings.ReplaceAll(fmt.Sprintf("%q", args), "/", "|"), func(t *testing.T) {
			var out bytes.Buffer
			c := newCommand()
			c.SetOut(&out)
			c.SetErr(&out)
			c.SetArgs(args)
			err := c.ExecuteContext(t.Context())
			if err == nil {
				t.Fatal("nothing is wrong")
			}
			if !errors.Is(err, errFindings) {
				fmt.Fprintln(&out, "Error:", errorText(err))
			}
			if out.Len() == 0 {
				t.Error("nothing is printed")
			}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.HasPrefix(line, "forged") {
					t.Errorf("%q is printed as it is", line)
				}
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	_, missing := os.Open("a\nb")
	err := usageError{fmt.Errorf("read: %w", errors.Join(missing, errors.New("second\x1b")))}
	if got, want := errorText(err), `read: open a\nb: no such file or directory`+"\n"+`second\x1b`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := errorText(os.Rename("a\nb", "c\td")); strings.ContainsAny(got, "\n\t") {
		t.Errorf("%q", got)
	}
}
