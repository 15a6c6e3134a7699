/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "guard/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chasqui/guard.h"
#include "guard/state.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/standby.h"

void serve_spare(struct server *server)
{
	struct guard *guard = server->guard;

	pthread_mutex_lock(&guard->lock);
	memcpy(guard->spared, server->named, sizeof(guard->spared));
	guard->n_spared = server->n_named;
	for (size_t i = 0; i < CLIENTS_MOST && guard->n_spared < SPARED_MOST; i++)
		if (server->clients[i].fd >= 0)
			guard->spared[guard->n_spared++] = server->clients[i].pid;
	pthread_mutex_unlock(&guard->lock);
}

static int poll_add(struct server *server, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(server->poll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Whoever would have seen to it when we end is not there: it is done beforehand. */
static void spread_net(struct server *server)
{
	int err;

	for (size_t i = 0; i < CLIENTS_MOST; i++)
		if (server->clients[i].fd >= 0 && server->clients[i].watches)
			return;
	err = *server->net ? standby_set(server->net, true) : 0;
	if (err)
		log_error("the programs in %s cannot be attached: %s", server->net, strerror(-err));
}

static void drop(struct server *server, struct client *client)
{
	bool watched = client->watches;

	close(client->fd);
	*client = (struct client){.fd = -1};
	serve_spare(server);
	if (watched)
		spread_net(server);
}

static void welcome(struct server *server)
{
	cleanup_close int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred who;
	socklen_t length = sizeof(who);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) || who.uid != 0)
		return;
	for (size_t i = 0; i < CLIENTS_MOST; i++) {
		struct client *client = &server->clients[i];

		if (client->fd >= 0)
			continue;
		if (poll_add(server, fd, EPOLLIN | EPOLLOUT | EPOLLET))
			return;
		*client = (struct client){.fd = fd, .pid = who.pid};
		fd = -1;
		serve_spare(server);
		return;
	}
}

/* Receives one message, and at most one descriptor (the whole room would do for two). > 0: its
 * length; 0: the end. */
static ssize_t receive(int fd, char *text, size_t size, int *passed)
{
	char room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec part = {text, size - 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = room,
				 .msg_controllen = CMSG_LEN(sizeof(int))};
	ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	const struct cmsghdr *control = length >= 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*passed = -1;
	if (length < 0)
		return -errno;
	text[length] = '\0';
	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
		memcpy(passed, CMSG_DATA(control), sizeof(*passed));
	return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EMSGSIZE : length;
}

static int transmit(int fd, const json_t *message, int passed)
{
	char room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	cleanup_free char *text = json_dumps(message, JSON_COMPACT);
	struct iovec part = {text, text ? strlen(text) : 0};
	struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};

	if (!text)
		return -ENOMEM;
	if (passed >= 0) {
		struct cmsghdr *control;

		whole.msg_control = room;
		whole.msg_controllen = sizeof(room);
		control = CMSG_FIRSTHDR(&whole);
		control->cmsg_level = SOL_SOCKET;
		control->cmsg_type = SCM_RIGHTS;
		control->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(control), &passed, sizeof(passed));
	}
	return sendmsg(fd, &whole, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void answer(struct server *server, struct client *client, const char *text, int passed,
		   bool *done)
{
	json_t *request = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *reply;
	int fd = -1;

	reply = request_serve(server, client, request, passed, &fd, done);
	if (json_object_get(request, "re"))
		json_object_set(reply, "re", json_object_get(request, "re"));
	if (transmit(client->fd, reply, fd))
		drop(server, client);
	json_decref(request);
	json_decref(reply);
}

static void hear(struct server *server, struct client *client, bool *done)
{
	static char text[CHQ_GUARD_MESSAGE_BYTES];

	while (client->fd >= 0 && !*done) {
		int passed;
		ssize_t length = receive(client->fd, text, sizeof(text), &passed);

		if (length == -EAGAIN)
			return;
		if (length <= 0)
			drop(server, client);
		else
			answer(server, client, text, passed, done);
		close_p(&passed);
	}
}

static json_t *message_of(struct server *server, json_t *event, struct client *client)
{
	uint64_t lost = queue_lost(&server->guard->queue) + client->lost;

	return json_pack("{s:O s:I}", "event", event, "lost", (json_int_t)lost);
}

/* false: keep it. The first that has no room holds it back, as nobody has heard of it yet. */
static bool tell(struct server *server, json_t *event)
{
	bool heard = false;

	for (size_t i = 0; i < CLIENTS_MOST; i++) {
		struct client *client = &server->clients[i];
		json_t *message;
		int err;

		if (client->fd < 0 || !client->watches)
			continue;
		message = message_of(server, event, client);
		err = transmit(client->fd, message, -1);
		json_decref(message);
		if (err == -EAGAIN && !heard)
			return false;
		if (err == -EAGAIN)
			client->lost++;
		else if (err)
			drop(server, client);
		heard = heard || !err;
	}
	return heard;
}

static void tell_events(struct server *server)
{
	struct queue *queue = &server->guard->queue;
	uint64_t drained;
	json_t *event;

	if (read(queue->wake, &drained, sizeof(drained)) < 0 && errno != EAGAIN)
		return;
	while ((event = queue_take(queue))) {
		if (!tell(server, event)) {
			queue_return(queue, event);
			return;
		}
		json_decref(event);
	}
}

static void save(struct server *server)
{
	struct guard *guard = server->guard;
	json_t *files;
	int err;

	pthread_mutex_lock(&guard->lock);
	files = files_save(guard->files);
	pthread_mutex_unlock(&guard->lock);
	err = state_save(guard->state_directory, guard->rules->document, files);
	if (err)
		log_error("%s/" CHQ_GUARD_STATE ": %s", guard->state_directory, strerror(-err));
	server->unsaved = guard->watch.changed = false;
}

static void on_ready(struct server *server, int fd, bool *done)
{
	struct guard *guard = server->guard;

	if (fd == server->listener) {
		welcome(server);
	} else if (fd == guard->watch.inotify) {
		watch_work(&guard->watch, guard->rules);
	} else if (fd == server->mounts) {
		/* Another file system may lie over one of the paths now. */
		watch_scan(&guard->watch, guard->rules, NULL);
	} else if (fd != guard->queue.wake) {
		for (size_t i = 0; i < CLIENTS_MOST; i++)
			if (server->clients[i].fd == fd)
				hear(server, &server->clients[i], done);
	}
	tell_events(server);
	if (atomic_exchange(&guard->came, false))
		watch_adopt(&guard->watch);
}

static int begin(struct server *server)
{
	int err;

	for (size_t i = 0; i < CLIENTS_MOST; i++)
		server->clients[i].fd = -1;
	server->poll = epoll_create1(EPOLL_CLOEXEC);
	server->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (server->poll < 0)
		return -errno;
	err = poll_add(server, server->listener, EPOLLIN);
	err = err ?: poll_add(server, server->guard->watch.inotify, EPOLLIN);
	err = err ?: poll_add(server, server->guard->queue.wake, EPOLLIN);
	if (!err && server->mounts >= 0)
		err = poll_add(server, server->mounts, EPOLLPRI | EPOLLET);
	return err;
}

int serve_run(struct guard *guard, int listener)
{
	static struct server server;
	struct epoll_event ready[8];
	bool done = false;
	int err;

	server.guard = guard;
	server.listener = listener;
	err = begin(&server);
	if (err)
		return err;
	server.look = true;
	while (!done) {
		int n;

		if (server.look)
			held_look(&server.held, guard->files, &guard->lock);
		server.look = false;
		n = epoll_wait(server.poll, ready, 8, -1);

		for (int i = 0; i < n && !done; i++)
			on_ready(&server, ready[i].data.fd, &done);
		if (server.unsaved || guard->watch.changed)
			save(&server);
	}
	return 0;
}
