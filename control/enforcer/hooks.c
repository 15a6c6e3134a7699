/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "util/cleanup.h"
#include "util/standby.h"

#define BPF_FS_MAGIC 0xcafe4a11

static int say(char *why, int err, const char *what)
{
	if (why)
		snprintf(why, HOOKS_WHY_BYTES, "%.160s: %.80s", what, strerror(-err));
	return err;
}

/* ---- opening ---- */

static int make_directory(const struct hooks *hooks, char *why)
{
	char path[PATH_MAX];
	struct statfs fs;

	snprintf(path, sizeof(path), "%s/hooks", hooks->directory);
	if (mkdir(hooks->directory, 0700) && errno != EEXIST)
		return say(why, -errno, hooks->directory);
	if (mkdir(path, 0700) && errno != EEXIST)
		return say(why, -errno, path);
	if (statfs(path, &fs))
		return say(why, -errno, path);
	if (fs.f_type != BPF_FS_MAGIC)
		return say(why, -EINVAL, "this directory is in no bpffs");
	return 0;
}

static uint64_t live_number(const struct hooks *hooks)
{
	struct chq_hook_cell cell = {};
	uint32_t zero = 0;

	if (hooks->shared[SHARED_CELL] >= 0)
		bpf_map_lookup_elem(hooks->shared[SHARED_CELL], &zero, &cell);
	return cell.set;
}

/* What was being made, or taken away, when somebody died. */
static void remove_others(const struct hooks *hooks, uint64_t live)
{
	char path[PATH_MAX];
	cleanup_closedir DIR *directory = NULL;
	const struct dirent *entry;
	unsigned long long number;

	snprintf(path, sizeof(path), "%s/hooks", hooks->directory);
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		if (sscanf(entry->d_name, "set-%llu", &number) == 1 && number != live)
			set_remove(hooks, number);
	}
}

static struct hooks *new_hooks(const char *directory)
{
	struct hooks *hooks = calloc(1, sizeof(*hooks));

	if (!hooks)
		return NULL;
	snprintf(hooks->directory, sizeof(hooks->directory), "%s", directory);
	for (size_t i = 0; i < SHARED_MAPS; i++)
		hooks->shared[i] = -1;
	for (size_t i = 0; i < SETS_KNOWN; i++)
		set_init(&hooks->sets[i]);
	return hooks;
}

int hooks_open(const char *directory, char *why, struct hooks **ret)
{
	struct hooks *hooks = new_hooks(directory);
	uint64_t live;
	int err;

	if (!hooks)
		return say(why, -ENOMEM, directory);
	libbpf_set_print(NULL); /* errors are returned, and said once by who asked */
	err = make_directory(hooks, why);
	if (err) {
		hooks_close(hooks);
		return err;
	}
	shared_open(hooks);
	live = live_number(hooks);
	remove_others(hooks, live);
	if (live)
		set_open(hooks, live, &hooks->sets[0]);
	*ret = hooks;
	return 0;
}

void hooks_close(struct hooks *hooks)
{
	if (!hooks)
		return;
	for (size_t i = 0; i < SHARED_MAPS; i++)
		close_p(&hooks->shared[i]);
	for (size_t i = 0; i < SETS_KNOWN; i++)
		set_close(&hooks->sets[i]);
	list_clear(&hooks->tried);
	data_clear(&hooks->data);
	free(hooks);
}

/* ---- counters ---- */

static int count_cpus(void)
{
	int n = libbpf_num_possible_cpus();

	return n > 0 ? n : 1;
}

static int find_policy(const struct hooks_set *set, const char *name, uint32_t *ret)
{
	struct policy_names names;

	for (uint32_t i = 0; i < set->n_policies; i++) {
		if (bpf_map_lookup_elem(set->policy_names, &i, &names) == 0 &&
		    strcmp(names.name, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -ENOENT;
}

static int sum_counts(const struct hooks_set *set, uint32_t policy, struct chq_policy_count *ret)
{
	int n = count_cpus();
	cleanup_free struct chq_policy_count *counts = calloc(n, sizeof(*counts));
	struct chq_policy_count sum = {};

	if (!counts)
		return -ENOMEM;
	if (bpf_map_lookup_elem(set->counts, &policy, counts))
		return -errno;
	for (int i = 0; i < n; i++) {
		sum.hits += counts[i].hits;
		sum.posts += counts[i].posts;
		sum.lost += counts[i].lost;
		sum.limited += counts[i].limited;
		sum.enforced += counts[i].enforced;
		sum.monitored += counts[i].monitored;
		sum.spared += counts[i].spared;
	}
	*ret = sum;
	return 0;
}

int hooks_counters(struct hooks *hooks, const char *policy, struct hooks_counters *ret)
{
	struct chq_policy_count sum;
	uint32_t number;
	int err = hooks->sets[0].number ? find_policy(&hooks->sets[0], policy, &number) : -ENOENT;

	if (!err)
		err = sum_counts(&hooks->sets[0], number, &sum);
	if (err)
		return err;
	*ret = (struct hooks_counters){sum.hits,     sum.posts,	    sum.lost,  sum.limited,
				       sum.enforced, sum.monitored, sum.spared};
	return 0;
}

/* A policy goes on counting where it was in the set before. */
static int carry_counts(const struct hooks *hooks, const struct hooks_set *next,
			const struct plan *plan)
{
	int n = count_cpus();
	cleanup_free struct chq_policy_count *counts = calloc(n, sizeof(*counts));

	if (!counts)
		return -ENOMEM;
	for (uint32_t i = 0; i < plan->policies.n && hooks->sets[0].number; i++) {
		uint32_t old;

		if (find_policy(&hooks->sets[0],
				list_at(&plan->policy_names, struct policy_names, i)->name, &old))
			continue;
		if (sum_counts(&hooks->sets[0], old, &counts[0]) == 0 &&
		    bpf_map_update_elem(next->counts, &i, counts, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* ---- replacing ---- */

static void forget(struct hooks *hooks, const struct hooks_set *next)
{
	set_close(&hooks->sets[SETS_KNOWN - 1]);
	memmove(&hooks->sets[1], &hooks->sets[0], (SETS_KNOWN - 1) * sizeof(hooks->sets[0]));
	hooks->sets[0] = *next;
}

/* Programs whose links are gone may still run for a moment: they shall do nothing more. */
static void silence(const struct hooks_set *set)
{
	struct chq_policy_state off = {CHQ_POLICY_OFF};

	for (uint32_t i = 0; set->number && i < set->n_policies; i++)
		bpf_map_update_elem(set->policies, &i, &off, BPF_ANY);
}

/* From now on the new set tells; the old one's programs go. */
static int go_live(struct hooks *hooks, const struct hooks_set *next)
{
	struct chq_hook_cell cell = {.set = next->number};
	uint64_t old = hooks->sets[0].number;
	uint32_t zero = 0;

	if (bpf_map_update_elem(hooks->shared[SHARED_CELL], &zero, &cell, BPF_ANY))
		return -errno;
	silence(&hooks->sets[0]);
	forget(hooks, next);
	if (old)
		set_remove(hooks, old);
	return 0;
}

static int choose_all(struct hooks *hooks, const struct hooks_policy *policy,
		      enum hooks_back_end **back_ends, struct plan *plan)
{
	for (size_t i = 0; i < policy->policy->n_hooks; i++) {
		const struct tracing_hook *hook = &policy->policy->hooks[i];
		char why[HOOKS_WHY_BYTES] = "";

		back_ends[i] = calloc(hook_calls(hook) + 1, sizeof(**back_ends));
		if (!back_ends[i])
			return -ENOMEM;
		for (size_t call = 0; call < hook_calls(hook); call++) {
			int err = hooks_choose(hooks, policy->policy, hook, call, why,
					       &back_ends[i][call]);

			if (err == -ENOENT && hook->may_be_missing)
				back_ends[i][call] = HOOKS_NONE;
			else if (err)
				return plan_refuse(plan, &hook->at, err, "policy %s: %s: %.180s",
						   policy->policy->name, hook_call_name(hook, call),
						   why);
		}
	}
	return 0;
}

/* With back ends that are chosen here. */
static int add_chosen(struct hooks *hooks, const struct hooks_policy *policy, struct plan *plan)
{
	cleanup_free enum hooks_back_end **back_ends =
		calloc(policy->policy->n_hooks + 1, sizeof(*back_ends));
	struct hooks_policy chosen = *policy;
	int err;

	if (!back_ends)
		return -ENOMEM;
	err = choose_all(hooks, policy, back_ends, plan);
	chosen.back_ends = (const enum hooks_back_end *const *)back_ends;
	if (!err)
		err = plan_add(plan, &chosen);
	for (size_t i = 0; i < policy->policy->n_hooks; i++)
		free(back_ends[i]);
	return err;
}

static int make_plan(struct hooks *hooks, const struct hooks_policy *policies, size_t n,
		     struct plan *plan)
{
	int err = 0;

	plan->follow_bit = follow_bit;
	plan->context = hooks;
	for (size_t i = 0; i < n && !err; i++)
		err = policies[i].back_ends ? plan_add(plan, &policies[i])
					    : add_chosen(hooks, &policies[i], plan);
	return err ? err : plan_finish(plan);
}

static int load_set(struct hooks_load *load)
{
	int err = load_maps(load);

	if (!err)
		err = follow_write(load->hooks, load->plan);
	if (!err)
		err = carry_counts(load->hooks, &load->set, load->plan);
	return err ? err : load_programs(load);
}

bool hooks_live(const struct hooks *hooks)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/hooks/chq_hook_cell", hooks->directory);
	return hooks->sets[0].number && access(path, F_OK) == 0;
}

int hooks_stand_by(struct hooks *hooks, bool attached)
{
	char directory[PATH_MAX];

	hooks_set_directory(hooks, directory);
	return *directory ? standby_set(directory, attached) : 0;
}

void hooks_set_directory(const struct hooks *hooks, char ret[PATH_MAX])
{
	*ret = '\0';
	if (hooks_live(hooks))
		set_directory(hooks, hooks->sets[0].number, ret);
}

/* Somebody has detached everything: what we still hold is of no use any more. */
static void forget_all(struct hooks *hooks)
{
	for (size_t i = 0; i < SHARED_MAPS; i++) {
		close_p(&hooks->shared[i]);
		hooks->shared[i] = -1;
	}
	for (size_t i = 0; i < SETS_KNOWN; i++)
		set_close(&hooks->sets[i]);
}

static int apply_plan(struct hooks *hooks, struct plan *plan)
{
	struct hooks_load load = {.hooks = hooks, .plan = plan};
	int err;

	if (!hooks_live(hooks))
		forget_all(hooks);
	err = make_directory(hooks, plan->why);
	if (err)
		return err;
	shared_open(hooks);
	set_init(&load.set);
	load.set.number = live_number(hooks) + 1;
	err = load_set(&load);
	load_clear(&load);
	if (!err)
		err = go_live(hooks, &load.set);
	if (!err)
		follow_prune(hooks, plan->follow_bits_taken);
	if (err) {
		set_remove(hooks, load.set.number);
		set_close(&load.set);
	}
	return err;
}

static void clear_plan(struct plan **plan)
{
	if (*plan)
		plan_clear(*plan);
	free(*plan);
}

int hooks_apply(struct hooks *hooks, const struct hooks_policy *policies, size_t n_policies,
		char why[HOOKS_WHY_BYTES], struct place *at)
{
	cleanup(clear_plan) struct plan *plan = calloc(1, sizeof(*plan));
	int err;

	if (!plan)
		return say(why, -ENOMEM, "hooks");
	if (why)
		*why = 0;
	plan_init(plan);
	plan->why = why;
	plan->at = at;
	err = make_plan(hooks, policies, n_policies, plan);
	if (!err)
		err = apply_plan(hooks, plan);
	if (err && why && !*why)
		say(why, err, "hooks");
	return err;
}

int hooks_detach(struct hooks *hooks)
{
	struct chq_hook_cell none = {};
	uint32_t zero = 0;
	char path[PATH_MAX];

	if (hooks->shared[SHARED_CELL] >= 0)
		bpf_map_update_elem(hooks->shared[SHARED_CELL], &zero, &none, BPF_ANY);
	silence(&hooks->sets[0]);
	remove_others(hooks, 0);
	for (size_t i = 0; i < SETS_KNOWN; i++)
		set_close(&hooks->sets[i]);
	snprintf(path, sizeof(path), "%s/hooks/chq_hook_cell", hooks->directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/hooks/chq_spared", hooks->directory);
	unlink(path);
	close_p(&hooks->shared[SHARED_CELL]);
	close_p(&hooks->shared[SHARED_SPARED]);
	hooks->shared[SHARED_CELL] = hooks->shared[SHARED_SPARED] = -1;
	snprintf(path, sizeof(path), "%s/hooks", hooks->directory);
	return rmdir(path) && errno != ENOENT ? -errno : 0;
}

/* ---- while it is live ---- */

int hooks_set_mode(struct hooks *hooks, const char *policy, bool enabled, enum tracing_mode mode)
{
	struct chq_policy_state state = {CHQ_POLICY_OFF};
	uint32_t number;

	if (!hooks->sets[0].number || find_policy(&hooks->sets[0], policy, &number))
		return -ENOENT;
	if (enabled)
		state.mode = mode == TRACING_MONITOR ? CHQ_POLICY_MONITOR : CHQ_POLICY_ENFORCE;
	return bpf_map_update_elem(hooks->sets[0].policies, &number, &state, BPF_ANY) ? -errno : 0;
}

static void add_runs(const struct hooks_set *set, uint32_t point, struct hooks_status_point *ret)
{
	int n = count_cpus();
	cleanup_free struct chq_point_count *counts = calloc(n, sizeof(*counts));

	if (!counts || bpf_map_lookup_elem(set->point_count, &point, counts))
		return;
	for (int i = 0; i < n; i++) {
		ret->runs += counts[i].runs;
		ret->missed += counts[i].missed;
	}
}

int hooks_status(struct hooks *hooks, struct hooks_status_point **ret, size_t *n_ret)
{
	const struct hooks_set *set = &hooks->sets[0];
	struct hooks_status_point *points;
	size_t n = set->number ? set->n_points : 0;

	points = calloc(n + 1, sizeof(*points));
	if (!points)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct point_names names;

		if (bpf_map_lookup_elem(set->point_names, &i, &names))
			continue;
		snprintf(points[i].function, sizeof(points[i].function), "%s", names.function);
		points[i].back_end = names.back_end;
		points[i].n_hooks = names.n_hooks;
		add_runs(set, i, &points[i]);
	}
	*ret = points;
	*n_ret = n;
	return 0;
}

/* ---- who is spared ---- */

/* When it started, in ticks: field 22, counted from behind the name, which may hold anything. */
static int start_ticks(int pid, uint64_t *ret)
{
	char path[64], text[1024] = "", *at;
	unsigned long long ticks;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	cleanup_fclose FILE *file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		return -ESRCH;
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1,
			  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
			  "%*d %*d %*d %*d %llu",
			  &ticks) != 1)
		return -EBADMSG;
	*ret = ticks;
	return 0;
}

static bool is_listed(const struct list *keys, const struct chq_spared_key *key)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (memcmp(list_at(keys, struct chq_spared_key, i), key, sizeof(*key)) == 0)
			return true;
	}
	return false;
}

/* Whoever is not on the list is not spared any more; whoever is has never ceased to be. */
static void drop_others(int fd, const struct list *keep)
{
	struct chq_spared_key gone[64], key, *before = NULL;
	size_t n = 0;

	while (n < 64 && bpf_map_get_next_key(fd, before, &key) == 0) {
		if (!is_listed(keep, &key))
			gone[n++] = key;
		before = &key;
	}
	for (size_t i = 0; i < n; i++)
		bpf_map_delete_elem(fd, &gone[i]);
}

int hooks_spare(struct hooks *hooks, const int *pids, size_t n_pids)
{
	cleanup(list_clear) struct list keep = LIST_OF(struct chq_spared_key);
	int fd = hooks->shared[SHARED_SPARED];
	struct stat namespace;

	if (fd < 0)
		return -ENOENT;
	if (stat("/proc/self/ns/pid", &namespace))
		return -errno;
	for (size_t i = 0; i < n_pids; i++) {
		struct chq_spared_key key = {.pid = pids[i], .pid_namespace = namespace.st_ino};
		uint64_t ticks;

		if (start_ticks(pids[i], &ticks))
			continue;
		if (list_add(&keep, &key) < 0 || bpf_map_update_elem(fd, &key, &ticks, BPF_ANY))
			return -ENOMEM;
	}
	drop_others(fd, &keep);
	return 0;
}
