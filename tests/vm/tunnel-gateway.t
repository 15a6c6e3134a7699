#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The kernel's own WireGuard behind a gateway (backend: kernel), beside one that chasqui-wg
# carries: they understand each other, a change of Peers leaves sessions alone, and `auto` takes the
# kernel's.
. "${0%/*}/../lib/netns.sh"
# shellcheck source=tests/lib/two.sh
. "$top/tests/lib/two.sh"
patience=90

echo "# $(uname -r)"
modprobe -a tun wireguard 2>/dev/null
[ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; }

two_gateways
keys || exit 1
serve store tcp/80 udp/53
tunnel_more=", backend: auto" lima_document
cusco_peer
endpoint_document web "app: web" '10.10.0.5, "fd00:10::5"' "port: lan0"
endpoint_document store "app: store" '10.20.0.5, "fd00:20::5"'
policy_document web "app: web" <<-END
	egress:
	- {toEndpoints: [{matchLabels: {app: store}}], toPorts: [{ports: [{port: "80"}, {port: "53", protocol: UDP}]}]}
END
cusco_tunnel_more=", backend: userspace" cusco_documents
gateway_up || exit 1
cusco_up || exit 1

kind() { ip -d link show "$1" | grep -ow 'wireguard\|tun' | head -1; }
ok "auto takes the kernel's WireGuard" is kernel tunnel backend
ok "and makes a device of its kind"   is wireguard kind lima0
ok "userspace does not"               on cusco test "$(on cusco ip -d link show cusco0 | grep -ow tun | head -1)" = tun
ok "the device is up"                 eventually is up tunnel state
for store in 10.20.0.5 fd00:20::5; do
	ok "TCP to $store, kernel to chasqui-wg" eventually reaches web tcp $store 80
	ok "and a large exchange"     eventually reaches web tcp $store 80 -l 200000
	ok "but not without a rule"   silent web tcp $store 81
done
ok "the handshake is shown"           eventually not is null peer_of latestHandshake
ok "and bytes"                        eventually more_than 1000 peer_of received
ok "stock wg agrees"                  says "10.20.0.0/16" wg show lima0 allowed-ips

on store ip addr add 10.66.0.6/32 dev eth0; ip -n cusco route add 10.66.0.6/32 dev lan0
on store ping -q -n -c 3 -i 0.2 -W 1 -I 10.66.0.6 10.10.0.5 >/dev/null
ok "what the Peer may not send is counted" eventually more_than 0 tunnel disallowed

handshake=$(peer_of latestHandshake)
hold web udp 10.20.0.5 53 talk -t 5000
more_peer() {
	chasqui peer add puno --public-key "$(wg genkey | wg pubkey)" --prefixes "10.30.0.0/16,fd00:30::/48" \
		--endpoint 192.0.2.30:51820
}
peers_of_engine() { wg show lima0 peers | wc -l; }
ok "a Peer is added"                  says live more_peer
ok "the kernel has both"              is 2 peers_of_engine
ok "a Peer is removed"                says live chasqui peer remove puno
ok "the kernel has one"               is 1 peers_of_engine
ok "the session is the same"          is "$handshake" peer_of latestHandshake
ok "the conversation lost nothing"    is 0 silences_of talk

# More addresses than one message holds, there and back.
many() {
	local i
	printf 'apiVersion: chasqui.io/v1\nkind: Peer\nmetadata: {name: many}\nspec:\n  publicKey: %s\n  prefixes:\n' \
		"$(wg genkey | wg pubkey)"
	for i in {0..1999}; do printf '  - 10.%d.%d.0/24\n' $((100 + i / 250)) $((i % 250)); done
}
many >"$config/many.yaml"
many_of_engine() { wg show lima0 allowed-ips | tr ' \t' '\n\n' | grep -c '^10\.1[0-9][0-9]\.'; }
ok "a Peer with 2,000 prefixes"       says live chasqui reload
ok "the kernel has them all"          is 2000 many_of_engine
ok "another reload says nothing new"  says live chasqui reload
rm "$config/many.yaml"
ok "and they go again"                says live chasqui reload
ok "all of them"                      is 0 many_of_engine

gateway_down
gateway_up || exit 1
ok "a restarted daemon finds it"      eventually is up tunnel state
ok "with its session"                 eventually is "$handshake" peer_of latestHandshake
ok "the conversation goes on"         is 0 silences_of talk
let_go talk

tunnel_more=", backend: userspace" lima_document
ok "the other back end"               says live chasqui reload
ok "is another device"                eventually is tun kind lima0
ok "which carries, too"               eventually reaches web tcp 10.20.0.5 80
tunnel_more=", backend: kernel" lima_document
ok "and back"                         says live chasqui reload
ok "to the kernel's"                  eventually is wireguard kind lima0
ok "which carries again"              eventually reaches web tcp 10.20.0.5 80
gateway_down
cusco_down
