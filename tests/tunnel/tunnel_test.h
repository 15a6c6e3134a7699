/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef TESTS_TUNNEL_TEST_H
#define TESTS_TUNNEL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <sodium.h>
#include <string.h>

#include "../../datapath/tunnel/bytes.h"

/* Hexadecimal text -> bytes; how many. */
static inline size_t unhex(uint8_t *ret, size_t room, const char *hex)
{
	size_t length = 0;

	assert_int_equal(0, sodium_hex2bin(ret, room, hex, strlen(hex), NULL, &length, NULL));
	return length;
}

#define assert_hex(hex, bytes)                                         \
	do {                                                           \
		uint8_t wanted_[512];                                  \
		size_t length_ = unhex(wanted_, sizeof(wanted_), hex); \
		assert_memory_equal(wanted_, bytes, length_);          \
	} while (0)

/* "10.0.0.1" or "fd00::1" -> bytes; 4 or 16. */
static inline uint8_t address_of(const char *text, uint8_t *ret)
{
	if (inet_pton(AF_INET, text, ret) == 1)
		return 4;
	assert_int_equal(1, inet_pton(AF_INET6, text, ret));
	return 16;
}

#endif
