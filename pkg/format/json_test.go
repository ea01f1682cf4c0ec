package format

import (
	"encoding/json"
	"testing"
)

// What a terminal acts on is escaped in every output, and reads back as the same text.
func TestNothingSteersATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"a\u009b2J":       `a\u009b2J`,
		"\x7f":            `\u007f`,
		"x\u202eexe.txt":  `x\u202eexe.txt`,
		"\u2066\u2069":    `\u2066\u2069`,
		"\u2028":          `\u2028`,
		"é – 日本語 🙂\u00a0": "é – 日本語 🙂\u00a0",
	} {
		got := string(AppendEscaped(nil, in))
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
		var back string
		if err := json.Unmarshal([]byte(`"`+got+`"`), &back); err != nil || back != in {
			t.Errorf("%q reads back as %q, %v", in, back, err)
		}
	}
}
