// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/words.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/table.h"
#include "tunnel/key.h"
#include "util/cleanup.h"

/* Keys, offline. A private key goes into a file of mode 0600 or a pipe, never to a terminal. */

static void wipe_key(struct wg_key *key)
{
	explicit_bzero(key, sizeof(*key));
}

static int print_public(const struct arguments *arguments, const struct wg_key *private_key)
{
	struct wg_key public_key;
	char text[KEY_TEXT_BYTES];

	key_public(private_key, &public_key);
	key_print(&public_key, text);
	if (wants_json(arguments))
		print_json(json_pack("{s:s}", "publicKey", text));
	else
		puts(text);
	return EXIT_DONE;
}

static int fail(const char *words)
{
	fprintf(stderr, "chasqui tunnel: %s\n", words);
	return EXIT_REFUSED;
}

int tunnel_genkey(const struct arguments *arguments)
{
	cleanup(wipe_key) struct wg_key key = {};
	struct refusal refusal = {};
	char text[KEY_TEXT_BYTES];

	if (arguments->n_words) {
		if (key_file_make(arguments->words[0], &key, &refusal) < 0)
			return fail(refusal.text);
		return print_public(arguments, &key);
	}
	if (isatty(STDOUT_FILENO))
		return fail("a private key is not for a terminal: name a FILE, or pipe it");
	if (key_make(&key) < 0)
		return fail("no randomness");
	puts(key_print(&key, text));
	explicit_bzero(text, sizeof(text));
	return EXIT_DONE;
}

static int read_standard_input(struct wg_key *ret)
{
	char text[256] = "";
	size_t bytes = fread(text, 1, sizeof(text) - 1, stdin);
	int err;

	text[bytes] = '\0';
	err = key_parse(text, ret);
	explicit_bzero(text, sizeof(text));
	return err;
}

static int ask_tunnel(const struct arguments *arguments, json_t **ret)
{
	struct question question = {.method = "GET", .path = "/v1/tunnel"};
	int outcome = ask(arguments, &question, ret);

	if (outcome == EXIT_DONE && !json_object_size(*ret) && !wants_json(arguments)) {
		json_decref(*ret);
		return fail("the live Gateway document has no tunnel");
	}
	return outcome;
}

static int print_own_public(const struct arguments *arguments)
{
	json_t *tunnel;
	const char *text;
	int outcome = ask_tunnel(arguments, &tunnel);

	if (outcome != EXIT_DONE)
		return outcome;
	text = json_string_value(json_object_get(tunnel, "publicKey"));
	if (wants_json(arguments))
		print_json(json_pack("{s:s?}", "publicKey", text));
	else
		puts(text ? text : "");
	json_decref(tunnel);
	return EXIT_DONE;
}

int tunnel_pubkey(const struct arguments *arguments)
{
	cleanup(wipe_key) struct wg_key key = {};
	struct refusal refusal = {};

	if (!arguments->n_words)
		return print_own_public(arguments);
	if (strcmp(arguments->words[0], "-") == 0) {
		if (read_standard_input(&key) < 0)
			return fail("standard input holds no key, expected 32 bytes in base64");
	} else if (key_file_read(arguments->words[0], true, &key, &refusal) < 0) {
		return fail(refusal.text);
	}
	return print_public(arguments, &key);
}

/* The tunnel as it is. */

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text && *text ? text : "-";
}

static long long number_of(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

int tunnel_status(const struct arguments *arguments)
{
	json_t *tunnel;
	int outcome = ask_tunnel(arguments, &tunnel);

	if (outcome != EXIT_DONE)
		return outcome;
	if (wants_json(arguments)) {
		print_json(tunnel);
		return EXIT_DONE;
	}
	printf("Tunnel:      %s, %s (%s)\n", text_of(tunnel, "name"), text_of(tunnel, "state"),
	       text_of(tunnel, "backend"));
	printf("Public key:  %s\n", text_of(tunnel, "publicKey"));
	printf("Listens at:  UDP port %lld", number_of(tunnel, "listenPort"));
	if (number_of(tunnel, "fwmark"))
		printf(", fwmark 0x%llx", number_of(tunnel, "fwmark"));
	printf("\nMTU:         %lld bytes\n", number_of(tunnel, "mtu"));
	printf("Peers:       %lld\n", number_of(tunnel, "peerCount"));
	printf("Disallowed:  %lld packets\n", number_of(tunnel, "disallowed"));
	if (*json_string_value(json_object_get(tunnel, "note")))
		printf("PROBLEM:     %s\n", text_of(tunnel, "note"));
	json_decref(tunnel);
	return EXIT_DONE;
}

/* "2 minutes ago", as people read it; the JSON has the time itself. */
static json_t *age_as_json(const char *when)
{
	static const struct {
		long seconds;
		const char *word;
	} units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	struct tm parts = {};
	char text[64];
	long age;

	if (!when || !strptime(when, "%Y-%m-%dT%H:%M:%SZ", &parts))
		return json_string("never");
	age = time(NULL) - timegm(&parts);
	if (age < 1)
		return json_string(age < 0 ? "in the future: the clock was set back" : "now");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		long count = age / units[i].seconds;

		if (!count)
			continue;
		snprintf(text, sizeof(text), "%ld %s%s ago", count, units[i].word,
			 count == 1 ? "" : "s");
		break;
	}
	return json_string(text);
}

int tunnel_peers(const struct arguments *arguments)
{
	static const struct column columns[] = {{"PEER", "name", false},
						{"ADDRESS", "address", false},
						{"HANDSHAKE", "age", false},
						{"RECEIVED", "received", true},
						{"SENT", "sent", true},
						{"DISALLOWED", "disallowed", true},
						{"PREFIXES", "prefixes", false},
						{"PROBLEM", "problem", false},
						{}};
	json_t *tunnel, *peers, *peer;
	int outcome = ask_tunnel(arguments, &tunnel);
	size_t i;

	if (outcome != EXIT_DONE)
		return outcome;
	peers = json_object_get(tunnel, "peers");
	if (wants_json(arguments)) {
		print_json(peers ? json_incref(peers) : json_array());
		json_decref(tunnel);
		return EXIT_DONE;
	}
	json_array_foreach(peers, i, peer)
	{
		const char *when = json_string_value(json_object_get(peer, "latestHandshake"));

		json_object_set_new(peer, "age", age_as_json(when));
	}
	if (!json_array_size(peers))
		fprintf(stderr, "none\n");
	else if (table_print(columns, peers) < 0)
		outcome = EXIT_REFUSED;
	json_decref(tunnel);
	return outcome;
}
