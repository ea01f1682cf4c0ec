package audit

import (
	"testing"
	"time"
)

func TestParseTimeEveryDay(t *testing.T) {
	last := time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
	for d := time.Date(1678, 1, 1, 23, 59, 58, 123_456_789, time.UTC); d.Before(last); d = d.AddDate(0, 0, 1) {
		text := d.Format(time.RFC3339Nano)
		if got, ok := parseTime(text); !ok || got != d.UnixNano() {
			t.Fatalf("%s: got %d, %v; want %d", text, got, ok, d.UnixNano())
		}
	}
}

var timeTexts = []string{
	"2024-01-01T00:00:00Z", "2024-02-29T12:34:56.000001Z", "2023-02-29T00:00:00Z", "2024-01-01T00:00:00+02:00",
	"2024-01-01T00:00:00.5-23:59", "2024-01-01T00:00:00.Z", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z",
	"2024-01-01T00:00:00", "2024-01-01", "", "2024-13-01T00:00:00Z", "2024-00-10T00:00:00Z", "2024-01-01t00:00:00z",
	"2024-01-01 00:00:00Z", "2024-01-01T00:00:00.1234567891234Z", "2024-01-01T0x:00:00Z", "0001-01-01T00:00:00Z",
	"2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+0200", "2024-01-01T00:00:00Z ", "2024-1-01T00:00:00Z",
	"2000-01-01T0:00:00,0Z",
}

// FuzzTime compares with the time package. Years that do not fit into nanoseconds are ours to refuse, and a comma
// before the fraction or an hour of one digit, which the time package takes, are not RFC 3339.
func FuzzTime(f *testing.F) {
	for _, text := range timeTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseTime(text)
		want, err := time.Parse(time.RFC3339Nano, text)
		fits := err == nil && len(text) > 19 && text[19] != ',' && text[13] == ':' && text[:4] >= "1678" && text[:4] <= "2261"
		if ok != fits {
			t.Fatalf("%q: accepted %v, time.Parse: %v, %v", text, ok, want, err)
		}
		if ok && got != want.UnixNano() {
			t.Fatalf("%q: got %d, want %d", text, got, want.UnixNano())
		}
	})
}
