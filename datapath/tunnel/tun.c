/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "bytes.h"
#include "chasqui/limits.h"
#include "link.h"

/* Newer than Debian 12's header. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define FLAGS (IFF_TUN | IFF_NO_PI | IFF_VNET_HDR)

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
	about.ifr_qlen = CHQ_TUNNEL_QUEUE_PACKETS;
	err = ask(SIOCSIFTXQLEN, &about);
	link_without_queue(tun->name);
	return err;
}

/* All that are not there yet. */
static int add_queues(struct tun *tun, int flags, int workers)
{
	int err = 0;

	tun->workers = workers;
	tun->each = TUN_QUEUES_EACH;
	while (tun->count < workers * TUN_QUEUES_EACH && !err)
		err = add_queue(tun, flags);
	return err;
}

static int open_single(struct tun *tun)
{
	tun->workers = tun->each = 1;
	return add_queue(tun, FLAGS);
}

int tun_open(struct tun *ret, const char *name, int workers)
{
	struct tun tun = {.header = true};
	int err;

	if (strlen(name) >= sizeof(tun.name) || strchr(name, '/') || !*name)
		return -EINVAL;
	strcpy(tun.name, name);
	/* Of several queues there is always one more for another process. */
	if (link_is_held(name))
		return -EBUSY;
	err = add_queues(&tun, FLAGS | IFF_MULTI_QUEUE, workers);
	if (err == -EINVAL && !tun.count)
		err = open_single(&tun);
	err = err ?: set_defaults(&tun);
	if (err)
		tun_close(&tun);
	else
		*ret = tun;
	return err;
}

/* Queues are added by the device's name, which means another one elsewhere. */
static bool is_here(int fd)
{
	cleanup_close int namespace_fd = ioctl(fd, TUNGETDEVNETNS);
	struct stat there, here;

	return namespace_fd >= 0 && !fstat(namespace_fd, &there) &&
	       !stat("/proc/self/ns/net", &here) && there.st_ino == here.st_ino;
}

/* Those that tell one device from another; the kernel says more. */
static int queue_flags(const struct ifreq *about)
{
	return about->ifr_flags & (FLAGS | IFF_MULTI_QUEUE);
}

int tun_adopt(struct tun *ret, int fd, int workers)
{
	struct tun tun = {.workers = 1, .each = 1};
	struct ifreq about = {};
	int err = 0;

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
	if (about.ifr_flags & IFF_MULTI_QUEUE && is_here(fd))
		err = add_queues(&tun, queue_flags(&about), workers);
	if (!err) {
		*ret = tun;
		return 0;
	}
	tun.fds[0] = tun.fds[--tun.count];
	tun_close(&tun);
	return err;
}

void tun_close(struct tun *tun)
{
	for (int i = 0; i < tun->count; i++)
		close(tun->fds[i]);
	tun->count = 0;
}

/* Not for ever, should somebody send as fast. */
void tun_drain(const struct tun *tun)
{
	static uint8_t packet[sizeof(struct virtio_net_hdr) + UINT16_MAX];

	for (int i = 0; i < tun->count; i++)
		for (int most = CHQ_TUNNEL_QUEUE_PACKETS; most > 0; most--)
			if (read(tun->fds[i], packet, sizeof(packet)) <= 0)
				break;
}
