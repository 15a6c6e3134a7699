// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "util/cleanup.h"

#define DEPTH_MOST 8

char *path_join(const char *directory, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static int read_all(int fd, char *text, size_t bytes)
{
	ssize_t got;

	for (size_t used = 0; used < bytes; used += got) {
		got = read(fd, text + used, bytes - used);
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EAGAIN; /* it has just become shorter */
	}
	return 0;
}

int file_read(const char *path, char **ret, size_t *ret_bytes)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_free char *text = NULL;
	struct stat st;
	int err;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > FILE_MOST_BYTES)
		return -EFBIG;
	text = calloc(1, st.st_size + 1);
	if (!text)
		return -ENOMEM;
	err = read_all(fd, text, st.st_size);
	if (err)
		return err;
	*ret = give(text);
	*ret_bytes = st.st_size;
	return 0;
}

static int write_all(int fd, const char *text, size_t bytes)
{
	ssize_t put;

	for (; bytes; text += put, bytes -= put) {
		put = write(fd, text, bytes);
		if (put < 0)
			return -errno;
	}
	return 0;
}

/* The directory, too, must know of the new name before we say that it is written. */
static int sync_directory_of(const char *path)
{
	cleanup_free char *directory = strdup(path);
	cleanup_close int fd = -1;
	char *slash = directory ? strrchr(directory, '/') : NULL;

	if (!slash)
		return directory ? 0 : -ENOMEM;
	*slash = '\0';
	fd = open(*directory ? directory : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_write(const char *path, const char *text, size_t bytes)
{
	cleanup_free char *beside = NULL;
	cleanup_close int fd = -1;
	struct stat before;
	int err;

	if (asprintf(&beside, "%s.new", path) < 0)
		return -ENOMEM;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, bytes);
	if (!err && stat(path, &before) == 0 && fchmod(fd, before.st_mode & 0777) < 0)
		err = -errno;
	if (!err && (fsync(fd) < 0 || rename(beside, path) < 0))
		err = -errno;
	if (err)
		unlink(beside);
	return err ? err : sync_directory_of(path);
}

int folder_make(const char *path, unsigned mode)
{
	cleanup_free char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(part, mode) < 0 && errno != EEXIST ? -errno : 0;
}

static int same_file(const char *path, const char *text, size_t bytes)
{
	cleanup_free char *other = NULL;
	size_t other_bytes;

	return file_read(path, &other, &other_bytes) == 0 && other_bytes == bytes &&
	       memcmp(other, text, bytes) == 0;
}

static int copy_file(const char *from, const char *to, const char *like)
{
	cleanup_free char *text = NULL;
	cleanup_close int fd = -1;
	size_t bytes;
	int err = file_read(from, &text, &bytes);

	if (err)
		return err;
	if (like && same_file(like, text, bytes) && link(like, to) == 0)
		return 0;
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	return fd < 0 ? -errno : write_all(fd, text, bytes);
}

/* Calls `each` for what is in a directory, in the order of the names, dot files left out. */
static int each_entry(const char *path, unsigned depth,
		      int (*each)(void *data, const char *path, const char *name, unsigned depth),
		      void *data)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort), err = 0;

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		if (!err && entries[i]->d_name[0] != '.')
			err = each(data, path, entries[i]->d_name, depth);
		free(entries[i]);
	}
	free(entries);
	return err;
}

struct copying {
	const char *to, *like;
};

static int copy_directory(const char *from, const char *to, const char *like, unsigned depth);

static int copy_entry(void *data, const char *path, const char *name, unsigned depth)
{
	const struct copying *copying = data;
	cleanup_free char *from = path_join(path, name), *to = path_join(copying->to, name);
	cleanup_free char *like = copying->like ? path_join(copying->like, name) : NULL;
	struct stat st;

	if (!from || !to)
		return -ENOMEM;
	if (stat(from, &st) < 0)
		return errno == ENOENT ? 0 : -errno; /* a link to nothing */
	if (S_ISDIR(st.st_mode))
		return depth < DEPTH_MOST ? copy_directory(from, to, like, depth + 1) : 0;
	return S_ISREG(st.st_mode) ? copy_file(from, to, like) : 0;
}

static int copy_directory(const char *from, const char *to, const char *like, unsigned depth)
{
	struct copying copying = {to, like};

	if (mkdir(to, 0750) < 0)
		return -errno;
	return each_entry(from, depth, copy_entry, &copying);
}

int folder_copy(const char *from, const char *to, const char *like)
{
	return copy_directory(from, to, like, 0);
}

struct walking {
	int (*each)(void *data, const char *name);
	void *data;
	const char *below; /* "lists/", or "" at the top */
};

static int walk_entry(void *data, const char *path, const char *name, unsigned depth)
{
	const struct walking *walking = data;
	cleanup_free char *whole = path_join(path, name), *shown = NULL, *below = NULL;
	struct walking deeper = *walking;
	struct stat st;

	if (!whole || asprintf(&shown, "%s%s", walking->below, name) < 0)
		return -ENOMEM;
	if (stat(whole, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISREG(st.st_mode))
		return walking->each(walking->data, shown);
	if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MOST)
		return 0;
	if (asprintf(&below, "%s/", shown) < 0)
		return -ENOMEM;
	deeper.below = below;
	return each_entry(whole, depth + 1, walk_entry, &deeper);
}

int folder_walk(const char *path, int (*each)(void *data, const char *name), void *data)
{
	struct walking walking = {each, data, ""};

	return each_entry(path, 0, walk_entry, &walking);
}

static int hash_entry(void *data, const char *path, const char *name, unsigned depth)
{
	cleanup_free char *whole = path_join(path, name), *text = NULL;
	struct stat st;
	size_t bytes;
	int err;

	if (!whole)
		return -ENOMEM;
	if (stat(whole, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	XXH3_64bits_update(data, name, strlen(name) + 1);
	if (S_ISDIR(st.st_mode))
		return depth < DEPTH_MOST ? each_entry(whole, depth + 1, hash_entry, data) : 0;
	if (!S_ISREG(st.st_mode))
		return 0;
	err = file_read(whole, &text, &bytes);
	if (err)
		return err;
	XXH3_64bits_update(data, &bytes, sizeof(bytes));
	XXH3_64bits_update(data, text, bytes);
	return 0;
}

int folder_hash(const char *path, uint64_t *ret)
{
	XXH3_state_t *state = XXH3_createState();
	int err;

	if (!state)
		return -ENOMEM;
	XXH3_64bits_reset(state);
	err = each_entry(path, 0, hash_entry, state);
	if (!err)
		*ret = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return err;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path) < 0 ? -1 : 0;
}

int folder_remove(const char *path)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
		return 0;
	return -errno;
}
