package analysis_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/saker-security/saker/pkg/condition"
)

// TestCorpus: rules that are as they should be raise no warning. Those in testdata/corpus are
// written in the style and with the idioms of rules that many people use.
func TestCorpus(t *testing.T) {
	for _, pattern := range []string{"../../../rules/*.yaml", "testdata/corpus/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) < 2 {
			t.Fatalf("%s: %d files, error %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			t.Run(filepath.Base(path), func(t *testing.T) {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				found := check(t, live, string(data))
				for _, d := range found {
					if d.Severity == condition.SeverityWarning {
						t.Errorf("%s: %s [%s] %s\n%s", d.Start, d.Message, d.Code, d.Hint, d.Line)
					}
				}
				t.Logf("%d findings\n%s", len(found), said(found))
			})
		}
	}
}
