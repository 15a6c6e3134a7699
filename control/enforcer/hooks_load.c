/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/hooks_inside.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "enforcer.skel.h"
#include "enforcer/process_programs.h"
#include "util/cleanup.h"
#include "util/standby.h"

/* Linux 6.1 has no other word for a log that is too short than that there was no space. */
#define LOG_BYTES (16 << 20)

static const char *const shared_names[SHARED_MAPS] = {
	[SHARED_EVENTS] = "chq_proc_events", [SHARED_PROCS] = "chq_procs",
	[SHARED_LOST] = "chq_proc_lost",     [SHARED_FOLLOW] = "chq_follow",
	[SHARED_CELL] = "chq_hook_cell",     [SHARED_SPARED] = "chq_spared",
};

/* Where a map's pin is: the process programs have theirs one directory up. */
static void shared_path(const struct hooks *hooks, enum shared_map which, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/%s%s", hooks->directory, which < SHARED_CELL ? "" : "hooks/",
		 shared_names[which]);
}

/* ---- maps ---- */

struct sized {
	const char *name;
	const struct list *list;
};

/* How large each table is, and what goes into it: for arrays, item n to n. */
static void tables_of(const struct plan *plan, struct sized *arrays, struct sized *keys)
{
	const struct sized all_arrays[] = {
		{"chq_points", &plan->points},
		{"chq_visits", &plan->visits},
		{"chq_hooks", &plan->hooks},
		{"chq_selectors", &plan->selectors},
		{"chq_filters", &plan->filters},
		{"chq_policies", &plan->policies},
		{"chq_counts", &plan->policies},
		{"chq_point_count", &plan->points},
		{},
	};
	const struct sized all_keys[] = {
		{"chq_text64", &plan->texts[0]},   {"chq_text256", &plan->texts[1]},
		{"chq_text1024", &plan->texts[2]}, {"chq_text4096", &plan->texts[3]},
		{"chq_prefix", &plan->prefixes},   {"chq_postfix", &plan->postfixes},
		{"chq_addr", &plan->addrs},	   {"chq_number", &plan->numbers},
		{"chq_names", &plan->names},	   {},
	};

	memcpy(arrays, all_arrays, sizeof(all_arrays));
	memcpy(keys, all_keys, sizeof(all_keys));
}

static void set_size(struct bpf_object *object, const struct sized *table)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, table->name);

	if (map)
		bpf_map__set_max_entries(map, table->list->n ? table->list->n : 1);
}

static void set_sizes(struct bpf_object *object, const struct plan *plan)
{
	struct sized arrays[9], keys[10];

	tables_of(plan, arrays, keys);
	for (size_t i = 0; arrays[i].name; i++)
		set_size(object, &arrays[i]);
	for (size_t i = 0; keys[i].name; i++)
		set_size(object, &keys[i]);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "chq_syscalls"),
				 CHQ_SYSCALLS);
}

static int fill_array(struct bpf_object *object, const struct sized *table)
{
	int fd = bpf_object__find_map_fd_by_name(object, table->name);

	for (uint32_t i = 0; i < table->list->n; i++) {
		const void *item = (const char *)table->list->items + i * table->list->item_bytes;

		if (bpf_map_update_elem(fd, &i, item, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int fill_keys(struct bpf_object *object, const struct sized *table)
{
	int fd = bpf_object__find_map_fd_by_name(object, table->name);
	uint8_t yes = 1;

	for (size_t i = 0; i < table->list->n; i++) {
		const void *key = (const char *)table->list->items + i * table->list->item_bytes;

		if (bpf_map_update_elem(fd, key, &yes, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int fill_maps(struct bpf_object *object, const struct plan *plan)
{
	int syscalls = bpf_object__find_map_fd_by_name(object, "chq_syscalls"), err = 0;
	struct sized arrays[9], keys[10];

	tables_of(plan, arrays, keys);
	for (size_t i = 0; arrays[i].name && !err; i++) {
		if (arrays[i].list == &plan->policies &&
		    strcmp(arrays[i].name, "chq_policies") != 0)
			continue;
		if (strcmp(arrays[i].name, "chq_point_count") != 0)
			err = fill_array(object, &arrays[i]);
	}
	for (size_t i = 0; keys[i].name && !err; i++)
		err = fill_keys(object, &keys[i]);
	for (uint32_t i = 0; i < CHQ_SYSCALLS && !err; i++) {
		if (plan->syscalls[i] &&
		    bpf_map_update_elem(syscalls, &i, &plan->syscalls[i], BPF_ANY))
			err = -errno;
	}
	return err;
}

/* ---- the object whose maps all share ---- */

static int reuse_shared(struct hooks *hooks, struct bpf_object *object)
{
	for (size_t i = 0; i < SHARED_MAPS; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, shared_names[i]);
		int err;

		if (!map || hooks->shared[i] < 0)
			continue;
		err = bpf_map__reuse_fd(map, hooks->shared[i]);
		if (err)
			return err;
	}
	return 0;
}

/* Those that nobody had made yet are pinned for whoever comes. */
static int adopt_shared(struct hooks *hooks, struct bpf_object *object)
{
	for (size_t i = 0; i < SHARED_MAPS; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, shared_names[i]);
		char path[PATH_MAX];

		if (!map || hooks->shared[i] >= 0)
			continue;
		shared_path(hooks, i, path);
		if (bpf_obj_pin(bpf_map__fd(map), path))
			return -errno;
		hooks->shared[i] = bpf_obj_get(path);
		if (hooks->shared[i] < 0)
			return -errno;
	}
	return 0;
}

static void keep_programs_out(struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) bpf_program__set_autoload(program, false);
	/* Belongs to the process programs alone. */
	bpf_map__set_autocreate(bpf_object__find_map_by_name(object, "chq_proc_cell"), false);
}

static int open_base(struct hooks_load *load)
{
	struct chq_enforcer *base = chq_enforcer__open();
	int err;

	if (!base)
		return plan_refuse(load->plan, NULL, -errno, "the hooks' programs: %s",
				   strerror(errno));
	load->base = base;
	keep_programs_out(base->obj);
	set_sizes(base->obj, load->plan);
	err = reuse_shared(load->hooks, base->obj);
	if (!err)
		err = bpf_object__load(base->obj);
	if (!err)
		err = adopt_shared(load->hooks, base->obj);
	if (err)
		return plan_refuse(load->plan, NULL, err, "the hooks' maps: %s",
				   err == -ESRCH ? NO_KERNEL_BTF : strerror(-err));
	return 0;
}

/* ---- maps of names, which programs do not see ---- */

static int make_names(const char *name, const struct list *list, const char *directory, int *ret)
{
	uint32_t n = list->n ? list->n : 1;
	cleanup_close int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(uint32_t),
					      list->item_bytes, n, NULL);
	char path[PATH_MAX + 32];

	if (fd < 0)
		return -errno;
	for (uint32_t i = 0; i < list->n; i++) {
		const void *item = (const char *)list->items + i * list->item_bytes;

		if (bpf_map_update_elem(fd, &i, item, BPF_ANY))
			return -errno;
	}
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (bpf_obj_pin(fd, path))
		return -errno;
	*ret = fd;
	fd = -1;
	return 0;
}

static int pin_map(struct bpf_object *object, const char *name, const char *directory, int *ret)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (bpf_obj_pin(fd, path))
		return -errno;
	*ret = bpf_obj_get(path);
	return *ret < 0 ? -errno : 0;
}

static int pin_maps(struct hooks_load *load)
{
	const struct plan *plan = load->plan;
	struct hooks_set *set = &load->set;
	char directory[PATH_MAX];
	int err;

	set_directory(load->hooks, set->number, directory);
	if (mkdir(directory, 0700))
		return -errno;
	err = pin_map(load->base->obj, "chq_policies", directory, &set->policies);
	if (!err)
		err = pin_map(load->base->obj, "chq_counts", directory, &set->counts);
	if (!err)
		err = pin_map(load->base->obj, "chq_point_count", directory, &set->point_count);
	if (!err)
		err = make_names("chq_hook_names", &plan->hook_names, directory, &set->hook_names);
	if (!err)
		err = make_names("chq_policy_names", &plan->policy_names, directory,
				 &set->policy_names);
	if (!err)
		err = make_names("chq_point_names", &plan->point_names, directory,
				 &set->point_names);
	set->n_policies = plan->policies.n;
	set->n_points = plan->points.n;
	set->n_hooks = plan->hooks.n;
	return err;
}

int load_maps(struct hooks_load *load)
{
	int err = open_base(load);

	if (err)
		return err;
	err = fill_maps(load->base->obj, load->plan);
	if (!err)
		err = pin_maps(load);
	if (err)
		return plan_refuse(load->plan, NULL, err, "the hooks' tables: %s", strerror(-err));
	return 0;
}

/* ---- programs ---- */

static struct bpf_program *program_of(struct chq_enforcer *skeleton,
				      const struct plan_program *plan)
{
	bool back = plan->role == PLAN_RETURN;

	switch (plan->back_end) {
	case HOOKS_LSM:
		return skeleton->progs.chq_lsm;
	case HOOKS_FMOD_RET:
		return plan->role == PLAN_NOTICE ? skeleton->progs.chq_notice
						 : skeleton->progs.chq_fmod_ret;
	case HOOKS_FENTRY:
		return back ? skeleton->progs.chq_fexit : skeleton->progs.chq_fentry;
	case HOOKS_KPROBE_MULTI:
		return back ? skeleton->progs.chq_retmulti : skeleton->progs.chq_multi;
	case HOOKS_KPROBE:
	case HOOKS_UPROBE:
		return back ? skeleton->progs.chq_kretprobe : skeleton->progs.chq_kprobe;
	case HOOKS_SYSCALL:
		return strcmp(plan->function, "sys_exit") == 0 ? skeleton->progs.chq_sys_exit
							       : skeleton->progs.chq_sys_enter;
	case HOOKS_FILEMAP:
		return skeleton->progs.chq_filemap;
	case HOOKS_TRACEPOINT:
		return skeleton->progs.chq_tp;
	default:
		return skeleton->progs.chq_raw_tp;
	}
}

static bool needs_target(const struct plan_program *plan)
{
	return plan->back_end == HOOKS_LSM || plan->back_end == HOOKS_FMOD_RET ||
	       plan->back_end == HOOKS_FENTRY;
}

/* The same maps as all others of the set; each program has constants of its own. */
static int share_maps(struct bpf_object *object, struct bpf_object *base)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);
		int fd = bpf_object__find_map_fd_by_name(base, name), err;

		if (strchr(name, '.') || fd < 0)
			continue;
		err = bpf_map__reuse_fd(map, fd);
		if (err)
			return err;
	}
	return 0;
}

/* The verifier's last words, which say why. */
static const char *last_line(char *log)
{
	char *end = log + strlen(log), *line;

	while (end > log && end[-1] == '\n')
		*--end = 0;
	line = strrchr(log, '\n');
	if (line && strncmp(line + 1, "processed ", 10) == 0) {
		*line = 0;
		line = strrchr(log, '\n');
	}
	return line ? line + 1 : log;
}

static int refuse_program(struct hooks_load *load, const struct plan_program *plan, int err,
			  const char *doing, char *log)
{
	const char *words = log ? last_line(log) : "";

	return plan_refuse(load->plan, &plan->at, err, "policy %s: %s %s by %s: %s%s%.120s",
			   plan->policy->name, doing, plan->function,
			   hooks_back_end_word(plan->back_end), strerror(-err), *words ? ": " : "",
			   words);
}

/* The numbers of system calls that have points, in one table or the other. */
static void set_watched(struct chq_enforcer *skeleton, const struct plan *plan)
{
	for (uint32_t i = 0; i < CHQ_SYSCALLS; i++) {
		uint32_t bit = i % CHQ_SYSCALL_32 + (i & CHQ_SYSCALL_EXIT ? CHQ_WATCHED_EXIT : 0);

		if (plan->syscalls[i])
			skeleton->rodata->chq_watched[bit / 64] |= 1ull << (bit % 64);
	}
}

static void set_constants(struct chq_enforcer *skeleton, const struct hooks_load *load,
			  const struct plan_program *plan)
{
	skeleton->rodata->chq_set = load->set.number;
	skeleton->rodata->chq_point = plan->point;
	skeleton->rodata->chq_n_args = plan->n_args;
	skeleton->rodata->chq_is_syscall = plan->is_syscall;
	skeleton->rodata->chq_can_cast = load->can_cast;
	if (plan->back_end == HOOKS_SYSCALL)
		set_watched(skeleton, load->plan);
}

static void close_skeleton(struct chq_enforcer **skeleton)
{
	chq_enforcer__destroy(*skeleton);
}

static int prepare(struct chq_enforcer *skeleton, const struct hooks_load *load,
		   const struct plan_program *plan)
{
	struct bpf_program *program = program_of(skeleton, plan);
	char function[160];

	keep_programs_out(skeleton->obj);
	bpf_program__set_autoload(program, true);
	set_constants(skeleton, load, plan);
	function_name(plan, function, sizeof(function));
	if (needs_target(plan)) {
		int err = bpf_program__set_attach_target(program, 0, function);

		if (err)
			return err;
	}
	return share_maps(skeleton->obj, load->base->obj);
}

static int load_program(struct hooks_load *load, const struct plan_program *plan, size_t number)
{
	cleanup_free char *log = calloc(1, LOG_BYTES);
	LIBBPF_OPTS(bpf_object_open_opts, options, .kernel_log_buf = log,
		    .kernel_log_size = log ? LOG_BYTES : 0);
	cleanup(close_skeleton) struct chq_enforcer *skeleton = chq_enforcer__open_opts(&options);
	char directory[PATH_MAX], path[PATH_MAX + 32];
	int err;

	if (!skeleton)
		return refuse_program(load, plan, -errno, "open", NULL);
	err = prepare(skeleton, load, plan);
	if (!err)
		err = bpf_object__load(skeleton->obj);
	if (err)
		return refuse_program(load, plan, err, "load", log);
	set_directory(load->hooks, load->set.number, directory);
	snprintf(path, sizeof(path), "%s/%s%zu", directory, plan->waits ? STANDBY_PROGRAM : "link-",
		 number);
	if (plan->waits)
		err = bpf_program__pin(program_of(skeleton, plan), path);
	else
		err = attach_program(program_of(skeleton, plan), plan, path);
	return err ? refuse_program(load, plan, err, "attach to", NULL) : 0;
}

int load_programs(struct hooks_load *load)
{
	int err = 0;

	load->can_cast = hooks_can_cast();
	for (size_t i = 0; i < load->plan->programs.n && !err; i++) {
		const struct plan_program *program =
			list_at(&load->plan->programs, struct plan_program, i);

		err = load_program(load, program, i);
		if (err && load->can_cast) { /* the short way is no reason to be refused */
			load->can_cast = false;
			err = load_program(load, program, i);
		}
	}
	return err;
}

void load_clear(struct hooks_load *load)
{
	chq_enforcer__destroy(load->base);
	load->base = NULL;
}

/* ---- what is pinned already ---- */

void shared_open(struct hooks *hooks)
{
	for (size_t i = 0; i < SHARED_MAPS; i++) {
		char path[PATH_MAX];

		shared_path(hooks, i, path);
		if (hooks->shared[i] < 0)
			hooks->shared[i] = bpf_obj_get(path);
	}
}
