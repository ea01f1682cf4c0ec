package lint_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/rule"
)

var update = flag.Bool("update", false, "write the golden files")

var catalogues = map[string]*field.Catalogue{event.SourceSyscall: fieldtest.Syscall()}

func check(t testing.TB, path string) lint.Result {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return lint.Check([]rule.File{{Name: filepath.Base(path), Data: data}}, catalogues)
}

// TestBroken lints each file of testdata/broken and compares with the golden files beside it.
func TestBroken(t *testing.T) {
	paths, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d files, error %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r := check(t, path)
			var text, report strings.Builder
			if err := r.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			text.WriteString(r.Summary() + "\n")
			if err := r.WriteJSON(&report); err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", text.String())
			golden(t, strings.TrimSuffix(path, ".yaml")+".json", report.String())
			for _, c := range text.String() {
				if c < ' ' && c != '\n' || c == 0x7f {
					t.Errorf("control character %q in the text", c)
				}
			}
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}

// TestSeveralFiles: findings are in the order in which the files were given, and each names its file.
func TestSeveralFiles(t *testing.T) {
	bad := []byte("- rule: r\n  desc: d\n  condition: evt.type = open and nosuch.field = x\n  output: x\n  priority: INFO\n")
	later := []byte("- macro: m\n  condition: nosuch.field = x and\n")
	r := lint.Check([]rule.File{{Name: "z.yaml", Data: bad}, {Name: "a.yaml", Data: later}}, catalogues)
	if len(r.Findings) != 2 || r.Findings[0].Start.File != "z.yaml" || r.Findings[1].Start.File != "a.yaml" {
		t.Errorf("findings %+v", r.Findings)
	}
}

func TestClean(t *testing.T) {
	r := check(t, "falco/testdata/validate/good.yaml")
	var text, report strings.Builder
	if err := r.WriteText(&text); err != nil || text.String() != "" || !r.OK() {
		t.Errorf("text %q, error %v, ok %v", text.String(), err, r.OK())
	}
	if got := r.Summary(); got != "1 rule in 1 file: 0 errors, 0 warnings" {
		t.Errorf("summary %q", got)
	}
	if err := r.WriteJSON(&report); err != nil {
		t.Fatal(err)
	}
	var back lint.Report
	if err := json.Unmarshal([]byte(report.String()), &back); err != nil || !back.OK || back.Findings == nil {
		t.Errorf("report %s: %+v, error %v", report.String(), back, err)
	}
}

// TestLongLine: of a long line what is around the place is shown, and the caret stays under it.
func TestLongLine(t *testing.T) {
	for _, before := range []string{"", strings.Repeat("proc.name = cat or ", 30), strings.Repeat("proc.name = é€ or ", 30), strings.Repeat("proc.name = 日本 or ", 30)} {
		data := "- rule: r\n  desc: d\n  condition: evt.type = open and (" + before + "nosuch.field = x" + strings.Repeat(" or proc.name = \t日本", 30) + ")\n  output: x\n  priority: INFO\n"
		r := lint.Check([]rule.File{{Name: "f.yaml", Data: []byte(data)}}, catalogues)
		if len(r.Findings) != 1 {
			t.Fatalf("findings %+v", r.Findings)
		}
		var b strings.Builder
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		at := strings.Index(lines[1], "nosuch.field")
		if at < 0 || len([]rune(lines[1])) > 120 {
			t.Fatalf("line %q", lines[1])
		}
		column := 0
		for _, c := range lines[1][:at] {
			column++
			if c > 0x2E80 {
				column++
			}
		}
		if want := strings.Repeat(" ", column) + strings.Repeat("^", len("nosuch.field")); lines[2] != want {
			t.Errorf("carets do not fit:\n%s\n%s\n%s", lines[1], lines[2], want)
		}
	}
}

// FuzzText: whatever a file holds, the findings about it are clean lines of text and valid JSON.
func FuzzText(f *testing.F) {
	paths, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 10_000 {
			return
		}
		r := lint.Check([]rule.File{{Name: "f", Data: data}}, catalogues)
		var text, report strings.Builder
		if err := r.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		for _, c := range text.String() {
			if c < ' ' && c != '\n' || c == 0x7f || c == 0x1b || c >= 0x80 && c < 0xa0 || c >= 0x202a && c <= 0x202e {
				t.Fatalf("character %q in the text of %q:\n%s", c, data, text.String())
			}
		}
		if err := r.WriteJSON(&report); err != nil {
			t.Fatal(err)
		}
		var back lint.Report
		if err := json.Unmarshal([]byte(report.String()), &back); err != nil || len(back.Findings) != len(r.Findings) {
			t.Fatalf("%d of %d findings come back: %v", len(back.Findings), len(r.Findings), err)
		}
	})
}
