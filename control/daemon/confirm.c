// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/confirm.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/change.h"
#include "daemon/daemon.h"
#include "daemon/folder.h"
#include "util/cleanup.h"
#include "util/log.h"

#define RETRY_MS 10000

static int64_t boot_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Which run of the kernel this is; "" when it does not say. */
static void boot_id(char ret[40])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	ret[0] = '\0';
	if (!file)
		return;
	if (!fgets(ret, 40, file))
		ret[0] = '\0';
	fclose(file);
	ret[strcspn(ret, "\n")] = '\0';
}

static char *path_of(const struct daemon *daemon)
{
	return path_join(daemon->options.state_directory, "confirm.json");
}

static void go_back(struct daemon *daemon)
{
	struct change_order order = {.kind = CHANGE_ROLLBACK,
				     .who = "chasquid, as nobody confirmed",
				     .history = daemon->pending.back_to,
				     .undo = true};

	log_warn("nobody has confirmed the change: going back to entry %u of the history",
		 daemon->pending.back_to);
	daemon->pending.undoing = true;
	if (change_begin(daemon, &order) < 0)
		confirm_retry(daemon);
}

static void on_time(evutil_socket_t fd, short what, void *data)
{
	struct daemon *daemon = data;

	(void)fd;
	(void)what;
	if (daemon->pending.back_to && !daemon->pending.undoing)
		go_back(daemon);
}

static int arm(struct daemon *daemon, int64_t wait_ms)
{
	struct pending *pending = &daemon->pending;
	struct timeval wait;

	wait_ms = wait_ms > 0 ? wait_ms : 0;
	wait = (struct timeval){wait_ms / 1000, wait_ms % 1000 * 1000};
	if (!pending->timer)
		pending->timer = evtimer_new(daemon->base, on_time, daemon);
	return pending->timer && evtimer_add(pending->timer, &wait) == 0 ? 0 : -ENOMEM;
}

static int write_down(const struct daemon *daemon)
{
	const struct pending *pending = &daemon->pending;
	cleanup_free char *path = path_of(daemon), *text = NULL;
	char boot[40];
	json_t *note;

	boot_id(boot);
	note = json_pack("{s:I, s:I, s:I, s:s}", "backTo", (json_int_t)pending->back_to, "untilMs",
			 (json_int_t)pending->until_ms, "until", (json_int_t)pending->until, "boot",
			 boot);
	text = note ? json_dumps(note, JSON_INDENT(1)) : NULL;
	json_decref(note);
	return path && text ? file_write(path, text, strlen(text)) : -ENOMEM;
}

static void rub_out(const struct daemon *daemon)
{
	cleanup_free char *path = path_of(daemon);

	if (path && unlink(path) < 0 && errno != ENOENT)
		log_error("%s: %s; the next start would go back", path, strerror(errno));
}

int confirm_begin(struct daemon *daemon, uint32_t seconds)
{
	struct pending *pending = &daemon->pending;
	int err;

	if (!pending->back_to && !daemon->live.history)
		return -ENOENT;
	if (!pending->back_to)
		pending->back_to = daemon->live.history;
	pending->until_ms = boot_ms() + seconds * 1000LL;
	pending->until = time(NULL) + seconds;
	pending->undoing = false;
	err = write_down(daemon);
	return err ? err : arm(daemon, seconds * 1000LL);
}

void confirm_restore(struct daemon *daemon, const struct pending *before)
{
	struct event *timer = daemon->pending.timer;

	daemon->pending = *before;
	daemon->pending.timer = timer;
	if (!before->back_to) {
		confirm_end(daemon);
		return;
	}
	if (write_down(daemon) < 0 || arm(daemon, before->until_ms - boot_ms()) < 0)
		log_error("the change that waits to be confirmed cannot be noted: out of memory");
}

void confirm_end(struct daemon *daemon)
{
	struct pending *pending = &daemon->pending;

	if (pending->timer)
		evtimer_del(pending->timer);
	pending->back_to = 0;
	pending->undoing = false;
	rub_out(daemon);
}

void confirm_retry(struct daemon *daemon)
{
	daemon->pending.undoing = false;
	if (arm(daemon, RETRY_MS) < 0)
		log_error("no way back any more: out of memory");
}

/* By the clock of this boot; after another one by the calendar, which may be wrong. */
static int64_t left_ms(const json_t *note)
{
	const char *boot = json_string_value(json_object_get(note, "boot"));
	int64_t left = (json_integer_value(json_object_get(note, "until")) - time(NULL)) * 1000LL;
	char now[40];

	boot_id(now);
	if (boot && *boot && strcmp(boot, now) == 0)
		left = json_integer_value(json_object_get(note, "untilMs")) - boot_ms();
	if (left < 0)
		left = 0;
	return left < CONFIRM_MOST_S * 1000LL ? left : CONFIRM_MOST_S * 1000LL;
}

void confirm_open(struct daemon *daemon)
{
	struct pending *pending = &daemon->pending;
	cleanup_free char *path = path_of(daemon);
	json_t *note = path ? json_load_file(path, 0, NULL) : NULL;
	int64_t left;

	if (!note) {
		if (path && access(path, F_OK) == 0)
			log_error("%s cannot be read: nothing goes back by itself", path);
		return;
	}
	left = left_ms(note);
	pending->back_to = json_integer_value(json_object_get(note, "backTo"));
	json_decref(note);
	if (!pending->back_to)
		return;
	pending->until_ms = boot_ms() + left;
	pending->until = time(NULL) + left / 1000;
	log_warn("a change waits to be confirmed; without it, back to entry %u in %lld s",
		 pending->back_to, (long long)left / 1000);
	if (arm(daemon, left) < 0)
		log_error("no way back: out of memory");
}

void confirm_close(struct daemon *daemon)
{
	if (daemon->pending.timer)
		event_free(give(daemon->pending.timer));
}

json_t *confirm_as_json(const struct daemon *daemon)
{
	const struct pending *pending = &daemon->pending;
	int64_t left_s = (pending->until_ms - boot_ms() + 999) / 1000;
	struct tm parts;
	char when[32];

	if (!pending->back_to)
		return json_null();
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&pending->until, &parts));
	return json_pack("{s:I, s:s, s:I}", "backTo", (json_int_t)pending->back_to, "until", when,
			 "secondsLeft", (json_int_t)(left_s > 0 ? left_s : 0));
}
