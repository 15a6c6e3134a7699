// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "cli/words.h"

#include <signal.h>
#include <string.h>

#include "api/version.h"

#define ASKS "run-dir output"

static const struct command endpoint_words[] = {
	{"list", "[-o json]", "List endpoints with their identities and addresses", endpoint_list,
	 ASKS, 0, 0, NULL},
	{},
};

static const struct command identity_words[] = {
	{"list", "[-o json]", "List identities with their labels", identity_list, ASKS, 0, 0, NULL},
	{},
};

static const struct command policy_words[] = {
	{"list", "[-o json]", "List the policies that are live", policy_list, ASKS, 0, 0, NULL},
	{"rules", "[-o json]", "List the rules with how often each gave a decision", rule_list,
	 ASKS, 0, 0, NULL},
	{"selectors", "[-o json]", "List the selectors with how many each matches", selector_list,
	 ASKS, 0, 0, NULL},
	{"validate", "DIR [-o json]", "Read and compile a directory; needs no daemon and no root",
	 policy_validate, "output", 1, 1, NULL},
	{"explain",
	 "--from X --to Y --dport PORT[/PROTO] | --icmp TYPE | --proto PROTO [--direction D] | --flows FILE [-f DIR] [-o json]",
	 "Say what becomes of a flow, and which rule says so", policy_explain,
	 "run-dir output file from to dport proto icmp flows direction", 0, 0, NULL},
	{"lint", "DIR [-o json]", "Find rules that decide nothing, selectors that match nothing",
	 policy_lint, "output", 1, 1, NULL},
	{"diff", "DIR [-f DIR] [-o json]",
	 "Say what would change if a directory became live, and which flows would be cut",
	 policy_diff, "run-dir output file", 1, 1, NULL},
	{},
};

static const struct command trace_words[] = {
	{"packet",
	 "--from X --to Y --dport PORT[/PROTO] | --icmp TYPE | --proto PROTO [--sport PORT] [--in PORT] [-o json]",
	 "Run a packet that nobody sends through the live maps, stage by stage", trace_packet,
	 ASKS " from to dport proto icmp sport in", 0, 0, NULL},
	{},
};

static const struct command tunnel_words[] = {
	{"genkey", "[FILE]", "Make a private key: a file of mode 0600, or to a pipe", tunnel_genkey,
	 "output", 0, 1, NULL},
	{"pubkey", "[FILE|-] [-o json]", "Print the public key of a private key, or the tunnel's",
	 tunnel_pubkey, ASKS, 0, 1, NULL},
	{"status", "[-o json]", "Is the tunnel up, and with which engine?", tunnel_status, ASKS, 0,
	 0, NULL},
	{"peers", "[-o json]", "List the peers: where they are, when they were heard, how much",
	 tunnel_peers, ASKS, 0, 0, NULL},
	{},
};

static const struct command peer_words[] = {
	{"add",
	 "NAME --public-key KEY --prefixes P[,P...] [--endpoint HOST:PORT] [--keepalive S] [--preshared-key-file FILE] [--labels K=V[,K=V...]]",
	 "Put a Peer document into the directory and make it live", peer_add,
	 ASKS " public-key preshared-key-file endpoint prefixes keepalive labels confirm", 1, 1,
	 NULL},
	{"remove", "NAME", "Take a Peer document out of the directory", peer_remove,
	 ASKS " confirm", 1, 1, NULL},
	{"list", "[-o json]", "List the Peer documents that are live", peer_list, ASKS, 0, 0, NULL},
	{},
};

static const struct command class_words[] = {
	{"list", "[-o json]", "List subject and peer classes", class_list, ASKS, 0, 0, NULL},
	{},
};

static const struct command conntrack_words[] = {
	{"list", "[-o json]", "List the flows that are known", conntrack_list, ASKS, 0, 0, NULL},
	{"flush", "", "Forget all flows; those running are judged anew", conntrack_flush, ASKS, 0,
	 0, NULL},
	{},
};

static const struct command deny_words[] = {
	{"list", "[-o json]", "List the prefixes that the gate drops", deny_list, ASKS, 0, 0, NULL},
	{},
};

static const struct command tracing_words[] = {
	{"list", "[-o json]", "List the TracingPolicies with what each has done", tracing_list,
	 ASKS, 0, 0, NULL},
	{"show", "NAME [-o json]", "Show a TracingPolicy, hook by hook", tracing_show, ASKS, 1, 1,
	 NULL},
	{"enable", "NAME", "Switch a TracingPolicy on; it stays so over a restart", tracing_enable,
	 ASKS, 1, 1, NULL},
	{"disable", "NAME", "Switch a TracingPolicy off; it stays so over a restart",
	 tracing_disable, ASKS, 1, 1, NULL},
	{"set-mode", "NAME monitor|enforce", "Let a TracingPolicy only report, or act",
	 tracing_set_mode, ASKS, 2, 2, NULL},
	{"backends", "[-o json]", "Say which back ends this kernel has for hooks",
	 tracing_back_ends, ASKS, 0, 0, NULL},
	{},
};

static const struct command words[] = {
	{"status", "[-o json]", "Is the gateway up, and with which policy?", show_status, ASKS, 0,
	 0, NULL},
	{"apply", "-f FILE|- [--confirm TIME]",
	 "Put documents into the directory and make them live", apply_documents,
	 ASKS " file confirm", 0, 0, NULL},
	{"confirm", "", "Keep a change that was made with --confirm", confirm, ASKS, 0, 0, NULL},
	{"delete", "-f FILE|- | KIND NAME [--confirm TIME]", "Take documents out of the directory",
	 delete_documents, ASKS " file confirm", 0, 2, NULL},
	{"get", "[KIND [NAME]] [-o json|yaml]", "Show the documents that are live", get_documents,
	 ASKS, 0, 2, NULL},
	{"reload", "[--confirm TIME]",
	 "Read the directory again: all of it becomes live, or nothing", reload, ASKS " confirm", 0,
	 0, NULL},
	{"history", "[-o json]", "List the configurations that were live", show_history, ASKS, 0, 0,
	 NULL},
	{"rollback", "N [--confirm TIME]", "Make an earlier configuration live again", rollback,
	 ASKS " confirm", 1, 1, NULL},
	{"endpoint", "", "Workloads behind the gateway", NULL, NULL, 0, 0, endpoint_words},
	{"identity", "", "Who is who", NULL, NULL, 0, 0, identity_words},
	{"policy", "", "Check, list and explain policy", NULL, NULL, 0, 0, policy_words},
	{"trace", "", "What would become of a packet", NULL, NULL, 0, 0, trace_words},
	{"tracing", "", "Hooks on files and processes", NULL, NULL, 0, 0, tracing_words},
	{"tunnel", "", "The encrypted tunnel", NULL, NULL, 0, 0, tunnel_words},
	{"peer", "", "Other gateways", NULL, NULL, 0, 0, peer_words},
	{"class", "", "What the compiler makes of identities", NULL, NULL, 0, 0, class_words},
	{"conntrack", "", "Flows", NULL, NULL, 0, 0, conntrack_words},
	{"deny", "", "The gate's deny list", NULL, NULL, 0, 0, deny_words},
	{"attach", "PORT", "Put the checkpoint back on a port", attach_port, ASKS, 1, 1, NULL},
	{"detach", "PORT | --all",
	 "Take the checkpoint off a port, or everything out of the kernel", detach_port,
	 ASKS " all bpffs", 0, 1, NULL},
	{"events",
	 "[--follow] [--drops | --process [--since TIME] [--policy NAME] [--binary PATH] "
	 "[--pid PID] [--event KIND,...] [--timestamps]] [-o compact|json]",
	 "Print verdicts, or what processes do, as they happen", follow_events,
	 ASKS " follow drops process since policy binary pid event timestamps", 0, 0, NULL},
	{"reasons", "[-o json]", "List every reason a packet passes or is dropped", show_reasons,
	 "output", 0, 0, NULL},
	{"version", "[-o json]", "Say which version this is", show_version, "output", 0, 0, NULL},
	{"help", "", "Show every command", show_help, "", 0, 0, NULL},
	{},
};

int show_version(const struct arguments *arguments)
{
	if (wants_json(arguments))
		print_json(json_pack("{s:s}", "version", CHASQUI_VERSION));
	else
		puts("chasqui " CHASQUI_VERSION);
	return EXIT_DONE;
}

int show_help(const struct arguments *arguments)
{
	(void)arguments;
	puts("usage: chasqui COMMAND\n");
	command_tree(stdout, "chasqui", words);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_DFL);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		argv[1] = "version";
	return command_run("chasqui", words, argc - 1, argv + 1);
}
