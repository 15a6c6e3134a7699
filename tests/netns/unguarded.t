#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# What came in by an interface that nobody guards (a tap, a bridge, a card plugged in while
# the daemon is dead) is judged where it leaves.
# Also in the VM
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

judged() {			# judged WHO: from the unguarded side of WHO
	for web in 10.10.0.5 fd00:10::5; do
		ok "$1: open to $web"  reaches "$2" tcp $web 80
		ok "$1: shut to $web"  counts lan0 egress DROP_NO_RULE silent "$2" tcp $web 22
	done
	ok "$1: cannot be db"      counts lan0 egress DROP_SPOOFED_ENDPOINT silent "$2" tcp 10.10.0.5 80 -s 10.11.0.6
}
judged "an unguarded interface" guest

gateway_crashed
host late card0 172.17.0.9/24 172.17.0.1 fd00:17::9/64 fd00:17::1
judged "a card plugged in while the daemon is dead" late
