#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# ICMP: echo by rules, errors by the flow that they are about. Nothing by addresses alone.
. "${0%/*}/../lib/netns.sh"

three_hosts
serve web udp/53 tcp/80
serve db tcp/80 udp/53
gateway_document
web_and_db
policy_document web "app: web" <<E
ingress:
- fromEntities: [world]
  toPorts: [{ports: [{port: "53", protocol: UDP}, {port: "54", protocol: UDP}, {port: "80", protocol: TCP}]}]
- fromEndpoints: [{matchLabels: {app: db}}]
  icmps: [{fields: [{type: 8, family: IPv4}, {type: 128, family: IPv6}]}]
E
gateway_up

for web in 10.10.0.5 fd00:10::5; do
	ok "db may ping $web"                    pings db $web
	ok "the server may not"                  counts wan0 ingress DROP_NO_RULE not pings server $web
	ok "port unreachable comes back"         is refused ask server udp $web 54
	ok "because it is about a known flow"    counts lan0 ingress PASS_RELATED is refused ask server udp $web 54
done

# Time exceeded, from the gateway (its own) and from web as a router.
expires() { says exceeded on "$1" ping -n -c 1 -W 1 -t 1 "$2"; }
ok "the gateway says when a packet expires"      expires db 10.10.0.5
ok "over IPv6 too"                               expires db fd00:10::5

# Path MTU: a narrow wire behind web's port; both families must learn it, or large answers hang.
ip link set lan0 mtu 1300
ok "too big is told, and the exchange goes on"   reaches server tcp 10.10.0.5 80 -l 100000 -t 5000
ok "over IPv6 too"                               reaches server tcp fd00:10::5 80 -l 100000 -t 5000

# An error about nothing: "host unreachable", sent to web about a UDP flow from its port 53 to
# 192.0.2.10 port 9999 that never was.
packet='\x03\x01\xd5\xb2\x00\x00\x00\x00\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11'
packet+='\xae\xb8\x0a\x0a\x00\x05\xc0\x00\x02\x0a\x00\x35\x27\x0f\x00\x08\x00\x00'
forged() {
	# shellcheck disable=SC2059 # the format is the packet
	printf "$packet" | on server socat -u - IP4-SENDTO:10.10.0.5:1
}
ok "an error about no flow is dropped"           counts wan0 ingress DROP_ICMP_UNRELATED forged
