// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/documents.h"
#include "util/cleanup.h"

#define ENDPOINT(name) "kind: Endpoint\nmetadata: {name: " name "}\n"

/* What is found, one after the other: "KIND NAMESPACE/NAME@LINE ". */
static void each_document_has_its_name(void **state)
{
	static const struct {
		const char *text, *found;
	} rows[] = {
		{"", ""},
		{"# nothing but words\n", ""},
		{"---\n", ""},
		{"---\n---\n...\n", ""},
		{ENDPOINT("a"), "Endpoint default/a@1 "},
		{"# a word first\n---\n" ENDPOINT("a"), "Endpoint default/a@2 "},
		{"\xef\xbb\xbf" ENDPOINT("a") "---\n" ENDPOINT("b"),
		 "Endpoint default/a@1 Endpoint default/b@3 "},
		{ENDPOINT("a") "---\n" ENDPOINT("b"), "Endpoint default/a@1 Endpoint default/b@3 "},
		{ENDPOINT("a") "---\n", "Endpoint default/a@1 "},
		{ENDPOINT("a") "---\n---\n" ENDPOINT("b"),
		 "Endpoint default/a@1 Endpoint default/b@4 "},
		{ENDPOINT("a") "...\n---\n" ENDPOINT("b"),
		 "Endpoint default/a@1 Endpoint default/b@4 "},
		{"metadata:\n  namespace: shop\n  name: a\n  labels: {name: x, kind: y}\nkind: Endpoint\n",
		 "Endpoint shop/a@1 "},
		{"spec: {kind: Wrong, metadata: {name: wrong}}\nkind: Gateway\nmetadata: {name: gw}\n",
		 "Gateway /gw@1 "},
		{"spec:\n- kind\n- {metadata: {name: wrong}}\nkind: Gateway\nmetadata: {name: gw}\n",
		 "Gateway /gw@1 "},
		{"metadata: {labels: {a: {name: deep}}, name: right}\nkind: Peer\n",
		 "Peer /right@1 "},
		{"kind: Gateway\nmetadata: {name: gw, namespace: none}\n", "Gateway /gw@1 "},
		{"{\"kind\": \"Endpoint\", \"metadata\": {\"name\": \"a\", \"namespace\": \"n\"}}",
		 "Endpoint n/a@1 "},
		{"kind: Endpoint\r\nmetadata: {name: a}\r\n---\r\nkind: Peer\r\nmetadata: {name: b}\r\n",
		 "Endpoint default/a@1 Peer /b@3 "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup(documents_free) struct documents documents = {};
		char refusal[DOCUMENTS_REFUSAL_BYTES], found[256] = "";

		if (documents_split(rows[i].text, strlen(rows[i].text), &documents, refusal) != 0)
			fail_msg("row %zu: %s", i, refusal);
		for (size_t k = 0; k < documents.count; k++) {
			const struct document *document = &documents.list[k];
			size_t used = strlen(found);

			snprintf(found + used, sizeof(found) - used, "%s %s/%s@%u ", document->kind,
				 document->namespace, document->name, document->line);
		}
		if (strcmp(found, rows[i].found) != 0)
			fail_msg("row %zu: found \"%s\", not \"%s\"", i, found, rows[i].found);
	}
}

static void what_is_no_document_is_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{"a: [b", "line 2: not YAML"},
		{"kind: Endpoint\n", "line 1: a document must have a kind"},
		{"metadata: {name: a}\n", "line 1: a document must have a kind"},
		{ENDPOINT("a") "---\nkind: Peer\n", "line 3: a document must have a kind"},
		{"just words\n", "line 1: a document must have a kind"},
		{"- a\n- b\n", "line 1: a document must have a kind"},
		{"kind: &a Endpoint\nmetadata: {name: *a}\n", "line 2: aliases"},
		{"kind: Endpoint\nmetadata: {name: a}\n\tb: c\n", "not YAML"},
		{"\xff\xfe\n", "not YAML"},
		{"apiVersion: v1\nkind: List\nitems: []\n", "line 1: kind List is not read"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct documents documents = {};
		char refusal[DOCUMENTS_REFUSAL_BYTES] = "";

		assert_int_not_equal(0, documents_split(rows[i].text, strlen(rows[i].text),
							&documents, refusal));
		assert_int_equal(0, documents.count);
		if (!strstr(refusal, rows[i].words))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, refusal, rows[i].words);
	}
}

/* Document `at` (-1: none, append) is replaced by `instead` (NULL: taken out). */
static void an_edit_touches_one_document(void **state)
{
	static const struct {
		const char *text;
		int at;
		const char *instead, *after;
	} rows[] = {
		{"", -1, ENDPOINT("a"), ENDPOINT("a")},
		{"\xef\xbb\xbf" ENDPOINT("a"), 0, ENDPOINT("b"), ENDPOINT("b")},
		{ENDPOINT("a"), -1, ENDPOINT("b"), ENDPOINT("a") "---\n" ENDPOINT("b")},
		{ENDPOINT("a"), 0, ENDPOINT("b"), ENDPOINT("b")},
		{ENDPOINT("a") "---\n" ENDPOINT("b"), 0, ENDPOINT("c"),
		 ENDPOINT("c") "---\n" ENDPOINT("b")},
		{ENDPOINT("a") "---\n" ENDPOINT("b"), 1, ENDPOINT("c"),
		 ENDPOINT("a") "---\n" ENDPOINT("c")},
		{ENDPOINT("a") "---\n" ENDPOINT("b"), 1, "---\n" ENDPOINT("c"),
		 ENDPOINT("a") "---\n" ENDPOINT("c")},
		{ENDPOINT("a") "---\n" ENDPOINT("b"), 0, NULL, "---\n" ENDPOINT("b")},
		{ENDPOINT("a") "---\n" ENDPOINT("b"), 1, NULL, ENDPOINT("a")},
		{ENDPOINT("a") "---\n" ENDPOINT("b") "---\n" ENDPOINT("c"), 1, ENDPOINT("d"),
		 ENDPOINT("a") "---\n" ENDPOINT("d") "---\n" ENDPOINT("c")},
		{ENDPOINT("a"), 0, "kind: Peer\nmetadata: {name: b}",
		 "kind: Peer\nmetadata: {name: b}\n"},
		{"kind: Peer\nmetadata: {name: a}", -1, ENDPOINT("b"),
		 "kind: Peer\nmetadata: {name: a}\n---\n" ENDPOINT("b")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup(documents_free) struct documents documents = {};
		char refusal[DOCUMENTS_REFUSAL_BYTES];
		size_t bytes = strlen(rows[i].text), after;
		const char *instead = rows[i].instead;

		assert_int_equal(0, documents_split(rows[i].text, bytes, &documents, refusal));
		cleanup_free char *text = documents_edit(
			rows[i].text, bytes, rows[i].at < 0 ? NULL : &documents.list[rows[i].at],
			instead, instead ? strlen(instead) : 0, &after);
		assert_non_null(text);
		assert_int_equal(after, strlen(text));
		if (strcmp(text, rows[i].after) != 0)
			fail_msg("row %zu: \"%s\"", i, text);
	}
}

static void names_are_compared_whole(void **state)
{
	struct document document = {
		.kind = (char *)"Endpoint", .namespace = (char *)"shop", .name = (char *)"web"};

	(void)state;
	assert_true(document_is(&document, "Endpoint", "shop", "web"));
	assert_true(document_is(&document, "endpoint", "shop", "web"));
	assert_false(document_is(&document, "Endpoint", "shop", "Web"));
	assert_false(document_is(&document, "Endpoint", "", "web"));
	assert_false(document_is(&document, "Peer", "shop", "web"));
	assert_string_equal("default", namespace_of_kind("Endpoint", NULL));
	assert_string_equal("default", namespace_of_kind("NetworkPolicy", ""));
	assert_string_equal("", namespace_of_kind("Gateway", "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_document_has_its_name),
		cmocka_unit_test(what_is_no_document_is_refused),
		cmocka_unit_test(an_edit_touches_one_document),
		cmocka_unit_test(names_are_compared_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
