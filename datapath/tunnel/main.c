/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/mman.h>

#include "confine.h"
#include "control.h"
#include "log.h"
#include "worker.h"

#define EXIT_USAGE 2

struct options {
	const char *name;
	const struct aead_kind *aead; /* NULL: the fastest */
	int workers;
	bool foreground;
};

static int usage(FILE *out)
{
	fprintf(out, "usage: chasqui-wg [-f|--foreground] [--aead NAME] [--workers N] IFNAME\n"
		     "       chasqui-wg --list-aeads\n\n"
		     "A userspace WireGuard device; wg(8) configures it. AEADs:");
	for (size_t i = 0; aead_kinds[i]; i++)
		fprintf(out, " %s", aead_kinds[i]->name);
	fprintf(out, "\n");
	return out == stdout ? 0 : EXIT_USAGE;
}

/* One JSON line for each, so that a bench can read it. */
static int list_aeads(void)
{
	static const uint32_t sizes[] = {16, 64, 256, 1024, 1424, 4096};

	for (size_t i = 0; aead_kinds[i]; i++) {
		const struct aead_kind *kind = aead_kinds[i];
		int err = aead_check(kind);

		printf("{\"aead\": \"%s\", \"usable\": %s", kind->name, err ? "false" : "true");
		for (size_t j = 0; j < ARRAY_SIZE(sizes) && !err; j++)
			printf(", \"ns_%u\": %llu", sizes[j],
			       (unsigned long long)aead_time_ns(kind, sizes[j]));
		printf("}\n");
	}
	return 0;
}

/* Half of the CPUs: the other half carries what the packets are for. */
static int default_workers(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN) / 2;

	return cpus < 1 ? 1 : cpus > 4 ? 4 : (int)cpus;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{"foreground", no_argument, NULL, 'f'},	   {"aead", required_argument, NULL, 'a'},
		{"workers", required_argument, NULL, 'w'}, {"list-aeads", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},	   {}};
	const char *in_foreground = getenv("WG_PROCESS_FOREGROUND");
	int option;

	*ret = (struct options){.workers = default_workers(),
				.foreground = in_foreground && !strcmp(in_foreground, "1")};
	while ((option = getopt_long(argc, argv, "fh", longs, NULL)) >= 0) {
		switch (option) {
		case 'f':
			ret->foreground = true;
			break;
		case 'a':
			ret->aead = aead_find(optarg);
			if (!ret->aead)
				return usage(stderr);
			break;
		case 'w':
			ret->workers = atoi(optarg);
			if (ret->workers < 1 || ret->workers > TUN_WORKERS_MAX)
				return usage(stderr);
			break;
		case 'l':
			return list_aeads();
		default:
			return usage(option == 'h' ? stdout : stderr);
		}
	}
	if (optind + 1 != argc)
		return usage(stderr);
	ret->name = argv[optind];
	return -1;
}

static int fd_from(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	long fd;

	if (!text)
		return -1;
	fd = strtol(text, &end, 10);
	return *text && !*end && fd >= 0 && fd < 1 << 20 ? (int)fd : -1;
}

static int open_tun(const struct options *options, struct tun *ret)
{
	int fd = fd_from("WG_TUN_FD"), err;

	err = fd >= 0 ? tun_adopt(ret, fd, options->workers)
		      : tun_open(ret, options->name, options->workers);
	if (err)
		log_error("no TUN device: %s", strerror(-err));
	return err;
}

/* The device is ours, so whoever still has its socket is about to end: `wg-quick down`, and `up`.
 */
static int listen_patiently(const struct tun *tun, char *path, size_t path_room)
{
	const struct timespec pause = {.tv_nsec = 20 * NS_PER_MS};
	int fd = -EADDRINUSE;

	for (int tries = 0; fd == -EADDRINUSE && tries < 100; tries++) {
		if (tries)
			nanosleep(&pause, NULL);
		fd = control_listen(tun->name, path, path_room);
	}
	return fd;
}

static int open_uapi(const struct tun *tun, char *path, size_t path_room)
{
	int fd = fd_from("WG_UAPI_FD");

	*path = '\0';
	if (fd >= 0) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		return fd;
	}
	fd = listen_patiently(tun, path, path_room);
	if (fd < 0)
		log_error("no control socket: %s", strerror(-fd));
	return fd;
}

/* The parent waits for one byte, the exit status, and leaves; 0 comes when all is ready. */
static int leave_terminal(int *ready_fd)
{
	int ends[2], null;
	uint8_t status = 1;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child > 0) {
		close(ends[1]);
		_exit(read(ends[0], &status, 1) == 1 ? status : 1);
	}
	close(ends[0]);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		if (!getenv("LOG_LEVEL"))
			dup2(null, STDERR_FILENO);
		close(null);
	}
	*ready_fd = ends[1];
	return 0;
}

static int start(struct device *device, struct control *control, int listen_fd, const char *path)
{
	int err = control_init(control, device, listen_fd, path);

	workers_hurry(true);
	err = err ?: confine_capabilities() ?: confine_files(*path ? SOCKET_FOLDER : NULL);
	for (int i = 0; i < device->worker_count && !err; i++)
		err = worker_start(&device->workers[i]);
	workers_hurry(false);
	return err ?: confine_calls();
}

/* Our own key is in it too. */
static struct device *device_memory(void)
{
	void *memory = mmap(NULL, sizeof(struct device), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	if (mlock(memory, sizeof(struct device)))
		log_verbose("keys may be swapped out: %s", strerror(errno));
	madvise(memory, sizeof(struct device), MADV_DONTDUMP);
	return memory;
}

static int carry(const struct tun *tun, int listen_fd, const char *path,
		 const struct aead_kind *aead, int ready_fd)
{
	struct device *device = device_memory();
	struct control control = {};
	uint8_t ready = 0;
	int err;

	if (!device)
		return -ENOMEM;
	err = device_init(device, tun, aead, &system_sources);
	if (err) {
		device_drop(device);
		return err;
	}
	err = start(device, &control, listen_fd, path);
	if (!err && ready_fd >= 0 && write(ready_fd, &ready, 1) == 1)
		close(ready_fd);
	if (!err)
		err = control_run(&control);
	device_drop(device);
	control_drop(&control);
	return err;
}

int main(int argc, char **argv)
{
	int ready_fd = -1, listen_fd, status, err;
	struct options options;
	struct tun tun;
	char path[128];

	if (crypt_start()) {
		fprintf(stderr,
			"chasqui-wg: the cryptographic libraries fail their known answers\n");
		return 1;
	}
	status = parse(argc, argv, &options);
	if (status >= 0)
		return status;
	log_open(options.name);
	confine_memory();
	if (options.aead && aead_check(options.aead)) {
		log_error("%s does not work on this machine", options.aead->name);
		return 1;
	}
	if (!options.aead)
		options.aead = aead_fastest();
	if (open_tun(&options, &tun))
		return 1;
	listen_fd = open_uapi(&tun, path, sizeof(path));
	if (listen_fd < 0)
		return 1;
	if (!options.foreground && leave_terminal(&ready_fd))
		return 1;
	log_verbose("%s, AEAD %s, %d worker(s)", tun.name, options.aead->name, tun.workers);
	err = carry(&tun, listen_fd, path, options.aead, ready_fd);
	if (err)
		log_error("stopped: %s", strerror(-err));
	return err ? 1 : 0;
}
