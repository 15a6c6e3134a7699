// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile/compiler.h"

#include <errno.h>

#include "util/addr.h"

/* The tables as the kernel gets them, and the settings that go with them. */

static const double default_timeout_s[CHQ_TIMEOUT_MAX] = {
	[CHQ_TIMEOUT_TCP_SYN] = 60,	[CHQ_TIMEOUT_TCP_ESTABLISHED] = 8000,
	[CHQ_TIMEOUT_TCP_CLOSING] = 10, [CHQ_TIMEOUT_UDP_NEW] = 30,
	[CHQ_TIMEOUT_UDP] = 180,	[CHQ_TIMEOUT_ICMP] = 30,
	[CHQ_TIMEOUT_OTHER] = 180,	[CHQ_TIMEOUT_DENIED] = 10,
	[CHQ_TIMEOUT_FRAGMENT] = 30,
};

#define TICK_S ((double)(1 << CHQ_TICK_SHIFT) / 1e9)

static enum chq_entry_kind kind_of(const struct compiler *c, const struct row *row)
{
	enum category category = c->label_sets[c->actors[row->actor].label_set].category;

	if (row->own || category == CATEGORY_HOST)
		return CHQ_KIND_OWN;
	if (row->tunnel_peer)
		return CHQ_KIND_PEER;
	return category == CATEGORY_ENDPOINT ? CHQ_KIND_ENDPOINT : CHQ_KIND_WORLD;
}

static struct chq_entry entry_of(const struct compiler *c, const struct row *row)
{
	const struct actor *actor = &c->actors[row->actor];
	const struct subject_class *subject = &c->subjects[row->subject];

	return (struct chq_entry){
		.identity = c->label_sets[actor->label_set].identity,
		.subject = row->subject,
		.peer = row->peer,
		.guard_port = actor->guard_port,
		.kind = kind_of(c, row),
		.tunnel_peer = row->tunnel_peer,
		.ingress = subject->defaults[CHQ_INGRESS],
		.egress = subject->defaults[CHQ_EGRESS],
	};
}

static int compare_hosts(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct chq_addr));
}

/* Sorted as they are, what contains a prefix comes before it. */
static void find_around(struct compiler *c)
{
	const struct prefix_row *rows = c->out->prefixes;
	uint32_t *around = arena_array(c->keep, uint32_t, c->out->n_prefixes), at;

	for (size_t i = 1; i < c->out->n_prefixes; i++) {
		at = i - 1;
		while (at && !prefix_contains(&rows[at].key, &rows[i].key))
			at = around[at];
		around[i] = at;
	}
	c->out->around = around;
}

static void write_rows(struct compiler *c)
{
	struct generation *out = c->out;

	out->hosts = arena_array(c->keep, struct host_row, c->n_rows);
	out->prefixes = arena_array(c->keep, struct prefix_row, c->n_rows);
	for (uint32_t i = 0; i < c->n_rows; i++) {
		const struct row *row = &c->rows[i];

		if (row->prefix.length_bits == 128)
			out->hosts[out->n_hosts++] =
				(struct host_row){row->prefix.addr, entry_of(c, row)};
		else
			out->prefixes[out->n_prefixes++] =
				(struct prefix_row){row->prefix, entry_of(c, row)};
	}
	qsort(out->hosts, out->n_hosts, sizeof(*out->hosts), compare_hosts);
	qsort(out->prefixes, out->n_prefixes, sizeof(*out->prefixes), prefix_compare);
	find_around(c);
	out->own = entry_of(c, &c->own);
}

static void write_ports(struct compiler *c)
{
	uint16_t class;

	c->out->blocks = arena_array(c->keep, struct chq_portblock, CHQ_BLOCKS);
	for (uint32_t segment = 1; segment < c->n_edges; segment++) {
		class = c->port_classes.class_of[segment];
		for (uint32_t t = c->edges[segment - 1]; class && t < c->edges[segment]; t++)
			c->out->blocks[t / CHQ_BLOCK_TARGETS].port_class[t % CHQ_BLOCK_TARGETS] =
				class;
	}
	c->out->n_port_classes = c->port_classes.n_classes;
}

static void write_deny(struct compiler *c)
{
	const struct gateway *gateway = &c->config->gateway;
	struct generation *out = c->out;
	size_t kept = 0;

	out->deny = arena_array(c->keep, struct chq_prefix, gateway->n_deny);
	if (gateway->n_deny)
		memcpy(out->deny, gateway->deny, gateway->n_deny * sizeof(*out->deny));
	qsort(out->deny, gateway->n_deny, sizeof(*out->deny), prefix_compare);
	for (size_t i = 0; i < gateway->n_deny; i++)
		if (!kept || prefix_compare(&out->deny[kept - 1], &out->deny[i]) != 0)
			out->deny[kept++] = out->deny[i];
	out->n_deny = kept;
}

static struct chq_encrypt encrypt_of(const struct row *row)
{
	return (struct chq_encrypt){
		.tunnel_peer = row->tunnel_peer,
		.strict = row->encrypted && !row->allowed,
	};
}

/* Only where it differs from what lies around: few rows, whatever else the table of prefixes holds.
 */
static void write_encrypt(struct compiler *c)
{
	struct generation *out = c->out;

	out->encrypt = arena_array(c->keep, struct encrypt_row, c->n_rows);
	for (uint32_t i = 0; i < c->n_rows; i++) {
		const struct row *row = &c->rows[i];
		struct chq_encrypt value = encrypt_of(row), around = {};

		if (row->parent != NOBODY)
			around = encrypt_of(&c->rows[row->parent]);
		if (value.tunnel_peer)
			out->secures |= CHQ_SECURES_PEERS;
		if (value.strict)
			out->secures |= CHQ_SECURES_STRICT;
		if (memcmp(&value, &around, sizeof(value)) != 0)
			out->encrypt[out->n_encrypt++] = (struct encrypt_row){row->prefix, value};
	}
	qsort(out->encrypt, out->n_encrypt, sizeof(*out->encrypt), prefix_compare);
}

static int write_port(struct compiler *c, const struct gateway_port *port, struct port_row *ret)
{
	enum on_deny said = port->on_deny;
	uint16_t number = c->facts->port_number(c->facts->data, port->name);

	if (!number) {
		problems_add(c->problems, c->config, port->at,
			     "no number is left for port \"%s\": a gateway has at most %d",
			     port->name, CHQ_PORT_MAX - 1);
		return -E2BIG;
	}
	ret->value.port = number;
	ret->value.role = port->role;
	ret->value.flags = said == ON_DENY_REJECT ? CHQ_PORT_REJECT : 0;
	ret->value.flags |= port->any_source ? CHQ_PORT_ANY_SRC : 0;
	strncpy(ret->name, port->name, sizeof(ret->name) - 1);
	return 0;
}

static int write_gateway(struct compiler *c)
{
	const struct gateway *gateway = &c->config->gateway;
	struct generation *out = c->out;
	int err = 0;

	out->ports = arena_array(c->keep, struct port_row, gateway->n_ports + 1);
	for (size_t i = 0; i < gateway->n_ports && !err; i++)
		err = write_port(c, &gateway->ports[i], &out->ports[out->n_ports++]);
	if (gateway->tunnel.at.line && !err)
		err = write_port(c,
				 &(struct gateway_port){.name = gateway->tunnel.name,
							.role = CHQ_TUNNEL,
							.at = gateway->tunnel.at},
				 &out->ports[out->n_ports++]);
	out->ethertypes = arena_array(c->keep, uint16_t, gateway->n_ethertypes);
	out->n_ethertypes = gateway->n_ethertypes;
	if (gateway->n_ethertypes)
		memcpy(out->ethertypes, gateway->ethertypes,
		       gateway->n_ethertypes * sizeof(*out->ethertypes));
	return err;
}

/* Rounded up, so that nothing expires before its time. */
static uint32_t ticks_of(double seconds)
{
	double ticks = seconds / TICK_S;
	uint32_t whole;

	if (ticks >= UINT32_MAX / 2)
		return UINT32_MAX / 2;
	whole = ticks;
	whole += whole < ticks;
	return whole ? whole : 1;
}

static void write_timeouts(struct compiler *c)
{
	const struct gateway *gateway = &c->config->gateway;

	_Static_assert(TIMEOUT_KINDS == CHQ_TIMEOUT_MAX, "documents name other timeouts");
	for (int i = 0; i < CHQ_TIMEOUT_MAX; i++)
		c->out->timeout_ticks[i] = ticks_of(
			gateway->timeout_s[i] > 0 ? gateway->timeout_s[i] : default_timeout_s[i]);
	c->out->by_stack = gateway->by_stack;
	c->out->pickup_ticks = gateway->pickup_s > 0 ? ticks_of(gateway->pickup_s) : 0;
}

int tables_write(struct compiler *c)
{
	write_rows(c);
	write_ports(c);
	write_deny(c);
	write_encrypt(c);
	write_timeouts(c);
	c->out->limits = c->limits;
	return write_gateway(c);
}
