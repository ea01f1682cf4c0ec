package lint

import (
	"bytes"
	"net/url"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/saker-security/saker/pkg/rule"
)

// character gives the column of a position in characters, from 1, where the position itself counts bytes.
func (r *Result) character(p rule.Position, line string) int {
	column := min(max(p.Column-1, 0), len(line))
	return utf8.RuneCountInString(line[:column]) + 1
}

// lastLine gives the text of the line on which a finding ends.
func (r *Result) lastLine(d *rule.Diagnostic) string {
	if d.End.Line == d.Start.Line {
		return d.Line
	}
	for _, f := range r.files {
		if f.Name == d.End.File {
			lines := bytes.SplitN(f.Data, []byte("\n"), d.End.Line+1)
			if d.End.Line-1 < len(lines) {
				return string(lines[d.End.Line-1])
			}
		}
	}
	return ""
}

// uri gives the path of a file as a URI, relative to the directory root where it is below it.
func uri(name, root string) string {
	path := filepath.Clean(name)
	if root != "" && filepath.IsAbs(path) {
		if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
			path = rel
		}
	}
	u := url.URL{Path: filepath.ToSlash(path)}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	return u.String()
}

// relative gives the path of a file, relative to the directory root where it is below it.
func relative(name, root string) string {
	path := filepath.Clean(name)
	if rel, err := filepath.Rel(root, path); err == nil && filepath.IsAbs(path) && filepath.IsLocal(rel) {
		path = rel
	}
	return strings.ToValidUTF8(filepath.ToSlash(path), "\ufffd")
}
