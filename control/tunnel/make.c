/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "kernel/route.h"
#include "tunnel/inside.h"
#include "tunnel/uapi.h"
#include "util/cleanup.h"

/* Of the outer headers: IPv6, UDP, WireGuard's. As wg-quick(8) reckons, whatever the path. */
#define OVERHEAD_BYTES 80
#define MTU_DEFAULT    1420
#define MTU_ENDPOINTS  64 /* paths that are looked at */
/* An engine whose device is gone takes this long to notice. */
#define GONE_TRIES   20
#define GONE_WAIT_NS 50000000
#define RETRY_MS     1000
#define RETRY_MOST   30
/* chasqui-wg@NAME.service that is restarted, or comes back from a crash after RestartSec=1. */
#define OTHERS_MS 5000

long tunnel_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int look(struct tunnel_control *t, const char *name, struct refusal *refusal)
{
	int err = device_find(t->nl, name, &t->seen);

	return err ? refuse(refusal, err, "interface %s: %s", name, t->nl->refusal) : 0;
}

static const struct backend *backend_of_kind(const char *kind)
{
	if (strcmp(kind, backend_kernel.kind) == 0)
		return &backend_kernel;
	return strcmp(kind, backend_userspace.kind) == 0 ? &backend_userspace : NULL;
}

/* One that chasqui-wg@NAME.service has started for us: nobody has put its link up. */
static int take_waiting(struct tunnel_control *t, const char *name, struct refusal *refusal)
{
	struct engine found;
	int err;

	if (t->seen.ours || t->seen.up || strcmp(t->seen.kind, KIND_TUN) != 0 ||
	    engine_find(name, &found) < 0)
		return 0;
	engine_forget(&t->engine);
	t->engine = found;
	err = device_adopt(t->nl, t->seen.ifindex, refusal);
	t->seen.ours = !err;
	return err;
}

static int check_ours(struct tunnel_control *t, const char *name, struct refusal *refusal)
{
	int err = t->seen.ifindex ? take_waiting(t, name, refusal) : 0;

	if (err || !t->seen.ifindex || (t->seen.ours && backend_of_kind(t->seen.kind)))
		return err;
	return refuse_plainly(
		refusal, -EEXIST,
		"interface %s is there and was not made as a tunnel, expected a name of its own",
		name);
}

/* A device of the other kind has to go first. */
static int drop_other_kind(struct tunnel_control *t, const char *kind, struct refusal *refusal)
{
	int err;

	if (!t->seen.ifindex || strcmp(t->seen.kind, kind) == 0)
		return 0;
	if (strcmp(t->seen.kind, KIND_TUN) == 0)
		engine_stop(&t->engine, t->wish->device.name);
	err = device_delete(t->nl, t->seen.ifindex, refusal);
	t->seen = (struct device_seen){};
	return err;
}

/* auto: as the device is that is there already; else the kernel's where it has one. */
static int choose_backend(struct tunnel_control *t, struct refusal *refusal)
{
	const char *name = t->wish->device.name;
	enum tunnel_backend wanted = t->wish->backend;
	int err;

	if (wanted == BACKEND_AUTO && t->seen.ifindex) {
		t->backend = backend_of_kind(t->seen.kind);
		return 0;
	}
	if (wanted == BACKEND_USERSPACE) {
		t->backend = &backend_userspace;
		return drop_other_kind(t, KIND_TUN, refusal);
	}
	err = drop_other_kind(t, KIND_WIREGUARD, refusal);
	if (!err && !t->seen.ifindex)
		err = device_make_wireguard(t->nl, name, refusal);
	t->backend = err ? &backend_userspace : &backend_kernel;
	if (err == -EOPNOTSUPP && wanted == BACKEND_AUTO)
		err = 0;
	return err;
}

/* Nobody may answer for a device that is not there: it would be one of another namespace. */
static int wait_nobody(const char *name, struct refusal *refusal)
{
	static const struct timespec moment = {.tv_nsec = GONE_WAIT_NS};
	struct engine other;

	for (int i = 0; i < GONE_TRIES; i++) {
		if (engine_find(name, &other) < 0)
			return 0;
		engine_forget(&other);
		nanosleep(&moment, NULL);
	}
	return refuse_plainly(
		refusal, -EEXIST,
		"a WireGuard engine answers for %s, which is not here, expected a name of its own",
		name);
}

static int start_engine(struct tunnel_control *t, struct refusal *refusal)
{
	const char *name = t->wish->device.name;
	int fd, err;

	if (tunnel_now_ms() < t->start_again_ms)
		return refuse_plainly(refusal, -EAGAIN,
				      "chasqui-wg %s is started again in a moment", name);
	err = device_open_tun(t->nl, name, &fd, refusal);
	if (!err)
		err = engine_start(name, fd, &t->engine, refusal);
	if (!err) {
		t->restarts++;
		t->failures = 0;
		t->start_again_ms = tunnel_now_ms() + RETRY_MS;
		return look(t, name, refusal);
	}
	t->failures += t->failures < RETRY_MOST;
	t->start_again_ms = tunnel_now_ms() + (long)t->failures * RETRY_MS;
	return err;
}

/* The one that runs, the one that an earlier daemon started, or a new one. */
static int have_engine(struct tunnel_control *t, struct refusal *refusal)
{
	const char *name = t->wish->device.name;
	int err;

	if (t->seen.ifindex && engine_lives(&t->engine))
		return 0;
	engine_forget(&t->engine);
	if (!t->seen.ifindex) {
		err = wait_nobody(name, refusal);
		return err ? err : start_engine(t, refusal);
	}
	if (engine_find(name, &t->engine) == 0)
		return 0;
	return start_engine(t, refusal);
}

/*
 * One that we have only found has ended, perhaps with the device that it made. Its unit may be
 * about to start it again, and there is no room for a second: of ours, or of the kernel. A change
 * of documents does not wait for that.
 */
static int leave_time(struct tunnel_control *t, struct refusal *refusal)
{
	const char *name = t->wish->device.name;

	if (t->seen.ifindex && engine_lives(&t->engine))
		return 0;
	if (t->engine.watch_fd >= 0 && !t->engine.started)
		t->others_until_ms = tunnel_now_ms() + OTHERS_MS;
	engine_forget(&t->engine);
	if (t->changing || tunnel_now_ms() >= t->others_until_ms)
		return 0;
	if (t->seen.ifindex && engine_find(name, &t->engine) == 0)
		return 0;
	return refuse_plainly(refusal, -EAGAIN,
			      "chasqui-wg %s has ended, and may be started again by its unit",
			      name);
}

/* Before the engine tries: it would find out only when the link goes up. */
static int check_port(struct tunnel_control *t, struct refusal *refusal)
{
	uint16_t port = t->wish->device.listen_port;
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	cleanup_close int fd = -1;

	if (t->seen.up || (t->before && t->before->device.listen_port == port))
		return 0;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 && errno == EADDRINUSE)
		return refuse(refusal, -EADDRINUSE, "UDP port %u, listenPort of the tunnel", port);
	return 0;
}

static int tell_engine(struct tunnel_control *t, struct refusal *refusal)
{
	cleanup(wg_device_clear) struct wg_device change = {};
	const char *name = t->wish->device.name;
	int err;

	wg_device_clear(&t->found);
	err = t->backend->get(name, &t->found, refusal);
	if (err)
		return err;
	err = difference_find(t->wish, t->changing ? t->before : t->wish, &t->found, &change);
	if (err)
		return refuse(refusal, err, "tunnel");
	if (difference_is_empty(&change))
		return 0;
	err = t->backend->set(&change, refusal);
	if (err)
		return err;
	wg_device_clear(&t->found);
	return t->backend->get(name, &t->found, refusal);
}

/* The least of the paths to the peers that are known, less what encryption adds. */
static uint32_t auto_mtu(struct tunnel_control *t)
{
	uint32_t least = 0, mtu, looked_at = 0;
	unsigned ifindex = 0;
	struct chq_addr addr;

	for (size_t i = 0; i < t->found.n_peers && looked_at < MTU_ENDPOINTS; i++) {
		if (!endpoint_addr(&t->found.peers[i].endpoint, &addr))
			continue;
		looked_at++;
		mtu = route_mtu(t->nl, &addr, t->wish->device.fwmark, &ifindex);
		if (mtu && ifindex != t->seen.ifindex && (!least || mtu < least))
			least = mtu;
	}
	if (!least)
		return t->seen.up && t->seen.mtu_bytes ? t->seen.mtu_bytes : MTU_DEFAULT;
	if (least < TUNNEL_MTU_LEAST + OVERHEAD_BYTES)
		return TUNNEL_MTU_LEAST;
	if (least > TUNNEL_MTU_MOST + OVERHEAD_BYTES)
		return TUNNEL_MTU_MOST;
	return least - OVERHEAD_BYTES;
}

static int set_link(struct tunnel_control *t, struct refusal *refusal)
{
	const struct wish *wish = t->wish;
	uint32_t mtu = wish->mtu_bytes ? wish->mtu_bytes : auto_mtu(t);
	int err = device_set_addresses(t->nl, t->seen.ifindex, wish->addresses, wish->n_addresses,
				       refusal);

	if (!err && mtu != t->seen.mtu_bytes)
		err = device_set_mtu(t->nl, t->seen.ifindex, mtu, refusal);
	if (!err)
		t->seen.mtu_bytes = mtu;
	return err;
}

/* Blackholes first; the link is up only behind its checkpoint; then the ways into it. */
static int open_ways(struct tunnel_control *t, struct refusal *refusal)
{
	const struct wish *wish = t->wish;
	const struct routes_wish ways = {wish->prefixes, wish->n_prefixes, wish->n_aside,
					 wish->device.fwmark};
	unsigned guarded = __atomic_load_n(&t->guarded, __ATOMIC_ACQUIRE);
	int err = 0;

	if (!t->seen.up) {
		err = routes_set(t->nl, 0, &ways, refusal);
		if (err || t->changing || guarded != t->seen.ifindex)
			return err;
		err = device_set_up(t->nl, t->seen.ifindex, true, refusal);
		t->seen.up = !err;
	}
	if (!err)
		err = routes_set(t->nl, t->seen.ifindex, &ways, refusal);
	return err;
}

int tunnel_make(struct tunnel_control *t, struct refusal *refusal)
{
	const char *name = t->wish->device.name;
	int err = look(t, name, refusal);

	if (!err)
		err = check_ours(t, name, refusal);
	t->made = t->made || (!err && !t->seen.ifindex);
	if (!err)
		err = leave_time(t, refusal);
	if (!err)
		err = choose_backend(t, refusal);
	if (!err && t->backend == &backend_userspace)
		err = have_engine(t, refusal);
	if (!err)
		err = look(t, name, refusal);
	if (!err)
		err = check_port(t, refusal);
	if (!err)
		err = tell_engine(t, refusal);
	if (!err)
		err = set_link(t, refusal);
	return err ? err : open_ways(t, refusal);
}

void tunnel_unmake(struct tunnel_control *t, const struct wish *wish, const struct wish *stays)
{
	const char *name = wish->device.name;
	struct engine engine = {.watch_fd = -1};
	struct device_seen seen = {};
	struct refusal unheard;

	if (stays && strcmp(stays->device.name, name) == 0)
		return;
	if (!stays)
		routes_set(t->nl, 0, NULL, &unheard);
	if (device_find(t->nl, name, &seen) < 0 || !seen.ifindex || !seen.ours)
		return;
	if (strcmp(seen.kind, KIND_TUN) == 0 && engine_find(name, &engine) == 0)
		engine_stop(&engine, name);
	device_delete(t->nl, seen.ifindex, &unheard);
	if (!stays) {
		engine_forget(&t->engine);
		t->backend = NULL;
		t->seen = (struct device_seen){};
		wg_device_clear(&t->found);
	}
}
