/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_KERNEL_HOOK_H
#define BPF_KERNEL_HOOK_H

/*
 * More of the kernel's own structs (see kernel.h): those that arguments of hooks point
 * to, and the registers in which they come.
 */

#include <bpf/bpf_endian.h>

#include "kernel.h"

#define AF_INET	 2
#define AF_INET6 10

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct filename {
	const char *name;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

/* The names that an inode has in memory. */
struct inode___names {
	struct hlist_head i_dentry;
};

struct dentry___alias {
	union {
		struct hlist_node d_alias;
	} d_u;
};

struct address_space {
	struct inode *host;
};

struct files_struct {
	struct fdtable *fdt;
};

struct thread_info {
	__u32 status;
};

struct task_struct___hook {
	struct thread_info thread_info;
	struct files_struct *files;
};

struct in6_addr___hook {
	__u8 bytes[16];
};

struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num, skc_family;
	volatile unsigned char skc_state;
	struct in6_addr___hook skc_v6_daddr, skc_v6_rcv_saddr;
	struct {
		__s64 counter;
	} skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type, sk_protocol;
	__u32 sk_mark, sk_priority;
};

struct socket {
	struct sock *sk;
};

struct sk_buff {
	unsigned int len;
	__u32 mark, priority;
	__be16 protocol;
	__u16 transport_header, network_header;
	unsigned char *head;
};

/* Registers as system calls and functions are called with. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di, si, dx, cx, r8, r9, r10, ax, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
};

struct pt_regs {
	struct user_pt_regs user_regs;
	__u64 orig_x0;
	__s32 syscallno;
};
#else
#error "registers of this processor are not known here"
#endif

#pragma clang attribute pop

#if defined(__TARGET_ARCH_x86)
#define REGS_RESULT(regs) BPF_CORE_READ(regs, ax)
#define REGS_ARGS(regs, to)                        \
	({                                         \
		(to)[0] = BPF_CORE_READ(regs, di); \
		(to)[1] = BPF_CORE_READ(regs, si); \
		(to)[2] = BPF_CORE_READ(regs, dx); \
		(to)[3] = BPF_CORE_READ(regs, cx); \
		(to)[4] = BPF_CORE_READ(regs, r8); \
		(to)[5] = BPF_CORE_READ(regs, r9); \
	})
/* The fourth lies elsewhere, because the processor's instruction spoils cx. */
#define REGS_SYSCALL_ARGS(regs, to)                 \
	({                                          \
		REGS_ARGS(regs, to);                \
		(to)[3] = BPF_CORE_READ(regs, r10); \
	})
/* The same from a typed pointer, without a call for each. */
#define REGS_SYSCALL_NUMBER(regs) ((regs)->orig_ax)
#define REGS_TYPED_ARGS(regs, to)      \
	({                             \
		(to)[0] = (regs)->di;  \
		(to)[1] = (regs)->si;  \
		(to)[2] = (regs)->dx;  \
		(to)[3] = (regs)->r10; \
		(to)[4] = (regs)->r8;  \
		(to)[5] = (regs)->r9;  \
	})
#define TASK_COMPAT 2 /* thread_info.status: in a system call of 32 bits */
#else
#define REGS_SYSCALL_NUMBER(regs) ((regs)->syscallno)
#define REGS_TYPED_ARGS(regs, to)                    \
	({                                           \
		(to)[0] = (regs)->orig_x0;           \
		(to)[1] = (regs)->user_regs.regs[1]; \
		(to)[2] = (regs)->user_regs.regs[2]; \
		(to)[3] = (regs)->user_regs.regs[3]; \
		(to)[4] = (regs)->user_regs.regs[4]; \
		(to)[5] = (regs)->user_regs.regs[5]; \
	})
#define REGS_RESULT(regs)   BPF_CORE_READ(regs, user_regs.regs[0])
#define REGS_ARGS(regs, to) bpf_core_read(to, 6 * sizeof(*(to)), &(regs)->user_regs.regs)
#define REGS_SYSCALL_ARGS(regs, to)                     \
	({                                              \
		REGS_ARGS(regs, to);                    \
		(to)[0] = BPF_CORE_READ(regs, orig_x0); \
	})
#endif

#endif
