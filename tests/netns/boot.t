#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# From power-on until a complete policy is live nothing crosses: not with no directory, not with a
# broken one. All the while somebody sends to a port that no policy ever opens.
# Also in the VM, with Linux 6.12.
. "${0%/*}/../lib/netns.sh"

state_word() { chasqui status -o json 2>/dev/null | jq -r .state; }
forwarding() { sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding | tr '\n' ' '; }
start() {			# the daemon, which may well stay closed
	chasquid --config "$config" --run-dir "$run" --state-dir "$state" --bpffs "$pins" 2>>/run/test/daemon.log &
	daemon=$!
	eventually test -S "$run/api.sock"
}
never_crossed() { is 0 heard web udp/1002; }
good() {
	gateway_document
	web_and_db
	policy_document web "app: web" <<E
ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "53", protocol: UDP}]}]}]
egress: [{toEntities: [none]}]
E
}
broken() { document broken <<<"kind: Endpoint: what is this"; }

three_hosts
serve web udp/53 udp/1002
send server 10.10.0.5 1002 shut4 -e 500
send server fd00:10::5 1002 shut6 -e 500

rmdir "$config"
start
ok "with no directory it is closed"          eventually is closed state_word
ok "and nothing is forwarded"                is "0 0 " forwarding
ok "nothing crosses"                         silent server udp 10.10.0.5 53
gateway_down

mkdir "$config"; good; broken
start
ok "with a broken directory it is closed"    eventually is closed state_word
ok "and nothing is forwarded"                is "0 0 " forwarding
ok "nothing crosses"                         silent server udp 10.10.0.5 53
ok "chasqui reload says what is wrong"       says broken.yaml:1 chasqui reload
rm "$config/broken.yaml"
ok "mended, it opens"                        chasqui reload
ok "what is open"                            eventually reaches server udp 10.10.0.5 53
ok "over IPv6 too"                           reaches server udp fd00:10::5 53
ok "and forwards"                            is "1 1 " forwarding
gateway_down

# A reboot: nothing is forwarded, nothing is pinned; the state directory is all that stays.
forget() {
	sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
	chasqui detach --all --bpffs "$pins"
}
forget
broken
start
ok "after a reboot with a broken directory the last good one is live" \
	eventually reaches server udp 10.10.0.5 53
ok "and it says so"                          says "last good" cat /run/test/daemon.log

# Somebody's sysctl.conf turns forwarding on before the daemon comes.
gateway_down
forget
rm -r "$state"
ok "in all this time nothing crossed"        never_crossed
let_go shut4; let_go shut6
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
start
ok "with no policy forwarding is turned off" eventually is "0 0 " forwarding
ok "and nothing crosses"                     silent server udp 10.10.0.5 53
