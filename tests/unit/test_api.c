// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <pthread.h>

#include "api/client.h"
#include "api/server.h"
#include "util/cleanup.h"

/* A server in a thread of its own; the test is its client. */
struct service {
	char directory[32], path[64];
	struct event_base *base;
	struct api_server *server;
	struct api_request *kept; /* answered only at the next request */
	struct event *tick;
	pthread_t thread;
	int n_ticks;
	_Atomic bool flood; /* send without end to all who listen */
	_Atomic bool stopping;
};

static void say_hello(void *data, struct api_request *request)
{
	(void)data;
	api_reply(request, 200,
		  json_pack("{s:s, s:s, s:i}", "argument", api_argument(request), "query",
			    api_query(request, "q") ?: "none", "uid", (int)api_peer(request)));
}

static void say_size(void *data, struct api_request *request)
{
	size_t bytes;
	const char *body = api_body(request, &bytes);

	(void)data;
	assert_int_equal(0, body[bytes]);
	api_reply(request, 200, json_pack("{s:I}", "bytes", (json_int_t)bytes));
}

static void refuse(void *data, struct api_request *request)
{
	(void)data;
	api_refuse(request, 422, "no %s", "thanks");
}

static void keep_waiting(void *data, struct api_request *request)
{
	struct service *service = data;

	if (service->kept)
		api_reply(service->kept, 200, json_pack("{s:b}", "waited", 1));
	service->kept = request;
}

static void listen_in(void *data, struct api_request *request)
{
	(void)data;
	api_stream_start(request);
}

static const struct api_route routes[] = {
	{"GET", "/v1/hello", say_hello},
	{"GET", "/v1/hello/*/there", say_hello},
	{"POST", "/v1/size", say_size},
	{"POST", "/v1/refuse", refuse},
	{"POST", "/v1/wait", keep_waiting},
	{"GET", "/v1/listen", listen_in},
	{},
};

static void on_tick(evutil_socket_t fd, short what, void *data)
{
	struct service *service = data;
	char line[4096];

	(void)fd;
	(void)what;
	if (service->stopping)
		event_base_loopbreak(service->base);
	memset(line, 'x', sizeof(line));
	snprintf(line, sizeof(line), "{\"tick\":%d}", service->n_ticks++);
	line[strlen(line)] = service->flood ? ' ' : '\0';
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < (service->flood ? 200 : 1); i++)
		api_stream_send(service->server, line);
}

static void *serve(void *data)
{
	event_base_dispatch(((struct service *)data)->base);
	return NULL;
}

static int service_up(void **state)
{
	static const struct timeval often = {0, 10000};
	struct service *service = calloc(1, sizeof(*service));

	*state = service;
	strcpy(service->directory, "/tmp/chasqui-api-XXXXXX");
	if (!mkdtemp(service->directory))
		return -1;
	snprintf(service->path, sizeof(service->path), "%s/api.sock", service->directory);
	service->base = event_base_new();
	if (api_server_open(service->base, service->path, routes, service, &service->server) != 0)
		return -1;
	service->tick = event_new(service->base, -1, EV_PERSIST, on_tick, service);
	event_add(service->tick, &often);
	return pthread_create(&service->thread, NULL, serve, service);
}

static int service_down(void **state)
{
	struct service *service = *state;

	service->stopping = true;
	pthread_join(service->thread, NULL);
	event_free(service->tick);
	api_server_close(service->server);
	event_base_free(service->base);
	rmdir(service->directory);
	free(service);
	return 0;
}

static long ask(struct service *service, const char *method, const char *path, const char *body,
		size_t bytes, char *ret, size_t size)
{
	struct api_call call = {service->path, method, path, body, bytes};
	char refusal[API_REFUSAL_BYTES] = "";
	struct api_answer answer = {};

	if (api_ask(&call, &answer, refusal) < 0) {
		snprintf(ret, size, "%s", refusal);
		return -1;
	}
	snprintf(ret, size, "%s", answer.body);
	free(answer.body);
	return answer.status;
}

static void each_path_has_its_answer(void **state)
{
	static const struct {
		const char *method, *path;
		long status;
		const char *words;
	} rows[] = {
		{"GET", "/v1/hello", 200, "\"argument\":\"\""},
		{"GET", "/v1/hello?q=7&r=8", 200, "\"query\":\"7\""},
		{"GET", "/v1/hello/lan0/there", 200, "\"argument\":\"lan0\""},
		{"GET", "/v1/hello//there", 404, "nothing at"},
		{"GET", "/v1/hello/a/b/there", 404, "nothing at"},
		{"GET", "/v1/hello/a/ther", 404, "nothing at"},
		{"GET", "/v1/hell", 404, "nothing at"},
		{"GET", "/", 404, "nothing at"},
		{"POST", "/v1/hello", 405, "method"},
		{"GET", "/v1/size", 405, "method"},
		{"POST", "/v1/refuse", 422, "{\"error\":\"no thanks\"}"},
	};
	char text[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long status =
			ask(*state, rows[i].method, rows[i].path, NULL, 0, text, sizeof(text));

		if (status != rows[i].status || !strstr(text, rows[i].words))
			fail_msg("%s %s: %ld %s", rows[i].method, rows[i].path, status, text);
	}
}

static void the_socket_is_private(void **state)
{
	struct service *service = *state;
	char text[256], wanted[32];
	struct stat st;

	assert_int_equal(0, stat(service->path, &st));
	assert_int_equal(0600, st.st_mode & 0777);
	ask(service, "GET", "/v1/hello", NULL, 0, text, sizeof(text));
	snprintf(wanted, sizeof(wanted), "\"uid\":%d", (int)getuid());
	assert_non_null(strstr(text, wanted));
}

static void bodies_are_bounded(void **state)
{
	cleanup_free char *body = calloc(1, API_BODY_BYTES + 1);
	char text[256], wanted[32];

	assert_int_equal(200, ask(*state, "POST", "/v1/size", "abc", 3, text, sizeof(text)));
	assert_non_null(strstr(text, "\"bytes\":3"));
	assert_int_equal(200, ask(*state, "POST", "/v1/size", NULL, 0, text, sizeof(text)));
	assert_non_null(strstr(text, "\"bytes\":0"));
	snprintf(wanted, sizeof(wanted), "\"bytes\":%d", API_BODY_BYTES);
	assert_int_equal(200,
			 ask(*state, "POST", "/v1/size", body, API_BODY_BYTES, text, sizeof(text)));
	assert_non_null(strstr(text, wanted));
	assert_int_not_equal(
		200, ask(*state, "POST", "/v1/size", body, API_BODY_BYTES + 1, text, sizeof(text)));
}

/* Opens, sends, and does not wait for an answer. */
static int shout(const struct service *service, const char *text)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", service->path);
	assert_int_equal(0, connect(fd, (struct sockaddr *)&to, sizeof(to)));
	assert_int_equal(strlen(text), write(fd, text, strlen(text)));
	return fd;
}

#define WAIT "POST /v1/wait HTTP/1.1\r\nContent-Length: 0\r\n\r\n"

static void who_hangs_up_while_he_waits_does_no_harm(void **state)
{
	char text[256];

	for (int i = 0; i < 20; i++) {
		int fd = shout(*state, WAIT);

		usleep(2000);
		close(fd);
	}
	usleep(20000);
	assert_int_equal(200, ask(*state, "GET", "/v1/hello", NULL, 0, text, sizeof(text)));
	close(shout(*state, WAIT)); /* the last that was kept is answered into nothing */
	usleep(20000);
	assert_int_equal(200, ask(*state, "GET", "/v1/hello", NULL, 0, text, sizeof(text)));
}

static void rubbish_does_no_harm(void **state)
{
	static const char *const rubbish[] = {
		"\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"BREW /pot HTTP/1.1\r\n\r\n",
		"GET http://x:y:z/ HTTP/1.1\r\n\r\n",
		"POST /v1/size HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST /v1/size HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /v1/size HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"GET /%00%ff HTTP/1.1\r\n\r\n",
		"GET /v1/hello?%zz=&&==& HTTP/1.1\r\n\r\n",
		"PUT /v1/hello HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd",
		"\x16\x03\x01\x02",
	};
	char text[256];

	for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
		int fd = shout(*state, rubbish[i]);

		usleep(3000);
		close(fd);
		assert_int_equal(200, ask(*state, "GET", "/v1/hello", NULL, 0, text, sizeof(text)));
	}
}

static int third_tick(void *data, const char *line)
{
	int *ticks = data;

	assert_non_null(strstr(line, "{\"tick\":"));
	return ++*ticks == 3;
}

static long listen_for(struct service *service, int (*each)(void *, const char *), void *data)
{
	struct api_call call = {
		.socket_path = service->path, .method = "GET", .path = "/v1/listen"};
	char refusal[API_REFUSAL_BYTES];
	struct api_answer answer = {};
	int err = api_listen(&call, each, data, &answer, refusal);

	free(answer.body);
	return err ? err : answer.status;
}

static void streams_come_line_by_line(void **state)
{
	int ticks = 0;

	assert_int_equal(200, listen_for(*state, third_tick, &ticks));
	assert_int_equal(3, ticks);
}

static int until_lost(void *data, const char *line)
{
	json_t *object = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
	json_int_t lost = 0;

	if (json_unpack(object, "{s:I}", "lost", &lost) == 0)
		*(json_int_t *)data = lost;
	else
		usleep(1000);
	json_decref(object);
	return lost > 0;
}

static void a_slow_reader_is_told_what_he_missed(void **state)
{
	struct service *service = *state;
	json_int_t lost = 0;

	service->flood = true;
	assert_int_equal(200, listen_for(service, until_lost, &lost));
	assert_true(lost > 0);
}

static void listeners_are_bounded(void **state)
{
	static const char request[] = "GET /v1/listen HTTP/1.1\r\n\r\n";
	struct service *service = *state;
	int fds[API_STREAMS], ticks = 0;

	for (int i = 0; i < API_STREAMS; i++)
		fds[i] = shout(service, request);
	usleep(50000);
	assert_int_equal(503, listen_for(service, third_tick, &ticks));
	for (int i = 0; i < API_STREAMS; i++)
		close(fds[i]);
	usleep(50000);
	assert_int_equal(200, listen_for(service, third_tick, &ticks));
}

static void nobody_there_is_said_so(void **state)
{
	struct api_call call = {.socket_path = "/nowhere/api.sock", .method = "GET", .path = "/"};
	char refusal[API_REFUSAL_BYTES] = "";
	struct api_answer answer;

	(void)state;
	assert_int_not_equal(0, api_ask(&call, &answer, refusal));
	assert_non_null(strstr(refusal, "no daemon answers at /nowhere/api.sock"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, service_up, service_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_path_has_its_answer),
		TEST(the_socket_is_private),
		TEST(bodies_are_bounded),
		TEST(who_hangs_up_while_he_waits_does_no_harm),
		TEST(rubbish_does_no_harm),
		TEST(streams_come_line_by_line),
		TEST(a_slow_reader_is_told_what_he_missed),
		TEST(listeners_are_bounded),
		cmocka_unit_test(nobody_there_is_said_so),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
