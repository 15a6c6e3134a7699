/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Ways to get at a file by another process, or another thread. */
#include "vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char buffer[FILE_BYTES];

static void read_into_buffer(const struct scene *scene)
{
	int fd = open(scene->file, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer));

	if (n < 0)
		_exit(errno);
	usleep(500000); /* so that whoever watches has the time for it */
	_exit(0);
}

/* Looks into a reader's memory each time it enters or leaves the kernel. */
static int traced(struct scene *scene)
{
	pid_t reader = fork();
	int status;

	if (!reader) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		read_into_buffer(scene);
	}
	while (waitpid(reader, &status, 0) == reader && WIFSTOPPED(status)) {
		for (size_t at = 0; at < 256; at += sizeof(long)) {
			long word = ptrace(PTRACE_PEEKDATA, reader, buffer + at, NULL);

			memcpy(scene->loot + at, &word, sizeof(word));
		}
		ptrace(PTRACE_SYSCALL, reader, NULL, NULL);
	}
	return WIFSIGNALED(status) ? EPERM : WEXITSTATUS(status);
}

/* Copies a reader's memory all the time. */
static int watched(struct scene *scene)
{
	struct iovec here = {scene->loot, FILE_BYTES}, there = {buffer, FILE_BYTES};
	pid_t reader = fork();
	int status;

	if (!reader)
		read_into_buffer(scene);
	do {
		process_vm_readv(reader, &here, 1, &there, 1, 0);
	} while (!*scene->loot && waitpid(reader, &status, WNOHANG) == 0);
	return *scene->loot ? 0 : EPERM;
}

static int send_fd(int socket, int fd)
{
	char byte = 0;
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) < 0 ? errno : 0;
}

static int receive_fd(int socket)
{
	char byte;
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(socket, &message, 0) <= 0 || !CMSG_FIRSTHDR(&message)) {
		errno = EPERM;
		return -1;
	}
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

/* One opens, another reads. */
static int passed(struct scene *scene)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return errno;
	if (!fork()) {
		int fd = open(scene->file, O_RDONLY);

		_exit(fd < 0 ? errno : send_fd(pair[1], fd));
	}
	close(pair[1]);
	return take_from(scene, receive_fd(pair[0]));
}

/* One opens, another takes the descriptor out of it. */
static int taken(struct scene *scene)
{
	int ready[2], pidfd, fd;
	char byte;
	pid_t opener;

	if (pipe(ready))
		return errno;
	opener = fork();
	if (!opener) {
		int own = open(scene->file, O_RDONLY);

		if (own < 0 || dup2(own, 100) < 0 || write(ready[1], "", 1) != 1)
			_exit(errno);
		pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return EPERM;
	pidfd = (int)syscall(SYS_pidfd_open, opener, 0);
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, 100, 0);
	take_from(scene, fd);
	kill(opener, SIGKILL);
	return 0;
}

static struct scene *raced;

/* Reads whatever descriptor appears, before the opener is back from the kernel. */
static void *race(void *unused)
{
	(void)unused;
	while (true) {
		ssize_t n = pread(50, raced->loot, FILE_BYTES, 0);

		if (n > 0)
			return NULL;
	}
}

static int threaded(struct scene *scene)
{
	pthread_t thread;

	raced = scene;
	for (int fd = 3; fd < 50; fd++) /* so that the next one is known */
		dup2(0, fd);
	close(50);
	if (pthread_create(&thread, NULL, race, NULL))
		return errno;
	for (int i = 0; i < 100; i++) {
		int fd = open(scene->file, O_RDONLY);

		if (fd < 0)
			return errno;
		usleep(1000); /* who comes back from the kernel gives it away */
		close(fd);
	}
	return 0;
}

const struct vector sharing[] = {
	{"ptrace", traced},	{"process_vm_readv", watched}, {"descriptor-passed", passed},
	{"pidfd_getfd", taken}, {"racing-thread", threaded},   {},
};
