/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

/*
 * matchBinaries with followChildren: a set of binaries has a bit, which processes carry from the
 * execve on, and their children from the fork on. chq_follow keeps the bits over replacements.
 */

static void key_of(const char *binary, struct chq_follow_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	strncpy(ret->binary, binary, sizeof(ret->binary) - 1);
}

static bool contains(const struct tracing_binaries *binaries, const char *binary)
{
	for (size_t i = 0; i < binaries->n_values; i++) {
		if (strcmp(binaries->values[i], binary) == 0)
			return true;
	}
	return false;
}

static size_t distinct(const struct tracing_binaries *binaries)
{
	size_t n = 0;

	for (size_t i = 0; i < binaries->n_values; i++) {
		size_t k = 0;

		while (strcmp(binaries->values[k], binaries->values[i]) != 0)
			k++;
		n += k == i;
	}
	return n;
}

/* Bits that are given to exactly these binaries, and those that are given to any. */
static void bits_known(int follow, const struct tracing_binaries *binaries, uint64_t *ret_ours,
		       uint64_t *ret_any)
{
	struct chq_follow_key key, *before = NULL;
	uint64_t ours = ~0ull, any = 0, bits;
	size_t seen = 0;

	while (bpf_map_get_next_key(follow, before, &key) == 0) {
		before = &key;
		if (bpf_map_lookup_elem(follow, &key, &bits))
			continue;
		any |= bits;
		if (contains(binaries, key.binary)) {
			ours &= bits;
			seen++;
		} else {
			ours &= ~bits;
		}
	}
	*ret_ours = seen == distinct(binaries) ? ours : 0;
	*ret_any = any;
}

uint64_t follow_bit(void *context, const struct tracing_binaries *binaries, uint64_t taken)
{
	const struct hooks *hooks = context;
	uint64_t ours = 0, any = 0;

	if (hooks->shared[SHARED_FOLLOW] >= 0)
		bits_known(hooks->shared[SHARED_FOLLOW], binaries, &ours, &any);
	ours &= ~taken;
	if (ours)
		return ours & -ours;
	any = ~(any | taken);
	return any & -any;
}

/* ---- processes that run already ---- */

struct running {
	uint32_t pid;
	struct chq_process process;
	uint64_t wanted;
};

static int list_running(int procs, struct list *ret)
{
	struct running running, *before = NULL;

	while (bpf_map_get_next_key(procs, before ? &before->pid : NULL, &running.pid) == 0) {
		before = &running;
		if (bpf_map_lookup_elem(procs, &running.pid, &running.process))
			continue;
		running.wanted = running.process.follow;
		if (list_add(ret, &running) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int by_pid(const void *one, const void *other)
{
	const struct running *a = one, *b = other;

	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

/* The bits of those that it descends from, as far as they still run. */
static uint64_t inherited(const struct list *all, const struct running *process)
{
	uint64_t bits = 0;

	for (int depth = 0; depth < 64 && process; depth++) {
		struct running key = {.pid = process->process.parent};

		process = bsearch(&key, all->items, all->n, sizeof(key), by_pid);
		if (process)
			bits |= process->wanted;
	}
	return bits;
}

/* It may have started another program since it was listed: what it is now stays. */
static void write_bits(int procs, const struct running *running, uint64_t bits)
{
	struct chq_process now;

	if (bits == running->process.follow || bpf_map_lookup_elem(procs, &running->pid, &now) ||
	    now.started_ns != running->process.started_ns)
		return;
	now.follow = bits;
	bpf_map_update_elem(procs, &running->pid, &now, BPF_EXIST);
}

static int mark_running(struct hooks *hooks, const struct plan *plan, uint64_t fresh)
{
	cleanup(list_clear) struct list all = LIST_OF(struct running);
	int procs = hooks->shared[SHARED_PROCS], err = list_running(procs, &all);

	if (err || all.n == 0)
		return err;
	qsort(all.items, all.n, sizeof(struct running), by_pid);
	for (size_t i = 0; i < all.n; i++) {
		struct running *process = list_at(&all, struct running, i);

		process->wanted &= ~fresh; /* what the bit meant in a time long gone */
		for (size_t k = 0; k < plan->follows.n; k++) {
			const struct plan_follow *follow =
				list_at(&plan->follows, struct plan_follow, k);

			if (contains(follow->binaries, process->process.binary))
				process->wanted |= follow->bit;
		}
	}
	for (size_t i = 0; i < all.n; i++) {
		const struct running *process = list_at(&all, struct running, i);
		uint64_t bits =
			process->wanted | (inherited(&all, process) & plan->follow_bits_taken);

		write_bits(procs, process, bits);
	}
	return 0;
}

/* ---- chq_follow ---- */

static int add_bit(int follow, const char *binary, uint64_t bit, uint64_t *fresh)
{
	struct chq_follow_key key;
	uint64_t bits = 0;

	key_of(binary, &key);
	bpf_map_lookup_elem(follow, &key, &bits);
	if (bits & bit)
		return 0;
	*fresh |= bit;
	bits |= bit;
	return bpf_map_update_elem(follow, &key, &bits, BPF_ANY) ? -errno : 0;
}

int follow_write(struct hooks *hooks, const struct plan *plan)
{
	int follow = hooks->shared[SHARED_FOLLOW], err = 0;
	uint64_t fresh = 0;

	if (plan->follows.n == 0)
		return 0;
	for (size_t i = 0; i < plan->follows.n; i++) {
		const struct plan_follow *entry = list_at(&plan->follows, struct plan_follow, i);

		for (size_t k = 0; k < entry->binaries->n_values && !err; k++)
			err = add_bit(follow, entry->binaries->values[k], entry->bit, &fresh);
	}
	return err || !fresh ? err : mark_running(hooks, plan, fresh);
}

void follow_prune(struct hooks *hooks, uint64_t used)
{
	cleanup(list_clear) struct list all = LIST_OF(struct chq_follow_key);
	int follow = hooks->shared[SHARED_FOLLOW];
	struct chq_follow_key key, *before = NULL;

	while (bpf_map_get_next_key(follow, before, &key) == 0 && list_add(&all, &key) >= 0)
		before = &key;
	for (size_t i = 0; i < all.n; i++) {
		const struct chq_follow_key *one = list_at(&all, struct chq_follow_key, i);
		uint64_t bits = 0;

		if (bpf_map_lookup_elem(follow, one, &bits) || !(bits & ~used))
			continue;
		bits &= used;
		if (bits)
			bpf_map_update_elem(follow, one, &bits, BPF_EXIST);
		else
			bpf_map_delete_elem(follow, one);
	}
}
