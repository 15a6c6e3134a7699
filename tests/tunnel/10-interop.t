#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The engine beside Debian's wireguard-go: each as the one who begins, both families, both under load.
# shellcheck source=tests/tunnel/lib.sh
. "${0%/*}/lib.sh"

wire
on a sysctl -qw net.ipv4.conf.all.promote_secondaries=1

# between A-PROGRAM B-PROGRAM FAMILY [OPTION-OF-A...]
between() {
	local name="${1##*/} ${*:4} with ${2##*/}, IP$3 outside" pid_a pid_b
	engine a "$1" "${@:4}"; pid_a=$engine_pid
	engine b "$2"; pid_b=$engine_pid
	configure a; configure b; befriend "$3"
	ok "$name: it answers" pings a 192.168.241.2
	ok "$name: IPv6 inside" pings a fd00::2
	ok "$name: from the other side" pings b 192.168.241.1
	ok "$name: packets of every size" sizes a 192.168.241.2
	ok "$name: TCP" stream a b 192.168.241.2
	ok "$name: a keepalive each second" keeps_alive
	roams "$3" "$name"
	under_load "$3" "$name"
	kill "$pid_a" "$pid_b"; wait "$pid_a" "$pid_b" 2>/dev/null
	eventually not ip -n a link show wga >/dev/null 2>&1
	eventually not ip -n b link show wgb >/dev/null 2>&1
}

sizes() {
	local size
	for size in 0 1 15 16 17 1363 1364 1391 1392 1400 3000 8000; do
		on "$1" ping -n -q -c 1 -W 2 -s $size "$2" || return 1
	done
}

# stream FROM TO ADDRESS: a megabyte arrives as it was sent.
stream() {
	head -c 1000000 /dev/urandom >/run/test/sent
	on "$2" socat -u TCP6-LISTEN:7000,ipv6only=0,reuseaddr OPEN:/run/test/got,creat,trunc &
	local server=$!
	eventually on "$2" ss -ltn "sport = 7000" | grep -q 7000 || sleep 0.2
	on "$1" socat -u OPEN:/run/test/sent "TCP:$3:7000,connect-timeout=3" || return 1
	wait $server
	cmp /run/test/sent /run/test/got
}

received() { on b wg show wgb transfer | cut -f2; }
keeps_alive() {
	local before; before=$(received)
	on a wg set wga peer "$(key b)" persistent-keepalive 1; sleep 3.3
	on a wg set wga peer "$(key b)" persistent-keepalive 0
	[ $(($(received) - before)) -ge 96 ]
}

# roams FAMILY NAME: a is found at its new address, and at its old one again.
roams() {
	local old=10.0.0.1 new=10.0.0.77 bits=24 place
	[ "$1" = v4 ] || old=fd00:aa::1 new=fd00:aa::77 bits=64
	ip -n a addr add $new/$bits dev eth0 nodad 2>/dev/null || ip -n a addr add $new/$bits dev eth0
	ip -n a addr del $old/$bits dev eth0
	ok "$2: from another address" eventually pings a 192.168.241.2 1 1
	place=$new:1; [ "$1" = v4 ] || place="[$new]:1"
	ok "$2: and found there" is "$place" eval "on b wg show wgb endpoints | cut -f2"
	ip -n a addr add $old/$bits dev eth0 nodad 2>/dev/null || ip -n a addr add $old/$bits dev eth0
	ip -n a addr del $new/$bits dev eth0
	eventually pings a 192.168.241.2 1 1 >/dev/null
}

# under_load FAMILY NAME: while b is flooded, a begins anew: it is sent a cookie, and let in with it.
under_load() {
	local family=$1 name=$2 flooder
	count_cookies
	nsenter --net=/run/netns/b -- "$flood" 127.0.0.1 2 "$(key b)" 30000 30 >/dev/null & flooder=$!
	sleep 0.5
	on a wg set wga peer "$(key b)" remove; befriend "$family"
	ok "$name: a handshake under load" within_thirty pings a 192.168.241.2 1 1
	kill $flooder; wait $flooder 2>/dev/null
	ok "$name: a cookie was sent" more_than_none cookies
	ok "$name: and shown" more_than_none shown
	on a nft delete table inet load
}
within_thirty() { for _ in {1..30}; do "$@" && return; done; return 1; }
more_than_none() { on a nft list counter inet load "$1" | grep -q 'packets [1-9]'; }

# What passes a's side of the wire: cookie replies, and initiations that show a cookie (mac2 is not zero).
count_cookies() {
	on a nft -f - <<-N
		table inet load {
			counter cookies { }
			counter shown { }
			chain in {
				type filter hook input priority 0
				udp sport 2 udp length 72 @th,64,32 0x03000000 counter name cookies
			}
			chain out {
				type filter hook output priority 0
				udp dport 2 udp length 156 @th,64,32 0x01000000 @th,1120,32 != 0 counter name shown
			}
		}
	N
}
flood=$built/tests/tunnel/flood

between "$ours" "$ours" v4 --workers 3
if command -v wireguard-go >/dev/null; then
	between "$ours" wireguard-go v4
	between wireguard-go "$ours" v6
else
	skip "beside wireguard-go" "it is not installed"
fi
