/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_REFUSAL_H
#define KERNEL_REFUSAL_H

#include <stddef.h>

/* One sentence for a person: what was refused, by what, and what to do about it. */
struct refusal {
	char text[768];
};

/* Writes "WHAT: the error's words" and returns `err`, so that it reads as a return. */
int refuse(struct refusal *refusal, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same without the error's words: the sentence says all of it. */
int refuse_plainly(struct refusal *refusal, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a program or map that the kernel would not take; `log` is the verifier's. */
int refuse_load(struct refusal *refusal, int err, const char *what, const char *log);

#endif
