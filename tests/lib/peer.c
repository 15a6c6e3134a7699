/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The other end, and this end, of the tests' and the demo's conversations.
 *
 *	peer serve [-c FILE] tcp/80 udp/53 ...	echoes; SIGUSR1 writes what was heard into FILE;
 *						pour/53 is UDP that goes on answering one question
 *	peer ask  [OPTIONS] tcp|udp ADDRESS PORT	one question; prints what came of it
 *	peer hold [OPTIONS] tcp|udp ADDRESS PORT	a running conversation, until it is ended
 *	peer drink [OPTIONS] udp ADDRESS PORT	one question to a pour/PORT, and answers without end
 *	peer load [OPTIONS] tcp|udp ADDRESS PORT	new conversations, one after the other, -d
 *seconds peer send [OPTIONS] udp ADDRESS PORT		the same, without waiting for answers
 *
 * What comes of a question, and ask's exit status: answered 0, refused 1 (a RST, or an ICMP port
 * unreachable), prohibited 2 (ICMP administratively prohibited), unreachable 3, silent 4; 9: it
 * could not be put at all.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75 /* linux/in6.h, which netinet/in.h does not go with */
#endif

#define PORTS_MAX 64
#define PEERS_MAX 1024
#define BYTES_MAX (256 * 1024)

enum outcome { ANSWERED, REFUSED, PROHIBITED, UNREACHABLE, SILENT, IMPOSSIBLE = 9 };

static const char *const outcome_words[] = {
	[ANSWERED] = "answered",       [REFUSED] = "refused", [PROHIBITED] = "prohibited",
	[UNREACHABLE] = "unreachable", [SILENT] = "silent",   [IMPOSSIBLE] = "impossible",
};

struct question {
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	const char *address, *port, *source, *source_port;
	unsigned timeout_ms, length_bytes, segment_bytes, seconds, every_us;
	const char *state_path; /* hold: the last outcome, and how many of each */
};

/* load and send end early, with their sums, on SIGTERM. */
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static enum outcome outcome_of(int error)
{
	switch (error) {
	case 0:
		return ANSWERED;
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
		return REFUSED;
	case EACCES:
		return PROHIBITED;
	case EHOSTUNREACH:
	case ENETUNREACH:
		return UNREACHABLE;
	case EAGAIN:
	case ETIMEDOUT:
	case ENOBUFS: /* dropped on its way out of this very machine */
		return SILENT;
	}
	fprintf(stderr, "peer: %s\n", strerror(error));
	return IMPOSSIBLE;
}

/* Resolves "ADDRESS PORT"; NULL stands for any. Numbers only. */
static struct addrinfo *resolve(int type, int family, const char *address, const char *port)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = type, .ai_flags = AI_PASSIVE};
	struct addrinfo *found;

	hints.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
	if (getaddrinfo(address, port, &hints, &found) != 0) {
		fprintf(stderr, "peer: no address: %s port %s\n", address ?: "any", port);
		exit(IMPOSSIBLE);
	}
	return found;
}

static int bind_source(int sock, int family, const struct question *q)
{
	struct addrinfo *source;
	int one = 1, err;

	if (!q->source && !q->source_port)
		return 0;
	source = resolve(q->type, family, q->source, q->source_port ?: "0");
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Anybody's address: forging is what some tests are about. */
	setsockopt(sock, SOL_IP, IP_TRANSPARENT, &one, sizeof(one));
	if (family == AF_INET6)
		setsockopt(sock, SOL_IPV6, IPV6_TRANSPARENT, &one, sizeof(one));
	err = bind(sock, source->ai_addr, source->ai_addrlen) ? errno : 0;
	freeaddrinfo(source);
	return err;
}

/* Waits until `sock` can be read or written, or has an error. Returns an errno. */
static int wait_for(int sock, short events, unsigned timeout_ms)
{
	struct pollfd one = {.fd = sock, .events = events};
	int error = 0;
	socklen_t length = sizeof(error);

	if (poll(&one, 1, (int)timeout_ms) <= 0)
		return EAGAIN;
	getsockopt(sock, SOL_SOCKET, SO_ERROR, &error, &length);
	return error;
}

/* With IP_RECVERR the exact ICMP code is told, where errno knows "host unreachable" only. */
static int icmp_error(int sock, int error)
{
	char control[512], payload[64];
	struct iovec iov = {payload, sizeof(payload)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct {
		uint32_t ee_errno;
		uint8_t ee_origin, ee_type, ee_code, ee_pad;
	} told;

	if (recvmsg(sock, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return error;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level != SOL_IP && c->cmsg_level != SOL_IPV6)
			continue;
		memcpy(&told, CMSG_DATA(c), sizeof(told));
		if (told.ee_origin == 2 && told.ee_type == 3 && told.ee_code == 13)
			return EACCES;
		return (int)told.ee_errno;
	}
	return error;
}

static int open_question(const struct question *q, int *ret)
{
	struct addrinfo *to = resolve(q->type, AF_UNSPEC, q->address, q->port);
	int sock = socket(to->ai_family, q->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, err;

	if (sock < 0)
		return errno;
	setsockopt(sock, SOL_IP, IP_RECVERR, &one, sizeof(one));
	if (to->ai_family == AF_INET6)
		setsockopt(sock, SOL_IPV6, 25 /* IPV6_RECVERR */, &one, sizeof(one));
	if (q->segment_bytes)
		setsockopt(sock, SOL_UDP, UDP_SEGMENT, &q->segment_bytes, sizeof(int));
	err = bind_source(sock, to->ai_family, q);
	if (!err && connect(sock, to->ai_addr, to->ai_addrlen) && errno != EINPROGRESS)
		err = errno;
	freeaddrinfo(to);
	if (!err)
		err = wait_for(sock, POLLOUT, q->timeout_ms);
	*ret = sock;
	return err ? icmp_error(sock, err) : 0;
}

/* Sends length_bytes and waits until as many came back. */
static int exchange(int sock, const struct question *q, char *bytes)
{
	uint64_t end = now_ms() + q->timeout_ms;
	unsigned sent = 0, heard = 0;
	ssize_t n;
	int err;

	while (heard < q->length_bytes) {
		if (sent < q->length_bytes) {
			n = send(sock, bytes + sent, q->length_bytes - sent, MSG_NOSIGNAL);
			if (n > 0)
				sent += n;
			else if (errno != EAGAIN)
				return icmp_error(sock, errno);
		}
		if (now_ms() >= end)
			return EAGAIN;
		err = wait_for(sock, POLLIN | (sent < q->length_bytes ? POLLOUT : 0),
			       (unsigned)(end - now_ms()));
		if (err)
			return icmp_error(sock, err);
		while ((n = recv(sock, bytes, BYTES_MAX, 0)) > 0)
			heard += n;
		if (n == 0)
			return ECONNRESET;
		if (errno != EAGAIN)
			return icmp_error(sock, errno);
	}
	return 0;
}

static enum outcome ask(const struct question *q, char *bytes)
{
	int sock = -1, err;

	err = open_question(q, &sock);
	if (!err)
		err = exchange(sock, q, bytes);
	if (sock >= 0)
		close(sock);
	return outcome_of(err);
}

static void write_state(const struct question *q, enum outcome last, const unsigned *seen)
{
	char path[256];
	FILE *file;

	if (!q->state_path)
		return;
	snprintf(path, sizeof(path), "%s.new", q->state_path);
	file = fopen(path, "we");
	if (!file)
		return;
	fprintf(file, "%s %u %u\n", outcome_words[last], seen[ANSWERED], seen[SILENT]);
	fclose(file);
	rename(path, q->state_path);
}

/* One conversation for as long as it goes: a line every 20 ms, and what became of it. */
static int hold(const struct question *q, char *bytes)
{
	unsigned seen[IMPOSSIBLE + 1] = {};
	enum outcome last;
	int sock = -1, err;

	err = open_question(q, &sock);
	while (!err || err == EAGAIN) {
		err = exchange(sock, q, bytes);
		last = outcome_of(err);
		seen[last]++;
		write_state(q, last, seen);
		usleep(q->every_us);
	}
	last = outcome_of(err);
	write_state(q, last, seen);
	puts(outcome_words[last]);
	return last;
}

/* One datagram, and then only answers. */
static int drink(const struct question *q, char *bytes)
{
	unsigned seen[IMPOSSIBLE + 1] = {};
	enum outcome last;
	int sock = -1, err;

	err = open_question(q, &sock);
	if (!err && send(sock, bytes, q->length_bytes, 0) < 0)
		err = errno;
	while (!err || err == EAGAIN) {
		err = wait_for(sock, POLLIN, q->timeout_ms);
		if (!err && recv(sock, bytes, BYTES_MAX, 0) < 0)
			err = errno;
		last = outcome_of(err);
		seen[last]++;
		write_state(q, last, seen);
	}
	return outcome_of(err);
}

/* New conversations for -d seconds: how many of each outcome. */
static int load(const struct question *q, char *bytes)
{
	uint64_t end = now_ms() + q->seconds * 1000ULL;
	unsigned seen[IMPOSSIBLE + 1] = {};
	enum outcome last;

	do {
		last = ask(q, bytes);
		if (last == SILENT && stopped)
			break;
		seen[last]++;
		if (q->every_us)
			usleep(q->every_us);
	} while (!stopped && now_ms() < end);
	for (unsigned i = 0; i <= IMPOSSIBLE; i++)
		if (seen[i])
			printf("%s %u\n", outcome_words[i], seen[i]);
	return 0;
}

static int send_only(const struct question *q, char *bytes)
{
	uint64_t end = now_ms() + q->seconds * 1000ULL;
	unsigned sent = 0;
	int sock = -1;

	do {
		if (open_question(q, &sock) == 0 && send(sock, bytes, q->length_bytes, 0) > 0)
			sent++;
		close(sock);
		usleep(q->every_us);
	} while (!stopped && now_ms() < end);
	printf("sent %u\n", sent);
	return 0;
}

/* ---- serve ---- */

static struct {
	struct pollfd fds[PEERS_MAX];
	struct heard {
		const char *name;
		uint64_t count;
	} ports[PORTS_MAX], *of[PEERS_MAX];
	bool listens[PEERS_MAX], datagrams[PEERS_MAX], pours[PEERS_MAX];
	struct sockaddr_in6 thirsty[PEERS_MAX]; /* pours: who asked last */
	unsigned count;
	const char *count_path;
	volatile sig_atomic_t asked;
} server;

static void ask_for_counts(int signal)
{
	(void)signal;
	server.asked = 1;
}

static void write_counts(unsigned ports)
{
	FILE *file = server.count_path ? fopen(server.count_path, "we") : NULL;

	server.asked = 0;
	if (!file)
		return;
	for (unsigned i = 0; i < ports; i++)
		fprintf(file, "%s %llu\n", server.ports[i].name,
			(unsigned long long)server.ports[i].count);
	fputs("end\n", file);
	fclose(file);
}

static bool add(int sock, bool listens, bool datagrams, bool pours, struct heard *heard)
{
	if (server.count == PEERS_MAX)
		return false;
	server.fds[server.count] = (struct pollfd){.fd = sock, .events = POLLIN};
	server.listens[server.count] = listens;
	server.datagrams[server.count] = datagrams;
	server.pours[server.count] = pours;
	server.of[server.count++] = heard;
	return true;
}

static void drop(unsigned i)
{
	close(server.fds[i].fd);
	server.count--;
	server.fds[i] = server.fds[server.count];
	server.pours[i] = server.pours[server.count];
	server.thirsty[i] = server.thirsty[server.count];
	server.listens[i] = server.listens[server.count];
	server.datagrams[i] = server.datagrams[server.count];
	server.of[i] = server.of[server.count];
}

/* One socket for both families; answers leave from the address that was asked. */
static void listen_on(const char *name, struct heard *heard)
{
	const char *port = strchr(name, '/') ?: "/";
	bool tcp = strncmp(name, "tcp/", 4) == 0;
	struct addrinfo *at = resolve(tcp ? SOCK_STREAM : SOCK_DGRAM, AF_INET6, "::", port + 1);
	int sock = socket(AF_INET6, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, zero = 0;

	*heard = (struct heard){.name = name};
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(sock, SOL_IPV6, 26 /* IPV6_V6ONLY */, &zero, sizeof(zero));
	if (bind(sock, at->ai_addr, at->ai_addrlen) || (tcp && listen(sock, 1024))) {
		perror(name);
		exit(IMPOSSIBLE);
	}
	freeaddrinfo(at);
	add(sock, tcp, !tcp, strncmp(name, "pour/", 5) == 0, heard);
}

static void echo_datagrams(unsigned i, char *bytes)
{
	struct sockaddr_in6 from;
	socklen_t length = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(server.fds[i].fd, bytes, BYTES_MAX, 0, (void *)&from, &length)) >= 0) {
		server.of[i]->count++;
		server.thirsty[i] = from;
		(void)!sendto(server.fds[i].fd, bytes, n, 0, (void *)&from, length);
		length = sizeof(from);
	}
}

/* Returns false when the conversation is over. */
static bool echo_stream(unsigned i, char *bytes)
{
	int sock = server.fds[i].fd;
	ssize_t n = recv(sock, bytes, BYTES_MAX, 0), sent = 0, m;

	if (n < 0)
		return errno == EAGAIN;
	while (sent < n) {
		m = send(sock, bytes + sent, n - sent, MSG_NOSIGNAL);
		if (m < 0 && errno == EAGAIN)
			wait_for(sock, POLLOUT, 1000);
		else if (m <= 0)
			return false;
		else
			sent += m;
	}
	return n > 0;
}

static void pour(void)
{
	for (unsigned i = 0; i < server.count; i++)
		if (server.pours[i] && server.thirsty[i].sin6_port)
			(void)!sendto(server.fds[i].fd, "more", 4, 0, (void *)&server.thirsty[i],
				      sizeof(server.thirsty[i]));
}

static void serve_one(unsigned i, char *bytes)
{
	int sock;

	if (server.datagrams[i]) {
		echo_datagrams(i, bytes);
	} else if (server.listens[i]) {
		while ((sock = accept4(server.fds[i].fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
			server.of[i]->count++;
			if (!add(sock, false, false, false, server.of[i]))
				close(sock);
		}
	} else if (!echo_stream(i, bytes)) {
		drop(i);
	}
}

static int serve(int argc, char **argv, char *bytes)
{
	struct sigaction action = {.sa_handler = ask_for_counts};
	int first = 0;

	if (argc > 2 && strcmp(argv[0], "-c") == 0) {
		server.count_path = argv[1];
		first = 2;
	}
	if (argc - first > PORTS_MAX)
		return IMPOSSIBLE;
	sigaction(SIGUSR1, &action, NULL);
	for (int i = first; i < argc; i++)
		listen_on(argv[i], &server.ports[i - first]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(server.fds, server.count, 20) < 0 && errno != EINTR)
			return IMPOSSIBLE;
		pour();
		if (server.asked)
			write_counts(argc - first);
		for (unsigned i = server.count; i-- > 0;)
			if (server.fds[i].revents)
				serve_one(i, bytes);
	}
}

static int usage(void)
{
	fputs("usage: peer serve [-c FILE] tcp/PORT|udp/PORT|pour/PORT...\n"
	      "       peer ask|hold|drink|load|send [-s SOURCE] [-p SOURCE-PORT] [-t TIMEOUT-MS] [-l BYTES]\n"
	      "            [-g SEGMENT-BYTES] [-d SECONDS] [-e EVERY-US] [-f STATE-FILE]\n"
	      "            tcp|udp ADDRESS PORT\n",
	      stderr);
	return IMPOSSIBLE;
}

static bool read_options(int argc, char **argv, struct question *q)
{
	int option;

	while ((option = getopt(argc, argv, "s:p:t:l:g:d:e:f:")) != -1) {
		switch (option) {
		case 's':
			q->source = optarg;
			break;
		case 'p':
			q->source_port = optarg;
			break;
		case 't':
			q->timeout_ms = atoi(optarg);
			break;
		case 'l':
			q->length_bytes = atoi(optarg);
			break;
		case 'g':
			q->segment_bytes = atoi(optarg);
			break;
		case 'd':
			q->seconds = atoi(optarg);
			break;
		case 'e':
			q->every_us = atoi(optarg);
			break;
		case 'f':
			q->state_path = optarg;
			break;
		default:
			return false;
		}
	}
	if (argc - optind != 3 || q->length_bytes > BYTES_MAX)
		return false;
	q->type = strcmp(argv[optind], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM;
	q->address = argv[optind + 1];
	q->port = argv[optind + 2];
	return true;
}

int main(int argc, char **argv)
{
	struct question q = {.timeout_ms = 700, .length_bytes = 16, .seconds = 1, .every_us = 0};
	static char bytes[BYTES_MAX];
	const char *word = argc > 1 ? argv[1] : "";
	enum outcome result;

	if (strcmp(word, "serve") == 0)
		return serve(argc - 2, argv + 2, bytes);
	if (argc < 2 || !read_options(argc - 1, argv + 1, &q))
		return usage();
	if (strcmp(word, "hold") == 0) {
		q.every_us = q.every_us ?: 20000;
		return hold(&q, bytes);
	}
	if (strcmp(word, "drink") == 0)
		return drink(&q, bytes);
	signal(SIGTERM, stop);
	if (strcmp(word, "load") == 0)
		return load(&q, bytes);
	if (strcmp(word, "send") == 0)
		return send_only(&q, bytes);
	if (strcmp(word, "ask") != 0)
		return usage();
	result = ask(&q, bytes);
	puts(outcome_words[result]);
	return result;
}
