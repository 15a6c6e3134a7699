/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * vectors DIRECTORY/NAME [VECTOR...]: tries every way to get at a guarded file, and says of each
 *
 *	VECTOR stopped|leaked|changed killed|denied|lived
 *
 * The file is put in its place by a rename, again whenever one has changed it. stopped: not a byte
 * came out, and nothing was changed.
 */
#include "vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char secret[] = "the way to El Dorado: ";
static char content[FILE_BYTES];

void take(struct scene *scene, const void *bytes, ssize_t n)
{
	if (n > 0)
		memcpy(scene->loot, bytes, (size_t)n < LOOT_BYTES ? (size_t)n : LOOT_BYTES);
}

int take_from(struct scene *scene, int fd)
{
	char bytes[FILE_BYTES];
	ssize_t n;

	if (fd < 0)
		return errno;
	n = read(fd, bytes, sizeof(bytes));
	if (n < 0)
		return errno;
	take(scene, bytes, n);
	return 0;
}

const char *beside(const struct scene *scene, const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", scene->directory, name);
	return path;
}

static void fill_content(void)
{
	for (size_t at = 0; at + sizeof(secret) < sizeof(content); at += sizeof(secret) - 1)
		memcpy(content + at, secret, sizeof(secret) - 1);
}

/* What it looked like when it was placed; a write shows in the time, however soon it comes. */
static struct stat placed;
static const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

/* A fresh file of that name. */
static int place(const struct scene *scene)
{
	const char *fresh = beside(scene, ".fresh");
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, content, sizeof(content)) != sizeof(content) || fsync(fd) ||
	    futimens(fd, long_ago) || fstat(fd, &placed) || close(fd))
		return -errno;
	if (rename(fresh, scene->file))
		return -errno;
	/* Whoever guards it by its inode hears of the new one a moment later. */
	usleep(300000);
	return 0;
}

static bool is_as_placed(const struct scene *scene)
{
	struct stat now;

	return !stat(scene->file, &now) && now.st_ino == placed.st_ino &&
	       now.st_size == placed.st_size && now.st_mtim.tv_sec == placed.st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == placed.st_mtim.tv_nsec;
}

/* What a vector put into the pipe counts as got. */
static void drain(struct scene *scene)
{
	char bytes[FILE_BYTES];
	ssize_t n;

	close(scene->pipe[1]);
	n = read(scene->pipe[0], bytes, sizeof(bytes));
	take(scene, bytes, n);
	close(scene->pipe[0]);
}

static int attack(const struct vector *vector, struct scene *scene)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		alarm(20);
		_exit(vector->run(scene) & 0xff);
	}
	waitpid(pid, &status, 0);
	return status;
}

static const char *fate(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL ? "killed" : strsignal(WTERMSIG(status));
	return WEXITSTATUS(status) ? "denied" : "lived";
}

static void try(const struct vector *vector, struct scene *scene)
{
	const char *outcome = "stopped";
	int status;

	memset(scene->loot, 0, LOOT_BYTES);
	if ((!is_as_placed(scene) && place(scene)) || pipe2(scene->pipe, O_NONBLOCK)) {
		printf("%s broken %s\n", vector->name, strerror(errno));
		return;
	}
	status = attack(vector, scene);
	drain(scene);
	if (memmem(scene->loot, LOOT_BYTES, secret, sizeof(secret) - 1))
		outcome = "leaked";
	if (vector->changes && !is_as_placed(scene))
		outcome = "changed";
	printf("%s %s %s\n", vector->name, outcome, fate(status));
	fflush(stdout);
	unlink(beside(scene, "alias"));
	rename(beside(scene, "moved"), scene->file);
}

static bool is_wanted(const char *name, int n, char **wanted)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(name, wanted[i]))
			return true;
	return n == 0;
}

int main(int argc, char **argv)
{
	static const struct vector *const all[] = {reading, moving, sharing, ringing, changing};
	struct scene scene = {.file = argv[1]};
	char *directory;

	if (argc < 2 || *argv[1] != '/')
		return 2;
	directory = strdup(argv[1]);
	scene.name = strrchr(argv[1], '/') + 1;
	*strrchr(directory, '/') = '\0';
	scene.directory = directory;
	scene.loot =
		mmap(NULL, LOOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fill_content();
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct vector *vector = all[i]; vector->name; vector++)
			if (is_wanted(vector->name, argc - 2, argv + 2))
				try(vector, &scene);
	free(directory);
	return 0;
}
