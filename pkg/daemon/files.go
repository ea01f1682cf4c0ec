package daemon

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/saker-security/saker/internal/regular"
	"github.com/saker-security/saker/pkg/config"
)

// fingerprint is the content of files: a hash by name, of the error for those that cannot be read.
type fingerprint map[string][sha256.Size]byte

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

// holds tells whether the files of an earlier fingerprint are still the same, as far as they belong to paths.
func (p fingerprint) holds(earlier fingerprint, paths []string) bool {
	for name, sum := range earlier {
		own, ok := p[name]
		if ok && own != sum || !ok && (slices.Contains(paths, name) || slices.Contains(paths, filepath.Dir(name))) {
			return false
		}
	}
	return true
}

// add reads a file. What is no regular file is not opened, because a pipe would wait for its writer.
func (p fingerprint) add(name string, info fs.FileInfo, err error) {
	if err == nil && info.Mode().IsRegular() {
		var sum [sha256.Size]byte
		if sum, err = hashFile(name); err == nil {
			p[name] = sum
			return
		}
	}
	text := "no regular file"
	if err != nil {
		text = err.Error()
	}
	p[name] = sha256.Sum256([]byte(text))
}

func hashFile(name string) (sum [sha256.Size]byte, err error) {
	f, err := regular.Open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxFingerprint)); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
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
