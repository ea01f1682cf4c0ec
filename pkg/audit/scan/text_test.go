package scan

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func TestRespell(t *testing.T) {
	for raw, want := range map[string]string{
		`{"a":"b"}`:                                   `{"a":"b"}`,
		`{"kubernetes.io\/enforce":null}`:             `{"kubernetes.io/enforce":null}`,
		`{"p\u0061th":"\/a~\u0031b\u002d\u002Dc"}`:    `{"path":"/a~1b--c"}`,
		`["\u003c\u003E\u0026","<>&"]`:                `["<>&","<>&"]`,
		`["\"\\\b\f\n\r\t"]`:                          `["\"\\\b\f\n\r\t"]`,
		`["\u0022\u005c\u005C\u0008\u000c\u000C"]`:    `["\"\\\\\b\f\f"]`,
		`["\u000a\u000A\u000d\u0009\u0000\u001F"]`:    `["\n\n\r\t\u0000\u001f"]`,
		`["\u007f\u00e9\u20AC\u2028\ud83d\uDE00é€😀"]`: "[\"\x7fé€\u2028😀é€😀\"]",
		`["\ud83d","\ud83dx","\ude00\ud83d\u0041"]`:   "[\"\ufffd\",\"\ufffdx\",\"\ufffd\ufffdA\"]",
		`["\\u0061","\\\/","\\\\\u0061"]`:             `["\\u0061","\\/","\\\\a"]`,
		"[\"\xff\\u0061\xe2\\u0082\"]":                "[\"\xffa\xe2\u0082\"]",
	} {
		if got := string(Respell([]byte("x"), raw)); got != "x"+want {
			t.Errorf("Respell(%s) = %s, want x%s", raw, got, want)
		}
		if got := WellSpelled(raw); got != (raw == want) {
			t.Errorf("WellSpelled(%s) = %v", raw, got)
		}
		if !WellSpelled(want) {
			t.Errorf("WellSpelled(%s) is false", want)
		}
	}
}

// FuzzRespell checks that a text means the same to encoding/json when it is respelled, that respelling it again changes
// nothing, and that the same text with its characters spelled otherwise becomes the same.
func FuzzRespell(f *testing.F) {
	for _, text := range []string{`{"a":"b"}`, `["\u0061\/\ud83d\ude00\ud83d\n\u000a\\u0061"]`, "[\"\xff\\u0061\xe2\\u0082é\"]", `{"\"":{"\\":[1,"\u001F"]}}`} {
		f.Add(text, "spelled otherwise")
	}
	f.Fuzz(func(t *testing.T, text, otherwise string) {
		if _, ok := whole([]byte(text)); !ok {
			return
		}
		got := string(Respell(nil, text))
		if len(got) > len(text) {
			t.Errorf("%q becomes longer: %q", text, got)
		}
		if WellSpelled(text) != (got == text) || !WellSpelled(got) || string(Respell(nil, got)) != got {
			t.Errorf("%q becomes %q, which is not stable", text, got)
		}
		var before, after any
		if json.Unmarshal([]byte(text), &before) != nil {
			return // nested deeper, or a number too great
		}
		if err := json.Unmarshal([]byte(got), &after); err != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%q becomes %q, which means something else: %v", text, got, err)
		}
		other := misspell(got, otherwise)
		if again := string(Respell(nil, other)); again != got {
			t.Errorf("%q becomes %q; spelled as %q it becomes %q", text, got, other, again)
		}
	})
}

// misspell spells characters in the strings of a text in other ways, as the bytes of ways say.
func misspell(text, ways string) string {
	var out strings.Builder
	quoted := false
	for i, k := 0, 0; i < len(text); k++ {
		r, n := utf8.DecodeRuneInString(text[i:])
		if quoted && r == '\\' {
			r, n = escaped(text[i:])
		} else if r == '"' {
			quoted = !quoted
			out.WriteByte('"')
			i += n
			continue
		}
		way := byte(0)
		if k < len(ways) {
			way = ways[k]
		}
		switch {
		case !quoted || r == utf8.RuneError || way%3 == 0:
			out.WriteString(text[i : i+n])
		case r == '/' && way%3 == 1:
			out.WriteString(`\/`)
		default:
			out.WriteString(numbers(r, way%2 == 0))
		}
		i += n
	}
	return out.String()
}

// numbers spells a character as one or two numbers.
func numbers(r rune, upper bool) string {
	quoted := ""
	for _, u := range utf16.Encode([]rune{r}) {
		if upper {
			quoted += fmt.Sprintf(`\u%04X`, u)
		} else {
			quoted += fmt.Sprintf(`\u%04x`, u)
		}
	}
	return quoted
}

func BenchmarkRespell(b *testing.B) {
	for name, text := range map[string]string{
		"no escape":      strings.Repeat(`"name":"some text of forty characters",`, 1000),
		"well spelled":   strings.Repeat(`"name":"some \"text\" of forty\ncharacters",`, 1000),
		"escapes of < >": strings.Repeat(`"name":"some \u003ctext\u003e of characters",`, 1000),
		"all in numbers": strings.Repeat(`\u0061`, 7000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				if !WellSpelled(text) {
					dst = Respell(dst[:0], text)
				}
			}
		})
	}
}
