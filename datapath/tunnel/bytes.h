/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TUNNEL_BYTES_H
#define TUNNEL_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Numbers inside messages: WireGuard's are little-endian, the inner packets' big-endian. */

static inline uint32_t get_le32(const void *at)
{
	uint32_t number;

	memcpy(&number, at, sizeof(number));
	return le32toh(number);
}

static inline uint64_t get_le64(const void *at)
{
	uint64_t number;

	memcpy(&number, at, sizeof(number));
	return le64toh(number);
}

static inline uint16_t get_be16(const void *at)
{
	uint16_t number;

	memcpy(&number, at, sizeof(number));
	return be16toh(number);
}

static inline uint32_t get_be32(const void *at)
{
	uint32_t number;

	memcpy(&number, at, sizeof(number));
	return be32toh(number);
}

static inline void put_le32(void *at, uint32_t number)
{
	number = htole32(number);
	memcpy(at, &number, sizeof(number));
}

static inline void put_le64(void *at, uint64_t number)
{
	number = htole64(number);
	memcpy(at, &number, sizeof(number));
}

static inline void put_be16(void *at, uint16_t number)
{
	number = htobe16(number);
	memcpy(at, &number, sizeof(number));
}

static inline void put_be32(void *at, uint32_t number)
{
	number = htobe32(number);
	memcpy(at, &number, sizeof(number));
}

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* A local that owns something is declared with one of these, and initialised. */
#define cleanup_free  __attribute__((__cleanup__(free_p)))
#define cleanup_close __attribute__((__cleanup__(close_p)))

#define give(owned)                                 \
	({                                          \
		__typeof__(owned) given_ = (owned); \
		(owned) = NULL;                     \
		given_;                             \
	})

static inline void free_p(void *owned)
{
	free(*(void **)owned);
}

static inline void close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline int give_fd(int *fd)
{
	int given = *fd;

	*fd = -1;
	return given;
}

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

#endif
