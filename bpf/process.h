/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The events of the life of a process: clone, execve, procexit. */
#ifndef SAKER_PROCESS_H
#define SAKER_PROCESS_H

#include "task.h"

/* tid, pid, ptid */
static __always_inline void put_ids(struct scratch *s, struct task_struct *task)
{
	put_u64(s, (s64)BPF_CORE_READ(task, pid));
	put_u64(s, (s64)BPF_CORE_READ(task, tgid));
	put_u64(s, (s64)BPF_CORE_READ(task, real_parent, pid));
}

static __noinline u32 namespace_flags(struct task_struct *parent, struct task_struct *child)
{
	struct nsproxy *a = BPF_CORE_READ(parent, nsproxy), *b = BPF_CORE_READ(child, nsproxy);
	u32 flags = 0;

	if (a == b)
		return 0;
	if (BPF_CORE_READ(a, uts_ns) != BPF_CORE_READ(b, uts_ns))
		flags |= WIRE_CLONE_NEWUTS;
	if (BPF_CORE_READ(a, ipc_ns) != BPF_CORE_READ(b, ipc_ns))
		flags |= WIRE_CLONE_NEWIPC;
	if (BPF_CORE_READ(a, mnt_ns) != BPF_CORE_READ(b, mnt_ns))
		flags |= WIRE_CLONE_NEWNS;
	if (BPF_CORE_READ(a, net_ns) != BPF_CORE_READ(b, net_ns))
		flags |= WIRE_CLONE_NEWNET;
	if (BPF_CORE_READ(a, cgroup_ns) != BPF_CORE_READ(b, cgroup_ns))
		flags |= WIRE_CLONE_NEWCGROUP;
	return flags;
}

/*
 * The tracepoint does not carry the flags of the call; they are told from what both tasks share. A new pid namespace
 * shows as CLONE_NEWPID also when an earlier unshare made it.
 */
static __noinline u32 clone_flags(struct task_struct *parent, struct task_struct *child)
{
	u32 flags = namespace_flags(parent, child);
	struct mm_struct *mm = BPF_CORE_READ(child, mm);

	if (mm && mm == BPF_CORE_READ(parent, mm))
		flags |= WIRE_CLONE_VM;
	if (BPF_CORE_READ(child, files) == BPF_CORE_READ(parent, files))
		flags |= WIRE_CLONE_FILES;
	if (BPF_CORE_READ(child, fs) == BPF_CORE_READ(parent, fs))
		flags |= WIRE_CLONE_FS;
	if (BPF_CORE_READ(child, sighand) == BPF_CORE_READ(parent, sighand))
		flags |= WIRE_CLONE_SIGHAND;
	if (BPF_CORE_READ(child, tgid) == BPF_CORE_READ(parent, tgid))
		flags |= WIRE_CLONE_THREAD;
	else if (BPF_CORE_READ(child, real_parent) != parent)
		flags |= WIRE_CLONE_PARENT;
	if (level_of(child))
		flags |= WIRE_CLONE_CHILD_IN_PIDNS;
	if (pid_namespace_of(child) != pid_namespace_of(parent))
		flags |= WIRE_CLONE_NEWPID;
	return flags;
}

/* A new task, as its own return from clone: result 0, thread the child. */
static __always_inline int emit_clone(struct task_struct *parent, struct task_struct *child)
{
	struct scratch *s = frame_begin(EVENT_CLONE, 21);
	u32 level = level_of(child);

	if (!s)
		return 0;
	s->result = 0;
	put_u64(s, 0);
	/* The new memory is a copy of the parent's, and the parent's is the one that can be read now. */
	put_arguments(s, BPF_CORE_READ(child, mm) ? BPF_CORE_READ(parent, mm) : NULL);
	put_ids(s, child);
	param_end(s); /* cwd: the one of the parent */
	put_resources(s, child);
	put_cgroups(s, child);
	put_u32(s, clone_flags(parent, child));
	put_u32(s, BPF_CORE_READ(child, cred, euid.val));
	put_u32(s, BPF_CORE_READ(child, cred, egid.val));
	put_u64(s, number_at(BPF_CORE_READ(child, thread_pid), level));
	put_u64(s, number_at(BPF_CORE_READ(child, signal, pids[PIDTYPE_TGID]), level));
	put_u64(s, BPF_CORE_READ(pid_namespace_of(child), child_reaper, start_boottime));
	return frame_end(s, (s64)BPF_CORE_READ(child, pid));
}

/* tty, vpgid, loginuid, flags, capabilities, file of the program, uid, its path, pgid, gid */
static __noinline int put_program(struct scratch *s, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	struct inode *inode = BPF_CORE_READ(exe, f_inode);

	put_u32(s, terminal_of(task));
	put_u64(s, number_at(group_pid(task), level_of(task)));
	put_u32(s, login_of(task));
	put_u32(s, exe_flags(exe, cred));
	put_u64(s, CAPABILITIES(cred, cap_inheritable));
	put_u64(s, CAPABILITIES(cred, cap_permitted));
	put_u64(s, CAPABILITIES(cred, cap_effective));
	put_u64(s, BPF_CORE_READ(inode, i_ino));
	put_u64(s, changed_at(inode));
	put_u64(s, modified_at(inode));
	put_u32(s, BPF_CORE_READ(cred, euid.val));
	put_path(s, exe ? __builtin_preserve_access_index(&exe->f_path) : NULL, NULL);
	put_u64(s, number_at(group_pid(task), 0));
	put_u32(s, BPF_CORE_READ(cred, egid.val));
	return 0;
}

/* From tid to cgroups: what a successful and a failed exec have in common. */
static __noinline int put_process(struct scratch *s, struct task_struct *task)
{
	struct fs_struct *fs = BPF_CORE_READ(task, fs);

	put_ids(s, task);
	put_path(s, __builtin_preserve_access_index(&fs->pwd), __builtin_preserve_access_index(&fs->root));
	put_resources(s, task);
	put_cgroups(s, task);
	return 0;
}

/* A program that begins. execveat comes as execve too: it looks the same from here, and to Falco's drivers. */
static __always_inline int emit_exec(struct task_struct *task, struct linux_binprm *bprm)
{
	struct scratch *s = frame_begin(EVENT_EXECVE, 31);
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	if (!s)
		return 0;
	s->result = 0;
	put_u64(s, 0);
	put_arguments(s, mm);
	put_process(s, task);
	put_user_texts(s, BPF_CORE_READ(mm, env_start), BPF_CORE_READ(mm, env_end));
	put_program(s, task);
	put_kernel_text(s, BPF_CORE_READ(bprm, filename));
	return frame_end(s, (s64)BPF_CORE_READ(task, pid));
}

/* The nearest ancestor of the dying process that adopts orphans, up to the first process of its pid namespace. */
static __noinline struct task_struct *adopting_ancestor(struct task_struct *task)
{
	struct task_struct *init = BPF_CORE_READ(pid_namespace_of(task), child_reaper);
	struct task_struct *a = BPF_CORE_READ(task, real_parent);
	struct signal_struct *signal = BPF_CORE_READ(task, signal);

	if (!BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper))
		return init;
	for (u32 i = 0; i < ANCESTORS_MAX; i++) {
		if (a == init || BPF_CORE_READ(a, pid) == 0)
			return init;
		signal = BPF_CORE_READ(a, signal);
		if (BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper))
			return a;
		a = BPF_CORE_READ(a, real_parent);
	}
	return init;
}

/* Who becomes the parent of the children of a dying task: a thread of its group that lives on, or an ancestor. */
static __noinline s64 reaper_of(struct task_struct *task)
{
	struct list_head *children = __builtin_preserve_access_index(&task->children);
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct list_head *end = __builtin_preserve_access_index(&signal->thread_head);
	struct list_head *at = BPF_CORE_READ(end, next);

	if (BPF_CORE_READ(children, next) == children)
		return 0;
	for (u32 i = 0; i < THREADS_MAX && at && at != end; i++) {
		struct task_struct *t = (void *)at - bpf_core_field_offset(struct task_struct, thread_node);

		if (!(BPF_CORE_READ(t, flags) & PF_EXITING))
			return BPF_CORE_READ(t, pid);
		at = BPF_CORE_READ(at, next);
	}
	return BPF_CORE_READ(adopting_ancestor(task), pid);
}

static __always_inline int emit_exit(struct task_struct *task)
{
	struct scratch *s = frame_begin(EVENT_PROCEXIT, 5);
	int status = BPF_CORE_READ(task, exit_code);

	if (!s)
		return 0;
	put_u64(s, (s64)status);
	put_u64(s, status >> 8 & 0xff);
	put_u8(s, status & 0x7f);
	put_u8(s, (status & 0x80) != 0);
	put_u64(s, reaper_of(task));
	return frame_end(s, (s64)BPF_CORE_READ(task, pid));
}

#endif
