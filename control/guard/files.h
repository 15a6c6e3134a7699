/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef GUARD_FILES_H
#define GUARD_FILES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The files that are followed, whatever they are called by now: an inode, and the values of rules
 * that have led to it. The time of birth tells a number that is used again from its first owner.
 */
struct file_id {
	uint64_t device, inode;
	int64_t born_ns;
};

struct files;

int files_new(struct files **ret);
void files_free(struct files *files);

/* What the descriptor stands for. false: it is no regular file; it is not opened. */
int file_id_of(int fd, struct file_id *ret, bool *regular);

/* The same of a name in an open directory, or of a path; links are followed. */
int file_id_at(int directory, const char *name, struct file_id *ret);

/*
 * `name` has led to it. *added: that is news. `fd` (may be O_PATH) serves to get its handle, by
 * which it is found again after a restart.
 */
int files_add(struct files *files, const struct file_id *id, const char *name, int fd, bool *added);

/*
 * The same by the judge, who marks it and does no more. files_adopt(), later and by another thread:
 * found() of each that is still there, with an O_PATH descriptor; what is gone already is
 * forgotten.
 */
typedef void files_found_fn(void *context, int fd);
void files_came(struct files *files, const struct file_id *id, const char *name, int fd);
void files_adopt(struct files *files, files_found_fn *found, void *context);

/* The names; valid until the next change. n = 0: it is none that is followed. */
const char *const *files_names(struct files *files, const struct file_id *id, size_t *n);

/*
 * Forgets names for which keep() says no, and then the files that have none. gone(): of each that
 * is left, with an O_PATH descriptor where it can still be had, or -1.
 */
typedef bool files_keep_fn(void *context, const char *name);
typedef void files_gone_fn(void *context, int fd);
void files_sweep(struct files *files, files_keep_fn *keep, files_gone_fn *gone, void *context);

/*
 * To look once at whatever came to the table: from _begin(), which says whether there is anything,
 * to _end() those are sought that were there at its beginning. Who comes meanwhile is for the next.
 */
bool files_look_begin(struct files *files);
bool files_is_sought(struct files *files, const struct file_id *id);
void files_look_end(struct files *files);

/* Its inode is gone. */
void files_forget(struct files *files, const struct file_id *id);

size_t files_count(const struct files *files);

/* All of them as JSON, and back. Restoring, found() gets an O_PATH descriptor for each that is
 * still there: to be marked. */
json_t *files_save(const struct files *files);
int files_restore(struct files *files, const json_t *json, files_found_fn *found, void *context);

#endif
