// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/ports.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "api/version.h"
#include "daemon/folder.h"
#include "daemon/tunnel.h"
#include "kernel/forwarding.h"
#include "util/cleanup.h"
#include "util/log.h"

static size_t detached_at(const struct daemon *daemon, const char *name)
{
	size_t i = 0;

	while (i < daemon->n_detached && strcmp(daemon->detached[i], name) != 0)
		i++;
	return i;
}

static const struct port_row *row_named(const struct daemon *daemon, const char *name)
{
	const struct generation *generation = daemon->live.generation;

	for (size_t i = 0; generation && i < generation->n_ports; i++)
		if (strcmp(generation->ports[i].name, name) == 0)
			return &generation->ports[i];
	return NULL;
}

static const struct attachment *attachment_at(const struct daemon *daemon, unsigned ifindex)
{
	const struct attachment *list;
	size_t count = datapath_attachments(daemon->datapath, &list);

	for (size_t i = 0; i < count; i++)
		if (list[i].ifindex == ifindex)
			return &list[i];
	return NULL;
}

static const char *words_for(const struct daemon *daemon, int err)
{
	const char *words = datapath_refusal(daemon->datapath);

	return words && *words ? words : strerror(-err);
}

/* Ifindexes of what is attached and should not be: another name, no port, or taken off by hand. */
static size_t find_strays(const struct daemon *daemon, unsigned *ret, size_t most)
{
	const struct attachment *list;
	size_t count = datapath_attachments(daemon->datapath, &list), strays = 0;
	char name[IF_NAMESIZE];

	for (size_t i = 0; i < count && strays < most; i++) {
		if (!if_indextoname(list[i].ifindex, name) || !row_named(daemon, name) ||
		    detached_at(daemon, name) < daemon->n_detached)
			ret[strays++] = list[i].ifindex;
	}
	return strays;
}

static void let_go_of_strays(struct daemon *daemon)
{
	unsigned strays[CHQ_PORT_MAX];
	size_t count = find_strays(daemon, strays, CHQ_PORT_MAX);
	int err;

	for (size_t i = 0; i < count; i++) {
		log_info("letting go of interface %u: it is no port, or not there, any more",
			 strays[i]);
		err = datapath_detach(daemon->datapath, strays[i]);
		if (err && err != -ENODEV && err != -ENOENT)
			log_warn("interface %u: %s", strays[i], words_for(daemon, err));
	}
}

static struct port_note *find_note(struct daemon *daemon, const char *name)
{
	for (size_t i = 0; i < daemon->n_notes; i++)
		if (strcmp(daemon->notes[i].name, name) == 0)
			return &daemon->notes[i];
	return NULL;
}

const char *ports_note(const struct daemon *daemon, const char *name)
{
	const struct port_note *note = find_note((struct daemon *)daemon, name);

	return note ? note->text : "";
}

static void forget_note(struct daemon *daemon, const char *name)
{
	struct port_note *note = find_note(daemon, name);

	if (note)
		*note = daemon->notes[--daemon->n_notes];
}

/* Said once, not every time that it is tried again. */
static void note_refusal(struct daemon *daemon, const char *name, const char *text)
{
	struct port_note *note = find_note(daemon, name);

	if (!note && daemon->n_notes == CHQ_PORT_MAX)
		return;
	if (!note) {
		note = &daemon->notes[daemon->n_notes++];
		*note = (struct port_note){};
		snprintf(note->name, sizeof(note->name), "%s", name);
	}
	if (strncmp(note->text, text, sizeof(note->text) - 1) == 0)
		return;
	snprintf(note->text, sizeof(note->text), "%s", text);
	log_error("port %s: %s", name, text);
}

/* True when the port is guarded, or not there at all. */
static bool guard(struct daemon *daemon, const struct port_row *row, bool anew)
{
	unsigned ifindex = if_nametoindex(row->name);
	const struct attachment *seen;
	bool guarded;
	int err;

	if (!ifindex || detached_at(daemon, row->name) < daemon->n_detached) {
		forget_note(daemon, row->name);
		return true;
	}
	seen = attachment_at(daemon, ifindex);
	guarded = seen && seen->present && seen->checkpoint && strcmp(seen->name, row->name) == 0;
	if (guarded && !anew)
		return true;
	err = datapath_attach(daemon->datapath, ifindex, row);
	if (err == -ENODEV)
		return true;
	if (err) {
		note_refusal(daemon, row->name, words_for(daemon, err));
		return false;
	}
	forget_note(daemon, row->name);
	if (!guarded)
		log_info("port %s (%s) is guarded", row->name,
			 row->value.role == CHQ_INSIDE	 ? "inside"
			 : row->value.role == CHQ_TUNNEL ? "tunnel"
							 : "outside");
	return true;
}

/* So that `chasqui detach --all` turns off again what was turned on here. */
static void note_forwarding(const struct daemon *daemon)
{
	cleanup_free char *path = path_join(daemon->options.run_directory, FORWARDING_NOTE);
	static const char text[] = "chasquid turned forwarding on\n";
	bool ipv4 = true, ipv6 = true;

	if (!path || forwarding_get(&ipv4, &ipv6) < 0 || (ipv4 && ipv6))
		return;
	if (file_write(path, text, strlen(text)) < 0)
		log_warn("%s cannot be written: chasqui detach --all will leave forwarding on",
			 path);
}

static void open_gateway(struct daemon *daemon)
{
	int err;

	if (!daemon->closed)
		return;
	daemon->closed = false;
	if (daemon->options.no_forwarding)
		return;
	note_forwarding(daemon);
	err = forwarding_set(true);
	if (err)
		log_error("forwarding could not be turned on: %s", strerror(-err));
	else
		log_info("every port is guarded: forwarding is on");
}

void ports_close(struct daemon *daemon)
{
	int err = daemon->options.no_forwarding ? 0 : forwarding_set(false);

	daemon->closed = true;
	if (err)
		log_error("forwarding could not be turned off: %s", strerror(-err));
}

static size_t count_guarded(const struct daemon *daemon)
{
	const struct attachment *list;
	size_t count = datapath_attachments(daemon->datapath, &list), guarded = 0;

	for (size_t i = 0; i < count; i++)
		guarded += list[i].present && list[i].checkpoint;
	return guarded;
}

/* With no port there yet it stays closed: two that come at once would have nobody between them. */
void ports_sync(struct daemon *daemon, bool anew)
{
	const struct generation *generation = daemon->live.generation;
	bool all = true;

	if (!generation)
		return;
	let_go_of_strays(daemon);
	for (size_t i = 0; i < generation->n_ports; i++)
		all = guard(daemon, &generation->ports[i], anew) && all;
	if (all && count_guarded(daemon))
		open_gateway(daemon);
	else if (all && daemon->closed && anew && generation->n_ports)
		log_info(
			"none of the ports is there yet: nothing is forwarded until one is guarded");
	else if (daemon->closed && anew)
		log_error("nothing is forwarded until every port that is there is guarded");
	tunnel_follow_ports(daemon);
}

int ports_detach(struct daemon *daemon, const char *name)
{
	unsigned ifindex = if_nametoindex(name);
	char **list;

	if (!row_named(daemon, name))
		return -ENOENT;
	if (detached_at(daemon, name) == daemon->n_detached) {
		list = realloc(daemon->detached, (daemon->n_detached + 1) * sizeof(*list));
		if (!list)
			return -ENOMEM;
		daemon->detached = list;
		list[daemon->n_detached] = strdup(name);
		if (!list[daemon->n_detached])
			return -ENOMEM;
		daemon->n_detached++;
	}
	return ifindex && attachment_at(daemon, ifindex)
		       ? datapath_detach(daemon->datapath, ifindex)
		       : 0;
}

int ports_attach(struct daemon *daemon, const char *name)
{
	const struct port_row *row = row_named(daemon, name);
	size_t at = detached_at(daemon, name);

	if (!row)
		return -ENOENT;
	if (at < daemon->n_detached) {
		free(daemon->detached[at]);
		daemon->detached[at] = daemon->detached[--daemon->n_detached];
	}
	if (!if_nametoindex(name))
		return -ENODEV;
	return datapath_attach(daemon->datapath, if_nametoindex(name), row);
}

void ports_describe(const struct daemon *daemon, char *text, size_t size)
{
	size_t guarded = count_guarded(daemon);

	if (!daemon->live.generation && !datapath_live(daemon->datapath))
		snprintf(text, size, "closed: no configuration is live");
	else
		snprintf(text, size, "generation %u, %zu port%s guarded%s",
			 datapath_live(daemon->datapath), guarded, guarded == 1 ? "" : "s",
			 daemon->live.last_good ? ", LAST GOOD CONFIGURATION" : "");
}

void ports_free(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->n_detached; i++)
		free(daemon->detached[i]);
	free(daemon->detached);
}
