package alert

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/rule"
)

// The lines have the form of Falco's: fields in parentheses in text, neither tags nor message in JSON.
func TestInternal(t *testing.T) {
	a := NewInternal(1700000000_000000001, "h", "Falco internal: x", rule.PriorityDebug, "some\nthing", Field{"b", `"t"`}, Field{"a", "1"})
	o := Options{Output: true, Message: true, Fields: true, Tags: true, ISO8601: true, Location: time.UTC}
	if got, want := string(a.AppendText(nil, o)), `22:13:20.000000001: Debug some\nthing (a=1 b="t")`; got != want {
		t.Errorf("text\n%s, want\n%s", got, want)
	}
	line := a.AppendJSON(nil, o)
	want := `{"hostname":"h","output":"some\nthing","output_fields":{"a":1,"b":"t"},"priority":"Debug",` +
		`"rule":"Falco internal: x","source":"internal","time":"2023-11-14T22:13:20.000000001Z"}`
	if string(line) != want || !json.Valid(line) {
		t.Errorf("JSON\n%s, want\n%s", line, want)
	}
	plain := NewInternal(1, "h", "r", rule.PriorityCritical, "m")
	if got, want := string(plain.AppendText(nil, o)), "00:00:00.000000001: Critical m"; got != want {
		t.Errorf("text without fields %q, want %q", got, want)
	}
	if plain.ID == a.ID || plain.ID == NewInternal(1, "h", "r", rule.PriorityCritical, "n").ID {
		t.Error("different alerts have one ID")
	}
}
