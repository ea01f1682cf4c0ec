package reliability

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/fakesink"
)

// BenchmarkOutage puts the alerts of an hour at 100 a second into the queue of a sink that is down, as fast as the
// program takes them, then lets the sink be up. It gives what the program needs: bytes on disk, resident memory after a
// tenth of the alerts, after all of them and when they are delivered, and the alerts delivered in a second. Run it with
// -benchtime 1x.
func BenchmarkOutage(b *testing.B) {
	const alerts, batch = 360_000, 400
	for b.Loop() {
		b.StopTimer()
		sink := fakesink.Start(b, fakesink.Options{})
		dir := b.TempDir()
		i := newInstance(b, dir, sink.URL, "-o", "http_output.delivery.batch=100")
		i.start(b)
		i.waitReady(b)
		sink.Down()
		b.StartTimer()
		for n := 0; n < alerts; n += batch {
			ids := make([]string, batch)
			for k := range ids {
				ids[k] = fmt.Sprint("event-", n+k)
			}
			if !i.post(ids) {
				b.Fatalf("not taken:\n%s", i.process.Output())
			}
			if n == alerts/10 {
				b.ReportMetric(float64(i.process.Memory())/(1<<20), "MiB-at-36000")
			}
		}
		b.ReportMetric(float64(i.process.Memory())/(1<<20), "MiB-at-360000")
		b.ReportMetric(float64(stored(b, dir))/(1<<20), "MiB-on-disk")
		sink.Up(b)
		start := time.Now()
		i.waitDelivered(b)
		b.ReportMetric(alerts/time.Since(start).Seconds(), "delivered/s")
		b.ReportMetric(float64(i.process.Memory())/(1<<20), "MiB-delivered")
		i.process.Kill()
	}
}

// stored gives the bytes of all files below a directory.
func stored(b *testing.B, dir string) (bytes int64) {
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		bytes += info.Size()
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return bytes
}
