package follow

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
)

// BenchmarkFollow catches up with a log of 64 MB, with the position kept on disk after each part. Evaluation costs
// nothing here. MB/s is what counts.
func BenchmarkFollow(b *testing.B) {
	dir := b.TempDir()
	event := strings.Replace(line("a"), `"verb":"get"`, `"verb":"get","requestURI":"`+strings.Repeat("/api/v1/namespaces/shop/pods", 30)+`"`, 1)
	n := 64 << 20 / len(event)
	path := filepath.Join(dir, "audit.log")
	if err := os.WriteFile(path, []byte(strings.Repeat(event, n)), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(n * len(event)))
	b.ReportAllocs()
	for b.Loop() {
		got := 0
		f := New(Options{Path: path, Position: filepath.Join(b.TempDir(), "position.json"), Splitter: &audit.Splitter{}, Log: zap.NewNop(),
			Evaluate: func(_ context.Context, batch *audit.Batch) error { got += batch.Len(); return nil }})
		for again := true; again; {
			var err error
			if again, err = f.pass(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		f.closeAll()
		if got != n {
			b.Fatalf("%d events of %d", got, n)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkLook is what it costs to find that nothing happened, in a directory with 50 rotated files: at most once in two
// seconds.
func BenchmarkLook(b *testing.B) {
	dir := b.TempDir()
	names := append([]string{"audit.log"}, make([]string, 50)...)
	for i := range 50 {
		names[i+1] = "audit.log." + string(rune('0'+i/10)) + string(rune('0'+i%10))
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat(line(name), 100)), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	f := New(Options{Path: dir, Splitter: &audit.Splitter{}, Log: zap.NewNop(), Evaluate: func(context.Context, *audit.Batch) error { return nil }})
	defer f.closeAll()
	for again := true; again; {
		again, _ = f.pass(b.Context())
	}
	b.ReportAllocs()
	for b.Loop() {
		if again, err := f.pass(b.Context()); again || err != nil {
			b.Fatal(again, err)
		}
	}
}
