#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The engine beside the kernel's own WireGuard, over a wire that netem spoils, and with a clock that is set back.
# shellcheck source=tests/tunnel/lib.sh
. "${0%/*}/../tunnel/lib.sh"

# An emulated machine is slow.
patient() { for _ in {1..15}; do "$@" && return; done; return 1; }
there() { patient pings "$1" "$2" 1 2; }
endpoint() { on "$1" wg show "wg$1" endpoints | cut -f2; }
handshake_at() { on "$1" wg show "wg$1" latest-handshakes | cut -f2; }
received() { on "$1" wg show "wg$1" transfer | cut -f2; }
stream() {
	local server
	on b socat -u TCP6-LISTEN:7000,ipv6only=0,reuseaddr OPEN:/run/test/got,creat,trunc & server=$!
	eventually eval 'on b ss -Hltn "sport = 7000" | grep -q .'
	timeout 60 nsenter --net=/run/netns/a -- socat -u OPEN:sent "TCP:$1:7000,connect-timeout=10" || return 1
	wait $server
	cmp sent got
}
sizes() { local size; for size in 0 1 15 16 17 1363 1391 1392 1400 3000 8000; do
	patient eval "on a ping -n -q -c 1 -W 2 -s $size 192.168.241.2 >/dev/null" || return 1; done; }

# between A B FAMILY: everything that two ends can do with each other; the first begins.
between() {
	local name="${1##*/} with ${2##*/}, IP$3 outside" place=10.0.0.9:1
	engine a "$1"; engine b "$2"
	configure a; configure b; befriend "$3"
	ok "$name: it answers"             there a 192.168.241.2
	ok "$name: IPv6 inside"            there a fd00::2
	ok "$name: from the other side"    there b 192.168.241.1
	ok "$name: packets of every size"  sizes
	ok "$name: TCP"                    stream 192.168.241.2
	if [ "$3" = v4 ]; then ip -n a addr add 10.0.0.9/24 dev eth0; ip -n a addr del 10.0.0.1/24 dev eth0
	else place='[fd00:aa::9]:1'; ip -n a addr add fd00:aa::9/64 dev eth0 nodad; ip -n a addr del fd00:aa::1/64 dev eth0; fi
	ok "$name: from another address"   there a 192.168.241.2
	ok "$name: and found there"        is $place endpoint b
	on b wg set wgb listen-port 22
	ok "$name: the other's port changes" there b 192.168.241.1
	ok "$name: and is found too"       eval '[[ $(endpoint a) == *:22 ]]'
	local before; before=$(received b)
	on a wg set wga peer "$(key b)" persistent-keepalive 1; sleep 4
	ok "$name: keepalives"             [ $(($(received b) - before)) -ge 64 ]
	on a wg set wga peer "$(key b)" persistent-keepalive 0
	before=$(handshake_at a)
	on b wg set wgb private-key /run/test/keys/c
	on a wg set wga peer "$(key b)" remove
	on a wg set wga peer "$(key c)" preshared-key keys/psk allowed-ips 192.168.241.2/32,fd00::2/128 endpoint "$(endpoint_for_a "$3")"
	ok "$name: another key"            there a 192.168.241.2
	end a "$1"; end b "$2"
	if [ "$3" = v4 ]; then ip -n a addr add 10.0.0.1/24 dev eth0; ip -n a addr del 10.0.0.9/24 dev eth0
	else ip -n a addr add fd00:aa::1/64 dev eth0 nodad; ip -n a addr del fd00:aa::9/64 dev eth0; fi
}
endpoint_for_a() { if [ "$1" = v4 ]; then echo 10.0.0.2:22; else echo '[fd00:aa::2]:22'; fi; }
end() {
	if [ "$2" = kernel ]; then ip -n "$1" link del "wg$1"; else kill_engine "$1"; fi
	eventually not ip -n "$1" link show "wg$1" >/dev/null 2>&1
}

echo "# $(uname -r)"
for module in tun wireguard sch_netem; do modprobe $module; done
[ -e /dev/net/tun ] || { mkdir -p /dev/net; mknod /dev/net/tun c 10 200; }
wire
on a sysctl -qw net.ipv4.conf.all.promote_secondaries=1
wg genkey | tee keys/c | wg pubkey >keys/c.pub
head -c 300000 /dev/urandom >sent

ok "the engine is confined"        "$built/tests/tunnel/test_confine"
ok "by Landlock, too"              not eval '"$built/tests/tunnel/test_confine" 2>&1 | grep "no Landlock here"'
between "$ours" kernel v4
between kernel "$ours" v6

# ---- under load ----

flood=$built/tests/tunnel/flood
under_load() {
	local name="${1##*/} with ${2##*/}" flooder rate met cookie
	engine a "$1"; engine b "$2"
	configure a; configure b; befriend
	there a 192.168.241.2
	on a nft -f - <<-N
		table inet load {
			counter cookies { }
			chain in {
				type filter hook input priority 0
				udp sport 2 udp length 72 @th,64,32 0x03000000 counter name cookies
			}
		}
	N
	# What is load to one machine is none to another.
	for rate in 5000 10000 20000 40000; do
		nsenter --net=/run/netns/b -- "$flood" 127.0.0.1 2 "$(key b)" $rate 60 >/dev/null & flooder=$!
		sleep 1
		on a wg set wga peer "$(key b)" remove; befriend
		there a 192.168.241.2 >/dev/null && met=yes || met=no
		kill $flooder; wait $flooder 2>/dev/null
		on a nft list counter inet load cookies | grep -q 'packets [1-9]' && cookie=yes || cookie=no
		[ $met$cookie = yesno ] || break
	done
	ok "$name: a handshake under load" [ $met = yes ]
	ok "$name: by a cookie"            [ $cookie = yes ]
	on a nft delete table inet load
	end a "$1"; end b "$2"
}
under_load "$ours" kernel
under_load kernel "$ours"

# ---- a bad wire ----

engine a; engine b kernel
configure a; configure b; befriend
there a 192.168.241.2
spoil() { tc -n a qdisc replace dev eth0 root netem "$@" && tc -n b qdisc replace dev eth0 root netem "$@"; }
for bad in "loss 20%" "duplicate 30%" "corrupt 5%" "delay 10ms reorder 30% 50%" "delay 1ms" "delay 30ms 10ms" "delay 300ms"; do
	# shellcheck disable=SC2086
	spoil $bad
	on a wg set wga peer "$(key b)" remove; befriend
	ok "$bad: a handshake"             there a 192.168.241.2
	ok "$bad: and it carries"          there b 192.168.241.1
	[[ $bad == *loss* || $bad == *300ms* ]] || ok "$bad: TCP" stream 192.168.241.2
done
tc -n a qdisc del dev eth0 root; tc -n b qdisc del dev eth0 root

# ---- a clock that is set backwards ----

there a 192.168.241.2
date -s '-1 day' >/dev/null
on b wg set wgb peer "$(key a)" remove; befriend
ip -n a link set wga down; ip -n a link set wga up; ip -n a route replace 192.168.241.0/24 dev wga
ok "a clock set back by a day: a handshake" there a 192.168.241.2
before=$(handshake_at a); sleep 2
ip -n a link set wga down; ip -n a link set wga up; ip -n a route replace 192.168.241.0/24 dev wga
ok "and another, with a peer that knew the time before" there a 192.168.241.2
ok "it was another"                [ "$(handshake_at a)" -gt "$before" ]
