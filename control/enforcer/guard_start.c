/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "enforcer/guard_client.h"
#include "enforcer/guard_link.h"

static bool answers(const char *run_directory)
{
	int fd = guard_link_open(run_directory);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static int find_program(char path[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof("chasqui-guard"));
	char *slash;

	if (length < 0)
		return -errno;
	path[length] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return -ENOENT;
	strcpy(slash + 1, "chasqui-guard");
	return access(path, X_OK) ? -errno : 0;
}

/* In the child's child: nobody's but init's. */
static void run(const char *program, const char *run_directory, const char *state_directory)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("LISTEN_PID");
	execl(program, "chasqui-guard", "--run-dir", run_directory, "--state-dir", state_directory,
	      NULL);
	_exit(127);
}

int guard_start(const char *program, const char *run_directory, const char *state_directory)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	char beside[PATH_MAX];
	int err = answers(run_directory) || program ? 0 : find_program(beside);
	pid_t pid;

	if (err || answers(run_directory))
		return err;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		if (!fork())
			run(program ? program : beside, run_directory, state_directory);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100; i++) {
		if (answers(run_directory))
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}
