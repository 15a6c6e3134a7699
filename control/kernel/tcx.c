/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TCX: a place for programs in front of a device's clsact qdisc (Linux 6.6 and later), where a
 * packet gets to them by a shorter way. The filters stay where they are, seen by tc(8); here the
 * same programs answer before them, so that the filters are not asked. Attached by links that
 * nobody pins: they end with the daemon, and from the next packet on the filters judge.
 */
#include "kernel/inside.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "kernel/filter.h"

/* enum bpf_attach_type of later kernels than the one whose headers we are built with. */
#define TCX_INGRESS 46
#define TCX_EGRESS  47

#define TCX_MOST 64 /* BPF_MPROG_MAX: programs that stand in one place */

static enum bpf_attach_type place(enum chq_direction direction)
{
	return (enum bpf_attach_type)(direction == CHQ_INGRESS ? TCX_INGRESS : TCX_EGRESS);
}

/* What stands there of ours and of others; -EINVAL where the kernel has no such place. */
static int look(unsigned ifindex, enum chq_direction direction, uint32_t own, bool *ret_own,
		bool *ret_others)
{
	uint32_t ids[TCX_MOST] = {}, count = TCX_MOST;

	if (bpf_prog_query((int)ifindex, place(direction), 0, NULL, ids, &count))
		return -errno;
	*ret_own = *ret_others = false;
	for (uint32_t i = 0; i < count && i < TCX_MOST; i++)
		*(ids[i] == own ? ret_own : ret_others) = true;
	return 0;
}

static void leave(struct port_state *port, enum chq_direction direction)
{
	if (port->tcx_fd[direction] >= 0)
		close(port->tcx_fd[direction]);
	port->tcx_fd[direction] = -1;
}

void tcx_leave(struct port_state *port)
{
	leave(port, CHQ_INGRESS);
	leave(port, CHQ_EGRESS);
	port->seen.tcx = false;
}

static void follow(struct datapath *datapath, struct port_state *port, enum chq_direction direction,
		   const struct filter_count *filters)
{
	enum program program = checkpoint_program(port->seen.l3, direction);
	unsigned ifindex = port->seen.ifindex;
	bool own, others;

	if (look(ifindex, direction, datapath->program_id[program], &own, &others))
		return;
	/* What others filter here must be asked as before: then the filters do without us in front.
	 */
	if (others || filters->all != 1) {
		leave(port, direction);
		return;
	}
	if (own && port->tcx_fd[direction] >= 0)
		return;
	leave(port, direction);
	port->tcx_fd[direction] = bpf_link_create(datapath->program_fd[program], (int)ifindex,
						  place(direction), NULL);
}

void tcx_follow(struct datapath *datapath, struct port_state *port,
		const struct filter_count filters[2])
{
	/* Until then it is a predecessor's filters that judge. */
	if (takeover_waits(datapath))
		return;
	follow(datapath, port, CHQ_INGRESS, &filters[CHQ_INGRESS]);
	follow(datapath, port, CHQ_EGRESS, &filters[CHQ_EGRESS]);
	port->seen.tcx = port->tcx_fd[CHQ_INGRESS] >= 0 && port->tcx_fd[CHQ_EGRESS] >= 0;
}
