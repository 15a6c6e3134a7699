/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chasqui/guard.h"
#include "util/cleanup.h"

int state_load(const char *directory, json_t **ret)
{
	char path[PATH_MAX];
	json_error_t error;
	json_t *document;

	snprintf(path, sizeof(path), "%s/" CHQ_GUARD_STATE, directory);
	if (access(path, F_OK))
		return -ENOENT;
	document = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!document)
		return -EBADMSG;
	*ret = document;
	return 0;
}

void state_put_aside(const char *directory)
{
	char path[PATH_MAX], aside[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" CHQ_GUARD_STATE, directory);
	snprintf(aside, sizeof(aside), "%s/" CHQ_GUARD_STATE ".bad", directory);
	rename(path, aside);
}

static int write_out(int fd, const json_t *document)
{
	if (json_dumpfd(document, fd, JSON_COMPACT))
		return -EIO;
	return fsync(fd) ? -errno : 0;
}

int state_save(const char *directory, const json_t *document, json_t *files)
{
	char path[PATH_MAX], beside[PATH_MAX];
	json_t *whole = json_copy((json_t *)document);
	cleanup_close int fd = -1;
	int err;

	json_object_set_new(whole, "files", files);
	snprintf(path, sizeof(path), "%s/" CHQ_GUARD_STATE, directory);
	snprintf(beside, sizeof(beside), "%s/." CHQ_GUARD_STATE, directory);
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	err = fd < 0 ? -errno : write_out(fd, whole);
	json_decref(whole);
	if (!err && rename(beside, path))
		err = -errno;
	return err;
}
