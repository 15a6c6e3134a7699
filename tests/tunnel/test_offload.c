/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "../../datapath/tunnel/checksum.h"
#include "../../datapath/tunnel/merge.h"
#include "../../datapath/tunnel/split.h"
#include "tunnel_test.h"
#include "../../datapath/tunnel/worker.h"

/* ---- packets ---- */

struct frame {
	uint8_t bytes[512];
	uint32_t length;
};

#define ACK 0x10
#define PSH 0x08
#define FIN 0x01

static void finish(struct frame *frame, uint32_t at, int protocol)
{
	uint8_t *place = frame->bytes + at + (protocol == IPPROTO_TCP ? 16 : 6);
	uint16_t sum;

	memset(place, 0, 2);
	sum = ~checksum_fold(
		checksum_add(checksum_pseudo(frame->bytes, protocol, frame->length - at),
			     frame->bytes + at, frame->length - at));
	memcpy(place, &sum, sizeof(sum));
}

/* Addresses end in `host`; ports are fixed. */
static uint32_t ip(struct frame *frame, int version, int protocol, uint8_t host, uint32_t transport)
{
	uint32_t at = version == 4 ? 20 : 40;

	memset(frame, 0, sizeof(*frame));
	frame->length = at + transport;
	if (version == 4) {
		frame->bytes[0] = 0x45;
		put_be16(frame->bytes + 2, frame->length);
		put_be16(frame->bytes + 6, 0x4000);
		frame->bytes[8] = 64;
		frame->bytes[9] = protocol;
		frame->bytes[15] = 1, frame->bytes[19] = host;
		checksum_header4(frame->bytes, 20);
	} else {
		frame->bytes[0] = 0x60;
		put_be16(frame->bytes + 4, transport);
		frame->bytes[6] = protocol;
		frame->bytes[7] = 64;
		frame->bytes[23] = 1, frame->bytes[39] = host;
	}
	put_be16(frame->bytes + at, 1000);
	put_be16(frame->bytes + at + 2, 2000);
	return at;
}

static struct frame tcp(int version, uint8_t host, uint32_t sequence, uint32_t payload,
			uint8_t flags)
{
	struct frame frame;
	uint32_t at = ip(&frame, version, IPPROTO_TCP, host, 20 + payload);

	put_be32(frame.bytes + at + 4, sequence);
	put_be32(frame.bytes + at + 8, 1);
	frame.bytes[at + 12] = 5 << 4;
	frame.bytes[at + 13] = flags;
	for (uint32_t i = 0; i < payload; i++)
		frame.bytes[at + 20 + i] = sequence + i;
	finish(&frame, at, IPPROTO_TCP);
	return frame;
}

static struct frame udp(int version, uint8_t host, uint32_t payload)
{
	struct frame frame;
	uint32_t at = ip(&frame, version, IPPROTO_UDP, host, 8 + payload);

	put_be16(frame.bytes + at + 4, 8 + payload);
	finish(&frame, at, IPPROTO_UDP);
	return frame;
}

static bool checksums_right(const uint8_t *packet, uint32_t length)
{
	uint32_t at = packet[0] >> 4 == 4 ? 20 : 40;
	uint8_t protocol = packet[0] >> 4 == 4 ? packet[9] : packet[6];

	if (at == 20 && checksum_fold(checksum_add(0, packet, 20)) != 0xffff)
		return false;
	return checksum_fold(checksum_add(checksum_pseudo(packet, protocol, length - at),
					  packet + at, length - at)) == 0xffff;
}

/* ---- from the TUN ---- */

static void a_train_is_cut_right(void **state)
{
	static const struct {
		int version;
		bool udp;
		uint32_t each;
	} rows[] = {
		{4, false, 140},
		{6, false, 160},
		{4, true, 128},
		{6, true, 148},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct frame frame = rows[i].udp ? udp(rows[i].version, 2, 200)
						 : tcp(rows[i].version, 2, 1, 200, ACK | PSH | FIN);
		uint32_t at = rows[i].version == 4 ? 20 : 40;
		struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						.gso_size = 100,
						.csum_start = at,
						.csum_offset = rows[i].udp ? 6 : 16,
						.hdr_len = frame.length};
		struct super super;

		header.gso_type = rows[i].udp ? VIRTIO_NET_HDR_GSO_UDP_L4
				  : at == 20  ? VIRTIO_NET_HDR_GSO_TCPV4
					      : VIRTIO_NET_HDR_GSO_TCPV6;
		assert_int_equal(0, super_open(&super, &header, frame.bytes, frame.length));
		assert_int_equal(2, super.count);
		for (uint32_t n = 0; n < 2; n++) {
			uint8_t out[512];

			assert_int_equal(rows[i].each, super_length(&super, n));
			super_write(&super, n, out);
			assert_true(checksums_right(out, rows[i].each));
			if (rows[i].udp)
				continue;
			assert_int_equal(1 + 100 * n, get_be32(out + at + 4));
			assert_int_equal(n ? ACK | PSH | FIN : ACK, out[at + 13]);
			if (at == 20)
				assert_int_equal(n, get_be16(out + 4));
		}
	}
}

static void a_checksum_is_finished(void **state)
{
	struct frame frame = tcp(4, 2, 1, 33, ACK);
	struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = 16};
	uint16_t sum = checksum_fold(checksum_pseudo(frame.bytes, IPPROTO_TCP, 53));
	struct super super;

	(void)state;
	memcpy(frame.bytes + 36, &sum, sizeof(sum));
	assert_int_equal(0, super_open(&super, &header, frame.bytes, frame.length));
	assert_true(checksums_right(frame.bytes, frame.length));
}

static void headers_that_lie_are_refused(void **state)
{
	struct frame frame = tcp(4, 2, 1, 200, ACK);
	struct virtio_net_hdr good = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				      .gso_size = 100,
				      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				      .csum_start = 20,
				      .csum_offset = 16},
			      bad;
	struct super super;

	(void)state;
	bad = good, bad.gso_size = 0;
	assert_int_not_equal(0, super_open(&super, &bad, frame.bytes, frame.length));
	bad = good, bad.csum_start = 230;
	assert_int_not_equal(0, super_open(&super, &bad, frame.bytes, frame.length));
	bad = good, bad.csum_start = 65535;
	assert_int_not_equal(0, super_open(&super, &bad, frame.bytes, frame.length));
	bad = good, bad.gso_type = 99;
	assert_int_not_equal(0, super_open(&super, &bad, frame.bytes, frame.length));
	bad = good, bad.gso_type = 0, bad.csum_start = 239, bad.csum_offset = 1;
	assert_int_not_equal(0, super_open(&super, &bad, frame.bytes, frame.length));
	frame.bytes[32] = 0xf0;
	assert_int_equal(0, super_open(&super, &good, frame.bytes, frame.length));
	assert_int_not_equal(0, super_open(&super, &good, frame.bytes, 60));
	frame.bytes[32] = 0x40;
	assert_int_not_equal(0, super_open(&super, &good, frame.bytes, frame.length));
	frame.bytes[0] = 0x44;
	assert_int_not_equal(0, super_open(&super, &good, frame.bytes, frame.length));
	assert_int_not_equal(0, super_open(&super, &good, frame.bytes, 19));
	frame.bytes[0] = 0x60;
	assert_int_not_equal(0, super_open(&super, &good, frame.bytes, 39));
}

/* ---- to the TUN ---- */

/* Of the last one written, if it is TCP over IPv4. */
static uint8_t last_flags;

/* Adds frames in order and says what would be written: one length after the other. */
static void merged(struct frame *frames, size_t count, bool with_udp, uint32_t *lengths,
		   size_t *written)
{
	static struct merge merge;
	int ends[2];

	assert_int_equal(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends));
	memset(&merge, 0, sizeof(merge));
	merge.fds = ends;
	merge.fd_count = 1;
	merge.header = true;
	merge.udp = with_udp;
	for (size_t i = 0; i < count; i++)
		merge_add(&merge, frames[i].bytes, frames[i].length);
	merge_flush(&merge);
	for (*written = 0;; (*written)++) {
		uint8_t out[sizeof(struct virtio_net_hdr) + 4096];
		ssize_t got = recv(ends[1], out, sizeof(out), 0);
		struct virtio_net_hdr header;

		if (got < 0)
			break;
		lengths[*written] = got - sizeof(header);
		memcpy(&header, out, sizeof(header));
		last_flags = out[sizeof(header) + 33];
		if (header.gso_type) {
			/* What we tell the kernel to cut is what came in. */
			uint8_t *packet = out + sizeof(header), cut[4096];
			struct super super;

			assert_int_equal(0,
					 super_open(&super, &header, packet, got - sizeof(header)));
			assert_true(super.count > 1);
			for (uint32_t i = 0; i < super.count; i++) {
				super_write(&super, i, cut);
				assert_true(checksums_right(cut, super_length(&super, i)));
			}
		}
	}
	close(ends[0]);
	close(ends[1]);
}

#define assert_merged(frames, with_udp, ...)                                 \
	do {                                                                 \
		const uint32_t wanted_[] = {__VA_ARGS__};                    \
		uint32_t got_[32];                                           \
		size_t count_;                                               \
		merged(frames, ARRAY_SIZE(frames), with_udp, got_, &count_); \
		assert_int_equal(ARRAY_SIZE(wanted_), count_);               \
		assert_memory_equal(wanted_, got_, sizeof(wanted_));         \
	} while (0)

static void flows_are_merged_apart(void **state)
{
	(void)state;
	for (int with_udp = 0; with_udp < 2; with_udp++) {
		struct frame frames[] = {
			tcp(4, 2, 1, 100, ACK),	  udp(4, 2, 100),	    udp(4, 3, 100),
			tcp(4, 2, 101, 100, ACK), tcp(4, 3, 201, 100, ACK), tcp(6, 2, 1, 100, ACK),
			tcp(6, 2, 101, 100, ACK), tcp(6, 3, 201, 100, ACK), udp(4, 2, 100),
			udp(6, 2, 100),		  udp(6, 2, 100),
		};

		if (with_udp)
			assert_merged(frames, true, 240, 228, 128, 140, 260, 160, 248);
		else
			assert_merged(frames, false, 240, 128, 128, 140, 260, 160, 128, 148, 148);
	}
}

static void a_push_comes_at_the_end(void **state)
{
	struct frame frames[] = {tcp(4, 2, 1, 100, ACK), tcp(4, 2, 101, 100, ACK | PSH),
				 tcp(4, 2, 201, 100, ACK), tcp(4, 2, 301, 100, ACK)};

	(void)state;
	assert_merged(frames, true, 440);
	assert_int_equal(ACK | PSH, last_flags);
	frames[0] = tcp(4, 2, 1, 100, ACK | PSH), frames[1] = tcp(4, 2, 101, 100, ACK);
	frames[2] = tcp(4, 2, 201, 100, ACK), frames[3] = tcp(4, 2, 301, 100, ACK);
	assert_merged(frames, true, 440);
	assert_int_equal(ACK | PSH, last_flags);
	frames[0] = tcp(4, 2, 1, 100, ACK), frames[1] = tcp(4, 2, 101, 100, ACK);
	frames[2] = tcp(4, 2, 201, 100, ACK), frames[3] = tcp(4, 2, 301, 100, ACK);
	assert_merged(frames, true, 440);
	assert_int_equal(ACK, last_flags);
}

static void a_wrong_checksum_stays_alone(void **state)
{
	struct frame frames[] = {tcp(4, 2, 1, 100, ACK), tcp(4, 2, 101, 100, ACK),
				 tcp(4, 2, 201, 100, ACK)};

	(void)state;
	frames[0].bytes[60] ^= 1;
	assert_merged(frames, true, 140, 240);
	frames[0] = tcp(4, 2, 1, 100, ACK), frames[1] = tcp(4, 2, 101, 100, ACK);
	frames[2] = tcp(4, 2, 201, 100, ACK);
	frames[1].bytes[60] ^= 1;
	assert_merged(frames, true, 140, 140, 140);
}

static void what_differs_is_not_merged(void **state)
{
	/* Byte of the second IPv4 packet that is changed: class, DF, lifetime, window, reserved,
	 * acknowledged. */
	static const uint32_t places[] = {1, 6, 8, 34, 32, 31};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct frame frames[] = {tcp(4, 2, 1, 100, ACK), tcp(4, 2, 101, 100, ACK)};

		frames[1].bytes[places[i]] ^= places[i] == 6 ? 0x40 : 0x04;
		checksum_header4(frames[1].bytes, 20);
		finish(&frames[1], 20, IPPROTO_TCP);
		assert_merged(frames, true, 140, 140);
	}
}

/* An acknowledgement between data of its own flow may not be overtaken. */
static void order_in_a_flow_is_kept(void **state)
{
	struct frame frames[] = {tcp(4, 2, 1, 100, ACK), tcp(4, 2, 101, 0, ACK),
				 tcp(4, 2, 101, 100, ACK)};
	struct frame gap[] = {tcp(4, 2, 1, 100, ACK), tcp(4, 2, 301, 100, ACK),
			      tcp(4, 2, 101, 100, ACK)};
	struct frame tail[] = {udp(4, 2, 100), udp(4, 2, 50), udp(4, 2, 100)};
	struct frame longer[] = {udp(4, 2, 50), udp(4, 2, 100), udp(4, 2, 100)};

	(void)state;
	assert_merged(frames, true, 140, 40, 140);
	assert_merged(gap, true, 140, 140, 140);
	assert_merged(tail, true, 178, 128);
	assert_merged(longer, true, 78, 228);
}

static void fragments_and_strangers_pass_as_they_are(void **state)
{
	struct frame frames[] = {udp(4, 2, 100), udp(4, 2, 100), udp(4, 2, 100)};

	(void)state;
	put_be16(frames[0].bytes + 6, 0x2000);
	put_be16(frames[1].bytes + 6, 0x0005);
	frames[2].bytes[9] = 132;
	assert_merged(frames, true, 128, 128, 128);
}

static void padding_never_passes_the_mtu(void **state)
{
	static const struct {
		uint32_t length, mtu, padding;
	} rows[] = {
		{0, 1420, 0},	  {1, 1420, 15},    {84, 1420, 12},
		{1408, 1420, 0},  {1409, 1420, 11}, {1420, 1420, 0},
		{1421, 1420, 15}, {1299, 1299, 0},  {20, 0, 12},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(rows[i].padding, padding_for(rows[i].length, rows[i].mtu));
}

static void a_sum_is_the_same_however_it_is_made(void **state)
{
	uint8_t data[3000];
	uint32_t slow;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i * 131 ^ i >> 3;
	for (size_t length = 0; length < sizeof(data); length += 1 + length / 7) {
		slow = 0;
		for (size_t i = 0; i < length; i++)
			slow += i % 2 ? data[i] : data[i] << 8;
		while (slow >> 16)
			slow = (slow & 0xffff) + (slow >> 16);
		assert_int_equal(htons(slow), checksum_fold(checksum_add(0, data, length)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_train_is_cut_right),
		cmocka_unit_test(a_checksum_is_finished),
		cmocka_unit_test(headers_that_lie_are_refused),
		cmocka_unit_test(flows_are_merged_apart),
		cmocka_unit_test(a_push_comes_at_the_end),
		cmocka_unit_test(a_wrong_checksum_stays_alone),
		cmocka_unit_test(what_differs_is_not_merged),
		cmocka_unit_test(order_in_a_flow_is_kept),
		cmocka_unit_test(fragments_and_strangers_pass_as_they_are),
		cmocka_unit_test(padding_never_passes_the_mtu),
		cmocka_unit_test(a_sum_is_the_same_however_it_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
