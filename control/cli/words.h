/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "cli/ask.h"
#include "cli/command.h"

/* What each command does. One file for each group. */
int show_status(const struct arguments *arguments);

int endpoint_list(const struct arguments *arguments);
int identity_list(const struct arguments *arguments);
int policy_list(const struct arguments *arguments);
int class_list(const struct arguments *arguments);
int conntrack_list(const struct arguments *arguments);
int conntrack_flush(const struct arguments *arguments);
int deny_list(const struct arguments *arguments);
int show_history(const struct arguments *arguments);
int show_reasons(const struct arguments *arguments);

int apply_documents(const struct arguments *arguments);
int delete_documents(const struct arguments *arguments);
int get_documents(const struct arguments *arguments);

int reload(const struct arguments *arguments);
int confirm(const struct arguments *arguments);
int rollback(const struct arguments *arguments);
int attach_port(const struct arguments *arguments);
int detach_port(const struct arguments *arguments);

int follow_events(const struct arguments *arguments);
int follow_processes(const struct arguments *arguments);

int policy_validate(const struct arguments *arguments);
int policy_explain(const struct arguments *arguments);
int trace_packet(const struct arguments *arguments);
int rule_list(const struct arguments *arguments);
int selector_list(const struct arguments *arguments);
int policy_lint(const struct arguments *arguments);
int policy_diff(const struct arguments *arguments);

int tracing_list(const struct arguments *arguments);
int tracing_show(const struct arguments *arguments);
int tracing_enable(const struct arguments *arguments);
int tracing_disable(const struct arguments *arguments);
int tracing_set_mode(const struct arguments *arguments);
int tracing_back_ends(const struct arguments *arguments);
int tunnel_genkey(const struct arguments *arguments);
int tunnel_pubkey(const struct arguments *arguments);
int tunnel_status(const struct arguments *arguments);
int tunnel_peers(const struct arguments *arguments);
int peer_add(const struct arguments *arguments);
int peer_remove(const struct arguments *arguments);
int peer_list(const struct arguments *arguments);

int show_version(const struct arguments *arguments);
int show_help(const struct arguments *arguments);

#endif
