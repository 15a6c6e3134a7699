#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Running flows leave straight from the checkpoint, past the kernel's stack: what they carry arrives
# as it would have, and whoever else waits for forwarded packets still gets them.
# Also in the VM, whose kernels are others.
. "${0%/*}/../lib/netns.sh"

three_hosts
gateway_document
web_and_db
policy_document web "app: web" <<E
ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}, {port: "53", protocol: UDP}]}]}]
egress: [{}]
E
serve web tcp/80 udp/53
gateway_up

directly() { is true eval 'chasqui status -o json | jq .forwarding.direct'; }
why_not() { chasqui status -o json | jq -r .forwarding.directNote; }
few_by_stack() { local n; n=$(stack_share "$1") && [ "$n" -le 5 ] || { echo "$n by the stack"; return 1; }; }
all_by_stack() { local n; n=$(stack_share "$1") && [ "$n" -ge 40 ] || { echo "$n by the stack"; return 1; }; }

in_front() { chasqui status -o json | jq -c '[.ports[].tcx] | unique'; }
has_tcx() { printf '6.6\n%s\n' "$(uname -r)" | sort -VC && echo "[true]" || echo "[false]"; }
ok "it is said"                             eventually directly
ok "the programs are in front, as they can" is "$(has_tcx)" in_front
hold server tcp 10.10.0.5 80 tcp4; hold server udp 10.10.0.5 53 udp4
ok "TCP goes directly"                      few_by_stack tcp4
ok "UDP too"                                few_by_stack udp4
let_go tcp4; let_go udp4
hold server tcp fd00:10::5 80 tcp6; hold server udp fd00:10::5 53 udp6
ok "and over IPv6, TCP"                     few_by_stack tcp6
ok "UDP"                                    few_by_stack udp6
ok "nobody waited in vain"                  is "0 0" eval 'echo $(silences_of tcp6) $(silences_of udp6)'
let_go tcp6; let_go udp6
ok "a long conversation of large pieces"    reaches server tcp 10.10.0.5 80 -l 200000 -t 5000
ok "over IPv6"                              reaches server tcp fd00:10::5 80 -l 200000 -t 5000
ok "it is counted where it leaves, too"     counts lan0 egress PASS_JUDGED reaches server udp 10.10.0.5 53

# ---- the way changes under it ----

hold server tcp 10.10.0.5 80 moving
ok "before the way changes"                 few_by_stack moving
on web ip link set eth0 address 02:00:00:00:00:77
on web ip neigh flush all
on web ping -n -q -c 1 -W 2 10.10.0.1 >/dev/null
ok "web has another MAC address: it goes on" few_by_stack moving
ip link set wan0 mtu 1300; ip -n server link set eth0 mtu 1300
ok "a narrower way: large pieces still fit" reaches server tcp 10.10.0.5 80 -l 200000 -t 5000
ok "large datagrams, too"                   eventually reaches server udp 10.10.0.5 53 -l 1400 -t 3000
ip link set wan0 mtu 1500; ip -n server link set eth0 mtu 1500
# What the kernel holds as one packet is of segments, which are too long for web's wire.
ip link set lan0 mtu 1300; on web ip route replace default via 10.10.0.1 mtu lock 1300 advmss 1460
told() { on server ip route get 10.10.0.5 | grep -q "mtu 1300"; }
ok "segments that are too long arrive"      reaches server tcp 10.10.0.5 80 -l 200000 -t 5000
ok "and their sender has been told"         told
ip link set lan0 mtu 1500; on web ip route replace default via 10.10.0.1
on server ip route flush cache
ok "and it goes on"                         eventually few_by_stack moving
sysctl -qw net.ipv4.conf.wan0.forwarding=0
ok "a port that may not forward: it stops"  eventually eval '[ "$(held moving)" = silent ]'
sysctl -qw net.ipv4.conf.wan0.forwarding=1
ok "and again"                              eventually eval '[ "$(held moving)" = answered ]'

# ---- who else waits for it ----

nft -f - <<E
table inet other {
	chain through {
		type filter hook forward priority 0; policy accept;
		tcp dport 80 counter
	}
}
E
seen() { nft -j list chain inet other through | jq '[.. | .counter? // empty | .packets] | add // 0'; }
drop_all() { nft add rule inet other through tcp dport 80 drop; }
ok "a chain of nftables: it is said why not" eventually is "nftables chain inet other through" why_not
ok "in the table, too"                      says "by the kernel's stack: nftables chain inet other through" chasqui status
ok "and it sees all of a running flow"      all_by_stack moving
ok "counted"                                more_than 20 seen
drop_all
ok "its drop is one at once"                eventually eval '[ "$(held moving)" = silent ]'
nft delete table inet other
ok "gone: it runs directly again"           eventually directly
ok "and so does the flow"                   eventually few_by_stack moving
nft add table ip local; nft add chain ip local in '{ type filter hook input priority 0; }'
sleep 1.2
ok "a chain for the gateway itself hinders nothing" directly
nft delete table ip local
ip xfrm policy add src 10.99.0.0/16 dst 10.98.0.0/16 dir out action allow
ok "policies of IPsec"                      eventually is "IPsec policies" why_not
ip xfrm policy flush
ok "gone, too"                              eventually directly

# ---- without the daemon ----

gateway_crashed
sleep 2.5
ok "nobody looks any more: by the stack"    all_by_stack moving
gateway_up
ok "a new daemon looks again"               eventually directly
ok "and directly it goes"                   eventually few_by_stack moving

gateway_document "  forwarding: kernel"
reload_by_signal
ok "forwarding: kernel"                     eventually is "the Gateway document says so" why_not
ok "means it"                               all_by_stack moving
gateway_document "  forwarding: quickly"
ok "what it is not is refused"              says 'expected' chasqui reload

# Such a table stays as long as its namespace.
gateway_document
reload_by_signal
ok "without a word about it: directly"      eventually directly
iptables-legacy -S >/dev/null
ok "a table of the old iptables"            eventually is "iptables table filter" why_not
ok "and all goes by the stack"              all_by_stack moving
