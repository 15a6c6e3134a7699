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

ok "selectors say how many they match"      says "app=web" chasqui policy selectors

# ---- difference ----
cp -r "$config" other
ok "the same directory changes nothing"     is 0 diff_code other
sed -i 's/"81"/"83"/' other/port-81.yaml
ok "another does"                           is 1 diff_code other
ok "a port is gained"                       says "+ 83/tcp" chasqui policy diff other
ok "another lost"                           says "- 81/tcp" chasqui policy diff other
ok "offline, too"                           says "- 81/tcp" chasqui policy diff other -f "$config"
ok "a directory that is not there"          is 2 diff_code nowhere
