/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/filter.h"
#include "util/cleanup.h"

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

int filters_remove(struct netlink *nl, unsigned ifindex)
{
	return remove_filter(nl, ifindex, CHQ_INGRESS) ?: remove_filter(nl, ifindex, CHQ_EGRESS)
	    ?: clsact_remove_empty(nl, ifindex);
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
		err = filters_remove(nl, ifindex);
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
	if (fd < 0 || directory_cookie(&cookie) || bpf_map_lookup_elem(fd, &zero, &meta))
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
		err = directory_lock(pin_directory, &fd, &open_refusal)
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
