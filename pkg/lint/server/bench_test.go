package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/lint/server"
)

// large makes a rules file of about n lines.
func large(n int) string {
	var b strings.Builder
	for i := range n / 40 {
		fmt.Fprintf(&b, "- list: list_%d\n  items: [a%d, b%d, c%d, d%d]\n\n", i, i, i, i, i)
		fmt.Fprintf(&b, "- macro: macro_%d\n  condition: (proc.name in (list_%d) and not fd.name startswith /opt/app%d)\n\n", i, i, i)
		for j := range 3 {
			fmt.Fprintf(&b, `- rule: Rule number %d of %d
  desc: >
    A description of what is wrong when a program
    does this thing.
  condition: >
    evt.type in (open, openat, openat2) and fd.name startswith /etc/dir%d/of%d/
    and macro_%d
    and not proc.pname in (list_%d)
  output: Thing done by %%proc.name (user=%%user.name command=%%proc.cmdline file=%%fd.name)
  priority: WARNING
  tags: [filesystem, mitre]

`, j, i, i, j, i, i)
		}
	}
	return b.String()
}

// BenchmarkEdit is the time from an edit of a file of 10,000 lines to its findings, and to an answer about it.
func BenchmarkEdit(b *testing.B) {
	text := large(10_000)
	c := connect(b, server.Options{Pause: time.Hour}, nil)
	c.open(text)
	c.findings(func(p publication) bool { return p.Version == 1 })
	line := strings.Count(text, "\n") / 2
	for !strings.HasPrefix(strings.Split(text, "\n")[line], "    and macro_") {
		line++
	}
	version := 1
	b.Run("findings", func(b *testing.B) {
		for b.Loop() {
			version++
			word := "macro_7"
			if version%2 == 0 {
				word = "macro_x"
			}
			c.change(version, textRange{position{line, 8}, position{line, 15}}, word)
			c.findings(func(p publication) bool { return p.Version == version })
		}
	})
	b.Run("completion", func(b *testing.B) {
		for b.Loop() {
			var list any
			c.call("textDocument/completion", map[string]any{"textDocument": map[string]any{"uri": uri}, "position": position{line, 10}}, &list)
		}
	})
	b.Run("hover", func(b *testing.B) {
		for b.Loop() {
			var answer any
			c.call("textDocument/hover", map[string]any{"textDocument": map[string]any{"uri": uri}, "position": position{line, 10}}, &answer)
		}
	})
	b.Run("definition", func(b *testing.B) {
		for b.Loop() {
			var answer any
			c.call("textDocument/definition", map[string]any{"textDocument": map[string]any{"uri": uri}, "position": position{line, 10}}, &answer)
		}
	})
}
