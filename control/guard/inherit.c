/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "chasqui/guard.h"
#include "util/cleanup.h"

#define FIRST_PASSED 3 /* SD_LISTEN_FDS_START */

union control {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

static int address_of(const char *run_directory, const char *suffix, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	return snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/" CHQ_GUARD_SOCKET "%s",
			run_directory, suffix) < (int)sizeof(ret->sun_path)
		       ? 0
		       : -ENAMETOOLONG;
}

static int receive_fd(int socket)
{
	char text[4096];
	union control control;
	struct iovec part = {text, sizeof(text)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = CMSG_LEN(sizeof(int))};
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0)
		return -ENOTCONN;
	if (!CMSG_FIRSTHDR(&message) || control.header.cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

int inherit_running(const char *run_directory)
{
	static const char please[] = "{\"do\":\"handover\"}";
	const struct timeval patience = {.tv_sec = 2};
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	int err = address_of(run_directory, "", &address);

	if (err || fd < 0)
		return err ?: -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    send(fd, please, sizeof(please) - 1, MSG_NOSIGNAL) < 0)
		return -errno;
	return receive_fd(fd);
}

int inherit_stored(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || atoi(pid) != getpid() || atoi(count) < 1)
		return -ENOENT;
	/* Whatever else there may be in the store: we have put in one alone. */
	fcntl(FIRST_PASSED, F_SETFD, FD_CLOEXEC);
	return FIRST_PASSED;
}

void inherit_notify(const char *lines, int fd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	union control control = {0};
	struct iovec part = {(char *)lines, strlen(lines)};
	struct msghdr message = {.msg_name = &to, .msg_iov = &part, .msg_iovlen = 1};
	cleanup_close int socket_fd = -1;

	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(to.sun_path))
		return;
	message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	strcpy(to.sun_path, path);
	if (*path == '@')
		to.sun_path[0] = '\0';
	if (fd >= 0) {
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fd)),
						  .cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (socket_fd >= 0)
		sendmsg(socket_fd, &message, MSG_NOSIGNAL);
}

int inherit_listen(const char *run_directory)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un beside, address;
	int err = address_of(run_directory, "", &address)
			  ?: address_of(run_directory, ".new", &beside);
	int given;
	mode_t mask;

	if (err || fd < 0)
		return err ?: -errno;
	mkdir(run_directory, 0755);
	unlink(beside.sun_path);
	mask = umask(0177);
	err = bind(fd, (struct sockaddr *)&beside, sizeof(beside)) || listen(fd, 16) ? -errno : 0;
	umask(mask);
	if (!err && rename(beside.sun_path, address.sun_path))
		err = -errno;
	if (err)
		return err;
	given = fd;
	fd = -1;
	return given;
}
