package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// include is one entry of config_files.
type include struct {
	path, strategy string
	at             place
}

// strategies of config_files, the first one is the default.
var strategies = choice("append", "override", "add-only")

// include merges the files that config_files names into the main one.
func (l *loader) include(root *value) {
	list := root.keys["config_files"]
	if !list.given() {
		return
	}
	entries, err := includes(list)
	if err != nil {
		for _, e := range each(err) {
			l.c.fail(placed(e, list.origin, "config_files"))
		}
		return
	}
	for _, e := range entries {
		l.c.ConfigPaths = append(l.c.ConfigPaths, e.path)
		for _, path := range l.expand(e) {
			l.merge(root, path, e)
		}
	}
}

// includes reads the value of config_files; one path alone is a list of one.
func includes(list *value) ([]include, error) {
	items := list.list
	if items == nil {
		items = []*value{list}
	}
	var out []include
	var errs []error
	for i, item := range items {
		e, err := includeOf(item, fmt.Sprintf("config_files[%d]", i))
		out, errs = append(out, e), append(errs, err)
	}
	return out, errors.Join(errs...)
}

// includeOf reads one entry of config_files.
func includeOf(item *value, at string) (e include, err error) {
	e = include{strategy: "append", at: item.origin}
	if item.keys != nil {
		if e.path, err = item.text("path"); err != nil {
			return e, item.wrap(at, err)
		}
		if s := item.keys["strategy"]; s.given() {
			if e.strategy, err = strategies.read(s); err != nil {
				return e, s.wrap(at+".strategy", fmt.Errorf("%q is not allowed, write %s", cut(s.written, 100), strategies.what))
			}
		}
	} else if item.list == nil {
		e.path = item.scalar
	}
	if e.path == "" {
		return e, item.wrap(at, errors.New("must be a path, or {path: PATH, strategy: append, override or add-only}"))
	}
	return e, nil
}

// expand gives the files of an entry: the file itself, or those of the directory by name. What is not there, and what
// is no regular file in a directory, is skipped.
func (l *loader) expand(e include) []string {
	info, err := l.in.files.Stat(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var list []fs.DirEntry
	if err == nil && info.IsDir() {
		list, err = l.in.files.ReadDir(e.path)
	}
	if err != nil {
		l.c.fail(&finding{e.at, fmt.Sprintf("key config_files: read %s: %s", shown(e.path), reason(err))})
		return nil
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			l.c.fail(&finding{e.at, fmt.Sprintf("key config_files: %s is neither a file nor a directory", shown(e.path))})
			return nil
		}
		return []string{e.path}
	}
	var paths []string
	for _, d := range list {
		path := filepath.Join(e.path, d.Name())
		if info, err := l.in.files.Stat(path); err == nil && info.Mode().IsRegular() {
			paths = append(paths, path)
		}
	}
	return paths
}

// merge puts the keys of a file into the tree.
func (l *loader) merge(root *value, path string, e include) {
	if l.in.File != "" && l.same(path, l.in.File) {
		l.c.fail(&finding{e.at, fmt.Sprintf("key config_files: %s is the main configuration file itself", shown(path))})
		return
	}
	data, err := l.readFile(path)
	if err != nil {
		l.c.fail(&finding{e.at, fmt.Sprintf("key config_files: read %s: %s", shown(path), reason(err))})
		return
	}
	tree, err := l.reader(layerFile, path).read(data)
	if err != nil {
		l.c.fail(placed(err, e.at, "config_files"))
		return
	}
	for _, name := range tree.order {
		item, have := tree.keys[name], root.keys[name]
		switch {
		case name == "config_files":
			l.c.fail(&finding{item.key, "key config_files: only the main configuration file may include others"})
		case have == nil || e.strategy == "override":
			root.set(name, item)
		case e.strategy == "add-only":
		case have.list != nil && item.list != nil:
			have.list = append(have.list, item.list...)
		default:
			root.set(name, item)
		}
	}
}
