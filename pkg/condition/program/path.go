package program

import (
	"strings"

	"github.com/saker-security/saker/pkg/event"
)

// pathTrie is the test of pmatch: whether one of the search paths is a prefix of the value, component by component.
// Empty components count for nothing, so leading, trailing and double slashes do not matter. A component of a search
// path with *, ? or [ in it is a glob.
//
// The level of a node is the number of the component that it is compared with. So each node is visited at most once
// for a value, however many globs match, and all branches can be followed.
type pathTrie struct {
	// end is true where a search path ends.
	end   bool
	names map[string]*pathTrie
	globs []pathGlob
}

type pathGlob struct {
	glob *glob
	next *pathTrie
}

func newPathTrie(paths []string) *pathTrie {
	root := &pathTrie{}
	for _, p := range paths {
		root.insert(p)
	}
	return root
}

func (t *pathTrie) insert(path string) {
	for !t.end {
		name, rest, ok := component(path)
		if !ok {
			t.end, t.names, t.globs = true, nil, nil // it also matches all that longer paths would
			return
		}
		t, path = t.child(name), rest
	}
}

// plain tells whether no component is a glob and no path has more components than depth.
func (t *pathTrie) plain(depth int) bool {
	if len(t.globs) > 0 || depth < 0 {
		return false
	}
	for _, next := range t.names {
		if !next.plain(depth - 1) {
			return false
		}
	}
	return true
}

// deepestPath is how many components a search path may have to be put into a pathIndex.
const deepestPath = 100

// child gives the node behind the component name, made when there is none yet.
func (t *pathTrie) child(name string) *pathTrie {
	if !strings.ContainsAny(name, "*?[") {
		next := t.names[name]
		if next == nil {
			if t.names == nil {
				t.names = map[string]*pathTrie{}
			}
			next = &pathTrie{}
			t.names[name] = next
		}
		return next
	}
	for _, g := range t.globs {
		if g.glob.pattern == name {
			return g.next
		}
	}
	next := &pathTrie{}
	t.globs = append(t.globs, pathGlob{newGlob(name, false), next})
	return next
}

func (t *pathTrie) match(v *event.Value) bool { return t.matchPath(v.Text) }

func (t *pathTrie) matchPath(path string) bool {
	for !t.end {
		name, rest, ok := component(path)
		if !ok {
			return false
		}
		next := t.names[name]
		if len(t.globs) > 0 {
			if t.matchGlobs(name, rest) {
				return true
			}
		}
		if next == nil {
			return false
		}
		t, path = next, rest
	}
	return true
}

func (t *pathTrie) matchGlobs(name, rest string) bool {
	v := event.Value{Text: name}
	for _, g := range t.globs {
		if g.glob.match(&v) && g.next.matchPath(rest) {
			return true
		}
	}
	return false
}

// component splits the first component off path; ok is false when there is none.
func component(path string) (name, rest string, ok bool) {
	path = strings.TrimLeft(path, "/")
	if path == "" {
		return "", "", false
	}
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:], true
	}
	return path, "", true
}
