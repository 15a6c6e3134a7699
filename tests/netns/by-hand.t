#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# ip and tc alone can guard a port with what is pinned.
. "${0%/*}/../lib/netns.sh"

filter_on() { tc filter show dev "$1" "$2" | grep -q chq_; }

three_hosts
serve web tcp/80 tcp/22
gateway_document "  denyPrefixes: [203.0.113.0/24]"
web_and_db
policy_document web "app: web" <<E
ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]
E
gateway_up
gateway_crashed			# nobody is there who would put anything back

for port in lan0 lan1 wan0; do
	tc qdisc del dev $port clsact
	ip link set dev $port xdp off
done
ok "torn off, everything is open"        reaches server tcp 10.10.0.5 22
for port in lan0 lan1 wan0; do
	ok "by hand: $port"              "$top/scripts/attach-by-hand" $port "$pins"
	ok "$port has both filters"      filter_on $port egress
done
ok "by hand: twice is once"              "$top/scripts/attach-by-hand" wan0 "$pins"
ok "judged: open"                        reaches server tcp 10.10.0.5 80
ok "judged: shut"                        silent server tcp 10.10.0.5 22

ok "the gate by hand"                    "$top/scripts/attach-by-hand" gate wan0 "$pins"
on server ip addr add 203.0.113.9/32 dev lo
ip route add 203.0.113.0/24 via 192.0.2.10
ok "drops who is listed"                 silent server tcp 10.10.0.5 80 -s 203.0.113.9
ok "and nobody else"                     reaches server tcp 10.10.0.5 80

gateway_up
ok "the daemon counted what it missed"   more_than 0 reason_count wan0 ingress DROP_DENY_LIST
ok "and takes over what hands did"       reaches server tcp 10.10.0.5 80
