package deliver

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestErrorText(t *testing.T) {
	long := strings.Repeat("é", 600)
	tests := []struct{ in, want string }{
		{"plain", "plain"},
		{"status 400: \x1b[31mred\r\n\x00\u202e\u00a0é\xff", `status 400: \x1b[31mred\r\n\x00\u202e\u00a0é\xff`},
		{long, strings.Repeat("é", 512) + "… (176 more bytes)"},
		{strings.Repeat("x", 1024), strings.Repeat("x", 1024)},
		{strings.Repeat("x", 1<<20), strings.Repeat("x", 1024) + "… (1047552 more bytes)"},
	}
	for _, test := range tests {
		if got := ErrorText(errors.New(test.in)); got != test.want {
			t.Errorf("%.20q: %q", test.in, got)
		}
	}
	if ErrorText(nil) != "" || shown(nil) != nil {
		t.Error("no error has no text")
	}
}

func TestErrorTextIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "text"))
		got := ErrorText(errors.New(in))
		if len(got) > maxErrorText+len(fmt.Sprintf("… (%d more bytes)", len(in))) || !utf8.ValidString(got) {
			t.Fatalf("%q", got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q is in %q", r, got)
			}
		}
	})
}

// TestTimedOut: that a sink was not done in time is said once.
func TestTimedOut(t *testing.T) {
	cause := errors.New("not done within 2s")
	for said, want := range map[string]string{
		"http://x/: not done within 2s": "http://x/: not done within 2s", "broken pipe": "not done within 2s: broken pipe",
	} {
		if got := (&timedOut{cause: cause, err: errors.New(said)}).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
