/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Building one event in the scratch memory of this CPU and handing it over. The length so far and the number of the
 * parameter live in memory and not in registers: the verifier then sees the same state on every path.
 */
#ifndef SAKER_FRAME_H
#define SAKER_FRAME_H

#include "kernel.h"
#include "wire.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define FRAME_HEADER 8
#define EVENT_HEADER 26
#define FRAME_VERSION 1
#define FRAME_MAX 32768
/* Longest single value, its NUL included: PATH_MAX, and as much of args and env. */
#define VALUE_MAX 4096
#define NAME_SIZE 256
/* Directories in a path, and levels of cgroups. */
#define DEPTH_MAX 128
#define CGROUP_DEPTH_MAX 32

struct scratch {
	u32 busy;
	u32 len;       /* bytes of frame so far */
	u32 start;     /* where the current parameter begins */
	u16 type;
	u16 params;
	u16 param;     /* number of the current parameter */
	u8 truncated;
	u8 unread;
	u32 open_flags;
	u32 names;     /* used entries of name */
	u64 cgroup;    /* the cgroup written last, and where its path is in the frame */
	u32 cgroup_at, cgroup_len;
	u32 unified_seen;
	u32 compat;    /* the system call came by the interface of 32-bit programs */
	u32 relative;  /* the path of the system call is looked up from a directory, not from the root */
	u64 time;      /* ns since boot */
	s64 result;
	u64 args[8];
	struct registers registers;
	u64 name[DEPTH_MAX]; /* kernel addresses */
	u8 address[128];
	/* The slack lets the verifier see that a value begun below FRAME_MAX fits. */
	u8 frame[FRAME_MAX + 2 * VALUE_MAX];
};

/* One element for each CPU; not a per-CPU map, whose values end at 32 KiB. The loader sets the number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENT_TYPES);
	__type(key, u32);
	__type(value, struct tally);
} counters SEC(".maps");

/* Set by the loader: what must be added to the time since boot, and how far apart wake-ups of the reader are. */
volatile const s64 boot_offset_ns = 0;
volatile const u64 wake_interval_ns = 1000000;

/* When the reader was woken last. CPUs race for it; the worst that comes of it is one wake-up more. */
u64 last_wake_ns = 0;

static __always_inline struct tally *counters_of(u32 type)
{
	return bpf_map_lookup_elem(&counters, &type);
}

static __always_inline void count_loss(u32 type, enum loss why)
{
	struct tally *c = counters_of(type);

	if (c)
		c->lost[why]++;
}

/* Begins an event; NULL when there is no scratch memory, which is counted. frame_end must follow. */
static __always_inline struct scratch *frame_begin(u16 type, u16 params)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = bpf_map_lookup_elem(&scratches, &cpu);

	if (!s || s->busy) {
		count_loss(type, LOSS_SCRATCH);
		return NULL;
	}
	s->busy = 1;
	s->type = type;
	s->params = params;
	s->param = 0;
	s->truncated = 0;
	s->unread = 0;
	s->relative = 0;
	s->time = bpf_ktime_get_boot_ns();
	s->len = FRAME_HEADER + EVENT_HEADER + 2 * params;
	s->start = s->len;
	return s;
}

/* A length of at most VALUE_MAX, in a form from which the verifier sees that it is small. */
static __always_inline u64 bounded(u64 n)
{
	barrier_var(n);
	return n & (2 * VALUE_MAX - 1);
}

/* The place for the next bytes. VALUE_MAX and some more may be written there. */
static __always_inline u8 *frame_place(struct scratch *s)
{
	return &s->frame[s->len & (FRAME_MAX - 1)];
}

/* Ends the current parameter. */
static __always_inline void param_end(struct scratch *s)
{
	u32 at = FRAME_HEADER + EVENT_HEADER + 2 * (s->param & 63);

	*(u16 *)&s->frame[at] = s->len - s->start;
	s->start = s->len;
	s->param++;
}

static __always_inline void put_u8(struct scratch *s, u8 v)
{
	*frame_place(s) = v;
	s->len += 1;
	param_end(s);
}

static __always_inline void put_u16(struct scratch *s, u16 v)
{
	*(u16 *)frame_place(s) = v;
	s->len += 2;
	param_end(s);
}

static __always_inline void put_u32(struct scratch *s, u32 v)
{
	*(u32 *)frame_place(s) = v;
	s->len += 4;
	param_end(s);
}

static __always_inline void put_u64(struct scratch *s, u64 v)
{
	*(u64 *)frame_place(s) = v;
	s->len += 8;
	param_end(s);
}

/* A text of user memory. A pointer that cannot be read gives no value; it is counted unless the call failed anyway. */
static __noinline int put_user_text(struct scratch *s, const void *from)
{
	long n = bpf_probe_read_user_str(frame_place(s), VALUE_MAX, from);

	if (n > 0 && n <= VALUE_MAX) {
		s->len += n;
		if (n == VALUE_MAX)
			s->truncated = 1;
	} else if (from && s->result >= 0) {
		s->unread = 1;
	}
	param_end(s);
	return 0;
}

static __noinline int put_kernel_text(struct scratch *s, const void *from)
{
	long n = bpf_probe_read_kernel_str(frame_place(s), VALUE_MAX, from);

	if (n > 0 && n <= VALUE_MAX) {
		s->len += n;
		if (n == VALUE_MAX)
			s->truncated = 1;
	} else {
		s->unread = 1;
	}
	param_end(s);
	return 0;
}

/*
 * Wake-ups are rationed, for each costs more than the event itself: one at most in every interval. Events that come
 * within the interval of a wake-up are found by the reader, which looks again a few milliseconds after it was awake.
 */
static __always_inline u64 wake_flags(u64 now)
{
	if ((s64)(now - last_wake_ns) < (s64)wake_interval_ns)
		return BPF_RB_NO_WAKEUP;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void frame_header(struct scratch *s, u32 len, u64 thread)
{
	u8 *f = s->frame;

	*(u16 *)f = bpf_get_smp_processor_id();
	*(u16 *)(f + 2) = FRAME_VERSION;
	*(u32 *)(f + 4) = len - FRAME_HEADER;
	*(u64 *)(f + 8) = s->time + boot_offset_ns;
	*(u64 *)(f + 16) = thread;
	*(u32 *)(f + 24) = len - FRAME_HEADER;
	*(u16 *)(f + 28) = s->type;
	*(u32 *)(f + 30) = s->params;
}

static __always_inline void frame_send(struct scratch *s, struct tally *c, u64 thread)
{
	u64 flags = wake_flags(s->time);
	u32 len = s->len;

	if (len > FRAME_MAX) {
		c->lost[LOSS_TOO_LONG]++;
		return;
	}
	frame_header(s, len, thread);
	if (bpf_ringbuf_output(&events, s->frame, len, flags)) {
		c->lost[LOSS_BUFFER_FULL]++;
		return;
	}
	if (flags == BPF_RB_FORCE_WAKEUP)
		last_wake_ns = s->time;
	c->delivered++;
	c->truncated += s->truncated;
	c->unread += s->unread;
}

/* Hands the event over, or counts why not; the scratch memory is free again. */
static __noinline int frame_end(struct scratch *s, u64 thread)
{
	struct tally *c = counters_of(s->type);

	if (c)
		frame_send(s, c, thread);
	s->busy = 0;
	return 0;
}

#endif
