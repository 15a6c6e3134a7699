#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# A thousand reloads under load, between two configurations of which any mixture would give a verdict
# that neither gives: what is written for one reading of the labels meets the labels of the other.
#
#               web is   rule for red        rule for blue
#   policy A    red      open UDP 1001       open UDP 1002
#   policy B    blue     open UDP 1002       open UDP 1001
#
# So 1001 is open in both and 1002 in none. B has more endpoints and policies than A, and they come
# first, so that every number that a table holds means something else in it.
. "${0%/*}/../lib/netns.sh"

reloads=${RELOADS:-1000}

rule_for() {			# rule_for COLOUR PORT
	cat <<-E
		---
		apiVersion: cilium.io/v2
		kind: CiliumNetworkPolicy
		metadata: {name: for-$1, namespace: shop}
		spec:
		  endpointSelector: {matchLabels: {colour: $1}}
		  ingress:
		  - fromEntities: [world]
		    toPorts: [{ports: [{port: "$2", protocol: UDP}, {port: "2$2", protocol: TCP}]}]
	E
}
endpoint() {			# endpoint NAME LABEL ADDRESSES
	cat <<-E
		---
		apiVersion: chasqui.io/v1
		kind: Endpoint
		metadata: {name: $1, namespace: shop, labels: {$2}}
		spec: {addresses: [$3]}
	E
}
fillers() {
	local i
	for i in {1..9}; do
		endpoint "a-filler-$i" "filler: n$i" "10.10.0.10$i"
		sed "s/for-n$i/a-filler-$i/; s/colour/filler/" < <(rule_for "n$i" "1$i")
	done
}
{ endpoint web "colour: red" '10.10.0.5, "fd00:10::5"'; rule_for red 1001; rule_for blue 1002; } >A.yaml
{ fillers; endpoint web "colour: blue" '10.10.0.5, "fd00:10::5"'; rule_for red 1002; rule_for blue 1001; } >B.yaml

# Both configurations are one file, put there by one rename.
become() { document all <"$1.yaml" && chasqui reload >>reload.log; }

three_hosts
serve web udp/1001 udp/1002 tcp/21001 tcp/21002
gateway_document
document all <A.yaml
gateway_up

ok "1001 is open in A"               reaches server udp 10.10.0.5 1001
ok "1002 is closed in A"             silent server udp 10.10.0.5 1002
become B
ok "1001 is open in B"               reaches server udp 10.10.0.5 1001
ok "1002 is closed in B"             silent server udp 10.10.0.5 1002

hold server tcp 10.10.0.5 21001 tcp4 -t 2000
hold server tcp fd00:10::5 21001 tcp6 -t 2000
hold server udp 10.10.0.5 1001 udp4 -t 2000
load server udp 10.10.0.5 1001 open4 -t 3000 -e 300
load server udp fd00:10::5 1001 open6 -t 3000 -e 300
load server tcp 10.10.0.5 21001 opentcp -t 3000 -e 300
send server 10.10.0.5 1002 closed4 -e 300
send server fd00:10::5 1002 closed6 -e 300

before=$(generation)
flip() {
	local i
	for ((i = 0; i < reloads; i += 2)); do
		become A || return 1
		become B || return 1
	done
}
ok "$reloads reloads under load"     flip
ok "each of them made a generation"  more_than $((before + reloads - 1)) generation

sum_is_clean() {		# nothing but answers, and many
	local got; got=$(load_ends "$1")
	[[ $got =~ ^answered\ ([0-9]+)$ ]] && [ "${BASH_REMATCH[1]}" -gt 100 ] || { echo "$got"; return 1; }
	echo "# $1: $got" >>sums
}
ok "new UDP flows, always open"      sum_is_clean open4
ok "the same over IPv6"              sum_is_clean open6
ok "new TCP flows, always open"      sum_is_clean opentcp
ok "the running TCP flow"            is 0 silences_of tcp4
ok "the same over IPv6"              is 0 silences_of tcp6
ok "the running UDP flow"            is 0 silences_of udp4
ok "many tried the closed port"      more_than 1000 eval 'load_ends closed4 | cut -d" " -f2'
ok "the same over IPv6"              more_than 1000 eval 'load_ends closed6 | cut -d" " -f2'
ok "and none ever got through"       is 0 heard web udp/1002
cat sums
