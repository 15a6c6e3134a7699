#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# A reload reaches flows that are running: in both directions, also when only replies are
# flowing, and when two endpoints change places.
# Also in the VM, with Linux 6.1.
. "${0%/*}/../lib/netns.sh"

open_to() {			# open_to COLOUR: web's rule, for whom it is open
	policy_document web "app: web" <<-E
		ingress:
		- fromEndpoints: [{matchLabels: {colour: $1}}]
		  toPorts: [{ports: [{port: "80", protocol: TCP}, {port: "53", protocol: UDP}]}]
	E
}
guests() {			# guests COLOUR-OF-ONE COLOUR-OF-TWO
	endpoint_document one "colour: $1" '192.0.2.10, "2001:db8:2::10"' "port: wan0"
	endpoint_document two "colour: $2" '192.0.2.11, "2001:db8:2::11"' "port: wan0"
}

three_hosts
on server ip addr add 192.0.2.11/24 dev eth0
on server ip addr add 2001:db8:2::11/64 dev eth0 nodad
serve web tcp/80 udp/53 pour/53000
gateway_document
web_and_db
guests red blue
open_to red
gateway_up

ok "one may"                                 reaches server tcp 10.10.0.5 80 -s 192.0.2.10
ok "two may not"                             silent server tcp 10.10.0.5 80 -s 192.0.2.11
ok "and that is because no rule allows it"   counts wan0 ingress DROP_NO_RULE silent server tcp 10.10.0.5 80 -s 192.0.2.11
ok "one may over IPv6"                       reaches server udp fd00:10::5 53 -s 2001:db8:2::10
ok "two may not over IPv6"                   silent server udp fd00:10::5 53 -s 2001:db8:2::11

hold server tcp 10.10.0.5 80 one4 -s 192.0.2.10
hold server udp fd00:10::5 53 one6 -s 2001:db8:2::10
ok "one's flows are running"                 is answered held one4

# Both change places in one step: labels and policy. One stays open all along, two stays closed.
guests blue red
open_to blue
reload_by_signal
ok "after the swap one still may"            reaches server tcp 10.10.0.5 80 -s 192.0.2.10
ok "and two may not"                         silent server tcp 10.10.0.5 80 -s 192.0.2.11
ok "one's TCP flow never noticed"            is 0 silences_of one4
ok "one's UDP flow never noticed"            is 0 silences_of one6

# Now only the labels change: what runs is judged anew.
guests red blue
reload_by_signal
ok "one's TCP flow ends"                     eventually is silent held one4
ok "one's UDP flow ends"                     eventually is silent held one6
ok "two may now"                             reaches server tcp 10.10.0.5 80 -s 192.0.2.11
guests blue red
reload_by_signal
ok "one's TCP flow goes on"                  eventually is answered held one4
ok "one's UDP flow goes on"                  eventually is answered held one6
let_go one4
let_go one6

# Only replies flow, and the rule for the question goes.
policy_document web "app: web" <<-E
	ingress:
	- fromEndpoints: [{matchLabels: {colour: blue}}]
	  toPorts: [{ports: [{port: "53000", protocol: UDP}]}]
E
reload_by_signal
drink server 10.10.0.5 53000 pour
ok "the answers pour"                        is answered held pour
open_to blue
reload_by_signal
ok "without the rule they stop"              eventually is silent held pour
ok "and are counted where they come in"      more_than 0 reason_count lan0 ingress DROP_NO_RULE
