/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the sensor's programs and the Go loader share: the ids of the events, the description of a system call (a row
 * of the table that the loader fills) and the counters. README.md describes the bytes of an event.
 */
#ifndef SAKER_WIRE_H
#define SAKER_WIRE_H

enum event_type {
	EVENT_PROCEXIT = 186,
	EVENT_CLONE = 223,
	EVENT_EXECVE = 293,
	/* No id of the event table is as large; bounds the counters. */
	EVENT_TYPES = 512,
};

/* Where a parameter's value comes from and how it is written. */
enum param_kind {
	KIND_NONE,       /* no value: length 0 */
	KIND_RESULT,     /* return value, 64 bits signed */
	KIND_FD,         /* descriptor argument: 32 bits signed, written as 64 */
	KIND_UINT8,      /* argument, low 8 bits */
	KIND_UINT16,     /* argument, low 16 bits */
	KIND_UINT32,     /* argument, low 32 bits */
	KIND_UINT64,     /* argument */
	KIND_TEXT,       /* NUL-terminated text in user memory */
	KIND_OPEN_FLAGS, /* open(2) flags in Falco's encoding, with what the open did; before KIND_OPEN_MODE */
	KIND_OPEN_MODE,  /* mode, 0 unless the flags create a file */
	KIND_RESOLVE,    /* RESOLVE_* of openat2(2) in Falco's encoding */
	KIND_DEVICE,     /* device of the file that the returned descriptor stands for */
	KIND_INODE,      /* inode number of it */
	KIND_SOCKADDR,   /* address: argument, its length in the next one */
	KIND_TUPLE,      /* both ends of the socket argument, when the call succeeded or is in progress */
	KIND_CREAT_LAYER /* 1 upper, 2 lower layer of an overlay: file of the returned descriptor */
};

/* Which directory follows the parameters of the row, as one parameter more: its absolute path. */
enum directory {
	DIRECTORY_NONE,    /* none: no parameter more */
	DIRECTORY_OF_FD,   /* the one to which the path is relative: descriptor or AT_FDCWD in argument 0 */
	DIRECTORY_OF_TASK, /* the one to which the path is relative: the working directory */
	DIRECTORY_ENTERED  /* the working directory after a call that succeeded */
};

#define ROW_PARAMS 10
#define ROWS 512

struct param {
	u8 kind;   /* enum param_kind */
	u8 arg;    /* argument number, from 0 */
	u8 memory; /* 0: the argument itself; N: the 64-bit word N-1 of the structure that it points to */
	u8 reserved;
};

/* One system call as one event. type 0: not wanted. */
struct call {
	u16 type;
	u8 params;
	/* An exec: only failures are taken here, the arguments from arg `exec`-1 on are filename, argv, envp. */
	u8 exec;
	u8 directory; /* enum directory; not of an exec */
	u8 reserved;
	struct param param[ROW_PARAMS];
};

/* What is wanted of one system call number, of 64-bit and of 32-bit programs. */
struct row {
	struct call native, compat;
};

enum loss {
	LOSS_BUFFER_FULL,
	LOSS_SCRATCH,
	LOSS_TOO_LONG,
	LOSSES
};

/* One for each event type and CPU. */
struct tally {
	u64 delivered;
	u64 lost[LOSSES];
	/* Events delivered with a value cut because of a limit, and with a value that could not be read. */
	u64 truncated;
	u64 unread;
};

#endif
