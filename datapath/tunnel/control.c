/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "handshake.h"
#include "log.h"

/* ---- timers and what workers ask for ---- */

static void stop(struct control *control, const char *why)
{
	log_verbose("%s: stopping", why);
	event_base_loopbreak(control->base);
}

static void plan(struct control *control)
{
	uint64_t now_ns = device_now(control->device),
		 next_ns = handshake_timers(control->device, now_ns), wait_us;
	struct timeval wait;

	if (!next_ns) {
		event_del(control->timer);
		return;
	}
	now_ns = device_now(control->device);
	wait_us = next_ns > now_ns ? (next_ns - now_ns) / 1000 + 1 : 0;
	wait = (struct timeval){.tv_sec = (time_t)(wait_us / 1000000),
				.tv_usec = (long)(wait_us % 1000000)};
	event_add(control->timer, &wait);
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	plan(data);
}

static void on_wake(evutil_socket_t fd, short what, void *data)
{
	struct control *control = data;
	uint64_t times;

	(void)what;
	if (read(fd, &times, sizeof(times)) < 0 && errno != EAGAIN)
		return;
	if (control->device->tun.gone)
		stop(control, "the device is gone");
	handshake_notices(control->device);
	/* What is left comes after the others had their turn. */
	if (handshake_work(control->device))
		device_wake(control->device);
	plan(control);
}

/* ---- configuration ---- */

static void connection_drop(struct connection *connection)
{
	struct control *control = connection->control;

	LIST_REMOVE(connection, link);
	control->connection_count--;
	if (connection->readable)
		event_free(connection->readable);
	if (connection->writable)
		event_free(connection->writable);
	close(connection->fd);
	text_free(&connection->answer);
	vault_give(&control->connection_vault, connection);
}

/* Whole lines are worked on and wiped; the rest stays. -E2BIG for a line that never ends. */
static int take_lines(struct connection *connection)
{
	char *at = connection->in, *end = connection->in + connection->held_bytes, *newline;

	while ((newline = memchr(at, '\n', end - at))) {
		*newline = '\0';
		uapi_line(&connection->uapi, at, &connection->answer);
		at = newline + 1;
	}
	connection->held_bytes = end - at;
	memmove(connection->in, at, connection->held_bytes);
	crypt_wipe(connection->in + connection->held_bytes,
		   CONNECTION_IN_BYTES - connection->held_bytes);
	if (connection->answer.err)
		return connection->answer.err;
	return connection->held_bytes > UAPI_LINE_MAX ? -E2BIG : 0;
}

/* While an answer waits for its reader nothing more is read, so that nobody can pile up answers. */
static void send_answer(struct connection *connection)
{
	struct text *answer = &connection->answer;

	while (connection->answered_bytes < answer->used) {
		ssize_t sent = send(connection->fd, answer->at + connection->answered_bytes,
				    answer->used - connection->answered_bytes,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EAGAIN) {
			event_del(connection->readable);
			event_add(connection->writable, NULL);
			return;
		}
		if (sent < 0) {
			connection_drop(connection);
			return;
		}
		connection->answered_bytes += sent;
	}
	text_free(answer);
	connection->answered_bytes = 0;
	event_add(connection->readable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	send_answer(data);
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
	struct connection *connection = data;
	struct control *control = connection->control;
	ssize_t got = read(fd, connection->in + connection->held_bytes,
			   CONNECTION_IN_BYTES - connection->held_bytes);

	(void)what;
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		connection_drop(connection);
		return;
	}
	connection->held_bytes += got;
	if (take_lines(connection))
		connection_drop(connection);
	else
		send_answer(connection);
	plan(control);
}

static void on_connection(evutil_socket_t fd, short what, void *data)
{
	struct control *control = data;
	cleanup_close int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection;

	(void)what;
	if (client < 0 || control->connection_count >= CONNECTIONS_MAX)
		return;
	connection = vault_take(&control->connection_vault);
	if (!connection)
		return;
	connection->control = control;
	uapi_init(&connection->uapi, control->device);
	connection->fd = give_fd(&client);
	connection->readable = event_new(control->base, connection->fd, EV_READ | EV_PERSIST,
					 on_readable, connection);
	connection->writable =
		event_new(control->base, connection->fd, EV_WRITE, on_writable, connection);
	LIST_INSERT_HEAD(&control->connections, connection, link);
	control->connection_count++;
	if (!connection->readable || !connection->writable || event_add(connection->readable, NULL))
		connection_drop(connection);
}

static void on_peer_gone(void *data, const struct peer *peer)
{
	struct control *control = data;
	struct connection *connection;

	LIST_FOREACH(connection, &control->connections, link)
	uapi_forget(&connection->uapi, peer);
}

/* ---- news ---- */

static void follow_link(struct control *control)
{
	struct device *device = control->device;
	struct link_state state;
	int err = link_find(&control->link, &device->tun, &state);

	if (err == -ENODEV)
		stop(control, "the device is gone");
	if (err)
		return;
	device->mtu = state.mtu;
	device->abroad = control->link.nsid != LINK_HOME;
	if (state.up == device->up)
		return;
	log_verbose("the link is %s", state.up ? "up" : "down");
	if (!state.up) {
		device_down(device);
		return;
	}
	err = device_up(device);
	if (err)
		log_error("no UDP socket on port %u: %s", device->port, strerror(-err));
	plan(control);
}

/* True where it may be about our device. Routes or addresses have changed: which source address is
 * right may have too. */
static bool take_news(struct control *control, const struct nlmsghdr *news)
{
	const struct ifinfomsg *link = NLMSG_DATA(news);

	if (news->nlmsg_type != RTM_NEWLINK && news->nlmsg_type != RTM_DELLINK) {
		atomic_fetch_add(&control->device->epoch, 1);
		return false;
	}
	return control->link.nsid != LINK_HOME || (news->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)) &&
						   link->ifi_index == control->device->tun.ifindex);
}

static void on_netlink(evutil_socket_t fd, short what, void *data)
{
	char buffer[16384] __attribute__((aligned(8)));
	struct control *control = data;
	ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	const struct nlmsghdr *news = (const struct nlmsghdr *)buffer;
	bool ours = got < 0 && errno == ENOBUFS;

	(void)what;
	if (ours)
		atomic_fetch_add(&control->device->epoch, 1);
	for (; got > 0 && NLMSG_OK(news, (size_t)got); news = NLMSG_NEXT(news, got))
		ours |= take_news(control, news);
	if (ours)
		follow_link(control);
}

/* In another namespace all that is said of links may be about ours. */
static void on_news_abroad(evutil_socket_t fd, short what, void *data)
{
	char buffer[16384] __attribute__((aligned(8)));

	(void)what;
	while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
		;
	follow_link(data);
}

/* Who removes the socket wants us to end: wg-quick(8) and people do it so. */
static void on_socket_gone(evutil_socket_t fd, short what, void *data)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct control *control = data;
	ssize_t got = read(fd, buffer, sizeof(buffer));

	(void)what;
	if (got > 0 && access(control->socket_path, F_OK))
		stop(control, "the socket is gone");
}

static void on_signal(evutil_socket_t signal_number, short what, void *data)
{
	static const char *const names[] = drop_names;
	struct control *control = data;

	(void)what;
	if (signal_number != SIGUSR1) {
		stop(control, "asked to");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		log_error("dropped, %s: %llu", names[i],
			  (unsigned long long)control->device->dropped[i]);
}

/* ---- life ---- */

/* One that nobody listens to is a leftover. */
static int remove_stale(const struct sockaddr_un *address)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -EADDRINUSE;
	if (errno == ECONNREFUSED && unlink(address->sun_path))
		return -errno;
	return 0;
}

int control_listen(const char *name, char *path, size_t path_room)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t before;
	int err;

	if (fd < 0)
		return -errno;
	mkdir(SOCKET_FOLDER, 0755);
	snprintf(address.sun_path, sizeof(address.sun_path), SOCKET_FOLDER "/%s.sock", name);
	err = remove_stale(&address);
	if (err)
		return err;
	before = umask(077);
	err = bind(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	umask(before);
	if (!err && listen(fd, CONNECTIONS_MAX))
		err = -errno;
	if (err)
		return err;
	snprintf(path, path_room, "%s", address.sun_path);
	return give_fd(&fd);
}

static struct event *watch(struct control *control, int fd, short what, event_callback_fn fn)
{
	struct event *event = event_new(control->base, fd, what, fn, control);

	if (event && !(what & EV_TIMEOUT) && event_add(event, NULL)) {
		event_free(event);
		return NULL;
	}
	return event;
}

static int watch_socket_file(struct control *control)
{
	if (!*control->socket_path)
		return 0;
	control->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (control->watch_fd < 0 ||
	    inotify_add_watch(control->watch_fd, SOCKET_FOLDER, IN_DELETE | IN_MOVED_FROM) < 0)
		return -errno;
	control->socket_gone =
		watch(control, control->watch_fd, EV_READ | EV_PERSIST, on_socket_gone);
	return control->socket_gone ? 0 : -ENOMEM;
}

int control_init(struct control *control, struct device *device, int listen_fd, const char *path)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
	int err;

	*control = (struct control){.device = device, .listen_fd = listen_fd, .watch_fd = -1};
	snprintf(control->socket_path, sizeof(control->socket_path), "%s", path);
	vault_init(&control->connection_vault, sizeof(struct connection));
	LIST_INIT(&control->connections);
	err = link_open(&control->link);
	if (err)
		return err;
	control->base = event_base_new();
	if (!control->base)
		return -ENOMEM;
	control->wake = watch(control, device->wake, EV_READ | EV_PERSIST, on_wake);
	control->timer = watch(control, -1, EV_TIMEOUT, on_timer);
	control->listener = watch(control, listen_fd, EV_READ | EV_PERSIST, on_connection);
	control->netlink = watch(control, control->link.news_fd, EV_READ | EV_PERSIST, on_netlink);
	if (control->link.abroad_fd >= 0)
		control->abroad = watch(control, control->link.abroad_fd, EV_READ | EV_PERSIST,
					on_news_abroad);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		control->signals[i] = watch(control, numbers[i], EV_SIGNAL | EV_PERSIST, on_signal);
	err = watch_socket_file(control);
	if (err)
		return err;
	device->peer_gone = on_peer_gone;
	device->peer_gone_data = control;
	return control->wake && control->timer && control->listener && control->netlink ? 0
											: -ENOMEM;
}

int control_run(struct control *control)
{
	follow_link(control);
	plan(control);
	return event_base_dispatch(control->base) < 0 ? -EIO : 0;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void control_drop(struct control *control)
{
	struct connection *connection;

	while ((connection = LIST_FIRST(&control->connections)))
		connection_drop(connection);
	free_event(control->wake);
	free_event(control->timer);
	free_event(control->listener);
	free_event(control->netlink);
	free_event(control->abroad);
	free_event(control->socket_gone);
	for (size_t i = 0; i < ARRAY_SIZE(control->signals); i++)
		free_event(control->signals[i]);
	if (control->base)
		event_base_free(control->base);
	link_close(&control->link);
	if (control->watch_fd >= 0)
		close(control->watch_fd);
	/* While it still listens: to the next engine a socket that nobody listens at is free to
	 * take. */
	if (*control->socket_path)
		unlink(control->socket_path);
	close(control->listen_fd);
	control->device->peer_gone = NULL;
}
