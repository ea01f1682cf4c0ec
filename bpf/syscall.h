/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* System calls by the table: registers, and one parameter after another by its kind. */
#ifndef SAKER_SYSCALL_H
#define SAKER_SYSCALL_H

#include "process.h"
#include "socket.h"

#if defined(__TARGET_ARCH_x86)

#define TS_COMPAT 2
#define X32_BIT 0x40000000

static __always_inline u32 syscall_number(struct pt_regs *regs)
{
	return (u32)regs->orig_ax & ~X32_BIT;
}

/* 1 if the current task made the call by the interface of 32-bit programs, else 0. */
static __always_inline u64 compat_bit(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, thread_info.status) / TS_COMPAT & 1;
}

static __always_inline void read_arguments(struct scratch *s, struct pt_regs *regs)
{
	struct registers *r = &s->registers;

	bpf_probe_read_kernel(r, sizeof(*r), regs);
	if (s->compat) {
		s->args[0] = (u32)r->bx;
		s->args[1] = (u32)r->cx;
		s->args[2] = (u32)r->dx;
		s->args[3] = (u32)r->si;
		s->args[4] = (u32)r->di;
		s->args[5] = (u32)r->bp;
		return;
	}
	s->args[0] = r->di;
	s->args[1] = r->si;
	s->args[2] = r->dx;
	s->args[3] = r->r10;
	s->args[4] = r->r8;
	s->args[5] = r->r9;
}

#else /* arm64 */

#define TIF_32BIT 22

static __always_inline u32 syscall_number(struct pt_regs *regs)
{
	return regs->syscallno;
}

static __always_inline u64 compat_bit(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, thread_info.flags) >> TIF_32BIT & 1;
}

static __always_inline void read_arguments(struct scratch *s, struct pt_regs *regs)
{
	struct registers *r = &s->registers;
	u64 mask = s->compat ? 0xffffffff : ~0ULL;

	bpf_probe_read_kernel(r, sizeof(*r), regs);
	/* The first register holds the result by now. */
	s->args[0] = BPF_CORE_READ(regs, orig_x0) & mask;
	s->args[1] = r->x[1] & mask;
	s->args[2] = r->x[2] & mask;
	s->args[3] = r->x[3] & mask;
	s->args[4] = r->x[4] & mask;
	s->args[5] = r->x[5] & mask;
}

#endif

/* An argument, or the word of the structure that it points to. */
static __always_inline u64 argument(struct scratch *s, struct param *p)
{
	u64 v = s->args[p->arg & 7];

	if (p->memory) {
		u64 word = 0;

		if (bpf_probe_read_user(&word, sizeof(word), (void *)(v + 8 * (p->memory - 1))) && s->result >= 0)
			s->unread = 1;
		return word;
	}
	return v;
}

#define RESOLVE_IN_ROOT 0x10

/* The values of RESOLVE_*, bit for bit, in the order of the event table. */
static __always_inline u32 map_resolve(u64 how)
{
	u32 out = 0;

	out |= (how & 0x08) ? 0x01 : 0; /* BENEATH */
	out |= (how & RESOLVE_IN_ROOT) ? 0x02 : 0;
	out |= (how & 0x02) ? 0x04 : 0; /* NO_MAGICLINKS */
	out |= (how & 0x04) ? 0x08 : 0; /* NO_SYMLINKS */
	out |= (how & 0x01) ? 0x10 : 0; /* NO_XDEV */
	out |= (how & 0x20) ? 0x20 : 0; /* CACHED */
	return out;
}

/* The path of a call, and whether it is relative. One that cannot be read is relative to nothing. */
static __always_inline void put_call_path(struct scratch *s, const void *from)
{
	u32 at = s->len;

	put_user_text(s, from);
	s->relative = s->len > at && s->frame[at & (FRAME_MAX - 1)] != '/';
}

static __noinline int put_param(struct scratch *s, struct param *p)
{
	u64 v = argument(s, p);

	switch (p->kind) {
	case KIND_RESULT:
		put_u64(s, s->result);
		break;
	case KIND_FD:
		put_u64(s, (s64)(s32)v);
		break;
	case KIND_UINT8:
		put_u8(s, v);
		break;
	case KIND_UINT16:
		put_u16(s, v);
		break;
	case KIND_UINT32:
		put_u32(s, v);
		break;
	case KIND_UINT64:
		put_u64(s, v);
		break;
	case KIND_TEXT:
		put_call_path(s, (void *)v);
		break;
	case KIND_OPEN_FLAGS:
		put_open_flags(s, v);
		break;
	case KIND_OPEN_MODE:
		put_u32(s, s->open_flags & (WIRE_O_CREAT | WIRE_O_TMPFILE) ? v & 07777 : 0);
		break;
	case KIND_RESOLVE:
		/* Then a path from the root, too, is looked up from the directory. Comes after the path. */
		if (v & RESOLVE_IN_ROOT)
			s->relative = 1;
		put_u32(s, map_resolve(v));
		break;
	case KIND_DEVICE:
		put_file_device(s);
		break;
	case KIND_INODE:
		put_file_inode(s);
		break;
	case KIND_SOCKADDR:
		put_user_address(s, (void *)v, (u32)s->args[(p->arg + 1) & 7]);
		break;
	case KIND_TUPLE:
		put_tuple(s, v);
		break;
	case KIND_CREAT_LAYER:
		put_creat_layer(s);
		break;
	default:
		param_end(s);
	}
	return 0;
}

/*
 * The directory that the event carries behind the parameters of its row; without value where none is needed. Not a kind
 * of parameter: the verifier would look at the whole walk once for every parameter that a row may have.
 */
static __always_inline void put_call_directory(struct scratch *s, u32 which)
{
	bool wanted = which == DIRECTORY_ENTERED ? s->result == 0 : s->relative;

	if (!wanted)
		param_end(s);
	else
		put_directory(s, which == DIRECTORY_OF_FD ? (s32)s->args[0] : AT_FDCWD);
}

static __noinline int emit_call(struct call *call, struct pt_regs *regs, s64 result, u32 compat)
{
	u32 directory = call->directory;
	struct scratch *s = frame_begin(call->type, call->params + (directory != DIRECTORY_NONE));

	if (!s)
		return 0;
	s->result = result;
	s->compat = compat;
	read_arguments(s, regs);
	for (u32 i = 0; i < ROW_PARAMS; i++) {
		if (i >= call->params)
			break;
		put_param(s, &call->param[i]);
	}
	if (directory != DIRECTORY_NONE)
		put_call_directory(s, directory);
	return frame_end(s, (u32)bpf_get_current_pid_tgid());
}

/* An execve or execveat that failed: what was asked for stands in its arguments, the rest is the caller's. */
static __noinline int emit_failed_exec(struct call *call, struct pt_regs *regs, s64 result, u32 compat)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s;
	u64 argv, envp;
	void *first;

	if (result >= 0)
		return 0;
	s = frame_begin(call->type, call->params);
	if (!s)
		return 0;
	s->result = result;
	s->compat = compat;
	read_arguments(s, regs);
	argv = s->args[call->exec & 7];
	envp = s->args[(call->exec + 1) & 7];
	put_u64(s, result);
	first = user_entry(s, argv, 0);
	put_user_text(s, first);
	put_user_list(s, first ? argv : 0, 1);
	put_process(s, task);
	put_user_list(s, envp, 0);
	put_program(s, task);
	if (call->type == EVENT_EXECVE)
		put_user_text(s, (void *)s->args[(call->exec - 1) & 7]);
	return frame_end(s, (u32)bpf_get_current_pid_tgid());
}

#endif
