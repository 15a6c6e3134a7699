/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "bytes.h"

/* Newer than Debian 12's header. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/*
 * What may wait for us. TCP alone fills some 90 of these, with 64 KiB each; fewer would lose
 * datagrams whenever we are not scheduled for a few milliseconds.
 */
#define QUEUE_PACKETS 500

static int ask(int request, struct ifreq *about)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	return ioctl(fd, request, about) ? -errno : 0;
}

static struct ifreq named(const struct tun *tun)
{
	struct ifreq about = {};

	memcpy(about.ifr_name, tun->name, sizeof(about.ifr_name));
	return about;
}

/* What the kernel may leave to us; flag by flag, for older ones. */
static void offer_offloads(struct tun *tun, int fd)
{
	unsigned base = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int size = sizeof(struct virtio_net_hdr);

	if (!tun->header)
		return;
	ioctl(fd, TUNSETVNETHDRSZ, &size);
	tun->udp_segments = !ioctl(fd, TUNSETOFFLOAD, base | TUN_F_USO4 | TUN_F_USO6);
	if (!tun->udp_segments && ioctl(fd, TUNSETOFFLOAD, base))
		ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM);
}

static int add_queue(struct tun *tun, int flags)
{
	cleanup_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct ifreq about = named(tun);

	if (fd < 0)
		return -errno;
	about.ifr_flags = (short)flags;
	if (ioctl(fd, TUNSETIFF, &about))
		return -errno;
	memcpy(tun->name, about.ifr_name, sizeof(tun->name));
	offer_offloads(tun, fd);
	tun->fds[tun->count++] = give_fd(&fd);
	return 0;
}

static int set_defaults(struct tun *tun)
{
	struct ifreq about = named(tun);

	int err;

	about.ifr_mtu = TUN_DEFAULT_MTU;
	err = ask(SIOCSIFMTU, &about);
	if (err)
		return err;
	about = named(tun);
	about.ifr_qlen = QUEUE_PACKETS;
	return ask(SIOCSIFTXQLEN, &about);
}

int tun_open(struct tun *ret, const char *name, int queues)
{
	int flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | (queues > 1 ? IFF_MULTI_QUEUE : 0),
	    err = 0;
	struct tun tun = {.header = true};

	if (strlen(name) >= sizeof(tun.name) || strchr(name, '/') || !*name)
		return -EINVAL;
	strcpy(tun.name, name);
	for (int i = 0; i < queues && i < TUN_QUEUES_MAX && !err; i++)
		err = add_queue(&tun, flags);
	err = err ?: set_defaults(&tun);
	if (err)
		tun_close(&tun);
	else
		*ret = tun;
	return err;
}

int tun_adopt(struct tun *ret, int fd)
{
	struct tun tun = {};
	struct ifreq about = {};

	if (ioctl(fd, TUNGETIFF, &about))
		return -errno;
	if (!(about.ifr_flags & IFF_TUN) || !(about.ifr_flags & IFF_NO_PI))
		return -EINVAL;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return -errno;
	memcpy(tun.name, about.ifr_name, sizeof(tun.name));
	tun.header = about.ifr_flags & IFF_VNET_HDR;
	offer_offloads(&tun, fd);
	tun.fds[tun.count++] = fd;
	*ret = tun;
	return 0;
}

void tun_close(struct tun *tun)
{
	for (int i = 0; i < tun->count; i++)
		close(tun->fds[i]);
	tun->count = 0;
}
