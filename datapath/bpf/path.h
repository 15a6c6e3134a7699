/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef BPF_PATH_H
#define BPF_PATH_H

/*
 * The path of a file as the process sees it: names up to the root of the mount,
 * then on from the mountpoint, until the process's own root. bpf_d_path() does the
 * same and may be called in few places only, none of them a raw tracepoint.
 */

#include "kernel.h"

#define PATH_BYTES	 4096 /* of the longest path that is written */
#define PATH_NAME_BYTES	 256  /* of one name in it, and of what is behind the path */
#define PATH_STEPS	 2048 /* names and mounts; a path of 4,096 bytes has fewer names */
#define PATH_DELETED	 " (deleted)"
#define PATH_DELETED_LEN (sizeof(PATH_DELETED) - 1)

/* Filled from its end: the path is text[at]…text[PATH_BYTES - 1]. */
struct path_buffer {
	char text[PATH_BYTES + PATH_NAME_BYTES];
};

struct path_walk {
	struct path_buffer *buffer;
	const struct dentry *dentry, *root_dentry;
	const struct vfsmount *mount, *root_mount;
	__u32 at;
	bool complete; /* the root was reached: all of the path is there */
	bool nameless; /* it hangs nowhere: a pipe, a socket, an anonymous inode */
};

/* Where a path was written to. bytes 0: it has none. */
struct path_text {
	__u32 at, bytes;
	bool complete;
};

static __always_inline const struct mount *mount_of(const struct vfsmount *mount)
{
	return (const void *)mount - bpf_core_field_offset(struct mount, mnt);
}

/* Puts `/name` before what is written. False: there is no room. */
static __always_inline bool path_prepend(struct path_walk *walk, const void *name, __u32 length)
{
	__u32 at = walk->at;

	if (length >= PATH_NAME_BYTES || at > PATH_BYTES || at < length + 1)
		return false;
	at -= length + 1;
	barrier_var(at); /* or the compiler finds the same number by a way that is not bounded */
	if (at >= PATH_BYTES)
		return false;
	walk->buffer->text[at] = '/';
	bpf_probe_read_kernel(&walk->buffer->text[at + 1], length & (PATH_NAME_BYTES - 1), name);
	walk->at = at;
	return true;
}

/* From a mount's root to the place where it is mounted. False: it is the topmost. */
static __always_inline bool path_leave_mount(struct path_walk *walk)
{
	const struct mount *mount = mount_of(walk->mount);
	const struct mount *parent = BPF_CORE_READ(mount, mnt_parent);

	if (parent == mount)
		return false;
	walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
	walk->mount = (const void *)parent + bpf_core_field_offset(struct mount, mnt);
	return true;
}

static long path_step(__u32 step, void *data)
{
	struct path_walk *walk = data;
	const struct dentry *dentry = walk->dentry, *parent;
	const struct vfsmount *mount = walk->mount;

	(void)step;
	if (dentry == walk->root_dentry && mount == walk->root_mount) {
		walk->complete = true;
		return 1;
	}
	if (dentry == BPF_CORE_READ(mount, mnt_root)) {
		walk->complete = !path_leave_mount(walk);
		return walk->complete;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	if (parent == dentry) {
		walk->complete = walk->nameless = true;
		return 1;
	}
	if (!path_prepend(walk, BPF_CORE_READ(dentry, d_name.name),
			  BPF_CORE_READ(dentry, d_name.len)))
		return 1;
	walk->dentry = parent;
	return 0;
}

static __always_inline bool path_is_deleted(const struct dentry *dentry)
{
	return !BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry;
}

/*
 * Writes the path of `path` as seen from `root`. It ends with " (deleted)" when the
 * name is gone, as in /proc. A path that is too long keeps its end.
 */
static __always_inline struct path_text path_write(struct path_buffer *buffer,
						   const struct path *path, const struct path *root)
{
	struct path_walk walk = {
		.buffer = buffer,
		.dentry = BPF_CORE_READ(path, dentry),
		.mount = BPF_CORE_READ(path, mnt),
		.root_dentry = BPF_CORE_READ(root, dentry),
		.root_mount = BPF_CORE_READ(root, mnt),
		.at = PATH_BYTES,
	};

	if (!walk.dentry || !walk.mount)
		return (struct path_text){.complete = true};
	if (path_is_deleted(walk.dentry)) {
		walk.at -= PATH_DELETED_LEN;
		__builtin_memcpy(&buffer->text[PATH_BYTES - PATH_DELETED_LEN], PATH_DELETED,
				 PATH_DELETED_LEN);
	}
	bpf_loop(PATH_STEPS, path_step, &walk, 0);
	if (walk.at == PATH_BYTES && walk.complete && !walk.nameless)
		buffer->text[--walk.at] = '/';
	return (struct path_text){walk.at, PATH_BYTES - walk.at, walk.complete};
}

#endif
