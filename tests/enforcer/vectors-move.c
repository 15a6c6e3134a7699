/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Ways to get at a file by another name. */
#include "vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int read_alias(struct scene *scene, const char *name)
{
	return take_from(scene, open(beside(scene, name), O_RDONLY));
}

static int hard_link(struct scene *scene)
{
	return link(scene->file, beside(scene, "alias")) ? errno : read_alias(scene, "alias");
}

static int renamed(struct scene *scene)
{
	return rename(scene->file, beside(scene, "moved")) ? errno : read_alias(scene, "moved");
}

static int symbolic(struct scene *scene)
{
	return symlink(scene->file, beside(scene, "alias")) ? errno : read_alias(scene, "alias");
}

/* Mounts of this process alone, in the sandbox's own directory: who is killed leaves nothing
 * behind. */
static int own_mounts(void)
{
	return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ? errno
											 : 0;
}

static int bound(struct scene *scene)
{
	char target[] = "/run/test/vector-XXXXXX";
	int err = own_mounts(), fd = mkstemp(target);

	if (err || fd < 0)
		return err ?: errno;
	close(fd);
	err = mount(scene->file, target, NULL, MS_BIND, NULL) ? errno : 0;
	err = err ?: take_from(scene, open(target, O_RDONLY));
	umount2(target, MNT_DETACH);
	unlink(target);
	return err;
}

static int bound_directory(struct scene *scene)
{
	char target[] = "/run/test/vector-XXXXXX", path[256];
	int err = own_mounts();

	if (err || !mkdtemp(target))
		return err ?: errno;
	err = mount(scene->directory, target, NULL, MS_BIND, NULL) ? errno : 0;
	snprintf(path, sizeof(path), "%s/%s", target, scene->name);
	err = err ?: take_from(scene, open(path, O_RDONLY));
	umount2(target, MNT_DETACH);
	rmdir(target);
	return err;
}

static int rooted(struct scene *scene)
{
	char path[256];

	if (chroot(scene->directory) || chdir("/"))
		return errno;
	snprintf(path, sizeof(path), "/%s", scene->name);
	return take_from(scene, open(path, O_RDONLY));
}

/* The directory gets another name, and back. */
static int moved_directory(struct scene *scene)
{
	char other[4096], path[8192];
	int err;

	snprintf(other, sizeof(other), "%s.moved", scene->directory);
	if (rename(scene->directory, other))
		return errno == EBUSY ? hard_link(scene) : errno; /* it is a mount */
	if (!fork()) {
		snprintf(path, sizeof(path), "%s/%s", other, scene->name);
		_exit(take_from(scene, open(path, O_RDONLY)));
	}
	wait(NULL);
	err = rename(other, scene->directory) ? errno : EPERM;
	return err;
}

const struct vector moving[] = {
	{"symlink", symbolic}, {"hard-link", hard_link},
	{"rename", renamed},   {"rename-directory", moved_directory},
	{"bind-mount", bound}, {"bind-mount-directory", bound_directory},
	{"chroot", rooted},    {},
};
