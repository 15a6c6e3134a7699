// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "util/cleanup.h"

static void tell(const char *lines)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	cleanup_close int fd = -1;
	size_t length;

	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(to.sun_path))
		return;
	length = offsetof(struct sockaddr_un, sun_path) + strlen(path);
	strcpy(to.sun_path, path);
	if (*path == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&to, length);
}

void notify_ready(const char *status)
{
	char lines[512];

	snprintf(lines, sizeof(lines), "READY=1\nSTATUS=%s\n", status);
	tell(lines);
}

void notify_reloading(void)
{
	char lines[96];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%lld\n",
		 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell(lines);
}

void notify_stopping(void)
{
	tell("STOPPING=1\nSTATUS=stopped; the kernel goes on enforcing\n");
}

void notify_status(const char *status)
{
	char lines[512];

	snprintf(lines, sizeof(lines), "STATUS=%s\n", status);
	tell(lines);
}
