/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "../../datapath/tunnel/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tunnel_test.h"

/* What the engine can still do once it is confined; each is tried by a child. */

static char folder[] = "/tmp/chasqui-confine.XXXXXX";

static bool refused(long result)
{
	return result < 0 && (errno == EPERM || errno == EACCES);
}

static bool cannot_open(void)
{
	return refused(open("/etc/passwd", O_RDONLY));
}

static bool cannot_write(void)
{
	return refused(open("/dev/null", O_WRONLY));
}

static bool cannot_run(void)
{
	return refused(execl("/bin/true", "true", NULL));
}

static bool cannot_fork(void)
{
	return refused(syscall(SYS_fork));
}

static bool cannot_kill(void)
{
	return refused(syscall(SYS_tgkill, getppid(), getppid(), 0)) && refused(kill(getppid(), 0));
}

static bool can_abort(void)
{
	return !syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0);
}

static bool cannot_have_code(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return code == MAP_FAILED && data != MAP_FAILED &&
	       refused(mprotect(data, 4096, PROT_READ | PROT_EXEC));
}

static bool cannot_connect_locally(void)
{
	return refused(socket(AF_UNIX, SOCK_STREAM, 0)) &&
	       refused(socket(AF_NETLINK, SOCK_RAW, 0)) && refused(socket(AF_PACKET, SOCK_RAW, 0));
}

static bool can_have_sockets(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) >= 0 &&
	       (socket(AF_INET6, SOCK_DGRAM, 0) >= 0 || errno == EAFNOSUPPORT);
}

static bool cannot_trace(void)
{
	return refused(syscall(SYS_ptrace, 0, 0, 0, 0)) &&
	       refused(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

static bool cannot_change_what_it_may(void)
{
	return refused(setuid(0)) && refused(syscall(SYS_setns, 0, 0)) &&
	       refused(syscall(SYS_unshare, 0)) && refused(prctl(PR_SET_DUMPABLE, 1));
}

static bool can_remove_its_socket(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/socket", folder);
	return !unlink(path);
}

static char elsewhere[] = "/tmp/chasqui-elsewhere.XXXXXX";

static bool cannot_remove_others(void)
{
	return refused(unlink(elsewhere));
}

static void in_a_child(bool (*holds)(void))
{
	char path[64];
	int status, fd;
	pid_t child;

	snprintf(path, sizeof(path), "%s/socket", folder);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	child = fork();
	if (!child) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || confine_files(folder) ||
		    confine_calls())
			_exit(2);
		_exit(holds() ? 0 : 1);
	}
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFEXITED(status));
	assert_int_equal(0, WEXITSTATUS(status));
}

#define in_its_own(test)                 \
	static void its_##test(void **s) \
	{                                \
		(void)s;                 \
		in_a_child(test);        \
	}

in_its_own(cannot_open) in_its_own(cannot_write) in_its_own(cannot_run) in_its_own(cannot_fork)
	in_its_own(cannot_kill) in_its_own(can_abort) in_its_own(cannot_have_code)
		in_its_own(cannot_connect_locally) in_its_own(can_have_sockets)
			in_its_own(cannot_trace) in_its_own(cannot_change_what_it_may)
				in_its_own(can_remove_its_socket)

	/* Only Landlock knows of places. */
	static void its_cannot_remove_others_where_there_is_landlock(void **state)
{
	int fd;

	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 0) {
		puts("no Landlock here");
		return;
	}
	fd = mkstemp(elsewhere);
	close(fd);
	in_a_child(cannot_remove_others);
	unlink(elsewhere);
}

static int make_folder(void **state)
{
	(void)state;
	return !mkdtemp(folder);
}

static int drop_folder(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/socket", folder);
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_cannot_open),
		cmocka_unit_test(its_cannot_write),
		cmocka_unit_test(its_cannot_run),
		cmocka_unit_test(its_cannot_fork),
		cmocka_unit_test(its_cannot_kill),
		cmocka_unit_test(its_can_abort),
		cmocka_unit_test(its_cannot_have_code),
		cmocka_unit_test(its_cannot_connect_locally),
		cmocka_unit_test(its_can_have_sockets),
		cmocka_unit_test(its_cannot_trace),
		cmocka_unit_test(its_cannot_change_what_it_may),
		cmocka_unit_test(its_can_remove_its_socket),
		cmocka_unit_test(its_cannot_remove_others_where_there_is_landlock),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
