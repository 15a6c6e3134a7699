/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "util/cleanup.h"

/* A dump fills the buffer it is given, so a larger one means fewer system calls. */
#define ANSWER_BYTES 32768

int netlink_open(struct netlink **ret)
{
	return netlink_open_for(NETLINK_ROUTE, ret);
}

int netlink_open_for(int protocol, struct netlink **ret)
{
	cleanup(netlink_close_p) struct netlink *nl = calloc(1, sizeof(*nl));
	int on = 1;

	if (!nl)
		return -ENOMEM;
	nl->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	if (!nl->socket)
		return -errno;
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(nl->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	*ret = give(nl);
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (!nl)
		return;
	if (nl->socket)
		mnl_socket_close(nl->socket);
	free(nl);
}

static int keep_message(const struct nlattr *attr, void *data)
{
	struct netlink *nl = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		snprintf(nl->refusal, sizeof(nl->refusal), "%s", mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

struct question {
	struct netlink *nl;
	mnl_cb_t each;
	void *data;
	bool interrupted;
	int refused;
};

/* The end of an answer without a dump: an error number, 0 for "done". */
static int on_verdict(const struct nlmsghdr *answer, void *data)
{
	const struct nlmsgerr *verdict = mnl_nlmsg_get_payload(answer);
	struct question *question = data;
	size_t echoed_bytes = 0;

	if (mnl_nlmsg_get_payload_len(answer) < sizeof(*verdict)) {
		question->refused = -EBADMSG;
		return MNL_CB_STOP;
	}
	if (!(answer->nlmsg_flags & NLM_F_CAPPED) && verdict->error)
		echoed_bytes = verdict->msg.nlmsg_len - NLMSG_HDRLEN;
	if (answer->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_parse(answer, sizeof(*verdict) + echoed_bytes, keep_message, question->nl);
	question->refused = verdict->error;
	return MNL_CB_STOP;
}

static int on_done(const struct nlmsghdr *answer, void *data)
{
	struct question *question = data;

	question->interrupted |= answer->nlmsg_flags & NLM_F_DUMP_INTR;
	return MNL_CB_STOP;
}

static int on_message(const struct nlmsghdr *answer, void *data)
{
	struct question *question = data;

	question->interrupted |= answer->nlmsg_flags & NLM_F_DUMP_INTR;
	return question->each ? question->each(answer, question->data) : MNL_CB_OK;
}

/* libmnl takes a length beyond INT_MAX for one that fits. */
bool netlink_lengths_fit(const void *answer, size_t bytes)
{
	const char *at = answer;

	while (bytes >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *message = (const void *)at;
		size_t length = message->nlmsg_len;

		if (length < sizeof(*message) || length > bytes)
			return false;
		length = NLMSG_ALIGN(length);
		at += length < bytes ? length : bytes;
		bytes -= length < bytes ? length : bytes;
	}
	return true;
}

int netlink_ask(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t each, void *data)
{
	mnl_cb_t on_control[] = {[NLMSG_ERROR] = on_verdict, [NLMSG_DONE] = on_done};
	struct question question = {.nl = nl, .each = each, .data = data};
	bool dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	cleanup_free char *answer = malloc(ANSWER_BYTES);
	ssize_t length;
	int state;

	if (!answer)
		return -ENOMEM;
	nl->refusal[0] = '\0';
	request->nlmsg_flags |= NLM_F_REQUEST | (dump ? 0 : NLM_F_ACK);
	request->nlmsg_seq = ++nl->sequence;
	if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		length = mnl_socket_recvfrom(nl->socket, answer, ANSWER_BYTES);
		if (length < 0)
			return -errno;
		if (!netlink_lengths_fit(answer, length))
			return -EBADMSG;
		state = mnl_cb_run2(answer, length, nl->sequence, mnl_socket_get_portid(nl->socket),
				    on_message, &question, on_control, MNL_ARRAY_SIZE(on_control));
	} while (state == MNL_CB_OK);
	if (state != MNL_CB_STOP)
		return -errno;
	if (question.refused)
		return question.refused;
	return question.interrupted ? -EINTR : 0;
}
