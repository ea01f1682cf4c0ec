/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open files: descriptors, devices, overlay layers, open flags. */
#ifndef SAKER_FILE_H
#define SAKER_FILE_H

#include "path.h"

#define FMODE_CREATED 0x100000
#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFSOCK 0140000
#define AT_FDCWD -100

/* Flags of open(2); those that differ between architectures come twice. */
#define KERNEL_O_ACCMODE 03
#define KERNEL_O_CREAT 0100
#define KERNEL_O_EXCL 0200
#define KERNEL_O_TRUNC 01000
#define KERNEL_O_APPEND 02000
#define KERNEL_O_NONBLOCK 04000
#define KERNEL_O_DSYNC 010000
#define KERNEL_O_CLOEXEC 02000000
#define KERNEL_O_SYNC 04010000
#if defined(__TARGET_ARCH_x86)
#define KERNEL_O_DIRECT 040000
#define KERNEL_O_LARGEFILE 0100000
#define KERNEL_O_DIRECTORY 0200000
#else
#define KERNEL_O_DIRECTORY 040000
#define KERNEL_O_DIRECT 0200000
#define KERNEL_O_LARGEFILE 0400000
#endif
#define KERNEL_O_TMPFILE (020000000 | KERNEL_O_DIRECTORY)

/* The same in the encoding of the event table, and what the sensor adds. */
#define WIRE_O_RDONLY 0x1
#define WIRE_O_WRONLY 0x2
#define WIRE_O_RDWR 0x3
#define WIRE_O_CREAT 0x4
#define WIRE_O_APPEND 0x8
#define WIRE_O_DSYNC 0x10
#define WIRE_O_EXCL 0x20
#define WIRE_O_NONBLOCK 0x40
#define WIRE_O_SYNC 0x80
#define WIRE_O_TRUNC 0x100
#define WIRE_O_DIRECT 0x200
#define WIRE_O_DIRECTORY 0x400
#define WIRE_O_LARGEFILE 0x800
#define WIRE_O_CLOEXEC 0x1000
#define WIRE_O_TMPFILE 0x2000
#define WIRE_O_F_CREATED 0x4000
#define WIRE_FD_UPPER_LAYER 0x8000
#define WIRE_FD_LOWER_LAYER 0x10000

enum layer { LAYER_NONE, LAYER_UPPER, LAYER_LOWER };

static __always_inline struct file *file_of(s32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *f = NULL;

	if (fd < 0 || (u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&f, sizeof(f), files + fd);
	return f;
}

/*
 * The path, below the root of the task, of the directory that a descriptor or AT_FDCWD stands for. What is no directory
 * has no value: no path can be relative to it.
 */
static __noinline int put_directory(struct scratch *s, s32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct path *at = NULL;

	if (fd == AT_FDCWD) {
		at = __builtin_preserve_access_index(&fs->pwd);
	} else {
		struct file *f = file_of(fd);

		if (f && (BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT) == S_IFDIR)
			at = __builtin_preserve_access_index(&f->f_path);
	}
	return put_path(s, at, __builtin_preserve_access_index(&fs->root));
}

/* A device number as stat(2) and /proc show it. */
static __always_inline u32 encode_device(u32 major, u32 minor)
{
	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static __always_inline u32 device_of(struct inode *inode)
{
	u32 dev = BPF_CORE_READ(inode, i_sb, s_dev);

	return encode_device(dev >> 20, dev & 0xfffff);
}

/*
 * Which layer of an overlay file system holds the file. The overlay's own inode is often in a module without type
 * information; it begins with the VFS inode, behind which the pointer to the dentry of the upper layer follows.
 */
static __always_inline enum layer layer_of(struct inode *inode)
{
	struct dentry *upper = NULL;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != SUPER_MAGIC_OVERLAY)
		return LAYER_NONE;
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	if (upper && BPF_CORE_READ(upper, d_inode))
		return LAYER_UPPER;
	return LAYER_LOWER;
}

#define MAP_FLAG(name)                                                                                                 \
	if ((flags & KERNEL_O_##name) == KERNEL_O_##name)                                                              \
		out |= WIRE_O_##name;

static __always_inline u32 map_open_flags(u32 flags)
{
	u32 out = WIRE_O_RDONLY;

	if ((flags & KERNEL_O_ACCMODE) == 1)
		out = WIRE_O_WRONLY;
	else if ((flags & KERNEL_O_ACCMODE) == 2)
		out = WIRE_O_RDWR;
	MAP_FLAG(CREAT)
	MAP_FLAG(APPEND)
	MAP_FLAG(DSYNC)
	MAP_FLAG(EXCL)
	MAP_FLAG(NONBLOCK)
	MAP_FLAG(SYNC)
	MAP_FLAG(TRUNC)
	MAP_FLAG(DIRECT)
	MAP_FLAG(DIRECTORY)
	MAP_FLAG(LARGEFILE)
	MAP_FLAG(CLOEXEC)
	MAP_FLAG(TMPFILE)
	return out;
}

static __noinline int put_open_flags(struct scratch *s, u32 flags)
{
	u32 out = map_open_flags(flags);
	struct file *f = s->result >= 0 ? file_of(s->result) : NULL;

	if (f) {
		enum layer layer = layer_of(BPF_CORE_READ(f, f_inode));

		if (BPF_CORE_READ(f, f_mode) & FMODE_CREATED)
			out |= WIRE_O_F_CREATED;
		if (layer == LAYER_UPPER)
			out |= WIRE_FD_UPPER_LAYER;
		else if (layer == LAYER_LOWER)
			out |= WIRE_FD_LOWER_LAYER;
	}
	s->open_flags = out;
	put_u32(s, out);
	return 0;
}

static __noinline int put_file_device(struct scratch *s)
{
	struct file *f = s->result >= 0 ? file_of(s->result) : NULL;

	put_u32(s, f ? device_of(BPF_CORE_READ(f, f_inode)) : 0);
	return 0;
}

static __noinline int put_file_inode(struct scratch *s)
{
	struct file *f = s->result >= 0 ? file_of(s->result) : NULL;

	put_u64(s, f ? BPF_CORE_READ(f, f_inode, i_ino) : 0);
	return 0;
}

static __noinline int put_creat_layer(struct scratch *s)
{
	struct file *f = s->result >= 0 ? file_of(s->result) : NULL;

	put_u16(s, f ? layer_of(BPF_CORE_READ(f, f_inode)) : LAYER_NONE);
	return 0;
}

#endif
