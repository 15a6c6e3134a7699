/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#include "kernel/inside.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "util/cleanup.h"

static void program_close_p(struct xdp_program **program)
{
	xdp_program__close(*program);
}

static void multiprog_close_p(struct xdp_multiprog **multiprog)
{
	if (*multiprog)
		xdp_multiprog__close(*multiprog);
}

static bool program_name_of(uint32_t id, char *name, size_t size)
{
	cleanup_close int fd = id ? bpf_prog_get_fd_by_id(id) : -1;
	struct bpf_prog_info info = {};
	uint32_t info_size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &info_size))
		return false;
	snprintf(name, size, "%s", info.name);
	return true;
}

static bool is_gate(uint32_t id)
{
	char name[BPF_OBJ_NAME_LEN];

	return program_name_of(id, name, sizeof(name)) &&
	       strcmp(name, program_names[PROGRAM_GATE].in_object) == 0;
}

/* Our member among those that libxdp's dispatcher calls; NULL when there is none. */
static struct xdp_program *dispatched_gate(struct xdp_multiprog *multiprog)
{
	struct xdp_program *program = NULL;

	while ((program = xdp_multiprog__next_prog(program, multiprog))) {
		if (strcmp(xdp_program__name(program), program_names[PROGRAM_GATE].in_object) == 0)
			return program;
	}
	return NULL;
}

static bool is_dispatched(unsigned ifindex)
{
	cleanup(multiprog_close_p) struct xdp_multiprog *multiprog =
		xdp_multiprog__get_from_ifindex(ifindex);

	if (libxdp_get_error(multiprog)) {
		multiprog = NULL;
		return false;
	}
	return !xdp_multiprog__is_legacy(multiprog) && dispatched_gate(multiprog);
}

static void look(const struct link *link, struct attachment *port)
{
	port->gate = GATE_OFF;
	if (!link->xdp_id)
		return;
	if (is_gate(link->xdp_id))
		port->gate = link->xdp_native ? GATE_NATIVE : GATE_GENERIC;
	else if (is_dispatched(link->ifindex))
		port->gate = GATE_SHARED;
}

/* Why the deny list is not enforced on a port: by name, when another program stands there. */
static void say_refused(const struct link *link, struct attachment *port)
{
	char name[BPF_OBJ_NAME_LEN] = "?";

	program_name_of(link->xdp_id, name, sizeof(name));
	if (port->l3)
		snprintf(port->note, sizeof(port->note),
			 "the gate reads Ethernet; on this device the deny list is not enforced");
	else if (link->xdp_id)
		snprintf(
			port->note, sizeof(port->note),
			"the deny list is not enforced here: XDP program %s (id %u) is there already",
			name, link->xdp_id);
	else
		snprintf(port->note, sizeof(port->note),
			 "the deny list is not enforced here: the device takes no XDP program");
}

/*
 * Through libxdp, so that other programs can stand beside ours. Its dispatcher needs a
 * kernel with BPF trampolines; without them it falls back to one program alone.
 */
static int attach_by_libxdp(struct datapath *datapath, unsigned ifindex, enum xdp_attach_mode mode)
{
	struct xdp_program_opts options = {.sz = sizeof(options)};
	cleanup(program_close_p) struct xdp_program *program = NULL;
	struct bpf_object *object = NULL;
	int err = gate_object(datapath, NULL, &object);

	if (err)
		return err;
	options.obj = object;
	options.prog_name = program_names[PROGRAM_GATE].in_object;
	program = xdp_program__create(&options);
	err = libxdp_get_error(program);
	if (err) {
		program = NULL;
		bpf_object__close(object);
		return err;
	}
	/* Else the dispatcher that is made for us refuses ports of 9,000 bytes. */
	xdp_program__set_xdp_frags_support(program, true);
	err = xdp_program__attach(program, ifindex, mode, 0);
	bpf_object__close(object);
	return err;
}

static int attach_alone(struct datapath *datapath, unsigned ifindex, uint32_t mode)
{
	return bpf_xdp_attach(ifindex, datapath->program_fd[PROGRAM_GATE],
			      mode | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
}

static int try_modes(struct datapath *datapath, unsigned ifindex)
{
	if (attach_by_libxdp(datapath, ifindex, XDP_MODE_NATIVE) == 0 ||
	    attach_alone(datapath, ifindex, XDP_FLAGS_DRV_MODE) == 0 ||
	    attach_by_libxdp(datapath, ifindex, XDP_MODE_SKB) == 0)
		return 0;
	return attach_alone(datapath, ifindex, XDP_FLAGS_SKB_MODE);
}

static void say_how(struct attachment *port)
{
	if (*port->note)
		return;
	if (port->gate == GATE_NATIVE)
		snprintf(
			port->note, sizeof(port->note),
			"the gate stands alone: libxdp's dispatcher was refused, or it was attached by hand");
	if (port->gate == GATE_GENERIC)
		snprintf(port->note, sizeof(port->note),
			 "the gate runs in generic mode, behind the driver: slower than native");
}

static int attach(struct datapath *datapath, const struct link *link, struct attachment *port)
{
	int err;

	if (port->l3)
		err = -EOPNOTSUPP;
	else if (link->xdp_id)
		err = attach_by_libxdp(datapath, port->ifindex, XDP_MODE_UNSPEC) ? -EBUSY : 0;
	else
		err = try_modes(datapath, port->ifindex);
	if (!err)
		return 0;
	say_refused(link, port);
	return refuse(&datapath->refusal, err, "%s: %s", port->name, port->note);
}

static void look_again(struct datapath *datapath, struct attachment *port)
{
	cleanup(links_free) struct links links = {};
	const struct link *link;

	if (links_read(datapath->nl, &links))
		return;
	link = links_find(&links, port->ifindex);
	if (link)
		look(link, port);
}

/* Attached while the live generation has a deny list, and only then. True: attached just now. */
bool gate_follow(struct datapath *datapath, const struct link *link, struct port_state *port)
{
	bool attached = false;

	look(link, &port->seen);
	if (!datapath->has_deny) {
		if (port->seen.gate != GATE_OFF)
			gate_detach(datapath, port);
		return false;
	}
	if (port->seen.gate == GATE_OFF) {
		if (port->gate_refused && port->gate_refused_by == link->xdp_id) {
			say_refused(link, &port->seen);
			return false;
		}
		attached = attach(datapath, link, &port->seen) == 0;
		port->gate_refused = !attached;
		port->gate_refused_by = link->xdp_id;
		look_again(datapath, &port->seen);
	}
	say_how(&port->seen);
	return attached;
}

static int detach_dispatched(unsigned ifindex)
{
	cleanup(multiprog_close_p) struct xdp_multiprog *multiprog =
		xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *program;

	if (libxdp_get_error(multiprog)) {
		multiprog = NULL;
		return 0;
	}
	program = dispatched_gate(multiprog);
	if (!program)
		return 0;
	return xdp_program__detach(program, ifindex, xdp_multiprog__attach_mode(multiprog), 0);
}

static int detach_alone(unsigned ifindex, uint32_t id, bool native)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options);
	cleanup_close int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	options.old_prog_fd = fd;
	return bpf_xdp_detach(
		ifindex, (native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE) | XDP_FLAGS_REPLACE,
		&options);
}

static int detach_from(const struct link *link)
{
	if (!link->xdp_id)
		return 0;
	if (is_gate(link->xdp_id))
		return detach_alone(link->ifindex, link->xdp_id, link->xdp_native);
	return detach_dispatched(link->ifindex);
}

int gate_detach(struct datapath *datapath, struct port_state *port)
{
	cleanup(links_free) struct links links = {};
	const struct link *link;
	int err = links_read(datapath->nl, &links);

	if (err)
		return err;
	link = links_find(&links, port->seen.ifindex);
	err = link ? detach_from(link) : 0;
	if (!err)
		port->seen.gate = GATE_OFF;
	port->gate_refused = false;
	return err;
}

/*
 * Puts our program into the place of a predecessor's, without a packet in between where
 * it stands alone. One that a dispatcher calls still reads the maps that we took over.
 */
int gate_swap(struct datapath *datapath, const struct link *link)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, options);
	cleanup_close int old_fd = -1;

	if (!link->xdp_id || link->xdp_id == datapath->program_id[PROGRAM_GATE])
		return 0;
	if (!is_gate(link->xdp_id))
		return datapath->fresh ? detach_dispatched(link->ifindex) : 0;
	old_fd = bpf_prog_get_fd_by_id(link->xdp_id);
	if (old_fd < 0)
		return old_fd;
	options.old_prog_fd = old_fd;
	return bpf_xdp_attach(link->ifindex, datapath->program_fd[PROGRAM_GATE],
			      (link->xdp_native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE) |
				      XDP_FLAGS_REPLACE,
			      &options);
}

int gate_detach_everywhere(struct netlink *nl)
{
	cleanup(links_free) struct links links = {};
	int err = links_read(nl, &links);

	for (size_t i = 0; i < links.count && !err; i++)
		err = detach_from(&links.list[i]);
	return err;
}
