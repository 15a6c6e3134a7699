/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel/filter.h"
#include "kernel/walk.h"
#include "util/cleanup.h"

/* Passes over the old tables before the swap stop when one has found this little to copy. */
#define FEW_FLOWS   64
#define MOST_PASSES 4
/* While both tables are in use, a running flow may be picked up from its reply. */
#define SWAP_PICKUP_TICKS 8

struct carry {
	int to_fd;
	size_t copied;
	int err;
};

/* The two tables are written by different programs for a moment: the later word counts. */
static bool is_news(const struct chq_flow *old, const struct chq_flow *new)
{
	if (CHQ_FLOW_GENERATION(old->verdict) != CHQ_FLOW_GENERATION(new->verdict))
		return CHQ_FLOW_GENERATION(old->verdict) > CHQ_FLOW_GENERATION(new->verdict);
	return (int32_t)(old->seen_tick - new->seen_tick) > 0 || (old->flags & ~new->flags) ||
	       old->state > new->state;
}

static int carry_flow(void *data, const void *key, const void *value)
{
	struct carry *carry = data;
	struct chq_flow there;

	if (bpf_map_lookup_elem(carry->to_fd, key, &there) == 0 && !is_news(value, &there))
		return 0;
	carry->copied++;
	/* A smaller table takes what fits: the kernel lets the least used go. */
	if (bpf_map_update_elem(carry->to_fd, key, value, BPF_ANY))
		carry->err = -errno;
	return 0;
}

static int carry_flows(struct datapath *datapath, size_t *ret_copied)
{
	*ret_copied = 0;
	for (int i = 0; i < FLOW_TABLES; i++) {
		struct carry carry = {.to_fd = map_fd(datapath, flow_table_names[i])};
		int err;

		if (datapath->old_flow_fd[i] < 0)
			continue;
		err = walk_map(datapath->old_flow_fd[i], carry_flow, &carry);
		if (err || carry.err)
			return err ? err : carry.err;
		*ret_copied += carry.copied;
	}
	return 0;
}

static bool flows_wait(const struct datapath *datapath)
{
	for (int i = 0; i < FLOW_TABLES; i++) {
		if (datapath->old_flow_fd[i] >= 0)
			return true;
	}
	return false;
}

static int carry_before(struct datapath *datapath)
{
	size_t copied = FEW_FLOWS + 1;
	int err = 0;

	for (int i = 0; i < MOST_PASSES && copied > FEW_FLOWS && !err; i++)
		err = carry_flows(datapath, &copied);
	return err;
}

static void forget_old_flows(struct datapath *datapath)
{
	for (int i = 0; i < FLOW_TABLES; i++) {
		if (datapath->old_flow_fd[i] >= 0)
			close(datapath->old_flow_fd[i]);
		datapath->old_flow_fd[i] = -1;
	}
}

static int swap_filter(struct datapath *datapath, const struct link *link,
		       enum chq_direction direction)
{
	enum program program = checkpoint_program(link_is_l3(link), direction);
	struct filter filter;
	int err;

	err = filter_get(datapath->nl, link->ifindex, direction, &filter);
	if (err || !filter.present || filter.program_id == datapath->program_id[program] ||
	    !filter_is_ours(filter.program_id))
		return err;
	err = filter_set(datapath->nl, link->ifindex, direction, datapath->program_fd[program],
			 program_names[program].in_object);
	if (err)
		return refuse(&datapath->refusal, err, "cannot replace the filter of %s (%s)",
			      link->name, datapath->nl->refusal);
	return 0;
}

static int swap_filters(struct datapath *datapath)
{
	cleanup(links_free) struct links links = {};
	int err = links_read(datapath->nl, &links);

	if (err)
		return refuse(&datapath->refusal, err, "cannot list the interfaces");
	for (size_t i = 0; i < links.count && !err; i++) {
		err = swap_filter(datapath, &links.list[i], CHQ_INGRESS);
		if (!err)
			err = swap_filter(datapath, &links.list[i], CHQ_EGRESS);
		/* A gate that cannot be replaced still drops by the list that it knows. */
		gate_swap(datapath, &links.list[i]);
	}
	return err;
}

bool takeover_waits(const struct datapath *datapath)
{
	return CHQ_LIVE_GENERATION(datapath->cell->live) == 0;
}

int takeover_swap(struct datapath *datapath)
{
	uint32_t until = tick_now() + SWAP_PICKUP_TICKS;
	bool flows = flows_wait(datapath);
	size_t copied;
	int err = 0;

	if (flows) {
		err = carry_before(datapath);
		if ((int32_t)(until - datapath->config->pickup_until_tick) > 0)
			datapath->config->pickup_until_tick = until;
	}
	if (!err)
		err = swap_filters(datapath);
	if (!err && flows)
		err = carry_flows(datapath, &copied);
	if (err)
		return err;
	forget_old_flows(datapath);
	return 0;
}

struct link_row {
	uint32_t ifindex;
	struct chq_link value;
};

struct dead_links {
	struct datapath *datapath;
	struct links links;
};

static bool has_checkpoint(struct datapath *datapath, unsigned ifindex)
{
	struct filter filter = {};

	return filter_get(datapath->nl, ifindex, CHQ_INGRESS, &filter) == 0 && filter.present &&
	       filter_is_ours(filter.program_id);
}

static int forget_if_dead(void *data, const void *key, const void *value)
{
	static const struct chq_link none;
	const struct chq_link *link = value;
	struct dead_links *dead = data;
	const struct link *found;
	uint32_t ifindex;

	memcpy(&ifindex, key, sizeof(ifindex));
	if (!link->port && !link->live)
		return 0;
	found = links_find(&dead->links, ifindex);
	if (found && (has_checkpoint(dead->datapath, ifindex) ||
		      (found->lower && has_checkpoint(dead->datapath, found->lower))))
		return 0;
	bpf_map_update_elem(map_fd(dead->datapath, "chq_link"), key, &none, BPF_ANY);
	return 0;
}

/* An interface index may have been given to another interface while nobody looked. */
void takeover_forget_dead_links(struct datapath *datapath)
{
	struct dead_links dead = {.datapath = datapath};

	if (links_read(datapath->nl, &dead.links))
		return;
	walk_map(map_fd(datapath, "chq_link"), forget_if_dead, &dead);
	links_free(&dead.links);
}
