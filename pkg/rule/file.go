package rule

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"github.com/saker-security/saker/internal/regular"
)

// MaxFileSize is the size in bytes above which a rules file is refused. The largest public rules files have a tenth
// of it; a YAML tree takes about a hundred times the size of its text in the worst case.
const MaxFileSize = 4 << 20

// File is a rules file in memory. Name is what positions show.
type File struct {
	Name string
	Data []byte
}

// ReadFiles reads rules files from disk. A directory stands for its *.yaml and *.yml files, sorted by name; its
// sub-directories are not read. The error names the path that cannot be read.
func ReadFiles(paths []string) ([]File, error) { return readFiles(paths, os.Open) }

// ReadRegularFiles is ReadFiles for a program that must not wait for the writer of a pipe: what is no regular file is an
// error.
func ReadRegularFiles(paths []string) ([]File, error) { return readFiles(paths, regular.Open) }

func readFiles(paths []string, open func(string) (*os.File, error)) ([]File, error) {
	var files []File
	for _, path := range paths {
		names, err := expand(path)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			data, err := readFile(name, open)
			if err != nil {
				return nil, err
			}
			files = append(files, File{Name: name, Data: data})
		}
	}
	return files, nil
}

// readFile reads at most one byte more than a rules file may have, so that a huge or endless file is refused by Load
// without being held in memory.
func readFile(name string, open func(string) (*os.File, error)) ([]byte, error) {
	f, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("read rules file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read rules file: %w", err)
	}
	return data, nil
}

func expand(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read rules directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if ext != ".yaml" && ext != ".yml" {
			continue
		}
		name := filepath.Join(path, e.Name())
		// A mounted ConfigMap holds links, so what counts is where the entry leads.
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			continue
		} else if err == nil && !info.Mode().IsRegular() {
			// Opening a pipe that nobody writes to would wait for ever.
			return nil, fmt.Errorf("read rules directory: %s is not a file; remove it, or name the files instead of the directory", name)
		}
		names = append(names, name)
	}
	sort.Strings(names)
	return names, nil
}
