package syscall

import (
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// currentDirectory is the descriptor number AT_FDCWD: relative to the working directory.
const currentDirectory = -100

// unknownDirectory stands before a relative path whose directory is not known.
const unknownDirectory = "<UNKNOWN>"

// told gives the directory that the kernel side added behind the parameters of the table: the one at which the path of
// an open begins, or the working directory after chdir and fchdir. tells is whether it adds one to this event at all;
// then an empty path means that the call needed no directory, named none, or one whose path could not be told.
func (r *Record) told() (path []byte, tells bool) {
	switch r.Row.ID {
	case table.Open, table.Openat, table.Openat2, table.Creat, table.Chdir, table.Fchdir:
	default:
		return nil, false
	}
	n := len(r.Row.Params)
	if r.Wire.Params != n+1 {
		return nil, false
	}
	// What is no path comes from a capture whose writer has a newer table.
	if path = r.bytes(n); len(path) > 0 && path[0] != '/' {
		return nil, false
	}
	return path, true
}

// toldDirectory corrects the entry of the directory descriptor of an open by what the kernel side told.
func (in *Inspector) toldDirectory(r *Record) {
	dir := openParamsOf(r.Row.ID).dir
	if path, _ := r.told(); dir >= 0 && len(path) > 0 {
		in.isDirectory(r.Thread.Process, r.integer(dir), path)
	}
}

// isDirectory makes sure that the table has a descriptor as this directory.
func (in *Inspector) isDirectory(p *process.Process, num int64, path []byte) {
	fd := p.FD(num)
	if fd == nil || string(fd.Name) != string(path) {
		// Another name means another file, about which nothing else is known.
		if fd = in.table.OpenFD(p, num); fd == nil {
			return
		}
		fd.Name = append(fd.Name, path...)
	}
	fd.Kind = process.KindDirectory
}

// inRoot tells whether the call takes its directory for the root, also of absolute paths.
func (r *Record) inRoot() bool {
	const resolve = 5
	return r.Row.ID == table.Openat2 && r.integer(resolve)&table.ResolveInRoot != 0
}

// appendAbsolute appends the absolute path of parameter name, seen from the directory descriptor in parameter dir or,
// when that is -1, from the working directory.
func (in *Inspector) appendAbsolute(dst []byte, r *Record, dir, name int) []byte {
	path := r.bytes(name)
	inRoot := r.inRoot()
	if len(path) > 0 && path[0] == '/' && !inRoot {
		return process.AppendPath(dst, nil, path)
	}
	num := int64(currentDirectory)
	if dir >= 0 {
		num = r.integer(dir)
	}
	base, ok := in.base(r, num)
	switch {
	case !ok:
		in.count.unknownFDs.Add(1)
		dst = append(dst, unknownDirectory...)
	case !inRoot:
		return process.AppendPath(dst, base, path)
	case len(base) > 1:
		dst = append(dst, base...)
	}
	if len(path) == 0 {
		return dst
	}
	// Nothing leads out of the directory upwards.
	start := len(dst)
	if dst = process.AppendPath(dst, nil, path); len(dst) == start+1 && len(base) > 1 {
		dst = dst[:start] // the directory itself
	}
	return dst
}

// base gives the directory at which the path of an event begins: what the kernel side told, else what the tables have
// for the number.
func (in *Inspector) base(r *Record, num int64) ([]byte, bool) {
	path, tells := r.told()
	switch {
	case len(path) > 0:
		return path, true
	case tells && num != currentDirectory:
		// Not a directory, or too deep for the kernel side: the table would be a guess, /proc is at least recent.
		return in.lookUp(r.Thread.Process, num)
	}
	return in.directory(r.Thread.Process, num)
}

// directory gives the path of a directory descriptor, or of the working directory for AT_FDCWD. What no event told is
// looked up in /proc and kept.
//
// The table may be behind: where a driver or a capture has no events for dup, fcntl and close, a number that was given
// to another file since keeps its old path. Only entries that cannot be directories are seen to be old. Drivers that
// tell the directory with the call (see told) are therefore believed before the table.
func (in *Inspector) directory(p *process.Process, num int64) ([]byte, bool) {
	if num == currentDirectory {
		if p.Cwd == "" && in.proc != nil {
			p.Cwd = in.proc.Cwd(p.PID())
		}
		return bytesOf(p.Cwd), p.Cwd != ""
	}
	fd := p.FD(num)
	if fd != nil && mayBeDirectory(fd) {
		return fd.Name, true
	}
	path, ok := in.lookUp(p, num)
	if !ok {
		return nil, false
	}
	if fd != nil && string(fd.Name) == string(path) {
		return path, true
	}
	if fd = in.table.OpenFD(p, num); fd == nil {
		return path, true
	}
	fd.Kind, fd.Name = process.KindDirectory, append(fd.Name, path...)
	return fd.Name, true
}

func mayBeDirectory(fd *process.FD) bool {
	return fd.IsFile() && len(fd.Name) > 0 && fd.Flags&table.OpenWrite == 0
}

// lookUp reads the path of a descriptor in /proc, as it is now.
func (in *Inspector) lookUp(p *process.Process, num int64) ([]byte, bool) {
	if num < 0 || in.proc == nil {
		return nil, false
	}
	path, err := in.proc.FD(p.PID(), num)
	if err != nil || len(path) == 0 || path[0] != '/' {
		return nil, false
	}
	return []byte(path), true
}

func (in *Inspector) changeDirectory(r *Record, path []byte) {
	p := r.Thread.Process
	if told, _ := r.told(); len(told) > 0 {
		p.Cwd = string(told)
		return
	}
	if len(path) == 0 {
		return
	}
	base := bytesOf(p.Cwd)
	if path[0] != '/' && len(base) == 0 {
		// The event is the change itself, so /proc may already show the directory after it.
		if in.proc != nil {
			p.Cwd = in.proc.Cwd(p.PID())
		}
		return
	}
	start := len(r.text)
	r.text = process.AppendPath(r.text, base, path)
	p.Cwd = string(r.text[start:])
}

func (in *Inspector) changeToFD(r *Record) {
	r.FDNum = r.integer(1)
	p := r.Thread.Process
	path, tells := r.told()
	if len(path) > 0 {
		in.isDirectory(p, r.FDNum, path)
		r.FD, p.Cwd = p.FD(r.FDNum), string(path)
		return
	}
	ok := false
	if !tells {
		path, ok = in.directory(p, r.FDNum)
	}
	r.FD = p.FD(r.FDNum)
	if r.integer(0) != 0 {
		return
	}
	// Without a path the working directory is looked up when somebody asks for it.
	p.Cwd = ""
	if ok {
		p.Cwd = string(path)
	}
}
