/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths, from the leaf up to the root: the names are collected on the way up and written on the way down. */
#ifndef SAKER_PATH_H
#define SAKER_PATH_H

#include "frame.h"

#define SUPER_MAGIC_OVERLAY 0x794c7630
#define SUPER_MAGIC_TMPFS 0x01021994

static __always_inline void push_name(struct scratch *s, const void *name)
{
	s->name[s->names & (DEPTH_MAX - 1)] = (u64)name;
	s->names++;
}

/* Writes the collected names, max at most, behind what is there: "/a/b" and a NUL, "/" when there is none. */
static __noinline int write_names(struct scratch *s, u32 max)
{
	u32 n = s->names;

	if (n == 0) {
		*(u16 *)frame_place(s) = '/';
		s->len += 2;
		return 0;
	}
	for (u32 i = 0; i < max; i++) {
		u8 *to = frame_place(s);
		long r;

		if (i >= n)
			break;
		*to = '/';
		r = bpf_probe_read_kernel_str(to + 1, NAME_SIZE, (void *)s->name[(n - 1 - i) & (DEPTH_MAX - 1)]);
		if (r <= 0 || r > NAME_SIZE)
			return -1;
		s->len += r; /* the slash instead of the NUL */
		if (s->len - s->start > VALUE_MAX)
			return -1;
	}
	*frame_place(s) = 0;
	s->len++;
	return 0;
}

/* Takes back what was written of the current parameter: it has no value then. */
static __always_inline void param_undo(struct scratch *s)
{
	s->len = s->start;
}

struct place {
	struct dentry *dentry;
	struct vfsmount *mnt;
};

static __always_inline void place_of(struct path *p, struct place *at)
{
	at->dentry = BPF_CORE_READ(p, dentry);
	at->mnt = BPF_CORE_READ(p, mnt);
}

/*
 * Collects the names of a path, across mounts, up to root or to the top of the mount tree. Returns 0, 1 for a file
 * that hangs on no tree (memfd, pipe: one name, no slash) and -1 when the path is deeper than DEPTH_MAX.
 */
static __noinline int collect_path(struct scratch *s, const struct place *leaf, const struct place *root)
{
	struct dentry *dentry = leaf->dentry;
	struct vfsmount *mnt = leaf->mnt;

	s->names = 0;
	for (u32 i = 0; i < DEPTH_MAX; i++) {
		struct dentry *parent;

		if (dentry == root->dentry && mnt == root->mnt)
			return 0;
		parent = BPF_CORE_READ(dentry, d_parent);
		if (dentry == BPF_CORE_READ(mnt, mnt_root)) {
			struct mount *m = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
			struct mount *up = BPF_CORE_READ(m, mnt_parent);

			if (up == m)
				return 0;
			dentry = BPF_CORE_READ(m, mnt_mountpoint);
			mnt = (void *)up + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		push_name(s, BPF_CORE_READ(dentry, d_name.name));
		if (dentry == parent)
			return 1;
		dentry = parent;
	}
	return -1;
}

/* The path of a file or directory; without value when there is none, or counted as cut when it is too deep. */
static __noinline int put_path(struct scratch *s, struct path *p, struct path *upto)
{
	struct place at = {}, root = {};
	int kind;

	if (!p) {
		param_end(s);
		return 0;
	}
	place_of(p, &at);
	if (upto)
		place_of(upto, &root);
	kind = collect_path(s, &at, &root);
	if (kind == 1) {
		put_kernel_text(s, (void *)s->name[0]);
		return 0;
	}
	if (kind < 0 || write_names(s, DEPTH_MAX) < 0) {
		s->truncated = 1;
		param_undo(s);
	}
	param_end(s);
	return 0;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	struct kernfs_node___renamed *renamed = (void *)kn;

	if (bpf_core_field_exists(renamed->__parent))
		return BPF_CORE_READ(renamed, __parent);
	return BPF_CORE_READ(kn, parent);
}

/* Writes the path of a cgroup inside its hierarchy. */
static __noinline int write_cgroup_path(struct scratch *s, struct cgroup *cgroup)
{
	struct kernfs_node *kn = BPF_CORE_READ(cgroup, kn);

	s->names = 0;
	for (u32 i = 0; i < CGROUP_DEPTH_MAX; i++) {
		struct kernfs_node *parent = kernfs_parent(kn);

		if (!parent)
			return write_names(s, CGROUP_DEPTH_MAX);
		push_name(s, BPF_CORE_READ(kn, name));
		kn = parent;
	}
	return -1;
}

/* Writes the path of the cgroup that was written last once more. */
static __noinline int repeat_cgroup(struct scratch *s)
{
	u64 len = s->cgroup_len;

	if (len > VALUE_MAX || s->len - s->start + len > VALUE_MAX)
		return -1;
	bpf_probe_read_kernel(frame_place(s), bounded(len), &s->frame[s->cgroup_at & (FRAME_MAX - 1)]);
	s->len += len;
	return 0;
}

/*
 * Writes one element "label=path"; one that does not fit is left out. The label comes as its bytes in one word; what
 * follows it in the word is overwritten by the path. Mostly the controllers of a task have the same cgroup.
 */
static __noinline int write_cgroup(struct scratch *s, struct cgroup *cgroup, u64 label, u32 size)
{
	u32 element = s->len;
	u32 at = element + size;
	int failed;

	if (!cgroup)
		return 0;
	*(u64 *)frame_place(s) = label;
	s->len = at;
	if ((u64)cgroup == s->cgroup) {
		failed = repeat_cgroup(s);
	} else {
		failed = write_cgroup_path(s, cgroup);
		s->cgroup = (u64)cgroup;
		s->cgroup_at = at;
		s->cgroup_len = s->len - at;
	}
	if (failed) {
		s->cgroup = 0;
		s->truncated = 1;
		s->len = element;
	}
	return 0;
}

static __always_inline struct cgroup *cgroup_of(struct css_set *set, int controller)
{
	void *first = __builtin_preserve_access_index(&set->subsys[0]);
	struct cgroup_subsys_state *state = NULL;

	bpf_probe_read_kernel(&state, sizeof(state), first + controller * sizeof(state));
	return state ? BPF_CORE_READ(state, cgroup) : NULL;
}

#define LABEL(a, b, c, d, e, f, g, h)                                                                                  \
	((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | (u64)(f) << 40 |                \
	 (u64)(g) << 48 | (u64)(h) << 56)

/* Controllers whose cgroup comes into the event, in the order of the events of Falco's drivers. */
#define WRITE_CONTROLLER(id, label, size)                                                                              \
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, id)) {                                                   \
		struct cgroup *c = cgroup_of(set, bpf_core_enum_value(enum cgroup_subsys_id, id));                     \
		if (c == unified)                                                                                      \
			s->unified_seen = 1;                                                                           \
		write_cgroup(s, c, label, size);                                                                       \
	}

/*
 * The cgroups of a task as "controller=path" elements. Where controllers are not enabled down to the task's own cgroup
 * of the unified hierarchy (cgroup v2), none of them shows it; it is added as "unified=path" then.
 */
static __noinline int put_cgroups(struct scratch *s, struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup *unified = BPF_CORE_READ(set, dfl_cgrp);

	s->cgroup = 0;
	s->unified_seen = 0;
	WRITE_CONTROLLER(cpuset_cgrp_id, LABEL('c', 'p', 'u', 's', 'e', 't', '=', 0), 7)
	WRITE_CONTROLLER(cpu_cgrp_id, LABEL('c', 'p', 'u', '=', 0, 0, 0, 0), 4)
	WRITE_CONTROLLER(cpuacct_cgrp_id, LABEL('c', 'p', 'u', 'a', 'c', 'c', 't', '='), 8)
	WRITE_CONTROLLER(io_cgrp_id, LABEL('i', 'o', '=', 0, 0, 0, 0, 0), 3)
	WRITE_CONTROLLER(memory_cgrp_id, LABEL('m', 'e', 'm', 'o', 'r', 'y', '=', 0), 7)
	if (!s->unified_seen && kernfs_parent(BPF_CORE_READ(unified, kn)))
		write_cgroup(s, unified, LABEL('u', 'n', 'i', 'f', 'i', 'e', 'd', '='), 8);
	param_end(s);
	return 0;
}

#endif
