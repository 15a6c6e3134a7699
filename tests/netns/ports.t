#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Ports come and go: unplugged and plugged back, renamed, their filters torn off.
. "${0%/*}/../lib/netns.sh"

attached() { [ "$(chasqui status -o json | jq -r ".ports[] | select(.name == \"$1\") | .checkpoint")" = true ]; }
filter_on() { tc filter show dev "$1" ingress | grep -q chq_in; }

three_hosts
serve web tcp/80 tcp/22
gateway_document
web_and_db
policy_document web "app: web" <<E
ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]
E
gateway_up
ok "open is open"                            reaches server tcp 10.10.0.5 80
ok "shut is shut"                            silent server tcp 10.10.0.5 22

ip link del wan0
ok "an unplugged port is let go"             eventually not attached wan0
ip link add wan0 type veth peer name eth0 netns server
ip link set wan0 up && ip -n server link set eth0 up
ip addr add 192.0.2.1/24 dev wan0
ip -n server addr add 192.0.2.10/24 dev eth0 && ip -n server route add default via 192.0.2.1
ok "plugged back it is attached"             eventually attached wan0
ok "and judged: open"                        eventually reaches server tcp 10.10.0.5 80
ok "and judged: shut"                        counts wan0 ingress DROP_NO_RULE silent server tcp 10.10.0.5 22

ip link set wan0 down && ip link set wan0 name other0 && ip link set other0 up
ip addr add 192.0.2.1/24 dev other0 2>/dev/null
ok "renamed it is the port no more"          eventually not attached wan0
# What was a guarded port must not become a hole: it is judged where it leaves, or not passed on.
ip -n server route replace default via 192.0.2.1
ok "and it is no hole"                       silent server tcp 10.10.0.5 22
ip link set other0 down && ip link set other0 name wan0 && ip link set wan0 up
ip addr replace 192.0.2.1/24 dev wan0
ip -n server route replace default via 192.0.2.1
ok "under its name again it is"              eventually attached wan0
ok "judged again: open"                      eventually reaches server tcp 10.10.0.5 80
ok "judged again: shut"                      silent server tcp 10.10.0.5 22

tc filter del dev wan0 ingress
ok "a filter torn off is put back"           eventually filter_on wan0
tc qdisc del dev wan0 clsact
ok "so is the whole clsact"                  eventually filter_on wan0
ok "and judges"                              silent server tcp 10.10.0.5 22

chasqui detach wan0
ok "detach by hand lets go"                  not filter_on wan0
ok "unguarded, it is judged where it leaves" counts lan0 egress DROP_NO_RULE silent server tcp 10.10.0.5 22
ok "what is open passes there"               reaches server tcp 10.10.0.5 80
chasqui attach wan0
ok "attach by hand guards it again"          filter_on wan0

gateway_down
chasqui detach --all --bpffs "$pins" 2>/dev/null || chasqui detach --all
ok "detach --all leaves no filter"           not filter_on lan0
ok "and no pin"                              not test -e "$pins"
