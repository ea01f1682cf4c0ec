//go:build ignore
// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The BCC sensor. It sends one record for each event; the driver in Go turns a record into a frame of the wire format.
// record.h and task.h stand before it in one text; there are no includes between them, for BCC compiles a string.
//
// Members of kernel structures are read by offset: OFF_<name> is given on the command line, either as a number from
// the kernel's BTF or as offsetof() on the kernel's headers. An OFF_ that is missing means that the kernel has no such
// member; what depends on it is left out. Loops are bounded, and every write into a record is masked, because the
// kernel's verifier has to see it.

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

/* A program that begins. A successful execveat comes as execve too, as from the other driver and from Falco's: the kernel
 * itself makes it look so on x86. */
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	u64 task = ctx->args[0], bprm = ctx->args[2];
	u64 id = (bpf_get_current_pid_tgid() & ~0xffffffffull) | (u32)ctx->args[1];
	calls.delete(&id); /* the call does not return: the thread may have another id now */
	struct record *r = start(TYPE_EXECVE, 0);
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
