// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/ask.h"

#include <string.h>

#include "api/client.h"
#include "api/version.h"
#include "util/cleanup.h"

static int socket_path(const struct arguments *arguments, char **ret)
{
	return asprintf(ret, "%s/%s", arguments->run_dir, API_SOCKET_NAME) < 0 ? EXIT_REFUSED
									       : EXIT_DONE;
}

void print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
	json_decref(value);
}

static int no_answer(const struct arguments *arguments, const char *refusal)
{
	if (wants_json(arguments))
		print_json(json_pack("{s:s}", "error", refusal));
	fprintf(stderr, "chasqui: %s\n", refusal);
	return EXIT_REFUSED;
}

/* A refusal of the daemon's: its sentence, and below it the problems of the documents. */
static int refused(const struct arguments *arguments, json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const char *text = json_string_value(json_object_get(answer, "text"));

	if (wants_json(arguments))
		print_json(json_incref(answer));
	fprintf(stderr, "%schasqui: %s\n", text ? text : "",
		error ? error : "the daemon refused, and gave no reason");
	json_decref(answer);
	return EXIT_REFUSED;
}

static json_t *read_answer(const struct api_answer *answer)
{
	return answer->body ? json_loadb(answer->body, answer->body_bytes, JSON_DECODE_ANY, NULL)
			    : NULL;
}

int ask(const struct arguments *arguments, const struct question *question, json_t **ret)
{
	cleanup_free char *at = NULL;
	char refusal[API_REFUSAL_BYTES];
	struct api_call call = {.method = question->method,
				.path = question->path,
				.body = question->body,
				.body_bytes = question->body_bytes};
	struct api_answer answer = {};
	json_t *value;

	if (socket_path(arguments, &at) != EXIT_DONE)
		return no_answer(arguments, "out of memory");
	call.socket_path = at;
	if (api_ask(&call, &answer, refusal) < 0)
		return no_answer(arguments, refusal);
	value = read_answer(&answer);
	free(answer.body);
	if (!value)
		return no_answer(arguments, "the daemon's answer is not JSON");
	if (answer.status != 200)
		return refused(arguments, value);
	*ret = value;
	return EXIT_DONE;
}

int listen_to(const struct arguments *arguments, const char *path,
	      int (*each)(void *data, const char *line), void *data)
{
	cleanup_free char *at = NULL;
	char refusal[API_REFUSAL_BYTES];
	struct api_call call = {.method = "GET", .path = path};
	struct api_answer answer = {};
	json_t *value;

	if (socket_path(arguments, &at) != EXIT_DONE)
		return no_answer(arguments, "out of memory");
	call.socket_path = at;
	if (api_listen(&call, each, data, &answer, refusal) < 0)
		return no_answer(arguments, refusal);
	value = answer.status == 200 ? NULL : read_answer(&answer);
	free(answer.body);
	return value ? refused(arguments, value) : EXIT_DONE;
}

int tell_outcome(const struct arguments *arguments, const struct question *question)
{
	const char *message;
	json_t *answer;
	int outcome = ask(arguments, question, &answer);

	if (outcome != EXIT_DONE)
		return outcome;
	if (wants_json(arguments)) {
		print_json(answer);
		return EXIT_DONE;
	}
	message = json_string_value(json_object_get(answer, "message"));
	printf("%s\n", message ? message : "done");
	json_decref(answer);
	return EXIT_DONE;
}
