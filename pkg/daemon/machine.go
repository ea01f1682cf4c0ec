package daemon

import (
	"io/fs"
	"math"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what the process and its machine use. What cannot be read is NaN.
type usage struct {
	// cpu is the processor time of the process since its start as a share of one CPU, hostCPU that of the machine since
	// it was started as a share of all.
	cpu, hostCPU float64
	// Memory in bytes: of the process in memory, its address space and its share of what is in memory; of its control
	// group; of the machine, without caches.
	rss, vsz, pss, container, hostMemory float64
	procsRunning, openFiles              float64
	// boot is when the machine was started, in nanoseconds since the Unix epoch.
	boot float64
	cpus float64
}

// readUsage reads the figures. own is the root of the file system that the process sees, host the one in which the
// machine's proc is.
func readUsage(own, host fs.FS, running time.Duration) usage {
	nan := math.NaN()
	u := usage{
		cpu: nan, hostCPU: nan, rss: nan, vsz: nan, pss: nan, container: nan, hostMemory: nan, procsRunning: nan,
		openFiles: nan, boot: nan, cpus: float64(runtime.NumCPU()),
	}
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err == nil && running > 0 {
		u.cpu = float64(used.Utime.Nano()+used.Stime.Nano()) / float64(running)
	}
	status := kilobytes(own, "proc/self/status")
	u.rss, u.vsz = status["VmRSS"], status["VmSize"]
	u.pss = kilobytes(own, "proc/self/smaps_rollup")["Pss"]
	if n, ok := cgroupMemory(own, "memory.current", "memory.usage_in_bytes"); ok {
		u.container = float64(n)
	}
	memory := kilobytes(host, "proc/meminfo")
	u.hostMemory = memory["MemTotal"] - memory["MemFree"] - memory["Buffers"] - memory["Cached"]
	if data, err := fs.ReadFile(host, "proc/sys/fs/file-nr"); err == nil {
		u.openFiles = number(strings.Fields(string(data)), 0)
	}
	u.readStat(host)
	return u
}

// readStat reads what is in proc/stat, see proc_stat(5).
func (u *usage) readStat(host fs.FS) {
	data, err := fs.ReadFile(host, "proc/stat")
	if err != nil {
		return
	}
	cpus := 0
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "cpu":
			u.hostCPU = busy(words[1:])
		case strings.HasPrefix(words[0], "cpu"):
			cpus++
		case words[0] == "btime":
			u.boot = number(words, 1) * 1e9
		case words[0] == "procs_running":
			u.procsRunning = number(words, 1)
		}
	}
	if cpus > 0 {
		u.cpus = float64(cpus)
	}
}

// busy is the share of time not spent idle or waiting for disks, from the times user, nice, system, idle, iowait, irq,
// softirq and steal; those behind are parts of the first two.
func busy(times []string) float64 {
	var all, idle float64
	for i := range min(len(times), 8) {
		n := number(times, i)
		all += n
		if i == 3 || i == 4 {
			idle += n
		}
	}
	return (all - idle) / all
}

func number(words []string, i int) float64 {
	if i < len(words) {
		if n, err := strconv.ParseUint(words[i], 10, 64); err == nil {
			return float64(n)
		}
	}
	return math.NaN()
}

// sizes are the lines NAME: N kB of a file, in bytes.
type sizes map[string]float64

func kilobytes(f fs.FS, name string) (out sizes) {
	out = sizes{"VmRSS": math.NaN(), "VmSize": math.NaN(), "Pss": math.NaN(), "MemTotal": math.NaN()}
	data, err := fs.ReadFile(f, name)
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) == 3 && words[2] == "kB" {
			out[strings.TrimSuffix(words[0], ":")] = number(words, 1) * 1024
		}
	}
	return out
}

// cgroupMemory reads a number about memory from the control group of the process: the smallest of the group and those
// around it, for a limit of any of them is one for the process, and none uses more than those around it. name is that
// of the file in version 2, oldName in version 1. It is false where there is no number.
func cgroupMemory(own fs.FS, name, oldName string) (least uint64, ok bool) {
	data, err := fs.ReadFile(own, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		// hierarchy:controllers:path
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, file := "sys/fs/cgroup", name
		switch {
		case parts[1] == "memory":
			root, file = "sys/fs/cgroup/memory", oldName
		case parts[0] != "0" || parts[1] != "":
			continue
		}
		for dir := path.Join("/", parts[2]); ; dir = path.Dir(dir) {
			if n, found := readNumber(own, path.Join(root, dir, file)); found && (!ok || n < least) {
				least, ok = n, true
			}
			if dir == "/" {
				break
			}
		}
	}
	return least, ok
}

func readNumber(f fs.FS, name string) (uint64, bool) {
	data, err := fs.ReadFile(f, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil // the word max is no number
}

// noLimit is about what version 1 of control groups says for none.
const noLimit = math.MaxInt64 / 2

// memoryLimit is nine tenths of what the control group lets the process have, so that what the Go runtime does not
// count has room; it is false where there is no limit.
func memoryLimit(own fs.FS) (int64, bool) {
	n, ok := cgroupMemory(own, "memory.max", "memory.limit_in_bytes")
	if !ok || n == 0 || n > noLimit {
		return 0, false
	}
	return int64(n / 10 * 9), true
}

// kernelRelease is the version of the running kernel.
func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
