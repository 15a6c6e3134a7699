/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "guard/guard.h"
#include "guard/judge.h"
#include "guard/marks.h"
#include "guard/report.h"
#include "util/cleanup.h"

#define NAMES_MOST 32

/* One event of the kernel's, and what is found out about it. */
struct request {
	const struct fanotify_event_metadata *event;
	int pidfd;
	enum stage stage;
	char path[PATH_MAX];
	const char *names[NAMES_MOST];
	size_t n_names;
	struct file_id id;
	bool followed;	/* by its inode, already */
	bool spoken_of; /* by some rule */
	struct process process;
	struct report report;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int pidfd_of(const struct fanotify_event_metadata *event)
{
	const char *at = (const char *)event + event->metadata_len;
	const char *end = (const char *)event + event->event_len;

	while (at + sizeof(struct fanotify_event_info_header) <= end) {
		const struct fanotify_event_info_header *info = (const void *)at;

		if (info->info_type == FAN_EVENT_INFO_TYPE_PIDFD)
			return ((const struct fanotify_event_info_pidfd *)info)->pidfd;
		if (!info->len)
			break;
		at += info->len;
	}
	return -1;
}

static enum stage stage_of(uint64_t mask)
{
	if (mask & FAN_OPEN_EXEC_PERM)
		return STAGE_EXEC;
	return mask & FAN_OPEN_PERM ? STAGE_OPEN : STAGE_ACCESS;
}

static void path_of(int fd, char path[PATH_MAX])
{
	char link[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, PATH_MAX - 1);
	path[length > 0 ? length : 0] = '\0';
}

static void find_path(struct request *request)
{
	path_of(request->event->fd, request->path);
	request->names[0] = request->path;
	request->n_names = 1;
}

/* The lock is held. */
static void find_names(struct guard *guard, struct request *request)
{
	const char *const *names;
	size_t n;

	names = files_names(guard->files, &request->id, &n);
	request->followed = n > 0;
	for (size_t i = 0; i < n && request->n_names < NAMES_MOST; i++)
		request->names[request->n_names++] = names[i];
}

/* The lock is held. Ours are not killed: pid 1, what the client named, and the programs that
 * lie beside this one. */
static bool is_spared(struct guard *guard, struct request *request)
{
	static const char *const ours[] = {"chasquid", "chasqui-guard", "chasqui-wg"};
	size_t length = strlen(guard->home);
	const char *binary;

	if (request->event->pid == 1)
		return true;
	for (size_t i = 0; i < guard->n_spared; i++)
		if (guard->spared[i] == request->event->pid)
			return true;
	binary = process_binary(&request->process);
	if (!length || strncmp(binary, guard->home, length) != 0)
		return false;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!strcmp(binary + length, ours[i]))
			return true;
	return false;
}

static void told(void *context, struct policy *policy, const struct hook *hook,
		 enum tracing_action_kind action)
{
	struct request *request = context;

	report_add(&request->report, policy, hook, action);
}

/*
 * A file that came to a name of ours a moment ago: from now on it is followed, wherever it goes.
 * Whether it is still there when the other thread looks, nobody knows: that is told of it.
 */
static void follow(struct guard *guard, const struct request *request)
{
	int fd = request->event->fd;

	pthread_mutex_lock(&guard->lock);
	files_came(guard->files, &request->id, request->path, fd);
	pthread_mutex_unlock(&guard->lock);
	marks_add(guard->group, fd, MARKS_FILE, guard->watch.also, NULL);
	atomic_store(&guard->came, true);
	queue_wake(&guard->queue);
}

/*
 * The lock is held, so that rules which are about to replace these heed it afterwards. It only lies
 * beside a guarded file. Should it come to a guarded name, that is heard of, and until then it has
 * in it only what it had under this name, where everybody could read it.
 */
static void ignore(struct guard *guard, const struct request *request)
{
	char path[PATH_MAX];

	if (request->followed || request->spoken_of || guard->applying)
		return;
	marks_ignore(guard->group, request->event->fd);
	/* It may have come there before it was ignored, and after we had asked for its path. */
	path_of(request->event->fd, path);
	if (strcmp(path, request->path) != 0)
		marks_heed(guard->group, request->event->fd);
}

struct value {
	const char *path;
	bool found;
};

static void is_value(void *context, const char *value, bool prefix)
{
	struct value *wanted = context;

	wanted->found = wanted->found || (!prefix && !strcmp(value, wanted->path));
}

static void decide(struct guard *guard, struct request *request, struct answer *ret)
{
	struct question question = {
		.stage = request->stage,
		.names = request->names,
		.process = &request->process,
		.written = request->event->mask & FAN_MODIFY,
		.now_ms = request->report.time_ns / 1000000,
	};
	struct value value = {.path = request->path};

	pthread_mutex_lock(&guard->lock);
	find_names(guard, request);
	question.n_names = request->n_names;
	question.spared = is_spared(guard, request);
	judge(guard->rules, &question, told, request, ret);
	request->report.writes = question.written;
	request->spoken_of = judge_speaks_of(guard->rules, request->names, request->n_names);
	if (!request->followed)
		rules_paths(guard->rules, is_value, &value);
	report_write(&request->report, request->path, request->event->fd, &request->process,
		     &guard->queue);
	ignore(guard, request);
	pthread_mutex_unlock(&guard->lock);
	if (value.found)
		follow(guard, request);
}

static uint32_t response_of(const struct answer *answer)
{
	switch (answer->deny ? answer->error : 0) {
	case 0:
		return answer->deny ? FAN_DENY : FAN_ALLOW;
	case EIO:
	case EBUSY:
	case ETXTBSY:
	case EAGAIN:
	case ENOSPC:
	case EDQUOT:
		return MARKS_DENY_ERRNO(answer->error);
	default:
		return FAN_DENY;
	}
}

static void respond(int group, int fd, uint32_t response)
{
	struct fanotify_response answer = {.fd = fd, .response = response};

	/* A kernel before 6.14 knows no errnos. */
	if (write(group, &answer, sizeof(answer)) < 0 && errno == EINVAL) {
		answer.response = FAN_DENY;
		if (write(group, &answer, sizeof(answer)) < 0)
			return;
	}
}

static void send_signal(const struct request *request, unsigned signal)
{
	if (request->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, request->pidfd, (int)signal, NULL, 0);
}

/* The answer to it; FAN_NOFD as its descriptor: none is waited for. */
static struct fanotify_response serve_event(struct guard *guard,
					    const struct fanotify_event_metadata *event)
{
	struct request request = {.event = event, .pidfd = pidfd_of(event)};
	struct answer answer = {0};
	bool regular;

	request.stage = stage_of(event->mask);
	request.report.time_ns = now_ns();
	process_init(&request.process, event->pid);
	find_path(&request);
	atomic_fetch_add(&guard->asked, !(event->mask & FAN_MODIFY));
	/* Its number not to be had: judged by its name alone. */
	if (event->pid != getpid()) {
		file_id_of(event->fd, &request.id, &regular);
		decide(guard, &request, &answer);
	}
	/* Killed first: when it runs again it has already died. */
	if (answer.kill)
		send_signal(&request, SIGKILL);
	else if (answer.signal)
		send_signal(&request, answer.signal);
	atomic_fetch_add(&guard->killed, answer.kill);
	atomic_fetch_add(&guard->denied, answer.deny);
	close_p(&request.pidfd);
	if (event->mask & FAN_MODIFY) {
		close(event->fd);
		return (struct fanotify_response){.fd = FAN_NOFD};
	}
	return (struct fanotify_response){.fd = event->fd, .response = response_of(&answer)};
}

#define ROOM_BYTES 8192

/*
 * What was read together is answered together: each answer wakes all who wait, and those who
 * run already cannot be woken again.
 */
static void serve_all(struct guard *guard, const struct fanotify_event_metadata *event,
		      ssize_t length)
{
	struct fanotify_response answers[ROOM_BYTES / FAN_EVENT_METADATA_LEN];
	size_t n = 0;

	for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
		if (event->fd < 0)
			continue;
		answers[n] = serve_event(guard, event);
		n += answers[n].fd != FAN_NOFD;
	}
	for (size_t i = 0; i < n; i++) {
		respond(guard->group, answers[i].fd, answers[i].response);
		close(answers[i].fd);
	}
}

void *listen_run(void *context)
{
	struct guard *guard = context;
	char room[ROOM_BYTES] __attribute__((aligned(8)));
	struct pollfd wait = {.fd = guard->group, .events = POLLIN};

	while (true) {
		ssize_t length = read(guard->group, room, sizeof(room));

		if (length < 0) {
			poll(&wait, 1, errno == EAGAIN ? -1 : 1);
			continue;
		}
		serve_all(guard, (const void *)room, length);
	}
	return NULL;
}

void listen_settle(int group)
{
	struct rlimit limit;

	/* Its answers go by the number that the descriptor had in that process: all are tried. */
	getrlimit(RLIMIT_NOFILE, &limit);
	for (int fd = 0; fd < (int)limit.rlim_cur; fd++)
		respond(group, fd, FAN_DENY);
}
