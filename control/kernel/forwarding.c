/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/forwarding.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/cleanup.h"

#define IPV4 "/proc/sys/net/ipv4/ip_forward"
#define IPV6 "/proc/sys/net/ipv6/conf/all/forwarding"

static int read_switch(const char *path, bool *ret)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char digit;

	if (fd < 0)
		return -errno;
	if (read(fd, &digit, 1) != 1)
		return -EIO;
	*ret = digit != '0';
	return 0;
}

/* Writing the value that is there already would still walk and notify every interface. */
static int write_switch(const char *path, bool on)
{
	cleanup_close int fd = -1;
	bool now;
	int err = read_switch(path, &now);

	if (err || now == on)
		return err;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, on ? "1" : "0", 1) == 1 ? 0 : -errno;
}

int forwarding_get(bool *ret_ipv4, bool *ret_ipv6)
{
	int err = read_switch(IPV4, ret_ipv4);

	if (err)
		return err;
	err = read_switch(IPV6, ret_ipv6);
	if (err == -ENOENT) {
		*ret_ipv6 = false;
		return 0;
	}
	return err;
}

int forwarding_set(bool on)
{
	int err = write_switch(IPV4, on);

	if (err)
		return err;
	err = write_switch(IPV6, on);
	return err == -ENOENT ? 0 : err;
}
