#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The gate: a deny list in XDP, with counters and events, attached only while there is one.
. "${0%/*}/../lib/netns.sh"

three_hosts
on server ip addr add 203.0.113.9/32 dev lo
on server ip addr add 198.51.100.7/32 dev lo
on server ip addr add 2001:db8:bad::1/128 dev lo
ip route add 203.0.113.0/24 via 192.0.2.10
ip route add 198.51.100.0/24 via 192.0.2.10
ip route add 2001:db8:bad::/48 via 2001:db8:2::10
serve web udp/53 tcp/80

gate_of() { chasqui status -o json | jq -r ".ports[] | select(.name == \"$1\") | .gate"; }
xdp_on() { ip link show dev "$1" | grep -q 'prog/xdp'; }

gateway_document
web_and_db
gateway_up
ok "without a list there is no gate"        not xdp_on wan0
ok "and the source is heard"                reaches server udp 10.10.0.5 53 -s 203.0.113.9

printf '# a list\n198.51.100.0/25\n2001:db8:bad::/48\n' >"$config/list.txt"
gateway_document "  denyPrefixes: [203.0.113.0/24]
  denyPrefixFiles: [list.txt]"
reload_by_signal
ok "with one there is"                      xdp_on wan0
ok "and status says how"                    not is off gate_of wan0
for source in 203.0.113.9 198.51.100.7; do
	ok "$source is dropped by the gate" counts wan0 ingress DROP_DENY_LIST \
		silent server udp 10.10.0.5 53 -s $source
done
ok "IPv6 too"                               counts wan0 ingress DROP_DENY_LIST \
	silent server udp fd00:10::5 53 -s 2001:db8:bad::1
ok "everybody else passes"                  reaches server udp 10.10.0.5 53
ok "over IPv6 too"                          reaches server udp fd00:10::5 53

chasqui events --follow -o json >events.json &
sleep 0.5
ask server udp 10.10.0.5 53 -s 203.0.113.9 -t 200 >/dev/null
event_told() { grep -q '"DROP_DENY_LIST"' events.json; }
ok "an event tells of it"                   eventually event_told
kill %?events

ok "a running flow hits the gate as well"   reaches server tcp 10.10.0.5 80 -s 192.0.2.10
hold server tcp 10.10.0.5 80 flow -s 192.0.2.10
gateway_document "  denyPrefixes: [203.0.113.0/24, 192.0.2.10/32]"
reload_by_signal
ok "and ends when its source is listed"     eventually is silent held flow
gateway_document
reload_by_signal
ok "with the list gone the gate goes"       eventually not xdp_on wan0
ok "and the flow goes on"                   eventually is answered held flow
