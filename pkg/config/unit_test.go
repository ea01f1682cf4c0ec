package config

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "1h": time.Hour, "1h30m10s500ms": time.Hour + 30*time.Minute + 10*time.Second + 500*time.Millisecond, "1.5s": 1500 * time.Millisecond,
		"7d": 7 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "1y": 365 * 24 * time.Hour, " 1h 5m ": time.Hour + 5*time.Minute, "3us": 3 * time.Microsecond, "3µs": 3 * time.Microsecond, "10m1ms": 10*time.Minute + time.Millisecond,
	} {
		if got, ok := parseDuration(text, 0); got != want || !ok {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "5", "-1s", "h", "1", "1x", "1.1.1s", "1e3s", "300y", "99999999999999999999s", "s1", "1s5", ".s", "NaNs"} {
		if got, ok := parseDuration(text, 0); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
	if got, ok := parseDuration("5000", time.Millisecond); got != 5*time.Second || !ok {
		t.Error(got, ok)
	}
	for _, text := range []string{"9223372036854775807", "-5", "1.5"} {
		if got, ok := parseDuration(text, time.Millisecond); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "65536": 65536, "64KiB": 65536, "64k": 64000, "10MB": 10e6, "1GiB": 1 << 30, "1.5 GiB": 3 << 29, "1Gi": 1 << 30, "5b": 5, "1TiB": 1 << 40, "1024TiB": 1 << 50,
	} {
		if got, ok := parseSize(text); got != want || !ok {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-1", "1.5", "MB", "5 apples", "1025TiB", "9223372036854775807", "9999999999999999999999", "1e3", "0x10", "1.2.3KB", "KiB5"} {
		if got, ok := parseSize(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestUnitsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "duration"))
		if d > 1<<52 { // above, a number of one unit has more digits than a float
			d = d.Truncate(time.Microsecond)
		}
		if got, ok := parseDuration(formatDuration(d), 0); got != d || !ok {
			t.Fatalf("%v: %s is read as %v", d, formatDuration(d), got)
		}
		n := rapid.Int64Range(0, maxBytes).Draw(t, "size")
		if got, ok := parseSize(formatSize(n)); got != n || !ok {
			t.Fatalf("%d: %s is read as %v", n, formatSize(n), got)
		}
	})
}
