// Report reads the events of `go test -json` from a file and prints what a reader needs: a line for each package as
// go test itself writes it, and everything that a failed test wrote. Skipped tests, with their reasons, go to a second
// file, one to a line as "package test: reason".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// event is one line of the stream, as `go doc test2json` describes it.
type event struct {
	Action, Package, Test, Output string
}

type test struct{ pkg, name string }

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: report EVENTS SKIPPED")
		os.Exit(2)
	}
	failed, err := report(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

func report(events, skipped string) (failed bool, err error) {
	in, err := os.Open(events)
	if err != nil {
		return false, err
	}
	defer in.Close()
	output := map[test][]string{}
	counts := map[string]int{}
	var skips []string
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			// The go command writes what does not compile as plain text.
			fmt.Println(lines.Text())
			continue
		}
		key := test{e.Package, e.Test}
		switch e.Action {
		case "output", "build-output":
			output[key] = append(output[key], e.Output)
			if e.Action == "build-output" {
				fmt.Print(e.Output)
			}
		case "fail":
			failed = true
			fmt.Print(strings.Join(output[key], ""))
		case "skip":
			if e.Test != "" {
				skips = append(skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(output[key])))
			}
		case "pass":
			if e.Test == "" {
				fmt.Print(last(output[key]))
			}
		}
		if e.Test != "" && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip") {
			counts[e.Action]++
			delete(output, key)
		}
	}
	if err := lines.Err(); err != nil {
		return false, err
	}
	fmt.Printf("%d tests passed, %d failed, %d skipped\n", counts["pass"], counts["fail"], counts["skip"])
	text := strings.Join(skips, "\n")
	if text != "" {
		text += "\n"
	}
	return failed, os.WriteFile(skipped, []byte(text), 0o600)
}

// reason takes what a skipped test said from its output.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		if _, after, ok := strings.Cut(line, ".go:"); ok {
			if _, text, ok := strings.Cut(after, ": "); ok {
				line = text
			}
		}
		said = append(said, line)
	}
	return strings.Join(said, " ")
}

// last is the closing line of a package: ok, its name and its time.
func last(output []string) string {
	for i := len(output) - 1; i >= 0; i-- {
		if strings.HasPrefix(output[i], "ok") || strings.HasPrefix(output[i], "?") {
			return output[i]
		}
	}
	return ""
}
