/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/guard_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "chasqui/guard.h"
#include "util/cleanup.h"

int guard_link_open(const char *run_directory)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/" CHQ_GUARD_SOCKET,
		     run_directory) >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int guard_link_send(int fd, const json_t *message, int passed)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	cleanup_free char *text = json_dumps(message, JSON_COMPACT);
	struct iovec part = {text, text ? strlen(text) : 0};
	struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};

	if (!text)
		return -ENOMEM;
	if (passed >= 0) {
		memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
		whole.msg_control = &control;
		whole.msg_controllen = sizeof(control);
	}
	return sendmsg(fd, &whole, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int guard_link_receive(int fd, int wait_ms, json_t **ret)
{
	static char text[CHQ_GUARD_MESSAGE_BYTES];
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	ssize_t length;
	json_t *message;

	if (wait_ms && poll(&wait, 1, wait_ms) <= 0)
		return -EAGAIN;
	length = recv(fd, text, sizeof(text), MSG_TRUNC);
	if (length < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -ENOTCONN;
	if (length == 0)
		return -ENOTCONN;
	if ((size_t)length > sizeof(text))
		return -EMSGSIZE;
	message = json_loadb(text, (size_t)length, 0, NULL);
	if (!message)
		return -EBADMSG;
	*ret = message;
	return 0;
}

int guard_link_wrap(const json_t *document)
{
	cleanup_close int fd = memfd_create("rules", MFD_CLOEXEC);
	int given;

	if (fd < 0)
		return -errno;
	if (json_dumpfd(document, fd, JSON_COMPACT))
		return -ENOMEM;
	given = fd;
	fd = -1;
	return given;
}
