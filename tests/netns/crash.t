#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The daemon dies under load, and stays dead for longer than every timeout: the kernel judges on as
# it was told. Then it comes back, with the same limits and with others: nothing is lost.
. "${0%/*}/../lib/netns.sh"

gateway() {			# gateway CONNTRACK-LIMIT
	gateway_document "  limits: {conntrack: $1, unproven: 4096}
  timeouts: {tcpSyn: 1s, tcpEstablished: 2s, tcpClosing: 1s, udpNew: 1s, udp: 2s, icmp: 1s,
    other: 1s, denied: 1s, fragment: 1s}"
}

three_hosts
serve web tcp/80 tcp/22 udp/53
gateway 65536
web_and_db
policy_document web "app: web" <<E
ingress:
- fromEntities: [world]
  toPorts: [{ports: [{port: "80", protocol: TCP}, {port: "53", protocol: UDP}]}]
E
gateway_up

hold server tcp 10.10.0.5 80 tcp4 -t 1500
hold server tcp fd00:10::5 80 tcp6 -t 1500
hold server udp 10.10.0.5 53 udp4 -t 1500
load server tcp 10.10.0.5 80 new4 -t 2000 -e 2000
load server udp fd00:10::5 53 new6 -t 2000 -e 2000

judged_right() {
	ok "$1: a new TCP flow is allowed"     reaches server tcp 10.10.0.5 80
	ok "$1: a new UDP flow is allowed"     reaches server udp fd00:10::5 53
	ok "$1: a closed port stays closed"    silent server tcp 10.10.0.5 22
	ok "$1: also over IPv6"                silent server tcp fd00:10::5 22
	ok "$1: a workload cannot be imitated" silent server udp 10.10.0.5 53 -s 10.11.0.6
	ok "$1: the flows run on"              is 0 silences_of tcp4
	ok "$1: over IPv6 too"                 is 0 silences_of tcp6
	ok "$1: UDP too"                       is 0 silences_of udp4
	ok "$1: and are answered right now"    running tcp4
}
running() {			# running NAME
	local before; before=$(answers_of "$1")
	eventually more_than "$before" answers_of "$1" >/dev/null
}
flows_most() { chasqui status -o json | jq '.tables[] | select(.name == "chq_flow4") | .most'; }
second_daemon() { timeout 5 chasquid --config "$config" --run-dir "$run" --state-dir "$state" --bpffs "$pins"; }
only_answers() {
	local got; got=$(load_ends "$1")
	[[ $got =~ ^answered\ [0-9]+$ ]] || { echo "$got"; return 1; }
}

judged_right "alive"
ok "a second daemon is refused, by number"     says "$daemon" second_daemon
gateway_crashed
sleep 5				# longer than any timeout
judged_right "dead"

gateway_up
judged_right "back"
gateway_down
gateway 131072
gateway_up
judged_right "larger tables"
ok "the size is the new one"                   is 131072 flows_most
gateway_down
gateway 4096
gateway_up
judged_right "smaller tables"

ok "no new TCP flow was ever lost"             only_answers new4
ok "no new UDP flow was ever lost"             only_answers new6
