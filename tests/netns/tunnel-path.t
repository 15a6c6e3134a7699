#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# What is led into the tunnel is routed as through any link: its time to live falls, what is too
# big and may not be parted is answered, super-packets of TCP arrive whole. And identity crosses:
# what comes out of it is a Peer's, or it drops.
. "${0%/*}/../lib/netns.sh"
# shellcheck source=tests/lib/two.sh
. "$top/tests/lib/two.sh"
patience=40

two_gateways
keys || exit 1
serve store tcp/80 udp/53
lima_document
cusco_peer
sed -i 's|prefixes: \[|&10.99.0.2/32, "fd99::2/128", |' "$config/peer-cusco.yaml"
endpoint_document web "app: web" '10.10.0.5, "fd00:10::5"' "port: lan0"
cusco_documents
sed -i 's|prefixes: \[10.10|prefixes: [10.99.0.1/32, "fd99::1/128", 10.10|' "$cusco_config/all.yaml"
gateway_up || exit 1
cusco_up || exit 1
ok "the tunnel carries"          eventually reaches web tcp 10.20.0.5 80
ok "and IPv6"                    eventually reaches web tcp fd00:20::5 80
chasqui_flow() { hold web udp 10.20.0.5 53 talk && eventually more_than 3 answers_of talk; }
ok "its flow is known"           chasqui_flow

# There and back are forty; what comes out of the tunnel is the stack's.
half_by_stack() { local n; n=$(stack_share talk) && [ "$n" -le 30 ] || { echo "$n by the stack"; return 1; }; }
ok "it enters the tunnel directly" eventually half_by_stack

# ---- the time to live ----

hop() { on web ping -n -c 1 -W 3 -t "$1" "$2"; }
ok "the first hop is the gateway" says "From 10.10.0.1" hop 1 10.20.0.5
ok "the second is the other one" says "From 10.99.0.2" hop 2 10.20.0.5
ok "the third is the end"        says "1 received" hop 3 10.20.0.5
ok "IPv6: the gateway"           says "From fd00:10::1" hop 1 fd00:20::5
ok "IPv6: the other one"         says "From fd99::2" hop 2 fd00:20::5
ok "IPv6: the end"               says "1 received" hop 3 fd00:20::5

# ---- what is too big ----

mtu=$(tunnel mtu)
big() { on web ping -n -c 1 -W 3 -M "do" -s "$1" "$2"; }
forget() { on web ip route flush cache; on web ip -6 route flush cache; }
ok "1,500 bytes are too many"    says "mtu = $mtu" big 1472 10.20.0.5
forget
ok "the tunnel's MTU is not"     says "1 received" big $((mtu - 28)) 10.20.0.5
ok "one byte more is"            says "mtu = $mtu" big $((mtu - 27)) 10.20.0.5
ok "IPv6: 1,500 bytes"           says "mtu=$mtu" big 1452 fd00:20::5
forget
ok "IPv6: the tunnel's MTU"      says "1 received" big $((mtu - 48)) fd00:20::5
ok "what may be parted is"       says "1 received" on web ping -n -c 1 -W 3 -M dont -s 4000 10.20.0.5

# ---- super-packets ----

head -c 8000000 /dev/urandom >blob
carries() {			# carries ADDRESS NUMBER FAMILY: eight megabytes, and all of them the same
	local sink
	nsenter --net=/run/netns/store -- socat -u "TCP$3-LISTEN:90$2,bind=$1,reuseaddr" OPEN:"got$2",creat,trunc &
	sink=$!
	eventually on store grep -qi ":$(printf %04X "90$2") .* 0A " /proc/net/tcp /proc/net/tcp6
	on web socat -u OPEN:blob "TCP$3:$1:90$2" && wait $sink
	cmp blob "got$2"
}
ok "TCP arrives whole"           carries 10.20.0.5 1 4
ok "and over IPv6"               carries "[fd00:20::5]" 2 6

# ---- identity crosses ----

# Somebody there uses an address that is not its site's: lima's engine has not let it through.
on store ip addr add 10.66.0.6/32 dev eth0
ip -n cusco route add 10.66.0.6/32 dev lan0
disallowed() { peer_of disallowed; }
before=$(disallowed)
on store ping -q -n -c 3 -i 0.2 -W 1 -I 10.66.0.6 10.10.0.5 >/dev/null
ok "a source that is not the Peer's is refused by the engine" eventually more_than "${before/null/0}" disallowed
ok "and shown for the whole tunnel" eventually more_than 2 tunnel disallowed
ok "in the status, too"          says "a source that is not theirs" chasqui status
wg set lima0 peer "$cusco_key" allowed-ips 10.20.0.0/16,10.99.0.2/32,fd00:20::/48,fd99::2/128,10.66.0.0/16
on store ping -q -n -c 3 -i 0.2 -W 1 -I 10.66.0.6 10.10.0.5 >/dev/null
ok "and by the checkpoint, were the engine told otherwise" more_than 0 reason_count lima0 ingress DROP_TUNNEL_SOURCE
ip -n cusco route add 10.10.0.0/16 via 192.0.2.1 metric 1 2>/dev/null ||
	ip -n cusco route replace 10.10.0.0/16 via 192.0.2.1 metric 1
cusco_clear() { on cusco ping -q -n -c 2 -i 0.2 -W 1 -I 10.20.0.1 10.10.0.5 >/dev/null; }
cusco_drops() {
	cusco status -o json | jq '[.ports[] | select(.name == "eth0") | .egress.DROP_PEER_CLEAR.packets // 0] | add'
}
cusco_clear
ok "nor does the other side send it in the clear" more_than 0 cusco_drops
ip -n cusco route del 10.10.0.0/16 via 192.0.2.1 2>/dev/null
cusco_down; kill_engine cusco0
