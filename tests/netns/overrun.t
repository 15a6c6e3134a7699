#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# More news from the kernel than the netlink socket holds, while the daemon does not listen: what was
# missed is read anew.
. "${0%/*}/../lib/netns.sh"

attached() { [ "$(chasqui status -o json | jq -r ".ports[] | select(.name == \"$1\") | .checkpoint")" = true ]; }
flood() {
	local i
	for i in {1..12000}; do
		echo "addr add 198.18.$((i / 250)).$((i % 250 + 1))/32 dev lo"
		echo "addr del 198.18.$((i / 250)).$((i % 250 + 1))/32 dev lo"
	done | ip -batch -
}

three_hosts
serve web tcp/80 tcp/22
gateway_document
web_and_db
policy_document web "app: web" <<E
ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]
E
gateway_up
ok "open is open"                        reaches server tcp 10.10.0.5 80

kill -STOP "$daemon"
flood
ip link del wan0
plug server wan0 192.0.2.10/24 192.0.2.1 2001:db8:2::10/64 2001:db8:2::1
ip addr add 192.0.2.77/32 dev wan0
kill -CONT "$daemon"
ok "the daemon says what it missed"      eventually grep -q "all is read anew" daemon.log
ok "the new port is attached"            eventually attached wan0
ok "and judged: open"                    eventually reaches server tcp 10.10.0.5 80
ok "and judged: shut"                    counts wan0 ingress DROP_NO_RULE silent server tcp 10.10.0.5 22
spoofed() { counts wan0 ingress DROP_SPOOFED_OWN silent server tcp 10.10.0.5 80 -s 192.0.2.77; }
ok "a new address is known as our own"   eventually spoofed
