/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_HOOK_LOOK_H
#define BPF_HOOK_LOOK_H

/*
 * The first look at a call: does it concern any policy at all? Everybody's calls pay for it, and
 * nearly all of them are about files of other names.
 */

#include "hook_maps.h"

/* Whoever loads the programs has tried it: 6.1 has no bpf_rdonly_cast(). */
const volatile bool chq_can_cast = false;

extern void *bpf_rdonly_cast(const void *object, __u32 type_id) __ksym __weak;

/*
 * A field of a kernel struct, by a plain load where that can be had: a call of
 * bpf_probe_read_kernel() costs more than all the rest of the look. What cannot be read is 0.
 */
#define LOOK(type, object, field)                                                       \
	({                                                                              \
		__typeof__(((type *)0)->field) seen_;                                   \
                                                                                        \
		if (chq_can_cast) {                                                     \
			const type *typed_ =                                            \
				bpf_rdonly_cast(object, bpf_core_type_id_kernel(type)); \
			seen_ = typed_->field;                                          \
		} else {                                                                \
			seen_ = BPF_CORE_READ((const type *)(object), field);           \
		}                                                                       \
		seen_;                                                                  \
	})

/* Words without a type of their own are read as the first field of a struct that has one. */
#define LOOK_POINTER(at) ((void *)LOOK(struct hlist_head, at, first))
#define LOOK_WORD(at)	 LOOK(struct qstr, at, hash_len)

/* The open file behind a descriptor of the process, or NULL. */
static __always_inline struct file *file_of_fd(__u32 fd)
{
	/* Typed: its fields are read without a call. */
	struct task_struct___hook *task = (void *)bpf_get_current_task_btf();
	struct files_struct *files = task->files;
	struct fdtable *table = files ? files->fdt : NULL;
	struct file **slots;

	if (!table || fd >= table->max_fds)
		return NULL;
	slots = table->fd;
	return LOOK_POINTER(&slots[fd]);
}

/* By length, by the first bytes, and then by the name itself. */
static __always_inline bool name_is_ours(const struct chq_point *point, const struct dentry *dentry)
{
	__u32 length = LOOK(struct dentry, dentry, d_name.len), bit;
	struct chq_name_key key = {};
	const void *name;
	__u64 word;

	if (length == 0 || length >= CHQ_NAME_LENGTHS ||
	    !(point->lengths[length / 64] & 1ull << (length & 63)))
		return false;
	name = LOOK(struct dentry, dentry, d_name.name);
	word = LOOK_WORD(name);
	if (length < sizeof(word))
		word &= (1ull << (8 * length & 63)) - 1;
	bit = CHQ_NAME_BIT(word);
	if (!(point->begins[bit / 64] & 1ull << (bit & 63)))
		return false;
	key.names = point->names;
	return bpf_probe_read_kernel_str(key.name, sizeof(key.name), name) > 0 &&
	       bpf_map_lookup_elem(&chq_names, &key);
}

/* Where a mount begins the file is known by the mountpoint's name. */
static __always_inline bool path_is_ours(const struct chq_point *point, const struct path *path)
{
	const struct dentry *dentry = LOOK(struct path, path, dentry);
	const struct vfsmount *mount;

	if (name_is_ours(point, dentry))
		return true;
	mount = LOOK(struct path, path, mnt);
	return dentry && dentry == LOOK(struct vfsmount, mount, mnt_root);
}

static __always_inline bool file_is_ours(const struct chq_point *point, const struct file *file)
{
	return file && path_is_ours(point, &file->f_path);
}

static __always_inline bool fd_is_ours(const struct chq_point *point, __u32 number,
				       const __u64 *args, __s64 result)
{
	__u32 fd = point->fds[number];

	if (fd != CHQ_FD_RETURNED)
		return file_is_ours(point, file_of_fd(args[slot(fd)]));
	return result >= 0 && file_is_ours(point, file_of_fd(result));
}

/* False: no policy of this point can match. */
static __noinline bool concerns(const struct chq_point *point, const __u64 *args, __s64 result)
{
	if (!(point->flags & CHQ_POINT_NAMES))
		return true;
	if (point->n_fds == 0 && point->flags & CHQ_POINT_PATH)
		return path_is_ours(point, (void *)args[0]);
	if (point->n_fds == 0)
		return file_is_ours(point, (void *)args[0]);
	return fd_is_ours(point, 0, args, result) ||
	       (point->n_fds > 1 && fd_is_ours(point, 1, args, result));
}

/* The same of an inode, which has no path: one of several names may be any. */
static __always_inline bool inode_concerns(__u32 number, const struct inode *inode)
{
	const struct hlist_node *node = ((const struct inode___names *)inode)->i_dentry.first;
	const struct dentry *dentry =
		(const void *)node - bpf_core_field_offset(struct dentry___alias, d_u.d_alias);
	const struct chq_point *point = bpf_map_lookup_elem(&chq_points, &number);

	if (!point || !(point->flags & CHQ_POINT_NAMES) || !node || inode->i_nlink != 1)
		return point;
	return name_is_ours(point, dentry);
}

#endif
