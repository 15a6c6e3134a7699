#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# An endpoint more of a known kind comes into the live generation; what would change the meaning of
# a running flow makes a new one.
. "${0%/*}/../lib/netns.sh"

endpoint() {			# endpoint NAME LABELS ADDRESSES: as a document, applied
	chasqui apply -f - <<-E
		apiVersion: chasqui.io/v1
		kind: Endpoint
		metadata: {name: $1, namespace: shop, labels: {$2}}
		spec: {addresses: [$3]}
	E
}
history_now() { chasqui status -o json | jq -r .history; }
hits() { chasqui policy rules -o json | jq '[.[] | select(.verdict == "allow") | .hits] | add'; }
same_generation() { is "$generation" generation; }
next_generation() { moved_on "$generation"; }

three_hosts
ip -n web addr add 10.10.0.7/24 dev eth0
ip -n web addr add 10.10.0.8/24 dev eth0
ip -n web addr add fd00:10::7/64 dev eth0 nodad
serve web tcp/80 tcp/81 udp/80
gateway_document
web_and_db
policy_document web "app: web" <<-E
	ingress:
	- fromEntities: [world]
	  toPorts: [{ports: [{port: "80"}]}]
E
gateway_up
generation=$(generation) history=$(history_now)

ok "an address of nobody is open"          reaches server tcp 10.10.0.8 81
reaches server tcp 10.10.0.5 80
hit=$(hits)
ok "an endpoint of a known kind comes"     says "came into generation $generation" endpoint more "app: web" '10.10.0.7, "fd00:10::7"'
ok "makes no generation"                   same_generation
ok "and is judged as its kind is"          reaches server tcp 10.10.0.7 80
ok "closed where that is"                  silent server tcp 10.10.0.7 81
ok "over IPv6 too"                         silent server tcp fd00:10::7 81
ok "the list has it"                       says shop/more eval "chasqui endpoint list -o json | jq -r '.[] | .namespace + \"/\" + .name'"
ok "the drop is told with its labels"      eventually says "k8s:app=web" eval 'chasqui events --drops -o json | grep 10.10.0.7'
ok "hits go on"                            eventually more_than "$hit" hits
ok "the history has an entry of its own"   not is "$history" history_now
ok "one more address of it"                endpoint more "app: web" '10.10.0.7, 10.10.0.9, "fd00:10::7"'
ok "comes in place as well"                same_generation

ok "the address of a running flow"         endpoint late "app: web" 10.10.0.8
ok "makes a new generation"                next_generation
generation=$(generation)
ok "a label that a rule looks at"          endpoint more "app: db" '10.10.0.7, 10.10.0.9, "fd00:10::7"'
ok "makes one, too"                        next_generation
generation=$(generation)
ok "and holds at once"                     reaches server tcp 10.10.0.7 81
ok "an endpoint that goes"                 chasqui delete Endpoint shop/more
ok "makes one, too"                        next_generation
generation=$(generation)
document two <<-E
	apiVersion: chasqui.io/v1
	kind: Endpoint
	metadata: {name: one, namespace: shop, labels: {app: web}}
	spec: {addresses: [10.10.0.20]}
	---
	apiVersion: chasqui.io/v1
	kind: Endpoint
	metadata: {name: two, namespace: shop, labels: {app: web}}
	spec: {addresses: [10.10.0.21]}
E
ok "two at once, between which a packet could fall" chasqui reload
ok "make one, too"                         next_generation
chasqui rollback "$history" >/dev/null
generation=$(generation)
ok "back to before: nobody's again"        reaches server tcp 10.10.0.7 81
chasqui conntrack flush >/dev/null
ok "an endpoint comes"                     endpoint more "app: web" 10.10.0.7
ok "in place"                              same_generation
gateway_crashed
ok "and stays with no daemon"              silent server tcp 10.10.0.7 81
gateway_up
ok "and with the next"                     silent server tcp 10.10.0.7 81

# ---- labels that come and go, as those of a deployment do: their numbers come back ----
churned() { grep -c churn "$state/identities"; }
number_of_web() { awk '/ k8s:app=web,/ { print $1 }' "$state/identities"; }
web=$(number_of_web)
ok "the number of what lives is known"     [ "$web" -ge 256 ]
churn() {
	local i
	for i in {1..14}; do endpoint pod "app: pod, churn: c$i" 10.10.0.20; done
}
ok "fourteen sets of labels one after the other" churn
ok "leave those of the last eight generations" eval '[ "$(churned)" -le 9 ]'
ok "while what lives keeps its number"      is "$web" number_of_web

exits() { local wanted=$1; shift; "$@" >/dev/null 2>&1; is "$wanted" echo $?; }

# ---- a long list of prefixes, each an identity of its own ----
{
	cat <<-E2
		apiVersion: cilium.io/v2
		kind: CiliumClusterwideNetworkPolicy
		metadata: {name: list}
		spec:
		  endpointSelector: {matchLabels: {app: web}}
		  enableDefaultDeny: {egress: false}
		  egressDeny:
		  - toCIDR:
	E2
	awk 'BEGIN { for (i = 0; i < 70000; i++) printf "    - 60.%d.%d.%d\n", i / 65536, i / 256 % 256, i % 256 }'
} >"$config/list.yaml"
ok "70,000 of them are more than the default" says "the limit is 65536 (limits.identities)" chasqui reload
gateway_document "  limits: {identities: 100000}"
ok "which the Gateway document can raise"   chasqui reload
ok "and they are denied"                    exits 1 chasqui policy explain --from shop/web --to 60.1.2.3 --dport 80
ok "where others are not"                   exits 0 chasqui policy explain --from shop/web --to 60.2.0.0 --dport 80
