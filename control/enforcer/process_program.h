/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_PROCESS_PROGRAM_H
#define ENFORCER_PROCESS_PROGRAM_H

#include "enforcer/process_tree.h"

/* Texts of a program, each with its length; none ends with a 0. */
struct program_texts {
	struct program_text {
		const char *at;
		size_t bytes;
	} name, args, cwd, executable, cgroup;
};

/*
 * Makes the program that these texts tell about. `args` are argv[0]… each with a 0
 * behind it, of which argv[0] is left out; at most `most_args` bytes of the rest are
 * kept. NULL: out of memory.
 */
struct process_program *program_new(const struct program_texts *texts, size_t most_args);

struct process_program *program_hold(struct process_program *program);
/* The number of bytes that became free, 0 while others hold it. */
size_t program_release(struct process_program *program);

#endif
