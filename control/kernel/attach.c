/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "kernel/filter.h"
#include "util/cleanup.h"

enum program checkpoint_program(bool l3, enum chq_direction direction)
{
	if (direction == CHQ_INGRESS)
		return l3 ? PROGRAM_IN_L3 : PROGRAM_IN;
	return l3 ? PROGRAM_OUT_L3 : PROGRAM_OUT;
}

/* By its name, because a predecessor's program is no longer pinned. */
bool filter_is_ours(uint32_t program_id)
{
	cleanup_close int fd = program_id ? bpf_prog_get_fd_by_id(program_id) : -1;
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return false;
	for (int i = 0; i < PROGRAMS; i++) {
		if (strcmp(info.name, program_names[i].in_object) == 0)
			return true;
	}
	return false;
}

static struct port_state *find_port(struct datapath *datapath, unsigned ifindex)
{
	for (size_t i = 0; i < datapath->n_ports; i++) {
		if (datapath->ports[i].seen.ifindex == ifindex)
			return &datapath->ports[i];
	}
	return NULL;
}

/* How its frames look, for what leaves straight by it. */
static void describe(struct chq_link *value, const struct link *link)
{
	if (!link)
		return;
	value->ethernet = !link_is_l3(link);
	value->mtu_bytes = link->mtu_bytes < UINT16_MAX ? link->mtu_bytes : UINT16_MAX;
	memcpy(value->mac, link->mac, sizeof(value->mac));
}

/* Keeps what the programs themselves have noted of the link. */
static int link_set(struct datapath *datapath, const struct links *links, uint32_t ifindex,
		    const struct chq_link *value)
{
	int fd = map_fd(datapath, "chq_link");
	struct chq_link there = {}, next = *value;

	if (ifindex >= CHQ_IFINDEX_MAX)
		return 0;
	if (bpf_map_lookup_elem(fd, &ifindex, &there) == 0 && next.port == there.port)
		next.translates = there.translates;
	if (next.live)
		describe(&next, links_find(links, ifindex));
	return bpf_map_update_elem(fd, &ifindex, &next, BPF_ANY);
}

/* The link itself, and the VLAN devices that stand on it: the checkpoint sees their packets. */
int links_set(struct datapath *datapath, const struct links *links, unsigned ifindex,
	      const struct chq_link *value)
{
	int err = link_set(datapath, links, ifindex, value);

	for (size_t i = 0; i < links->count && !err; i++) {
		const struct link *link = &links->list[i];

		if (link->lower == ifindex && strcmp(link->kind, "vlan") == 0)
			err = links_set(datapath, links, link->ifindex, value);
	}
	return err;
}

/* One of lan0 and lan0.20 may be a port, not both: a packet would be judged twice. */
static bool overlaps(struct datapath *datapath, const struct links *links, const struct link *link,
		     char *why, size_t size)
{
	for (size_t i = 0; i < datapath->n_ports; i++) {
		const struct link *port = links_find(links, datapath->ports[i].seen.ifindex);

		if (!port || port->ifindex == link->ifindex)
			continue;
		if (port->lower == link->ifindex || link->lower == port->ifindex) {
			snprintf(
				why, size,
				"%s and %s share their packets, and %s is a port already: only one of them can be",
				link->name, port->name, port->name);
			return true;
		}
	}
	return false;
}

static int set_filter(struct datapath *datapath, const struct link *link,
		      enum chq_direction direction, bool *ret_lost)
{
	enum program program = checkpoint_program(link_is_l3(link), direction);
	struct filter filter;
	int err = filter_get(datapath->nl, link->ifindex, direction, &filter);

	if (err)
		return refuse(&datapath->refusal, err, "cannot ask for the filters of %s (%s)",
			      link->name, datapath->nl->refusal);
	if (filter.present && filter.program_id == datapath->program_id[program])
		return 0;
	/* A predecessor goes on judging until we have something to judge by. */
	if (filter.present && filter_is_ours(filter.program_id) && takeover_waits(datapath))
		return 0;
	if (filter.present && !filter_is_ours(filter.program_id))
		return refuse(
			&datapath->refusal, -EBUSY,
			"%s has another filter (%s) at our place, priority %u handle %u: remove it, or give it another priority",
			link->name, filter.name, FILTER_PRIORITY, FILTER_HANDLE);
	err = filter_set(datapath->nl, link->ifindex, direction, datapath->program_fd[program],
			 program_names[program].in_object);
	if (err)
		return refuse(&datapath->refusal, err, "cannot attach to %s (%s)", link->name,
			      datapath->nl->refusal);
	*ret_lost = true;
	return 0;
}

static int make_clsact(struct datapath *datapath, const struct link *link)
{
	bool made;
	int err = clsact_make(datapath->nl, link->ifindex, &made);

	if (err == -EEXIST)
		return refuse(
			&datapath->refusal, err,
			"%s has an ingress qdisc, which cannot filter what leaves: replace it with clsact",
			link->name);
	if (err)
		return refuse(&datapath->refusal, err, "cannot make a clsact qdisc on %s (%s)",
			      link->name, datapath->nl->refusal);
	return 0;
}

/* Filters that are asked first can let packets past us: nothing to refuse, all to say. */
static void note_others(const struct filter_count filters[2], struct attachment *seen)
{
	unsigned before = filters[CHQ_INGRESS].before + filters[CHQ_EGRESS].before;

	if (before)
		snprintf(seen->note, sizeof(seen->note),
			 "%u filter(s) of others are asked before the checkpoint", before);
}

static int set_checkpoint(struct datapath *datapath, const struct links *links,
			  const struct link *link, struct port_state *port, bool *ret_lost)
{
	struct chq_link value = {.port = port->value.port, .role = port->value.role};
	struct filter_count filters[2];
	int err;

	err = make_clsact(datapath, link)
	   ?: set_filter(datapath, link, CHQ_EGRESS, ret_lost)
	   ?: set_filter(datapath, link, CHQ_INGRESS, ret_lost);
	if (err)
		return err;
	value.live = 1;
	err = links_set(datapath, links, link->ifindex, &value);
	if (err)
		return refuse(&datapath->refusal, err, "cannot write chq_link for %s", link->name);
	port->seen.checkpoint = true;
	port->seen.note[0] = '\0';
	filters_count(datapath->nl, link->ifindex, filters);
	note_others(filters, &port->seen);
	tcx_follow(datapath, port, filters);
	return 0;
}

/* The live generation's word about a port, which it may have had under another index. */
static int ports_set(struct datapath *datapath, uint32_t ifindex, const struct chq_port *value)
{
	uint32_t slot = CHQ_LIVE_SLOT(datapath->cell->live);
	int fd;

	if (!CHQ_LIVE_GENERATION(datapath->cell->live))
		return 0;
	fd = datapath->slot[slot].fd[TABLE_PORTS];
	if (fd < 0)
		return 0;
	if (value)
		return bpf_map_update_elem(fd, &ifindex, value, BPF_ANY);
	bpf_map_delete_elem(fd, &ifindex);
	return 0;
}

static struct port_state *add_port(struct datapath *datapath, const struct link *link,
				   const struct port_row *row)
{
	struct port_state *port = find_port(datapath, link->ifindex);
	struct port_state *grown;

	if (!port) {
		grown = reallocarray(datapath->ports, datapath->n_ports + 1, sizeof(*grown));
		if (!grown)
			return NULL;
		datapath->ports = grown;
		port = &grown[datapath->n_ports++];
		*port = (struct port_state){.seen.ifindex = link->ifindex, .tcx_fd = {-1, -1}};
	}
	snprintf(port->seen.name, sizeof(port->seen.name), "%s", link->name);
	port->seen.port = row->value.port;
	port->seen.present = true;
	port->seen.l3 = link_is_l3(link);
	port->value = row->value;
	return port;
}

static void drop_port(struct datapath *datapath, struct port_state *port)
{
	size_t after = datapath->n_ports - (port - datapath->ports) - 1;

	tcx_leave(port);
	memmove(port, port + 1, after * sizeof(*port));
	datapath->n_ports--;
}

static const struct link *check_port(struct datapath *datapath, const struct links *links,
				     unsigned ifindex, int *ret_err)
{
	const struct link *link = links_find(links, ifindex);
	char why[200];

	*ret_err = 0;
	if (!link)
		*ret_err = refuse(&datapath->refusal, -ENODEV, "there is no interface %u", ifindex);
	else if (ifindex >= CHQ_IFINDEX_MAX)
		*ret_err = refuse(&datapath->refusal, -ERANGE,
				  "%s has index %u, and the table of links ends at %u", link->name,
				  ifindex, CHQ_IFINDEX_MAX - 1);
	else if (!link_can_be_port(links, link, why, sizeof(why)) ||
		 overlaps(datapath, links, link, why, sizeof(why)))
		*ret_err = refuse(&datapath->refusal, -EINVAL, "%s", why);
	return *ret_err ? NULL : link;
}

/* A port that may no longer be one stays guarded, and says what is wrong. */
static void note_refusal(struct datapath *datapath, unsigned ifindex)
{
	struct port_state *port = find_port(datapath, ifindex);

	if (port)
		snprintf(port->seen.note, sizeof(port->seen.note), "%.*s",
			 (int)sizeof(port->seen.note) - 1, datapath->refusal.text);
}

/* Takes back what was made so far; the reason for it stays what it was. */
static void undo_attach(struct datapath *datapath, unsigned ifindex)
{
	struct refusal reason = datapath->refusal;

	datapath_detach(datapath, ifindex);
	datapath->refusal = reason;
}

int datapath_attach(struct datapath *datapath, unsigned ifindex, const struct port_row *row)
{
	cleanup(links_free) struct links links = {};
	const struct link *link;
	struct port_state *port;
	bool lost = false, known = find_port(datapath, ifindex);
	int err = links_read(datapath->nl, &links);

	if (err)
		return refuse(&datapath->refusal, err, "cannot list the interfaces");
	link = check_port(datapath, &links, ifindex, &err);
	if (!link) {
		note_refusal(datapath, ifindex);
		return err;
	}
	port = add_port(datapath, link, row);
	if (!port)
		return -ENOMEM;
	err = ports_set(datapath, ifindex, &row->value);
	if (err)
		err = refuse(&datapath->refusal, err, "cannot write chq_ports for %s", link->name);
	if (!err)
		err = set_checkpoint(datapath, &links, link, port, &lost);
	if (err) {
		/* What guarded it until now is better than nothing. */
		if (!known)
			undo_attach(datapath, ifindex);
		return err;
	}
	gate_follow(datapath, link, port);
	return 0;
}

int datapath_detach(struct datapath *datapath, unsigned ifindex)
{
	struct port_state *port = find_port(datapath, ifindex);
	cleanup(links_free) struct links links = {};
	static const struct chq_link none;
	int err = links_read(datapath->nl, &links);

	if (err)
		return refuse(&datapath->refusal, err, "cannot list the interfaces");
	/* First no longer live: what comes in without us is judged where it leaves. */
	links_set(datapath, &links, ifindex, &none);
	ports_set(datapath, ifindex, NULL);
	if (links_find(&links, ifindex)) {
		if (port)
			gate_detach(datapath, port);
		err = filters_remove(datapath->nl, ifindex);
	}
	if (port)
		drop_port(datapath, port);
	return err;
}

static void mark_absent(struct datapath *datapath, const struct links *links,
			struct port_state *port)
{
	static const struct chq_link none;

	tcx_leave(port);
	port->seen.present = port->seen.checkpoint = false;
	port->seen.gate = GATE_OFF;
	snprintf(port->seen.note, sizeof(port->seen.note), "the interface is gone");
	links_set(datapath, links, port->seen.ifindex, &none);
	ports_set(datapath, port->seen.ifindex, NULL);
}

/* Returns 1 when something had to be put back. */
static int check_one(struct datapath *datapath, const struct links *links, struct port_state *port)
{
	const struct link *link = links_find(links, port->seen.ifindex);
	bool lost = false;
	int err;

	if (!link) {
		mark_absent(datapath, links, port);
		return 0;
	}
	err = set_checkpoint(datapath, links, link, port, &lost);
	if (err) {
		port->seen.checkpoint = false;
		snprintf(port->seen.note, sizeof(port->seen.note), "%.*s",
			 (int)sizeof(port->seen.note) - 1, datapath->refusal.text);
		return err;
	}
	return gate_follow(datapath, link, port) || lost;
}

int datapath_check_attached(struct datapath *datapath)
{
	cleanup(links_free) struct links links = {};
	int err = links_read(datapath->nl, &links);
	int put_back = 0;

	if (err)
		return refuse(&datapath->refusal, err, "cannot list the interfaces");
	for (size_t i = 0; i < datapath->n_ports; i++) {
		int answer = check_one(datapath, &links, &datapath->ports[i]);

		if (answer > 0)
			put_back++;
		else if (answer < 0)
			err = answer;
	}
	return err ? err : put_back;
}

size_t datapath_attachments(const struct datapath *datapath, const struct attachment **ret)
{
	struct datapath *mine = (struct datapath *)datapath;
	struct attachment *shown = reallocarray(mine->shown, datapath->n_ports + 1, sizeof(*shown));

	if (!shown)
		return 0;
	for (size_t i = 0; i < datapath->n_ports; i++)
		shown[i] = datapath->ports[i].seen;
	mine->shown = shown;
	*ret = shown;
	return datapath->n_ports;
}

/* After a flip: roles and numbers as the new generation has them, and the gate with its list. */
int ports_follow_generation(struct datapath *datapath, const struct generation *generation)
{
	cleanup(links_free) struct links links = {};
	struct filter_count filters[2];
	int err = links_read(datapath->nl, &links);
	const struct link *link;

	for (size_t i = 0; i < datapath->n_ports && !err; i++) {
		struct port_state *port = &datapath->ports[i];

		for (size_t j = 0; j < generation->n_ports; j++) {
			if (strcmp(generation->ports[j].name, port->seen.name) == 0)
				port->value = generation->ports[j].value;
		}
		if (!port->seen.present)
			continue;
		if (port->seen.checkpoint) {
			err = links_set(datapath, &links, port->seen.ifindex,
					&(struct chq_link){.port = port->value.port,
							   .role = port->value.role,
							   .live = 1});
			filters_count(datapath->nl, port->seen.ifindex, filters);
			tcx_follow(datapath, port, filters);
		}
		link = links_find(&links, port->seen.ifindex);
		if (link)
			gate_follow(datapath, link, port);
	}
	return err;
}
