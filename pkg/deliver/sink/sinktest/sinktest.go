// Package sinktest makes alerts for the tests of the sinks.
package sinktest

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/alert"
)

// Message is a deliver.Render that gives the message as it is, control characters included.
func Message(dst []byte, a *alert.Alert) []byte { return append(dst, a.Message...) }

// Batch makes n alerts, numbered from first in their ids and messages.
func Batch(first, n int) []*alert.Alert {
	batch := make([]*alert.Alert, n)
	for i := range batch {
		batch[i] = &alert.Alert{ID: fmt.Sprintf("%026d", first+i), Rule: "r", Message: fmt.Sprintf("alert %d", first+i)}
	}
	return batch
}

// hostile is text that breaks what is careless.
var hostile = []string{
	"\n", "\r\n", "\x00", "\x1b[2J", "\x7f", "\u0085", "\u202e", "\u2028", "\xff\xfe", "\xc3", `"`, `\`, "]", "`id`", "$(id)", "; id",
	"<13>1 - - - - - -", "9 <13>1", "😀", "%s%n",
}

// text draws text of any bytes, often hostile.
func text() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var s string
		for range rapid.IntRange(0, 4).Draw(t, "parts") {
			if rapid.Bool().Draw(t, "hostile") {
				s += rapid.SampledFrom(hostile).Draw(t, "text")
			} else {
				s += string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes"))
			}
		}
		return s
	})
}

// Alert draws alerts whose texts hold anything.
func Alert() *rapid.Generator[*alert.Alert] {
	return rapid.Custom(func(t *rapid.T) *alert.Alert {
		return &alert.Alert{
			ID:       fmt.Sprintf("%026d", rapid.Uint32().Draw(t, "id")),
			Time:     int64(rapid.Uint32().Draw(t, "time")) * 1e9,
			Rule:     text().Draw(t, "rule"),
			Priority: alert.Priority(rapid.IntRange(0, 7).Draw(t, "priority")),
			Source:   text().Draw(t, "source"), Hostname: text().Draw(t, "hostname"), Message: text().Draw(t, "message"),
			Tags: []string{text().Draw(t, "tag")},
		}
	})
}

// CleanLines counts the lines in text; -1 tells that there is something else in it: a line without an end, a control
// character or bytes that are not UTF-8.
func CleanLines(text []byte) int {
	n := bytes.Count(text, []byte("\n"))
	if len(text) > 0 && text[len(text)-1] != '\n' || !utf8.Valid(text) {
		return -1
	}
	for _, r := range string(text) {
		if r != '\n' && unicode.IsControl(r) {
			return -1
		}
	}
	return n
}
