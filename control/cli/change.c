// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/version.h"
#include "enforcer/enforcer.h"
#include "cli/confirm.h"
#include "kernel/datapath.h"
#include "kernel/forwarding.h"
#include "tunnel/tunnel.h"
#include "util/cleanup.h"

/* Words that ask the daemon to change something, and wait until it has. */
static int do_post(const struct arguments *arguments, const char *path)
{
	struct question question = {.method = "POST"};

	return tell_change(arguments, &question, path);
}

int reload(const struct arguments *arguments)
{
	return do_post(arguments, "/v1/reload");
}

int conntrack_flush(const struct arguments *arguments)
{
	return do_post(arguments, "/v1/conntrack/flush");
}

int rollback(const struct arguments *arguments)
{
	const char *number = arguments->words[0];
	char path[64];

	if (strlen(number) > 10 || number[strspn(number, "0123456789")]) {
		fprintf(stderr, "chasqui rollback: \"%s\" is no number of the history\n", number);
		return EXIT_USAGE;
	}
	snprintf(path, sizeof(path), "/v1/rollback/%s", number);
	return do_post(arguments, path);
}

/* Linux takes any name without blanks, "/" and ":"; what an address would need escaped is refused.
 */
static bool port_name_ok(const char *name)
{
	return strlen(name) < 16 && !name[strcspn(name, " /:%?#")];
}

static int port_word(const struct arguments *arguments, const char *verb)
{
	const char *name = arguments->words[0];
	char path[64];

	if (!port_name_ok(name)) {
		fprintf(stderr, "chasqui %s: \"%s\" is no name of an interface\n", verb, name);
		return EXIT_USAGE;
	}
	snprintf(path, sizeof(path), "/v1/ports/%s/%s", name, verb);
	return do_post(arguments, path);
}

int attach_port(const struct arguments *arguments)
{
	return port_word(arguments, "attach");
}

/*
 * Forwarding that chasquid turned on goes off first: a router that nobody guards
 * is not what was there before.
 */
static int stop_forwarding(const struct arguments *arguments, bool *ret_stopped)
{
	cleanup_free char *path = NULL;
	int err;

	if (asprintf(&path, "%s/%s", arguments->run_dir, FORWARDING_NOTE) < 0)
		return -ENOMEM;
	if (access(path, F_OK) < 0)
		return 0;
	err = forwarding_set(false);
	if (err)
		return err;
	unlink(path);
	*ret_stopped = true;
	return 0;
}

/* The hooks of TracingPolicies; the guard, when there is one, forgets its rules. */
static int detach_hooks(const struct arguments *arguments)
{
	cleanup_free char *pins = NULL;
	struct enforcer_options options = {.run_directory = arguments->run_dir};

	if (asprintf(&pins, "%s/enforcer", arguments->bpffs) < 0)
		return -ENOMEM;
	options.pin_directory = pins;
	return enforcer_detach(&options);
}

static int detach_tunnel(void)
{
	struct refusal refusal = {};
	int err = tunnel_detach(&refusal);

	if (err)
		fprintf(stderr, "chasqui detach: %s\n", refusal.text);
	return err;
}

/* Everything, and with no daemon needed: the pins say what is ours. */
static int detach_all(const struct arguments *arguments)
{
	bool stopped = false;
	const char *refusal;
	int err = stop_forwarding(arguments, &stopped);

	if (err) {
		fprintf(stderr, "chasqui detach: forwarding could not be turned off: %s\n",
			strerror(-err));
		return EXIT_REFUSED;
	}
	err = datapath_detach_all(arguments->bpffs);
	refusal = datapath_refusal(NULL);
	if (err) {
		fprintf(stderr, "chasqui detach: %s\n",
			refusal && *refusal ? refusal : strerror(-err));
		return EXIT_REFUSED;
	}
	err = detach_hooks(arguments);
	if (err) {
		fprintf(stderr, "chasqui detach: the hooks of TracingPolicies: %s\n",
			strerror(-err));
		return EXIT_REFUSED;
	}
	if (detach_tunnel() < 0)
		return EXIT_REFUSED;
	printf("nothing of chasqui is left in the kernel under %s; traffic is not judged any more%s\n",
	       arguments->bpffs, stopped ? ", and not forwarded either" : "");
	return EXIT_DONE;
}

int detach_port(const struct arguments *arguments)
{
	if (arguments->all == (arguments->n_words > 0)) {
		fprintf(stderr, "chasqui detach: say which PORT, or --all\n");
		return EXIT_USAGE;
	}
	return arguments->all ? detach_all(arguments) : port_word(arguments, "detach");
}
