#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Bridges, bonds and VRFs: each supported, or refused by name.
# Also in the VM, with Linux 6.12.
. "${0%/*}/../lib/netns.sh"

note_of() { chasqui status -o json | jq -r ".ports[] | select(.name == \"$1\") | .note"; }
attached() { [ "$(chasqui status -o json | jq -r ".ports[] | select(.name == \"$1\") | .checkpoint")" = true ]; }
ports() {
	document gateway <<E
apiVersion: chasqui.io/v1
kind: Gateway
metadata: {name: gw}
spec: {pickup: 0, ports: [{name: $1, role: inside}, {name: wan0, role: outside}]}
E
}
wire() {			# wire PORT HOST: an unnumbered one
	ip netns add "$2" 2>/dev/null; ip -n "$2" link set lo up
	ip link add "$1" type veth peer name eth0 netns "$2"
	ip link set "$1" up; ip -n "$2" link set eth0 up
}
numbered() {			# numbered HOST DEVICE
	ip -n "$1" addr add 10.10.0.5/24 dev "$2"
	ip -n "$1" route add default via 10.10.0.1
}

host server wan0 192.0.2.10/24 192.0.2.1
wire lan0 web
numbered web eth0
ip link add br0 type bridge && ip link set br0 up && ip addr add 10.10.0.1/24 dev br0
ip link set lan0 master br0
serve web tcp/80 tcp/22
endpoint_document web "app: web" '10.10.0.5'
policy_document web "app: web" <<E
ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]
E
ports br0
gateway_up

judged() {
	ok "$1: open"  eventually reaches server tcp 10.10.0.5 80
	ok "$1: shut"  counts wan0 ingress DROP_NO_RULE silent server tcp 10.10.0.5 22
}
judged "a bridge as port"
ports lan0
kill -HUP "$daemon"
ok "a bridge's member is refused by name"  eventually says br0 note_of lan0
ok "and not attached"                      not attached lan0

if ip link add bond0 type bond mode active-backup 2>/dev/null; then
	ip link set lan0 nomaster; ip addr flush dev br0; ip link del br0
	ip link set lan0 down && ip link set lan0 master bond0
	ip link set bond0 up && ip link set lan0 up && ip addr add 10.10.0.1/24 dev bond0
	ports bond0
	reload_by_signal
	judged "a bond as port"
	ports lan0
	kill -HUP "$daemon"
	ok "a bond's member is refused by name"    eventually says bond0 note_of lan0
	ip link set lan0 nomaster; ip link del bond0
else
	skip "a bond as port" "this kernel has no bonds"
fi

ip link del br0 2>/dev/null
if ip link add red type vrf table 10 2>/dev/null; then
	ip link set red up; ip link set lan0 master red; ip link set lan0 up
	ports lan0
	kill -HUP "$daemon"
	ok "a VRF's member is refused by name"     eventually says red note_of lan0
else
	skip "a port in a VRF" "this kernel has no VRFs"
fi
