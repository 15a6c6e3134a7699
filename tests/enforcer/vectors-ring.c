/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* io_uring(7), by its bare system calls. */
#include "vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	int fd;
	unsigned *tail, *array, *head, *done_tail;
	unsigned mask, done_mask;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *done;
};

static int ring_open(struct ring *ret)
{
	struct io_uring_params params = {0};
	char *rings;

	ret->fd = (int)syscall(SYS_io_uring_setup, 4, &params);
	if (ret->fd < 0)
		return errno;
	rings = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ret->fd,
		     IORING_OFF_SQ_RING);
	ret->entries =
		mmap(NULL, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_POPULATE, ret->fd, IORING_OFF_SQES);
	if (rings == MAP_FAILED || ret->entries == MAP_FAILED)
		return errno;
	ret->tail = (unsigned *)(rings + params.sq_off.tail);
	ret->array = (unsigned *)(rings + params.sq_off.array);
	ret->mask = *(unsigned *)(rings + params.sq_off.ring_mask);
	ret->head = (unsigned *)(rings + params.cq_off.head);
	ret->done_tail = (unsigned *)(rings + params.cq_off.tail);
	ret->done_mask = *(unsigned *)(rings + params.cq_off.ring_mask);
	ret->done = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
	return 0;
}

/* Does one thing and waits for it; what came of it. */
static int ring_do(struct ring *ring, const struct io_uring_sqe *entry)
{
	unsigned at = *ring->tail & ring->mask;
	int result;

	ring->entries[at] = *entry;
	ring->array[at] = at;
	__atomic_store_n(ring->tail, *ring->tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	while (__atomic_load_n(ring->done_tail, __ATOMIC_ACQUIRE) == *ring->head)
		usleep(1000);
	result = ring->done[*ring->head & ring->done_mask].res;
	__atomic_store_n(ring->head, *ring->head + 1, __ATOMIC_RELEASE);
	return result;
}

static int ring_read(struct ring *ring, struct scene *scene, int fd)
{
	struct io_uring_sqe entry = {.opcode = IORING_OP_READ,
				     .fd = fd,
				     .len = FILE_BYTES,
				     .addr = (uintptr_t)scene->loot};
	int result = ring_do(ring, &entry);

	return result < 0 ? -result : 0;
}

static int read_by_ring(struct scene *scene)
{
	struct ring ring;
	int err = ring_open(&ring), fd = open(scene->file, O_RDONLY);

	return err || fd < 0 ? err ?: errno : ring_read(&ring, scene, fd);
}

static int open_by_ring(struct scene *scene)
{
	struct io_uring_sqe entry = {.opcode = IORING_OP_OPENAT,
				     .fd = AT_FDCWD,
				     .addr = (uintptr_t)scene->file,
				     .open_flags = O_RDONLY};
	struct ring ring;
	int fd, err = ring_open(&ring);

	if (err)
		return err;
	fd = ring_do(&ring, &entry);
	return fd < 0 ? -fd : ring_read(&ring, scene, fd);
}

const struct vector ringing[] = {
	{"io_uring-read", read_by_ring},
	{"io_uring-open-and-read", open_by_ring},
	{},
};
