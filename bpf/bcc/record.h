// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The record that the sensor sends, and the functions that fill it.

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
	u8 cut;	   /* a value was cut or left out because of a limit */
	u8 unread; /* a value could not be read from the program's memory */
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
	u8 cut;	   /* a value was cut or left out because of a limit */
	u8 unread; /* a value could not be read from the program's memory */
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

enum { COUNT_DELIVERED, COUNT_FULL, COUNT_SCRATCH, COUNT_CUT, COUNT_UNREAD, COUNTS };

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
	if (events.perf_submit(ctx, r, size) < 0) {
		count(COUNT_FULL);
		return;
	}
	count(COUNT_DELIVERED);
	if (r->head.cut)
		count(COUNT_CUT);
	if (r->head.unread)
		count(COUNT_UNREAD);
}

/* room gives the place of the next piece of data, or NULL when there is no space for one. */
static __always_inline char *room(struct record *r)
{
	u64 used = r->head.used;
	if (used > DATA_MASK) {
		r->head.cut = 1;
		return 0;
	}
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
	if (n <= 0) {
		r->head.unread = r->head.res != -14; /* EFAULT: the kernel could not read it either */
		return 0;
	}
	if (n == PIECE_MAX)
		r->head.cut = 1;
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
	if (n > PIECE_MAX - 1) {
		n = PIECE_MAX - 1;
		r->head.cut = 1;
	}
	n &= PIECE_MAX - 1;
	if (bpf_probe_read_user(to, n, (void *)addr) == 0)
		added(r, section, n);
	else
		r->head.unread = 1;
}

/* put_argv adds the texts of a vector in the user's memory, one after another. */
static __always_inline void put_argv(struct record *r, int section, u64 argv)
{
	for (int i = 0; i < ARGV_DEPTH; i++) {
		u64 arg = 0;
		if (bpf_probe_read_user(&arg, sizeof(arg), (void *)(argv + i * 8)) < 0) {
			r->head.unread = 1;
			return;
		}
		if (!arg || !put_text(r, section, arg))
			return;
	}
	r->head.cut = 1;
}

/* drop takes a section back that was too much. */
static __always_inline void drop(struct record *r, int section)
{
	r->head.cut = 1;
	r->head.used -= r->head.len[section];
	r->head.len[section] = 0;
}
