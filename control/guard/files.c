/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <uthash.h>

#include "guard/handle.h"
#include "util/cleanup.h"

struct file {
	struct file_id id;
	char **names;
	size_t n_names;
	enum { FILE_NEW, FILE_SOUGHT, FILE_KNOWN } look; /* by files_look_begin() and _end() */
	bool came;					 /* nobody has adopted it */
	struct handle handle;
	UT_hash_handle hh;
};

struct files {
	struct file *table;
};

int files_new(struct files **ret)
{
	struct files *files = calloc(1, sizeof(*files));

	if (!files)
		return -ENOMEM;
	*ret = files;
	return 0;
}

static void file_free(struct file *file)
{
	for (size_t i = 0; i < file->n_names; i++)
		free(file->names[i]);
	free(file->names);
	handle_clear(&file->handle);
	free(file);
}

void files_free(struct files *files)
{
	struct file *file, *next;

	if (!files)
		return;
	HASH_ITER (hh, files->table, file, next) {
		HASH_DEL(files->table, file);
		file_free(file);
	}
	free(files);
}

static int identify(int at, const char *name, int flags, struct file_id *ret, bool *regular)
{
	struct statx info;

	if (statx(at, name, flags | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_BTIME,
		  &info))
		return -errno;
	*regular = S_ISREG(info.stx_mode);
	*ret = (struct file_id){
		.device = makedev(info.stx_dev_major, info.stx_dev_minor),
		.inode = info.stx_ino,
	};
	if (info.stx_mask & STATX_BTIME)
		ret->born_ns = info.stx_btime.tv_sec * 1000000000LL + info.stx_btime.tv_nsec;
	return 0;
}

int file_id_of(int fd, struct file_id *ret, bool *regular)
{
	return identify(fd, "", AT_EMPTY_PATH, ret, regular);
}

int file_id_at(int directory, const char *name, struct file_id *ret)
{
	bool regular;

	return identify(directory, name, 0, ret, &regular);
}

static struct file *find(struct files *files, const struct file_id *id)
{
	struct file *file;

	HASH_FIND(hh, files->table, id, sizeof(*id), file);
	return file;
}

static struct file *find_or_make(struct files *files, const struct file_id *id)
{
	struct file *file = find(files, id);

	if (file)
		return file;
	file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	file->id = *id;
	HASH_ADD(hh, files->table, id, sizeof(file->id), file);
	return file;
}

static int add_name(struct file *file, const char *name, bool *added)
{
	char **names, *copy;

	for (size_t i = 0; i < file->n_names; i++)
		if (!strcmp(file->names[i], name))
			return 0;
	names = realloc(file->names, (file->n_names + 1) * sizeof(*names));
	if (!names)
		return -ENOMEM;
	file->names = names;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	names[file->n_names++] = copy;
	*added = true;
	return 0;
}

int files_add(struct files *files, const struct file_id *id, const char *name, int fd, bool *added)
{
	struct file *file = find_or_make(files, id);

	*added = false;
	if (!file)
		return -ENOMEM;
	if (!file->handle.n_bytes && fd >= 0)
		handle_of(fd, name, &file->handle);
	return add_name(file, name, added);
}

void files_came(struct files *files, const struct file_id *id, const char *name, int fd)
{
	bool added;
	struct file *file;

	files_add(files, id, name, fd, &added);
	file = find(files, id);
	if (file)
		file->came = true;
}

const char *const *files_names(struct files *files, const struct file_id *id, size_t *n)
{
	struct file *file = find(files, id);

	*n = file ? file->n_names : 0;
	return file ? (const char *const *)file->names : NULL;
}

/* The file itself, however it is called now; -1: gone, or its file system has no handles. */
static int find_again(const struct file *file)
{
	int fd = handle_open(&file->handle);
	struct file_id now;
	bool regular;

	for (size_t i = 0; fd < 0 && i < file->n_names; i++)
		fd = open(file->names[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (!file_id_of(fd, &now, &regular) && !memcmp(&now, &file->id, sizeof(now))))
		return fd;
	close(fd);
	return -1;
}

void files_adopt(struct files *files, files_found_fn *found, void *context)
{
	struct file *file, *next;

	HASH_ITER (hh, files->table, file, next) {
		cleanup_close int fd = file->came ? find_again(file) : -1;

		if (fd >= 0) {
			found(context, fd);
		} else if (file->came && file->handle.n_bytes) {
			HASH_DEL(files->table, file);
			file_free(file);
			continue;
		}
		file->came = false;
	}
}

static void sweep_names(struct file *file, files_keep_fn *keep, void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < file->n_names; i++) {
		if (keep(context, file->names[i]))
			file->names[kept++] = file->names[i];
		else
			free(file->names[i]);
	}
	file->n_names = kept;
}

void files_sweep(struct files *files, files_keep_fn *keep, files_gone_fn *gone, void *context)
{
	struct file *file, *next;

	HASH_ITER (hh, files->table, file, next) {
		cleanup_close int fd = find_again(file);

		/* By its handle it is found as long as anybody has it open. */
		if (fd >= 0 || !file->handle.n_bytes)
			sweep_names(file, keep, context);
		if (file->n_names && (fd >= 0 || !file->handle.n_bytes))
			continue;
		gone(context, fd);
		HASH_DEL(files->table, file);
		file_free(file);
	}
}

bool files_look_begin(struct files *files)
{
	struct file *file;
	bool any = false;

	for (file = files->table; file; file = file->hh.next) {
		if (file->look == FILE_NEW)
			file->look = FILE_SOUGHT;
		any |= file->look == FILE_SOUGHT;
	}
	return any;
}

bool files_is_sought(struct files *files, const struct file_id *id)
{
	const struct file *file = find(files, id);

	return file && file->look == FILE_SOUGHT;
}

void files_look_end(struct files *files)
{
	struct file *file;

	for (file = files->table; file; file = file->hh.next)
		if (file->look == FILE_SOUGHT)
			file->look = FILE_KNOWN;
}

void files_forget(struct files *files, const struct file_id *id)
{
	struct file *file = find(files, id);

	if (!file)
		return;
	HASH_DEL(files->table, file);
	file_free(file);
}

size_t files_count(const struct files *files)
{
	return HASH_COUNT(files->table);
}

json_t *files_save(const struct files *files)
{
	json_t *all = json_array();
	struct file *file, *next;

	HASH_ITER (hh, files->table, file, next) {
		json_t *names = json_array();

		for (size_t i = 0; i < file->n_names; i++)
			json_array_append_new(names, json_string(file->names[i]));
		json_array_append_new(all, json_pack("{s:I s:I s:I s:o s:o}", "device",
						     (json_int_t)file->id.device, "inode",
						     (json_int_t)file->id.inode, "born_ns",
						     (json_int_t)file->id.born_ns, "names", names,
						     "handle", handle_save(&file->handle)));
	}
	return all;
}

static int restore_one(struct files *files, json_t *json, files_found_fn *found, void *context)
{
	json_int_t device, inode, born_ns;
	json_t *names, *name, *handle;
	struct file_id id = {0};
	cleanup_close int fd = -1;
	struct file *file;
	bool added;
	size_t i;

	if (json_unpack(json, "{s:I s:I s:I s:o s:o}", "device", &device, "inode", &inode,
			"born_ns", &born_ns, "names", &names, "handle", &handle))
		return -EINVAL;
	id = (struct file_id){(uint64_t)device, (uint64_t)inode, born_ns};
	file = find_or_make(files, &id);
	if (!file)
		return -ENOMEM;
	if (!file->handle.n_bytes)
		handle_restore(handle, &file->handle);
	json_array_foreach(names, i, name) if (json_is_string(name))
		add_name(file, json_string_value(name), &added);
	fd = find_again(file);
	if (fd >= 0)
		found(context, fd);
	return 0;
}

int files_restore(struct files *files, const json_t *json, files_found_fn *found, void *context)
{
	json_t *one;
	size_t i;
	int err = 0;

	json_array_foreach(json, i, one) err = err ?: restore_one(files, one, found, context);
	return err;
}
