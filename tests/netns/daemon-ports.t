#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# When the gateway opens: not before a port is there and guarded, and not while one cannot be.
. "${0%/*}/../lib/netns.sh"

live() { chasqui status -o json | jq -r "$1"; }
forwarding() { sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding | tr '\n' ' '; }
guarded() { live ".ports[] | select(.name == \"$1\") | .checkpoint"; }
start() {
	chasquid --config "$config" --run-dir "$run" --state-dir "$state" --bpffs "$pins" "$@" 2>>/run/test/daemon.log &
	daemon=$!
	eventually generation_above_0
}
generation_above_0() { [ "$(live .generation 2>/dev/null)" -gt 0 ] 2>/dev/null; }

gateway_document
web_and_db
start
ok "with no port it is closed"              is closed live .state
ok "and does not forward"                   is "0 0 " forwarding
host web lan0 10.10.0.5/24 10.10.0.1
ok "the first port that comes is guarded"   eventually is true guarded lan0
ok "it is open"                             eventually is enforcing live .state
ok "and forwards"                           is "1 1 " forwarding
host db lan1 10.11.0.6/24 10.11.0.1
ok "the next is guarded too"                eventually is true guarded lan1
serve db tcp/80
ok "what crosses is judged"                 reaches web tcp 10.11.0.6 80
ip link del lan1
ok "one that goes is let go"                eventually is false guarded lan1
ok "the others stay"                        is true guarded lan0
gateway_down
ok "it is taken out"                        chasqui detach --all

# One that cannot be guarded, because it belongs to a bridge.
ip link add br0 type bridge && ip link set lan0 master br0
host server wan0 192.0.2.10/24 192.0.2.1
start
ok "a port that is refused keeps it closed" is closed live .state
ok "it does not forward"                    is "0 0 " forwarding
ok "the log says why, once"                 is 1 grep -c "port lan0: .*br0" /run/test/daemon.log
ok "status says why"                        says br0 live ".ports[0].note"
ip link set lan0 nomaster
ok "set free, it opens"                     eventually is enforcing live .state
ok "and forwards"                           is "1 1 " forwarding
gateway_down
chasqui detach --all >/dev/null

# Somebody else's business.
sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
start --no-forwarding
ok "--no-forwarding leaves it alone"        is "0 0 " forwarding
ok "and enforces"                           is enforcing live .state
gateway_down
