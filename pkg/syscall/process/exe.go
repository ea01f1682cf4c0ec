//go:build linux

package process

import (
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/table"
)

// bootByClocks tells when the machine started from the clock that counts since then.
func bootByClocks() (int64, bool) {
	var now, since unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &now) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &since) != nil {
		return 0, false
	}
	return now.Nano() - since.Nano(), true
}

// statExe reads what the file system tells of the program of a process: inode, times, whether its user may write it.
func (p *Proc) statExe(info *Info) {
	path := p.path(info.PID, "exe")
	file, err := os.Stat(path)
	if err != nil {
		return
	}
	stat, ok := file.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	info.ExeInode = stat.Ino
	info.ExeChanged, info.ExeModified = stat.Ctim.Nano(), stat.Mtim.Nano()
	const capDacOverride = 1 << 1
	mode := file.Mode().Perm()
	switch {
	case info.Caps.Effective&capDacOverride != 0,
		info.UID == stat.Uid && mode&0o200 != 0,
		info.UID != stat.Uid && info.GID == stat.Gid && mode&0o020 != 0,
		info.UID != stat.Uid && info.GID != stat.Gid && mode&0o002 != 0:
		info.ExeFlags |= table.ExeWritable
	}
	if strings.HasPrefix(info.ExePath, "/memfd:") {
		info.ExeFlags |= table.ExeFromMemfd
	}
}
