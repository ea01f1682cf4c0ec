package scan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func whole(text []byte) (*Scanner, bool) {
	var s Scanner
	s.Reset(text)
	i := s.Value(s.Space(0), 0)
	if i < 0 {
		return &s, false
	}
	if i = s.Space(i); i != len(text) {
		s.Fail(i, "the end")
		return &s, false
	}
	return &s, true
}

func TestErrors(t *testing.T) {
	cases := []struct {
		text, message string
		offset        int
		short         bool
	}{
		{``, "the text ends where a value is expected", 0, true},
		{`{`, "the text ends where a member name in quotation marks is expected", 1, true},
		{`{"a" 1}`, "'1' where ':' is expected", 5, false},
		{`{"a":1 "b":2}`, `'"' where ',' or '}' is expected`, 7, false},
		{`{"a":1,}`, "'}' where a member name in quotation marks is expected", 7, false},
		{`[1,]`, "']' where a value is expected", 3, false},
		{`[1 2]`, "'2' where ',' or ']' is expected", 3, false},
		{`[01]`, "'1' where ',' or ']' is expected", 2, false},
		{`[-]`, "']' where a digit is expected", 2, false},
		{`[1.]`, "']' where a digit is expected", 3, false},
		{`[1e+]`, "']' where a digit is expected", 4, false},
		{`[tru]`, "']' where true is expected", 4, false},
		{`["abcdefghij`, "the text ends where the end of a string is expected", 12, true},
		{"[\"abc\n\"]", "control character 0x0a in a string", 5, false},
		{"[\"abc\x00defghijk\"]", "control character 0x00 in a string", 5, false},
		{`["\x"]`, `'x' where one of "\/bfnrtu after a backslash is expected`, 3, false},
		{`["\u12g4"]`, "'g' where a hexadecimal digit of an escape is expected", 6, false},
		{"\xff", "byte 0xff where a value is expected", 0, false},
		{`[] x`, "'x' where the end is expected", 3, false},
	}
	for _, c := range cases {
		s, ok := whole([]byte(c.text))
		if ok {
			t.Errorf("%q is accepted", c.text)
			continue
		}
		if s.Err.Message != c.message || s.Err.Offset != c.offset || s.Err.Short != c.short {
			t.Errorf("%q: got %q at %d, short %v; want %q at %d, short %v",
				c.text, s.Err.Message, s.Err.Offset, s.Err.Short, c.message, c.offset, c.short)
		}
		if json.Valid([]byte(c.text)) {
			t.Errorf("%q: encoding/json accepts it", c.text)
		}
	}
}

// TestStrings puts each byte that matters at each place of a word of eight, since strings are passed by words.
func TestStrings(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for _, c := range []byte{0, 1, 0x1f, ' ', '!', '"', '#', '[', '\\', ']', 0x7f, 0x80, 0xa2, 0xdc, 0xff} {
				inner := bytes.Repeat([]byte{'a'}, n)
				inner[at] = c
				text := append(append([]byte{'"'}, inner...), '"')
				if _, ok := whole(text); ok != json.Valid(text) {
					t.Errorf("%q: got %v, encoding/json says %v", text, ok, !ok)
				}
			}
		}
	}
}

func TestDepth(t *testing.T) {
	for _, open := range []string{"[", `{"a":`} {
		closing := map[string]string{"[": "]", `{"a":`: "}"}[open]
		text := strings.Repeat(open, MaxDepth) + "1" + strings.Repeat(closing, MaxDepth)
		if s, ok := whole([]byte(text)); !ok {
			t.Errorf("%d levels of %q: %v", MaxDepth, open, s.Err)
		}
		s, ok := whole([]byte(strings.Repeat(open, 5_000_000)))
		if ok || !strings.Contains(s.Err.Message, "nested deeper than 10016 levels") {
			t.Errorf("endless %q: got %v, %v", open, ok, s.Err)
		}
	}
}

func TestUnquoteCompact(t *testing.T) {
	for _, raw := range []string{``, `abc`, `a\"b\\c\/d\b\f\n\r\t`, `\u0041\u00e9\u20ac`, `\ud83d\ude00!`, `\ud83d`, `\ud83dx`,
		`\ude00\ud83d`, `\ud83d\u0041`, `\u0000`} {
		var want string
		if err := json.Unmarshal([]byte(`"`+raw+`"`), &want); err != nil {
			t.Fatal(err)
		}
		if got := string(Unquote(nil, raw)); got != want {
			t.Errorf("Unquote(%q) = %q, want %q", raw, got, want)
		}
	}
	text := " {\n \"a b\" : [ 1 , \"x \\\" y\\\\\" ] }\t"
	if got, want := string(Compact(nil, text)), `{"a b":[1,"x \" y\\"]}`; got != want {
		t.Errorf("Compact = %s, want %s", got, want)
	}
}

// FuzzScan compares what is accepted, what strings mean and what compaction gives with encoding/json.
func FuzzScan(f *testing.F) {
	for _, text := range []string{`{"a":[1,-2.5e+3,true,false,null,"x\u00e9\n"],"b":{}}`, "[\n]", `"\ud83d\ude00"`, `{"a":1,}`, `[01]`, "\"\x00\"", "  "} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, ok := whole(text)
		if want := json.Valid(text); ok != want {
			t.Fatalf("%q: accepted %v, encoding/json %v (%v)", text, ok, want, s.Err)
		}
		if !ok {
			if s.Err.Offset < 0 || s.Err.Offset > len(text) {
				t.Fatalf("%q: offset %d", text, s.Err.Offset)
			}
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil {
			t.Fatal(err)
		}
		if got := Compact(nil, string(text)); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("%q: compact %q, want %q", text, got, want.Bytes())
		}
		if c := want.Bytes(); c[0] == '"' {
			var text string
			if err := json.Unmarshal(c, &text); err != nil {
				t.Fatal(err)
			}
			if got := strings.ToValidUTF8(string(Unquote(nil, string(c[1:len(c)-1]))), "\ufffd"); got != strings.ToValidUTF8(text, "\ufffd") && !strings.Contains(text, "\ufffd") {
				t.Fatalf("%q: text %q, want %q", c, got, text)
			}
		}
	})
}
