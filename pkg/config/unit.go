package config

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// durationUnits are the units of times; a day has 24 hours, a year 365 days. The longest name that fits counts.
var durationUnits = []struct {
	name string
	unit time.Duration
}{
	{"ms", time.Millisecond}, {"us", time.Microsecond}, {"µs", time.Microsecond}, {"ns", time.Nanosecond},
	{"y", 365 * 24 * time.Hour}, {"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second},
}

// parseDuration reads whole or decimal numbers, each with its unit. A number alone counts bare; where that is 0 it must
// be 0.
func parseDuration(s string, bare time.Duration) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseUint(s, 10, 63); err == nil {
		hi, lo := bits.Mul64(n, uint64(bare))
		return time.Duration(lo), hi == 0 && lo <= math.MaxInt64 && (bare > 0 || n == 0)
	}
	var total time.Duration
	for first := true; s != "" || first; first = false {
		i := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
		if i <= 0 {
			return 0, false
		}
		n, err := strconv.ParseFloat(s[:i], 64)
		if err != nil {
			return 0, false
		}
		unit := time.Duration(0)
		for _, u := range durationUnits {
			if rest, ok := strings.CutPrefix(s[i:], u.name); ok {
				s, unit = strings.TrimLeft(rest, " "), u.unit
				break
			}
		}
		part := n * float64(unit)
		if unit == 0 || part >= math.MaxInt64 || total > math.MaxInt64-time.Duration(part) {
			return 0, false
		}
		total += time.Duration(math.Round(part))
	}
	return total, true
}

// formatDuration writes a duration so that parseDuration reads it: 1h30m, not 1h30m0s.
func formatDuration(d time.Duration) string {
	if d <= 0 {
		return "0"
	}
	var b strings.Builder
	for _, name := range []string{"d", "h", "m", "s", "ms", "us", "ns"} {
		for _, u := range durationUnits {
			if u.name == name && d >= u.unit {
				b.WriteString(strconv.FormatInt(int64(d/u.unit), 10) + name)
				d %= u.unit
			}
		}
	}
	return b.String()
}

// sizeUnits are the units of sizes, in lower case.
var sizeUnits = map[string]int64{
	"": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12,
	"ki": 1 << 10, "kib": 1 << 10, "mi": 1 << 20, "mib": 1 << 20, "gi": 1 << 30, "gib": 1 << 30, "ti": 1 << 40, "tib": 1 << 40,
}

// maxBytes bounds sizes: a pebibyte.
const maxBytes = 1 << 50

// parseSize reads a number of bytes: a whole number alone or a decimal number with a unit.
func parseSize(s string) (int64, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	digits := strings.TrimRight(s, "bikmgt ")
	unit, ok := sizeUnits[strings.TrimSpace(s[len(digits):])]
	if !ok || digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return n * unit, n <= maxBytes/unit
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || unit == 1 || n*float64(unit) > maxBytes {
		return 0, false
	}
	return int64(n * float64(unit)), true
}

// formatSize writes a size so that parseSize reads it.
func formatSize(n int64) string {
	for _, u := range []struct {
		name string
		unit int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.unit && n%u.unit == 0 {
			return strconv.FormatInt(n/u.unit, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
