/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef API_VERSION_H
#define API_VERSION_H

#define CHASQUI_VERSION "0.1.0"

/* Where everything lies when nobody says otherwise; daemon and CLI agree on it here. */
#define DEFAULT_CONFIG_DIRECTORY "/etc/chasqui"
#define DEFAULT_RUN_DIRECTORY	 "/run/chasqui"
#define DEFAULT_STATE_DIRECTORY	 "/var/lib/chasqui"
#define DEFAULT_BPFFS_DIRECTORY	 "/sys/fs/bpf/chasqui"
#define API_SOCKET_NAME		 "api.sock"
#define FORWARDING_NOTE		 "forwarding" /* in the run directory: chasquid turned it on */

#endif
