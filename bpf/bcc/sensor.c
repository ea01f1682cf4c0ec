//go:build ignore
// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The BCC sensor. It sends one record for each event; the driver in Go turns a record into a frame of the wire format.
//
// Members of kernel structures are read by offset: OFF_<name> is given on the command line, either as a number from
// the kernel's BTF or as offsetof() on the kernel's headers. An OFF_ that is missing means that the kernel has no such
// member; what depends on it is left out. Loops are bounded, and every write into a record is masked, because the
// kernel's verifier has to see it.

#include <uapi/linux/ptrace.h>

#define TYPE_OPEN 3
#define TYPE_CONNECT 23
#define TYPE_CHDIR 95
#define TYPE_FCHDIR 97
#define TYPE_PROCEXIT 186
#define TYPE_CLONE 223
#define TYPE_EXECVE 293
#define TYPE_OPENAT 307
#define TYPE_OPENAT2 327
#define TYPE_EXECVEAT 331

#define DATA_MASK 0x3fff
#define PIECE_MAX 4096	/* the longest text, and the slack behind the last masked offset */
#define NAME_SIZE 256	/* NAME_MAX and a NUL */
#define PATH_DEPTH 48
#define CGROUP_DEPTH 12
#define ARGV_DEPTH 32

/* Sections of a record's data, in this order; the driver knows the same numbers. */
enum { SEC_TASK, SEC_ARGS, SEC_ENV, SEC_CGROUP_MEMORY, SEC_CGROUP_UNIFIED, SEC_CWD, SEC_EXE, SEC_PATH, SECTIONS };
#define SEC_ADDR SEC_ARGS	/* connect: the address as passed */
#define SEC_SOCK SEC_TASK	/* connect: struct sock_ends */

struct head {
	u64 time;
	u32 tid;
	u32 pid;
	u16 type;
	u16 len[SECTIONS];
	u16 pad;
	u32 used; /* bytes of data; kept here and not in a register, where the verifier would follow its every value */
	s64 res;
	s64 arg[4];
	u64 extra[3];
};

struct record {
	struct head head;
	char data[DATA_MASK + 1 + PIECE_MAX];
};

/* What is known of a task: numbers, the first of which says by its bits which of the others were read. */
enum {
	T_PRESENT, T_PTID, T_FDLIMIT, T_MAJFLT, T_MINFLT, T_VM_PAGES, T_TTY, T_VPGID, T_LOGINUID, T_CAP_INHERITABLE,
	T_CAP_PERMITTED, T_CAP_EFFECTIVE, T_EXE_INO, T_EXE_CTIME_SEC, T_EXE_CTIME_NSEC, T_EXE_MTIME_SEC,
	T_EXE_MTIME_NSEC, T_UID, T_PGID, T_GID, T_VTID, T_VPID, T_CLONE_FLAGS, T_COUNT
};

struct task {
	u64 num[T_COUNT];
	char comm[16];
};

struct sock_ends {
	u16 family;
	u16 sport;	/* host order */
	u16 dport;	/* network order */
	u16 pad;
	u8 saddr[16];
	u8 daddr[16];
};

struct call {
	u64 arg[5];
	u64 type;
};

/* The tracepoints syscalls:sys_enter_* and syscalls:sys_exit_*. */
struct sys_enter {
	u64 common;
	s64 id;
	u64 arg[6];
};

struct sys_exit {
	u64 common;
	s64 id;
	s64 ret;
};

enum { COUNT_DELIVERED, COUNT_FULL, COUNT_SCRATCH, COUNTS };

BPF_PERF_OUTPUT(events);
BPF_PERCPU_ARRAY(scratch, struct record, 1);
BPF_PERCPU_ARRAY(counts, u64, COUNTS);
BPF_TABLE("hash", u64, struct call, calls, 16384);

static __always_inline void count(int what)
{
	u64 *n = counts.lookup(&what);
	if (n)
		(*n)++;
}

/* These give 0 where there is nothing to read, also behind a null pointer. */
static __always_inline u64 read64(u64 base, u64 offset)
{
	u64 v = 0;
	bpf_probe_read_kernel(&v, sizeof(v), (void *)(base + offset));
	return v;
}

static __always_inline u32 read32(u64 base, u64 offset)
{
	u32 v = 0;
	bpf_probe_read_kernel(&v, sizeof(v), (void *)(base + offset));
	return v;
}

static __always_inline u16 read16(u64 base, u64 offset)
{
	u16 v = 0;
	bpf_probe_read_kernel(&v, sizeof(v), (void *)(base + offset));
	return v;
}

/* start gives this CPU's record with a fresh head, or NULL. */
static __always_inline struct record *start(u16 type, s64 res)
{
	int zero = 0;
	struct record *r = scratch.lookup(&zero);
	if (!r) {
		count(COUNT_SCRATCH);
		return 0;
	}
	u64 id = bpf_get_current_pid_tgid();
	__builtin_memset(&r->head, 0, sizeof(r->head));
	r->head.time = bpf_ktime_get_ns();
	r->head.tid = (u32)id;
	r->head.pid = id >> 32;
	r->head.type = type;
	r->head.res = res;
	return r;
}

static __always_inline void finish(void *ctx, struct record *r)
{
	u64 size = sizeof(r->head) + (u64)r->head.used;
	asm volatile("" : "+r"(size)); /* keeps the bound and the use in one register */
	if (size > sizeof(*r))
		size = sizeof(*r);
	if (events.perf_submit(ctx, r, size) < 0)
		count(COUNT_FULL);
	else
		count(COUNT_DELIVERED);
}

/* room gives the place of the next piece of data, or NULL when there is no space for one. */
static __always_inline char *room(struct record *r)
{
	u64 used = r->head.used;
	if (used > DATA_MASK)
		return 0;
	asm volatile("" : "+r"(used)); /* or the compiler would leave out the mask, which the verifier needs */
	return &r->data[used & DATA_MASK];
}

static __always_inline void added(struct record *r, int section, int n)
{
	r->head.len[section] += n;
	r->head.used += n;
}

/* put_text adds a text of the user's memory, with its NUL; it reports whether it could. */
static __always_inline int put_text(struct record *r, int section, u64 addr)
{
	char *to = room(r);
	if (!to)
		return 0;
	int n = bpf_probe_read_user_str(to, PIECE_MAX, (void *)addr);
	if (n <= 0)
		return 0;
	added(r, section, n);
	return 1;
}

/* put_name adds a text of the kernel's memory, with its NUL; it reports whether it could. */
static __always_inline int put_name(struct record *r, int section, u64 addr, u32 max)
{
	char *to = room(r);
	if (!to)
		return 0;
	int n = bpf_probe_read_kernel_str(to, max, (void *)addr);
	if (n <= 0)
		return 0;
	added(r, section, n);
	return 1;
}

/* put_block adds the user's memory from addr to end, at most PIECE_MAX-1 bytes. */
static __always_inline void put_block(struct record *r, int section, u64 addr, u64 end)
{
	char *to = room(r);
	u64 n = end - addr;
	if (!to || end <= addr)
		return;
	if (n > PIECE_MAX - 1)
		n = PIECE_MAX - 1;
	n &= PIECE_MAX - 1;
	if (bpf_probe_read_user(to, n, (void *)addr) == 0)
		added(r, section, n);
}

/* put_argv adds the texts of a vector in the user's memory, one after another. */
static __always_inline void put_argv(struct record *r, int section, u64 argv)
{
	for (int i = 0; i < ARGV_DEPTH; i++) {
		u64 arg = 0;
		if (bpf_probe_read_user(&arg, sizeof(arg), (void *)(argv + i * 8)) < 0 || !arg)
			return;
		if (!put_text(r, section, arg))
			return;
	}
}

/* drop takes a section back. */
static __always_inline void drop(struct record *r, int section)
{
	r->head.used -= r->head.len[section];
	r->head.len[section] = 0;
}

#if defined(OFF_mount_mnt)
static __always_inline void put_root(struct record *r, int section)
{
	char *to = room(r);
	if (!to)
		return;
	*to = 0;
	added(r, section, 1);
}

/* put_path adds the names of a struct path from its leaf to the root of its mount namespace, and an empty one for the
 * root. A path that is deeper than PATH_DEPTH has no value. */
static __always_inline void put_path(struct record *r, int section, u64 path)
{
	u64 dentry = read64(path, OFF_path_dentry);
	u64 mount = read64(path, OFF_path_mnt) - OFF_mount_mnt;
	if (!dentry)
		return;
	for (int i = 0; i < PATH_DEPTH; i++) {
		u64 parent = read64(dentry, OFF_dentry_parent);
		if (dentry == read64(mount, OFF_mount_root)) {
			u64 up = read64(mount, OFF_mount_parent);
			if (up == mount || !up) {
				put_root(r, section);
				return;
			}
			dentry = read64(mount, OFF_mount_mountpoint);
			mount = up;
			continue;
		}
		if (dentry == parent) {
			put_root(r, section);
			return;
		}
		if (!put_name(r, section, read64(dentry, OFF_dentry_name), NAME_SIZE))
			break;
		dentry = parent;
	}
	drop(r, section);
}
#endif

#if defined(OFF_cgroup_kn)
/* put_cgroup adds the names of a cgroup from its leaf to the root of its hierarchy, whose own name is empty. */
static __always_inline void put_cgroup(struct record *r, int section, u64 cgroup)
{
	u64 node = read64(cgroup, OFF_cgroup_kn);
	for (int i = 0; i < CGROUP_DEPTH && node; i++) {
		if (!put_name(r, section, read64(node, OFF_kernfs_name), NAME_SIZE))
			break;
		node = read64(node, OFF_kernfs_parent);
	}
	if (node)
		drop(r, section);
}
#endif

#define SET(what, value)                                                                                               \
	do {                                                                                                           \
		t->num[what] = (value);                                                                                \
		t->num[T_PRESENT] |= 1ull << (what);                                                                   \
	} while (0)

/* encode_dev packs a device number as stat(2) gives it. */
static __always_inline u32 encode_dev(u32 major, u32 minor)
{
	return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

static __always_inline void put_ids(struct task *t, u64 task, u64 signal)
{
	u64 own = read64(task, OFF_task_thread_pid);
	u32 level = read32(own, OFF_pid_level);
	u64 at = OFF_pid_numbers + (u64)(level & 31) * SIZE_upid;
	u64 group = read64(signal, OFF_signal_pids + 2 * sizeof(void *)); /* PIDTYPE_PGID */
	u64 leader = read64(signal, OFF_signal_pids + sizeof(void *));	  /* PIDTYPE_TGID */

	SET(T_VTID, (s64)(s32)read32(own, at));
	SET(T_VPID, (s64)(s32)read32(leader, at));
	SET(T_VPGID, (s64)(s32)read32(group, at));
	SET(T_PGID, (s64)(s32)read32(group, OFF_pid_numbers));
	SET(T_PTID, (s64)(s32)read32(read64(task, OFF_task_real_parent), OFF_task_pid));
}

static __always_inline void put_exe_file(struct task *t, u64 file)
{
	u64 inode = read64(file, OFF_file_inode);
	if (!inode)
		return;
	SET(T_EXE_INO, read64(inode, OFF_inode_ino));
#if defined(OFF_inode_ctime_sec) && defined(OFF_inode_mtime_sec)
	SET(T_EXE_CTIME_SEC, read64(inode, OFF_inode_ctime_sec));
	/* Since 6.13 the highest bit says that somebody asked for the time. */
	SET(T_EXE_CTIME_NSEC, read32(inode, OFF_inode_ctime_nsec) & 0x7fffffff);
	SET(T_EXE_MTIME_SEC, read64(inode, OFF_inode_mtime_sec));
	SET(T_EXE_MTIME_NSEC, read32(inode, OFF_inode_mtime_nsec));
#endif
}

static __always_inline void put_numbers(struct task *t, u64 task, u64 mm)
{
	u64 signal = read64(task, OFF_task_signal);
	u64 cred = read64(task, OFF_task_cred);

	__builtin_memset(t, 0, sizeof(*t));
	put_ids(t, task, signal);
	SET(T_FDLIMIT, read64(signal, OFF_signal_rlim + 7 * 2 * sizeof(u64))); /* RLIMIT_NOFILE */
	SET(T_MAJFLT, read64(task, OFF_task_maj_flt));
	SET(T_MINFLT, read64(task, OFF_task_min_flt));
	SET(T_VM_PAGES, read64(mm, OFF_mm_total_vm));
	SET(T_UID, read32(cred, OFF_cred_euid));
	SET(T_GID, read32(cred, OFF_cred_egid));
	SET(T_CAP_INHERITABLE, read64(cred, OFF_cred_cap_inheritable));
	SET(T_CAP_PERMITTED, read64(cred, OFF_cred_cap_permitted));
	SET(T_CAP_EFFECTIVE, read64(cred, OFF_cred_cap_effective));
#if defined(OFF_task_loginuid)
	SET(T_LOGINUID, read32(task, OFF_task_loginuid));
#endif
	u64 tty = read64(signal, OFF_signal_tty);
	u64 drv = read64(tty, OFF_tty_driver);
	u32 number = 0;
	if (tty)
		number = encode_dev(read32(drv, OFF_tty_driver_major),
				    read32(drv, OFF_tty_driver_minor_start) + read32(tty, OFF_tty_index));
	SET(T_TTY, number);
	bpf_probe_read_kernel_str(t->comm, sizeof(t->comm), (void *)(task + OFF_task_comm));
}

/* put_task adds what is known of a task; it has to be the first section. */
static __always_inline void put_task(struct record *r, u64 task, u64 clone_flags, int env)
{
	struct task *t = (struct task *)r->data;
	u64 mm = read64(task, OFF_task_mm);

	put_numbers(t, task, mm);
	SET(T_CLONE_FLAGS, clone_flags);
	added(r, SEC_TASK, sizeof(*t));
	put_exe_file(t, read64(mm, OFF_mm_exe_file));
	if (mm && r->head.res == 0) {
		put_block(r, SEC_ARGS, read64(mm, OFF_mm_arg_start), read64(mm, OFF_mm_arg_end));
		if (env)
			put_block(r, SEC_ENV, read64(mm, OFF_mm_env_start), read64(mm, OFF_mm_env_end));
	}
}

/* put_places adds where a task is: its cgroups, its working directory and its program's path. */
static __always_inline void put_places(struct record *r, u64 task)
{
#if defined(OFF_cgroup_kn)
	u64 set = read64(task, OFF_task_cgroups);
#if defined(OFF_css_set_memory)
	put_cgroup(r, SEC_CGROUP_MEMORY, read64(read64(set, OFF_css_set_memory), OFF_css_cgroup));
#endif
	put_cgroup(r, SEC_CGROUP_UNIFIED, read64(set, OFF_css_set_dfl_cgrp));
#endif
#if defined(OFF_mount_mnt)
	u64 fs = read64(task, OFF_task_fs);
	if (fs)
		put_path(r, SEC_CWD, fs + OFF_fs_pwd);
	u64 exe = read64(read64(task, OFF_task_mm), OFF_mm_exe_file);
	if (exe)
		put_path(r, SEC_EXE, exe + OFF_file_path);
#endif
}

/* current_file gives the struct file of a descriptor of the current task. */
static __always_inline u64 current_file(s64 fd)
{
	u64 files = read64(bpf_get_current_task(), OFF_task_files);
	u64 table = read64(files, OFF_files_fdt);
	if (fd < 0 || fd >= read32(table, OFF_fdtable_max_fds))
		return 0;
	return read64(read64(table, OFF_fdtable_fd), fd * sizeof(void *));
}

/* enter keeps a call's arguments until it returns. */
static __always_inline void enter(u64 type, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u64 id = bpf_get_current_pid_tgid();
	struct call c = {.arg = {a0, a1, a2, a3, a4}, .type = type};
	if (calls.update(&id, &c) < 0)
		count(COUNT_SCRATCH);
}

/* take gives back what enter kept; 0 when the call began before the sensor did. */
static __always_inline int take(struct call *to)
{
	u64 id = bpf_get_current_pid_tgid();
	struct call *c = calls.lookup(&id);
	if (!c)
		return 0;
	*to = *c;
	calls.delete(&id);
	return 1;
}

static __always_inline void put_opened(struct record *r, s64 fd)
{
	u64 file = current_file(fd);
	u64 inode = read64(file, OFF_file_inode);
	u32 dev = read32(read64(inode, OFF_inode_sb), OFF_sb_dev);
	if (!inode)
		return;
	r->head.extra[0] = encode_dev(dev >> 20, dev & 0xfffff);
	r->head.extra[1] = read64(inode, OFF_inode_ino);
	r->head.extra[2] = (read32(file, OFF_file_mode) & 0x100000) != 0; /* FMODE_CREATED */
}

static __always_inline void leave_open(void *ctx, s64 res)
{
	struct call c;
	if (!take(&c))
		return;
	struct record *r = start(c.type, res);
	if (!r)
		return;
	u64 how[3] = {c.arg[2], c.arg[3], 0}; /* flags, mode, resolve: struct open_how */
	u64 name = c.arg[1];
	r->head.arg[0] = (s64)(s32)c.arg[0];
	if (c.type == TYPE_OPEN) {
		r->head.arg[0] = -100; /* AT_FDCWD */
		name = c.arg[0];
		how[0] = c.arg[1];
		how[1] = c.arg[2];
	} else if (c.type == TYPE_OPENAT2) {
		__builtin_memset(how, 0, sizeof(how));
		bpf_probe_read_user(how, sizeof(how), (void *)c.arg[2]);
	}
	r->head.arg[1] = how[0];
	r->head.arg[2] = how[1];
	r->head.arg[3] = how[2];
	if (res >= 0)
		put_opened(r, res);
	put_text(r, SEC_PATH, name);
	finish(ctx, r);
}

static __always_inline void leave_chdir(void *ctx, s64 res)
{
	struct call c;
	if (!take(&c))
		return;
	struct record *r = start(TYPE_CHDIR, res);
	if (!r)
		return;
	put_text(r, SEC_PATH, c.arg[0]);
	finish(ctx, r);
}

static __always_inline void leave_fchdir(void *ctx, s64 res)
{
	struct call c;
	if (!take(&c))
		return;
	struct record *r = start(TYPE_FCHDIR, res);
	if (!r)
		return;
	r->head.arg[0] = (s64)(s32)c.arg[0];
	finish(ctx, r);
}

/* put_sock adds both ends of a connected socket. */
static __always_inline void put_sock(struct record *r, s64 fd)
{
	struct sock_ends *e = (struct sock_ends *)r->data;
	u64 sk = read64(read64(current_file(fd), OFF_file_private), OFF_socket_sk);
	if (!sk)
		return;
	__builtin_memset(e, 0, sizeof(*e));
	e->family = read16(sk, OFF_sock_family);
	e->sport = read16(sk, OFF_sock_num);
	e->dport = read16(sk, OFF_sock_dport);
	if (e->family == 2) {
		bpf_probe_read_kernel(e->saddr, 4, (void *)(sk + OFF_sock_rcv_saddr));
		bpf_probe_read_kernel(e->daddr, 4, (void *)(sk + OFF_sock_daddr));
	}
#if defined(OFF_sock_v6_daddr)
	if (e->family == 10) {
		bpf_probe_read_kernel(e->saddr, 16, (void *)(sk + OFF_sock_v6_rcv_saddr));
		bpf_probe_read_kernel(e->daddr, 16, (void *)(sk + OFF_sock_v6_daddr));
	}
#endif
	r->head.extra[0] = sk;
#if defined(OFF_unix_peer)
	if (e->family == 1)
		r->head.extra[1] = read64(sk, OFF_unix_peer);
#endif
	added(r, SEC_SOCK, sizeof(*e));
}

static __always_inline void leave_connect(void *ctx, s64 res)
{
	struct call c;
	if (!take(&c))
		return;
	struct record *r = start(TYPE_CONNECT, res);
	if (!r)
		return;
	r->head.arg[0] = (s64)(s32)c.arg[0];
	if (res == 0 || res == -115) /* EINPROGRESS */
		put_sock(r, r->head.arg[0]);
	u64 n = c.arg[2] & 0xffffffff;
	if (n > 128) /* struct sockaddr_storage */
		n = 128;
	put_block(r, SEC_ADDR, c.arg[1], c.arg[1] + n);
	finish(ctx, r);
}

/* leave_exec sends an exec that failed; one that succeeded is sent by sched_process_exec, where the new program is
 * in place and the thread has its final id. */
static __always_inline void leave_exec(void *ctx, s64 res)
{
	struct call c;
	if (!take(&c) || res >= 0)
		return;
	struct record *r = start(c.type, res);
	if (!r)
		return;
	u64 task = bpf_get_current_task();
	u64 shift = c.type == TYPE_EXECVEAT;
	put_task(r, task, 0, 0);
	put_argv(r, SEC_ARGS, shift ? c.arg[2] : c.arg[1]);
	put_places(r, task);
	put_text(r, SEC_PATH, shift ? c.arg[1] : c.arg[0]);
	finish(ctx, r);
}

int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	u64 task = ctx->args[0], bprm = ctx->args[2];
	u64 id = (bpf_get_current_pid_tgid() & ~0xffffffffull) | (u32)ctx->args[1];
	struct call *c = calls.lookup(&id);
	u16 type = TYPE_EXECVE;
	if (c) {
		type = c->type;
		calls.delete(&id);
	}
	struct record *r = start(type, 0);
	if (!r)
		return 0;
	put_task(r, task, 0, 1);
	put_places(r, task);
	put_name(r, SEC_PATH, read64(bprm, OFF_bprm_filename), PIECE_MAX);
	finish(ctx, r);
	return 0;
}

/* Bits of the flags parameter of clone. */
#define CL_FILES (1 << 0)
#define CL_FS (1 << 1)
#define CL_PARENT (1 << 8)
#define CL_SIGHAND (1 << 11)
#define CL_THREAD (1 << 13)
#define CL_VM (1 << 15)
#define CL_CHILD_IN_PIDNS (1 << 26)

/* clone_flags tells the flags of the call from what both tasks share. */
static __always_inline u64 clone_flags(u64 parent, u64 child)
{
	u64 flags = 0, mm = read64(child, OFF_task_mm);
	if (read32(child, OFF_task_tgid) == read32(parent, OFF_task_tgid))
		flags |= CL_THREAD;
	else if (read64(child, OFF_task_real_parent) != parent)
		flags |= CL_PARENT;
	if (mm && mm == read64(parent, OFF_task_mm))
		flags |= CL_VM;
	if (read64(child, OFF_task_fs) == read64(parent, OFF_task_fs))
		flags |= CL_FS;
	if (read64(child, OFF_task_sighand) == read64(parent, OFF_task_sighand))
		flags |= CL_SIGHAND;
	if (read64(child, OFF_task_files) == read64(parent, OFF_task_files))
		flags |= CL_FILES;
	if (read32(read64(child, OFF_task_thread_pid), OFF_pid_level))
		flags |= CL_CHILD_IN_PIDNS;
	return flags;
}

int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
	u64 parent = ctx->args[0], child = ctx->args[1];
	struct record *r = start(TYPE_CLONE, 0);
	if (!r)
		return 0;
	r->head.tid = read32(child, OFF_task_pid);
	r->head.pid = read32(child, OFF_task_tgid);
	put_task(r, child, clone_flags(parent, child), 0);
	put_places(r, child);
	finish(ctx, r);
	return 0;
}

int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u64 task = ctx->args[0];
	calls.delete(&id); /* a call that never returns */
	struct record *r = start(TYPE_PROCEXIT, (s64)read32(task, OFF_task_exit_code));
	if (r)
		finish(ctx, r);
	return 0;
}

/* syscall_args gives the arguments of a system call whose function was just entered. */
#if defined(SYSCALL_WRAPPER)
#define WITH_ARGS(ctx)                                                                                                 \
	struct pt_regs regs;                                                                                           \
	bpf_probe_read_kernel(&regs, sizeof(regs), (void *)PT_REGS_PARM1(ctx))
#else
#define WITH_ARGS(ctx) struct pt_regs regs = *(ctx)
#endif

#if defined(__x86_64__)
#if defined(SYSCALL_WRAPPER)
#define ARG4(regs) (regs).r10
#else
#define ARG4(regs) (regs).cx
#endif
#define ARGS(regs) (regs).di, (regs).si, (regs).dx, ARG4(regs), (regs).r8
#elif defined(__aarch64__)
#define ARGS(regs) (regs).regs[0], (regs).regs[1], (regs).regs[2], (regs).regs[3], (regs).regs[4]
#endif
