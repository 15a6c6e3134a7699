/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * racers FILE COUNT: so many processes, all at once, go for the file until they die; each eighth
 *has a thread besides that reads whatever descriptor an open is about to give. Prints
 *
 *	bytes N killed N other N
 *
 * bytes: what they got out of the file together.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define DESCRIPTOR 50

/* Shared by all. */
struct track {
	atomic_long bytes;
	atomic_int ready;
};

static struct track *track;
static int start[2]; /* a pipe that ends when all may go */

static void wait_for_start(void)
{
	char byte;

	while (read(start[0], &byte, 1) < 0)
		;
}

static void *read_along(void *unused)
{
	char bytes[512];

	(void)unused;
	wait_for_start();
	while (true) {
		ssize_t n = pread(DESCRIPTOR, bytes, sizeof(bytes), 0);

		if (n > 0)
			atomic_fetch_add(&track->bytes, n);
		usleep(500);
	}
	return NULL;
}

static void race(const char *file, bool along)
{
	char bytes[512];
	pthread_t thread;

	close(start[1]);
	for (int fd = start[1]; fd < DESCRIPTOR; fd++)
		dup2(0, fd);
	close(DESCRIPTOR);
	if (along)
		pthread_create(&thread, NULL, read_along, NULL);
	atomic_fetch_add(&track->ready, 1);
	wait_for_start();
	for (int i = 0; i < 20; i++) {
		int fd = open(file, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, bytes, sizeof(bytes));

		if (n > 0)
			atomic_fetch_add(&track->bytes, n);
		if (fd >= 0)
			close(fd);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[2]) : 0, killed = 0, status;

	if (count < 1 || pipe(start))
		return 2;
	track = mmap(NULL, sizeof(*track), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	for (int i = 0; i < count; i++)
		if (!fork())
			race(argv[1], i % 8 == 0);
	while (atomic_load(&track->ready) < count)
		usleep(500);
	close(start[1]);
	for (int i = 0; i < count; i++)
		if (wait(&status) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			killed++;
	printf("bytes %ld killed %d other %d\n", atomic_load(&track->bytes), killed,
	       count - killed);
	return 0;
}
