package grpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc/outputs"
)

// openOutputs delivers to the sink with a data directory.
func openOutputs(t testing.TB, dir string, s Settings, batch int) *deliver.Outputs {
	t.Helper()
	settings := deliver.DefaultSettings()
	settings.Timeout, settings.Batch = 0, batch
	o, err := deliver.Open(deliver.Options{Dir: dir}, []deliver.Output{{
		Name: "grpc", Settings: settings, Config: s, Open: func() (deliver.Sink, error) { return New(s, render, Version{}) },
	}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Alerts wait on disk for a client, also across a restart; what a client took is not given to the next one, and while
// nobody asks nothing fails.
func TestOutputs(t *testing.T) {
	dir := t.TempDir()
	s := Settings{BindAddress: "unix://" + filepath.Join(dir, "s")}
	o := openOutputs(t, dir, s, 4)
	for i := range 10 {
		if err := o.Deliver(sample(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream, err := outputs.NewServiceClient(connect(t, s.BindAddress, nil)).Sub(within(t))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for range 10 {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		seen[m.Rule]++
	}
	for i := range 3 {
		if err := o.Deliver(sample(fmt.Sprint("later ", i))); err != nil {
			t.Fatal(err)
		}
	}
	// The client has the first of them, and maybe more, when the program ends.
	m, err := stream.Recv()
	if err != nil || m.Rule != "r later 0" {
		t.Fatal(m, err)
	}
	seen[m.Rule]++
	if err := o.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = openOutputs(t, dir, s, 4)
	defer o.Close()
	if c := o.Counts()[0]; c.Recovered != c.Queued || c.Recovered > 2 || c.Unaccounted() != 0 {
		t.Errorf("%+v", c)
	}
	get, err := outputs.NewServiceClient(connect(t, s.BindAddress, nil)).Get(within(t), &outputs.Request{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := get.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen[m.Rule]++
	}
	for {
		m, err := stream.Recv() // what was sent before the restart
		if err != nil {
			break
		}
		seen[m.Rule]++
	}
	if len(seen) != 13 {
		t.Errorf("%d alerts arrived: %v", len(seen), seen)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := o.Drain(ctx); err != nil {
		t.Error(err)
	}
	if c := o.Counts()[0]; c.Failures != 0 || c.Dead != 0 || c.Open || c.Failing != "" || c.Unaccounted() != 0 {
		t.Errorf("%+v", c)
	}
}

// BenchmarkOutputs is the way of an alert from its match to a client, with the queue on disk.
func BenchmarkOutputs(b *testing.B) {
	for _, batch := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			dir := b.TempDir()
			s := Settings{BindAddress: "unix://" + filepath.Join(dir, "s")}
			o := openOutputs(b, dir, s, batch)
			defer o.Close()
			conn, err := grpc.NewClient(s.BindAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			stream, err := outputs.NewServiceClient(conn).Sub(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			a := sample("1")
			b.ResetTimer()
			go func() {
				for range b.N {
					if err := o.Deliver(a); err != nil {
						b.Error(err)
					}
				}
			}()
			for range b.N {
				if _, err := stream.Recv(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
		})
	}
}
