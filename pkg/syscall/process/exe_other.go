//go:build !linux

package process

// statExe has nothing to read: only Linux has the files.
func (p *Proc) statExe(*Info) {}

func bootByClocks() (int64, bool) { return 0, false }
