package program_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/program"
	"github.com/saker-security/saker/pkg/deliver/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is what the program's output goes to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open makes a sink and checks at the end that it left no process and no open file.
func open(t testing.TB, s program.Settings) (*program.Sink, *buffer) {
	t.Helper()
	files, children := descriptors(t), sons(t)
	var out buffer
	sink, err := program.New(s, sinktest.Message, &out)
	must(t, err)
	t.Cleanup(func() {
		must(t, sink.Close())
		if now := descriptors(t); now > files {
			t.Errorf("%d descriptors, %d before", now, files)
		}
		if now := sons(t); now > children {
			t.Errorf("%d child processes, %d before", now, children)
		}
	})
	return sink, &out
}

func descriptors(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

// sons counts the child processes, ended ones that nobody waited for included.
func sons(t testing.TB) (n int) {
	lists, err := filepath.Glob("/proc/self/task/*/children")
	must(t, err)
	for _, list := range lists {
		data, _ := os.ReadFile(list) // the thread may have ended
		n += len(strings.Fields(string(data)))
	}
	return n
}

func send(t testing.TB, s *program.Sink, first, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, s.Send(ctx, sinktest.Batch(first, n)))
}

func text(first, n int) string {
	var b strings.Builder
	for _, a := range sinktest.Batch(first, n) {
		b.WriteString(a.Message + "\n")
	}
	return b.String()
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after 20 s", what)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, test := range []struct {
		s    program.Settings
		want string
	}{
		{program.Settings{}, "either a command line for the shell or a program"},
		{program.Settings{Shell: "cat", Argv: []string{"cat"}}, "either a command line"},
		{program.Settings{Argv: []string{"no-such-program"}}, `"no-such-program": executable file not found`},
		{program.Settings{Argv: []string{"cat", "a\x00b"}}, "zero byte"},
		{program.Settings{Shell: "cat", Environment: []string{"A=B"}}, `"A=B" is not the name`},
		{program.Settings{Shell: "cat", Timeout: -1}, "must not be negative"},
	} {
		if _, err := program.New(test.s, sinktest.Message, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want %s", test.s, err, test.want)
		}
	}
}

// TestEachBatch: each batch has a process, and a process kept open gets all batches.
func TestEachBatch(t *testing.T) {
	for _, keep := range []bool{false, true} {
		dir := t.TempDir()
		sink, out := open(t, program.Settings{Shell: `echo "run $$" >> ` + dir + `/runs; cat >> ` + dir + `/lines; echo end; echo bad >&2`, KeepOpen: keep})
		for i := range 3 {
			send(t, sink, i*2, 2)
		}
		must(t, sink.Reopen())
		send(t, sink, 6, 1)
		must(t, sink.Reopen())
		runs, err := os.ReadFile(dir + "/runs")
		must(t, err)
		want := map[bool]int{false: 4, true: 2}[keep]
		if n := strings.Count(string(runs), "run"); n != want {
			t.Errorf("keep %v: %d processes, want %d", keep, n, want)
		}
		lines, err := os.ReadFile(dir + "/lines")
		if err != nil || string(lines) != text(0, 7) {
			t.Errorf("keep %v: %q, %v", keep, lines, err)
		}
		if n := strings.Count(out.String(), "end\n"); n != want || strings.Count(out.String(), "bad\n") != want {
			t.Errorf("keep %v: output %q", keep, out.String())
		}
	}
}

// hostile is text of which a shell or a careless program would make something else.
func hostile(dir string) []string {
	touch := "touch " + dir + "/executed"
	return []string{
		"$(" + touch + ")", "`" + touch + "`", "; " + touch + ";", "\n" + touch + "\n", "' ; " + touch + " '", `" ; ` + touch + ` "`,
		"| " + touch, "&& " + touch, "a\x00b; " + touch, "${IFS}" + touch, "> " + dir + "/executed", "-e " + touch, "%s%n",
		strings.Repeat("$("+touch+")", 1<<20/40),
	}
}

// TestNothingIsExecuted: the text of an alert is only ever on standard input.
func TestNothingIsExecuted(t *testing.T) {
	for _, keep := range []bool{false, true} {
		for _, shell := range []bool{false, true} {
			dir := t.TempDir()
			s := program.Settings{KeepOpen: keep}
			if shell {
				s.Shell = "exec cat > " + dir + "/out"
			} else {
				s.Argv = []string{"tee", dir + "/out"}
			}
			sink, _ := open(t, s)
			var batch []*alert.Alert
			for _, text := range hostile(dir) {
				batch = append(batch, &alert.Alert{Message: text, Rule: text, Hostname: text, Source: text, ID: text, Tags: []string{text}})
			}
			must(t, sink.Send(t.Context(), batch))
			must(t, sink.Reopen())
			if _, err := os.Stat(dir + "/executed"); err == nil {
				t.Fatalf("keep %v, shell %v: alert text was executed", keep, shell)
			}
			data, err := os.ReadFile(dir + "/out")
			if n := sinktest.CleanLines(data); err != nil || n != len(batch) {
				t.Errorf("keep %v, shell %v: %d clean lines for %d alerts, error %v", keep, shell, n, len(batch), err)
			}
		}
	}
}

// TestOneLineEach: whatever the alerts hold, the program reads one line for each, and so does its output.
func TestOneLineEach(t *testing.T) {
	sink, out := open(t, program.Settings{Argv: []string{"cat"}, KeepOpen: true})
	sent := 0
	rapid.Check(t, func(t *rapid.T) {
		batch := rapid.SliceOfN(sinktest.Alert(), 1, 5).Draw(t, "batch")
		if err := sink.Send(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		sent += len(batch)
	})
	must(t, sink.Reopen())
	if n := sinktest.CleanLines([]byte(out.String())); n != sent {
		t.Errorf("%d clean lines for %d alerts", n, sent)
	}
}

// TestOutputIsClean: what a program prints cannot steer a terminal or forge a line either.
func TestOutputIsClean(t *testing.T) {
	sink, out := open(t, program.Settings{Shell: `cat >/dev/null; printf 'a\033[2Jb\r\nc\000d'; head -c 20000 /dev/zero | tr '\0' x; printf '\377' >&2`})
	send(t, sink, 0, 1)
	if n := sinktest.CleanLines([]byte(out.String())); n < 3 || !strings.Contains(out.String(), `a\u001b[2Jb\r`+"\n"+`c\u0000dx`) {
		t.Errorf("%d lines: %q", n, out.String())
	}
}

// TestFailure: the exit code and the beginning of what the program said are in the error.
func TestFailure(t *testing.T) {
	for _, test := range []struct{ shell, want string }{
		{"head -c 10 >/dev/null; echo '  no\033 route ' >&2; exit 3", `the program ended with exit code 3: no\u001b route`},
		{"exit 1", "the program ended with exit code 1"},
		{"head -c 10 >/dev/null; head -c 3000 /dev/zero | tr '\\0' x >&2; exit 1", "exit code 1: " + strings.Repeat("x", 1024) + " [cut at 1024 bytes]"},
		{"no-such-program", "exit code 127: "},
		{"kill -9 $$", "ended with signal: killed"},
	} {
		for _, keep := range []bool{false, true} {
			sink, _ := open(t, program.Settings{Shell: test.shell, KeepOpen: keep})
			var err error
			// A process that is kept may have read the batch before it fails.
			eventually(t, "an error", func() bool { err = sink.Send(t.Context(), bulky(100_000)); return err != nil })
			var partial *deliver.Partial
			if !strings.Contains(err.Error(), test.want) || errors.As(err, &partial) {
				t.Errorf("%s, keep %v: error %v", test.shell, keep, err)
			}
		}
	}
}

// bulky is a batch of so many bytes.
func bulky(bytes int) []*alert.Alert {
	return []*alert.Alert{{Message: strings.Repeat("x", bytes)}}
}

// TestNotRead: a program that exits with 0 has what it wants, read or not; one that is kept must read all.
func TestNotRead(t *testing.T) {
	sink, _ := open(t, program.Settings{Argv: []string{"true"}})
	must(t, sink.Send(t.Context(), bulky(1<<20)))
	sink, _ = open(t, program.Settings{Argv: []string{"true"}, KeepOpen: true})
	if err := sink.Send(t.Context(), bulky(1<<20)); err == nil || !strings.Contains(err.Error(), "the program true ended with") {
		t.Errorf("error %v", err)
	}
}

// TestRestart: a process that ends is started again, and nothing is lost.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	sink, _ := open(t, program.Settings{Shell: "head -n 2 >> " + path, KeepOpen: true})
	for i := range 10 {
		eventually(t, "delivery", func() bool { return sink.Send(t.Context(), sinktest.Batch(i*2, 2)) == nil })
		want := text(i*2, 2)
		eventually(t, "the lines", func() bool { data, _ := os.ReadFile(path); return strings.HasSuffix(string(data), want) })
		must(t, sink.Reopen())
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != text(0, 20) {
		t.Errorf("%q, %v", data, err)
	}
}

// TestTimeout: a program that does not read, or not end, is killed with all of its group.
func TestTimeout(t *testing.T) {
	for _, test := range []struct {
		name, shell string
		bytes       int
		keep        bool
	}{
		{"does not end", "cat >/dev/null; sleep 1000 & echo $! > PID; wait", 10, false},
		{"does not read", "sleep 1000 & echo $! > PID; wait", 1 << 20, false},
		{"does not read a little", "sleep 1000 & echo $! > PID; wait", 10, true},
		{"does not read much", "sleep 1000 & echo $! > PID; wait", 1 << 20, true},
	} {
		for _, how := range []string{"time-out", "context", "close"} {
			t.Run(test.name+"/"+how, func(t *testing.T) {
				pid := filepath.Join(t.TempDir(), "pid")
				s := program.Settings{Shell: strings.ReplaceAll(test.shell, "PID", pid), KeepOpen: test.keep}
				want := context.DeadlineExceeded.Error()
				ctx := t.Context()
				started := func() bool { data, _ := os.ReadFile(pid); return bytes.HasSuffix(data, []byte("\n")) }
				var sink *program.Sink
				switch how {
				case "time-out":
					s.Timeout = 300 * time.Millisecond
					want = "it took longer than its time-out"
				case "context":
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 300*time.Millisecond)
					defer cancel()
				case "close":
					want = "the sink is closed"
				}
				var all sync.WaitGroup
				defer all.Wait()
				var err error
				if how == "close" {
					sink, err = program.New(s, sinktest.Message, nil)
					must(t, err)
					all.Go(func() {
						eventually(t, "start", started)
						if err := sink.Close(); err != nil {
							t.Error(err)
						}
					})
				} else {
					sink, _ = open(t, s)
				}
				err = sink.Send(ctx, bulky(test.bytes))
				if err == nil || !strings.Contains(err.Error(), "the program was killed: "+want) {
					t.Errorf("error %v", err)
				}
				if data, err := os.ReadFile(pid); err == nil {
					eventually(t, "the end of the group", func() bool { return !running(strings.TrimSpace(string(data))) })
				} else if how == "close" {
					t.Error(err)
				}
			})
		}
	}
}

// running tells whether a process runs; one that nobody waited for does not.
func running(pid string) bool {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := bytes.Cut(data, []byte(") "))
	return !bytes.HasPrefix(after, []byte("Z"))
}

// TestSlowEnd: a process that is kept may finish what it has read, but not for ever.
func TestSlowEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	sink, _ := open(t, program.Settings{Shell: "while read -r line; do sleep 0.1; echo \"$line\" >> " + path + "; done", KeepOpen: true})
	send(t, sink, 0, 3)
	must(t, sink.Close())
	if data, err := os.ReadFile(path); err != nil || string(data) != text(0, 3) {
		t.Errorf("%q, %v", data, err)
	}
	sink, _ = open(t, program.Settings{Shell: "cat >/dev/null; sleep 1000", KeepOpen: true})
	send(t, sink, 0, 3)
}

// TestEnvironment: only what is named is inherited, and no file.
func TestEnvironment(t *testing.T) {
	t.Setenv("SAKER_SECRET", "hidden")
	t.Setenv("SAKER_NAMED", "seen")
	t.Setenv("PATH", os.Getenv("PATH")) // so that it is as before at the end
	t.Setenv("TZ", "UTC")
	t.Setenv("LANG", "C")
	t.Setenv("HOME", "/home")
	file, err := os.Create(filepath.Join(t.TempDir(), "open"))
	must(t, err)
	defer file.Close()
	sink, out := open(t, program.Settings{Argv: []string{"env"}, Environment: []string{"SAKER_NAMED", "SAKER_MISSING"}})
	send(t, sink, 0, 1)
	got := strings.Fields(out.String())
	sort.Strings(got)
	want := []string{"HOME=/home", "LANG=C", "PATH=" + os.Getenv("PATH"), "SAKER_NAMED=seen", "TZ=UTC"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	sink, out = open(t, program.Settings{Argv: []string{"ls", "-l", "/proc/self/fd"}})
	send(t, sink, 0, 1)
	pipes := 0
	for line := range strings.Lines(out.String()) {
		if _, to, ok := strings.Cut(line, " -> "); ok && strings.HasPrefix(to, "pipe:") {
			pipes++
		} else if ok && !strings.HasPrefix(to, "/proc/") { // the directory that is listed
			t.Errorf("the program has %s open", to)
		}
	}
	if pipes != 3 {
		t.Errorf("%d pipes: %s", pipes, out.String())
	}
	must(t, os.Unsetenv("PATH"))
	sink, out = open(t, program.Settings{Shell: "echo $PATH"})
	send(t, sink, 0, 1)
	if !strings.Contains(out.String(), ":/bin\n") {
		t.Errorf("output %q", out.String())
	}
}

// TestWorkers: processes of several batches run at once and do not mix their lines; kept, batches come in turn, and the
// process may be restarted at any time.
func TestWorkers(t *testing.T) {
	for _, keep := range []bool{false, true} {
		sink, out := open(t, program.Settings{Argv: []string{"cat"}, KeepOpen: keep})
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if err := sink.Send(t.Context(), sinktest.Batch(i*1000, 1000)); err != nil {
					t.Error(err)
				}
			})
		}
		for range 20 {
			must(t, sink.Reopen())
			time.Sleep(100 * time.Microsecond)
		}
		all.Wait()
		must(t, sink.Reopen())
		seen := map[string]bool{}
		for line := range strings.Lines(out.String()) {
			seen[line] = true
		}
		for line := range strings.Lines(text(0, 8000)) {
			if !seen[line] {
				t.Fatalf("keep %v: %q is missing", keep, line)
			}
		}
	}
}

// TestBackground: a program that leaves another one behind is done when it ends itself.
func TestBackground(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	sink, _ := open(t, program.Settings{Shell: "cat >/dev/null; sleep 1000 & echo $! > " + pid})
	send(t, sink, 0, 1)
	data, err := os.ReadFile(pid)
	must(t, err)
	left := strings.TrimSpace(string(data))
	if !running(left) {
		t.Error("it was killed")
	}
	must(t, exec.CommandContext(t.Context(), "kill", "-9", left).Run())
}

func Benchmark(b *testing.B) {
	for _, keep := range []bool{false, true} {
		for _, size := range []int{1, 100} {
			b.Run(fmt.Sprintf("keep=%v/batch=%d", keep, size), func(b *testing.B) {
				sink, _ := open(b, program.Settings{Shell: "exec cat >/dev/null", KeepOpen: keep})
				batch := sinktest.Batch(0, size)
				for b.Loop() {
					must(b, sink.Send(b.Context(), batch))
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "lines/s")
			})
		}
	}
}
