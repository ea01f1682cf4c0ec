package follow

import (
	"path/filepath"
	"testing"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		path, name     string
		match, rotated bool
	}{
		{"audit.log", "audit.log", true, false},
		{"audit.log", "audit.log.gz", true, true},
		{"audit.log", "audit-2026-11-21T19-00-00.000.log", true, true},
		{"audit.log", "audit-2026-11-21T19-00-00.000.log.gz", true, true},
		{"audit.log", "audit.log.1", true, true},
		{"audit.log", "audit.log.12.gz", true, true},
		{"audit.log", "audit.log-20261121", true, true},
		{"audit.log", "audit.log-20261121-1795255200.gz", true, true},
		{"audit.log", "audit-20261121.log", true, true},
		{"audit.log", "audit.1.log", true, true},
		{"audit.log", "audit2.log", false, false},
		{"audit.log", "audit-kubelet.log", false, false},
		{"audit.log", "audit-kubelet-2026-11-21T19-00-00.000.log", false, false},
		{"audit.log", "audit.log.bak", false, false},
		{"audit.log", "audit.log.1.zst", false, false},
		{"audit.log", "xaudit.log", false, false},
		{"audit.log", "auditxlog", false, false},
		{"audit", "audit.1", true, true},
		{"audit", "audit-20261121.gz", true, true},
		{"audit", "auditor", false, false},
		{"a+b.log", "a+b.log.1", true, true},
		{"a+b.log", "aab.log.1", false, false},
		{"", "audit.log", true, false},
		{"", "audit.log.1", true, true},
		{"", "audit-2026-11-21T19-00-00.000.log", true, true},
		{"", "audit-20261121.log.gz", true, true},
		{"", "node-7.log", true, false},
		{"", "export.jsonl", true, false},
		{"", "export.json.gz", true, true},
		{"", "export.ndjson", true, false},
		{"", ".hidden.log", false, false},
		{"", "notes.txt", false, false},
		{"", "audit.log.swp", false, false},
		{"", "log", false, false},
	} {
		dir := t.TempDir()
		path := dir
		if c.path != "" {
			path = filepath.Join(dir, c.path)
		}
		p, err := placeOf(path)
		if err != nil {
			t.Fatal(err)
		}
		match := p.match.MatchString(c.name)
		if match != c.match || match && p.rotated(filepath.Join(dir, c.name)) != c.rotated {
			t.Errorf("%q for %q: match %v, rotated %v", c.name, c.path, match, match && p.rotated(filepath.Join(dir, c.name)))
		}
	}
}
