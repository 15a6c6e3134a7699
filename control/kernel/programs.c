/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tc.skel.h"
#include "xdp.skel.h"
#include "util/cleanup.h"

#define LOG_BYTES (1 << 20)

const struct program_name program_names[PROGRAMS] = {
	[PROGRAM_IN] = {"chq_in", "in"},       [PROGRAM_IN_L3] = {"chq_in_l3", "in_l3"},
	[PROGRAM_OUT] = {"chq_out", "out"},    [PROGRAM_OUT_L3] = {"chq_out_l3", "out_l3"},
	[PROGRAM_GATE] = {"chq_gate", "gate"},
};

const char *const flow_table_names[FLOW_TABLES] = {
	[FLOW4] = "chq_flow4",
	[FLOW6] = "chq_flow6",
	[NEW4] = "chq_new4",
	[NEW6] = "chq_new6",
};

int map_fd(const struct datapath *datapath, const char *name)
{
	return bpf_object__find_map_fd_by_name(datapath->tc, name);
}

/* The file of that name beside us, or what is built in. */
static int open_object(struct datapath *datapath, const char *name, const void *built_in,
		       size_t size, char *log, struct bpf_object **ret)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name, .kernel_log_buf = log,
		    .kernel_log_size = log ? LOG_BYTES : 0);
	char path[PATH_MAX + 32];

	if (*datapath->object_directory) {
		snprintf(path, sizeof(path), "%s/%s.bpf.o", datapath->object_directory,
			 name + strlen("chq_"));
		*ret = bpf_object__open_file(path, &options);
	} else {
		snprintf(path, sizeof(path), "the built-in %s", name);
		*ret = bpf_object__open_mem(built_in, size, &options);
	}
	if (!*ret)
		return refuse(&datapath->refusal, -errno, "cannot open %s", path);
	return 0;
}

/* Sizes that the Gateway document sets, by the name of the map; NULL when it has no say. */
static const uint32_t *size_asked(const struct limits *limits, const char *name)
{
	const struct {
		const char *name;
		const uint32_t *size;
	} sized[] = {
		{"chq_flow4", &limits->conntrack}, {"chq_flow6", &limits->conntrack},
		{"chq_new4", &limits->unproven},   {"chq_new6", &limits->unproven},
		{"chq_frags", &limits->fragments},
	};

	for (size_t i = 0; i < sizeof(sized) / sizeof(*sized); i++) {
		if (strcmp(sized[i].name, name) == 0)
			return sized[i].size;
	}
	return NULL;
}

static void set_sizes(struct datapath *datapath)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, datapath->tc)
	{
		const uint32_t *size = size_asked(&datapath->limits, bpf_map__name(map));

		if (size && *size)
			bpf_map__set_max_entries(map, *size);
	}
}

static int pinned_fd(const struct datapath *datapath, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", datapath->pin_directory, name);
	return bpf_obj_get(path);
}

static int map_info(int fd, struct bpf_map_info *ret)
{
	uint32_t size = sizeof(*ret);

	*ret = (struct bpf_map_info){};
	return bpf_obj_get_info_by_fd(fd, ret, &size);
}

static bool same_shape(const struct bpf_map *map, const struct bpf_map_info *info)
{
	return info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
	       info->value_size == bpf_map__value_size(map) &&
	       info->map_flags == bpf_map__map_flags(map);
}

static int read_old_meta(struct datapath *datapath)
{
	cleanup_close int fd = pinned_fd(datapath, "chq_meta");
	struct bpf_map_info info;
	uint32_t zero = 0;

	if (fd < 0 || map_info(fd, &info) || info.value_size != sizeof(datapath->meta))
		return 0;
	if (bpf_map_lookup_elem(fd, &zero, &datapath->meta))
		return 0;
	if (datapath->meta.netns_cookie && datapath->meta.netns_cookie != datapath->netns_cookie)
		return refuse(
			&datapath->refusal, -EXDEV,
			"the pins in %s guard another network namespace: give this one a directory of its own",
			datapath->pin_directory);
	return 0;
}

/* Everything but the sized tables must be as we know it, or all of it is made anew. */
static bool layout_fits(const struct datapath *datapath)
{
	struct bpf_map *map;

	if (datapath->meta.layout != CHQ_LAYOUT)
		return false;
	bpf_object__for_each_map(map, datapath->tc)
	{
		cleanup_close int fd = -1;
		struct bpf_map_info info;

		if (bpf_map__is_internal(map) || size_asked(&datapath->limits, bpf_map__name(map)))
			continue;
		fd = pinned_fd(datapath, bpf_map__name(map));
		if (fd < 0 || map_info(fd, &info) || !same_shape(map, &info) ||
		    info.max_entries != bpf_map__max_entries(map))
			return false;
	}
	return true;
}

/* Keeps the table that does not fit, so that its flows can be carried over. */
static void keep_old_flows(struct datapath *datapath, const struct bpf_map *map, int fd)
{
	struct bpf_map_info info;

	for (int i = 0; i < FLOW_TABLES; i++) {
		if (strcmp(flow_table_names[i], bpf_map__name(map)) == 0 &&
		    map_info(fd, &info) == 0 && info.key_size == bpf_map__key_size(map) &&
		    info.value_size == bpf_map__value_size(map))
			datapath->old_flow_fd[i] = dup(fd);
	}
}

static int reuse_map(struct datapath *datapath, struct bpf_map *map, bool fits)
{
	cleanup_close int fd = pinned_fd(datapath, bpf_map__name(map));
	struct bpf_map_info info;

	if (fd < 0)
		return 0;
	if (fits && map_info(fd, &info) == 0 && same_shape(map, &info) &&
	    info.max_entries == bpf_map__max_entries(map))
		return bpf_map__reuse_fd(map, fd);
	keep_old_flows(datapath, map, fd);
	return 0;
}

static int reuse_maps(struct datapath *datapath)
{
	bool fits = layout_fits(datapath);
	struct bpf_map *map;

	datapath->fresh = !fits;
	bpf_object__for_each_map(map, datapath->tc)
	{
		int err = bpf_map__is_internal(map) ? 0 : reuse_map(datapath, map, fits);

		if (err)
			return refuse(&datapath->refusal, err, "cannot take over %s",
				      bpf_map__name(map));
	}
	return 0;
}

/* What must survive even a change of layout: numbers of ports keep their meaning. */
static int carry_port_names(struct datapath *datapath)
{
	cleanup_close int fd = pinned_fd(datapath, "chq_portname");
	int new_fd = map_fd(datapath, "chq_portname");
	struct chq_portname name;
	struct bpf_map_info info;

	if (fd < 0 || map_info(fd, &info) || info.value_size != sizeof(name))
		return 0;
	for (uint32_t i = 0; i < info.max_entries && i < CHQ_PORT_MAX; i++) {
		if (bpf_map_lookup_elem(fd, &i, &name) == 0 &&
		    bpf_map_update_elem(new_fd, &i, &name, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int pin_over(struct datapath *datapath, int fd, const char *name)
{
	char path[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), "%s/%s", datapath->pin_directory, name);
	if (unlink(path) && errno != ENOENT)
		return refuse(&datapath->refusal, -errno, "cannot remove the old pin %s", path);
	err = bpf_obj_pin(fd, path);
	if (err)
		return refuse(&datapath->refusal, err, "cannot pin %s", path);
	return 0;
}

static int pin_maps(struct datapath *datapath)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, datapath->tc)
	{
		cleanup_close int fd = -1;
		struct bpf_map_info ours, there;
		int err;

		if (bpf_map__is_internal(map))
			continue;
		fd = pinned_fd(datapath, bpf_map__name(map));
		if (fd >= 0 && map_info(fd, &there) == 0 &&
		    map_info(bpf_map__fd(map), &ours) == 0 && ours.id == there.id)
			continue;
		err = pin_over(datapath, bpf_map__fd(map), bpf_map__name(map));
		if (err)
			return err;
	}
	return 0;
}

static int pin_programs(struct datapath *datapath)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/prog", datapath->pin_directory);
	if (mkdir(path, 0700) && errno != EEXIST)
		return refuse(&datapath->refusal, -errno, "cannot make %s", path);
	for (int i = 0; i < PROGRAMS; i++) {
		int err;

		snprintf(path, sizeof(path), "prog/%s", program_names[i].pin);
		err = pin_over(datapath, datapath->program_fd[i], path);
		if (err)
			return err;
	}
	return 0;
}

static int find_programs(struct datapath *datapath)
{
	for (int i = 0; i < PROGRAMS; i++) {
		struct bpf_object *object = i == PROGRAM_GATE ? datapath->xdp : datapath->tc;
		struct bpf_program *program =
			bpf_object__find_program_by_name(object, program_names[i].in_object);
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);
		int err;

		if (!program)
			return refuse(&datapath->refusal, -ENOENT, "the object has no program %s",
				      program_names[i].in_object);
		datapath->program_fd[i] = bpf_program__fd(program);
		err = bpf_obj_get_info_by_fd(datapath->program_fd[i], &info, &size);
		if (err)
			return refuse(&datapath->refusal, err, "cannot ask about %s",
				      program_names[i].in_object);
		datapath->program_id[i] = info.id;
	}
	return 0;
}

int gate_object(struct datapath *datapath, char *log, struct bpf_object **ret)
{
	const void *built_in;
	struct bpf_map *map;
	size_t size;
	int err;

	built_in = chq_xdp__elf_bytes(&size);
	err = open_object(datapath, "chq_xdp", built_in, size, log, ret);
	if (err)
		return err;
	bpf_object__for_each_map(map, *ret)
	{
		int fd = map_fd(datapath, bpf_map__name(map));

		if (bpf_map__is_internal(map) || fd < 0)
			continue;
		err = bpf_map__reuse_fd(map, fd);
		if (err)
			return refuse(&datapath->refusal, err, "cannot share %s with the gate",
				      bpf_map__name(map));
	}
	return 0;
}

int checkpoint_object(struct datapath *datapath, struct bpf_object **ret)
{
	size_t size;
	const void *built_in = chq_tc__elf_bytes(&size);

	return open_object(datapath, "chq_tc", built_in, size, NULL, ret);
}

static int load_checkpoint(struct datapath *datapath, char *log)
{
	int err = bpf_object__load(datapath->tc);

	return err ? refuse_load(&datapath->refusal, err, "the checkpoint", log) : 0;
}

static int load_gate(struct datapath *datapath, char *log)
{
	int err = gate_object(datapath, log, &datapath->xdp);

	if (err)
		return err;
	log[0] = '\0';
	err = bpf_object__load(datapath->xdp);
	return err ? refuse_load(&datapath->refusal, err, "the gate", log) : 0;
}

static void *map_memory(struct datapath *datapath, const char *name)
{
	void *memory = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED,
			    map_fd(datapath, name), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int map_settings(struct datapath *datapath)
{
	datapath->cell = map_memory(datapath, "chq_cell");
	datapath->config = map_memory(datapath, "chq_config");
	datapath->tunnel = map_memory(datapath, "chq_tunnel");
	if (!datapath->cell || !datapath->config || !datapath->tunnel)
		return refuse(&datapath->refusal, -errno,
			      "cannot map chq_cell, chq_config and chq_tunnel");
	return 0;
}

int meta_write(struct datapath *datapath)
{
	uint32_t zero = 0;

	datapath->meta.layout = CHQ_LAYOUT;
	datapath->meta.netns_cookie = datapath->netns_cookie;
	datapath->meta.flows = datapath->limits.conntrack;
	datapath->meta.unproven = datapath->limits.unproven;
	datapath->meta.fragments = datapath->limits.fragments;
	return bpf_map_update_elem(map_fd(datapath, "chq_meta"), &zero, &datapath->meta, BPF_ANY);
}

int programs_load(struct datapath *datapath)
{
	cleanup_free char *log = calloc(1, LOG_BYTES);
	const void *built_in;
	size_t size;
	int err;

	if (!log)
		return -ENOMEM;
	built_in = chq_tc__elf_bytes(&size);
	err = open_object(datapath, "chq_tc", built_in, size, log, &datapath->tc);
	if (err)
		return err;
	set_sizes(datapath);
	err = read_old_meta(datapath)
	   ?: reuse_maps(datapath)
	   ?: load_checkpoint(datapath, log)
	   ?: load_gate(datapath, log)
	   ?: find_programs(datapath)
	   ?: map_settings(datapath)
	   ?: carry_port_names(datapath)
	   ?: meta_write(datapath)
	   ?: pin_maps(datapath)
	   ?: pin_programs(datapath);
	return err;
}
