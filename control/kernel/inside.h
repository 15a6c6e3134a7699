/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_INSIDE_H
#define KERNEL_INSIDE_H

/* What the files behind datapath.h share. Nobody else includes it. */

#include <bpf/libbpf.h>
#include <limits.h>

#include "kernel/datapath.h"
#include "kernel/filter.h"
#include "kernel/link.h"
#include "kernel/refusal.h"
#include "kernel/tables.h"

/* The place of a program: which way, and whether packets have an Ethernet header. */
enum program { PROGRAM_IN, PROGRAM_IN_L3, PROGRAM_OUT, PROGRAM_OUT_L3, PROGRAM_GATE, PROGRAMS };

struct program_name {
	const char *in_object; /* as the kernel shows it */
	const char *pin;       /* under PIN/prog */
};
extern const struct program_name program_names[PROGRAMS];

/* Tables of flows: what is carried over when their sizes change. */
enum flow_table { FLOW4, FLOW6, NEW4, NEW6, FLOW_TABLES };
extern const char *const flow_table_names[FLOW_TABLES];

/* A port that was asked for, and how its checkpoint stands. */
struct port_state {
	struct attachment seen;
	struct chq_port value;
	int tcx_fd[2];	   /* by direction: links that stand in front of the filters; -1 = none */
	bool gate_refused; /* and by this program; it is not asked again until that changes */
	uint32_t gate_refused_by;
};

struct datapath {
	char pin_directory[PATH_MAX - 64];
	char object_directory[PATH_MAX]; /* "" = built in */
	uint64_t netns_cookie;
	int directory_fd; /* holds the lock that keeps a second daemon out */
	struct refusal refusal;
	struct netlink *nl;
	struct limits limits;

	struct bpf_object *tc, *xdp;
	struct bpf_object *dry; /* the checkpoint once more, for traces; NULL: not asked for yet */
	int program_fd[PROGRAMS];
	uint32_t program_id[PROGRAMS];
	struct chq_cell *cell;	   /* mapped */
	struct chq_config *config; /* mapped */
	struct chq_tunnel *tunnel; /* mapped */
	struct chq_meta meta;
	/* Flow tables of other sizes that the programs at the ports still use; -1 = none. */
	int old_flow_fd[FLOW_TABLES];

	struct generation_tables slot[CHQ_SLOTS];
	struct chq_entry own_entry; /* of the live generation */
	bool own_known;
	bool fresh;    /* the maps were made anew: nothing of a predecessor's fitted */
	bool has_deny; /* the live generation has a deny list */
	uint32_t pickup_ticks;
	struct chq_addr *own;
	size_t n_own;

	struct port_state *ports;
	struct attachment *shown; /* copies of ports[].seen, side by side */
	size_t n_ports;

	struct ring_buffer *ring;
	struct event_reader {
		void (*each)(void *data, const struct chq_event *event);
		void *data;
	} reader;
	uint8_t sweep_table;
	unsigned char sweep_cursor[64];
	bool sweep_running;
};

#define PIN_DIRECTORY "/sys/fs/bpf/chasqui"

/* Why the last open of this thread failed: there is no datapath yet to keep it in. */
extern __thread struct refusal open_refusal;

/* directory.c: the pin directory, which one process at a time may hold. */
int directory_cookie(uint64_t *ret); /* of our network namespace */
int directory_lock(const char *path, int *ret_fd, struct refusal *refusal);
int directory_open(struct datapath *datapath);

/* detach.c: removes our filters of one interface, and the qdisc that they leave empty. */
int filters_remove(struct netlink *nl, unsigned ifindex);

/* Sets the bit of chq_config's own_filter that stands for an address. */
void own_filter_add(uint64_t *filter, const struct chq_addr *addr);

/* Descriptor of one of the shared maps. */
int map_fd(const struct datapath *datapath, const char *name);

/* programs.c: opens the objects over what is pinned, loads and pins. */
int programs_load(struct datapath *datapath);
/* The gate's object over our maps, opened and not loaded. */
int gate_object(struct datapath *datapath, char *log, struct bpf_object **ret);
/* The checkpoint's object, opened and not loaded. */
int checkpoint_object(struct datapath *datapath, struct bpf_object **ret);
int meta_write(struct datapath *datapath);

/* takeover.c: puts our programs where a predecessor's are, flows and all. */
bool takeover_waits(const struct datapath *datapath);
int takeover_swap(struct datapath *datapath);
void takeover_forget_dead_links(struct datapath *datapath);

/* attach.c */
enum program checkpoint_program(bool l3, enum chq_direction direction);
bool filter_is_ours(uint32_t program_id);
int ports_follow_generation(struct datapath *datapath, const struct generation *generation);
int links_set(struct datapath *datapath, const struct links *links, unsigned ifindex,
	      const struct chq_link *value);

/* tcx.c: has the checkpoint's programs in front of its filters wherever that can be and nobody is
 * passed over by it; to be asked again when the filters of the port have changed. */
void tcx_follow(struct datapath *datapath, struct port_state *port,
		const struct filter_count filters[2]);
void tcx_leave(struct port_state *port);

/* gate.c */
bool gate_follow(struct datapath *datapath, const struct link *link, struct port_state *port);
int gate_detach(struct datapath *datapath, struct port_state *port);
int gate_swap(struct datapath *datapath, const struct link *link);
int gate_detach_everywhere(struct netlink *nl);

/* install.c: ends when every program that may have read the slot before now has ended */
int wait_grace_period(struct datapath *datapath, uint32_t slot);

/* hits.c */
int hits_clear(struct datapath *datapath, uint32_t slot);

/* events.c */
int events_open(struct datapath *datapath);

/* The coarse clock as flows remember it. */
uint32_t tick_now(void);
int pickup_open(struct datapath *datapath);

#endif
