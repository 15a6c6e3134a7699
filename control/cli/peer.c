// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/words.h"

#include <stdlib.h>
#include <string.h>

#include "cli/confirm.h"
#include "cli/list.h"
#include "util/cleanup.h"

/* Peer documents without an editor. The daemon reads what comes of it as it reads any other. */

/* In double quotes, so that no value can be anything else in YAML. */
static bool put_text(FILE *out, const char *text, size_t bytes)
{
	json_t *value = json_stringn(text, bytes);
	cleanup_free char *quoted = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;

	json_decref(value);
	fputs(quoted ? quoted : "", out);
	return quoted;
}

static bool put_field(FILE *out, const char *name, const char *text)
{
	bool done = true;

	if (!text)
		return true;
	fprintf(out, "  %s: ", name);
	done = put_text(out, text, strlen(text));
	fputc('\n', out);
	return done;
}

/* "a,b" as a list. */
static bool put_list(FILE *out, const char *name, const char *text)
{
	bool done = true;

	fprintf(out, "  %s: [", name);
	for (const char *part = text; part && done;) {
		size_t length = strcspn(part, ",");

		done = put_text(out, part, length);
		part = part[length] ? part + length + 1 : NULL;
		fputs(part ? ", " : "", out);
	}
	fputs("]\n", out);
	return done;
}

/* "site=cusco,tier=edge" as a mapping. */
static bool put_labels(FILE *out, const char *text)
{
	bool done = true;

	fputs(", labels: {", out);
	for (const char *part = text; part && done;) {
		size_t length = strcspn(part, ","), key = strcspn(part, "=,");

		done = put_text(out, part, key);
		fputs(": ", out);
		done = done && put_text(out, part + key + (part[key] == '='),
					length - key - (part[key] == '='));
		part = part[length] ? part + length + 1 : NULL;
		fputs(part ? ", " : "", out);
	}
	fputs("}", out);
	return done;
}

static bool put_peer(FILE *out, const struct arguments *arguments)
{
	bool done;

	fputs("apiVersion: chasqui.io/v1\nkind: Peer\nmetadata: {name: ", out);
	done = put_text(out, arguments->words[0], strlen(arguments->words[0]));
	if (done && arguments->labels)
		done = put_labels(out, arguments->labels);
	fputs("}\nspec:\n", out);
	return done && put_field(out, "publicKey", arguments->public_key) &&
	       put_field(out, "presharedKeyFile", arguments->preshared_key_file) &&
	       put_field(out, "endpoint", arguments->endpoint) &&
	       put_list(out, "prefixes", arguments->prefixes) &&
	       (!arguments->keepalive ||
		fprintf(out, "  keepalive: %s\n", arguments->keepalive) > 0);
}

int peer_add(const struct arguments *arguments)
{
	struct question question = {.method = "POST"};
	cleanup_free char *text = NULL;
	cleanup_fclose FILE *out = open_memstream(&text, &question.body_bytes);
	const char *keepalive = arguments->keepalive;

	if (!arguments->public_key || !arguments->prefixes) {
		fprintf(stderr, "chasqui peer add: --public-key and --prefixes have to be given\n");
		return EXIT_USAGE;
	}
	if (keepalive && (!*keepalive || keepalive[strspn(keepalive, "0123456789")])) {
		fprintf(stderr, "chasqui peer add: keepalive \"%s\" is no number of seconds\n",
			keepalive);
		return EXIT_USAGE;
	}
	if (!out)
		return EXIT_REFUSED;
	if (!put_peer(out, arguments)) {
		fprintf(stderr, "chasqui peer add: a value is not UTF-8\n");
		return EXIT_USAGE;
	}
	fclose(give(out));
	question.body = text;
	return tell_change(arguments, &question, "/v1/apply");
}

int peer_remove(const struct arguments *arguments)
{
	char *words[] = {"Peer", arguments->words[0]};
	struct arguments named = *arguments;

	named.words = words;
	named.n_words = 2;
	return delete_documents(&named);
}

int peer_list(const struct arguments *arguments)
{
	static const struct column columns[] = {
		{"PEER", "name", false},	 {"PUBLIC KEY", "publicKey", false},
		{"ENDPOINT", "endpoint", false}, {"PREFIXES", "prefixes", false},
		{"LABELS", "labels", false},	 {}};

	return show_list(arguments, "/v1/peers", columns);
}
