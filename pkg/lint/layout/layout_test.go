package layout_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/lint/layout"
	"github.com/saker-security/saker/pkg/rule"
)

var update = flag.Bool("update", false, "write the golden files")

func format(t testing.TB, data string) (string, []layout.Kept) {
	t.Helper()
	r, err := layout.Format(rule.File{Name: "f.yaml", Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return string(r.Data), r.Kept
}

// TestFiles lays out each file of testdata and compares with the golden file beside it, which stays as it is when it is
// laid out itself.
func TestFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d files, error %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, kept := format(t, string(data))
			if again, _ := format(t, got); again != got {
				t.Errorf("laid out twice it differs: %s", cmp.Diff(got, again))
			}
			var b strings.Builder
			b.WriteString(got)
			for _, k := range kept {
				b.WriteString("# kept: line " + string(rune('0'+k.Line/10)) + string(rune('0'+k.Line%10)) + ": " + k.Reason + "\n")
			}
			name := strings.TrimSuffix(path, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestErrors: what cannot be read is refused with the place.
func TestErrors(t *testing.T) {
	for data, want := range map[string]string{
		"- a: b: c\n":              "f.yaml:1:7: not valid YAML: a colon and a blank inside a value that is not quoted; quote the value",
		"- rule: \"x\n":            "f.yaml:1:9: not valid YAML: the quoted text that starts here has no end",
		"- rule: x\n- a: b: c\n":   "f.yaml:2:7: not valid YAML: a colon",
		"\x00":                     "f.yaml:1:1: control character 0x00",
		strings.Repeat("#", 5<<20): "f.yaml:1:1: the file is larger than 4 MiB",
		"- a: [" + strings.Repeat("x,", 400_000) + "]\n": "f.yaml:1:1: the file has more than 300000 values or lines; split it into several files",
		"- a:\n" + strings.Repeat("    b: c\n", 200_000): "f.yaml:1:1: the file has more than 250000 values; split it into several files",
	} {
		_, err := layout.Format(rule.File{Name: "f.yaml", Data: []byte(data)})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.20q: error %v, want %s", data, err, want)
		}
	}
}

// FuzzFormat: whatever a file holds, what is laid out says the same and is laid out already.
func FuzzFormat(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	for _, seed := range []string{"- a: >\n   x\n  # c\n", "- a: [x, #\n y]", "- - a\n  - b: c\n", "- a:\n  - b # c\n  # d\n- e:", "- ? a\n  : b\n", "---\n--- \n- a\n", "- condition: not(a)or(b)\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		if len(data) > 5_000 {
			return
		}
		// Format compares the values and comments of what it read with those of what it returns.
		first, err := layout.Format(rule.File{Name: "f", Data: []byte(data)})
		if err != nil {
			if strings.Contains(err.Error(), "without changing its meaning") {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		second, err := layout.Format(rule.File{Name: "f", Data: first.Data})
		if err != nil {
			t.Fatalf("%q became\n%s\nwhich gives %v", data, first.Data, err)
		}
		if string(first.Data) != string(second.Data) {
			t.Fatalf("%q is not laid out at once: %s", data, cmp.Diff(string(first.Data), string(second.Data)))
		}
	})
}
