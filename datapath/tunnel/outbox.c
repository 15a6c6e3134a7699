/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "outbox.h"

#include <errno.h>
#include <sys/mman.h>

#include "message.h"

int outbox_init(struct outbox *outbox, struct sockets *sockets, const _Atomic uint32_t *epoch,
		struct aead *aead)
{
	uint8_t *memory = mmap(NULL, OUTBOX_BYTES, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -ENOMEM;
	outbox->sockets = sockets;
	outbox->epoch = epoch;
	outbox->aead = aead;
	outbox->memory = memory;
	return 0;
}

void outbox_drop(struct outbox *outbox)
{
	if (outbox->memory)
		munmap(outbox->memory, OUTBOX_BYTES);
	outbox->memory = NULL;
}

static bool fits(const struct outbox *outbox, uint32_t room)
{
	return outbox->job_count < OUTBOX_MESSAGES && outbox->train_count < OUTBOX_TRAINS &&
	       outbox->used + room + DATA_OVERHEAD_BYTES <= OUTBOX_BYTES;
}

uint8_t *outbox_text(struct outbox *outbox, uint32_t room)
{
	if (!fits(outbox, room))
		outbox_flush(outbox);
	return outbox->memory + outbox->used + sizeof(struct message_data);
}

static bool same_outer(struct outer a, struct outer b)
{
	return a.tos == b.tos && a.ttl == b.ttl;
}

/* How many more of this size a train takes that has `count` and `bytes_now`. */
static uint32_t room_in_train(uint32_t count, uint32_t bytes_now, uint32_t bytes)
{
	if (bytes_now + bytes > TRAIN_BYTES)
		return 0;
	return min_size(TRAIN_MESSAGES - count, (TRAIN_BYTES - bytes_now) / bytes);
}

/* The last train of this peer, if the message may still join it: order within a peer is kept. Else
 * the place of the next one. */
static uint32_t train_for(const struct outbox *outbox, const struct peer *peer, uint32_t bytes,
			  struct outer outer)
{
	for (uint32_t i = outbox->train_count; i-- > 0;) {
		const struct train *train = &outbox->trains[i];

		if (train->peer != peer)
			continue;
		if (!train->closed && same_outer(train->outer, outer) &&
		    bytes <= train->each_bytes && room_in_train(train->count, train->bytes, bytes))
			return i;
		break;
	}
	return outbox->train_count;
}

uint32_t outbox_until_full(const struct outbox *outbox, const struct peer *peer, uint32_t bytes,
			   struct outer outer)
{
	uint32_t i = train_for(outbox, peer, bytes, outer);

	if (i < outbox->train_count)
		return room_in_train(outbox->trains[i].count, outbox->trains[i].bytes, bytes);
	return outbox_train(bytes);
}

uint32_t outbox_train(uint32_t bytes)
{
	return room_in_train(0, 0, bytes) ?: 1;
}

static void begin_train(struct outbox *outbox, struct peer *peer, uint32_t bytes,
			struct outer outer)
{
	struct train *train = &outbox->trains[outbox->train_count++];

	train->peer = peer;
	train->to = peer_endpoint(peer);
	train->part_count = train->count = train->bytes = 0;
	train->each_bytes = bytes;
	train->outer = outer;
	train->closed = false;
}

static void join(struct train *train, uint8_t *message, uint32_t bytes)
{
	struct iovec *last = train->part_count ? &train->parts[train->part_count - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == message)
		last->iov_len += bytes;
	else
		train->parts[train->part_count++] = (struct iovec){message, bytes};
	train->count++;
	train->bytes += bytes;
	train->closed = bytes < train->each_bytes;
}

static void seal(struct outbox *outbox)
{
	aead_seal(outbox->aead, outbox->jobs + outbox->sealed_count,
		  outbox->job_count - outbox->sealed_count);
	outbox->sealed_count = outbox->job_count;
	outbox->sealed = outbox->used;
}

void outbox_add(struct outbox *outbox, struct peer *peer, const struct session *session,
		uint64_t counter, uint32_t length, struct outer outer)
{
	uint32_t bytes = length + DATA_OVERHEAD_BYTES;
	uint8_t *message = outbox->memory + outbox->used;
	struct message_data *header = (struct message_data *)message;
	uint32_t i = train_for(outbox, peer, bytes, outer);

	put_le32(header->type, MESSAGE_DATA);
	put_le32(header->receiver, session->remote_index);
	put_le64(header->counter, counter);
	outbox->jobs[outbox->job_count++] = (struct aead_job){
		.key = session->send_key,
		.text = message + sizeof(*header),
		.length = length,
		.counter = counter,
	};
	if (i == outbox->train_count)
		begin_train(outbox, peer, bytes, outer);
	join(&outbox->trains[i], message, bytes);
	outbox->used += bytes;
	if (outbox->used - outbox->sealed >= AEAD_BURST_BYTES)
		seal(outbox);
}

static int socket_for(const struct sockets *sockets, const struct endpoint *to)
{
	return to->to.any.sa_family == AF_INET ? sockets->fd4 : sockets->fd6;
}

static bool *no_gso_for(struct sockets *sockets, const struct endpoint *to)
{
	return to->to.any.sa_family == AF_INET ? &sockets->no_gso4 : &sockets->no_gso6;
}

static int send_parts(int fd, struct msghdr *message)
{
	return sendmsg(fd, message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int outbox_send_one(struct sockets *sockets, struct endpoint *to, uint32_t epoch,
		    struct outer outer, const void *data, size_t length)
{
	char control[SOCKET_CONTROL_BYTES] __attribute__((aligned(8)));
	struct iovec part = {(void *)data, length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int fd = socket_for(sockets, to), err;

	if (fd < 0 || !to->to.any.sa_family)
		return -EDESTADDRREQ;
	socket_address(&message, control, to, epoch, outer, 0);
	err = send_parts(fd, &message);
	if (err && to->local_epoch) {
		/* Our address of then may be gone. */
		to->local_epoch = 0;
		socket_address(&message, control, to, epoch, outer, 0);
		err = send_parts(fd, &message);
	}
	return err;
}

/* The slow way: message by message, without segmentation and, if need be, without the source
 * address. */
static void send_singly(struct outbox *outbox, struct train *train)
{
	uint32_t epoch = atomic_load_explicit(outbox->epoch, memory_order_relaxed);
	bool had_source = train->to.local_epoch;

	for (uint32_t part = 0; part < train->part_count; part++) {
		uint8_t *at = train->parts[part].iov_base;
		size_t rest = train->parts[part].iov_len;

		while (rest) {
			size_t bytes = min_size(rest, train->each_bytes);

			if (outbox_send_one(outbox->sockets, &train->to, epoch, train->outer, at,
					    bytes))
				outbox->lost++;
			at += bytes;
			rest -= bytes;
		}
	}
	if (had_source && !train->to.local_epoch)
		peer_forget_source(train->peer);
}

/* EIO: the device has no checksum for it. EINVAL, EMSGSIZE: a message is larger than the path's
 * MTU. */
static void after_refusal(struct outbox *outbox, struct train *train, int err)
{
	if (err == EIO && train->count > 1)
		*no_gso_for(outbox->sockets, &train->to) = true;
	if (err == EAGAIN || err == ENOBUFS)
		outbox->lost += train->count;
	else
		send_singly(outbox, train);
}

static void prepare(struct outbox *outbox, struct train *train, struct mmsghdr *message,
		    char *control)
{
	uint32_t epoch = atomic_load_explicit(outbox->epoch, memory_order_relaxed);

	*message = (struct mmsghdr){};
	message->msg_hdr.msg_iov = train->parts;
	message->msg_hdr.msg_iovlen = train->part_count;
	socket_address(&message->msg_hdr, control, &train->to, epoch, train->outer,
		       train->count > 1 ? train->each_bytes : 0);
}

/* Trains that follow each other and leave by the same socket go in one call. */
static uint32_t send_run(struct outbox *outbox, uint32_t first)
{
	int fd = socket_for(outbox->sockets, &outbox->trains[first].to), sent;
	uint32_t count = 0;

	while (first + count < outbox->train_count) {
		struct train *train = &outbox->trains[first + count];

		if (!train->to.to.any.sa_family || socket_for(outbox->sockets, &train->to) != fd ||
		    (train->count > 1 && *no_gso_for(outbox->sockets, &train->to)))
			break;
		prepare(outbox, train, &outbox->messages[count], outbox->control[count]);
		count++;
	}
	if (!count || fd < 0) {
		send_singly(outbox, &outbox->trains[first]);
		return 1;
	}
	sent = sendmmsg(fd, outbox->messages, count, MSG_NOSIGNAL);
	if (sent > 0)
		return sent;
	after_refusal(outbox, &outbox->trains[first], errno);
	return 1;
}

void outbox_flush(struct outbox *outbox)
{
	seal(outbox);
	for (uint32_t first = 0; first < outbox->train_count;)
		first += send_run(outbox, first);
	outbox->used = outbox->sealed = 0;
	outbox->job_count = outbox->sealed_count = 0;
	outbox->train_count = 0;
}
