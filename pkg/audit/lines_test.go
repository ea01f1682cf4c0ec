package audit

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/event"
)

// linesOutcome is what came of a log that was read in parts.
type linesOutcome struct {
	IDs      []string
	Defects  []string
	Rejected int
	Foreign  int
}

// readLines reads a text in parts of some length; part 0 is the whole.
func readLines(t testing.TB, l *Lines, text string, part int) linesOutcome {
	t.Helper()
	var got linesOutcome
	c := Catalogue("host")
	done, b := 0, Batch{}
	l.Splitter = &Splitter{}
	l.Report = func(e *BodyError) { got.Defects = append(got.Defects, fmt.Sprintf("%d: %s", done+e.Offset, e.Message)) }
	if part == 0 {
		part = max(len(text), 1)
	}
	for end := 0; end < len(text); {
		end = min(end+part, len(text))
		n, err := l.Cut(&b, []byte(text[done:end]), end == len(text), func(b *Batch) error {
			got.Rejected += b.rejected()
			got.Foreign += b.Foreign
			for e := range b.All() {
				id, _ := extractText(t, c, e, "ka.auditid").(string)
				got.IDs = append(got.IDs, strings.Clone(id))
			}
			return nil
		})
		if err != nil || n < 0 || done+n > end {
			t.Fatalf("%d of %d bytes are done with, error %v", n, end-done, err)
		}
		done += n
	}
	if done != len(text) {
		t.Errorf("%d of %d bytes are done with", done, len(text))
	}
	return got
}

func TestLines(t *testing.T) {
	list := `{"kind":"EventList","items":[` + "\n" + line("i") + "," + line("j") + "\n]}"
	for _, c := range []struct {
		name, text string
		want       linesOutcome
	}{
		{"lines", line("a") + "\r\n\n" + line("b") + "\n" + line("c"), linesOutcome{IDs: []string{"a", "b", "c"}}},
		{"without line ends", line("a") + line("b"), linesOutcome{IDs: []string{"a", "b"}}},
		{"list", list + "\n" + line("z"), linesOutcome{IDs: []string{"i", "j", "z"}}},
		{"arrays", "[" + line("a") + ",\n[" + line("b") + "]]\n" + line("c"), linesOutcome{IDs: []string{"a", "b", "c"}}},
		{"a line that was never finished", line("a")[:16] + "\n" + line("b") + "\n" + line("c"),
			linesOutcome{IDs: []string{"b", "c"}, Defects: []string{"17: malformed JSON: '{' where a member name in quotation marks is expected"}}},
		{"cut off after a colon", line("a")[:8] + "\n" + line("b") + "\n" + line("c"),
			linesOutcome{IDs: []string{"b", "c"}, Defects: []string{"9: malformed JSON: the text ends where ',' or '}' is expected"}}},
		{"the last one is cut off", line("a") + "\n" + line("b")[:28],
			linesOutcome{IDs: []string{"a"}, Defects: []string{"99: malformed JSON: the text ends where the end of a string is expected"}}},
		{"garbage", "hello\nworld\n" + line("a") + "\n\x00\n" + line("b"),
			linesOutcome{IDs: []string{"a", "b"}, Defects: []string{"0: malformed JSON: 'h' where a value is expected", "83: malformed JSON: byte 0x00 where a value is expected"}}},
		{"no events", "{}\n" + line("a") + "\n{\"kind\":\"Pod\"}", linesOutcome{IDs: []string{"a"}, Rejected: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := readLines(t, &Lines{Max: 1 << 20}, c.text, 0)
			if c.name == "cut off after a colon" {
				whole.Defects[0] = c.want.Defects[0] // where it is seen depends on what follows
			}
			if d := cmp.Diff(c.want, whole); d != "" {
				t.Errorf("outcome differs (-want +got):\n%s", d)
			}
			parts := readLines(t, &Lines{Max: 1 << 20}, c.text, 7)
			if len(parts.Defects) != len(c.want.Defects) {
				t.Errorf("in parts: defects %q", parts.Defects)
			}
			parts.Defects = c.want.Defects
			if d := cmp.Diff(c.want, parts); d != "" {
				t.Errorf("outcome in parts differs (-want +got):\n%s", d)
			}
		})
	}
	t.Run("a value that is too long", func(t *testing.T) {
		long := strings.Replace(line("x"), `"auditID"`, `"verb":"`+strings.Repeat("v", 500)+`","auditID"`, 1)
		want := linesOutcome{IDs: []string{"a", "b"}, Defects: []string{"72: the value is longer than 200 bytes"}}
		got := readLines(t, &Lines{Max: 200}, line("a")+"\n"+long+"\n"+line("b"), 50)
		got.Defects[0] = "72" + got.Defects[0][strings.IndexByte(got.Defects[0], ':'):]
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("outcome differs (-want +got):\n%s", d)
		}
	})
}

// TestLinesAgain gives the same part again when it could not be evaluated.
func TestLinesAgain(t *testing.T) {
	l := Lines{Splitter: &Splitter{}, Max: 1 << 20}
	var b Batch
	text := []byte("garbage\n" + line("a") + "\n" + line("b")[:20])
	stop := errors.New("stop")
	if n, err := l.Cut(&b, text, false, func(*Batch) error { return stop }); n != 0 || !errors.Is(err, stop) {
		t.Errorf("%d, %v", n, err)
	}
	events := 0
	if n, err := l.Cut(&b, text, false, func(b *Batch) error { events += b.Len(); return nil }); n != len(text)-20 || err != nil || events != 1 {
		t.Errorf("%d of %d, %d events, %v", n, len(text), events, err)
	}
}

// TestLinesTrim has events that are too long: they are evaluated without their objects.
func TestLinesTrim(t *testing.T) {
	l := Lines{Splitter: &Splitter{MaxEvent: 200}, Max: 1 << 20}
	long := strings.TrimSuffix(line("a"), "}") + `,"requestObject":{"data":{"x":"` + strings.Repeat("x", 300) + `"}}}`
	var b Batch
	trimmed, events := 0, 0
	if _, err := l.Cut(&b, []byte(long+"\n"+line("b")), true, func(b *Batch) error { trimmed += b.Trimmed; events += b.Len(); return nil }); err != nil || trimmed != 1 || events != 2 {
		t.Errorf("%d trimmed of %d, %v", trimmed, events, err)
	}
}

// TestHostileLines reads logs that ask for more work than their length is worth.
func TestHostileLines(t *testing.T) {
	for name, text := range map[string]string{
		"nested objects":  strings.Repeat("{\"a\":\n", 1<<18),
		"nested arrays":   strings.Repeat("[\n", 1<<20),
		"lists for ever":  strings.Repeat("{\"kind\":\"EventList\",\"items\":[\n", 1<<16),
		"broken lines":    strings.Repeat("{\"a\n", 1<<18),
		"commas":          strings.Repeat(",", 1<<20),
		"lines that wait": strings.Repeat("{\"a\":\n"+line("a")+"\n", 1<<12),
	} {
		t.Run(name, func(t *testing.T) {
			l := Lines{Splitter: &Splitter{}, Max: 1 << 16}
			var b Batch
			for rest := []byte(text); len(rest) > 0; {
				part := rest[:min(len(rest), 1<<17)]
				n, err := l.Cut(&b, part, len(part) == len(rest), func(*Batch) error { return nil })
				if err != nil || n == 0 {
					t.Fatalf("%d bytes, error %v", n, err)
				}
				rest = rest[n:]
			}
		})
	}
}

// FuzzLines reads texts whole and in parts: it comes to an end, and finds the events that a FileReader finds when nothing
// is wrong.
func FuzzLines(f *testing.F) {
	f.Add(line("a")+"\n"+line("b"), 5)
	f.Add(`{"kind":"EventList","items":[`+line("a")+",\n{}]}", 3)
	f.Add("[\n"+line("a")+",\n"+line("b")+"]\n{\"a\":\n"+line("c"), 11)
	f.Add("x\n"+line("a")[:30]+"\n"+line("b")+"\n", 1)
	f.Fuzz(func(t *testing.T, text string, part int) {
		if part <= 0 {
			return
		}
		whole := readLines(t, &Lines{Max: 1 << 20}, text, 0)
		parts := readLines(t, &Lines{Max: 1 << 20}, text, part)
		if len(whole.Defects) > 0 || len(parts.Defects) > 0 {
			return
		}
		if d := cmp.Diff(whole, parts); d != "" {
			t.Errorf("outcome in parts differs (-whole +parts):\n%s", d)
		}
		f := &FileReader{Splitter: &Splitter{}}
		n := 0
		if err := f.ReadFrom("f", strings.NewReader(text), func(*event.Event) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		if f.Malformed == 0 && n != len(whole.IDs) {
			t.Errorf("a FileReader finds %d events, not %d", n, len(whole.IDs))
		}
	})
}
