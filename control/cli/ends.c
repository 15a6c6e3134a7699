// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/ends.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "cli/asked_labels.h"
#include "identity/label.h"
#include "util/addr.h"
#include "util/cleanup.h"

enum end_kind { END_ADDRESS, END_ENDPOINT, END_LABELS, END_NODE, END_HOST, END_WORLD, END_REMOTE };

/* What one name stands for. */
struct learnt {
	char *name;
	enum end_kind kind;
	int family; /* END_ADDRESS, END_WORLD: 4, 6, or 0 = either */
	size_t endpoint;
	bool has_twin; /* END_LABELS: `endpoint` is one of the documents', with just these labels */
	struct chq_addr addr, ipv4, ipv6;
	struct asked_labels asked; /* END_LABELS, END_NODE */
	UT_hash_handle hh;
};

/* Endpoints by "namespace/name". */
struct named {
	char *name;
	size_t number;
	UT_hash_handle hh;
};

struct ends {
	struct offline *offline;
	struct learnt *learnt;
	struct named *named;
	struct labelled *labelled; /* NULL: no labels were asked for yet */
	/* of the documents; the others were added here */
	size_t n_documented, n_documented_peers;
};

static int index_endpoints(struct ends *ends)
{
	const struct config *config = ends->offline->config;
	struct named *named;

	for (size_t i = 0; i < config->n_endpoints; i++) {
		named = calloc(1, sizeof(*named));
		if (!named)
			return -ENOMEM;
		if (asprintf(&named->name, "%s/%s", config->endpoints[i].namespace,
			     config->endpoints[i].name) < 0) {
			free(named);
			return -ENOMEM;
		}
		named->number = i;
		HASH_ADD_KEYPTR(hh, ends->named, named->name, strlen(named->name), named);
	}
	return 0;
}

int ends_open(struct offline *offline, struct ends **ret)
{
	struct ends *ends = calloc(1, sizeof(*ends));
	int err;

	if (!ends)
		return -ENOMEM;
	ends->offline = offline;
	ends->n_documented = offline->config->n_endpoints;
	ends->n_documented_peers = offline->config->n_peers;
	err = index_endpoints(ends);
	if (err)
		ends_free(ends);
	else
		*ret = ends;
	return err;
}

static void learnt_free(struct learnt *learnt)
{
	free(learnt->name);
	asked_labels_free(&learnt->asked);
	free(learnt);
}

void ends_free(struct ends *ends)
{
	struct learnt *learnt, *next;
	struct named *named, *then;

	if (!ends)
		return;
	HASH_ITER (hh, ends->learnt, learnt, next) {
		HASH_DEL(ends->learnt, learnt);
		learnt_free(learnt);
	}
	labelled_free(ends->labelled);
	HASH_ITER (hh, ends->named, named, then) {
		HASH_DEL(ends->named, named);
		free(named->name);
		free(named);
	}
	free(ends);
}

int ends_somebody_with(const struct ends *ends, const char *labels, char **ret)
{
	const struct config *config = ends->offline->config;
	cleanup(asked_labels_free) struct asked_labels wanted = {};
	int err = asked_labels_cut(labels, &wanted);

	for (size_t i = 0; !err && i < ends->n_documented; i++)
		if (asked_labels_within(&wanted, &config->endpoints[i].labels))
			return asprintf(ret, "%s/%s", config->endpoints[i].namespace,
					config->endpoints[i].name) < 0
				       ? -ENOMEM
				       : 0;
	return err ? err : -ENOENT;
}

/* Documented endpoints that have just these labels are who is meant. */
static int find_twin(struct ends *ends, struct learnt *learnt)
{
	size_t number;
	int err = labelled_find(&ends->labelled, ends->offline->config, ends->n_documented,
				&learnt->asked.labels, &number);

	if (err)
		return err == -ENOENT ? 0 : err;
	learnt->has_twin = true;
	learnt->endpoint = number;
	return 0;
}

static int learn_labels(struct ends *ends, struct learnt *learnt, bool reserved)
{
	const struct config *config = ends->offline->config;
	struct labels *labels = &learnt->asked.labels;
	int err = asked_labels_cut(learnt->name, &learnt->asked);

	if (!err && !asked_labels_right(&learnt->asked))
		err = -EDOM;
	if (!err && !reserved)
		err = asked_labels_settle(&learnt->asked, config, ends->n_documented);
	if (err)
		return err;
	labels_sort(labels);
	learnt->kind = END_LABELS;
	learnt->endpoint = config->n_endpoints;
	err = find_twin(ends, learnt);
	return err ? err : offline_add(ends->offline, labels, &learnt->ipv4, &learnt->ipv6);
}

/* A node is no endpoint: no policy selects it. Every one of them is a remote-node. */
static int learn_node(struct ends *ends, struct learnt *learnt)
{
	int err = asked_labels_cut(learnt->name, &learnt->asked);

	if (err)
		return err;
	learnt->kind = END_NODE;
	return offline_add_node(ends->offline, &learnt->asked.labels, &learnt->ipv4, &learnt->ipv6);
}

/* Whether a Peer is a remote node and nothing more. */
static bool plain_node(const struct peer_gateway *peer)
{
	for (size_t i = 0; i < peer->labels.count; i++)
		if (strcmp(peer->labels.list[i].source, "reserved") == 0 &&
		    strcmp(peer->labels.list[i].key, "remote-node") != 0)
			return false;
	return peer->n_prefixes;
}

static bool has_plain_node(const struct ends *ends)
{
	for (size_t i = 0; i < ends->n_documented_peers; i++)
		if (plain_node(&ends->offline->config->peers[i]))
			return true;
	return false;
}

static int learn_reserved(struct ends *ends, struct learnt *learnt)
{
	static const struct {
		const char *name;
		enum end_kind kind;
		int family;
	} special[] = {
		{"reserved:host", END_HOST, 0},
		{"reserved:world", END_WORLD, 0},
		{"reserved:world-ipv4", END_WORLD, 4},
		{"reserved:world-ipv6", END_WORLD, 6},
	};

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		if (strcmp(learnt->name, special[i].name) == 0) {
			learnt->kind = special[i].kind;
			learnt->family = special[i].family;
			return 0;
		}
	}
	if (strcmp(learnt->name, "reserved:remote-node") == 0 && has_plain_node(ends)) {
		learnt->kind = END_REMOTE;
		return 0;
	}
	if (strcmp(learnt->name, "reserved:remote-node") == 0 ||
	    strcmp(learnt->name, "reserved:kube-apiserver") == 0)
		return learn_node(ends, learnt);
	return learn_labels(ends, learnt, true);
}

static int learn_endpoint(const struct ends *ends, struct learnt *learnt)
{
	cleanup_free char *whole = NULL;
	struct named *named;

	if (asprintf(&whole, "%s%s", strchr(learnt->name, '/') ? "" : "default/", learnt->name) < 0)
		return -ENOMEM;
	HASH_FIND_STR(ends->named, whole, named);
	if (!named)
		return -ENOENT;
	learnt->kind = END_ENDPOINT;
	learnt->endpoint = named->number;
	return 0;
}

static int learn(struct ends *ends, struct learnt *learnt)
{
	if (strncmp(learnt->name, "reserved:", 9) == 0)
		return learn_reserved(ends, learnt);
	if (strchr(learnt->name, '='))
		return learn_labels(ends, learnt, false);
	if (addr_parse(learnt->name, &learnt->addr) == 0) {
		learnt->kind = END_ADDRESS;
		learnt->family = addr_is_ipv4(&learnt->addr) ? 4 : 6;
		return 0;
	}
	return learn_endpoint(ends, learnt);
}

static void refuse_name(const char *name, int err, char refusal[ENDS_REFUSAL_BYTES])
{
	if (err == -ENOENT)
		snprintf(
			refusal, ENDS_REFUSAL_BYTES,
			"\"%.100s\": no such endpoint%s, and no address, labels (a=b) or reserved:NAME",
			name, strchr(name, '/') ? "" : " in namespace default");
	else if (err == -EDOM)
		snprintf(
			refusal, ENDS_REFUSAL_BYTES,
			"\"%.60s\" names no reserved identity: host, world, world-ipv4, world-ipv6, unmanaged, health, init, remote-node, kube-apiserver, ingress",
			name);
	else
		snprintf(refusal, ENDS_REFUSAL_BYTES,
			 "\"%.100s\" is no address, NAMESPACE/NAME, labels (a=b) or reserved:NAME",
			 name);
}

int ends_learn(struct ends *ends, const char *name, char refusal[ENDS_REFUSAL_BYTES])
{
	struct learnt *learnt;
	int err;

	HASH_FIND_STR(ends->learnt, name, learnt);
	if (learnt)
		return 0;
	learnt = calloc(1, sizeof(*learnt));
	if (!learnt)
		return -ENOMEM;
	learnt->name = strdup(name);
	err = learnt->name ? learn(ends, learnt) : -ENOMEM;
	if (err) {
		refuse_name(name, err, refusal);
		learnt_free(learnt);
		return err;
	}
	HASH_ADD_KEYPTR(hh, ends->learnt, learnt->name, strlen(learnt->name), learnt);
	return 0;
}

/* The first address of this family that one of the prefixes has. */
static int pick_address(const struct chq_prefix *prefixes, size_t count, bool ipv6,
			struct chq_addr *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (addr_is_ipv4(&prefixes[i].addr) != ipv6) {
			*ret = prefixes[i].addr;
			return 0;
		}
	}
	return -EAFNOSUPPORT;
}

/* An address that no document speaks of. */
static int pick_world(const struct generation *generation, bool ipv6, struct chq_addr *ret)
{
	static const char *const tried4[] = {"198.18.0.1", "198.51.100.1", "203.0.113.1",
					     "192.0.2.1",  "8.8.8.8",	   "1.1.1.1",
					     "100.64.0.1", "223.255.255.1"};
	static const char *const tried6[] = {"2001:db8:ffff::1", "2001:2::1",	 "3fff::1",
					     "2606:4700::1",	 "2001:4860::1", "2a00::1",
					     "2c00::1",		 "2400::1"};
	const chq_identity wanted = ipv6 ? CHQ_ID_WORLD_IPV6 : CHQ_ID_WORLD_IPV4;

	for (size_t i = 0; i < sizeof(tried4) / sizeof(tried4[0]); i++) {
		addr_parse(ipv6 ? tried6[i] : tried4[i], ret);
		if (generation_entry(generation, ret)->identity == wanted)
			return 0;
	}
	return 0; /* the documents leave little of the world: any of it is as good */
}

static int pick_remote(const struct ends *ends, bool ipv6, struct chq_addr *ret)
{
	const struct config *config = ends->offline->config;
	int err = -EAFNOSUPPORT;

	for (size_t i = 0; err && i < ends->n_documented_peers; i++)
		if (plain_node(&config->peers[i]))
			err = pick_address(config->peers[i].prefixes, config->peers[i].n_prefixes,
					   ipv6, ret);
	return err;
}

static int find_address(const struct ends *ends, const struct learnt *learnt, bool ipv6,
			struct chq_addr *ret)
{
	const struct endpoint *endpoint = &ends->offline->config->endpoints[learnt->endpoint];

	switch (learnt->kind) {
	case END_ADDRESS:
		*ret = learnt->addr;
		return addr_is_ipv4(ret) == ipv6 ? -EAFNOSUPPORT : 0;
	case END_ENDPOINT:
		return pick_address(endpoint->prefixes, endpoint->n_prefixes, ipv6, ret);
	case END_LABELS:
		if (learnt->has_twin &&
		    pick_address(endpoint->prefixes, endpoint->n_prefixes, ipv6, ret) == 0)
			return 0;
		__attribute__((fallthrough));
	case END_NODE:
		*ret = ipv6 ? learnt->ipv6 : learnt->ipv4;
		return 0;
	case END_WORLD:
		return pick_world(ends->offline->generation, ipv6, ret);
	case END_REMOTE:
		return pick_remote(ends, ipv6, ret);
	default:
		return -EAFNOSUPPORT;
	}
}

int ends_find(const struct ends *ends, const char *name, bool ipv6, struct end *ret)
{
	const struct generation *generation = ends->offline->generation;
	struct end end = {.name = name};
	struct learnt *learnt;
	int err;

	HASH_FIND_STR(ends->learnt, name, learnt);
	if (!learnt)
		return -ENOENT;
	if (learnt->kind == END_HOST) {
		end.entry = &generation->own;
		*ret = end;
		return 0;
	}
	err = find_address(ends, learnt, ipv6, &end.addr);
	if (err)
		return err;
	end.has_addr = true;
	end.made_up =
		(learnt->kind == END_LABELS || learnt->kind == END_NODE) &&
		memcmp(&end.addr, ipv6 ? &learnt->ipv6 : &learnt->ipv4, sizeof(end.addr)) == 0;
	end.entry = generation_entry(generation, &end.addr);
	if (learnt->kind == END_ENDPOINT || learnt->kind == END_LABELS)
		end.endpoint = &ends->offline->config->endpoints[learnt->endpoint];
	*ret = end;
	return 0;
}

int ends_family(const struct ends *ends, const char *name)
{
	struct chq_addr addr;
	struct learnt *learnt;
	bool ipv4, ipv6;

	HASH_FIND_STR(ends->learnt, name, learnt);
	if (!learnt || learnt->kind == END_HOST || learnt->kind == END_LABELS ||
	    learnt->kind == END_NODE)
		return 0;
	if (learnt->kind == END_ADDRESS || learnt->kind == END_WORLD)
		return learnt->family;
	ipv4 = find_address(ends, learnt, false, &addr) == 0;
	ipv6 = find_address(ends, learnt, true, &addr) == 0;
	return ipv4 == ipv6 ? 0 : ipv4 ? 4 : 6;
}
