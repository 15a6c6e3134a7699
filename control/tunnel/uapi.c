/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel/uapi.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "tunnel/wish.h"
#include "util/addr.h"
#include "util/cleanup.h"

/* An engine that is busy may be slow; one that is stopped is given up on. */
#define PATIENCE_S 20
#define ROOM_BYTES 65536

int uapi_connect(const char *name, int *ret_fd)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = PATIENCE_S};

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), UAPI_DIRECTORY "/%s.sock", name);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int write_all(int fd, const char *text, size_t bytes)
{
	ssize_t done;

	for (; bytes; text += done, bytes -= done) {
		done = send(fd, text, bytes, MSG_NOSIGNAL);
		if (done < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	return 0;
}

static int read_lines(struct uapi_answer *answer, char *text, size_t bytes, size_t *ret_used)
{
	char *start = text, *end;
	int err = 0;

	while (!err && !answer->ended && (end = memchr(start, '\n', text + bytes - start))) {
		*end = '\0';
		err = uapi_read_line(answer, start);
		start = end + 1;
	}
	*ret_used = start - text;
	return err;
}

/* The room is wiped: keys are in what is read. */
static int read_answer(int fd, struct uapi_answer *answer)
{
	cleanup_free char *room = malloc(ROOM_BYTES);
	size_t held = 0, used = 0;
	ssize_t more;
	int err = room ? 0 : -ENOMEM;

	while (!err && !answer->ended) {
		more = held < ROOM_BYTES ? recv(fd, room + held, ROOM_BYTES - held, 0) : 0;
		if (more <= 0) {
			err = more == 0 ? -EBADMSG : errno == EAGAIN ? -ETIMEDOUT : -errno;
			break;
		}
		held += more;
		err = read_lines(answer, room, held, &used);
		memmove(room, room + used, held - used);
		held -= used;
	}
	if (room)
		explicit_bzero(room, ROOM_BYTES);
	return err;
}

static int refuse_engine(struct refusal *refusal, int err, const char *name)
{
	if (err == -ENOENT || err == -ECONNREFUSED)
		return refuse_plainly(refusal, err, "no WireGuard engine answers for %s", name);
	return refuse(refusal, err, "the WireGuard engine of %s", name);
}

int uapi_get(const char *name, struct wg_device *ret, struct refusal *refusal)
{
	static const char request[] = "get=1\n\n";
	cleanup(wg_device_clear) struct wg_device device = {};
	struct uapi_answer answer = {.device = &device};
	cleanup_close int fd = -1;
	int err = uapi_connect(name, &fd);

	if (!err)
		err = write_all(fd, request, strlen(request));
	if (!err)
		err = read_answer(fd, &answer);
	if (!err)
		err = answer.error;
	if (err)
		return refuse_engine(refusal, err, name);
	snprintf(device.name, sizeof(device.name), "%s", name);
	*ret = device;
	device = (struct wg_device){};
	return 0;
}

/* A request as it is put together; it is sent whenever the room is full. */
struct request {
	int fd, err;
	size_t used;
	char text[ROOM_BYTES];
};

static void add(struct request *request, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct request *request, const char *format, ...)
{
	va_list args;

	if (request->used + 256 > sizeof(request->text) && !request->err) {
		request->err = write_all(request->fd, request->text, request->used);
		request->used = 0;
	}
	if (request->err)
		return;
	va_start(args, format);
	request->used += vsnprintf(request->text + request->used, 256, format, args);
	va_end(args);
}

static void add_key(struct request *request, const char *name, const struct wg_key *key)
{
	char hex[2 * WG_KEY_BYTES + 1];

	for (size_t i = 0; i < WG_KEY_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", key->byte[i]);
	add(request, "%s=%s\n", name, hex);
	explicit_bzero(hex, sizeof(hex));
}

static void add_peer(struct request *request, const struct wg_peer *peer)
{
	char text[ENDPOINT_TEXT_BYTES];

	add_key(request, "public_key", &peer->public_key);
	if (peer->change & WG_PEER_REMOVE)
		add(request, "remove=true\n");
	if (peer->change & WG_PEER_UPDATE_ONLY)
		add(request, "update_only=true\n");
	if (peer->change & WG_PEER_SET_PRESHARED)
		add_key(request, "preshared_key", &peer->preshared_key);
	if (peer->change & WG_PEER_SET_ENDPOINT && *endpoint_print(&peer->endpoint, text))
		add(request, "endpoint=%s\n", text);
	if (peer->change & WG_PEER_SET_KEEPALIVE)
		add(request, "persistent_keepalive_interval=%u\n", peer->keepalive_s);
	if (peer->change & WG_PEER_REPLACE_ALLOWED)
		add(request, "replace_allowed_ips=true\n");
	for (size_t i = 0; i < peer->n_allowed; i++) {
		char prefix[PREFIX_TEXT_BYTES];

		add(request, "allowed_ip=%s\n", prefix_print(&peer->allowed[i], prefix));
	}
}

static int send_change(struct request *request, const struct wg_device *change)
{
	add(request, "set=1\n");
	if (change->change & WG_SET_PRIVATE)
		add_key(request, "private_key", &change->private_key);
	if (change->change & WG_SET_PORT)
		add(request, "listen_port=%u\n", change->listen_port);
	if (change->change & WG_SET_FWMARK)
		add(request, "fwmark=%u\n", change->fwmark);
	for (size_t i = 0; i < change->n_peers; i++)
		add_peer(request, &change->peers[i]);
	add(request, "\n");
	if (!request->err)
		request->err = write_all(request->fd, request->text, request->used);
	return request->err;
}

int uapi_set(const struct wg_device *change, struct refusal *refusal)
{
	cleanup_free struct request *request = calloc(1, sizeof(*request));
	struct uapi_answer answer = {};
	cleanup_close int fd = -1;
	int err = request ? uapi_connect(change->name, &fd) : -ENOMEM;

	if (!err) {
		request->fd = fd;
		err = send_change(request, change);
		explicit_bzero(request->text, sizeof(request->text));
	}
	if (!err)
		err = read_answer(fd, &answer);
	if (!err)
		err = answer.error;
	if (err == -EADDRINUSE)
		return refuse(refusal, err, "UDP port %u", change->listen_port);
	return err ? refuse_engine(refusal, err, change->name) : 0;
}
