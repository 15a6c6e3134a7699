/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/tables.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

#include "util/addr.h"
#include "util/cleanup.h"

/* Rows a system call; and how many are read back to see that they arrived. */
#define BATCH_ROWS  4096
#define SAMPLE_ROWS 64
/* Addresses that may come into a live table before the next generation makes it anew. */
#define HOSTS_SPARE 1024

/* A kernel-internal number that some map types answer when they know no batches. */
#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

const char *const table_names[TABLES] = {
	[TABLE_HOSTS] = "chq_hosts",	 [TABLE_PREFIXES] = "chq_prefixes",
	[TABLE_PAIRS] = "chq_pairs",	 [TABLE_RULES] = "chq_rules",
	[TABLE_PORTCLS] = "chq_portcls", [TABLE_PORTS] = "chq_ports",
	[TABLE_DENY] = "chq_deny",	 [TABLE_DENY4] = "chq_deny4",
	[TABLE_ENCRYPT] = "chq_encrypt",
};

/* Rows as they lie in memory: key, then value, `stride` apart. */
struct rows {
	const char *first;
	size_t count, stride, value_at;
	uint32_t key_bytes, value_bytes;
};

#define ROWS(list, n)                                             \
	((struct rows){                                           \
		.first = (const char *)(list),                    \
		.count = (n),                                     \
		.stride = sizeof(*(list)),                        \
		.value_at = offsetof(__typeof__(*(list)), value), \
		.key_bytes = sizeof((list)->key),                 \
		.value_bytes = sizeof((list)->value),             \
	})

static const char *row_key(const struct rows *rows, size_t i)
{
	return rows->first + i * rows->stride;
}

static const char *row_value(const struct rows *rows, size_t i)
{
	return row_key(rows, i) + rows->value_at;
}

static uint64_t rows_hash(const struct rows *rows)
{
	XXH3_state_t *state = XXH3_createState();
	uint64_t hash;

	if (!state)
		return 0;
	XXH3_64bits_reset_withSeed(state, rows->count);
	for (size_t i = 0; i < rows->count; i++) {
		XXH3_64bits_update(state, row_key(rows, i), rows->key_bytes);
		XXH3_64bits_update(state, row_value(rows, i), rows->value_bytes);
	}
	hash = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return hash;
}

static int fill_singly(int fd, const struct rows *rows, size_t first)
{
	for (size_t i = first; i < rows->count; i++) {
		int err = bpf_map_update_elem(fd, row_key(rows, i), row_value(rows, i), BPF_ANY);

		if (err)
			return err;
	}
	return 0;
}

static int fill_chunk(int fd, const struct rows *rows, size_t first, char *keys, char *values)
{
	uint32_t count = 0;

	while (count < BATCH_ROWS && first + count < rows->count) {
		memcpy(keys + (size_t)count * rows->key_bytes, row_key(rows, first + count),
		       rows->key_bytes);
		memcpy(values + (size_t)count * rows->value_bytes, row_value(rows, first + count),
		       rows->value_bytes);
		count++;
	}
	return bpf_map_update_batch(fd, keys, values, &count, NULL);
}

static int fill(int fd, const struct rows *rows)
{
	cleanup_free char *keys = malloc((size_t)BATCH_ROWS * rows->key_bytes);
	cleanup_free char *values = malloc((size_t)BATCH_ROWS * rows->value_bytes);

	if (!keys || !values)
		return -ENOMEM;
	for (size_t first = 0; first < rows->count; first += BATCH_ROWS) {
		int err = fill_chunk(fd, rows, first, keys, values);

		if (err == -ENOTSUPP || err == -EOPNOTSUPP || err == -EINVAL)
			return fill_singly(fd, rows, first);
		if (err)
			return err;
	}
	return 0;
}

/* A row that stands twice would hide another; a row that did not arrive would open or close. */
static int check(int fd, const struct rows *rows)
{
	size_t step = rows->count / SAMPLE_ROWS + 1;
	char value[sizeof(struct chq_portblock)];

	for (size_t i = 1; i < rows->count; i++) {
		if (memcmp(row_key(rows, i - 1), row_key(rows, i), rows->key_bytes) == 0)
			return -EEXIST;
	}
	for (size_t i = 0; i < rows->count; i += step) {
		int err = bpf_map_lookup_elem(fd, row_key(rows, i), value);

		if (err)
			return err;
		if (memcmp(value, row_value(rows, i), rows->value_bytes))
			return -EIO;
	}
	return 0;
}

struct shape {
	enum bpf_map_type type;
	uint32_t flags;
	uint32_t spare; /* entries beyond the rows */
};

static const struct shape shapes[TABLES] = {
	[TABLE_HOSTS] = {BPF_MAP_TYPE_HASH, 0, HOSTS_SPARE},
	[TABLE_PREFIXES] = {BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, 16},
	[TABLE_PAIRS] = {BPF_MAP_TYPE_HASH, 0, 1},
	[TABLE_RULES] = {BPF_MAP_TYPE_HASH, 0, 1},
	[TABLE_PORTCLS] = {BPF_MAP_TYPE_ARRAY, 0, 0},
	[TABLE_PORTS] = {BPF_MAP_TYPE_HASH, 0, 0},
	[TABLE_DENY] = {BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, 1},
	[TABLE_DENY4] = {BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, 0},
	[TABLE_ENCRYPT] = {BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, 1},
};

static int make(enum table table, uint32_t key_bytes, uint32_t value_bytes, size_t rows)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = shapes[table].flags);
	uint32_t entries = rows + shapes[table].spare;

	if (table == TABLE_PORTS)
		entries = CHQ_PORT_MAX;
	return bpf_map_create(shapes[table].type, table_names[table], key_bytes, value_bytes,
			      entries, &options);
}

static int share(struct generation_tables *ret, enum table table, uint64_t hash,
		 const struct generation_tables *live)
{
	if (!hash || !live || live->fd[table] < 0 || live->hash[table] != hash)
		return -ENOENT;
	ret->fd[table] = fcntl(live->fd[table], F_DUPFD_CLOEXEC, 0);
	if (ret->fd[table] < 0)
		return -errno;
	ret->hash[table] = hash;
	return 0;
}

static int fill_rows(enum table table, const struct rows *rows,
		     const struct generation_tables *live, struct generation_tables *ret)
{
	uint64_t hash = rows_hash(rows);
	int err;

	if (share(ret, table, hash, live) == 0)
		return 0;
	ret->fd[table] = make(table, rows->key_bytes, rows->value_bytes, rows->count);
	if (ret->fd[table] < 0)
		return ret->fd[table];
	err = fill(ret->fd[table], rows);
	if (!err)
		err = check(ret->fd[table], rows);
	if (!err)
		ret->hash[table] = hash;
	return err;
}

int table_own_set(int hosts_fd, const struct chq_addr *addr, const struct chq_entry *own)
{
	if (own)
		return bpf_map_update_elem(hosts_fd, addr, own, BPF_ANY);
	return bpf_map_delete_elem(hosts_fd, addr);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct chq_addr));
}

static bool listed(const struct table_facts *facts, const struct chq_addr *addr)
{
	return facts->n_own && bsearch(addr, facts->own, facts->n_own, sizeof(*addr), by_bytes);
}

/* Whether the rows already say what the host's addresses are now. */
static bool own_is_current(const struct generation *generation, const struct table_facts *facts)
{
	size_t own_rows = 0;

	for (size_t i = 0; i < generation->n_hosts; i++) {
		const struct host_row *row = &generation->hosts[i];

		if (row->value.kind != CHQ_KIND_OWN)
			continue;
		own_rows++;
		if (!listed(facts, &row->key))
			return !facts->n_own;
	}
	return !facts->n_own || own_rows == facts->n_own;
}

/*
 * A table that is about to be changed for the host's addresses is not shared: the live
 * generation has other classes.
 */
static int fill_hosts(const struct generation *generation, const struct table_facts *facts,
		      struct generation_tables *ret)
{
	const struct rows rows = ROWS(generation->hosts, generation->n_hosts);

	return fill_rows(TABLE_HOSTS, &rows, own_is_current(generation, facts) ? facts->live : NULL,
			 ret);
}

/* The host's addresses may have changed since the compiler was told them. */
static int bring_own_to_date(const struct generation *generation, const struct table_facts *facts,
			     struct generation_tables *tables)
{
	int fd = tables->fd[TABLE_HOSTS];
	struct chq_entry there;
	int err = 0;

	for (size_t i = 0; i < facts->n_own && !err; i++) {
		if (bpf_map_lookup_elem(fd, &facts->own[i], &there) == 0 &&
		    there.kind == CHQ_KIND_OWN)
			continue;
		tables->hash[TABLE_HOSTS] = 0;
		err = table_own_set(fd, &facts->own[i], &generation->own);
	}
	for (size_t i = 0; i < generation->n_hosts && facts->n_own && !err; i++) {
		const struct host_row *row = &generation->hosts[i];

		if (row->value.kind != CHQ_KIND_OWN || listed(facts, &row->key))
			continue;
		tables->hash[TABLE_HOSTS] = 0;
		err = table_own_set(fd, &row->key, NULL);
		err = err == -ENOENT ? 0 : err;
	}
	return err;
}

struct block_row {
	uint32_t key;
	struct chq_portblock value;
};

static int fill_blocks(const struct generation *generation, const struct table_facts *facts,
		       struct generation_tables *ret)
{
	cleanup_free struct block_row *list = calloc(CHQ_BLOCKS, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < CHQ_BLOCKS; i++) {
		list[i].key = i;
		list[i].value = generation->blocks[i];
	}
	return fill_rows(TABLE_PORTCLS, &ROWS(list, CHQ_BLOCKS), facts->live, ret);
}

struct port_by_ifindex {
	uint32_t key;
	struct chq_port value;
};

/* Ports come and go in the live table, so it is never shared. */
static int fill_ports(const struct table_facts *facts, struct generation_tables *ret)
{
	cleanup_free struct port_by_ifindex *list = calloc(facts->n_ports + 1, sizeof(*list));
	int err;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < facts->n_ports; i++)
		list[i] = (struct port_by_ifindex){facts->ports[i].ifindex, facts->ports[i].value};
	err = fill_rows(TABLE_PORTS, &ROWS(list, facts->n_ports), NULL, ret);
	ret->hash[TABLE_PORTS] = 0;
	return err;
}

struct deny_row {
	struct chq_prefix key;
	uint8_t value;
};

/* Bits of an IPv4 prefix; -1 for one of IPv6. */
static int ipv4_bits(const struct chq_prefix *prefix)
{
	return prefix_is_ipv4(prefix) ? (int)prefix_bits(prefix) : -1;
}

static int fill_deny_long(const struct generation *generation, const struct table_facts *facts,
			  struct generation_tables *ret)
{
	cleanup_free struct deny_row *list = calloc(generation->n_deny + 1, sizeof(*list));
	size_t count = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < generation->n_deny; i++) {
		int bits = ipv4_bits(&generation->deny[i]);

		if (bits < 0 || bits > 24)
			list[count++] = (struct deny_row){generation->deny[i], 1};
	}
	return fill_rows(TABLE_DENY, &ROWS(list, count), facts->live, ret);
}

static void mark(uint64_t *words, uint32_t cell, enum chq_deny_cell what)
{
	unsigned shift = cell % 32 * 2;

	words[cell / 32] = (words[cell / 32] & ~(3ULL << shift)) | (uint64_t)what << shift;
}

static enum chq_deny_cell marked(const uint64_t *words, uint32_t cell)
{
	return words[cell / 32] >> (cell % 32 * 2) & 3;
}

static void mark_prefix(uint64_t *words, const struct chq_prefix *prefix)
{
	int bits = ipv4_bits(prefix);
	uint32_t first = ntohl(prefix->addr.word_be[3]) >> 8;

	if (bits > 24 && marked(words, first) == CHQ_DENY_NONE)
		mark(words, first, CHQ_DENY_LOOK);
	if (bits < 0 || bits > 24)
		return;
	for (uint32_t i = 0; i < 1u << (24 - bits); i++)
		mark(words, first + i, CHQ_DENY_ALL);
}

/* Two passes are not needed: a whole /24 overwrites LOOK, LOOK never overwrites a whole /24. */
static int fill_deny4(const struct generation *generation, const struct table_facts *facts,
		      struct generation_tables *ret)
{
	size_t bytes = CHQ_DENY_WORDS * sizeof(uint64_t);
	uint64_t hash = XXH3_64bits_withSeed(generation->deny,
					     generation->n_deny * sizeof(*generation->deny), 1);
	uint64_t *words;

	if (share(ret, TABLE_DENY4, hash, facts->live) == 0)
		return 0;
	ret->fd[TABLE_DENY4] =
		make(TABLE_DENY4, sizeof(uint32_t), sizeof(uint64_t), CHQ_DENY_WORDS);
	if (ret->fd[TABLE_DENY4] < 0)
		return ret->fd[TABLE_DENY4];
	words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ret->fd[TABLE_DENY4], 0);
	if (words == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < generation->n_deny; i++)
		mark_prefix(words, &generation->deny[i]);
	munmap(words, bytes);
	ret->hash[TABLE_DENY4] = hash;
	return 0;
}

static int fill_table(enum table table, const struct generation *generation,
		      const struct table_facts *facts, struct generation_tables *ret)
{
	const struct generation *from = generation;

	switch (table) {
	case TABLE_HOSTS:
		return fill_hosts(from, facts, ret);
	case TABLE_PREFIXES:
		return fill_rows(table, &ROWS(from->prefixes, from->n_prefixes), facts->live, ret);
	case TABLE_PAIRS:
		return fill_rows(table, &ROWS(from->pairs, from->n_pairs), facts->live, ret);
	case TABLE_RULES:
		return fill_rows(table, &ROWS(from->rules, from->n_rules), facts->live, ret);
	case TABLE_PORTCLS:
		return fill_blocks(from, facts, ret);
	case TABLE_PORTS:
		return fill_ports(facts, ret);
	case TABLE_ENCRYPT:
		return fill_rows(table, &ROWS(from->encrypt, from->n_encrypt), facts->live, ret);
	case TABLE_DENY:
		return fill_deny_long(from, facts, ret);
	default:
		return fill_deny4(from, facts, ret);
	}
}

static size_t rows_of(enum table table, const struct generation *generation)
{
	const size_t counts[TABLES] = {
		[TABLE_HOSTS] = generation->n_hosts,
		[TABLE_PREFIXES] = generation->n_prefixes,
		[TABLE_PAIRS] = generation->n_pairs,
		[TABLE_RULES] = generation->n_rules,
		[TABLE_PORTCLS] = CHQ_BLOCKS,
		[TABLE_PORTS] = generation->n_ports,
		[TABLE_DENY] = generation->n_deny,
		[TABLE_DENY4] = generation->n_deny,
		[TABLE_ENCRYPT] = generation->n_encrypt,
	};

	return counts[table];
}

int tables_fill(const struct generation *generation, const struct table_facts *facts,
		struct generation_tables *ret, struct refusal *refusal)
{
	struct generation_tables tables = {};
	int err = 0;

	for (int i = 0; i < TABLES; i++)
		tables.fd[i] = -1;
	for (int i = 0; i < TABLES && !err; i++) {
		err = fill_table(i, generation, facts, &tables);
		if (err)
			refuse(refusal, err, "cannot fill %s with %zu entries", table_names[i],
			       rows_of(i, generation));
	}
	if (!err)
		err = bring_own_to_date(generation, facts, &tables);
	if (err) {
		tables_close(&tables);
		return err;
	}
	*ret = tables;
	return 0;
}

void tables_close(struct generation_tables *tables)
{
	for (int i = 0; i < TABLES; i++) {
		if (tables->fd[i] >= 0)
			close(tables->fd[i]);
		tables->fd[i] = -1;
		tables->hash[i] = 0;
	}
}
