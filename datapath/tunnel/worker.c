/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "worker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TUN_BYTES (sizeof(struct virtio_net_hdr) + UINT16_MAX + 1)

/* FROM_TUN is the first queue. */
enum source { TO_STOP, FROM_SOCKET4, FROM_SOCKET6, FROM_TUN, SOURCES = FROM_TUN + TUN_QUEUES_EACH };

static void *map(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int watch(struct worker *worker, int fd, uint32_t source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};

	return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int watch_all(struct worker *worker)
{
	int err = watch(worker, worker->device->stop, TO_STOP);

	for (int i = 0; i < worker->device->tun.each && !err; i++)
		err = watch(worker, worker->queues[i], FROM_TUN + i);
	return err;
}

int worker_init(struct worker *worker, struct device *device, int number)
{
	int err;

	memset(worker, 0, sizeof(*worker));
	worker->device = device;
	worker->number = number;
	worker->queues = &device->tun.fds[number * device->tun.each];
	worker->merge.fds = worker->queues;
	worker->merge.fd_count = device->tun.each;
	worker->merge.header = device->tun.header;
	worker->merge.udp = device->tun.udp_segments;
	crypt_random(&worker->jitter_state, sizeof(worker->jitter_state));
	pthread_mutex_init(&worker->lock, NULL);
	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	worker->from_tun = map(TUN_BYTES);
	worker->receive_memory = map((size_t)RECEIVE_MESSAGES * RECEIVE_BYTES);
	if (worker->epoll < 0 || !worker->from_tun || !worker->receive_memory)
		return -ENOMEM;
	err = aead_make(&worker->aead, device->aead.kind);
	err = err ?: route_init(&worker->route);
	return err
	    ?: outbox_init(&worker->outbox, &device->sockets[number], &device->epoch, &worker->aead)
	    ?: watch_all(worker);
}

void worker_drop(struct worker *worker)
{
	if (worker->epoll > 0)
		close(worker->epoll);
	if (worker->from_tun)
		munmap(worker->from_tun, TUN_BYTES);
	if (worker->receive_memory)
		munmap(worker->receive_memory, (size_t)RECEIVE_MESSAGES * RECEIVE_BYTES);
	route_drop(&worker->route);
	outbox_drop(&worker->outbox);
	aead_drop(&worker->aead);
}

/* Closed descriptors have left the epoll set by themselves. */
void worker_watch_sockets(struct worker *worker)
{
	const struct sockets *sockets = &worker->device->sockets[worker->number];

	if (sockets->fd4 >= 0)
		watch(worker, sockets->fd4, FROM_SOCKET4);
	if (sockets->fd6 >= 0)
		watch(worker, sockets->fd6, FROM_SOCKET6);
}

void worker_lost_device(struct worker *worker, int fd)
{
	epoll_ctl(worker->epoll, EPOLL_CTL_DEL, fd, NULL);
	atomic_store(&worker->device->tun.gone, true);
	device_wake(worker->device);
}

/* xorshift: the jitter need not be a secret. */
uint32_t worker_jitter_ms(struct worker *worker)
{
	uint32_t state = worker->jitter_state | 1;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	worker->jitter_state = state;
	return state % JITTER_MS;
}

struct peer *worker_find(struct worker *worker, const uint8_t *address, uint8_t bytes)
{
	const struct device *device = worker->device;
	uint32_t generation = atomic_load_explicit(&device->generation, memory_order_relaxed);

	if (worker->cache_generation == generation && worker->cache_bytes == bytes &&
	    !memcmp(worker->cache_address, address, bytes))
		return worker->cache_peer;
	worker->cache_peer = bytes == 4 ? allowed_find4(&device->allowed, address)
					: allowed_find6(&device->allowed, address);
	worker->cache_generation = generation;
	worker->cache_bytes = bytes;
	memcpy(worker->cache_address, address, bytes);
	return worker->cache_peer;
}

/* What the kernel did not take, on either side. */
static void count_lost(struct worker *worker)
{
	uint64_t lost = worker->outbox.lost + worker->merge.lost;

	if (!lost)
		return;
	atomic_fetch_add_explicit(&worker->device->dropped[DROP_LOST], lost, memory_order_relaxed);
	worker->outbox.lost = worker->merge.lost = 0;
}

/* At most a batch, so that no source waits long for the others; what is left is there in the next
 * round. */
static void turn(struct worker *worker, uint32_t source)
{
	const struct sockets *sockets = &worker->device->sockets[worker->number];

	device_enter(worker->device, &worker->lock);
	worker->now_ns = device_now(worker->device);
	if (source >= FROM_TUN)
		transmit_batch(worker, source - FROM_TUN);
	else if (source == FROM_SOCKET4 && sockets->fd4 >= 0)
		receive_batch(worker, sockets->fd4, &worker->heard4);
	else if (source == FROM_SOCKET6 && sockets->fd6 >= 0)
		receive_batch(worker, sockets->fd6, &worker->heard6);
	count_lost(worker);
	device_leave(&worker->lock);
}

static struct backlog *backlog_of(struct worker *worker, uint32_t source)
{
	if (source == FROM_SOCKET4)
		return &worker->heard4;
	if (source == FROM_SOCKET6)
		return &worker->heard6;
	return &worker->backlogs[source - FROM_TUN];
}

/* Looks on for what comes before it sleeps; 0 where that was in vain. */
static int look_on(struct worker *worker, struct epoll_event events[SOURCES])
{
	uint64_t from_ns = device_now(worker->device), now_ns = from_ns;
	int ready = 0;

	while (now_ns - from_ns < POLLING_NS) {
		ready = epoll_wait(worker->epoll, events, SOURCES, 0);
		if (ready)
			break;
		sched_yield();
		now_ns = device_now(worker->device);
	}
	polling_looked(&worker->polling, from_ns, now_ns);
	return ready;
}

/*
 * What a turn may have left is there at once, or nothing is: a source that is not ready has been
 * emptied, whatever the turn saw. A rest is always ready.
 */
static int after_left(struct worker *worker, struct epoll_event events[SOURCES], int ready)
{
	uint32_t found = 0;

	worker->left = false;
	for (int i = 0; i < ready; i++)
		found |= 1u << events[i].data.u32;
	for (uint32_t source = FROM_SOCKET4; source < SOURCES; source++)
		if (!(found & 1u << source))
			backlog_is_empty(backlog_of(worker, source));
	if (worker->rest.any && !(found >> FROM_TUN))
		events[ready++].data.u32 = FROM_TUN + worker->rest.queue;
	return ready;
}

static int wait_for(struct worker *worker, struct epoll_event events[SOURCES])
{
	bool left = worker->left;
	int ready = 0;

	if (!left && polling_is_worth(&worker->polling, worker->now_ns))
		ready = look_on(worker, events);
	if (!ready)
		ready = epoll_wait(worker->epoll, events, SOURCES, left ? 0 : -1);
	return left && ready >= 0 ? after_left(worker, events, ready) : ready;
}

static void pause_shortly(void)
{
	const struct timespec pause = {.tv_nsec = MODERATION_PAUSE_NS};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

static void *run(void *data)
{
	struct worker *worker = data;
	struct epoll_event events[SOURCES];

	while (!atomic_load(&worker->device->stopping)) {
		int ready = wait_for(worker, events);
		uint64_t from_ns = device_now(worker->device);

		for (int i = 0; i < ready; i++)
			turn(worker, events[i].data.u32);
		worker->now_ns = device_now(worker->device);
		polling_worked(&worker->polling, from_ns, worker->now_ns);
		if (moderation_pauses(&worker->moderation, worker->now_ns, worker->left))
			pause_shortly();
	}
	return NULL;
}

/* Of the kernel's struct (sched_setattr(2)) what its first version had. */
struct schedule {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

/* Who asks for short turns gets them earlier (since Linux 6.12); for how much, nice says. */
#define HURRY_NICE	 (-5)
#define HURRY_RUNTIME_NS 100000

void workers_hurry(bool on)
{
	struct schedule schedule = {.size = sizeof(schedule)};
	int nice_now = getpriority(PRIO_PROCESS, 0);

	if (nice_now && (on || nice_now != HURRY_NICE))
		return;
	schedule.nice = on ? HURRY_NICE : 0;
	schedule.runtime_ns = on ? HURRY_RUNTIME_NS : 0;
	if (!syscall(SYS_sched_setattr, 0, &schedule, 0))
		return;
	schedule.nice = 0;
	syscall(SYS_sched_setattr, 0, &schedule, 0);
}

int worker_start(struct worker *worker)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}
