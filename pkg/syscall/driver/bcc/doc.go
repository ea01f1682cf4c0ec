// Package bcc is the driver for kernels that the CO-RE driver does not serve: it compiles its C text (bpf/bcc) on the
// machine with libbcc, through github.com/iovisor/gobpf. It needs cgo, libbcc and kernel headers, and is built only
// with the tag bcc; without the tag the package is empty.
//
// # How it sees
//
// Two ways to see system calls share one C text, and Open chooses at run time: kprobes and kretprobes on the calls'
// functions where the kernel has them, the tracepoints syscalls:sys_enter_* and sys_exit_* elsewhere. Processes are
// seen through the raw tracepoints sched_process_fork, _exec and _exit in both.
//
// Kernel structures are read by member offset. The offsets come from the kernel's BTF, and without BTF from the headers,
// which then must be those of the running kernel.
//
// It needs Linux 5.3 (bounded loops) and root, and was run on 6.1 and 6.18. It mounts tracefs where nobody has. A
// program that is killed leaves its names in tracefs/kprobe_events; they are inactive. A process may have one open driver.
//
// # What it sends
//
// The frames of package wire, in the order of their time also between CPUs, for which an event waits up to about 40 ms:
//
//	open, openat, openat2     all parameters; no bits for the layers of an overlay
//	connect                   all parameters; the tuple when the call succeeded or goes on
//	chdir, fchdir             all parameters
//	procexit                  all but reaper_tid
//	clone (as the child)      all but vm_rss, vm_swap and pidns_init_start_ts; of flags only CLONE_THREAD, _PARENT,
//	                          _VM, _FS, _FILES, _SIGHAND and CLONE_CHILD_IN_PIDNS
//	execve, execveat          all but vm_rss, vm_swap and flags; env only when the call succeeded. execveat is sent
//	                          when it fails; one that succeeds comes as execve, as from Falco's drivers
//
// A parameter that is not sent has length 0. Beyond that: args and env end after 4,095 bytes each, the arguments of an
// exec that failed after 32; a path of more than 48 names has no value; cgroups are those of the memory controller and of
// the unified hierarchy; exe, args and env have no value when their memory is paged out; with offsets from headers
// cwd and trusted_exepath have no value, because no header declares the mount structure. Programs of the 32-bit
// system call interface are seen when they start and end, but their calls are not. Events with a value that was cut or
// could not be read are counted (driver.Stats). The driver grows to the CO-RE
// driver's equal in a later release.
package bcc
