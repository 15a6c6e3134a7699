/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "enforcer/process_tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
/* uthash gives up by this instead of by exit(). */
#define uthash_fatal(message) abort()
#include <uthash.h>

#include "enforcer/process_program.h"
#include "util/cleanup.h"

/* What is left of arguments when there is no room for long ones. */
#define ARGS_BYTES_CUT 256

/* What others see comes first, so that one is the other. */
struct node {
	struct process process;
	struct process_tree *tree; /* NULL: the tree is gone, or has forgotten it */
	UT_hash_handle by_key, by_pid;
	bool found;   /* not told of by the kernel, but found running */
	bool running; /* in by_pid; else in the list of those that have ended */
	TAILQ_ENTRY(node) entry;
};

struct process_tree {
	struct process_limits limits;
	struct node *by_key;	       /* all */
	struct node *by_pid;	       /* those that run */
	TAILQ_HEAD(nodes, node) ended; /* the oldest first */
	struct process_counts counts;
};

struct process_tree *process_tree_new(const struct process_limits *limits)
{
	struct process_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->limits = *limits;
	TAILQ_INIT(&tree->ended);
	return tree;
}

static struct node *node_of(struct process *process)
{
	return (struct node *)process;
}

struct process *process_hold(struct process *process)
{
	if (process)
		process->refs++;
	return process;
}

/* A long line of ancestors is let go one by one, not one within the other. */
void process_release(struct process *process)
{
	while (process && --process->refs == 0) {
		struct process *parent = process->parent;

		program_release(process->program);
		free(node_of(process));
		process = parent;
	}
}

/* Out of the tree. Whoever holds it may go on doing so, but it no longer holds others. */
static void forget(struct process_tree *tree, struct node *node)
{
	struct process_program *program = node->process.program;

	HASH_DELETE(by_key, tree->by_key, node);
	if (node->running) {
		HASH_DELETE(by_pid, tree->by_pid, node);
		tree->counts.running--;
	} else {
		TAILQ_REMOVE(&tree->ended, node, entry);
		tree->counts.ended--;
	}
	if (--program->nodes == 0)
		tree->counts.text_bytes -= program->bytes;
	node->tree = NULL;
	process_release(node->process.parent);
	node->process.parent = NULL;
	process_release(&node->process);
}

void process_tree_free(struct process_tree *tree)
{
	struct node *node, *next;

	if (!tree)
		return;
	for (node = tree->by_key; node; node = next) {
		next = node->by_key.next;
		forget(tree, node);
	}
	free(tree);
}

static bool is_full(const struct process_tree *tree)
{
	return tree->counts.running + tree->counts.ended >= tree->limits.processes ||
	       tree->counts.ended > tree->limits.ended ||
	       tree->counts.text_bytes > tree->limits.text_bytes;
}

/* Room for one more. False: everything runs. */
static bool make_room(struct process_tree *tree)
{
	while (is_full(tree) && !TAILQ_EMPTY(&tree->ended)) {
		forget(tree, TAILQ_FIRST(&tree->ended));
		tree->counts.forgotten++;
	}
	if (tree->counts.running < tree->limits.processes)
		return true;
	tree->counts.refused++;
	return false;
}

static struct node *find_key(struct process_tree *tree, const struct process_key *key)
{
	struct node *node;

	HASH_FIND(by_key, tree->by_key, key, sizeof(*key), node);
	return node;
}

static struct node *find_running(struct process_tree *tree, uint32_t pid)
{
	struct node *node;

	HASH_FIND(by_pid, tree->by_pid, &pid, sizeof(pid), node);
	return node;
}

/* It no longer runs: it has ended, or the same pid runs something else. */
static void retire(struct process_tree *tree, struct node *node)
{
	if (!node || !node->running)
		return;
	HASH_DELETE(by_pid, tree->by_pid, node);
	node->running = false;
	tree->counts.running--;
	TAILQ_INSERT_TAIL(&tree->ended, node, entry);
	tree->counts.ended++;
}

/* Takes the node and its program; a predecessor with the same pid runs no longer. */
static struct process *insert(struct process_tree *tree, struct node *node)
{
	struct process *process = &node->process;
	struct node *parent;

	retire(tree, find_running(tree, process->key.pid));
	parent = find_key(tree, &process->parent_key);
	if (!parent && process->parent_key.started_ns == 0)
		parent = find_running(tree, process->parent_key.pid);
	if (parent && parent != node)
		process->parent = process_hold(&parent->process);
	if (process->program->nodes++ == 0)
		tree->counts.text_bytes += process->program->bytes;
	process->refs = 1;
	node->tree = tree;
	node->running = true;
	HASH_ADD(by_key, tree->by_key, process.key, sizeof(process->key), node);
	HASH_ADD(by_pid, tree->by_pid, process.key.pid, sizeof(process->key.pid), node);
	tree->counts.running++;
	return process;
}

static struct node *node_new(struct process_tree *tree, const struct chq_proc_head *head)
{
	struct node *node = make_room(tree) ? calloc(1, sizeof(*node)) : NULL;

	if (!node)
		return NULL;
	node->process.key = (struct process_key){head->started_ns, head->pid, 0};
	node->process.tid = head->tid;
	return node;
}

/* As the one that forked it: another reading may be had only after the next execve. */
static struct process *add_child(struct process_tree *tree, const struct chq_proc_fork *fork,
				 struct node *parent)
{
	struct node *node = node_new(tree, &fork->head);
	struct process *child;

	if (!node)
		return NULL;
	child = &node->process;
	child->parent_key = (struct process_key){fork->parent_started_ns, fork->parent, 0};
	child->pid_here = fork->pid_here;
	child->ns_pid = fork->pid_here;
	child->flags = CHQ_PROC_FLAG_CLONE | (parent->process.flags & CHQ_PROC_FLAG_IN_INIT_TREE);
	child->creds = parent->process.creds;
	memcpy(child->caps, parent->process.caps, sizeof(child->caps));
	memcpy(child->namespaces, parent->process.namespaces, sizeof(child->namespaces));
	child->cgroup = parent->process.cgroup;
	child->program = program_hold(parent->process.program);
	return insert(tree, node);
}

struct process *process_tree_fork(struct process_tree *tree, const void *record, size_t bytes)
{
	const struct chq_proc_fork *fork = record;
	struct process_key key, parent_key;
	struct node *known, *parent;

	if (bytes < sizeof(*fork) || fork->head.kind != CHQ_PROC_FORK)
		return NULL;
	key = (struct process_key){fork->head.started_ns, fork->head.pid, 0};
	parent_key = (struct process_key){fork->parent_started_ns, fork->parent, 0};
	known = find_key(tree, &key);
	if (known)
		return &known->process;
	parent = find_key(tree, &parent_key);
	if (!parent)
		parent = find_running(tree, fork->parent);
	return parent ? add_child(tree, fork, parent) : NULL;
}

/* The record's texts, when all of them are in it. */
static bool read_texts(const struct chq_proc_exec *exec, size_t bytes, struct program_texts *ret)
{
	const char *at = (const char *)(exec + 1);
	size_t wanted = (size_t)exec->name_bytes + exec->args_bytes + exec->cwd_bytes +
			exec->binary_bytes + exec->cgroup_bytes;

	if (bytes < sizeof(*exec) + wanted)
		return false;
	ret->name = (struct program_text){at, exec->name_bytes};
	ret->args = (struct program_text){at += exec->name_bytes, exec->args_bytes};
	ret->cwd = (struct program_text){at += exec->args_bytes, exec->cwd_bytes};
	ret->executable = (struct program_text){at += exec->cwd_bytes, exec->binary_bytes};
	ret->cgroup = (struct program_text){at + exec->binary_bytes, exec->cgroup_bytes};
	return true;
}

static void describe(struct process *process, const struct chq_proc_exec *exec)
{
	process->ns_pid = exec->ns_pid;
	process->pid_here = exec->pid_here;
	process->flags = exec->flags;
	process->parent_key = (struct process_key){exec->parent_started_ns, exec->parent, 0};
	process->creds = exec->creds;
	memcpy(process->caps, exec->caps, sizeof(process->caps));
	memcpy(process->namespaces, exec->namespaces, sizeof(process->namespaces));
	process->cgroup = exec->cgroup;
	process->program->inode = exec->inode;
	process->program->links = exec->links;
	process->program->raised = exec->raised;
}

/* With arguments that are cut when there is no room. NULL: out of memory. */
static struct process_program *make_program(struct process_tree *tree,
					    const struct program_texts *texts, bool *ret_cut)
{
	*ret_cut = tree->counts.text_bytes > tree->limits.text_bytes &&
		   texts->args.bytes > ARGS_BYTES_CUT;
	tree->counts.cut += *ret_cut;
	return program_new(texts, *ret_cut ? ARGS_BYTES_CUT : SIZE_MAX);
}

/* In the place of the one that it has. */
static void put_program(struct process_tree *tree, struct node *node,
			struct process_program *program)
{
	struct process_program *old = node->process.program;

	if (--old->nodes == 0)
		tree->counts.text_bytes -= old->bytes;
	program_release(old);
	program->nodes++;
	tree->counts.text_bytes += program->bytes;
}

/*
 * A process that was found, and then told of: it was found just after its execve, perhaps at its
 * end, when /proc had nothing to say any more. What is told is the whole of it.
 */
static struct process *add_program(struct process_tree *tree, const struct chq_proc_exec *exec,
				   const struct program_texts *texts)
{
	struct process_key key = {exec->head.started_ns, exec->head.pid, 0};
	struct node *known = find_key(tree, &key), *node;
	struct process_program *program;
	bool cut = false;

	if (known && (!known->found || exec->head.kind == CHQ_PROC_FOUND))
		return &known->process;
	program = make_program(tree, texts, &cut);
	node = program && !known ? node_new(tree, &exec->head) : known;
	if (!node) {
		program_release(program);
		return NULL;
	}
	if (known)
		put_program(tree, known, program);
	node->process.program = program;
	node->found = exec->head.kind == CHQ_PROC_FOUND;
	describe(&node->process, exec);
	if (cut)
		node->process.flags |= CHQ_PROC_FLAG_TRUNC_ARGS;
	return known ? &known->process : insert(tree, node);
}

struct process *process_tree_exec(struct process_tree *tree, const void *record, size_t bytes)
{
	const struct chq_proc_exec *exec = record;
	struct program_texts texts;

	if (bytes < sizeof(*exec) || exec->head.kind != CHQ_PROC_EXEC ||
	    !read_texts(exec, bytes, &texts))
		return NULL;
	return add_program(tree, exec, &texts);
}

struct process *process_tree_found(struct process_tree *tree, const void *record, size_t bytes,
				   const char *command_line, size_t command_line_bytes)
{
	const struct chq_proc_exec *exec = record;
	struct program_texts texts;

	if (bytes < sizeof(*exec) || exec->head.kind != CHQ_PROC_FOUND ||
	    !read_texts(exec, bytes, &texts))
		return NULL;
	if (command_line)
		texts.args = (struct program_text){command_line, command_line_bytes};
	return add_program(tree, exec, &texts);
}

struct process *process_tree_exit(struct process_tree *tree, const void *record, size_t bytes)
{
	const struct chq_proc_exit *exit = record;
	struct process_key key;
	struct node *node;

	if (bytes < sizeof(*exit) || exit->head.kind != CHQ_PROC_EXIT)
		return NULL;
	key = (struct process_key){exit->head.started_ns, exit->head.pid, 0};
	node = find_key(tree, &key);
	if (!node)
		node = find_running(tree, exit->head.pid);
	if (!node || node->process.ended_ns)
		return NULL;
	node->process.ended_ns = exit->head.time_ns;
	node->process.code = exit->code;
	retire(tree, node);
	return &node->process;
}

static struct node *find_here(struct process_tree *tree, uint32_t pid)
{
	struct node *node = find_running(tree, pid);

	if (node && node->process.pid_here == pid)
		return node;
	for (node = tree->by_key; node; node = node->by_key.next)
		if (node->running && node->process.pid_here == pid)
			return node;
	TAILQ_FOREACH_REVERSE(node, &tree->ended, nodes, entry)
	if (node->process.pid_here == pid)
		return node;
	return NULL;
}

struct process *process_tree_find(struct process_tree *tree, uint32_t pid, uint64_t started_ns,
				  bool here)
{
	struct process_key key = {started_ns, pid, 0};
	struct node *node;

	if (here) {
		node = find_here(tree, pid);
		return node ? &node->process : NULL;
	}
	node = started_ns ? find_key(tree, &key) : NULL;
	if (!node)
		node = find_running(tree, pid);
	if (node)
		return &node->process;
	TAILQ_FOREACH_REVERSE(node, &tree->ended, nodes, entry)
	if (node->process.key.pid == pid)
		return &node->process;
	return NULL;
}

struct process_counts process_tree_counts(const struct process_tree *tree)
{
	return tree->counts;
}
