package procctl

import (
	"bytes"
	"fmt"
	"os"
)

// resident reads how many bytes of memory a process holds, from /proc/PID/statm, whose second number counts pages.
func resident(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Fscan(bytes.NewReader(data), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
