#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# An address is an identity only from where it belongs: from every side, every address that has its
# place elsewhere.
. "${0%/*}/../lib/netns.sh"

three_hosts
serve web udp/53 tcp/80
serve db udp/53 tcp/80
serve server udp/53
gateway_document
web_and_db
gateway_up

ok "by default everything is open"         reaches server udp 10.10.0.5 53

# forged FROM PORT REASON SOURCE TARGET
forged() {
	ok "$1 as $4 to $5 is silent, $3"  counts "$2" ingress "$3" \
		not reaches "$1" udp "$5" 53 -s "$4" -t 200
}
heard_before_web=$(heard web udp/53) heard_before_db=$(heard db udp/53)

forged server wan0 DROP_SPOOFED_ENDPOINT 10.11.0.6     10.10.0.5
forged server wan0 DROP_SPOOFED_ENDPOINT fd00:11::6    fd00:10::5
forged server wan0 DROP_SPOOFED_ENDPOINT 10.10.0.5     10.11.0.6
forged web    lan0 DROP_SPOOFED_ENDPOINT 10.11.0.6     192.0.2.10
forged web    lan0 DROP_SPOOFED_ENDPOINT fd00:11::6    2001:db8:2::10
forged db     lan1 DROP_SPOOFED_ENDPOINT 10.10.0.5     192.0.2.10
forged db     lan1 DROP_SPOOFED_ENDPOINT fd00:10::5    2001:db8:2::10
forged server wan0 DROP_SPOOFED_OWN      192.0.2.1     10.10.0.5
forged server wan0 DROP_SPOOFED_OWN      10.10.0.1     10.10.0.5
forged server wan0 DROP_SPOOFED_OWN      2001:db8:2::1 fd00:10::5
forged web    lan0 DROP_SPOOFED_OWN      192.0.2.1     10.11.0.6
forged db     lan1 DROP_SPOOFED_OWN      10.11.0.1     192.0.2.10

ok "web heard none of it"                  is "$heard_before_web" heard web udp/53
ok "db heard none of it"                   is "$heard_before_db" heard db udp/53

# A known flow's tuple from another side: db talks to the server, and web continues for it.
hold db udp 192.0.2.10 53 talk -p 40000
ok "a flow is running"                     is answered held talk
ok "its tuple from another port is judged anew" counts lan0 ingress DROP_SPOOFED_ENDPOINT \
	not reaches web udp 192.0.2.10 53 -s 10.11.0.6 -p 40000 -t 200
ok "and the flow goes on"                  is 0 silences_of talk

