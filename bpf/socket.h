/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses: those that a program passes, and both ends of a socket. */
#ifndef SAKER_SOCKET_H
#define SAKER_SOCKET_H

#include "file.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define EINPROGRESS 115
#define SOCKET_PATH_SIZE 108

static __always_inline u16 host_order(u16 port)
{
	return __builtin_bswap16(port);
}

/* Writes "family, path" from a sockaddr_un in s->address; abstract names come without their leading NUL. */
static __always_inline void write_user_unix(struct scratch *s)
{
	u8 *to = frame_place(s);
	long n;

	/* The scratch address ends with zeros, so the path has an end even where the program gave none. */
	n = bpf_probe_read_kernel_str(to, SOCKET_PATH_SIZE + 1, &s->address[s->address[2] ? 2 : 3]);
	if (n > 0 && n <= SOCKET_PATH_SIZE + 1)
		s->len += n;
}

/* An address that the program passed: u8 family; u32 IP, u16 port; or 16 bytes IP, u16 port; or path and NUL. */
static __noinline int put_user_address(struct scratch *s, const void *from, u64 size)
{
	u8 *a = s->address;
	u8 *to = frame_place(s);
	u16 family;

	if (size > SOCKET_PATH_SIZE + 2)
		size = SOCKET_PATH_SIZE + 2;
	barrier_var(size);
	__builtin_memset(a, 0, sizeof(s->address));
	if (!from || size < 2 || bpf_probe_read_user(a, size & (sizeof(s->address) - 1), from)) {
		if (from && s->result >= 0)
			s->unread = 1;
		param_end(s);
		return 0;
	}
	family = *(u16 *)a;
	*to = family;
	s->len++;
	if (family == AF_INET) {
		*(u32 *)(to + 1) = *(u32 *)(a + 4);
		*(u16 *)(to + 5) = host_order(*(u16 *)(a + 2));
		s->len += 6;
	} else if (family == AF_INET6) {
		__builtin_memcpy(to + 1, a + 8, 16);
		*(u16 *)(to + 17) = host_order(*(u16 *)(a + 2));
		s->len += 18;
	} else if (family == AF_UNIX) {
		write_user_unix(s);
	}
	param_end(s);
	return 0;
}

/* Writes the path that a socket is bound to; abstract names come without their leading NUL and have none at the end. */
static __always_inline void write_kernel_unix(struct scratch *s, struct unix_address *addr)
{
	char *path = __builtin_preserve_access_index(&addr->name[0].sun_path[0]);
	/* Path with its NUL, or leading NUL and name: in both cases one byte more than the text. */
	u64 size = (u32)BPF_CORE_READ(addr, len) - sizeof(u16);
	char first = 0;
	long n;

	if (size > SOCKET_PATH_SIZE + 1)
		return;
	bpf_probe_read_kernel(&first, 1, path);
	n = bpf_probe_read_kernel_str(frame_place(s), bounded(size), first ? path : path + 1);
	if (n > 1 && n <= SOCKET_PATH_SIZE + 1)
		s->len += n - 1;
}

/* u64 own and peer socket, then the path of the peer (of the listener when it is a stream) and a NUL. */
static __always_inline void write_unix_tuple(struct scratch *s, struct sock *sk)
{
	struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	struct unix_address *addr = BPF_CORE_READ((struct unix_sock *)peer, addr);
	u8 *to = frame_place(s);

	*(u64 *)to = (u64)sk;
	*(u64 *)(to + 8) = (u64)peer;
	s->len += 16;
	if (addr)
		write_kernel_unix(s, addr);
	*frame_place(s) = 0;
	s->len++;
}

static __always_inline void write_inet_tuple(struct scratch *s, struct sock *sk)
{
	u8 *to = frame_place(s);

	*(u32 *)to = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	*(u16 *)(to + 4) = BPF_CORE_READ(sk, __sk_common.skc_num);
	*(u32 *)(to + 6) = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	*(u16 *)(to + 10) = host_order(BPF_CORE_READ(sk, __sk_common.skc_dport));
	s->len += 12;
}

static __always_inline void write_inet6_tuple(struct scratch *s, struct sock *sk)
{
	u8 *to = frame_place(s);

	BPF_CORE_READ_INTO((struct in6_addr *)to, sk, __sk_common.skc_v6_rcv_saddr);
	*(u16 *)(to + 16) = BPF_CORE_READ(sk, __sk_common.skc_num);
	BPF_CORE_READ_INTO((struct in6_addr *)(to + 18), sk, __sk_common.skc_v6_daddr);
	*(u16 *)(to + 34) = host_order(BPF_CORE_READ(sk, __sk_common.skc_dport));
	s->len += 36;
}

/* Both ends of a socket, own end first: u8 family and what the functions above write; no value if it is no socket. */
static __noinline int put_tuple(struct scratch *s, s32 fd)
{
	struct file *f = file_of(fd);
	struct socket *socket;
	struct sock *sk;
	u16 family;

	if ((s->result < 0 && s->result != -EINPROGRESS) || !f ||
	    (BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT) != S_IFSOCK) {
		param_end(s);
		return 0;
	}
	socket = BPF_CORE_READ(f, private_data);
	sk = BPF_CORE_READ(socket, sk);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	*frame_place(s) = family;
	s->len++;
	if (family == AF_INET)
		write_inet_tuple(s, sk);
	else if (family == AF_INET6)
		write_inet6_tuple(s, sk);
	else if (family == AF_UNIX)
		write_unix_tuple(s, sk);
	param_end(s);
	return 0;
}

#endif
