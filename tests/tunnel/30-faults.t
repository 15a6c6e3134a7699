#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# A wire that loses, doubles, spoils and reorders; a flood of forged handshakes; a large configuration;
# an engine that is stopped for a while.
# shellcheck source=tests/tunnel/lib.sh
. "${0%/*}/lib.sh"

relay=$built/tests/tunnel/relay flood=$built/tests/tunnel/flood

# bad_wire LOSS DOUBLE SPOIL REORDER DELAY: between a and b from now on.
bad_wire() {
	[ -z "${wire_pid:-}" ] || { kill "$wire_pid"; wait "$wire_pid" 2>/dev/null; }
	nsenter --net=/run/netns/b -- "$relay" 9 127.0.0.1 2 "$@" & wire_pid=$!
	on a wg set wga peer "$(key b)" endpoint 10.0.0.2:9
	eventually pings a 192.168.241.2 1 1 >/dev/null
}

# crosses BYTES: so many arrive as they were sent.
crosses() {
	local server
	head -c "$1" /dev/urandom >sent
	on b socat -u TCP-LISTEN:7000,reuseaddr OPEN:/run/test/got,creat,trunc & server=$!
	eventually listening
	timeout 20 nsenter --net=/run/netns/a -- socat -u OPEN:sent TCP:192.168.241.2:7000 || return 1
	wait $server
	cmp sent got
}
listening() { on b ss -Hltn "sport = 7000" | grep -q .; }

# loses NAME: how many of 100 pings come back, in percent lost.
lost() { on a ping -n -q -i 0.02 -c 100 -W 1 192.168.241.2 | sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p'; }
at_most() { local most=$1 got; shift; got=$("$@"); awk "BEGIN { exit !(${got:-1000} <= $most) }" || { echo "$got"; return 1; }; }
counted() {
	kill -USR1 "$(cat b.pid)"; sleep 0.2
	grep "dropped, $1" b.log | tail -1 | sed 's/.*: //'
}
more() { [ "$(counted "$1")" -gt "$2" ]; }

wire
engine a; engine b
configure a; configure b; befriend

bad_wire 0 0 0 0 0
ok "a relay in between changes nothing"   crosses 2000000
bad_wire 20 0 0 0 0
ok "a handshake through 20 % of loss"     eventually pings a 192.168.241.2 1 1
ok "loss stays what the wire loses"       at_most 60 lost
bad_wire 0 30 0 0 0
ok "doubles are thrown away"              crosses 500000
ok "and counted as replays"               more replayed 10
bad_wire 0 0 5 0 0
ok "what is spoiled never arrives"        crosses 200000
lost >/dev/null
ok "and is counted as forged"             more forged 0
bad_wire 0 0 0 30 1
ok "reordering breaks nothing"            crosses 300000
bad_wire 0 0 0 0 1
ok "a short way"                          crosses 300000
bad_wire 0 0 0 0 150
ok "a long way, 300 ms there and back"    pings a 192.168.241.2 2 2
ok "and it carries"                       crosses 100000
# First the relay: what it still held would come from there, and be followed.
kill "$wire_pid"; wait "$wire_pid" 2>/dev/null
on a wg set wga peer "$(key b)" endpoint 10.0.0.2:2
eventually pings a 192.168.241.2 1 1 >/dev/null

# ---- a flood ----

on a "$flood" 10.0.0.2 2 "$(key b)" 100000 6 >flooded & flooder=$!
sleep 1
ok "under a flood the session goes on"    at_most 40 lost
wait $flooder
echo "# forged handshakes a second: $(cat flooded)"
ok "it was one"                           [ "$(cat flooded)" -gt 20000 ]
# Under load who shows a cookie is let in: forget the session and begin anew.
on a "$flood" 10.0.0.2 2 "$(key b)" 20000 12 >/dev/null & flooder=$!
sleep 0.5
ip -n a link set wga down; ip -n a link set wga up; ip -n a route replace 192.168.241.0/24 dev wga
ok "under a flood a handshake succeeds, with a cookie" eventually pings a 192.168.241.2 1 1
kill $flooder; wait $flooder 2>/dev/null
ok "memory has not grown"                 [ "$(awk '/VmHWM/{print $2}' "/proc/$(cat b.pid)/status")" -lt 65536 ]

# ---- stopped for a while ----

kill -STOP "$(cat b.pid)"; pings a 192.168.241.2 3 1 >/dev/null; kill -CONT "$(cat b.pid)"
ok "stopped and continued, it goes on"    eventually pings a 192.168.241.2

# ---- a full disk: nothing of it is written ----

mount -o remount,size=$(($(du -sk /run | cut -f1) + 256))k /run
cat /dev/zero >fill 2>/dev/null
ok "the disk is full"                     not eval 'head -c 100000 /dev/zero >more'
ip -n a link set wga down; ip -n a link set wga up; ip -n a route replace 192.168.241.0/24 dev wga
ok "a handshake succeeds"                 eventually pings a 192.168.241.2 1 1
ok "and the device can be configured"     eval 'on a wg set wga listen-port 1 && on a wg show wga'
rm -f fill more; mount -o remount,size=50% /run

# ---- memory ----

hundred() {
	local i
	for i in {1..99}; do printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.77.%d.0/24\n' "$(wg genkey | wg pubkey)" "$i"; done
}
on b wg addconf wgb <(hundred)
ok "a hundred peers"                      is 100 eval "on b wg show wgb peers | wc -l"
ok "and full load on one of them"         crosses 50000000
resident() { awk '/VmHWM/{print $2}' "/proc/$(cat "$1.pid")/status"; }
ok "take less than 64 MiB"                eval '[ "$(resident b)" -lt 65536 ] && [ "$(resident a)" -lt 65536 ]'

# ---- much at once ----

many() {		# 65,536 peers, two addresses each but for the last
	awk 'BEGIN {
		print "[Interface]"
		for (i = 0; i < 65536; i++) {
			printf "[Peer]\nPublicKey = "
			cmd = ""
			n = i
			s = sprintf("%08x", i)
			print key(i)
			printf "AllowedIPs = 10.%d.%d.0/32", int(i / 256), i % 256
			if (i < 65024) printf ", fd00:%x::/64", i + 1
			print ""
		}
	}
	function key(i,   a, k) {
		a = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
		k = substr(a, int(i / 4096) % 64 + 1, 1) substr(a, int(i / 64) % 64 + 1, 1) substr(a, i % 64 + 1, 1)
		return k "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN="
	}'
}
sized() {
	on a wg show wga dump >dump || return 1
	[ "$(($(wc -l <dump) - 1)) $(tail -n +2 dump | cut -f4 | tr ',' '\n' | wc -l)" = "65536 130560" ] ||
		{ head -c 300 dump; wc -l dump; return 1; }
}
many | sed 's/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN=/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMA=/' >many.conf
ok "65,536 peers and 130,560 addresses in one set" on a wg setconf wga many.conf
ok "and in one get"                       sized
ok "all gone in one set"                  on a wg setconf wga /dev/stdin <<<"[Interface]"
ok "none is left"                         is "" on a wg show wga peers
