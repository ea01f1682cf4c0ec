package syscall

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// pathParams names the parameters that hold the paths of a call: one path, or two.
type pathParams struct{ name, source, target string }

// paths are the calls with paths. A name that is a descriptor stands for the path of that descriptor.
var paths = map[string]pathParams{
	"open": {name: "name"}, "openat": {name: "name"}, "openat2": {name: "name"},
	"mkdir": {name: "path"}, "mkdirat": {name: "path"}, "rmdir": {name: "path"},
	"unlink": {name: "path"}, "unlinkat": {name: "name"},
	"chmod": {name: "filename"}, "fchmod": {name: "fd"}, "fchmodat": {name: "filename"},
	"chown": {name: "path"}, "lchown": {name: "path"}, "fchown": {name: "fd"}, "fchownat": {name: "pathname"},
	"quotactl": {name: "special"}, "umount": {name: "name"}, "umount2": {name: "name"},
	"rename": {source: "oldpath", target: "newpath"}, "renameat": {source: "oldpath", target: "newpath"},
	"renameat2": {source: "oldpath", target: "newpath"},
	"link":      {source: "newpath", target: "oldpath"}, "linkat": {source: "newpath", target: "oldpath"},
	"symlink": {source: "linkpath", target: "target"}, "symlinkat": {source: "linkpath", target: "target"},
	"mount": {source: "dev", target: "dir"},
}

// pathIndexes are the same by event number, with places instead of names; -1 for none.
var pathIndexes = func() map[uint16][3]int {
	indexes := map[uint16][3]int{}
	for name, p := range paths {
		for _, row := range table.ByName(name) {
			indexes[row.ID] = [3]int{row.Index(p.name), row.Index(p.source), row.Index(p.target)}
		}
	}
	return indexes
}()

// Which of the paths of a call.
const (
	onlyPath = iota
	sourcePath
	targetPath
)

func pathFields() []field.Field {
	return []field.Field{
		{Name: "fs.path.name", Type: event.TypeString, Help: "Absolute path that the call works on.", Applies: applies(withEnd(onlyPath)), Extract: pathValue(onlyPath, false)},
		{Name: "fs.path.nameraw", Type: event.TypeString, Help: "Path that the call works on, as the program gave it.", Applies: applies(withEnd(onlyPath)), Extract: pathValue(onlyPath, true)},
		{Name: "fs.path.source", Type: event.TypeString, Help: "Absolute path of what is renamed or mounted, or of the link that is made.", Applies: applies(withEnd(sourcePath)), Extract: pathValue(sourcePath, false)},
		{Name: "fs.path.sourceraw", Type: event.TypeString, Help: "fs.path.source as the program gave it.", Applies: applies(withEnd(sourcePath)), Extract: pathValue(sourcePath, true)},
		{Name: "fs.path.target", Type: event.TypeString, Help: "Absolute path of the new name or the mount point, or of what a link points to.", Applies: applies(withEnd(targetPath)), Extract: pathValue(targetPath, false)},
		{Name: "fs.path.targetraw", Type: event.TypeString, Help: "fs.path.target as the program gave it.", Applies: applies(withEnd(targetPath)), Extract: pathValue(targetPath, true)},
	}
}

func pathValue(which int, raw bool) field.Extractor {
	return extract(func(r *Record, v *event.Value) bool {
		indexes, ok := pathIndexes[r.Row.ID]
		i := indexes[which]
		if !ok || i < 0 || r.Thread == nil || !r.pathCounts() {
			return false
		}
		switch {
		case r.Row.Params[i].Type == event.TypeFD:
			if r.FD == nil {
				return false
			}
			v.Text = view(r.FD.Name)
			return true
		case raw:
			v.Text = view(r.bytes(i))
			return v.Text != ""
		}
		return r.absolute(i, v)
	})
}

// pathCounts tells whether the result lets the paths be shown. Falco shows those of calls that succeeded, but for the
// open family it takes any result other than -1 for success, and rules have come to rely on seeing failed opens.
func (r *Record) pathCounts() bool {
	res, ok := r.result()
	if r.Row.OpensFile() {
		return ok && res != -1
	}
	return ok && res == 0
}
