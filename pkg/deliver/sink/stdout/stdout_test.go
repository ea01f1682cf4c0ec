package stdout_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/sinktest"
	"github.com/saker-security/saker/pkg/deliver/sink/stdout"
)

// asProgram makes this test binary the program that TestReaderGone runs.
const asProgram = "SAKER_TEST_STDOUT"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		writeToNobody()
		return
	}
	goleak.VerifyTestMain(m)
}

// recorder notes each write call.
type recorder struct{ calls []string }

func (r *recorder) Write(p []byte) (int, error) {
	r.calls = append(r.calls, string(p))
	return len(p), nil
}

func open(t testing.TB, w io.Writer, buffered bool) *stdout.Sink {
	t.Helper()
	s, err := stdout.New(w, stdout.Settings{Buffered: buffered}, sinktest.Message)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestCalls(t *testing.T) {
	for buffered, want := range map[bool][]string{
		true:  {"alert 0\nalert 1\nalert 2\n", "alert 3\n"},
		false: {"alert 0\n", "alert 1\n", "alert 2\n", "alert 3\n"},
	} {
		var r recorder
		s := open(t, &r, buffered)
		for _, batch := range [][]*alert.Alert{sinktest.Batch(0, 3), sinktest.Batch(3, 1)} {
			if err := s.Send(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, r.calls); diff != "" {
			t.Errorf("buffered %v: %s", buffered, diff)
		}
	}
}

// limited takes so many bytes and then fails, until it is given more.
type limited struct {
	bytes.Buffer
	room int
}

var errFull = errors.New("no space left on device")

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.room)
	l.room -= n
	l.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

// TestPartial: an output that fails anywhere gets every line once and whole, and each alert that is out is told.
func TestPartial(t *testing.T) {
	for _, buffered := range []bool{true, false} {
		batch := sinktest.Batch(0, 5)
		for room := range 5 * len("alert 0\n") {
			out := &limited{room: room}
			s := open(t, out, buffered)
			err := s.Send(t.Context(), batch)
			var partial *deliver.Partial
			done := 0
			if errors.As(err, &partial) {
				done = partial.Done
			}
			if !errors.Is(err, errFull) || done != room/len("alert 0\n") {
				t.Fatalf("room for %d bytes: error %v", room, err)
			}
			out.room = 1
			if err := s.Send(t.Context(), batch[done:]); err != nil { // one byte may be all that missed
				if !errors.Is(err, errFull) {
					t.Fatal(err)
				}
				if errors.As(err, &partial) {
					done += partial.Done
				}
				out.room = 1000
				if err := s.Send(t.Context(), batch[done:]); err != nil {
					t.Fatal(err)
				}
			}
			if got := out.String(); got != "alert 0\nalert 1\nalert 2\nalert 3\nalert 4\n" {
				t.Fatalf("room for %d bytes: wrote %q", room, got)
			}
		}
	}
}

// lying reports other lengths than it should.
type lying int

func (l lying) Write([]byte) (int, error) { return int(l), nil }

func TestShortWrite(t *testing.T) {
	for _, n := range []lying{0, -1, 3} {
		if err := open(t, n, true).Send(t.Context(), sinktest.Batch(0, 1)); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%d bytes: error %v", n, err)
		}
	}
	if err := open(t, lying(100), true).Send(t.Context(), sinktest.Batch(0, 1)); err != nil {
		t.Error(err)
	}
}

// TestBlockedWrite: a reader that stops for a while makes Send end with its context, and nothing is written twice.
func TestBlockedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s, err := stdout.New(w, stdout.Settings{Buffered: true}, sinktest.Message)
		if err != nil {
			t.Fatal(err)
		}
		batch := sinktest.Batch(0, 3)
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := s.Send(ctx, batch); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("error %v", err)
			}
			cancel()
		}
		var got bytes.Buffer
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = io.Copy(&got, r) })
		// The batch may come back in other parts than before.
		for _, part := range [][]*alert.Alert{batch[:2], append(batch[2:], sinktest.Batch(3, 2)...)} {
			if err := s.Send(t.Context(), part); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		reading.Wait()
		if want := "alert 0\nalert 1\nalert 2\nalert 3\nalert 4\n"; got.String() != want {
			t.Errorf("read %q", got.String())
		}
	})
}

// TestBlockedWriteFails: of a write that fails after its Send has ended, what got out is not written again.
func TestBlockedWriteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		s, err := stdout.New(w, stdout.Settings{Buffered: true}, sinktest.Message)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		batch := sinktest.Batch(0, 3)
		if err := s.Send(ctx, batch); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v", err)
		}
		got := make([]byte, len("alert 0\nal"))
		if _, err := io.ReadFull(r, got); err != nil {
			t.Fatal(err)
		}
		r.CloseWithError(errFull)
		err = s.Send(t.Context(), batch)
		var partial *deliver.Partial
		if !errors.As(err, &partial) || partial.Done != 1 || !errors.Is(err, errFull) {
			t.Errorf("error %v", err)
		}
	})
}

// TestFullPipe is the same with a real pipe that is full.
func TestFullPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := open(t, w, true)
	batch := sinktest.Batch(0, 20000) // more than a pipe holds
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := s.Send(ctx, batch); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v", err)
		}
		cancel()
	}
	var got bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(&got, r) })
	if err := s.Send(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	w.Close()
	reading.Wait()
	var want strings.Builder
	for _, a := range batch {
		want.WriteString(a.Message + "\n")
	}
	if got.String() != want.String() {
		t.Errorf("read %d bytes, want %d", got.Len(), want.Len())
	}
}

// TestReaderGone: a program whose standard output has no reader any more gets an error and lives.
func TestReaderGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), asProgram+"=1")
	c.Stdout = w
	var said bytes.Buffer
	c.Stderr = &said
	err = c.Run()
	w.Close()
	if err != nil || !strings.Contains(said.String(), "alive: true\n") {
		t.Errorf("error %v, said %q", err, said.String())
	}
}

func writeToNobody() {
	s, err := stdout.New(os.Stdout, stdout.Settings{}, sinktest.Message)
	if err == nil {
		err = s.Send(context.Background(), sinktest.Batch(0, 1))
	}
	fmt.Fprintf(os.Stderr, "alive: %v\n", errors.Is(err, unix.EPIPE))
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func TestSeveralWorkers(t *testing.T) {
	var out bytes.Buffer
	s := open(t, &out, false)
	var workers sync.WaitGroup
	for i := range 8 {
		workers.Go(func() {
			for j := range 20 {
				if err := s.Send(t.Context(), sinktest.Batch(i*100+j*5, 5)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	seen := map[string]int{}
	for line := range strings.Lines(out.String()) {
		seen[line]++
	}
	if len(seen) != 800 {
		t.Errorf("%d different lines", len(seen))
	}
}

// TestOneLineEach: whatever the alerts hold, each is one line.
func TestOneLineEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batch := rapid.SliceOfN(sinktest.Alert(), 1, 5).Draw(t, "batch")
		var out bytes.Buffer
		s, err := stdout.New(&out, stdout.Settings{Buffered: rapid.Bool().Draw(t, "buffered")}, sinktest.Message)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		if n := sinktest.CleanLines(out.Bytes()); n != len(batch) {
			t.Fatalf("%d clean lines for %d alerts: %q", n, len(batch), out.String())
		}
	})
}

func Benchmark(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	for _, buffered := range []bool{false, true} {
		for _, size := range []int{1, 100} {
			b.Run(fmt.Sprintf("buffered=%v/batch=%d", buffered, size), func(b *testing.B) {
				s := open(b, null, buffered)
				batch := sinktest.Batch(0, size)
				b.ReportAllocs()
				for b.Loop() {
					if err := s.Send(context.Background(), batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "lines/s")
			})
		}
	}
}
