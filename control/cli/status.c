// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdbool.h>

#include "cli/words.h"

#include <string.h>

#include "cli/table.h"
#include "cli/tracing.h"
#include "util/cleanup.h"

static const char *text_at(const json_t *object, const char *path)
{
	const char *text = json_string_value(member_at(object, path));

	return text ? text : "-";
}

static json_int_t number_at(const json_t *object, const char *path)
{
	return json_integer_value(member_at(object, path));
}

static bool true_at(const json_t *object, const char *path)
{
	return json_is_true(member_at(object, path));
}

static void print_state(const json_t *status)
{
	static const struct {
		const char *state, *sentence;
	} sentences[] = {
		{"enforcing", "enforcing"},
		{"inherited", "the kernel enforces what an earlier daemon made live"},
		{"closed", "CLOSED: nothing is forwarded until a complete configuration is live"},
	};
	const char *state = text_at(status, "state");

	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (strcmp(state, sentences[i].state) == 0)
			printf("State:       %s%s\n", sentences[i].sentence,
			       true_at(status, "changing") ? " (a change is under way)" : "");
	printf("Gateway:     %s, enforcement %s%s\n", text_at(status, "gateway"),
	       text_at(status, "enforcement"), true_at(status, "audit") ? ", AUDIT MODE" : "");
	printf("Generation:  %lld since %s (%s by %s)\n",
	       (long long)number_at(status, "generation"), text_at(status, "since"),
	       text_at(status, "how"), text_at(status, "who"));
	if (json_is_object(member_at(status, "confirm")))
		printf("UNCONFIRMED: back to entry %lld of the history in %lld s, without \"chasqui confirm\"\n",
		       (long long)number_at(status, "confirm.backTo"),
		       (long long)number_at(status, "confirm.secondsLeft"));
	if (true_at(status, "lastGood"))
		printf("WARNING:     %s is refused, the last good configuration is enforced\n",
		       text_at(status, "config"));
	if (json_is_string(member_at(status, "refused")))
		printf("Refused:     %s\n", text_at(status, "refused"));
	printf("Forwarding:  IPv4 %s, IPv6 %s%s; running flows %s%s\n",
	       true_at(status, "forwarding.ipv4") ? "on" : "off",
	       true_at(status, "forwarding.ipv6") ? "on" : "off",
	       true_at(status, "forwarding.managed") ? "" : " (left alone)",
	       true_at(status, "forwarding.direct") ? "directly" : "by the kernel's stack: ",
	       true_at(status, "forwarding.direct") ? ""
						    : text_at(status, "forwarding.directNote"));
}

static void print_tunnel(const json_t *status)
{
	const json_t *tunnel = member_at(status, "tunnel");

	if (!tunnel)
		return;
	printf("Tunnel:      %s %s (%s), UDP port %lld, MTU %lld, %lld peers\n",
	       text_at(tunnel, "name"), text_at(tunnel, "state"), text_at(tunnel, "backend"),
	       (long long)number_at(tunnel, "listenPort"), (long long)number_at(tunnel, "mtu"),
	       (long long)number_at(tunnel, "peerCount"));
	if (number_at(tunnel, "disallowed"))
		printf("             %lld packets from peers with a source that is not theirs\n",
		       (long long)number_at(tunnel, "disallowed"));
	if (*text_at(tunnel, "note"))
		printf("             PROBLEM: %s\n", text_at(tunnel, "note"));
}

static void print_counts(const json_t *status)
{
	const json_t *counts = member_at(status, "counts");

	printf("Policy:      %lld endpoints, %lld identities, %lld policies\n",
	       (long long)number_at(counts, "endpoints"),
	       (long long)number_at(counts, "identities"),
	       (long long)number_at(counts, "policies"));
	printf("Compiled:    %lld subject and %lld peer classes, %lld rule sets, %lld pairs, %lld rules,\n"
	       "             %lld hosts, %lld prefixes, %lld denied prefixes\n",
	       (long long)number_at(counts, "subjectClasses"),
	       (long long)number_at(counts, "peerClasses"),
	       (long long)number_at(counts, "ruleSets"), (long long)number_at(counts, "pairs"),
	       (long long)number_at(counts, "rules"), (long long)number_at(counts, "hosts"),
	       (long long)number_at(counts, "prefixes"), (long long)number_at(counts, "deny"));
}

static const char *port_state(const json_t *port)
{
	if (!true_at(port, "present"))
		return "absent";
	if (true_at(port, "detached"))
		return "DETACHED";
	return true_at(port, "checkpoint") ? "guarded" : "NOT GUARDED";
}

static json_int_t sum_packets(const json_t *counters, const char *prefix)
{
	const char *reason;
	json_t *counter;
	json_int_t sum = 0;

	json_object_foreach((json_t *)counters, reason,
			    counter) if (strncmp(reason, prefix, strlen(prefix)) == 0) sum +=
		number_at(counter, "packets");
	return sum;
}

static int print_ports(const json_t *status)
{
	static const struct column columns[] = {
		{"PORT", "name", false},   {"ROLE", "role", false},
		{"STATE", "state", false}, {"GATE", "gate", false},
		{"PASSED", "in", true},	   {"DROPPED", "dropped", true},
		{"NOTE", "note", false},   {},
	};
	const json_t *ports = member_at(status, "ports");
	json_t *port;
	size_t i;

	if (!json_array_size(ports))
		return 0;
	json_array_foreach((json_t *)ports, i, port)
	{
		const json_t *in = member_at(port, "ingress"), *out = member_at(port, "egress");

		json_object_set_new(port, "state", json_string(port_state(port)));
		json_object_set_new(port, "in", json_integer(sum_packets(in, "PASS_")));
		json_object_set_new(
			port, "dropped",
			json_integer(sum_packets(in, "DROP_") + sum_packets(out, "DROP_")));
	}
	putchar('\n');
	return table_print(columns, ports);
}

/* Every drop there was, by port and reason: the first thing to look at. */
static int print_drops(const json_t *status)
{
	static const struct column columns[] = {
		{"DROPS AT", "name", false},
		{"DIRECTION", "direction", false},
		{"REASON", "reason", false},
		{"PACKETS", "packets", true},
		{},
	};
	static const char *const directions[] = {"ingress", "egress"};
	json_t *rows = json_array(), *port, *counter;
	const char *reason;
	size_t i;
	int err = 0;

	json_array_foreach((json_t *)member_at(status, "ports"), i, port) for (int d = 0; d < 2;
									       d++)
		json_object_foreach(json_object_get(port, directions[d]), reason,
				    counter) if (strncmp(reason, "DROP_", 5) == 0)
			json_array_append_new(rows,
					      json_pack("{s:O, s:s, s:s, s:O}", "name",
							json_object_get(port, "name"), "direction",
							directions[d], "reason", reason, "packets",
							json_object_get(counter, "packets")));
	if (json_array_size(rows)) {
		putchar('\n');
		err = table_print(columns, rows);
	}
	json_decref(rows);
	return err;
}

static int print_tables(const json_t *status)
{
	static const struct column columns[] = {
		{"TABLE", "name", false}, {"ENTRIES", "entries", true}, {"MOST", "most", true},
		{"FULL", "full", true},	  {"KIBIBYTES", "kib", true},	{},
	};
	const json_t *tables = member_at(status, "tables");
	json_int_t most, memory = 0;
	char full[16];
	json_t *table;
	size_t i;
	int err;

	if (!json_array_size(tables))
		return 0;
	json_array_foreach((json_t *)tables, i, table)
	{
		most = number_at(table, "most");
		snprintf(full, sizeof(full), "%.1f %%",
			 most ? 100.0 * (double)number_at(table, "entries") / (double)most : 0.0);
		json_object_set_new(table, "full", json_string(full));
		json_object_set_new(table, "kib",
				    json_integer(number_at(table, "memoryBytes") / 1024));
		memory += number_at(table, "memoryBytes");
	}
	putchar('\n');
	err = table_print(columns, tables);
	printf("memory of all tables: %lld MiB\n", (long long)memory >> 20);
	return err;
}

/* Each hook, who serves it, and what that cannot stop; then the guard. */
static int print_enforcer(const json_t *status)
{
	const json_t *policies = member_at(status, "enforcer.policies");
	const json_t *guard = member_at(status, "enforcer.guard");
	int err;

	if (!json_array_size(policies))
		return 0;
	putchar('\n');
	err = tracing_print_hooks(policies);
	if (true_at(guard, "connected"))
		printf("file guard: pid %lld, %lld files marked, %lld accesses asked, %lld denied, %lld killed\n",
		       (long long)number_at(guard, "pid"), (long long)number_at(guard, "files"),
		       (long long)number_at(guard, "asked"), (long long)number_at(guard, "denied"),
		       (long long)number_at(guard, "killed"));
	if (true_at(guard, "connected") && true_at(guard, "netAttached"))
		printf("what waits behind it is attached: %lld descriptors are from before the policies\n",
		       (long long)number_at(guard, "held"));
	if (!true_at(guard, "connected") && true_at(guard, "wanted"))
		printf("file guard: NOT RUNNING; what its hooks guard is protected by killing alone\n");
	return err;
}

/* Whether processes are seen at all, and what nobody could be told of. */
static void print_processes(const json_t *status)
{
	const json_t *lost = member_at(status, "processes.lost");
	long long unseen = number_at(lost, "ringFork") + number_at(lost, "ringExec") +
			   number_at(lost, "ringExit") + number_at(lost, "ringHook");
	long long unknown = number_at(lost, "mapFull") + number_at(lost, "treeFull");

	if (!true_at(status, "processes.watched")) {
		printf("processes: NOT WATCHED: %s\n", text_at(status, "processes.why"));
		return;
	}
	printf("processes: %lld watched, %lld events\n",
	       (long long)number_at(status, "processes.running"),
	       (long long)number_at(status, "processes.events"));
	if (unseen || unknown)
		printf("processes: %lld events lost, %lld times no room for a process\n", unseen,
		       unknown);
}

static void print_lost(const json_t *status)
{
	const char *reason;
	json_t *events;

	json_object_foreach((json_t *)member_at(status, "eventsLost"), reason, events)
		printf("events not told: %lld of %s (counters are exact all the same)\n",
		       (long long)json_integer_value(events), reason);
}

int show_status(const struct arguments *arguments)
{
	struct question question = {.method = "GET", .path = "/v1/status"};
	json_t *status;
	int outcome = ask(arguments, &question, &status);

	if (outcome != EXIT_DONE)
		return outcome;
	if (wants_json(arguments)) {
		print_json(status);
		return EXIT_DONE;
	}
	print_state(status);
	print_tunnel(status);
	print_counts(status);
	if (print_ports(status) < 0 || print_drops(status) < 0 || print_tables(status) < 0 ||
	    print_enforcer(status) < 0)
		outcome = EXIT_REFUSED;
	print_processes(status);
	print_lost(status);
	json_decref(status);
	return outcome;
}
