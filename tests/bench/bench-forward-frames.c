// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bench-forward-frames prime SOURCE TARGET	one real exchange on each of the flows
 * bench-forward-frames run DEVICE GATEWAY-MAC SOURCE TARGET SINK-NETNS SINK-DEVICE SECONDS
 *
 * `run` sends frames out of DEVICE as fast as it can, from source to target, and prints how many
 * the sink has heard in which time, as JSON. All the way from here to the sink is walked in this
 * process's system calls, so the time of its own processor says what a packet costs also where
 * other work takes turns.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench-forward-frames.h"
#include "bench-forward-frames.skel.h"

#define BATCH  64
#define REPEAT (1 << 18) /* frames a system call */

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in at(const char *address, unsigned port)
{
	struct sockaddr_in ret = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (inet_pton(AF_INET, address, &ret.sin_addr) != 1)
		die(address);
	return ret;
}

/* Until the flow has been answered, neither side knows it as one that runs. */
static int prime(const char *source, const char *target)
{
	struct sockaddr_in to = at(target, TARGET_PORT);
	struct timeval second = {.tv_sec = 1};
	char byte;

	for (unsigned i = 0; i < FLOWS; i++) {
		struct sockaddr_in from = at(source, FIRST_PORT + i);
		int sock = socket(AF_INET, SOCK_DGRAM, 0);

		setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
		if (bind(sock, (void *)&from, sizeof(from)) ||
		    connect(sock, (void *)&to, sizeof(to)) || send(sock, "x", 1, 0) != 1 ||
		    recv(sock, &byte, 1, 0) != 1)
			return die("no answer");
		close(sock);
	}
	return 0;
}

static __be16 ip_checksum(const __u8 *header)
{
	unsigned sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += header[i] << 8 | header[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((__u16)~sum);
}

static struct frame frame_for(const char *device, const char *mac, const char *source,
			      const char *target)
{
	static const __u8 start[FRAME_BYTES] = {
		[12] = 8, [14] = 0x45, [17] = 46, [22] = 64, [23] = IPPROTO_UDP, [39] = 26,
	};
	struct sockaddr_in from = at(source, 0), to = at(target, 0);
	struct frame frame = {.ifindex = if_nametoindex(device)};
	__u8 *b = frame.bytes;
	__be16 sum, port = htons(TARGET_PORT);

	memcpy(b, start, sizeof(start));
	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6)
		die(mac);
	b[6] = 2;
	memcpy(b + 26, &from.sin_addr, 4);
	memcpy(b + 30, &to.sin_addr, 4);
	memcpy(b + 36, &port, 2);
	sum = ip_checksum(b + 14);
	memcpy(b + 24, &sum, 2);
	return frame;
}

static int enter(const char *netns)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(path);
	close(fd);
	return 0;
}

static __u64 heard(const struct bench_frames *skel)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 per_cpu[256] = {}, sum = 0;
	__u32 zero = 0;

	bpf_map__lookup_elem(skel->maps.heard, &zero, sizeof(zero), per_cpu,
			     cpus * sizeof(per_cpu[0]), 0);
	for (int i = 0; i < cpus; i++)
		sum += per_cpu[i];
	return sum;
}

/* The sink's program goes into another namespace than ours, and stays until the process ends. */
static void attach_sink(const struct bench_frames *skel, const char *netns, const char *device)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	enter(netns);
	if (bpf_xdp_attach((int)if_nametoindex(device), bpf_program__fd(skel->progs.count_and_drop),
			   0, NULL))
		die("no sink");
	if (home < 0 || setns(home, CLONE_NEWNET))
		die("no way home");
	close(home);
}

static int run(char **argv)
{
	struct frame frame = frame_for(argv[0], argv[1], argv[2], argv[3]);
	double seconds = atof(argv[6]), start, end, busy;
	struct bench_frames *skel = bench_frames__open_and_load();
	struct xdp_md ctx = {.data_end = FRAME_BYTES, .ingress_ifindex = frame.ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.bytes, .data_size_in = FRAME_BYTES,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = REPEAT,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	__u64 sent = 0, before, after;
	__u32 zero = 0;

	if (!skel || bpf_map__update_elem(skel->maps.template, &zero, sizeof(zero), &frame,
					  sizeof(frame), BPF_ANY))
		die("no programs");
	attach_sink(skel, argv[4], argv[5]);
	before = heard(skel);
	busy = now(CLOCK_PROCESS_CPUTIME_ID);
	start = now(CLOCK_MONOTONIC);
	do {
		if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.generate), &opts))
			die("no live frames");
		sent += REPEAT;
		end = now(CLOCK_MONOTONIC);
	} while (end - start < seconds);
	busy = now(CLOCK_PROCESS_CPUTIME_ID) - busy;
	usleep(20000);
	after = heard(skel);
	printf("{\"sent\":%llu,\"heard\":%llu,\"seconds\":%.3f,\"pps\":%.0f,\"cpu_ns\":%.0f}\n",
	       sent, after - before, end - start, (double)(after - before) / (end - start),
	       busy * 1e9 / (double)(after - before));
	enter(argv[4]);
	bpf_xdp_detach((int)if_nametoindex(argv[5]), 0, NULL);
	bench_frames__destroy(skel);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "prime") == 0)
		return prime(argv[2], argv[3]);
	if (argc == 9 && strcmp(argv[1], "run") == 0)
		return run(argv + 2);
	fputs("usage: bench-forward-frames prime SOURCE TARGET\n"
	      "       bench-forward-frames run DEVICE GATEWAY-MAC SOURCE TARGET"
	      " SINK-NETNS SINK-DEVICE SECONDS\n",
	      stderr);
	return 2;
}
