package file

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// birth tells when a file was made; where the file system does not know, it is as old as unknown says.
func birth(file *os.File, unknown time.Time) time.Time {
	var st unix.Statx_t
	conn, err := file.SyscallConn()
	if err != nil {
		return unknown
	}
	var failed error
	err = conn.Control(func(fd uintptr) { failed = unix.Statx(int(fd), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st) })
	if err != nil || failed != nil || st.Mask&unix.STATX_BTIME == 0 {
		return unknown
	}
	return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec))
}
