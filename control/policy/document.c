// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <string.h>

#include "policy/reader.h"

/* Every kind that a directory may hold; no function: known, and why not read. */
static const struct {
	const char *version, *kind;
	void (*read)(struct reader *rd, const struct node *document);
	const char *refused;
} kinds[] = {
	{"chasqui.io/v1", "Gateway", read_gateway},
	{"chasqui.io/v1", "Endpoint", read_endpoint},
	{"chasqui.io/v1", "Peer", read_peer},
	{"cilium.io/v2", "CiliumNetworkPolicy", read_cilium_policy},
	{"cilium.io/v2", "CiliumClusterwideNetworkPolicy", read_cilium_policy},
	{"cilium.io/v2", "CiliumCIDRGroup", read_cidr_group},
	{"cilium.io/v2alpha1", "CiliumCIDRGroup", read_cidr_group},
	{"networking.k8s.io/v1", "NetworkPolicy", read_network_policy},
	{"v1", "Namespace", read_namespace},
	{"cilium.io/v1alpha1", "TracingPolicy", read_tracing_policy},
	{"v1", "List",
	 .refused = "not read: write each of its items as a document, with --- before it"},
	{"cilium.io/v1alpha1", "TracingPolicyNamespaced",
	 .refused = "not served: processes here have no namespace, write kind TracingPolicy"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void note_kind(struct reader *rd, const struct node *kind)
{
	struct word words[KINDS + 1] = {};
	char expected[400];
	const char *nearest;

	for (size_t i = 0, used = 0; i < KINDS; i++)
		if (!kinds[i].refused &&
		    (!used || strcmp(words[used - 1].text, kinds[i].kind) != 0))
			words[used++].text = kinds[i].kind;
	nearest = words_nearest(words, kind->text);
	if (nearest)
		problem_at(rd, kind->at, "unknown kind \"%.64s\", did you mean \"%s\"?", kind->text,
			   nearest);
	else
		problem_at(rd, kind->at, "unknown kind \"%.64s\", expected %s", kind->text,
			   words_list(words, expected, sizeof(expected)));
}

static void note_version(struct reader *rd, const struct node *version, const char *kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].kind, kind) == 0) {
			problem_at(rd, version->at,
				   "unknown apiVersion \"%.64s\" of %s, expected \"%s\"",
				   version->text, kind, kinds[i].version);
			return;
		}
}

static void read_kind(struct reader *rd, const struct node *document, const struct node *version,
		      const struct node *kind)
{
	bool known = false;

	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i].kind, kind->text) != 0)
			continue;
		known = true;
		if (strcmp(kinds[i].version, version->text) != 0)
			continue;
		if (kinds[i].refused)
			problem_at(rd, kind->at, "kind %s is %s", kinds[i].kind, kinds[i].refused);
		else
			kinds[i].read(rd, document);
		return;
	}
	if (known)
		note_version(rd, version, kind->text);
	else
		note_kind(rd, kind);
}

void read_document(struct reader *rd, const struct node *document)
{
	const struct node *version = node_field(document, "apiVersion");
	const struct node *kind = node_field(document, "kind");

	if (document->kind != NODE_MAP)
		problem_at(
			rd, document->at,
			"the document is no mapping, expected apiVersion, kind, metadata and spec");
	else if (!version || version->kind != NODE_SCALAR)
		problem_at(rd, version ? version->at : document->at,
			   "the document has no apiVersion, expected one such as cilium.io/v2");
	else if (!kind || kind->kind != NODE_SCALAR)
		problem_at(rd, kind ? kind->at : document->at,
			   "the document has no kind, expected one such as CiliumNetworkPolicy");
	else
		read_kind(rd, document, version, kind);
}
