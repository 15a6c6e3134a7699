/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guard/inherit.h"
#include "guard/marks.h"
#include "guard/options.h"
#include "guard/worker.h"
#include "util/log.h"

/*
 * The supervisor: holds the fanotify group and does nothing else, so that a worker which crashes
 * opens nothing. Who asks meanwhile waits for the next worker's answer.
 */
static const int heard[] = {SIGCHLD, SIGTERM, SIGINT};

static sigset_t heard_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(heard) / sizeof(heard[0]); i++)
		sigaddset(&set, heard[i]);
	return set;
}

/* A group that systemd had in its store is there still: a second one would not fit. */
static int open_group(const struct options *options, bool *inherited)
{
	int fd = inherit_running(options->run_directory);
	bool stored = false;

	if (fd < 0) {
		fd = inherit_stored();
		stored = fd >= 0;
	}
	*inherited = fd >= 0;
	if (fd >= 0)
		log_info("went on with the marks of the guard before");
	else
		fd = marks_group();
	if (fd >= 0 && !stored)
		inherit_notify("FDSTORE=1\nFDNAME=fanotify\nFDPOLL=0\n", fd);
	return fd;
}

static pid_t start(const struct options *options, int group, int listener, bool inherited,
		   unsigned restarts)
{
	sigset_t set = heard_set();
	pid_t pid = fork();

	if (pid)
		return pid;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(worker_run(options, group, listener, inherited, restarts));
}

/* Until the worker ends, or we are to end it. The status as of wait(2). */
static int wait_for(pid_t worker, bool *told_to)
{
	sigset_t set = heard_set();
	int status;

	while (true) {
		int signal = sigwaitinfo(&set, NULL);

		if (signal == SIGTERM || signal == SIGINT) {
			*told_to = true;
			kill(worker, SIGTERM);
		}
		if (waitpid(worker, &status, WNOHANG) == worker)
			return status;
	}
}

static int supervise(const struct options *options, int group, int listener, bool inherited)
{
	for (unsigned restarts = 0;; restarts++, inherited = true) {
		const struct timespec pause = {.tv_nsec = 200000000};
		time_t begun = time(NULL);
		bool told_to = false;
		pid_t worker = start(options, group, listener, inherited, restarts);
		int status;

		if (worker < 0) {
			log_error("fork: %s", strerror(errno));
			nanosleep(&pause, NULL);
			continue;
		}
		status = wait_for(worker, &told_to);
		if (told_to || (WIFEXITED(status) && !WEXITSTATUS(status)))
			return 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_CANNOT && !restarts &&
		    !inherited)
			return 1;
		log_error("the worker ended (%s %d); the next one starts, nobody was let through",
			  WIFSIGNALED(status) ? "signal" : "status",
			  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		if (time(NULL) - begun < 2)
			nanosleep(&pause, NULL);
	}
}

/*
 * Others wait for its answers, each of which wakes all of them: with a thousand at once it had to
 * share the processors with them between any two. Where that is not permitted, it is slower.
 */
static void hurry(void)
{
	const int most = -10;

	if (getpriority(PRIO_PROCESS, 0) > most)
		setpriority(PRIO_PROCESS, 0, most);
}

int main(int argc, char **argv)
{
	struct options options;
	sigset_t set = heard_set();
	int code = options_read(argc, argv, &options), group, listener;
	bool inherited;

	if (code)
		return code - 1;
	log_open("chasqui-guard", options.debug);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_DUMPABLE, 0);
	hurry();
	group = open_group(&options, &inherited);
	if (group < 0) {
		log_error("fanotify: %s", strerror(-group));
		return 1;
	}
	listener = inherit_listen(options.run_directory);
	if (listener < 0) {
		log_error("%s: %s", options.run_directory, strerror(-listener));
		return 1;
	}
	return supervise(&options, group, listener, inherited);
}
