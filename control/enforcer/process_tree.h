/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ENFORCER_PROCESS_TREE_H
#define ENFORCER_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chasqui/process.h"

/*
 * Processes as people and events see them: who started what, when, as whom, and
 * below which others. Fed with the kernel side's records in the order of their times.
 * Bounded: those that have ended go first, the oldest before the others, and what
 * cannot be kept is counted. Not for several threads.
 */
struct process_tree;

/* What an execve started: shared by the process and the children that have not called it. */
struct process_program {
	unsigned refs;
	unsigned nodes; /* processes of the tree that run it */
	size_t bytes;
	char *binary;	  /* as it was called, made absolute */
	char *executable; /* its real path; "" when it is not known, as of a kernel thread */
	char *arguments; /* argv[1]…, with blanks between; one with a blank in it stands in quotes
			  */
	char *cwd;
	char *cgroup; /* path of its version 2 group when it was started */
	uint64_t inode;
	uint32_t links;
	uint8_t raised; /* enum chq_proc_raised: by this execve */
};

struct process_key {
	uint64_t started_ns; /* CLOCK_BOOTTIME */
	uint32_t pid;	     /* in the initial pid namespace */
	uint32_t zero;
};

struct process {
	struct process_key key;
	uint32_t tid;
	uint32_t ns_pid;		 /* in its own pid namespace */
	uint32_t pid_here;		 /* in ours; 0 = not seen there */
	uint32_t flags;			 /* enum chq_proc_flag */
	struct process_key parent_key;	 /* started_ns 0: only its pid is known */
	struct process *parent;		 /* held; NULL: not known, or forgotten */
	struct process_program *program; /* held; never NULL */
	struct chq_proc_credentials creds;
	uint64_t caps[CHQ_CAPS];
	uint32_t namespaces[CHQ_NAMESPACE_MAX];
	uint64_t cgroup;   /* id of its version 2 group */
	uint64_t ended_ns; /* 0: it runs, or was replaced by its own execve */
	uint32_t code;	   /* as wait(2) has it */
	unsigned refs;	   /* of the tree, of children, of those who hold it */
};

struct process_limits {
	size_t processes;  /* that are kept, running or ended */
	size_t ended;	   /* of these, most that have ended */
	size_t text_bytes; /* of all programs' texts; beyond that, arguments are cut */
};

#define PROCESS_LIMITS ((struct process_limits){65536, 8192, 64 << 20})

struct process_counts {
	size_t running, ended;
	size_t text_bytes;
	uint64_t refused;   /* processes for which there was no room */
	uint64_t forgotten; /* of those that had ended, to make room */
	uint64_t cut;	    /* programs whose arguments were cut to save room */
};

/* NULL: out of memory. */
struct process_tree *process_tree_new(const struct process_limits *limits);
void process_tree_free(struct process_tree *tree); /* those held elsewhere live on */

/*
 * Each takes a record, which is checked, and returns the process that it is about,
 * which the tree owns; NULL: a bad record, no room, or (exit) an unknown process.
 * `command_line` (may be NULL) is /proc's of a process that ran before.
 */
struct process *process_tree_fork(struct process_tree *tree, const void *record, size_t bytes);
struct process *process_tree_exec(struct process_tree *tree, const void *record, size_t bytes);
struct process *process_tree_exit(struct process_tree *tree, const void *record, size_t bytes);
struct process *process_tree_found(struct process_tree *tree, const void *record, size_t bytes,
				   const char *command_line, size_t command_line_bytes);

/*
 * The process; with started_ns 0 the latest that has or had the pid. `here`: the pid is as our
 * own pid namespace has it. NULL: not known.
 */
struct process *process_tree_find(struct process_tree *tree, uint32_t pid, uint64_t started_ns,
				  bool here);

/* A process that is needed longer than until the tree is fed again. NULL is fine. */
struct process *process_hold(struct process *process);
void process_release(struct process *process);

struct process_counts process_tree_counts(const struct process_tree *tree);

#endif
