/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes and threads: ids, memory, rights, program, arguments. */
#ifndef SAKER_TASK_H
#define SAKER_TASK_H

#include "file.h"

#define PF_EXITING 0x4
#define RLIMIT_NOFILE 7
#define CAP_DAC_OVERRIDE 1
#define PAGE_KIB 4
#define NO_ID 0xffffffff
#define ARGV_MAX 256
#define THREADS_MAX 64
#define ANCESTORS_MAX 64

#define EXE_WRITABLE 1
#define EXE_UPPER_LAYER 2
#define EXE_FROM_MEMFD 4
#define EXE_LOWER_LAYER 8

/* Falco's bits for what a new task shares with its creator, and for the namespaces that it has of its own. */
#define WIRE_CLONE_FILES (1 << 0)
#define WIRE_CLONE_FS (1 << 1)
#define WIRE_CLONE_NEWIPC (1 << 3)
#define WIRE_CLONE_NEWNET (1 << 4)
#define WIRE_CLONE_NEWNS (1 << 5)
#define WIRE_CLONE_NEWPID (1 << 6)
#define WIRE_CLONE_NEWUTS (1 << 7)
#define WIRE_CLONE_PARENT (1 << 8)
#define WIRE_CLONE_SIGHAND (1 << 11)
#define WIRE_CLONE_THREAD (1 << 13)
#define WIRE_CLONE_VM (1 << 15)
#define WIRE_CLONE_NEWCGROUP (1 << 28)
#define WIRE_CLONE_CHILD_IN_PIDNS (1 << 29)

/* The number of a pid in the namespace of the given level, 0 if it is not seen there. */
static __always_inline s64 number_at(struct pid *pid, u32 level)
{
	struct upid up = {};

	if (!pid || BPF_CORE_READ(pid, level) < level)
		return 0;
	bpf_probe_read_kernel(&up, sizeof(up), __builtin_preserve_access_index(&pid->numbers[0]) + level);
	return up.nr;
}

static __always_inline u32 level_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_pid, level);
}

static __always_inline struct pid_namespace *pid_namespace_of(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid up = {};

	bpf_probe_read_kernel(&up, sizeof(up),
			      __builtin_preserve_access_index(&pid->numbers[0]) + level_of(task));
	return up.ns;
}

static __always_inline struct pid *group_pid(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, pids[PIDTYPE_PGID]);
}

static __always_inline u32 pages_kib(struct mm_struct *mm, int which)
{
	struct mm_struct___percpu *percpu = (void *)mm;
	s64 pages;

	if (bpf_core_field_exists(percpu->rss_stat[0].count)) {
		/* Not pointer arithmetic of C: the element is larger in the kernel. */
		void *first = __builtin_preserve_access_index(&percpu->rss_stat[0]);
		struct percpu_counter *c = first + which * bpf_core_type_size(struct percpu_counter);

		pages = BPF_CORE_READ(c, count);
	} else {
		atomic64_t c = {};

		bpf_probe_read_kernel(&c, sizeof(c),
				      __builtin_preserve_access_index(&mm->rss_stat.count[0]) + which);
		pages = c.counter;
	}
	return pages < 0 ? 0 : pages * PAGE_KIB;
}

/* fdlimit, pgft_maj, pgft_min, vm_size, vm_rss, vm_swap (KiB), comm */
static __noinline int put_resources(struct scratch *s, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	put_u64(s, BPF_CORE_READ(task, signal, rlim[RLIMIT_NOFILE].rlim_cur));
	put_u64(s, BPF_CORE_READ(task, maj_flt));
	put_u64(s, BPF_CORE_READ(task, min_flt));
	if (mm) {
		/* Counters 0 to 3: pages of files, anonymous, in swap, shared. */
		put_u32(s, BPF_CORE_READ(mm, total_vm) * PAGE_KIB);
		put_u32(s, pages_kib(mm, 0) + pages_kib(mm, 1) + pages_kib(mm, 3));
		put_u32(s, pages_kib(mm, 2));
	} else {
		put_u32(s, 0);
		put_u32(s, 0);
		put_u32(s, 0);
	}
	put_kernel_text(s, __builtin_preserve_access_index(&task->comm));
	return 0;
}

/* Memory of the program from start to end, NUL-terminated texts one after another, as one parameter. */
static __noinline int put_user_texts(struct scratch *s, u64 start, u64 end)
{
	u64 size = end - start;
	u8 *to = frame_place(s);

	if (!start || end <= start) {
		param_end(s);
		return 0;
	}
	if (size > VALUE_MAX) {
		size = VALUE_MAX;
		s->truncated = 1;
	}
	if (bpf_probe_read_user(to, bounded(size), (void *)start)) {
		s->unread = 1;
		param_end(s);
		return 0;
	}
	s->len += size;
	s->frame[(s->len - 1) & (FRAME_MAX - 1)] = 0;
	param_end(s);
	return 0;
}

/* exe and args: the arguments of the program as they are in the memory of the current task. */
static __noinline int put_arguments(struct scratch *s, struct mm_struct *mm)
{
	u64 start = BPF_CORE_READ(mm, arg_start), end = BPF_CORE_READ(mm, arg_end);
	long n;

	if (!mm || end <= start) {
		param_end(s);
		param_end(s);
		return 0;
	}
	n = bpf_probe_read_user_str(frame_place(s), VALUE_MAX, (void *)start);
	if (n <= 0 || n > VALUE_MAX) {
		s->unread = 1;
		n = 0;
	}
	s->len += n;
	param_end(s);
	if (n == VALUE_MAX) /* the rest of this one argument is not a list of arguments */
		start = end;
	put_user_texts(s, n ? start + n : 0, end);
	return 0;
}

/* Entry i of a list of pointers in user memory; 0 also when it cannot be read. */
static __always_inline void *user_entry(struct scratch *s, u64 list, u64 i)
{
	u64 entry = 0;

	if (s->compat)
		bpf_probe_read_user(&entry, 4, (void *)(list + i * 4));
	else
		bpf_probe_read_user(&entry, 8, (void *)(list + i * 8));
	return (void *)entry;
}

/* A list of pointers to texts in user memory, from entry `from` on, as one parameter. */
static __noinline int put_user_list(struct scratch *s, u64 list, u32 from)
{
	for (u32 i = from; i < ARGV_MAX; i++) {
		void *text = list ? user_entry(s, list, i) : NULL;
		long n;

		if (!text) {
			param_end(s);
			return 0;
		}
		if (s->len - s->start >= VALUE_MAX)
			break;
		n = bpf_probe_read_user_str(frame_place(s), VALUE_MAX, text);
		if (n <= 0 || n > VALUE_MAX) {
			s->unread = 1;
			break;
		}
		s->len += n;
		if (s->len - s->start > VALUE_MAX) {
			s->len = s->start + VALUE_MAX;
			s->frame[(s->len - 1) & (FRAME_MAX - 1)] = 0;
			break;
		}
	}
	s->truncated = 1;
	param_end(s);
	return 0;
}

static __always_inline u32 terminal_of(struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
	u32 major, minor;

	if (!tty)
		return 0;
	major = BPF_CORE_READ(tty, driver, major);
	minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
	return encode_device(major, minor);
}

static __always_inline u32 login_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->loginuid))
		return BPF_CORE_READ(task, loginuid.val);
	return NO_ID;
}

static __always_inline u64 capabilities(const kernel_cap_t *set)
{
	u64 v = 0;

	bpf_probe_read_kernel(&v, sizeof(v), set);
	return v;
}

#define CAPABILITIES(cred, set) capabilities(__builtin_preserve_access_index(&(cred)->set))

/* Whether a task of these rights may write to the file, by owner, group, others and capability. */
static __always_inline bool may_write(const struct cred *cred, struct inode *inode)
{
	u16 mode = BPF_CORE_READ(inode, i_mode);
	u64 caps = CAPABILITIES(cred, cap_effective);

	if (caps & (1ULL << CAP_DAC_OVERRIDE))
		return true;
	if (BPF_CORE_READ(cred, fsuid.val) == BPF_CORE_READ(inode, i_uid.val))
		return mode & 0200;
	if (BPF_CORE_READ(cred, fsgid.val) == BPF_CORE_READ(inode, i_gid.val))
		return mode & 0020;
	return mode & 0002;
}

static __always_inline bool is_memfd(struct file *exe, struct inode *inode)
{
	struct dentry *d = BPF_CORE_READ(exe, f_path.dentry);
	const void *name = BPF_CORE_READ(d, d_name.name);
	char start[8] = {};

	if (BPF_CORE_READ(inode, i_sb, s_magic) != SUPER_MAGIC_TMPFS || BPF_CORE_READ(d, d_parent) != d)
		return false;
	bpf_probe_read_kernel_str(start, 7, name);
	return start[0] == 'm' && start[1] == 'e' && start[2] == 'm' && start[3] == 'f' && start[4] == 'd' &&
	       start[5] == ':';
}

static __noinline u32 exe_flags(struct file *exe, const struct cred *cred)
{
	struct inode *inode = BPF_CORE_READ(exe, f_inode);
	enum layer layer = layer_of(inode);
	u32 flags = 0;

	if (may_write(cred, inode))
		flags |= EXE_WRITABLE;
	if (layer == LAYER_UPPER)
		flags |= EXE_UPPER_LAYER;
	else if (layer == LAYER_LOWER)
		flags |= EXE_LOWER_LAYER;
	if (is_memfd(exe, inode))
		flags |= EXE_FROM_MEMFD;
	return flags;
}

static __always_inline u64 nanoseconds(s64 sec, u32 nsec)
{
	/* The upper bits of the nanoseconds are the kernel's own since 6.13. */
	return (u64)sec * 1000000000ULL + (nsec & 0x3fffffff);
}

/* ns since the epoch */
static __always_inline u64 changed_at(struct inode *inode)
{
	struct inode___split *split = (void *)inode;
	struct inode___renamed *renamed = (void *)inode;

	if (bpf_core_field_exists(split->i_ctime_sec))
		return nanoseconds(BPF_CORE_READ(split, i_ctime_sec), BPF_CORE_READ(split, i_ctime_nsec));
	if (bpf_core_field_exists(renamed->__i_ctime))
		return nanoseconds(BPF_CORE_READ(renamed, __i_ctime.tv_sec), BPF_CORE_READ(renamed, __i_ctime.tv_nsec));
	return nanoseconds(BPF_CORE_READ(inode, i_ctime.tv_sec), BPF_CORE_READ(inode, i_ctime.tv_nsec));
}

static __always_inline u64 modified_at(struct inode *inode)
{
	struct inode___split *split = (void *)inode;
	struct inode___renamed *renamed = (void *)inode;

	if (bpf_core_field_exists(split->i_mtime_sec))
		return nanoseconds(BPF_CORE_READ(split, i_mtime_sec), BPF_CORE_READ(split, i_mtime_nsec));
	if (bpf_core_field_exists(renamed->__i_mtime))
		return nanoseconds(BPF_CORE_READ(renamed, __i_mtime.tv_sec), BPF_CORE_READ(renamed, __i_mtime.tv_nsec));
	return nanoseconds(BPF_CORE_READ(inode, i_mtime.tv_sec), BPF_CORE_READ(inode, i_mtime.tv_nsec));
}

#endif
