#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# No packet in the clear: every frame between two gateways is kept while packets with a mark go
# between web and store all the time, and the engine is killed, the links flap, keys change and
# policies are reloaded. Routes that would lead around the tunnel are there for all of it.
. "${0%/*}/../lib/netns.sh"
# shellcheck source=tests/lib/two.sh
. "$top/tests/lib/two.sh"
patience=40

mark=cafe63686173717569 clear=beef636c656172aa	# what ping carries: inside the tunnel, and beside it
web4=0a0a0005 store4=0a140005
web6=fd000010000000000000000000000005 store6=fd000020000000000000000000000005
# What must not be seen: the payload, and both ends' addresses side by side.
inner=("$mark$mark" "$web4$store4" "$store4$web4" "$web6$store6" "$store6$web6")

two_gateways
keys || exit 1
serve store tcp/80 udp/53
lima_document
cusco_peer
endpoint_document web "app: web" '10.10.0.5, "fd00:10::5"' "port: lan0"
endpoint_document store "app: store" '10.20.0.5, "fd00:20::5"'
cusco_documents

nsenter --net=/run/netns/cusco -- wire keep eth0 /run/test/frames >wire.said &
wire=$!
eventually grep -q ready wire.said
# Ways around the tunnel, better than the blackholes behind it.
around() {
	ip route replace 10.20.0.0/16 via 192.0.2.10 metric 1000
	ip -6 route replace fd00:20::/48 via 2001:db8:2::10 metric 1000
	on cusco ip route replace 10.10.0.0/16 via 192.0.2.1 metric 1000
	on cusco ip -6 route replace fd00:10::/48 via 2001:db8:2::1 metric 1000
}
around
gateway_up || exit 1
cusco_up || exit 1

stream() {			# stream FROM TO: pings with the mark until the test ends
	nsenter --net="/run/netns/$1" -- ping -q -i 0.02 -W 1 -p "$mark" "$2" >/dev/null 2>&1 &
}
stream web 10.20.0.5; stream web fd00:20::5; stream store 10.10.0.5; stream store fd00:10::5
hold web tcp 10.20.0.5 80 talk
drops() { more_than 0 reason_count "$@"; }
works() {			# works NAME: both ways, both families
	ok "$1: IPv4 goes"       eventually reaches web tcp 10.20.0.5 80
	ok "$1: IPv6 goes"       eventually reaches web tcp fd00:20::5 80
}
dead_engine() {			# dead_engine NAME: with nobody to start another
	kill -STOP "$daemon"
	kill_engine lima0
	ok "$1: no engine, nothing goes" silent web tcp 10.20.0.5 80
	ok "$1: nor in IPv6"     silent web tcp fd00:20::5 80
	kill -CONT "$daemon"
}

works "at first"

# ---- the capture sees what is in the clear ----

on web ping -q -c 3 -i 0.1 -p "$clear" 192.0.2.10 >/dev/null
seen() { wire count /run/test/frames "$@"; }

# ---- not strict: the engine, the link, keys, policies ----

kill_twice() { kill_engine lima0 && eventually engine_pid lima0 && kill_engine lima0; }
ok "the engine is killed, and the next one" kill_twice
ok "what went nowhere has a reason" eventually drops lan0 ingress DROP_ENCRYPTION
works "another engine"
dead_engine "not strict"
works "the daemon goes on"
ip link set lima0 down; sleep 1; works "the tunnel's link was down"
ip link set wan0 down; sleep 0.3; ip link set wan0 up
ip -6 addr replace 2001:db8:2::1/64 dev wan0 nodad; around
works "the wire was pulled"
ip link del lima0; sleep 0.3; works "the device was deleted"
on cusco ip link set cusco0 down; sleep 0.5; works "the other end was down"
ip route del 10.20.0.0/16 metric 1; ip -6 route del fd00:20::/48 metric 1
works "routes into the tunnel were deleted"
ok "what was led around it has a reason" drops wan0 egress DROP_PEER_CLEAR
policy_document web "app: web" <<-END
	egress: [{toEntities: [all]}]
END
ok "a policy is reloaded"        says live chasqui reload
rm "$config/policy-web.yaml"
ok "and is gone"                 says live chasqui reload
rm /run/test/lima.key
ok "the key changes"             says live chasqui reload
sed -i "s|$lima_key|$(chasqui tunnel pubkey)|" "$config/../cusco/all.yaml"
ok "the other side is told"      says live cusco reload
works "the new key"
gateway_crashed; kill_engine lima0; sleep 0.5
ok "daemon and engine are dead: nothing goes" silent web tcp 10.20.0.5 80
gateway_up || exit 1
works "both are back"

# ---- strict: the same, with the gateway's own policies closed ----

{
	cat <<-END
		apiVersion: cilium.io/v2
		kind: CiliumClusterwideNetworkPolicy
		metadata: {name: closed}
		spec:
		  nodeSelector: {}
		  ingress: [{}]
		  egress: [{}]
	END
} | document policy-host
lima_document "  encryption: {mode: strict, prefixes: [0.0.0.0/0, '::/0'], allow: [192.0.2.77/32]}"
ok "all of it is strict, and the gateway closed" says live chasqui reload
works "strict"
ip link del lima0
works "strict, with sessions made anew"
ok "outside there is nobody else" silent web udp 192.0.2.10 53
on web ping -q -c 2 -i 0.1 -W 1 -p "$mark" 192.0.2.10 >/dev/null
ok "and that has a reason"       drops wan0 egress DROP_ENCRYPTION
dead_engine "strict"
works "strict, and the daemon goes on"
mv "$config/peer-cusco.yaml" /run/test/
ok "the Peer is gone"            says live chasqui reload
around
before=$(reason_count wan0 egress DROP_ENCRYPTION)
ok "nothing goes"                silent web tcp 10.20.0.5 80
ok "nor in IPv6"                 silent web tcp fd00:20::5 80
ok "for the same reason"         more_than "$before" reason_count wan0 egress DROP_ENCRYPTION
mv /run/test/peer-cusco.yaml "$config/"
ok "it is back"                  says live chasqui reload
works "and so is what goes there"
gateway_crashed; kill_engine lima0; sleep 0.5
ok "strict, daemon and engine dead: nothing goes" silent web tcp fd00:20::5 80
gateway_up || exit 1
works "strict, both are back"

# ---- what was seen on the wire ----

sleep 0.2
kill -TERM "$wire"; wait "$wire"
ok "the capture is whole"        grep -q "lost 0\$" wire.said
ok "it sees what is in the clear" more_than 2 seen "$clear$clear"
ok "it sees the tunnel"          more_than 500 seen 04000000
for bytes in "${inner[@]}"; do
	ok "no frame holds $bytes" is 0 seen "$bytes"
done
cusco_down
kill_engine cusco0; gateway_down; kill_engine lima0
