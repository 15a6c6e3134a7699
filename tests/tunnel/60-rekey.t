#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Two minutes of a session's life and a little more, beside Debian's wireguard-go, each as the one who begins:
# new keys, and no packet lost. Mostly waits.
# shellcheck source=tests/tunnel/lib.sh
. "${0%/*}/lib.sh"

command -v wireguard-go >/dev/null || { skip "new keys beside wireguard-go" "it is not installed"; exit; }

# pair BEGINS ANSWERS DEVICE-A DEVICE-B NET PORT
pair() {
	nsenter --net=/run/netns/a -- "$1" "$3" >/dev/null 2>&1 </dev/null
	nsenter --net=/run/netns/b -- "$2" "$4" >/dev/null 2>&1 </dev/null
	eventually wg show "$3" >/dev/null 2>&1; eventually wg show "$4" >/dev/null 2>&1
	wg set "$3" private-key keys/a listen-port "$6" peer "$(key b)" allowed-ips "$5.2/32" endpoint "10.0.0.2:$6"
	wg set "$4" private-key keys/b listen-port "$6" peer "$(key a)" allowed-ips "$5.1/32"
	ip -n a addr add "$5.1/24" dev "$3"; ip -n a link set "$3" up
	ip -n b addr add "$5.2/24" dev "$4"; ip -n b link set "$4" up
	eventually pings a "$5.2" >/dev/null
	wg show "$3" latest-handshakes | cut -f2 >"$3.first"
	nsenter --net=/run/netns/a -- ping -n -q -i 0.2 -c 640 "$5.2" >"$3.pings" &
	nsenter --net=/run/netns/b -- ping -n -q -i 0.2 -c 640 "$5.1" >"$4.pings" &
}
renewed() {
	local later; later=$(wg show "$1" latest-handshakes | cut -f2)
	[ $((later - $(cat "$1.first"))) -ge 118 ] || { echo "$later after $(cat "$1.first")"; return 1; }
}
none_lost() { grep -q '640 received' "$1.pings" || { cat "$1.pings"; return 1; }; }

wire
pair "$ours" wireguard-go wga wgb 192.168.241 1001
pair wireguard-go "$ours" wgc wgd 192.168.242 1002
wait
ok "we began: new keys after two minutes"     renewed wga
ok "we began: no packet lost"                 none_lost wga
ok "we began: none lost on the way back"      none_lost wgb
ok "it began: new keys after two minutes"     renewed wgc
ok "it began: no packet lost"                 none_lost wgc
ok "it began: none lost on the way back"      none_lost wgd
