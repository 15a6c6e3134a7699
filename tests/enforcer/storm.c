/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/*
 * storm WORKERS CHILDREN: starts as many workers, a few at a time, of which each starts as many
 * children, one after the other. Each process says in its arguments whose child it is, and a
 * child ends with a status that follows from its number.
 */

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_ONCE 4

static int start(const char *what, int worker, int number)
{
	char first[16], second[16];
	char *argv[] = {"storm", (char *)what, first, second, NULL};
	pid_t pid;

	snprintf(first, sizeof(first), "%d", worker);
	snprintf(second, sizeof(second), "%d", number);
	return posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ);
}

/* Waits until at most so many run; what came to an end badly is counted. */
static int wait_until(int most, int *running)
{
	int failed = 0, status;

	while (*running > most && wait(&status) > 0) {
		--*running;
		failed += WIFSIGNALED(status);
	}
	return failed;
}

static int start_all(const char *what, int worker, int count, int argument, int at_once)
{
	int running = 0, failed = 0;

	for (int i = 0; i < count; i++) {
		int err = worker < 0 ? start(what, i, argument) : start(what, worker, i);

		if (err) {
			fprintf(stderr, "storm: %s\n", strerror(err));
			return EXIT_FAILURE;
		}
		running++;
		failed += wait_until(at_once - 1, &running);
	}
	failed += wait_until(0, &running);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return start_all("worker", -1, atoi(argv[1]), atoi(argv[2]), AT_ONCE);
	if (argc == 4 && strcmp(argv[1], "worker") == 0)
		return start_all("child", atoi(argv[2]), atoi(argv[3]), 0, 1);
	if (argc == 4 && strcmp(argv[1], "child") == 0)
		return atoi(argv[3]) % 64;
	fputs("usage: storm WORKERS CHILDREN\n", stderr);
	return 2;
}
