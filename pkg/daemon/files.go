package daemon

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/saker-security/saker/internal/regular"
	"github.com/saker-security/saker/pkg/config"
)

// fingerprint is the content of files by name.
type fingerprint map[string]imprint

// imprint is what is in a file.
type imprint struct {
	// sum is the hash of the content, or of the error of a file that cannot be read.
	sum [sha256.Size]byte
	// file tells files apart that have one name after the other; zero where there is none.
	file fileID
	// size is the length in bytes, and blank tells that it holds nothing but comments.
	size  int64
	blank bool
}

// fileID is the device and the number of a file.
type fileID struct{ device, number uint64 }

func fileOf(info fs.FileInfo) (id fileID) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		id = fileID{uint64(s.Dev), s.Ino} //nolint:unconvert // the type of Dev differs between systems
	}
	return id
}

// maxFingerprint bounds what is read of a file; configuration and rules have lower bounds of their own.
const maxFingerprint = 64 << 20

// configured are the files and directories that a configuration is made of, there or not.
func configured(cfg *config.Config) []string {
	var paths []string
	for _, list := range [][]string{cfg.Files, cfg.ConfigPaths, cfg.RulesFiles, cfg.RulesMissing} {
		paths = append(paths, list...)
	}
	return paths
}

// fingerprintOf reads files, and the files in directories without going deeper.
func fingerprintOf(paths []string) fingerprint {
	p := fingerprint{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() {
			p.add(path, info, err)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			p.add(path, nil, err)
			continue
		}
		for _, e := range entries {
			name := filepath.Join(path, e.Name())
			if info, err := os.Stat(name); err != nil || !info.IsDir() {
				p.add(name, info, err)
			}
		}
	}
	return p
}

// same tells whether there are the same files with the same content.
func (p fingerprint) same(other fingerprint) bool {
	return maps.EqualFunc(p, other, func(a, b imprint) bool { return a.sum == b.sum })
}

// rewritten tells whether, on the way to a later fingerprint, a file was written rather than replaced, so that its
// writer may not be done with it.
func (p fingerprint) rewritten(later fingerprint) bool {
	for name, now := range later {
		before, known := p[name]
		if now.file != (fileID{}) && now.sum != before.sum && (known && now.file == before.file || now.size == 0) {
			return true
		}
	}
	return false
}

// emptied gives the files in which there was something and is nothing now, sorted.
func (p fingerprint) emptied(later fingerprint) (names []string) {
	for name, before := range p {
		if now, ok := later[name]; ok && now.blank && !before.blank && before.file != (fileID{}) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// holds tells whether the files at the paths of an earlier fingerprint are still the same, as far as the present paths
// have them.
func (p fingerprint) holds(earlier fingerprint, before, paths []string) bool {
	at := func(name string, paths []string) bool {
		return slices.Contains(paths, name) || slices.Contains(paths, filepath.Dir(name))
	}
	for name, was := range earlier {
		now, ok := p[name]
		if ok && now.sum != was.sum || !ok && at(name, paths) {
			return false
		}
	}
	for name := range p {
		if _, ok := earlier[name]; !ok && at(name, before) {
			return false
		}
	}
	return true
}

// add reads a file. What is no regular file is not opened, because a pipe would wait for its writer.
func (p fingerprint) add(name string, info fs.FileInfo, err error) {
	if err == nil && info.Mode().IsRegular() {
		var i imprint
		if i, err = imprintOf(name); err == nil {
			p[name] = i
			return
		}
	}
	text := "no regular file"
	if err != nil {
		text = err.Error()
	}
	p[name] = imprint{sum: sha256.Sum256([]byte(text))}
}

func imprintOf(name string) (i imprint, err error) {
	f, err := regular.Open(name)
	if err != nil {
		return i, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return i, err
	}
	i.file = fileOf(info)
	h := sha256.New()
	counted := &countedReader{r: io.TeeReader(io.LimitReader(f, maxFingerprint), h)}
	if i.blank, err = isBlank(counted); err != nil {
		return i, err
	}
	i.size = counted.n
	h.Sum(i.sum[:0])
	return i, nil
}

// countedReader counts what is read.
type countedReader struct {
	r io.Reader
	n int64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// isBlank reads YAML to its end and tells whether there is nothing in it but comments and marks of documents. An empty
// list or map is something: somebody wrote it.
func isBlank(r io.Reader) (bool, error) {
	lines := bufio.NewReader(r)
	for blank, inside := true, false; ; {
		part, more, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return blank, nil
		}
		if err != nil {
			return false, err
		}
		text := bytes.TrimSpace(part)
		comment := inside || len(text) == 0 || text[0] == '#' || string(text) == "---" || string(text) == "..."
		blank = blank && comment
		inside = more && (inside || len(text) > 0) && comment
	}
}

// trail is what must be watched to see that a path leads elsewhere or that its file changes.
type trail struct {
	// names are the symbolic links on the way and the file at its end, or the first that is missing, each below a
	// directory without links.
	names []string
	// dir is the directory at the end of the way, empty when there is a file.
	dir string
}

// maxLinks bounds the symbolic links of a path.
const maxLinks = 100

// follow goes the way of a path, link by link, as the kernel does.
func follow(path string) (t trail) {
	path, err := filepath.Abs(path)
	if err != nil {
		return t
	}
	at, rest, links := "/", strings.Split(path, "/"), 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		name := filepath.Join(at, part)
		info, err := os.Lstat(name)
		switch {
		case err != nil || !info.IsDir() && info.Mode()&fs.ModeSymlink == 0:
			t.names = append(t.names, name)
			return t
		case info.IsDir():
			at = name
			continue
		}
		t.names = append(t.names, name)
		target, err := os.Readlink(name)
		if links++; err != nil || links > maxLinks {
			return t
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	t.dir = at
	return t
}

// gone gives the names that are not there any more.
func gone(names []string) (missing []string) {
	for _, n := range names {
		if _, err := os.Stat(n); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, n)
		}
	}
	return missing
}
