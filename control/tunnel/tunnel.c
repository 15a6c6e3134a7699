/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "tunnel/tunnel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "tunnel/inside.h"
#include "util/cleanup.h"

/* How often everything is looked at; with many peers it takes longer to ask. */
#define LOOK_MS	     1000
#define LOOK_MANY_MS 5000
#define MANY_PEERS   512

static void wake(struct tunnel_control *t)
{
	uint64_t one = 1;

	if (write(t->wake_fd, &one, sizeof(one)) != sizeof(one))
		return; /* it is full: the thread will wake anyway */
}

static void wake_any(void *data)
{
	wake(data);
}

/* With the lock: what tunnel_end() was told. */
static void end_change(struct tunnel_control *t)
{
	bool keep = t->end == ENDING_KEEP;
	struct wish *gone = keep ? t->before : t->wish;

	if (t->end == ENDING_NONE || !t->changing)
		return;
	if (!keep)
		t->wish = t->before;
	t->before = NULL;
	t->changing = false;
	t->end = ENDING_NONE;
	if (gone && (keep || t->made))
		tunnel_unmake(t, gone, t->wish);
	wish_free(gone);
}

/* One look at everything, and what has to be done about it. */
static void tend(struct tunnel_control *t)
{
	struct refusal refusal = {};
	int err = 0;

	pthread_mutex_lock(&t->lock);
	end_change(t);
	if (t->wish && !t->changing)
		err = tunnel_make(t, &refusal);
	if (t->wish && !t->changing && !err)
		err = tunnel_mend(t, &refusal);
	if (!t->changing && (t->wish || t->view.known))
		tunnel_publish(t, err ? refusal.text : "");
	pthread_mutex_unlock(&t->lock);
}

/* At once, before anything is tried: what is bound for a Peer must be seen to have no tunnel. */
static void tell_death(struct tunnel_control *t)
{
	pthread_mutex_lock(&t->lock);
	if (t->wish && !t->changing && t->engine.watch_fd >= 0 && !engine_lives(&t->engine))
		tunnel_publish(t, "the engine has ended");
	pthread_mutex_unlock(&t->lock);
}

static int wait_ms(const struct tunnel_control *t)
{
	return t->found.n_peers > MANY_PEERS ? LOOK_MANY_MS : LOOK_MS;
}

static void *run(void *data)
{
	struct tunnel_control *t = data;
	struct pollfd watched[2] = {{.fd = t->wake_fd, .events = POLLIN},
				    {.events = POLLIN | POLLRDHUP}};
	uint64_t count;
	int timeout;

	while (!__atomic_load_n(&t->ending, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(&t->lock);
		watched[1].fd = t->engine.watch_fd;
		timeout = wait_ms(t);
		pthread_mutex_unlock(&t->lock);
		poll(watched, 2, timeout);
		if (watched[0].revents && read(t->wake_fd, &count, sizeof(count)) < 0)
			break;
		if (__atomic_load_n(&t->ending, __ATOMIC_ACQUIRE))
			break;
		tell_death(t);
		tend(t);
	}
	return NULL;
}

static void free_all(struct tunnel_control *t)
{
	resolver_close(t->resolver);
	engine_forget(&t->engine);
	netlink_close(t->nl);
	wish_free(t->wish);
	wish_free(t->before);
	wg_device_clear(&t->found);
	tunnel_view_clear(&t->view);
	free(t->watched);
	if (t->wake_fd >= 0)
		close(t->wake_fd);
	free(t);
}

int tunnel_open(const struct tunnel_options *options, struct tunnel_control **ret)
{
	struct tunnel_control *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->options = *options;
	t->engine.watch_fd = -1;
	t->wake_fd = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_init(&t->view_lock, NULL);
	err = t->wake_fd < 0 ? -errno : netlink_open(&t->nl);
	if (!err)
		err = resolver_open(wake_any, t, &t->resolver);
	if (!err)
		err = -pthread_create(&t->thread, NULL, run, t);
	if (err) {
		free_all(t);
		return err;
	}
	*ret = t;
	return 0;
}

void tunnel_close(struct tunnel_control *t)
{
	if (!t)
		return;
	__atomic_store_n(&t->ending, true, __ATOMIC_RELEASE);
	wake(t);
	pthread_join(t->thread, NULL);
	free_all(t);
}

/* The change could not be made: back, as far as it had gone. */
static void go_back(struct tunnel_control *t)
{
	t->end = ENDING_UNDO;
	end_change(t);
	if (t->wish)
		tunnel_make(t, &(struct refusal){});
}

int tunnel_apply(struct tunnel_control *t, const struct config *config, struct refusal *refusal)
{
	const struct wish_places places = {t->options.config_directory, t->options.state_directory};
	struct wish *wish = NULL;
	int err = wish_make(config, &places, &wish, refusal);

	if (err)
		return err;
	pthread_mutex_lock(&t->lock);
	end_change(t);
	t->before = t->wish;
	t->wish = wish;
	t->changing = true;
	t->made = false;
	t->end = ENDING_NONE;
	t->start_again_ms = 0;
	if (wish)
		err = tunnel_make(t, refusal);
	if (err)
		go_back(t);
	pthread_mutex_unlock(&t->lock);
	if (err)
		wake(t);
	return err;
}

void tunnel_end(struct tunnel_control *t, bool keep)
{
	__atomic_store_n(&t->end, keep ? ENDING_KEEP : ENDING_UNDO, __ATOMIC_RELEASE);
	wake(t);
}

void tunnel_guarded(struct tunnel_control *t, unsigned ifindex)
{
	if (__atomic_exchange_n(&t->guarded, ifindex, __ATOMIC_ACQ_REL) != ifindex)
		wake(t);
}

void tunnel_poke(struct tunnel_control *t)
{
	wake(t);
}
