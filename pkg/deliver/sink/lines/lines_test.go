package lines_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/sink/lines"
	"github.com/saker-security/saker/pkg/deliver/sink/sinktest"
)

func TestAppendClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "",
		`plain "text" \n`:          `plain "text" \n`,
		"a\nb\rc\x00d\x1b[1me\x7f": `a\nb\rc\u0000d\u001b[1me\u007f`,
		"grüße 世界 😀":               "grüße 世界 😀",
		"\u0085\u202e\u2028":       `\u0085\u202e\u2028`,
		"a\xffb\xc3":               "a\uFFFDb\uFFFD",
	} {
		if diff := cmp.Diff(want, string(lines.AppendClean(nil, []byte(in)))); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

// TestWhole: of a batch that went out in part it is known how many lines are whole.
func TestWhole(t *testing.T) {
	var l lines.Lines
	for _, text := range []string{"a", "", "ccc"} {
		l.Add(&alert.Alert{Message: text}, sinktest.Message)
	}
	if string(l.Text) != "a\n\nccc\n" || l.Len() != 3 || l.End(0) != 0 || l.End(3) != 7 {
		t.Fatalf("%q, %d lines", l.Text, l.Len())
	}
	for size, want := range []int{0, 0, 1, 2, 2, 2, 2, 3} {
		if got := l.Whole(size); got != want {
			t.Errorf("%d lines are whole in %d bytes, want %d", got, size, want)
		}
	}
}

// TestOneLine: whatever an alert holds and however it is rendered, it is one line without control characters.
func TestOneLine(t *testing.T) {
	options := alert.DefaultOptions()
	options.Message = true
	rapid.Check(t, func(t *rapid.T) {
		a := sinktest.Alert().Draw(t, "alert")
		var l lines.Lines
		l.Add(a, sinktest.Message)
		l.Add(a, func(dst []byte, a *alert.Alert) []byte { return a.AppendText(dst, options) })
		l.Add(a, func(dst []byte, a *alert.Alert) []byte { return a.AppendJSON(dst, options) })
		if n := sinktest.CleanLines(l.Text); n != 3 {
			t.Fatalf("%d lines in %q", n, l.Text)
		}
		all := strings.SplitAfter(string(l.Text), "\n")
		var decoded struct{ Message, Rule string }
		if err := json.Unmarshal([]byte(all[2]), &decoded); err != nil || utf8.ValidString(a.Message) && decoded.Message != a.Message {
			t.Fatalf("JSON %q: %v", all[2], err)
		}
	})
}

// TestResetFreesWhatIsLarge: one huge alert does not hold its memory for ever.
func TestResetFreesWhatIsLarge(t *testing.T) {
	var l lines.Lines
	l.Add(&alert.Alert{Message: strings.Repeat("x", 4<<20)}, sinktest.Message)
	l.Reset()
	if cap(l.Text) != 0 {
		t.Errorf("%d bytes are kept", cap(l.Text))
	}
	l.Add(&alert.Alert{Message: "x"}, sinktest.Message)
	text := bytes.Clone(l.Text)
	l.Reset()
	if string(text) != "x\n" || l.Len() != 0 || len(l.Text) != 0 {
		t.Errorf("%q, then %d lines", text, l.Len())
	}
}
