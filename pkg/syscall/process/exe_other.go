//go:build !linux

package process

// statExe has nothing to read: only Linux has the files.
func (p *Proc) statExe(*Info) {}
