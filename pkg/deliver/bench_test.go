package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/queue"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/deliver/sink/http"
	"github.com/saker-security/saker/pkg/rule"
)

// benchAlert is an alert as Falco's default rules make them: 700 bytes as JSON, 500 on disk.
func benchAlert(i int) *alert.Alert {
	a := &alert.Alert{
		ID: fmt.Sprintf("%026d", i), Time: 1700000000e9 + int64(i), Rule: "Terminal shell in container", Priority: rule.PriorityNotice,
		Source: "syscall", Hostname: "node-1", Tags: []string{"T1059", "container", "maturity_stable", "mitre_execution", "shell"},
		Message: "A shell was spawned in a container with an attached terminal (evt_type=execve user=root user_uid=0 process=bash parent=runc command=bash -il terminal=34816)",
	}
	for _, name := range []string{"container.id", "container.name", "evt.type", "k8s.ns.name", "k8s.pod.name", "proc.cmdline", "proc.name", "proc.pname", "proc.tty", "user.name"} {
		a.Fields = append(a.Fields, alert.Field{Name: name, JSON: `"a value"`})
	}
	return a
}

// taker takes every batch at once; with an error it takes none; hanging, it waits for the end.
type taker struct {
	err   error
	hangs bool
}

func (s taker) Send(ctx context.Context, _ []*alert.Alert) error {
	if s.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.err
}

func (taker) Close() error { return nil }

func outputs(n int, s deliver.Settings, sink deliver.Sink) []deliver.Output {
	all := make([]deliver.Output, n)
	for i := range all {
		all[i] = deliver.Output{Name: fmt.Sprint("sink", i), Settings: s, Open: func() (deliver.Sink, error) { return sink, nil }}
	}
	return all
}

func open(b *testing.B, dir string, list []deliver.Output) *deliver.Outputs {
	b.Helper()
	o, err := deliver.Open(deliver.Options{Dir: dir}, list)
	if err != nil {
		b.Fatal(err)
	}
	return o
}

// hand gives an alert to the outputs, and waits while a queue is full.
func hand(b *testing.B, o *deliver.Outputs, a *alert.Alert) {
	for {
		err := o.Deliver(a)
		if err == nil {
			return
		}
		if !errors.Is(err, deliver.ErrFull) {
			b.Fatal(err)
		}
		if err := o.Room(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// finish drains and checks that every alert went to every sink.
func finish(b *testing.B, o *deliver.Outputs, alerts int) {
	b.Helper()
	if err := o.Drain(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, c := range o.Counts() {
		if c.Delivered < uint64(alerts) || c.Unaccounted() != 0 {
			b.Fatalf("%d alerts: %+v", alerts, c)
		}
	}
	if err := o.Close(); err != nil {
		b.Fatal(err)
	}
}

func where(b *testing.B, f func(b *testing.B, dir string)) {
	b.Run("memory", func(b *testing.B) { f(b, "") })
	b.Run("disk", func(b *testing.B) { f(b, b.TempDir()) })
}

// spent is the processor time of the calling thread, which other load on the machine changes little.
func spent(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDeliver is the whole way of an alert through the queues of one and of five sinks, which take everything.
// cpu-ns/deliver is the processor time of the goroutine that hands it in.
func BenchmarkDeliver(b *testing.B) {
	for _, n := range []int{1, 5} {
		b.Run(fmt.Sprint("sinks=", n), func(b *testing.B) {
			where(b, func(b *testing.B, dir string) {
				s := deliver.DefaultSettings()
				s.Batch, s.Queue.Policy = 500, queue.Block
				o := open(b, dir, outputs(n, s, taker{}))
				a := benchAlert(0)
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				b.ReportAllocs()
				b.ResetTimer()
				start := spent(b)
				for range b.N {
					hand(b, o, a)
				}
				paid := spent(b) - start
				finish(b, o, b.N)
				b.ReportMetric(float64(paid)/float64(b.N), "cpu-ns/deliver")
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
			})
		})
	}
}

// BenchmarkSlowSinks is an evaluation of events of 10 microseconds and more each, of which every thousandth makes an
// alert: about a hundred alerts a second. slowdown-% is how much longer it takes with sinks than without, in processor
// time of the goroutine that evaluates; a round with sinks follows each without. The sinks take everything at once, or
// take nothing and never answer.
func BenchmarkSlowSinks(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		for _, sink := range []taker{{}, {hangs: true}} {
			name := fmt.Sprintf("sinks=%d/hanging=%v", n, sink.hangs)
			b.Run(name, func(b *testing.B) {
				where(b, func(b *testing.B, dir string) { slowSinks(b, dir, n, sink) })
			})
		}
	}
}

func slowSinks(b *testing.B, dir string, n int, sink deliver.Sink) {
	s := deliver.DefaultSettings()
	s.Batch, s.Timeout = 100, time.Hour
	o := open(b, dir, outputs(n, s, sink))
	a, sum := benchAlert(0), byte(0)
	block := make([]byte, 10<<10)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var without, with time.Duration
	b.ResetTimer()
	for range b.N {
		for _, took := range []*time.Duration{&without, &with} {
			start := spent(b)
			for event := range 20000 {
				for _, x := range block {
					sum = sum*31 + x
				}
				if event%1000 == 0 && took == &with {
					if err := o.Deliver(a); err != nil {
						b.Fatal(err)
					}
				}
			}
			*took += spent(b) - start
		}
	}
	b.StopTimer()
	runtime.KeepAlive(sum)
	b.ReportMetric(100*(float64(with)/float64(without)-1), "slowdown-%")
	b.ReportMetric(float64(without)/float64(b.N)/20000, "cpu-ns/event")
	if err := o.Close(); err != nil && dir != "" {
		b.Fatal(err)
	}
}

// BenchmarkBacklog is an hour's outage of a sink at 100 alerts a second: 360,000 alerts wait on disk, the process ends,
// the next one delivers them. disk-MB is what they take, fill-heap-MB the greatest live heap while they come and wait,
// drain-heap-MB while they are delivered, drain-alerts/s how fast that is, with the looks at the heap.
func BenchmarkBacklog(b *testing.B) {
	const alerts = 360000
	for range b.N {
		dir := b.TempDir()
		s := deliver.DefaultSettings()
		s.Batch = 500
		o := open(b, dir, outputs(1, s, taker{err: errors.New("down")}))
		heap := newHeap()
		for i := range alerts {
			if err := o.Deliver(benchAlert(i)); err != nil {
				b.Fatal(err)
			}
			if i%10000 == 9999 { // the hour is over sooner than the disk can follow
				if err := o.Commit(b.Context()); err != nil {
					b.Fatal(err)
				}
				heap.look()
			}
		}
		c := o.Counts()[0]
		if c.Queued != alerts || c.Unaccounted() != 0 {
			b.Fatalf("%+v", c)
		}
		if err := o.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(used(b, dir))/1e6, "disk-MB")
		b.ReportMetric(heap.max(), "fill-heap-MB")
		heap = newHeap()
		start := time.Now()
		o = open(b, dir, outputs(1, s, taker{}))
		for before := uint64(alerts); before > 0; {
			if left := o.Counts()[0].Queued; before-left >= 10000 || left == 0 {
				before = left
				heap.look()
			}
			time.Sleep(time.Millisecond)
		}
		finish(b, o, alerts)
		b.ReportMetric(alerts/time.Since(start).Seconds(), "drain-alerts/s")
		b.ReportMetric(heap.max(), "drain-heap-MB")
	}
}

// used is how many bytes the files below a directory have.
func used(b *testing.B, dir string) (sum int64) {
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return sum
}

// heap knows how much of the heap lives in addition to what lived when it was made.
type heap struct{ before, most uint64 }

func newHeap() *heap {
	h := &heap{}
	h.before = live()
	return h
}

func (h *heap) look() { h.most = max(h.most, live()) }

func (h *heap) max() float64 { return float64(h.most-min(h.most, h.before)) / 1e6 }

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkFiveSinks is alerts on their way to five web servers in batches of 500 as JSON, over the disk.
func BenchmarkFiveSinks(b *testing.B) {
	server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(nethttp.StatusBadRequest)
		}
	}))
	defer server.Close()
	s := deliver.DefaultSettings()
	s.Batch, s.Linger, s.Queue.Policy = 500, 100*time.Millisecond, queue.Block
	list := make([]deliver.Output, 5)
	for i := range list {
		list[i] = deliver.Output{Name: fmt.Sprint("http", i), Settings: s, Open: func() (deliver.Sink, error) {
			render := func(dst []byte, a *alert.Alert) []byte { return a.AppendJSON(dst, alert.DefaultOptions()) }
			return http.New(http.Settings{URL: secret.New(server.URL), KeepAlive: true}, http.Options{Render: render, JSON: true})
		}}
	}
	o := open(b, b.TempDir(), list)
	a := benchAlert(0)
	b.ResetTimer()
	for i := range b.N {
		hand(b, o, a)
		if i%100 == 99 {
			if err := o.Commit(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	finish(b, o, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
}
