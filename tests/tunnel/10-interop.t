#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The engine beside Debian's wireguard-go: each as the one who begins, both families.
# shellcheck source=tests/tunnel/lib.sh
. "${0%/*}/lib.sh"

wire

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

between "$ours" "$ours" v4 --workers 3
if command -v wireguard-go >/dev/null; then
	between "$ours" wireguard-go v4
	between wireguard-go "$ours" v6
else
	skip "beside wireguard-go" "it is not installed"
fi
