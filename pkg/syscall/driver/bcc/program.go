//go:build bcc

package bcc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	gobpf "github.com/iovisor/gobpf/bcc"
	"golang.org/x/sys/unix"

	source "github.com/saker-security/saker/bpf/bcc"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// A way is how system calls are seen.
type way string

const (
	wayAuto        way = ""
	wayKprobes     way = "kprobes"
	wayTracepoints way = "tracepoints"
)

// A layout is where the offsets of kernel structures come from.
type layout string

const (
	layoutAuto    layout = ""
	layoutBTF     layout = "btf"
	layoutHeaders layout = "headers"
)

// A call is a system call that the sensor can watch.
type call struct {
	name string
	typ  uint16
	// args is the number of its arguments: a tracepoint's program may read no more.
	args int
	// leave is the function of the C text that handles its return.
	leave string
	// always is set when the process table needs it.
	always bool
}

var callTable = []call{
	{"open", typeOpen, 3, "leave_open", false},
	{"openat", typeOpenat, 4, "leave_open", false},
	{"openat2", typeOpenat2, 4, "leave_open", false},
	{"connect", typeConnect, 3, "leave_connect", false},
	{"execve", typeExecve, 3, "leave_exec", true},
	{"execveat", typeExecveat, 5, "leave_exec", true},
	{"chdir", typeChdir, 1, "leave_chdir", true},
	{"fchdir", typeFchdir, 1, "leave_fchdir", true},
}

// wanted selects the calls to watch.
func wanted(types []uint16) []call {
	var out []call
	for _, c := range callTable {
		if c.always || slices.Contains(types, c.typ) {
			out = append(out, c)
		}
	}
	return out
}

// entries are the entry points of one call, behind the C text. They are written here and not by a macro in C because
// BCC does not rewrite what a macro expands to.
var entries = map[way]string{
	wayTracepoints: `
int enter_%[1]s(struct sys_enter *ctx)
{
	enter(%[2]d, %[4]s);
	return 0;
}
int exit_%[1]s(struct sys_exit *ctx)
{
	%[3]s(ctx, ctx->ret);
	return 0;
}
`,
	wayKprobes: `
int enter_%[1]s(struct pt_regs *ctx)
{
	WITH_ARGS(ctx);
	enter(%[2]d, ARGS(regs));
	return 0;
}
int exit_%[1]s(struct pt_regs *ctx)
{
	%[3]s(ctx, PT_REGS_RC(ctx));
	return 0;
}
`,
}

// compile builds the module for the running kernel.
func compile(m *machine, calls []call, w way, l layout) (*gobpf.Module, error) {
	if err := m.checkHeaders(l == layoutHeaders); err != nil {
		return nil, err
	}
	text, flags := source.Source, []string{"-Wno-unused-function"}
	if l == layoutHeaders {
		text = headers + text
		flags = append(flags, offsetsFromHeaders()...)
	} else {
		spec, err := btf.LoadKernelSpec()
		if err != nil {
			return nil, unavailable("read the kernel's BTF", err)
		}
		offsets, err := offsetsFromBTF(spec)
		if err != nil {
			return nil, unavailable("find kernel structures", err)
		}
		flags = append(flags, offsets...)
	}
	if slices.Contains(wrapperPrefixes, m.prefix) {
		flags = append(flags, "-DSYSCALL_WRAPPER")
	}
	for _, c := range calls {
		args := []string{"0", "0", "0", "0", "0"}
		for i := range c.args {
			args[i] = fmt.Sprintf("ctx->arg[%d]", i)
		}
		text += fmt.Sprintf(entries[w], c.name, c.typ, c.leave, strings.Join(args, ", "))
	}
	_ = rlimit.RemoveMemlock() // kernels before 5.11 need it; where it is not allowed, the newer ones do without
	module := gobpf.NewModule(text, flags)
	if module == nil {
		return nil, unavailable("compile the BCC program", errors.New("libbcc refused it; its messages are on stderr"))
	}
	return module, nil
}

// maxReturns bounds the calls of one kind that may be in progress at once for a kretprobe to see their returns; those
// beyond it are counted as LossProbe.
const maxReturns = 4096

// attach hooks one call.
func attach(module *gobpf.Module, m *machine, c call, w way) error {
	load, prefix := module.LoadTracepoint, "tracepoint syscalls:sys_enter_"
	if w == wayKprobes {
		load, prefix = module.LoadKprobe, "kprobe "+m.prefix
	}
	enter, err := load("enter_" + c.name)
	if err != nil {
		return unavailable("load the program for "+c.name, err)
	}
	exit, err := load("exit_" + c.name)
	if err != nil {
		return unavailable("load the program for the return of "+c.name, err)
	}
	// The return first: a call seen only at its return is skipped, one seen only at its entry would stay in the map.
	if w == wayKprobes {
		if err = module.AttachKretprobe(m.prefix+c.name, exit, maxReturns); err == nil {
			err = module.AttachKprobe(m.prefix+c.name, enter, 0)
		}
	} else {
		if err = module.AttachTracepoint("syscalls:sys_exit_"+c.name, exit); err == nil {
			err = module.AttachTracepoint("syscalls:sys_enter_"+c.name, enter)
		}
	}
	if err != nil {
		return unavailable("attach "+prefix+c.name, err)
	}
	return nil
}

// machine is what the running kernel offers.
type machine struct {
	release string
	tracefs string
	// prefix of the names of the functions of system calls.
	prefix  string
	kprobes bool
	// functions are the system calls that this kernel has, of those in callTable.
	functions map[string]bool
}

// wrapperPrefixes are of functions that get all arguments in one struct pt_regs.
var wrapperPrefixes = []string{"__x64_sys_", "__arm64_sys_"}

var prefixes = append(slices.Clone(wrapperPrefixes), "sys_", "SyS_")

func examine() (*machine, error) {
	if os.Geteuid() != 0 {
		return nil, unavailable("open the BCC sensor", errors.New("root is needed"))
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, unavailable("ask for the kernel's release", err)
	}
	m := &machine{release: unix.ByteSliceToString(uts.Release[:])}
	var err error
	if m.tracefs, err = mountTracefs(); err != nil {
		return nil, err
	}
	symbols, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		return nil, unavailable("read the kernel's symbols", err)
	}
	m.readSymbols(symbols)
	_, err = os.Stat(filepath.Join(m.tracefs, "kprobe_events"))
	m.kprobes = err == nil && m.prefix != ""
	return m, nil
}

// readSymbols finds the functions of system calls.
func (m *machine) readSymbols(symbols []byte) {
	m.functions = map[string]bool{}
	for _, prefix := range prefixes {
		if bytes.Contains(symbols, []byte(" "+prefix+"openat\n")) {
			m.prefix = prefix
			break
		}
	}
	for _, c := range callTable {
		m.functions[c.name] = m.prefix != "" && bytes.Contains(symbols, []byte(" "+m.prefix+c.name+"\n"))
	}
}

// has reports whether a call can be watched: openat2 is younger than some kernels, open is missing on some machines.
func (m *machine) has(c call, w way) bool {
	if w == wayKprobes {
		return m.functions[c.name]
	}
	_, err := os.Stat(filepath.Join(m.tracefs, "events/syscalls/sys_enter_"+c.name))
	return err == nil
}

// mountTracefs gives the directory of tracefs, which libbcc reads, and mounts it when nobody has.
func mountTracefs() (string, error) {
	places := []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}
	for _, dir := range places {
		if _, err := os.Stat(filepath.Join(dir, "events")); err == nil {
			return dir, nil
		}
	}
	if err := unix.Mount("tracefs", places[0], "tracefs", 0, ""); err != nil {
		return "", unavailable("mount tracefs on "+places[0], err)
	}
	return places[0], nil
}

// checkHeaders says what is missing before libbcc fails with a page of messages. With match, the headers must be those
// of the running kernel, because its structures are taken from them.
func (m *machine) checkHeaders(match bool) error {
	dir := filepath.Join("/lib/modules", m.release)
	for _, name := range []string{"build", "source"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil && (name == "build" || match) {
			return unavailable("find kernel headers", fmt.Errorf("%w (install linux-headers-%s, or run setup.sh of the BCC driver)", err, m.release))
		}
	}
	if !match {
		return nil
	}
	file := filepath.Join(dir, "build/include/generated/utsrelease.h")
	text, err := os.ReadFile(file)
	if err != nil {
		return unavailable("read the release of the kernel headers", err)
	}
	if _, have, _ := strings.Cut(string(text), "UTS_RELEASE "); strings.Trim(have, "\"\n ") != m.release {
		return unavailable("use kernel headers", fmt.Errorf("%s is of %s, the running kernel is %s, and without BTF they must be the same",
			file, strings.TrimSpace(have), m.release))
	}
	return nil
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", driver.ErrUnavailable, doing, err)
}
