#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# What the live gateway says of itself: which rules decide, what a change would do.
. "${0%/*}/../lib/netns.sh"

open_port() {			# open_port NAME PORT: a policy as a document
	cat <<-E
		apiVersion: cilium.io/v2
		kind: CiliumNetworkPolicy
		metadata: {name: $1, namespace: shop}
		spec:
		  endpointSelector: {matchLabels: {app: web}}
		  ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "$2", protocol: TCP}]}]}]
	E
}
hits() { chasqui policy rules -o json | jq -r --arg name "$1" '[.[] | select(.name == $name and .verdict == "allow") | .hits] | add'; }
hit_at_least() { [ "$(hits "$1")" -ge "$2" ] || { hits "$1"; return 1; }; }
first_allow() { chasqui policy rules | awk '$2 == "allow" { print $1, $5; exit }'; }
diff_code() { chasqui policy diff "$@" >/dev/null 2>&1; echo $?; }

three_hosts
serve web tcp/80 tcp/81 tcp/82
gateway_document
web_and_db
for port in 80 81 82; do open_port "port-$port" "$port" >"$config/port-$port.yaml"; done
gateway_up

# ---- hits ----
ok "no rule has decided yet"                is 0 hits port-80
ok "80 is open"                             reaches server tcp 10.10.0.5 80
ok "81 is open"                             reaches server tcp 10.10.0.5 81
ok "the rule of 80 is credited"             hit_at_least port-80 1
ok "and that of 81"                         hit_at_least port-81 1
ok "not that of 82"                         is 0 hits port-82
ok "which the list shows first"             is "0 port-82" first_allow
before=$(hits port-80)
echo "# moved, and still the same" | cat - "$config/port-80.yaml" >moved && mv moved "$config/port-80.yaml"
ok "a reload"                               chasqui reload
ok "keeps the hits of a rule that moved"    hit_at_least port-80 "$before"
gateway_down
gateway_up
ok "a restart keeps them, too"              hit_at_least port-80 "$before"
gateway_crashed
ok "80 is open with no daemon"              reaches server tcp 10.10.0.5 80
gateway_up
ok "and its hits are not lost"              hit_at_least port-80 $((before + 1))
ok "82 has none"                            is 0 hits port-82

# A rule without hits may go: nothing that was judged so far is judged otherwise.
ok "without the rule of 82"                 chasqui delete CiliumNetworkPolicy shop/port-82
ok "80 is open as before"                   reaches server tcp 10.10.0.5 80
ok "81, too"                                reaches server tcp 10.10.0.5 81

# Where two rules allow the same, both are credited, and neither is missed when it goes.
sed "s/port-80/wide/; s/port: \"80\"/&, endPort: 81/" "$config/port-80.yaml" | chasqui apply -f - >/dev/null
before=$(hits port-80)
ok "80 is open by two rules"                reaches server tcp 10.10.0.5 80
ok "the wide one is credited"               hit_at_least wide 1
ok "the narrow one, too"                    hit_at_least port-80 $((before + 1))
ok "without the narrow one"                 chasqui delete CiliumNetworkPolicy shop/port-80
ok "80 is open still"                       reaches server tcp 10.10.0.5 80
ok "and by it alone"                        hit_at_least wide 2
open_port port-80 80 >"$config/port-80.yaml"
chasqui delete CiliumNetworkPolicy shop/wide >/dev/null

ok "selectors say how many they match"      says "app=web" chasqui policy selectors

# ---- trace ----
leaves_nothing() {		# leaves_nothing COMMAND...: no flow, hit, counter or event more than before
	local before; before=$(traces)
	"$@" >/dev/null
	is "$before" traces
}
traces() {
	chasqui conntrack list -o json | jq length
	chasqui policy rules -o json | jq -c 'map(.hits)'
	chasqui status -o json | jq -S -c .ports
	chasqui events -o json | wc -l
}
exits() { local wanted=$1; shift; "$@" >/dev/null 2>&1; is "$wanted" echo $?; }
packet() { chasqui trace packet --from 192.0.2.10 --to shop/web "$@"; }
chasqui conntrack flush >/dev/null

ok "a packet to 80 would pass"              exits 0 packet --dport 80/tcp
ok "by the rule of 80"                      says "port-80.yaml:" packet --dport 80/tcp
ok "one to 82 would not"                    exits 1 packet --dport 82/tcp
ok "and says which direction"               says "ingress" packet --dport 82/tcp
ok "from a wrong port it is spoofed"        says "source address from the wrong port" chasqui trace packet --from shop/web --to 192.0.2.10 --dport 80/tcp --in wan0
ok "ICMP too"                               exits 1 packet --icmp 8
ok "by its name as well"                    says "no rule allows it" packet --icmp EchoRequest
ok "a name that is none"                    exits 2 packet --icmp EchoReq
ok "labels stand for who has them"           exits 0 chasqui trace packet --from 192.0.2.10 --to app=web --dport 80/tcp
ok "and not for nobody"                     exits 2 chasqui trace packet --from 192.0.2.10 --to app=gone --dport 80/tcp
ok "a source port that is none"             exits 2 packet --dport 80/tcp --sport 0
ok "IPv6 too"                               exits 0 chasqui trace packet --from 2001:db8:2::10 --to shop/web --dport 80/tcp
ok "from the gateway itself"                exits 1 chasqui trace packet --from reserved:host --to shop/web --dport 80/tcp
ok "a port that is none is refused"         exits 2 packet --dport 80/tcp --in nowhere0
ok "nothing is left behind by what passes"  leaves_nothing packet --dport 80/tcp
ok "nor by what does not"                   leaves_nothing packet --dport 82/tcp
hold server tcp 10.10.0.5 80 running
sport=$(chasqui conntrack list -o json | jq -r '.[0].opener' | sed 's/.*://')
ok "a running flow is found"                says "known, proven" packet --dport 80/tcp --sport "$sport"
flow=$(chasqui conntrack list -o json | jq -c '.[0] | del(.idleMs, .expiresMs)')
packet --dport 80/tcp --sport "$sport" >/dev/null
ok "and left alone"                         is "$flow" eval "chasqui conntrack list -o json | jq -c '.[0] | del(.idleMs, .expiresMs)'"

# ---- difference ----
sed -i 's/"80"/"84"/' "$config/port-80.yaml"
ok "a running flow would be cut"            says "1 of 1 running flows would be cut" chasqui policy diff "$config"
sed -i 's/"84"/"80"/' "$config/port-80.yaml"
let_go running
cp -r "$config" other
ok "the same directory changes nothing"     is 0 diff_code other
sed -i 's/"81"/"83"/' other/port-81.yaml
ok "another does"                           is 1 diff_code other
ok "a port is gained"                       says "+ 83/tcp" chasqui policy diff other
ok "another lost"                           says "- 81/tcp" chasqui policy diff other
ok "offline, too"                           says "- 81/tcp" chasqui policy diff other -f "$config"
ok "a directory that is not there"          is 2 diff_code nowhere
