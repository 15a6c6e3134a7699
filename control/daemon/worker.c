// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "util/cleanup.h"

struct worker {
	struct event *finished;
	int fd;
	bool busy;
	pthread_t thread;
	void (*work)(void *data);
	void (*done)(void *data);
	void *data;
};

static void *run(void *data)
{
	struct worker *worker = data;
	uint64_t one = 1;

	worker->work(worker->data);
	while (write(worker->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	return NULL;
}

static void on_finished(evutil_socket_t fd, short what, void *data)
{
	struct worker *worker = data;
	uint64_t times;

	(void)what;
	if (read(fd, &times, sizeof(times)) != sizeof(times) || !worker->busy)
		return;
	pthread_join(worker->thread, NULL);
	worker->busy = false;
	worker->done(worker->data);
}

int worker_open(struct event_base *base, struct worker **ret)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return -ENOMEM;
	worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->finished = event_new(base, worker->fd, EV_READ | EV_PERSIST, on_finished, worker);
	if (worker->fd < 0 || !worker->finished || event_add(worker->finished, NULL) < 0) {
		worker_close(worker);
		return -ENOMEM;
	}
	*ret = worker;
	return 0;
}

/* Signals are the loop's: the thread is born with all of them blocked. */
int worker_start(struct worker *worker, void (*work)(void *data), void (*done)(void *data),
		 void *data)
{
	sigset_t all, before;
	int err;

	if (worker->busy)
		return -EBUSY;
	worker->work = work;
	worker->done = done;
	worker->data = data;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	err = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	worker->busy = err == 0;
	return -err;
}

bool worker_busy(const struct worker *worker)
{
	return worker->busy;
}

void worker_close(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->busy)
		pthread_join(worker->thread, NULL);
	if (worker->finished)
		event_free(worker->finished);
	close_p(&worker->fd);
	free(worker);
}
