/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/process_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "processes.skel.h"
#include "util/cleanup.h"

#define LOG_BYTES (1 << 16)

/* Programs that are attached for good, and the names that their links are pinned by. */
static const struct {
	const char *program, *pin;
} attached[] = {
	{"chq_fork", "link_fork"},
	{"chq_exec", "link_exec"},
	{"chq_exit", "link_exit"},
};
#define ATTACHED (sizeof(attached) / sizeof(attached[0]))

struct process_programs {
	char directory[PATH_MAX - 64];
	struct bpf_object *object;
	struct ring_buffer *ring;
	process_record_fn *each; /* while the ring is read */
	void *data;
	int left; /* records that may still be read */
	size_t bytes_read;
	bool fresh; /* some map had to be made anew */
};

static int refuse(char *why, int err, const char *format, ...)
{
	va_list args;
	size_t length;

	va_start(args, format);
	vsnprintf(why, PROCESS_WHY_BYTES, format, args);
	va_end(args);
	length = strlen(why);
	snprintf(why + length, PROCESS_WHY_BYTES - length, ": %s", strerror(-err));
	return err;
}

static void path_of(const struct process_programs *programs, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", programs->directory, name);
}

static int map_fd(const struct process_programs *programs, const char *name)
{
	return bpf_object__find_map_fd_by_name(programs->object, name);
}

static int pinned_fd(const struct process_programs *programs, const char *name)
{
	char path[PATH_MAX];

	path_of(programs, name, path);
	return bpf_obj_get(path);
}

/* Scratch memory and constants are each load's own. */
static bool is_shared(const struct bpf_map *map)
{
	return !bpf_map__is_internal(map) && strcmp(bpf_map__name(map), "chq_proc_exec") != 0 &&
	       strcmp(bpf_map__name(map), "chq_proc_work") != 0;
}

static bool same_shape(const struct bpf_map *map, int fd)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) &&
	       info.map_flags == bpf_map__map_flags(map);
}

/* Maps that are pinned already and fit are used again. */
static int reuse_maps(struct process_programs *programs)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, programs->object)
	{
		cleanup_close int fd = -1;

		if (!is_shared(map))
			continue;
		fd = pinned_fd(programs, bpf_map__name(map));
		if (fd < 0 || !same_shape(map, fd)) {
			programs->fresh = true;
			continue;
		}
		if (bpf_map__reuse_fd(map, fd) < 0)
			return -errno;
	}
	return 0;
}

/* Under its name, also where another map is pinned now. */
static int pin_over(const struct process_programs *programs, int fd, const char *name)
{
	char path[PATH_MAX], beside[PATH_MAX + 8];

	path_of(programs, name, path);
	snprintf(beside, sizeof(beside), "%s_new", path);
	unlink(beside);
	if (bpf_obj_pin(fd, beside) < 0 || rename(beside, path) < 0)
		return -errno;
	return 0;
}

static int pin_maps(struct process_programs *programs)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, programs->object)
	{
		cleanup_close int fd = -1;
		int err;

		if (!is_shared(map))
			continue;
		fd = pinned_fd(programs, bpf_map__name(map));
		if (fd >= 0 && same_shape(map, fd))
			continue;
		err = pin_over(programs, bpf_map__fd(map), bpf_map__name(map));
		if (err)
			return err;
	}
	return 0;
}

/* What the programs that act now were loaded with. */
static uint64_t epoch_now(const struct process_programs *programs)
{
	struct chq_proc_cell cell = {};
	uint32_t zero = 0;

	bpf_map_lookup_elem(map_fd(programs, "chq_proc_cell"), &zero, &cell);
	return cell.epoch;
}

static int set_epoch(const struct process_programs *programs, uint64_t epoch)
{
	struct chq_proc_cell cell = {};
	uint32_t zero = 0;
	int fd = map_fd(programs, "chq_proc_cell");

	bpf_map_lookup_elem(fd, &zero, &cell);
	cell.epoch = epoch;
	return bpf_map_update_elem(fd, &zero, &cell, BPF_ANY) < 0 ? -errno : 0;
}

/* The constant lies alone in its section. */
static int tell_epoch(struct process_programs *programs, uint64_t epoch)
{
	struct bpf_map *constants = bpf_object__find_map_by_name(programs->object, ".rodata.epoch");

	if (!constants || bpf_map__value_size(constants) != sizeof(epoch))
		return -EINVAL;
	return bpf_map__set_initial_value(constants, &epoch, sizeof(epoch));
}

/* The epoch that our load is to have: that of the maps that we take over, and one more. */
static uint64_t next_epoch(const struct process_programs *programs)
{
	cleanup_close int fd = pinned_fd(programs, "chq_proc_cell");
	struct chq_proc_cell cell = {};
	uint32_t zero = 0;

	if (fd >= 0)
		bpf_map_lookup_elem(fd, &zero, &cell);
	return cell.epoch + 1;
}

static bool same_program(int link_fd, int program_fd)
{
	struct bpf_link_info link = {};
	struct bpf_prog_info there = {}, ours = {};
	uint32_t link_size = sizeof(link), there_size = sizeof(there), ours_size = sizeof(ours);
	cleanup_close int fd = -1;

	if (bpf_obj_get_info_by_fd(link_fd, &link, &link_size))
		return false;
	fd = bpf_prog_get_fd_by_id(link.prog_id);
	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &there, &there_size) == 0 &&
	       bpf_obj_get_info_by_fd(program_fd, &ours, &ours_size) == 0 &&
	       memcmp(there.tag, ours.tag, sizeof(ours.tag)) == 0;
}

/* Are the programs that are attached the very same as ours, over the same maps? */
static bool is_running(const struct process_programs *programs)
{
	if (programs->fresh || epoch_now(programs) == 0)
		return false;
	for (size_t i = 0; i < ATTACHED; i++) {
		cleanup_close int fd = pinned_fd(programs, attached[i].pin);
		struct bpf_program *program =
			bpf_object__find_program_by_name(programs->object, attached[i].program);

		if (fd < 0 || !program || !same_program(fd, bpf_program__fd(program)))
			return false;
	}
	return true;
}

static void links_close(struct bpf_link *(*links)[ATTACHED])
{
	for (size_t i = 0; i < ATTACHED; i++)
		bpf_link__destroy((*links)[i]);
}

/*
 * Ours are attached beside those that act, then the epoch changes hands, then the old ones go
 * with their pins.
 */
static int attach(struct process_programs *programs, uint64_t epoch, char *why)
{
	cleanup(links_close) struct bpf_link *links[ATTACHED] = {};
	int err;

	for (size_t i = 0; i < ATTACHED; i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(programs->object, attached[i].program);

		links[i] = program ? bpf_program__attach(program) : NULL;
		if (!links[i])
			return refuse(why, -errno, "%s cannot be attached", attached[i].program);
	}
	err = set_epoch(programs, epoch);
	for (size_t i = 0; i < ATTACHED && !err; i++)
		err = pin_over(programs, bpf_link__fd(links[i]), attached[i].pin);
	return err ? refuse(why, err, "%s cannot be written to", programs->directory) : 0;
}

static int give_record(void *data, void *record, size_t bytes)
{
	struct process_programs *programs = data;
	const struct chq_proc_head *head = record;

	if (bytes >= sizeof(*head) && head->size_bytes >= sizeof(*head) &&
	    head->size_bytes <= bytes && programs->each)
		programs->each(programs->data, head, head->size_bytes);
	programs->bytes_read += bytes;
	return --programs->left > 0 && programs->bytes_read < PROCESS_READ_BYTES ? 0 : -ECANCELED;
}

static int load(struct process_programs *programs, uint64_t epoch, char *why)
{
	cleanup_free char *log = calloc(1, LOG_BYTES);
	size_t size;
	const void *built_in = chq_processes__elf_bytes(&size);
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "chq_processes",
		    .kernel_log_buf = log, .kernel_log_size = log ? LOG_BYTES : 0);
	int err;

	programs->object = bpf_object__open_mem(built_in, size, &options);
	if (!programs->object)
		return refuse(why, -errno, "the programs for processes cannot be opened");
	err = tell_epoch(programs, epoch);
	if (!err)
		err = reuse_maps(programs);
	if (!err)
		err = bpf_object__load(programs->object);
	if (err)
		return refuse(why, err, "the kernel does not take the programs for processes%s",
			      err == -ESRCH ? " (" NO_KERNEL_BTF ")" : "");
	err = pin_maps(programs);
	return err ? refuse(why, err, "%s cannot be written to", programs->directory) : 0;
}

static int make_directories(const char *path)
{
	char partial[PATH_MAX];

	for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
		snprintf(partial, sizeof(partial), "%.*s", (int)(slash - path), path);
		if (*partial && mkdir(partial, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_all(struct process_programs *programs, char *why)
{
	uint64_t epoch = next_epoch(programs);
	int err = make_directories(programs->directory);

	if (err)
		return refuse(why, err, "cannot make %s", programs->directory);
	err = load(programs, epoch, why);
	if (!err && !is_running(programs))
		err = attach(programs, epoch, why);
	if (err)
		return err;
	programs->ring =
		ring_buffer__new(map_fd(programs, "chq_proc_events"), give_record, programs, NULL);
	return programs->ring ? 0 : refuse(why, -errno, "the ring of processes cannot be read");
}

int process_programs_open(const char *directory, char why[PROCESS_WHY_BYTES],
			  struct process_programs **ret)
{
	struct process_programs *programs = calloc(1, sizeof(*programs));
	int err;

	if (!programs)
		return refuse(why, -ENOMEM, "processes");
	if (strlen(directory) >= sizeof(programs->directory)) {
		free(programs);
		return refuse(why, -ENAMETOOLONG, "%s", directory);
	}
	strcpy(programs->directory, directory);
	err = open_all(programs, why);
	if (err)
		process_programs_close(programs);
	else
		*ret = programs;
	return err;
}

void process_programs_close(struct process_programs *programs)
{
	if (!programs)
		return;
	ring_buffer__free(programs->ring);
	bpf_object__close(programs->object);
	free(programs);
}

/* Records stand one behind the other; the last may have been cut by the end of the buffer. */
static size_t split(const char *buffer, size_t bytes, process_record_fn *each, void *data)
{
	size_t at = 0;

	while (bytes - at >= sizeof(struct chq_proc_head)) {
		struct chq_proc_head head;

		memcpy(&head, buffer + at, sizeof(head));
		if (head.size_bytes < sizeof(head) || head.size_bytes > bytes - at)
			break;
		each(data, (const void *)(buffer + at), head.size_bytes);
		at += head.size_bytes;
	}
	return at;
}

static int read_found(int fd, process_record_fn *each, void *data)
{
	const size_t room = 1 << 16;
	cleanup_free char *buffer = malloc(room);
	size_t have = 0, used;
	ssize_t got;

	if (!buffer)
		return -ENOMEM;
	while ((got = read(fd, buffer + have, room - have)) > 0 || (got < 0 && errno == EAGAIN)) {
		have += got > 0 ? got : 0;
		used = split(buffer, have, each, data);
		memmove(buffer, buffer + used, have - used);
		have -= used;
	}
	return got < 0 ? -errno : 0;
}

int process_programs_find(struct process_programs *programs, process_record_fn *each, void *data)
{
	struct bpf_program *program =
		bpf_object__find_program_by_name(programs->object, "chq_found");
	struct bpf_link *link = program ? bpf_program__attach_iter(program, NULL) : NULL;
	cleanup_close int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	int err = fd < 0 ? -errno : read_found(fd, each, data);

	bpf_link__destroy(link);
	return err;
}

int process_programs_fd(const struct process_programs *programs)
{
	return ring_buffer__epoll_fd(programs->ring);
}

int process_programs_read(struct process_programs *programs, int most, process_record_fn *each,
			  void *data)
{
	int err;

	programs->each = each;
	programs->data = data;
	programs->left = most;
	programs->bytes_read = 0;
	err = ring_buffer__consume(programs->ring);
	programs->each = NULL;
	if (err < 0 && err != -ECANCELED)
		return err;
	return most - programs->left;
}

int process_programs_lost(const struct process_programs *programs, uint64_t ret[CHQ_PROC_LOSSES])
{
	int cpus = libbpf_num_possible_cpus();
	cleanup_free uint64_t *counts = cpus > 0 ? calloc(cpus, sizeof(*counts)) : NULL;

	if (!counts)
		return cpus < 0 ? cpus : -ENOMEM;
	for (uint32_t i = 0; i < CHQ_PROC_LOSSES; i++) {
		if (bpf_map_lookup_elem(map_fd(programs, "chq_proc_lost"), &i, counts) < 0)
			return -errno;
		ret[i] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			ret[i] += counts[cpu];
	}
	return 0;
}
