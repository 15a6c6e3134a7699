#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The gate shares its port with another XDP program through libxdp's dispatcher: both are asked.
. "${0%/*}/../lib/netns.sh"

gate_of() { chasqui status -o json | jq -r ".ports[] | select(.name == \"$1\") | .gate"; }
stacked() { xdp-loader status wan0 | grep -cE '^ *=>'; }

three_hosts
on server ip addr add 203.0.113.9/32 dev lo
on server ip addr add 198.51.100.7/32 dev lo
ip route add 203.0.113.0/24 via 192.0.2.10
ip route add 198.51.100.0/24 via 192.0.2.10
serve web udp/53
gateway_document "  denyPrefixes: [203.0.113.0/24]"
web_and_db

ok "another program is on the port"       xdp-filter load --mode native wan0
xdp-filter ip --mode src 198.51.100.7
gateway_up
ok "the gate joins it"                    is shared gate_of wan0
ok "two programs are stacked"             is 2 stacked
ok "ours drops who is on our list"        counts wan0 ingress DROP_DENY_LIST silent server udp 10.10.0.5 53 -s 203.0.113.9
ok "the other drops who is on its own"    silent server udp 10.10.0.5 53 -s 198.51.100.7
ok "everybody else passes both"           reaches server udp 10.10.0.5 53

gateway_document
reload_by_signal
ok "with our list gone, ours goes"        eventually is 1 stacked
ok "and the other stays"                  silent server udp 10.10.0.5 53 -s 198.51.100.7
