/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_DATAPATH_H
#define KERNEL_DATAPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chasqui/event.h"
#include "chasqui/flow.h"
#include "compile/generation.h"

/*
 * The programs and maps of one gateway in one network namespace, pinned under
 * one directory of a bpffs:
 *
 *	PIN/chq_cell ... the maps, by their names
 *	PIN/prog/in, in_l3, out, out_l3	checkpoint: TC ingress and egress, with and without Ethernet
 *	PIN/prog/gate			XDP
 *	PIN/links/gate-IFINDEX		where the gate is attached by a link
 *
 * Functions return 0 or -errno; datapath_refusal() then holds one sentence for a
 * person: what was refused, by what, and what to do about it.
 */
struct datapath;

struct datapath_options {
	const char *pin_directory;    /* default /sys/fs/bpf/chasqui */
	const char *object_directory; /* where tc.bpf.o and xdp.bpf.o lie; NULL = built in */
	struct limits limits;
};

/*
 * Takes over what is pinned there and fits, and makes the rest. Where sizes or
 * layouts changed, new maps are made, running flows carried over and the programs
 * replaced in place. Refuses (-EBUSY) while another process holds the directory,
 * and (-EXDEV) pins of another network namespace.
 */
int datapath_open(const struct datapath_options *options, struct datapath **ret);
void datapath_close(struct datapath *datapath); /* what is pinned stays and goes on judging */
const char *datapath_refusal(
	const struct datapath *datapath); /* also after a failed open: pass NULL */

/* Removes every filter, gate and pin of this directory, the directory too. */
int datapath_detach_all(const char *pin_directory);

/* The generation that is live; 0 = none. And the highest ever given out here. */
uint32_t datapath_live(const struct datapath *datapath);
uint32_t datapath_highest(const struct datapath *datapath);

/*
 * Fills the free slot with `generation`, checks it, writes the cell: from then on
 * it is live under `number`, which must be above every earlier one. The old slot is
 * emptied after a grace period. On an error the live one stays as it is.
 */
int datapath_install(struct datapath *datapath, const struct generation *generation,
		     uint32_t number);

/* Number of the port of this name, given out on first use and kept; 0 = no more than 255. */
uint16_t datapath_port_number(struct datapath *datapath, const char *name);

/*
 * Takes their numbers from the ports that are not `wanted`, for others to have. No generation that
 * is live or tried may have such a port; flows that came in by one are judged anew with the next.
 */
void datapath_ports_forget(struct datapath *datapath,
			   bool (*wanted)(const void *data, const char *name), const void *data);

/* News between generations: one more or one less address in the live slot. */
int datapath_host_set(struct datapath *datapath, const struct host_row *row);
int datapath_host_delete(struct datapath *datapath, const struct chq_addr *addr);
/*
 * Puts the addresses that `to` has beyond `from`, which is live, into the live slot.
 * -EAGAIN: that would not be right, since more differs than new addresses, or flows run whose
 * verdicts knew an address as something else; nothing has changed, and a generation is needed.
 */
int datapath_hosts_add(struct datapath *datapath, const struct generation *from,
		       const struct generation *to);
/*
 * All of the host's own addresses as they are now (watch_addresses() gives them). The
 * live slot is brought to date at once, and every later install too, whatever addresses
 * its compiler was told.
 */
int datapath_own_addresses(struct datapath *datapath, const struct chq_addr *list, size_t count);

/*
 * The tunnel as it is now, whatever a generation wants of it; it stays in the kernel when the
 * daemon goes. While it is not `up`, what is bound for a Peer drops.
 */
struct tunnel_state {
	unsigned ifindex; /* of its device; 0 = there is none */
	uint16_t listen_port;
	bool up;       /* the link is up and its engine runs */
	bool any_peer; /* some Peer's outer address is not known: the port alone tells */
};
void datapath_tunnel_set(struct datapath *datapath, const struct tunnel_state *state);
struct tunnel_state datapath_tunnel(const struct datapath *datapath);

/*
 * Whether packets of known flows may leave straight from the checkpoint. Holds for two seconds, so
 * that what changes while the daemon is gone is noticed by the kernel's own stack.
 */
void datapath_direct_set(struct datapath *datapath, bool on);
bool datapath_direct(const struct datapath *datapath);

/* All addresses at which Peers are reached outside the tunnel, as they are now. */
int datapath_outer_addresses(struct datapath *datapath, const struct chq_addr *list, size_t count);

/* What is attached where. */
struct attachment {
	unsigned ifindex;
	char name[16];
	uint16_t port;
	bool present;	 /* the interface exists */
	bool checkpoint; /* both filters are there and ours */
	bool l3;	 /* no Ethernet header */
	bool tcx;	 /* the programs stand in front of the filters as well */
	enum {
		GATE_OFF,
		GATE_NATIVE,
		GATE_GENERIC,
		GATE_SHARED
	} gate;		/* SHARED: libxdp's dispatcher */
	char note[160]; /* why something is not as asked for; "" */
};

/* Attach and let go of the checkpoint (and the gate, while the live generation has a deny list). */
int datapath_attach(struct datapath *datapath, unsigned ifindex, const struct port_row *port);
int datapath_detach(struct datapath *datapath, unsigned ifindex);
/* Compares with what the kernel has; what was lost is put back. Returns how many were, or -errno.
 */
int datapath_check_attached(struct datapath *datapath);
size_t datapath_attachments(const struct datapath *datapath, const struct attachment **ret);

/* Flows. The walkers stop when the function returns non-zero, and return that. */
struct flow_row {
	struct chq_addr opener, other;	  /* who opened it, and to whom */
	uint16_t opener_port, other_port; /* host order */
	uint8_t protocol;
	bool proven;
	struct chq_flow flow;
	unsigned idle_ms, expires_ms; /* expires_ms 0: no longer known */
};
int datapath_flows(struct datapath *datapath, int (*each)(void *data, const struct flow_row *row),
		   void *data);
/* Deletes those for which `match` says so (NULL: all), and opens the pick-up window anew. */
int datapath_flush(struct datapath *datapath, bool (*match)(void *data, const struct flow_row *row),
		   void *data, size_t *ret_deleted);
/*
 * Gives back the room of flows that have expired: looks at some thousand of them, each
 * call going on where the last one stopped. Returns how many went. Nothing hangs on it.
 */
size_t datapath_sweep(struct datapath *datapath);

/* Counters, summed over the CPUs. */
int datapath_counter(struct datapath *datapath, uint16_t port, enum chq_direction direction,
		     enum chq_reason reason, struct chq_counter *ret);
int datapath_lost(struct datapath *datapath, enum chq_reason reason, uint64_t *ret_events);

/*
 * How often each of the first `count` (CHQ_HITS at most) origin sets gave a decision: of the
 * live generation, or of the one before it. Number 0 counts those beyond CHQ_HITS.
 */
int datapath_hits(struct datapath *datapath, bool before, uint64_t *ret, size_t count);

/* How full each table is, and what memory it takes. */
struct table_usage {
	const char *name; /* the map's */
	uint64_t entries, most;
	uint64_t memory_bytes;
};
int datapath_usage(struct datapath *datapath, struct table_usage **ret, size_t *ret_count);

/*
 * Descriptor that polls readable when many events wait, and the reader, which gives all
 * that are there: programs wake it up past a threshold only, so call it on a timer too.
 */
int datapath_events_fd(const struct datapath *datapath);
int datapath_events_read(struct datapath *datapath,
			 void (*each)(void *data, const struct chq_event *event), void *data);

#endif
