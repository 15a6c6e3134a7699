#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The sandbox itself, with no gateway in it: what the other tests see vanish must first be there.
#
#   client 192.0.2.10 ---- (plain forwarding) ---- web 10.10.0.5
#
. "${0%/*}/../lib/netns.sh"

host web lan0 10.10.0.5/24 10.10.0.1 fd00:10::5/64 fd00:10::1
host client wan0 192.0.2.10/24 192.0.2.1 2001:db8:2::10/64 2001:db8:2::1
serve web tcp/80 udp/53

ok "without forwarding nothing crosses"     not reaches client tcp 10.10.0.5 80
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1

for web in 10.10.0.5 fd00:10::5; do
	ok "TCP to $web is answered"            reaches client tcp $web 80
	ok "UDP to $web is answered"            reaches client udp $web 53
	ok "a large TCP exchange with $web"     reaches client tcp $web 80 -l 200000
	ok "fragments to $web are answered"     reaches client udp $web 53 -l 6000
	ok "UDP segments to $web are answered"  reaches client udp $web 53 -l 6000 -g 1200
	ok "ping of $web is answered"           pings client $web
	ok "a closed port refuses"              is refused ask client tcp $web 81
	ok "a closed UDP port refuses"          is refused ask client udp $web 54
done
ok "what arrives is counted"                is 14 heard web udp/53

ip link set lan0 down
ok "a pulled wire is out of reach"          is unreachable ask client udp 10.10.0.5 53
