package follow

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// rotation is what rotating programs put into a name: a number or a time after a dot or a hyphen. The API server writes
// audit-2026-11-21T19-00-00.000.log, logrotate audit.log.1, audit.log-20261121 or, with its option extension,
// audit-20261121.log.
const rotation = `[-._][-._:+TZ0-9]*[0-9][-._:+TZ0-9]*`

// logName is the name of a log in a directory; the first group is there when it is rotated.
var logName = regexp.MustCompile(`^[^.].*\.(?:log|json|jsonl|ndjson)(` + rotation + `)?(?:\.gz)?$`)

// dated is the name of a log whose rotation stands before the extension.
var dated = regexp.MustCompile(`^.+-[0-9]{4}-?[0-9]{2}-?[0-9]{2}[-._:+TZ0-9]*\.[a-z]+(?:\.gz)?$`)

// siblings matches the names that the log gets when it is rotated, and its own.
func siblings(name string) *regexp.Regexp {
	extension := filepath.Ext(name)
	stem := regexp.QuoteMeta(strings.TrimSuffix(name, extension))
	extension = regexp.QuoteMeta(extension)
	return regexp.MustCompile(`^` + stem + `(?:` + extension + `(?:` + rotation + `)?|` + rotation + extension + `)(?:\.gz)?$`)
}

// place is where the logs are.
type place struct {
	dir string
	// path is the log that is followed, empty for every log in the directory.
	path  string
	match *regexp.Regexp
}

// placeOf tells where the logs are that a path stands for.
func placeOf(path string) (place, error) {
	info, err := os.Stat(path)
	if err == nil {
		if err := checkKind(info, path); err != nil {
			return place{}, err
		}
	}
	if err == nil && info.IsDir() || strings.HasSuffix(path, "/") {
		return place{dir: filepath.Clean(path), match: logName}, nil
	}
	path = filepath.Clean(path)
	return place{dir: filepath.Dir(path), path: path, match: siblings(filepath.Base(path))}, nil
}

// directory is the directory in which changes show.
func directory(path string) string {
	if p, err := placeOf(path); err == nil {
		return p.dir
	}
	return filepath.Dir(path)
}

// rotated tells whether a file was put aside: nothing is written to it any more, but for what is under way.
func (p place) rotated(path string) bool {
	if p.path != "" {
		return path != p.path
	}
	name := filepath.Base(path)
	groups := logName.FindStringSubmatch(name)
	return strings.HasSuffix(name, ".gz") || len(groups) > 1 && groups[1] != "" || dated.MatchString(name)
}
