/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */

/*
 * threads exec PROGRAM: another thread than the first calls execve.
 * threads leave: the first thread ends, another ends the process a moment later with status 5.
 * threads many: the first ends, and so do sixty others at the same time; the status is 0.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANY 60

static pthread_barrier_t all_here;

static void *call_execve(void *program)
{
	execl(program, program, "by-a-thread", NULL);
	exit(1);
}

static void *end_process(void *unused)
{
	(void)unused;
	usleep(200000);
	exit(5);
}

static void *end_together(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&all_here);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc == 3 && strcmp(argv[1], "exec") == 0) {
		pthread_create(&thread, NULL, call_execve, argv[2]);
		pause();
	} else if (argc == 2 && strcmp(argv[1], "leave") == 0) {
		pthread_create(&thread, NULL, end_process, NULL);
	} else if (argc == 2 && strcmp(argv[1], "many") == 0) {
		pthread_barrier_init(&all_here, NULL, MANY + 1);
		for (int i = 0; i < MANY; i++)
			pthread_create(&thread, NULL, end_together, NULL);
		pthread_barrier_wait(&all_here);
	} else {
		return 2;
	}
	pthread_exit(NULL);
}
