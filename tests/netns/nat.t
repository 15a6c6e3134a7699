#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# nftables masquerade on the outside port, beside the gateway: policies speak of the addresses
# before translation, and replies find their way.
. "${0%/*}/../lib/netns.sh"

three_hosts
ip -n server route del default
serve server tcp/443 tcp/25 udp/53
serve web tcp/80
gateway_document
web_and_db
policy_document web "app: web" <<E
egress:
- toEntities: [world]
  toPorts: [{ports: [{port: "443", protocol: TCP}, {port: "53", protocol: UDP}]}]
E
policy_document db "app: db" <<E
egress: [{toEntities: [none]}]
E
gateway_up
ok "without translation nothing comes back"  silent web tcp 192.0.2.10 443

nft -f - <<E
table inet nat {
	chain post {
		type nat hook postrouting priority srcnat;
		oifname "wan0" masquerade
	}
}
E
ok "TCP goes out translated"                 reaches web tcp 192.0.2.10 443
ok "UDP too"                                 reaches web udp 192.0.2.10 53
ok "a large exchange"                        reaches web tcp 192.0.2.10 443 -l 200000 -t 3000
ok "what is not allowed is shut"             counts lan0 ingress DROP_NO_RULE silent web tcp 192.0.2.10 25
ok "nor may who may nothing"                 counts lan1 ingress DROP_NO_RULE silent db tcp 192.0.2.10 443
ok "replies are told from the gateway's own" counts wan0 ingress PASS_TRANSLATED reaches web tcp 192.0.2.10 443

hold web tcp 192.0.2.10 443 tcp -t 1000
hold web udp 192.0.2.10 53 udp -t 1000
policy_document web "app: web" <<E
egress: [{toEntities: [none]}]
E
reload_by_signal
ok "a reload reaches translated TCP"         eventually is silent held tcp
ok "and UDP"                                 eventually is silent held udp
