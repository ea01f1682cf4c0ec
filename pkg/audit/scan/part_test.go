package scan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inParts passes the value at the start of text in parts of so many bytes, and returns where it ends, -1 for a defect.
func inParts(text string, size int) (end int, err *Error) {
	var p Passer
	p.Reset(0)
	for {
		n, ended := p.Pass([]byte(text[end:min(end+size, len(text))]))
		end += n
		switch {
		case p.Err != nil:
			return -1, p.Err
		case ended:
			return end, nil
		case end < len(text):
			continue
		case !p.End():
			return -1, p.Err
		}
		return end, nil
	}
}

var partTexts = []string{
	`{"a":[1,-2.5e+3,true,false,null,"x\u00e9\n"],"b":{},"c":[]} ,`, "[\n]", `"\ud83d\ude00"`, `{"a":1,}`, `[01]`, "\"\x00\"", "", " 1",
	`-`, `-0.5E-7]`, `1.`, `1.x`, `2e`, `2e+`, `nul`, `nulx`, `truefalse`, `[1 2]`, `{"a" 1}`, `{1:2}`, `["\x"]`, `["\u12g4"]`, `["abcdefghijklmnop`,
	`{"abcdefghij\"klmnop":"qrstuvwxyz\\\/012345678"}}`, `[[[[]],{}]`, "\xff", `[1`, `{"a":0`, `{"a":"`, `{"a":"\`, `{"a":"\u0`, `{"a`, `[-]`, `[1.5,`,
}

func TestPasser(t *testing.T) {
	for _, text := range partTexts {
		for size := 1; size < 20; size++ {
			compareParts(t, text, size)
		}
	}
	deep := strings.Repeat("[", MaxDepth)
	compareParts(t, deep+"1"+strings.Repeat("]", MaxDepth), 1000)
	compareParts(t, deep+"[", 1000)
}

// compareParts compares a Passer with a Scanner, which must have white space before the value passed.
func compareParts(t *testing.T, text string, size int) {
	t.Helper()
	var s Scanner
	s.Reset([]byte(text))
	want := s.Value(s.Space(0), 0)
	got, err := inParts(text, size)
	if d := cmp.Diff(s.Err, err); got != want || d != "" {
		t.Errorf("%.80q in parts of %d: end %d, want %d; error differs (-want +got):\n%s", text, size, got, want, d)
	}
}

// FuzzPasser compares what is passed in parts with what is passed whole.
func FuzzPasser(f *testing.F) {
	for i, text := range partTexts {
		f.Add(text, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		compareParts(t, text, int(size)+1)
	})
}

func BenchmarkPasser(b *testing.B) {
	text := []byte(`{"data":{"x":"` + strings.Repeat(`some text of a file\n`, 50_000) + `"},"list":[` + strings.Repeat(`{"name":"a","value":12},`, 20_000) + `1]}`)
	b.SetBytes(int64(len(text)))
	var p Passer
	for b.Loop() {
		p.Reset(0)
		if _, ended := p.Pass(text); !ended || p.Err != nil {
			b.Fatal(p.Err)
		}
	}
}
