#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# A Peer that is everything: 0.0.0.0/0 and ::/0 lead into the tunnel, the tunnel's own packets leave by
# the default route, the gateway's own networks stay where they are. Also strict, with the engine killed,
# and with a smaller prefix that holds the Peer's endpoint.
. "${0%/*}/../lib/netns.sh"
# shellcheck source=tests/lib/two.sh
. "$top/tests/lib/two.sh"
patience=40

two_gateways
keys || exit 1
serve store tcp/80 udp/53
# cusco is far away: behind lima's default route.
cusco_at=198.51.100.10:51820
ip -n cusco addr add 198.51.100.10/32 dev lo
ip route replace default via 192.0.2.10
ip -6 route replace default via 2001:db8:2::10
# Somewhere in the world, behind cusco.
for somewhere in 203.0.113.5 198.51.100.77; do
	ip -n store addr add $somewhere/32 dev eth0
	ip -n cusco route add $somewhere dev lan0
done
ip -n store addr add 2001:db8:5::5/128 dev eth0 nodad; ip -n cusco route add 2001:db8:5::5 dev lan0

everything() { sed -i "s|^  prefixes: .*|  prefixes: [$1]|" "$config/peer-cusco.yaml"; }
lima_document
cusco_peer
everything '0.0.0.0/0, "::/0"'
endpoint_document web "app: web" '10.10.0.5, "fd00:10::5"' "port: lan0"
cusco_documents
gateway_up || exit 1
cusco_up || exit 1

rules() { { ip rule; ip -6 rule; } | grep "proto 67"; }
works() {
	ok "$1: the Peer's workload"     eventually reaches web tcp 10.20.0.5 80
	ok "$1: anything else"           eventually reaches web tcp 203.0.113.5 80
	ok "$1: IPv6"                    eventually reaches web tcp 2001:db8:5::5 80
}
nothing() {
	kill -STOP "$daemon"
	kill_engine lima0
	ok "$1: no engine, nothing goes" silent web tcp 203.0.113.5 80
	ok "$1: nor in IPv6"             silent web tcp 2001:db8:5::5 80
	kill -CONT "$daemon"
}

works "everything"
ok "the Peer is where its endpoint says" is 198.51.100.10:51820 peer_of address
ok "the tunnel's own packets are marked" is 0x63687100 wg show lima0 fwmark
ok "and go by the default route"     says "dev wan0" ip route get 198.51.100.10 mark 0x63687100
ok "all others do not"               says "dev lima0" ip route get 198.51.100.11
ok "the gateway's networks stay"     says "dev wan0" ip route get 192.0.2.10
ok "and those inside"                pings web 10.10.0.1
nothing "everything"
works "another engine"
ok "a blackhole stands behind"       says blackhole ip route show table 6700 metric 2147483648
lima_document "  encryption: {mode: strict, prefixes: [0.0.0.0/0, '::/0']}"
ok "strict"                          says live chasqui reload
works "strict"
nothing "strict"
works "strict, another engine"

everything '198.51.100.0/24, 10.20.0.0/16'
lima_document
ok "a prefix that holds the endpoint" says live chasqui reload
ok "leads into the tunnel"           eventually reaches web tcp 198.51.100.77 80
ok "as the others do"                eventually reaches web tcp 10.20.0.5 80
ok "with a rule for it alone"        says "to 198.51.100.0/24" rules
ok "and none for IPv6"               not says "proto 67" ip -6 rule
ok "the others have none"            says "dev lima0" ip route show 10.20.0.0/16 metric 1
tunnel_more=", fwmark: 0x77" lima_document
ok "with a mark of the document's"   says live chasqui reload
ok "the rule has it"                 eventually says "fwmark 0x77" rules
ok "and it carries"                  eventually reaches web tcp 198.51.100.77 80

lima_document; sed -i '/tunnel:/d' "$config/gateway.yaml"
ok "without a tunnel"                says live chasqui reload
ok "no rule is left"                 eventually not rules
ok "nor a route"                     is "" ip route show table 6700
cusco_down; kill_engine cusco0
