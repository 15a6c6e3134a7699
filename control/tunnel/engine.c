/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel/engine.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tunnel/uapi.h"
#include "util/cleanup.h"

#define PROGRAM "chasqui-wg"
/* Where the engine finds its queue: behind the three standard files. */
#define TUN_FD	3
#define STOP_MS 3000

int engine_find(const char *name, struct engine *ret)
{
	int fd, err = uapi_connect(name, &fd);

	if (err == -ECONNREFUSED)
		err = -ENOENT;
	if (err)
		return err;
	*ret = (struct engine){.watch_fd = fd};
	return 0;
}

/* Beside ourselves, as it was built or installed; else where the system looks. */
static const char *find_program(char *path, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", path, size - sizeof(PROGRAM) - 1);
	char *slash;

	if (length <= 0)
		return PROGRAM;
	path[length] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return PROGRAM;
	strcpy(slash + 1, PROGRAM);
	return access(path, X_OK) == 0 ? path : PROGRAM;
}

static int spawn(const char *name, int tun_fd, pid_t *ret)
{
	char path[PATH_MAX], *arguments[] = {PROGRAM, (char *)name, NULL};
	char *environment[] = {"WG_TUN_FD=3", "LOG_LEVEL=error",
			       "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&files, tun_fd, TUN_FD);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	err = posix_spawnp(ret, find_program(path, sizeof(path)), &files, &attributes, arguments,
			   environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return -err;
}

/* It leaves a child that goes on, and ends with 0 once that is ready. */
static int wait_ready(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECANCELED;
}

int engine_start(const char *name, int tun_fd, struct engine *ret, struct refusal *refusal)
{
	cleanup_close int fd = tun_fd;
	pid_t pid;
	int err;

	mkdir(UAPI_DIRECTORY, 0755);
	err = spawn(name, fd, &pid);
	if (err)
		return refuse(refusal, err, PROGRAM " cannot be started");
	err = wait_ready(pid);
	if (err)
		return refuse_plainly(
			refusal, err,
			PROGRAM " %s gave up at its start, and the log has its reason", name);
	err = engine_find(name, ret);
	if (err)
		return refuse(refusal, err, PROGRAM " %s does not answer", name);
	ret->started = true;
	return 0;
}

bool engine_lives(const struct engine *engine)
{
	struct pollfd watched = {.fd = engine->watch_fd, .events = POLLIN | POLLRDHUP};

	return engine->watch_fd >= 0 && poll(&watched, 1, 0) == 0;
}

void engine_forget(struct engine *engine)
{
	if (engine->watch_fd >= 0)
		close(engine->watch_fd);
	*engine = (struct engine){.watch_fd = -1};
}

void engine_stop(struct engine *engine, const char *name)
{
	struct pollfd watched = {.fd = engine->watch_fd, .events = POLLIN | POLLRDHUP};
	char path[128];

	snprintf(path, sizeof(path), UAPI_DIRECTORY "/%s.sock", name);
	if (engine->watch_fd >= 0 && unlink(path) == 0)
		poll(&watched, 1, STOP_MS);
	engine_forget(engine);
}
