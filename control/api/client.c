// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "api/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

#define ANSWER_MOST_BYTES (1u << 30)

struct reading {
	CURL *curl;
	FILE *into;
	size_t bytes;
	int (*each)(void *data, const char *line);
	void *data;
	char *part; /* of a line whose end has not come yet */
	bool stopped;
};

static void curl_free_p(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

static size_t keep_body(char *piece, size_t size, size_t count, void *data)
{
	struct reading *reading = data;

	reading->bytes += size * count;
	if (reading->bytes > ANSWER_MOST_BYTES)
		return 0;
	return fwrite(piece, 1, size * count, reading->into);
}

static int hand_line(struct reading *reading, const char *piece, size_t length)
{
	cleanup_free char *line = NULL;

	if (asprintf(&line, "%s%.*s", reading->part ? reading->part : "", (int)length, piece) < 0)
		return -ENOMEM;
	free(give(reading->part));
	return *line ? reading->each(reading->data, line) : 0;
}

static int keep_rest(struct reading *reading, const char *piece, size_t length)
{
	char *longer;

	if (asprintf(&longer, "%s%.*s", reading->part ? reading->part : "", (int)length, piece) < 0)
		return -ENOMEM;
	free(reading->part);
	reading->part = longer;
	return 0;
}

static size_t split_lines(char *piece, size_t size, size_t count, void *data)
{
	struct reading *reading = data;
	const char *end = piece + size * count, *newline;
	long status = 0;

	curl_easy_getinfo(reading->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return keep_body(piece, size, count, data);
	while ((newline = memchr(piece, '\n', end - piece))) {
		if (hand_line(reading, piece, newline - piece)) {
			reading->stopped = true;
			return 0;
		}
		piece = (char *)newline + 1;
	}
	return keep_rest(reading, piece, end - piece) ? 0 : size * count;
}

static int explain_failure(CURLcode code, const struct api_call *call, const char *detail,
			   char *refusal)
{
	if (code == CURLE_COULDNT_CONNECT)
		snprintf(refusal, API_REFUSAL_BYTES,
			 "no daemon answers at %s: is chasquid running, and are you root?",
			 call->socket_path);
	else
		snprintf(refusal, API_REFUSAL_BYTES, "%s: %s", call->socket_path,
			 *detail ? detail : curl_easy_strerror(code));
	return code == CURLE_COULDNT_CONNECT ? -ECONNREFUSED : -EIO;
}

static int perform(const struct api_call *call, struct reading *reading, struct api_answer *answer,
		   char *refusal)
{
	cleanup(curl_free_p) CURL *curl = curl_easy_init();
	char detail[CURL_ERROR_SIZE] = "", url[1024];
	CURLcode code;

	if (!curl)
		return -ENOMEM;
	reading->curl = curl;
	snprintf(url, sizeof(url), "http://chasqui%s", call->path);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->socket_path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, reading->each ? split_lines : keep_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, reading);
	if (strcmp(call->method, "POST") == 0) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body ? call->body : "");
	}
	code = curl_easy_perform(curl);
	if (code != CURLE_OK && !reading->stopped)
		return explain_failure(code, call, detail, refusal);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	return 0;
}

static int ask(const struct api_call *call, struct reading *reading, struct api_answer *ret,
	       char *refusal)
{
	struct api_answer answer = {};
	int err;

	snprintf(refusal, API_REFUSAL_BYTES, "%s", strerror(ENOMEM));
	reading->into = open_memstream(&answer.body, &answer.body_bytes);
	if (!reading->into)
		return -ENOMEM;
	err = perform(call, reading, &answer, refusal);
	free(reading->part);
	fclose(reading->into);
	if (err) {
		free(answer.body);
		return err;
	}
	*ret = answer;
	return 0;
}

int api_ask(const struct api_call *call, struct api_answer *ret, char refusal[API_REFUSAL_BYTES])
{
	struct reading reading = {};

	return ask(call, &reading, ret, refusal);
}

int api_listen(const struct api_call *call, int (*each)(void *data, const char *line), void *data,
	       struct api_answer *ret, char refusal[API_REFUSAL_BYTES])
{
	struct reading reading = {.each = each, .data = data};

	return ask(call, &reading, ret, refusal);
}
