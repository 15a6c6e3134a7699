/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "observe/flow.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/addr.h"
#include "util/cleanup.h"

static struct label web[] = {{"k8s", "app", "web"}, {"k8s", "tier", ""}};
static struct label world[] = {{"reserved", "world-ipv4", ""}};
static struct rule_ref rules[] = {
	{"CiliumNetworkPolicy", "shop", "web", "web.yaml", 12, CHQ_EGRESS, false},
	{"CiliumNetworkPolicy", "shop", "db", "db.yaml", 7, CHQ_EGRESS, true},
};
static uint32_t first_and_second[] = {0, 1}, beyond[] = {9};

/* What a generation must say for the events below; everything in it may go afterwards. */
static void learn(struct names *names, uint32_t number, const char *file)
{
	struct identity_row identities[] = {{300, {web, 2}, 1}, {CHQ_ID_WORLD_IPV4, {world, 1}, 1}};
	struct origin_set origins[] = {{}, {first_and_second, 2}, {beyond, 1}};
	struct port_row ports[] = {{"lan0", {.port = 3}}};
	struct generation generation = {
		.rule_refs = rules,
		.n_rule_refs = 2,
		.origins = origins,
		.n_origins = 3,
		.identities = identities,
		.n_identities = 2,
		.ports = ports,
		.n_ports = 1,
	};

	rules[0].file = file;
	assert_int_equal(0, names_learn(names, number, &generation));
	rules[0].file = "gone";
}

static struct chq_event a_drop(void)
{
	struct chq_event event = {
		.sport_be = htons(34567),
		.dport_be = htons(443),
		.protocol = 6,
		.tcp_flags = 2,
		.source_identity = 300,
		.target_identity = CHQ_ID_WORLD_IPV4,
		.generation = 8,
		.origin_egress = 1,
		.port = 3,
		.kind = CHQ_EVENT_DROP,
		.reason = CHQ_DROP_DENIED,
		.decided = CHQ_EGRESS,
		.ethertype_known = 1,
	};

	addr_parse("10.10.0.5", &event.source);
	addr_parse("192.0.2.9", &event.target);
	return event;
}

static void check_text(struct names *names, const struct chq_event *event, const char *wanted)
{
	cleanup_free char *text = flow_text(names, event);

	assert_non_null(text);
	/* The time of day stands in front: 12:34:56.789 and a space. */
	assert_string_equal(wanted, text + 13);
}

static void a_line_says_who_and_why(void **state)
{
	struct chq_event event = a_drop();
	struct names *names = NULL;

	(void)state;
	assert_int_equal(0, names_open(&names));
	learn(names, 8, "web.yaml");
	check_text(names, &event,
		   "dropped   drop      lan0 in   10.10.0.5:34567 (app=web,tier) -> 192.0.2.9:443 "
		   "(reserved:world-ipv4)  TCP SYN  a rule denies it  by web.yaml:12, db.yaml:7");
	event.vlan = 0x1000 | 20;
	event.direction = CHQ_EGRESS;
	event.protocol = 1;
	event.icmp_type = 8;
	event.source_identity = 777;
	event.decided = 0xff;
	event.origin_egress = 0;
	event.kind = CHQ_EVENT_NEW;
	event.reason = CHQ_PASS_NO_POLICY;
	check_text(names, &event,
		   "forwarded new       lan0 out vlan 20  10.10.0.5 (777) -> 192.0.2.9 "
		   "(reserved:world-ipv4)  ICMP type 8 code 0  no policy selects either end");
	names_close(names);
}

static void what_is_not_ip_has_no_ends(void **state)
{
	struct chq_event event = {.kind = CHQ_EVENT_DROP,
				  .reason = CHQ_DROP_ETHERTYPE,
				  .ethertype_be = htons(0x88b5),
				  .ifindex = 4,
				  .decided = 0xff};
	struct names *names = NULL;
	json_t *object;

	(void)state;
	assert_int_equal(0, names_open(&names));
	check_text(names, &event,
		   "dropped   drop      interface 4 in   ethertype 0x88b5  a link protocol that is "
		   "not let through");
	object = flow_json(names, &event);
	assert_int_equal(0x88b5, json_integer_value(json_object_get(object, "ethertype")));
	assert_null(json_object_get(object, "source"));
	json_decref(object);
	names_close(names);
}

static const char *text_at(const json_t *object, const char *key, const char *inner)
{
	return json_string_value(json_object_get(json_object_get(object, key), inner));
}

static void an_object_says_the_same(void **state)
{
	struct chq_event event = a_drop();
	struct names *names = NULL;
	json_t *object, *rule;

	(void)state;
	assert_int_equal(0, names_open(&names));
	learn(names, 8, "web.yaml");
	object = flow_json(names, &event);
	assert_string_equal("DROP_DENIED", json_string_value(json_object_get(object, "reason")));
	assert_string_equal("lan0", json_string_value(json_object_get(object, "port")));
	assert_string_equal("10.10.0.5", text_at(object, "source", "address"));
	assert_string_equal("SYN", json_string_value(json_object_get(object, "flags")));
	rule = json_array_get(json_object_get(object, "egress"), 1);
	assert_string_equal("db.yaml", json_string_value(json_object_get(rule, "file")));
	assert_true(json_is_true(json_object_get(rule, "deny")));
	assert_int_equal(0, json_array_size(json_object_get(object, "ingress")));
	json_decref(object);
	names_close(names);
}

static void eight_generations_are_remembered(void **state)
{
	const struct rule_ref *const *found = NULL;
	struct names *names = NULL;
	char file[32];

	(void)state;
	assert_int_equal(0, names_open(&names));
	for (uint32_t i = 1; i <= 20; i++) {
		snprintf(file, sizeof(file), "%u.yaml", i);
		learn(names, i, file);
	}
	assert_int_equal(0, names_rules(names, 12, 1, &found));
	assert_int_equal(2, names_rules(names, 13, 1, &found));
	assert_string_equal("13.yaml", found[0]->file);
	assert_int_equal(2, names_rules(names, 20, 1, &found));
	assert_string_equal("20.yaml", found[0]->file);
	assert_int_equal(0, names_rules(names, 20, 0, &found));
	assert_int_equal(0, names_rules(names, 20, 2, &found));
	assert_int_equal(0, names_rules(names, 20, 3, &found));
	assert_string_equal("k8s:app=web", names_labels(names, 300)[0]);
	assert_null(names_labels(names, 301)[0]);
	names_close(names);
}

static void numbers_of_a_newer_program_do_no_harm(void **state)
{
	struct chq_event event = a_drop();
	struct names *names = NULL;
	json_t *object;

	(void)state;
	assert_int_equal(0, names_open(&names));
	event.kind = event.reason = event.decided = event.direction = 0xff;
	event.port = event.vlan = 0xffff;
	event.protocol = 0xff;
	object = flow_json(names, &event);
	assert_string_equal("UNKNOWN", json_string_value(json_object_get(object, "reason")));
	json_decref(object);
	names_close(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_who_and_why),
		cmocka_unit_test(what_is_not_ip_has_no_ends),
		cmocka_unit_test(an_object_says_the_same),
		cmocka_unit_test(eight_generations_are_remembered),
		cmocka_unit_test(numbers_of_a_newer_program_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
