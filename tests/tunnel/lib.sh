# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# Sourced first by tests/tunnel/*.t and by the bench. Two machines on one wire, each with a tunnel:
#
#   a: wga 192.168.241.1 fd00::1 -- 10.0.0.1 fd00:aa::1 === 10.0.0.2 fd00:aa::2 -- wgb 192.168.241.2 fd00::2 :b
#
# Everything is in namespaces of the test's own and gone when it ends.

[ "${CHQ_SANDBOX:-}" ] || CHQ_SANDBOX=1 exec \
	unshare --mount --net --pid --fork --kill-child --mount-proc -- bash "$0" "$@"

here=$(realpath "${BASH_SOURCE[0]%/*}")
top=${here%/tests/*}
built=$(realpath "${BUILD:-$top/build}")
ours=$built/chasqui-wg
mount -t tmpfs none /run && mkdir /run/netns /run/test
cd /run/test || exit 1

count=0 failed=0
finish() {
	echo "1..$count"
	exit $((failed > 0))
}
trap finish EXIT

# ok NAME COMMAND...: one line of TAP, with the command when it fails.
ok() {
	local name=$1 output; shift; count=$((count + 1))
	if output=$("$@" 2>&1); then
		echo "ok $count - $name"
	else
		failed=$((failed + 1))
		printf 'not ok %d - %s\n# %s\n' "$count" "$name" "$*"
		[ -z "$output" ] || printf '%s\n' "$output" | tail -8 | cut -c1-200 | sed 's/^/# /'
	fi
}

skip() { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }
not() { ! "$@"; }

# is WANTED COMMAND...: the command prints exactly this.
is() {
	local wanted=$1 got; shift
	got=$("$@" 2>&1)
	[ "$got" = "$wanted" ] || { echo "wanted: $wanted"; echo "got:    $got"; return 1; }
}

# eventually COMMAND...: tries a hundred times, a tenth of a second apart.
eventually() {
	for _ in {1..100}; do "$@" && return; sleep 0.1; done
	return 1
}

on() { local host=$1; shift; nsenter --net="/run/netns/$host" -- "$@"; }

# wire: the two machines.
wire() {
	local host
	for host in a b; do
		ip netns add $host
		ip -n $host link set lo up
		on $host sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
	done
	ip -n a link add eth0 type veth peer name eth0 netns b
	ip -n a addr add 10.0.0.1/24 dev eth0; ip -n a addr add fd00:aa::1/64 dev eth0 nodad
	ip -n b addr add 10.0.0.2/24 dev eth0; ip -n b addr add fd00:aa::2/64 dev eth0 nodad
	ip -n a link set eth0 up; ip -n b link set eth0 up
	umask 077; mkdir -p /run/test/keys
	for host in a b; do
		wg genkey | tee "/run/test/keys/$host" | wg pubkey >"/run/test/keys/$host.pub"
	done
	wg genpsk >/run/test/keys/psk
}

key() { cat "/run/test/keys/$1.pub"; }

# engine HOST [PROGRAM [OPTION...]]: starts it there for wgHOST; pid in $engine_pid and HOST.pid.
# PROGRAM may be `kernel`: its own device.
engine() {
	local host=$1 program=${2:-$ours}; shift; [ $# = 0 ] || shift
	if [ "$program" = kernel ]; then
		engine_pid=
		ip -n "$host" link add "wg$host" type wireguard
		return
	fi
	case $program in
	*chasqui-wg) LOG_LEVEL=verbose nsenter --net="/run/netns/$host" -- \
		"$program" -f "$@" "wg$host" 2>>"/run/test/$host.log" & ;;
	*) LOG_LEVEL=error nsenter --net="/run/netns/$host" -- \
		"$program" -f "wg$host" >/dev/null 2>>"/run/test/$host.log" & ;;
	esac
	engine_pid=$!
	echo $engine_pid >"/run/test/$host.pid"
	eventually on "$host" wg show "wg$host" >/dev/null 2>&1
}

# kill_engine HOST [SIGNAL]
kill_engine() {
	local pid; pid=$(cat "/run/test/$1.pid")
	kill "-${2:-TERM}" "$pid"; wait "$pid" 2>/dev/null; true
}

# configure HOST: its key, port, addresses; up.
configure() {
	local number=1; [ "$1" = a ] || number=2
	on "$1" wg set "wg$1" private-key "/run/test/keys/$1" listen-port $number
	ip -n "$1" addr add "192.168.241.$number/24" dev "wg$1"
	ip -n "$1" addr add "fd00::$number/64" dev "wg$1" nodad
	ip -n "$1" link set "wg$1" up
}

# befriend [v6]: each is the other's peer, with a preshared key.
befriend() {
	local to_a=10.0.0.1:1 to_b=10.0.0.2:2
	[ "${1:-}" != v6 ] || { to_a="[fd00:aa::1]:1" to_b="[fd00:aa::2]:2"; }
	on a wg set wga peer "$(key b)" preshared-key /run/test/keys/psk \
		allowed-ips 192.168.241.2/32,fd00::2/128 endpoint "$to_b"
	on b wg set wgb peer "$(key a)" preshared-key /run/test/keys/psk \
		allowed-ips 192.168.241.1/32,fd00::1/128 endpoint "$to_a"
}

pings() { on "$1" ping -n -q -c "${3:-1}" -W "${4:-2}" -i 0.2 "${@:5}" "$2"; }
