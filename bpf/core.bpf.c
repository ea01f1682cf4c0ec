/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The CO-RE sensor: four raw tracepoints. System calls are taken at their exit, by a table that the loader fills;
 * tasks come and go at sched_process_fork and sched_process_exit, programs at sched_process_exec.
 */
#include "process.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Makes the types known to the generator of the Go bindings. */
enum param_kind *unused_kind __attribute__((unused));
enum directory *unused_directory __attribute__((unused));

/* What is wanted, by system call number. Filled by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ROWS);
	__type(key, u32);
	__type(value, struct row);
} rows SEC(".maps");

/* Typed, unlike the others: this one runs at every system call, and registers are plain loads then. */
SEC("tp_btf/sys_exit")
int on_sys_exit(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	u32 number = syscall_number(regs);
	struct row *row = bpf_map_lookup_elem(&rows, &number);
	struct call *call;
	u64 compat;

	if (!row || !(row->native.type | row->compat.type))
		return 0;
	compat = compat_bit();
	/* Arithmetic instead of a choice, so that what follows is verified once and not for both. */
	barrier_var(compat);
	call = (void *)row + (compat & 1) * sizeof(struct call);
	if (!call->type)
		return 0;
	if (call->exec)
		return emit_failed_exec(call, regs, ctx[1], compat);
	return emit_call(call, regs, ctx[1], compat);
}

SEC("raw_tracepoint/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
	return emit_clone((void *)ctx->args[0], (void *)ctx->args[1]);
}

SEC("raw_tracepoint/sched_process_exec")
int on_exec(struct bpf_raw_tracepoint_args *ctx)
{
	return emit_exec((void *)ctx->args[0], (void *)ctx->args[2]);
}

SEC("raw_tracepoint/sched_process_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	return emit_exit((void *)ctx->args[0]);
}
