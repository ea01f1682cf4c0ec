package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/syscall/cgroup"
)

// Info is a thread as /proc or a recording describes it. Ids are those of the machine unless their name begins with V.
type Info struct {
	TID         int64    `json:"tid"`
	PID         int64    `json:"pid"`
	PPID        int64    `json:"ppid,omitempty"`
	VTID        int64    `json:"vtid"`
	VPID        int64    `json:"vpid"`
	SID         int64    `json:"sid"`
	PGID        int64    `json:"pgid"`
	VPGID       int64    `json:"vpgid"`
	Comm        string   `json:"comm"`
	Exe         string   `json:"exe,omitempty"`
	ExePath     string   `json:"exe_path,omitempty"`
	Args        []string `json:"args,omitempty"`
	Env         []string `json:"env,omitempty"`
	Cwd         string   `json:"cwd,omitempty"`
	UID         uint32   `json:"uid"`
	GID         uint32   `json:"gid"`
	LoginUID    uint32   `json:"loginuid"`
	TTY         uint32   `json:"tty,omitempty"`
	Caps        Caps     `json:"caps"`
	Groups      []string `json:"cgroups,omitempty"`
	Start       int64    `json:"start,omitempty"`
	ExeFlags    uint32   `json:"exe_flags,omitempty"`
	ExeInode    uint64   `json:"exe_inode,omitempty"`
	ExeChanged  int64    `json:"exe_changed,omitempty"`
	ExeModified int64    `json:"exe_modified,omitempty"`
	FDLimit     int64    `json:"fd_limit,omitempty"`
	Threads     int      `json:"threads,omitempty"`
	VMSize      uint32   `json:"vm_size,omitempty"`
	VMResident  uint32   `json:"vm_resident,omitempty"`
	VMSwap      uint32   `json:"vm_swap,omitempty"`
	MajorFaults uint64   `json:"major_faults,omitempty"`
	MinorFaults uint64   `json:"minor_faults,omitempty"`
	// FDs are the open descriptors of the process. Captures tell of them, recordings do not.
	FDs []FD `json:"-"`
}

func (i *Info) process() *Process {
	p := &Process{
		VPID: i.VPID, SID: i.SID, PGID: i.PGID, VPGID: i.VPGID, PPID: i.PPID,
		Exe: i.Exe, ExePath: i.ExePath, Args: elements(i.Args), Env: elements(i.Env), Cwd: i.Cwd,
		LoginUID: i.LoginUID, TTY: i.TTY, Start: i.Start, Groups: elements(i.Groups),
		ExeFlags: i.ExeFlags, ExeInode: i.ExeInode, ExeChanged: i.ExeChanged, ExeModified: i.ExeModified,
		FDLimit: i.FDLimit, Threads: max(i.Threads, 1), VMSize: i.VMSize, VMResident: i.VMResident, VMSwap: i.VMSwap,
		MajorFaults: i.MajorFaults, MinorFaults: i.MinorFaults, session: true,
	}
	vtid := i.VTID
	if i.TID != i.PID {
		vtid = i.VPID
	}
	p.Main = Thread{TID: i.PID, VTID: vtid, Comm: i.Comm, UID: i.UID, GID: i.GID, Caps: i.Caps}
	p.Container = cgroup.Find(p.Groups)
	return p
}

func elements(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return strings.Join(list, "\x00") + "\x00"
}

// Proc reads the /proc of the machine.
type Proc struct {
	root string
	boot int64
	// tick is the length of a clock tick in nanoseconds: USER_HZ is 100 on every architecture that Linux runs on today.
	tick int64
}

// OpenProc opens the proc file system mounted at root.
func OpenProc(root string) (*Proc, error) {
	p := &Proc{root: root, tick: 10_000_000}
	stat, err := os.ReadFile(filepath.Join(root, "stat"))
	if err != nil {
		return nil, fmt.Errorf("open the proc file system: %w", err)
	}
	line := after(stat, "btime ")
	seconds, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read the boot time in %s/stat: %w", root, err)
	}
	p.boot = seconds * 1_000_000_000
	// The clocks know it more exactly, unless the file is that of another machine.
	const second = 1_000_000_000
	if boot, ok := bootByClocks(); ok && boot > p.boot-2*second && boot < p.boot+2*second {
		p.boot = boot
	}
	return p, nil
}

// Boot is when the machine started, in nanoseconds since the Unix epoch.
func (p *Proc) Boot() int64 { return p.boot }

// Processes lists the ids of all processes.
func (p *Proc) Processes() ([]int64, error) { return numbers(p.root, -1) }

// Threads lists the ids of the threads of a process.
func (p *Proc) Threads(pid int64) ([]int64, error) { return numbers(p.path(pid, "task"), -1) }

func (p *Proc) path(id int64, name string) string {
	return p.root + "/" + strconv.FormatInt(id, 10) + "/" + name
}

// numbers lists what is a number in a directory, at most limit names when that is positive.
func numbers(dir string, limit int) ([]int64, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	defer d.Close()
	names, err := d.Readdirnames(limit)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	var ids []int64
	for _, name := range names {
		if id, err := strconv.ParseInt(name, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// FD tells what a descriptor of a process is: the path that its link shows.
func (p *Proc) FD(pid, num int64) (string, error) {
	return os.Readlink(p.path(pid, "fd/"+strconv.FormatInt(num, 10)))
}

// FDs lists the numbers of the open descriptors of a process, at most limit of them.
func (p *Proc) FDs(pid int64, limit int) ([]int64, error) { return numbers(p.path(pid, "fd"), limit) }

// FDCount counts the open descriptors of a process. Kernels before 6.2 do not tell their number, then they are listed.
func (p *Proc) FDCount(pid int64) (int64, error) {
	info, err := os.Stat(p.path(pid, "fd"))
	if err == nil && info.Size() > 0 {
		return info.Size(), nil
	}
	nums, err := p.FDs(pid, -1)
	return int64(len(nums)), err
}

// Cwd gives the working directory of a process, empty when it cannot be read.
func (p *Proc) Cwd(pid int64) string {
	cwd, err := os.Readlink(p.path(pid, "cwd"))
	if err != nil {
		return ""
	}
	return cwd
}

// Root is the path under which the root directory of a process can be entered.
func (p *Proc) Root(pid int64) string { return p.path(pid, "root") }

// Read describes a thread. A process that is just vanishing gives an error only when its stat or status file is gone;
// what else is missing stays empty.
func (p *Proc) Read(tid int64) (*Info, error) {
	stat, err := os.ReadFile(p.path(tid, "stat"))
	if err != nil {
		return nil, fmt.Errorf("read process %d: %w", tid, err)
	}
	status, err := os.ReadFile(p.path(tid, "status"))
	if err != nil {
		return nil, fmt.Errorf("read process %d: %w", tid, err)
	}
	info := &Info{TID: tid, LoginUID: noID}
	if err := p.parseStat(info, stat); err != nil {
		return nil, fmt.Errorf("read process %d: %w", tid, err)
	}
	parseStatus(info, status)
	p.readFiles(info)
	return info, nil
}

// session reads the id of the session of a process, in its pid namespace.
func (p *Proc) session(pid int64) (int64, bool) {
	status, err := os.ReadFile(p.path(pid, "status"))
	if err != nil {
		return 0, false
	}
	sid := inner(status, "NSsid:", -1)
	return sid, sid >= 0
}

// parseStat reads /proc/ID/stat: proc(5) numbers its fields from 1; field 2 is in parentheses and may hold anything.
func (p *Proc) parseStat(info *Info, stat []byte) error {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return fmt.Errorf("stat file without a name in parentheses")
	}
	info.Comm = string(stat[open+1 : end])
	fields := strings.Fields(string(stat[end+1:]))
	const first = 3
	if len(fields) <= 22-first {
		return fmt.Errorf("stat file with %d fields behind the name", len(fields))
	}
	number := func(n int) int64 {
		v, _ := strconv.ParseInt(fields[n-first], 10, 64)
		return v
	}
	info.PPID, info.PGID, info.SID, info.TTY = number(4), number(5), number(6), uint32(number(7))
	info.MinorFaults, info.MajorFaults = uint64(number(10)), uint64(number(12))
	info.Start = p.boot + number(22)*p.tick
	return nil
}

func parseStatus(info *Info, status []byte) {
	id := func(key string) uint32 {
		fields := strings.Fields(after(status, key))
		if len(fields) < 2 {
			return 0
		}
		n, _ := strconv.ParseUint(fields[1], 10, 32)
		return uint32(n)
	}
	kb := func(key string) uint32 {
		n, _ := strconv.ParseUint(strings.TrimSuffix(after(status, key), " kB"), 10, 32)
		return uint32(n)
	}
	caps := func(key string) uint64 {
		n, _ := strconv.ParseUint(after(status, key), 16, 64)
		return n
	}
	info.PID = info.TID
	if pid, err := strconv.ParseInt(after(status, "Tgid:"), 10, 64); err == nil {
		info.PID = pid
	}
	info.VTID = inner(status, "NSpid:", info.TID)
	info.VPID = inner(status, "NStgid:", info.PID)
	info.VPGID = inner(status, "NSpgid:", info.PGID)
	info.SID = inner(status, "NSsid:", info.SID)
	info.UID, info.GID = id("Uid:"), id("Gid:")
	info.Threads, _ = strconv.Atoi(after(status, "Threads:"))
	info.VMSize, info.VMResident, info.VMSwap = kb("VmSize:"), kb("VmRSS:"), kb("VmSwap:")
	info.Caps = Caps{Inheritable: caps("CapInh:"), Permitted: caps("CapPrm:"), Effective: caps("CapEff:")}
}

// inner reads the id in the innermost namespace, the last of the line.
func inner(status []byte, key string, otherwise int64) int64 {
	fields := strings.Fields(after(status, key))
	if len(fields) == 0 {
		return otherwise
	}
	n, err := strconv.ParseInt(fields[len(fields)-1], 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// after gives the rest of the line that begins with key, without blanks around it.
func after(text []byte, key string) string {
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		if bytes.HasPrefix(line, []byte(key)) {
			return string(bytes.TrimSpace(line[len(key):]))
		}
		text = rest
	}
	return ""
}

// maxText bounds arguments and environment as they are read.
const maxText = 64 << 10

func (p *Proc) readFiles(info *Info) {
	args := p.list(info.PID, "cmdline")
	if len(args) > 0 {
		info.Exe, info.Args = args[0], args[1:]
	}
	info.Env = p.list(info.PID, "environ")
	if exe, err := os.Readlink(p.path(info.PID, "exe")); err == nil {
		info.ExePath = strings.TrimSuffix(exe, " (deleted)")
	}
	info.Cwd = p.Cwd(info.PID)
	if text, err := os.ReadFile(p.path(info.PID, "loginuid")); err == nil {
		if uid, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32); err == nil {
			info.LoginUID = uint32(uid)
		}
	}
	if text, err := os.ReadFile(p.path(info.PID, "cgroup")); err == nil {
		info.Groups = parseGroups(text)
	}
	p.statExe(info)
	p.readLimit(info)
}

func (p *Proc) readLimit(info *Info) {
	text, err := os.ReadFile(p.path(info.PID, "limits"))
	if err != nil {
		return
	}
	if fields := strings.Fields(after(text, "Max open files")); len(fields) > 0 {
		info.FDLimit, _ = strconv.ParseInt(fields[0], 10, 64)
	}
}

// list reads a file of NUL-terminated elements.
func (p *Proc) list(pid int64, name string) []string {
	text, err := os.ReadFile(p.path(pid, name))
	if err != nil || len(text) == 0 {
		return nil
	}
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
}

// parseGroups turns lines such as 4:cpu,cpuacct:/docker/ID and 0::/init.scope into elements subsystem=path.
func parseGroups(text []byte) []string {
	var groups []string
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || strings.HasPrefix(parts[1], "name=") {
			continue
		}
		for subsystem := range strings.SplitSeq(parts[1], ",") {
			groups = append(groups, subsystem+"="+parts[2])
		}
	}
	return groups
}

// Seed reads all threads of the machine into the table and returns how many there are. Those that vanish meanwhile
// are left out.
func (t *Table) Seed(now int64) (int, error) {
	if t.proc == nil {
		return 0, fmt.Errorf("seed the process table: there is no proc file system")
	}
	pids, err := t.proc.Processes()
	if err != nil {
		return 0, err
	}
	n := 0
	for _, pid := range pids {
		info, err := t.proc.Read(pid)
		if err != nil {
			continue
		}
		main := t.add(info, now, 0)
		n++
		n += t.seedThreads(main.Process, now)
	}
	return n, nil
}

func (t *Table) seedThreads(p *Process, now int64) int {
	if p.Threads < 2 {
		return 0
	}
	tids, err := t.proc.Threads(p.PID())
	if err != nil {
		return 0
	}
	n := 0
	for _, tid := range tids {
		if tid == p.PID() || t.threads[tid] != nil {
			continue
		}
		thread := &Thread{TID: tid, VTID: tid, Comm: p.Main.Comm, UID: p.Main.UID, GID: p.Main.GID, Caps: p.Main.Caps, Process: p}
		if status, err := os.ReadFile(t.proc.path(p.PID(), "task/"+strconv.FormatInt(tid, 10)+"/status")); err == nil {
			own := Info{TID: tid}
			parseStatus(&own, status)
			thread.Comm, thread.VTID, thread.UID, thread.GID, thread.Caps = after(status, "Name:"), own.VTID, own.UID, own.GID, own.Caps
		}
		t.insert(thread, now)
		n++
	}
	return n
}

// Load puts the threads of a recording into the table, main threads first: the others join their processes.
func (t *Table) Load(infos []Info, now int64) {
	for _, main := range []bool{true, false} {
		for i := range infos {
			info := &infos[i]
			if info.TID > 0 && info.PID > 0 && (info.TID == info.PID) == main && t.threads[info.TID] == nil {
				t.add(info, now, 0)
			}
		}
	}
	// Parents may come behind their children.
	for i := range infos {
		p := t.process(infos[i].PID)
		t.loadFDs(p, infos[i].FDs)
		if p == nil || p.parent != nil {
			continue
		}
		if parent := t.threads[infos[i].PPID]; parent != nil && parent.Process != p && !parent.Process.descends(p) {
			p.parent = parent.Process
		}
	}
}

func (t *Table) loadFDs(p *Process, fds []FD) {
	for i := range fds {
		if p == nil {
			return
		}
		if own := t.OpenFD(p, fds[i].Num); own != nil {
			own.copyFrom(&fds[i])
			own.open = true
		}
	}
}

// Snapshot describes all living threads, for a recording.
func (t *Table) Snapshot() []Info {
	var infos []Info
	t.Each(func(thread *Thread) { infos = append(infos, thread.info()) })
	return infos
}

func (t *Thread) info() Info {
	p := t.Process
	ppid, _ := p.ParentPID()
	return Info{
		TID: t.TID, PID: p.PID(), PPID: ppid, VTID: t.VTID, VPID: p.VPID, SID: p.SID, PGID: p.PGID, VPGID: p.VPGID,
		Comm: t.Comm, Exe: p.Exe, ExePath: p.ExePath, Args: list(p.Args), Env: list(p.Env), Cwd: p.Cwd,
		UID: t.UID, GID: t.GID, LoginUID: p.LoginUID, TTY: p.TTY, Caps: t.Caps, Groups: list(p.Groups), Start: p.Start,
		ExeFlags: p.ExeFlags, ExeInode: p.ExeInode, ExeChanged: p.ExeChanged, ExeModified: p.ExeModified,
		FDLimit: p.FDLimit, Threads: p.Threads, VMSize: p.VMSize, VMResident: p.VMResident, VMSwap: p.VMSwap,
		MajorFaults: p.MajorFaults, MinorFaults: p.MinorFaults,
	}
}

func list(elements string) []string {
	if elements == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(elements, "\x00"), "\x00")
}
