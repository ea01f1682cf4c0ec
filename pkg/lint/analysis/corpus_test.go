package analysis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/condition"
)

// TestCorpus: rules that are as they should be raise no warning. Those in testdata/corpus are
// written in the style and with the idioms of rules that many people use. The files of a folder are read in the order of
// their names, each after the ones before it.
func TestCorpus(t *testing.T) {
	for _, pattern := range []string{"../../../rules/*.yaml", "testdata/corpus/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) < 2 {
			t.Fatalf("%s: %d files, error %v", pattern, len(paths), err)
		}
		var all strings.Builder
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(data)
		}
		found := check(t, live, all.String())
		for _, d := range found {
			if d.Severity == condition.SeverityWarning {
				t.Errorf("%s: %s: %s [%s]\n%s\n%s", pattern, d.Start, d.Message, d.Code, d.Line, d.Hint)
			}
		}
		t.Logf("%s: %d findings\n%s", pattern, len(found), said(found))
	}
}
