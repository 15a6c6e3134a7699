#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Also in the VM, with Linux 6.1.
#
# Real frames, which BPF_PROG_TEST_RUN cannot make: VLAN devices, two tags, segments of TCP and UDP
# that are one packet until the wire, 9,000 bytes, fragments, and a port without Ethernet.
. "${0%/*}/../lib/netns.sh"

open_web() {
	policy_document web "app: web" <<E
ingress:
- fromEntities: [world]
  toPorts: [{ports: [{port: "80", protocol: TCP}, {port: "53", protocol: UDP}]}]
E
}
ports() {			# ports NAME...: outside ports; lan0 is inside
	local name list="{name: lan0, role: inside}"
	for name; do list+=", {name: $name, role: outside}"; done
	document gateway <<E
apiVersion: chasqui.io/v1
kind: Gateway
metadata: {name: gw}
spec: {pickup: 0, ports: [$list]}
E
}

host web lan0 10.10.0.5/24 10.10.0.1 fd00:10::5/64 fd00:10::1
host server wan0 192.0.2.10/24 192.0.2.1 2001:db8:2::10/64 2001:db8:2::1
serve web tcp/80 tcp/22 udp/53 udp/54
ports wan0
endpoint_document web "app: web" '10.10.0.5, "fd00:10::5"'
open_web
gateway_up

# passes WHAT SOURCE: both families where SOURCE says so
passes() {			# passes WHAT FROM WEB
	ok "$1: TCP passes"            reaches "$2" tcp "$3" 80
	ok "$1: UDP passes"            reaches "$2" udp "$3" 53
	ok "$1: a closed port is shut" counts "$4" ingress DROP_NO_RULE silent "$2" tcp "$3" 22
}
for web in 10.10.0.5 fd00:10::5; do
	passes "plain, $web" server $web wan0
	ok "TCP in large segments, $web"          reaches server tcp $web 80 -l 250000 -t 3000
	ok "UDP in segments, $web"                reaches server udp $web 53 -l 12000 -g 1200
	ok "fragments, $web"                      reaches server udp $web 53 -l 8000
	ok "fragments to a closed port, $web"     counts wan0 ingress DROP_NO_RULE silent server udp $web 54 -l 8000
done

# Segments count: 10 datagrams in one packet are 10.
before=$(reason_count wan0 ingress PASS_ALLOWED)
reaches server udp 10.10.0.5 53 -l 12000 -g 1200 >/dev/null
ok "a packet of ten segments counts ten"          is $((before + 10)) reason_count wan0 ingress PASS_ALLOWED

ip link set lan0 mtu 9000; ip -n web link set eth0 mtu 9000
ip link set wan0 mtu 9000; ip -n server link set eth0 mtu 9000
for web in 10.10.0.5 fd00:10::5; do
	ok "9,000 bytes, UDP, $web"               reaches server udp $web 53 -l 8900
	ok "9,000 bytes, TCP, $web"               reaches server tcp $web 80 -l 250000 -t 3000
done

# A port without Ethernet: two tun devices and a pipe between them.
modprobe -q tun 2>/dev/null
if [ -c /dev/net/tun ]; then
	ip netns add far && ip -n far link set lo up
	socat TUN:203.0.113.1/24,tun-name=tun0,iff-no-pi,up UNIX-LISTEN:/run/test/tun.sock 2>/dev/null &
	eventually test -S /run/test/tun.sock
	nsenter --net=/run/netns/far socat TUN:203.0.113.10/24,tun-name=tun0,iff-no-pi,up UNIX-CONNECT:/run/test/tun.sock 2>/dev/null &
	numbered() { ip -n far addr show tun0 | grep -q 203.0.113.10 && ip addr show tun0 | grep -q 203.0.113.1; }
	far_is_up() { numbered && ip -n far link show tun0 | grep -q LOWER_UP; }
	eventually far_is_up
	ip -n far route add default via 203.0.113.1
	ports wan0 tun0
	reload_by_signal
	passes "no Ethernet header" far 10.10.0.5 tun0
else
	skip "a port without Ethernet" "no /dev/net/tun here"
fi

if ! ip link add link wan0 name probe type vlan id 2 2>/dev/null; then
	skip "VLAN devices and tags" "this kernel has no VLAN devices"
	exit
fi
ip link del probe

# A VLAN device as a port of its own, on a wire that is none.
ip netns add tagged && ip -n tagged link set lo up
ip link add trunk0 type veth peer name eth0 netns tagged
ip link set trunk0 up; ip -n tagged link set eth0 up
ip link add link trunk0 name trunk0.20 type vlan id 20 && ip link set trunk0.20 up
ip -n tagged link add link eth0 name v20 type vlan id 20; ip -n tagged link set v20 up
ip addr add 198.51.100.1/24 dev trunk0.20; ip -n tagged addr add 198.51.100.10/24 dev v20
ip addr add 2001:db8:20::1/64 dev trunk0.20 nodad; ip -n tagged addr add 2001:db8:20::10/64 dev v20 nodad
ip -n tagged route add default via 198.51.100.1; ip -n tagged -6 route add default via 2001:db8:20::1
ports wan0 trunk0.20
reload_by_signal
passes "a VLAN device" tagged 10.10.0.5 trunk0.20
passes "a VLAN device, IPv6" tagged fd00:10::5 trunk0.20
ok "large segments through it"                    reaches tagged tcp 10.10.0.5 80 -l 250000 -t 3000

# The trunk itself as the port: tags are in skb metadata, or the packet.
ports wan0 trunk0
reload_by_signal
passes "tags on a port" tagged 10.10.0.5 trunk0
passes "tags on a port, IPv6" tagged fd00:10::5 trunk0
ip link add link trunk0.20 name q0 type vlan id 30 && ip link set q0 up
ip -n tagged link add link v20 name q0 type vlan id 30 && ip -n tagged link set q0 up
ip addr add 198.51.101.1/24 dev q0; ip -n tagged addr add 198.51.101.10/24 dev q0
passes_tagged() { reaches tagged tcp 10.10.0.5 80 -s 198.51.101.10; }
ip -n tagged route add 10.10.0.0/24 via 198.51.101.1 src 198.51.101.10
ok "two tags pass"                                passes_tagged
ok "two tags, a closed port"                      counts trunk0 ingress DROP_NO_RULE \
	silent tagged tcp 10.10.0.5 22 -s 198.51.101.10
