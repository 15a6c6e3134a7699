#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Two ways to the world: a flow comes by one and is answered by the other, and changes over while it
# runs. And a way that only the opener's half takes.
. "${0%/*}/../lib/netns.sh"

three_hosts
ip link add wan1 type veth peer name eth1 netns server
ip link set wan1 up && ip -n server link set eth1 up
ip addr add 192.0.3.1/24 dev wan1 && ip -n server addr add 192.0.3.10/24 dev eth1
on server sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.wan0.rp_filter=0 net.ipv4.conf.wan1.rp_filter=0
on server ip addr add 198.51.100.7/32 dev lo
on server ip route replace 10.10.0.0/24 via 192.0.2.1 src 198.51.100.7
ip route replace 198.51.100.7/32 via 192.0.3.10
serve web tcp/80 tcp/22 udp/53
document gateway <<E
apiVersion: chasqui.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  ports: [{name: lan0, role: inside}, {name: lan1, role: inside}, {name: wan0, role: outside}, {name: wan1, role: outside}]
  pickup: 0
E
web_and_db
policy_document web "app: web" <<E
ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}, {port: "53", protocol: UDP}]}]}]
E
gateway_up

ok "in by wan0, out by wan1: TCP"            reaches server tcp 10.10.0.5 80
ok "and UDP"                                 reaches server udp 10.10.0.5 53
ok "shut is shut"                            counts wan0 ingress DROP_NO_RULE silent server tcp 10.10.0.5 22
ok "what leaves by wan1 was judged before"   counts wan1 egress PASS_JUDGED reaches server udp 10.10.0.5 53

hold server tcp 10.10.0.5 80 moving
on server ip route replace 10.10.0.0/24 via 192.0.3.1 src 198.51.100.7
goes_on() { more_than "$1" answers_of moving; }
ok "a running flow changes over to wan1"     eventually goes_on $(($(answers_of moving) + 20))
ok "and nothing was lost"                    is 0 silences_of moving
ok "its packets come by wan1 now"            more_than 20 reason_count wan1 ingress PASS_KNOWN
ok "shut is shut there, too"                 counts wan1 ingress DROP_NO_RULE silent server tcp 10.10.0.5 22

# The answers take a way that is not ours: a wire of their own from web to the server.
ip -n web link add eth9 type veth peer name eth9 netns server
ip -n web link set eth9 up && ip -n server link set eth9 up
on web sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth9.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
on server sysctl -qw net.ipv4.conf.eth9.rp_filter=0
ip -n web addr add 192.0.9.1/24 dev eth9 && ip -n server addr add 192.0.9.2/24 dev eth9
on web ip route replace 198.51.100.7/32 via 192.0.9.2 src 10.10.0.5
ok "half a flow: TCP"                        reaches server tcp 10.10.0.5 80
ok "half a flow that goes on"                reaches server tcp 10.10.0.5 80 -l 200000 -t 3000
ok "half a flow: UDP"                        reaches server udp 10.10.0.5 53
ok "half a flow to a shut port"              silent server tcp 10.10.0.5 22
