package file_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/deliver/sink/file"
	"github.com/saker-security/saker/pkg/deliver/sink/sinktest"
)

// writeUntilKilled sends batches and tells after each how far it is.
func writeUntilKilled(t *testing.T, path string, first int) {
	sink, err := file.New(file.Settings{Path: path, KeepOpen: true, MaxBytes: 3000, Compress: true}, sinktest.Message, nil)
	must(t, err)
	for ; ; first += 7 {
		must(t, sink.Send(t.Context(), sinktest.Batch(first, 7)))
		fmt.Printf("sent %d\n", first+7)
	}
}

// TestKilled: a program that is killed at any moment, again and again, while it writes, rotates and compresses, leaves
// every line that it called delivered, whole.
func TestKilled(t *testing.T) {
	const from, at = "SAKER_TEST_FILE_FROM", "SAKER_TEST_FILE_PATH"
	if first, err := strconv.Atoi(os.Getenv(from)); err == nil {
		writeUntilKilled(t, os.Getenv(at), first)
		return
	}
	path := filepath.Join(t.TempDir(), "events.txt")
	sent := 0
	for range 25 {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		c.Env = append(os.Environ(), from+"="+strconv.Itoa(sent), at+"="+path)
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatal("the program does not start")
		}
		kill := time.AfterFunc(time.Duration(rand.IntN(40_000))*time.Microsecond, func() { _ = c.Process.Kill() })
		for more := true; more; more = lines.Scan() {
			n, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "sent "))
			must(t, err)
			sent = n
		}
		kill.Stop()
		if err := c.Wait(); err == nil || err.Error() != "signal: killed" {
			t.Fatalf("the program ended: %v", err)
		}
	}
	sink := open(t, file.Settings{Path: path, MaxBytes: 3000, Compress: true})
	send(t, sink, sent, 1) // which ends a line that was cut off
	eventually(t, "compression", func() bool {
		for _, p := range files(t, path) {
			if p != path && !strings.HasSuffix(p, ".gz") {
				return false
			}
		}
		return true
	})
	seen := map[string]bool{}
	whole, broken := regexp.MustCompile(`^alert \d+\n$`), 0
	for _, p := range files(t, path) {
		for line := range strings.Lines(string(content(t, p))) {
			seen[line] = true
			if !whole.MatchString(line) {
				broken++ // the rest of a write that was cut off
			}
		}
	}
	for line := range strings.Lines(text(0, sent+1)) {
		if !seen[line] {
			t.Fatalf("%q is missing", line)
		}
	}
	if broken > 25 {
		t.Errorf("%d broken lines after 25 kills", broken)
	}
	t.Logf("%d alerts in %d files, %d lines cut off", sent, len(files(t, path)), broken)
}
