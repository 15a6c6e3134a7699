#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# onDeny: drop is silence; reject says no, at the gateway, at one port, or in one policy.
. "${0%/*}/../lib/netns.sh"

closed() { policy_document web "app: web" <<<"ingress: [{}]"; }
says_no() {			# says_no FROM ADDRESS: TCP a RST, UDP an ICMP error
	ok "TCP from $1 to $2 is refused"     is refused ask "$1" tcp "$2" 80
	ok "TCP again is refused again"       is refused ask "$1" tcp "$2" 80
	ok "UDP from $1 to $2 is prohibited"  is prohibited ask "$1" udp "$2" 53
}

three_hosts
serve web tcp/80 udp/53
gateway_document
web_and_db
closed
gateway_up
ok "dropped: TCP is silent"               silent server tcp 10.10.0.5 80
ok "dropped: UDP is silent"               silent server udp 10.10.0.5 53

gateway_document "  onDeny: reject"
reload_by_signal
for address in 10.10.0.5 fd00:10::5; do
	says_no server "$address"
	says_no db "$address"
done
ok "it is counted as what it is"          counts wan0 ingress DROP_NO_RULE \
	is refused ask server tcp 10.10.0.5 80
ok "the server's RST stays its own"       is refused ask web tcp 192.0.2.10 80

document gateway <<E
apiVersion: chasqui.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  pickup: 0
  ports: [{name: lan0, role: inside}, {name: lan1, role: inside, onDeny: reject}, {name: wan0, role: outside}]
E
reload_by_signal
says_no db 10.10.0.5
ok "another port stays silent"            silent server tcp 10.10.0.5 80

gateway_document
sed -i 's/shop}$/shop, annotations: {chasqui.io\/on-deny: reject}}/' "$config/policy-web.yaml"
reload_by_signal
says_no server 10.10.0.5
says_no server fd00:10::5

# Answers are limited: a flood does not make the gateway a flood of its own.
on server timeout 10 peer send -d 2 -e 0 udp 10.10.0.5 53 >sent
ok "a flood is counted whole"             more_than 500 reason_count wan0 ingress DROP_NO_RULE
