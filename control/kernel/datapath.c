/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <xdp/libxdp.h>

#include "kernel/filter.h"
#include "util/cleanup.h"

#define PIN_DIRECTORY "/sys/fs/bpf/chasqui"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* Why the last open of this thread failed: there is no datapath yet to keep it in. */
static __thread struct refusal open_refusal;

const char *datapath_refusal(const struct datapath *datapath)
{
	return datapath ? datapath->refusal.text : open_refusal.text;
}

uint32_t tick_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (now.tv_sec * 1000000000ULL + now.tv_nsec) >> CHQ_TICK_SHIFT;
}

int pickup_open(struct datapath *datapath)
{
	datapath->config->pickup_until_tick = tick_now() + datapath->pickup_ticks;
	return 0;
}

static int read_cookie(uint64_t *ret)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*ret);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &size))
		return -errno;
	return 0;
}

/* Makes the directory and those above it, as far as they are missing. */
static int make_directories(const char *path)
{
	char part[PATH_MAX];

	for (const char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
		int length = at ? at - path : (int)strlen(path);

		snprintf(part, sizeof(part), "%.*s", length, path);
		if (mkdir(part, 0700) && errno != EEXIST)
			return -errno;
		if (!at)
			return 0;
	}
}

/* The process that holds the lock, from the kernel's list; 0 = not found. */
static int lock_holder(int fd)
{
	cleanup_free char *line = NULL;
	unsigned long inode;
	struct stat there;
	int pid, found = 0;
	size_t size = 0;
	FILE *locks;

	if (fstat(fd, &there))
		return 0;
	locks = fopen("/proc/locks", "re");
	while (locks && !found && getline(&line, &size, locks) > 0) {
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %*x:%*x:%lu", &pid, &inode) == 2 &&
		    inode == there.st_ino)
			found = pid;
	}
	if (locks)
		fclose(locks);
	return found;
}

static int lock_directory(const char *path, int *ret_fd, struct refusal *refusal)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs there;

	if (fd < 0)
		return refuse(refusal, -errno, "cannot open %s", path);
	if (fstatfs(fd, &there) == 0 && there.f_type != BPF_FS_MAGIC)
		return refuse(refusal, -EINVAL,
			      "%s is not on a bpf file system: mount -t bpf bpf /sys/fs/bpf", path);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return refuse(refusal, -errno, "cannot lock %s", path);
		return refuse(refusal, -EBUSY, "%s is held by another daemon, process %d", path,
			      lock_holder(fd));
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int open_directory(struct datapath *datapath)
{
	int err = make_directories(datapath->pin_directory);

	if (err)
		return refuse(
			&datapath->refusal, err,
			"cannot make %s (is a bpf file system mounted there? mount -t bpf bpf /sys/fs/bpf)",
			datapath->pin_directory);
	return lock_directory(datapath->pin_directory, &datapath->directory_fd, &datapath->refusal);
}

static void set_default(uint32_t *limit, uint32_t value)
{
	if (!*limit)
		*limit = value;
}

static struct datapath *datapath_new(const struct datapath_options *options)
{
	struct datapath *datapath = calloc(1, sizeof(*datapath));

	if (!datapath)
		return NULL;
	snprintf(datapath->pin_directory, sizeof(datapath->pin_directory), "%s",
		 options->pin_directory ? options->pin_directory : PIN_DIRECTORY);
	snprintf(datapath->object_directory, sizeof(datapath->object_directory), "%s",
		 options->object_directory ? options->object_directory : "");
	datapath->limits = options->limits;
	set_default(&datapath->limits.conntrack, CHQ_FLOWS_DEFAULT);
	set_default(&datapath->limits.unproven, CHQ_UNPROVEN_DEFAULT);
	set_default(&datapath->limits.fragments, CHQ_FRAGMENTS_DEFAULT);
	datapath->directory_fd = -1;
	for (int i = 0; i < FLOW_TABLES; i++)
		datapath->old_flow_fd[i] = -1;
	for (int i = 0; i < CHQ_SLOTS; i++) {
		for (int j = 0; j < TABLES; j++)
			datapath->slot[i].fd[j] = -1;
	}
	return datapath;
}

/* The inner maps of a generation that a predecessor made live. */
static void find_slots(struct datapath *datapath)
{
	for (uint32_t slot = 0; slot < CHQ_SLOTS; slot++) {
		for (int i = 0; i < TABLES; i++) {
			uint32_t id;

			if (bpf_map_lookup_elem(map_fd(datapath, table_names[i]), &slot, &id) == 0)
				datapath->slot[slot].fd[i] = bpf_map_get_fd_by_id(id);
		}
	}
}

static bool live_has_deny(struct datapath *datapath)
{
	struct generation_tables *live = &datapath->slot[CHQ_LIVE_SLOT(datapath->cell->live)];
	uint64_t *words;
	bool found = false;
	char key[sizeof(struct chq_prefix)];

	if (live->fd[TABLE_DENY] >= 0 && bpf_map_get_next_key(live->fd[TABLE_DENY], NULL, key) == 0)
		return true;
	if (live->fd[TABLE_DENY4] < 0)
		return false;
	words = mmap(NULL, CHQ_DENY_WORDS * sizeof(*words), PROT_READ, MAP_SHARED,
		     live->fd[TABLE_DENY4], 0);
	if (words == MAP_FAILED)
		return false;
	for (uint32_t i = 0; i < CHQ_DENY_WORDS && !found; i++)
		found = words[i] != 0;
	munmap(words, CHQ_DENY_WORDS * sizeof(*words));
	return found;
}

static int take_over(struct datapath *datapath)
{
	find_slots(datapath);
	takeover_forget_dead_links(datapath);
	if (takeover_waits(datapath))
		return 0;
	datapath->has_deny = live_has_deny(datapath);
	return takeover_swap(datapath);
}

static int open_parts(struct datapath *datapath)
{
	int err = read_cookie(&datapath->netns_cookie);

	if (err)
		return refuse(&datapath->refusal, err,
			      "cannot tell the network namespace (Linux 5.14 or later is needed)");
	err = netlink_open(&datapath->nl);
	if (err)
		return refuse(&datapath->refusal, err, "cannot open a netlink socket");
	err = open_directory(datapath);
	if (err)
		return err;
	return programs_load(datapath) ?: events_open(datapath) ?: take_over(datapath);
}

int datapath_open(const struct datapath_options *options, struct datapath **ret)
{
	struct datapath *datapath = datapath_new(options);
	int err;

	if (!datapath)
		return -ENOMEM;
	libbpf_set_print(NULL);
	libxdp_set_print(NULL);
	err = open_parts(datapath);
	if (err) {
		open_refusal = datapath->refusal;
		datapath_close(datapath);
		return err;
	}
	*ret = datapath;
	return 0;
}

void datapath_close(struct datapath *datapath)
{
	if (!datapath)
		return;
	ring_buffer__free(datapath->ring);
	for (int i = 0; i < CHQ_SLOTS; i++)
		tables_close(&datapath->slot[i]);
	for (int i = 0; i < FLOW_TABLES; i++) {
		if (datapath->old_flow_fd[i] >= 0)
			close(datapath->old_flow_fd[i]);
	}
	if (datapath->cell)
		munmap(datapath->cell, getpagesize());
	if (datapath->config)
		munmap(datapath->config, getpagesize());
	bpf_object__close(datapath->xdp);
	bpf_object__close(datapath->tc);
	netlink_close(datapath->nl);
	if (datapath->directory_fd >= 0)
		close(datapath->directory_fd);
	free(datapath->own);
	free(datapath->ports);
	free(datapath->shown);
	free(datapath);
}

uint32_t datapath_live(const struct datapath *datapath)
{
	return CHQ_LIVE_GENERATION(datapath->cell->live);
}

uint32_t datapath_highest(const struct datapath *datapath)
{
	return datapath->meta.generation;
}

uint16_t datapath_port_number(struct datapath *datapath, const char *name)
{
	int fd = map_fd(datapath, "chq_portname");
	struct chq_portname there;
	uint32_t unused = 0;

	for (uint32_t i = 1; i < CHQ_PORT_MAX; i++) {
		if (bpf_map_lookup_elem(fd, &i, &there))
			return 0;
		if (strncmp(there.name, name, sizeof(there.name)) == 0)
			return i;
		if (!there.name[0] && !unused)
			unused = i;
	}
	there = (struct chq_portname){};
	snprintf(there.name, sizeof(there.name), "%s", name);
	if (!unused || bpf_map_update_elem(fd, &unused, &there, BPF_ANY))
		return 0;
	return unused;
}

/* The live hosts; what is written there is no longer what any generation's hash says. */
static int live_hosts(struct datapath *datapath)
{
	uint64_t live = datapath->cell->live;

	if (!CHQ_LIVE_GENERATION(live))
		return -1;
	for (int i = 0; i < CHQ_SLOTS; i++)
		datapath->slot[i].hash[TABLE_HOSTS] = 0;
	return datapath->slot[CHQ_LIVE_SLOT(live)].fd[TABLE_HOSTS];
}

int datapath_host_set(struct datapath *datapath, const struct host_row *row)
{
	int fd = live_hosts(datapath);
	int err;

	if (fd < 0)
		return refuse(&datapath->refusal, -ENOENT, "no generation is live");
	err = bpf_map_update_elem(fd, &row->key, &row->value, BPF_ANY);
	return err ? refuse(&datapath->refusal, err, "chq_hosts takes no more addresses") : 0;
}

int datapath_host_delete(struct datapath *datapath, const struct chq_addr *addr)
{
	int fd = live_hosts(datapath);
	int err = fd < 0 ? 0 : bpf_map_delete_elem(fd, addr);

	return err == -ENOENT ? 0 : err;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct chq_addr));
}

/* Puts into the live table what the first list has and the second has not. */
static int own_difference(struct datapath *datapath, const struct chq_addr *have, size_t n_have,
			  const struct chq_addr *other, size_t n_other, bool set)
{
	int err = 0;

	for (size_t i = 0; i < n_have && !err; i++) {
		int fd;

		if (n_other && bsearch(&have[i], other, n_other, sizeof(*other), by_bytes))
			continue;
		fd = live_hosts(datapath);
		if (fd < 0)
			return 0;
		err = table_own_set(fd, &have[i], set ? &datapath->own_entry : NULL);
		err = err == -ENOENT ? 0 : err;
	}
	return err;
}

int datapath_own_addresses(struct datapath *datapath, const struct chq_addr *list, size_t count)
{
	cleanup_free struct chq_addr *copy = calloc(count + 1, sizeof(*copy));
	int err = 0;

	if (!copy)
		return -ENOMEM;
	if (count)
		memcpy(copy, list, count * sizeof(*copy));
	qsort(copy, count, sizeof(*copy), by_bytes);
	if (datapath->own_known) {
		err = own_difference(datapath, copy, count, datapath->own, datapath->n_own, true);
		if (!err)
			err = own_difference(datapath, datapath->own, datapath->n_own, copy, count,
					     false);
	}
	free(datapath->own);
	datapath->own = give(copy);
	datapath->n_own = count;
	return err ? refuse(&datapath->refusal, err, "chq_hosts takes no more addresses") : 0;
}

static int remove_pins(const char *directory)
{
	struct dirent *entry;
	DIR *open_directory = opendir(directory);
	int err = 0;

	if (!open_directory)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(open_directory)) && !err) {
		char path[PATH_MAX + 256];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (entry->d_type == DT_DIR)
			err = remove_pins(path);
		else if (unlink(path))
			err = -errno;
	}
	closedir(open_directory);
	if (!err && rmdir(directory))
		err = -errno;
	return err;
}

static int remove_filter(struct netlink *nl, unsigned ifindex, enum chq_direction direction)
{
	struct filter filter;
	int err = filter_get(nl, ifindex, direction, &filter);

	if (err || !filter.present || !filter_is_ours(filter.program_id))
		return err;
	return filter_delete(nl, ifindex, direction);
}

static int remove_filters(struct netlink *nl)
{
	cleanup(links_free) struct links links = {};
	int err = links_read(nl, &links);

	for (size_t i = 0; i < links.count && !err; i++) {
		unsigned ifindex = links.list[i].ifindex;
		struct filter in = {}, out = {};

		if (filter_get(nl, ifindex, CHQ_INGRESS, &in) ||
		    filter_get(nl, ifindex, CHQ_EGRESS, &out))
			continue;
		if (!filter_is_ours(in.program_id) && !filter_is_ours(out.program_id))
			continue;
		err = remove_filter(nl, ifindex, CHQ_INGRESS)
		   ?: remove_filter(nl, ifindex, CHQ_EGRESS)
		   ?: clsact_remove_empty(nl, ifindex);
	}
	return err;
}

static int check_namespace(const char *pin_directory)
{
	char path[PATH_MAX];
	cleanup_close int fd = -1;
	struct chq_meta meta = {};
	uint64_t cookie = 0;
	uint32_t zero = 0;

	snprintf(path, sizeof(path), "%s/chq_meta", pin_directory);
	fd = bpf_obj_get(path);
	if (fd < 0 || read_cookie(&cookie) || bpf_map_lookup_elem(fd, &zero, &meta))
		return 0;
	if (meta.netns_cookie != cookie)
		return refuse(&open_refusal, -EXDEV,
			      "the pins in %s guard another network namespace: run this there",
			      pin_directory);
	return 0;
}

int datapath_detach_all(const char *pin_directory)
{
	cleanup(netlink_close_p) struct netlink *nl = NULL;
	cleanup_close int fd = -1;
	int err;

	if (!pin_directory)
		pin_directory = PIN_DIRECTORY;
	if (access(pin_directory, F_OK) == 0) {
		err = lock_directory(pin_directory, &fd, &open_refusal)
			      ?: check_namespace(pin_directory);
		if (err)
			return err;
	}
	err = netlink_open(&nl);
	if (!err)
		err = remove_filters(nl);
	if (!err)
		err = gate_detach_everywhere(nl);
	if (err)
		return refuse(&open_refusal, err, "cannot detach (%s)", nl ? nl->refusal : "");
	err = remove_pins(pin_directory);
	return err ? refuse(&open_refusal, err, "cannot remove %s", pin_directory) : 0;
}
