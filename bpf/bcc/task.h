// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What the sensor tells of a task: its numbers, and where it is.

#if defined(OFF_mount_mnt)
static __always_inline void put_root(struct record *r, int section)
{
	char *to = room(r);
	if (!to)
		return;
	*to = 0;
	added(r, section, 1);
}

/* put_path adds the names of a struct path from its leaf to the root directory given, or to the root of its mount
 * namespace, and an empty name for the root. A file that hangs on no tree (memfd) has one name and no root. */
static __always_inline void put_path(struct record *r, int section, u64 path, u64 root)
{
	u64 dentry = read64(path, OFF_path_dentry), mnt = read64(path, OFF_path_mnt);
	u64 root_dentry = read64(root, OFF_path_dentry), root_mnt = read64(root, OFF_path_mnt);
	if (!dentry)
		return;
	for (int i = 0; i < PATH_DEPTH; i++) {
		u64 parent = read64(dentry, OFF_dentry_parent);
		u64 mount = mnt - OFF_mount_mnt, up;
		if (dentry == root_dentry && mnt == root_mnt) {
			put_root(r, section);
			return;
		}
		if (dentry == read64(mount, OFF_mount_root)) {
			up = read64(mount, OFF_mount_parent);
			if (up == mount || !up) {
				put_root(r, section);
				return;
			}
			dentry = read64(mount, OFF_mount_mountpoint);
			mnt = up + OFF_mount_mnt;
			continue;
		}
		if (!put_name(r, section, read64(dentry, OFF_dentry_name), NAME_SIZE))
			break;
		if (dentry == parent)
			return;
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
		put_path(r, SEC_CWD, fs + OFF_fs_pwd, fs + OFF_fs_root);
	u64 exe = read64(read64(task, OFF_task_mm), OFF_mm_exe_file);
	if (exe)
		put_path(r, SEC_EXE, exe + OFF_file_path, 0);
#endif
}
