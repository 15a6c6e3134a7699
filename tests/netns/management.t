#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The gateway's own traffic is identity host: open without a policy, closed by one, and never
# closed where the management guard stands.
. "${0%/*}/../lib/netns.sh"

close_host() {
	document host <<E
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: host}
spec:
  nodeSelector: {}
  ingress: [{fromEntities: [none]}]
  egress: [{toEntities: [none]}]
E
}

three_hosts
peer serve tcp/22 tcp/80 udp/53 >gateway.ready & eventually grep -q ready gateway.ready
serve server udp/53 tcp/80
gateway_document
web_and_db
gateway_up
ok "without a policy the gateway is open"        reaches server tcp 192.0.2.1 22
ok "pings it answers"                            pings server 192.0.2.1
ok "it may talk"                                 is answered peer ask udp 192.0.2.10 53
ok "over IPv6 too"                               is answered peer ask udp 2001:db8:2::10 53

ok "multicast on the link is aimed at it"        counts wan0 ingress PASS_NO_POLICY not pings server 224.0.0.18
ok "over IPv6 too"                               counts wan0 ingress PASS_NO_POLICY not pings server ff02::12%eth0

hold server tcp 192.0.2.1 22 admin
close_host
reload_by_signal
ok "a policy closes it"                          counts wan0 ingress DROP_NO_RULE silent server tcp 192.0.2.1 80
ok "and to the link's multicast"                 counts wan0 ingress DROP_NO_RULE not pings server 224.0.0.18
ok "its own talk too"                            counts wan0 egress DROP_NO_RULE \
	is silent peer ask -t 300 udp 192.0.2.10 53
ok "and ends what runs"                          eventually is silent held admin

gateway_document '  management: {ports: ["22/tcp"], from: [192.0.2.0/24, "2001:db8:2::/64"]}'
reload_by_signal
ok "the guard opens its port"                    counts wan0 ingress PASS_MANAGEMENT reaches server tcp 192.0.2.1 22
ok "over IPv6 too"                               reaches server tcp 2001:db8:2::1 22
ok "the running flow goes on"                    eventually is answered held admin
ok "and no other port"                           silent server tcp 192.0.2.1 80
ok "nor from elsewhere"                          silent web tcp 192.0.2.1 22
