#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# What came in by an interface that nobody guards (a tap, a bridge, a card plugged in while
# the daemon is dead) is judged where it leaves.
. "${0%/*}/../lib/netns.sh"

three_hosts
host guest tap0 172.16.0.9/24 172.16.0.1 fd00:16::9/64 fd00:16::1
serve web tcp/80 tcp/22
serve guest tcp/80
gateway_document
web_and_db
policy_document web "app: web" <<E
ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "80", protocol: TCP}]}]}]
E
gateway_up

judged() {			# judged WHAT WHO
	for web in 10.10.0.5 fd00:10::5; do
		ok "$1: open to $web"  reaches "$2" tcp $web 80
		ok "$1: shut to $web"  silent "$2" tcp $web 22
	done
	ok "$1: cannot be db"          silent "$2" tcp 10.10.0.5 80 -s 10.11.0.6
}
counted() {			# counted WHAT NO-RULE SPOOFED: what is shut was counted where it leaves
	ok "$1: no rule, and counted"  more_than "$2" reason_count lan0 egress DROP_NO_RULE
	ok "$1: spoofed, and counted"  more_than "$3" reason_count lan0 egress DROP_SPOOFED_ENDPOINT
}
judged "an unguarded interface" guest
counted "an unguarded interface" 1 0

no_rule=$(reason_count lan0 egress DROP_NO_RULE)
spoofed=$(reason_count lan0 egress DROP_SPOOFED_ENDPOINT)
gateway_crashed
host late card0 172.17.0.9/24 172.17.0.1 fd00:17::9/64 fd00:17::1
judged "a card plugged in while the daemon is dead" late
gateway_up
counted "the daemon is back" "$no_rule" "$spoofed"
