# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# A small network out of namespaces, with the gateway in its middle. Sourced first by the demo,
# the benchmarks and (through netns.sh) the tests.
#
# The script runs itself again inside namespaces of its own. Nothing it makes can
# be seen from outside and all of it is gone when it ends, however it ends: there
# is no cleanup to write and none to forget. The sandbox itself is the gateway.
#
# With CHQ_SANDBOX=machine it is the machine as it stands: for a virtual one, which is thrown away as well.

# Mounts of ours must not be seen outside. Where the root is no mount of its own (a bare chroot),
# that cannot be asked for; then it is tried out first.
mounts_stay() {
	local probe inside=0
	awk '$5 == "/" { found = 1 } END { exit !found }' /proc/self/mountinfo 2>/dev/null && return
	propagation=unchanged
	probe=$(mktemp -d)
	unshare --mount --propagation unchanged -- mount -t tmpfs none "$probe" &&
		! mountpoint -q "$probe" && inside=1
	umount "$probe" 2>/dev/null
	rmdir "$probe"
	[ "$inside" = 1 ]
}

if [ -z "${CHQ_SANDBOX:-}" ]; then
	propagation=private
	mounts_stay || {
		echo "$0: mounts made here would be seen outside: make the root a mount (mount --bind DIR DIR)" >&2
		exit 1
	}
	export CHQ_SANDBOX=$propagation
	exec unshare --mount --propagation $propagation --net --pid --fork --kill-child -- bash "$0" "$@"
fi
if [ "$CHQ_SANDBOX" = unchanged ]; then
	# ip(8) insists on a root that is a mount: here nobody else sees that we make it one.
	export CHQ_SANDBOX=private
	mount --rbind / /mnt && exec chroot /mnt bash -c 'cd "$0" && exec bash "$@"' "$PWD" "$0" "$@"
fi
[ "$CHQ_SANDBOX" = machine ] || {
	mount -t proc proc /proc
	[ -e /sys/kernel ] || mount -t sysfs sysfs /sys
	mount -t tmpfs none /run
	mount -t bpf none /sys/fs/bpf
}

top=$(realpath "${BASH_SOURCE[0]%/*}/../..")
built=$(realpath "${BUILD:-$top/build}")
PATH=$built:$built/tests/lib:$PATH

mkdir /run/netns /run/test
ip link set lo up
cd /run/test || exit 1

config=/run/test/config run=/run/chasqui state=/run/test/state pins=/sys/fs/bpf/chasqui
mkdir "$config"

not() { ! "$@"; }

# eventually COMMAND...: tries again, a tenth of a second apart, for some ten seconds (for thirty in
# an emulated machine). Only the last try is heard.
patience=10
[ -z "${IN_VM:-}" ] || patience=30
eventually() {
	local end=$((SECONDS + patience))
	while [ "$SECONDS" -lt "$end" ]; do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
	"$@"
}

# is WANTED COMMAND...: the command prints exactly this.
is() {
	local wanted=$1 got; shift
	got=$("$@" 2>&1)
	[ "$got" = "$wanted" ] || { echo "wanted: $wanted"; echo "got:    $got"; return 1; }
}

# says WORDS COMMAND...: the command prints these words somewhere, whatever its status.
says() {
	local words=$1 got; shift
	got=$("$@" 2>&1)
	[[ $got == *"$words"* ]] || { echo "wanted: $words"; echo "got:    $got"; return 1; }
}

# ---- the network ----

# Bridges and fresh devices talk IPv6 on their own; a test wants only what it says itself.
quiet() { sysctl -qw "net.ipv6.conf.$1.accept_dad=0" "net.ipv6.conf.$1.accept_ra=0"; }
quiet default

# on HOST COMMAND...: there. (`ip netns exec` would mount a fresh /sys, without our bpffs.)
on() { local host=$1; shift; nsenter --net="/run/netns/$host" -- "$@"; }

# host NAME PORT ADDRESS/BITS GATEWAY [ADDRESS6/BITS GATEWAY6]: a machine at the gateway's
# interface PORT, whose own end is eth0.
host() {
	ip netns add "$1" && ip -n "$1" link set lo up
	on "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
	# A fast machine opens more connections in a minute than it has ports to open them from.
	on "$1" sysctl -qw net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range="2048 65000"
	plug "$@"
}

# plug: the wire of `host`, also for one that was pulled.
plug() {
	ip link add "$2" type veth peer name eth0 netns "$1"
	ip link set "$2" up && ip -n "$1" link set eth0 up
	ip addr add "$4/${3#*/}" dev "$2"
	ip -n "$1" addr add "$3" dev eth0 && ip -n "$1" route add default via "$4"
	[ "${5:-}" ] || return 0
	ip addr add "$6/${5#*/}" dev "$2" nodad
	ip -n "$1" addr add "$5" dev eth0 nodad && ip -n "$1" route add default via "$6"
}

# serve HOST PROTOCOL/PORT...: echoes there until the test ends; `heard HOST NAME` counts. (Not by
# `on`: a function in the background is a shell of its own, and its number not the peer's.)
serve() {
	local host=$1; shift
	nsenter --net="/run/netns/$host" -- peer serve -c "/run/test/$host.heard" "$@" >"/run/test/$host.ready" &
	echo $! >"/run/test/$host.pid"
	eventually grep -q ready "/run/test/$host.ready"
}

# heard HOST PROTOCOL/PORT: how many datagrams or connections arrived there.
heard() {
	rm -f "/run/test/$1.heard"
	kill -USR1 "$(cat "/run/test/$1.pid")"
	eventually grep -qs end "/run/test/$1.heard"
	awk -v port="$2" '$1 == port { print $2 }' "/run/test/$1.heard"
}

# ask FROM PROTOCOL ADDRESS PORT [OPTION...]: prints answered, refused, prohibited, unreachable or
# silent. `reaches` and `silent` are the two most asked.
ask() {
	local from=$1 protocol=$2 address=$3 port=$4; shift 4
	on "$from" peer ask "$@" "$protocol" "$address" "$port"
}
reaches() { is answered ask "$@"; }
silent() { is silent ask "$@" -t 300; }

pings() { on "$1" ping -n -q -c 1 -W 1 "${@:2}" >/dev/null; }

# hold FROM PROTOCOL ADDRESS PORT NAME [OPTION...]: a conversation that goes on; `held NAME` says how it goes.
hold() {
	local from=$1 protocol=$2 address=$3 port=$4 name=$5; shift 5
	nsenter --net="/run/netns/$from" -- peer hold -t 500 -f "/run/test/$name.held" "$@" \
		"$protocol" "$address" "$port" >/dev/null 2>&1 &
	echo $! >"/run/test/$name.pid"
	eventually test -s "/run/test/$name.held"
}
# drink FROM ADDRESS PORT NAME: asks a udp/pour/PORT once and hears it pour; `held NAME` says whether it does.
drink() {
	nsenter --net="/run/netns/$1" -- peer drink -t 500 -f "/run/test/$4.held" udp "$2" "$3" >/dev/null 2>&1 &
	echo $! >"/run/test/$4.pid"
	eventually test -s "/run/test/$4.held"
}
# load FROM PROTOCOL ADDRESS PORT NAME [OPTION...]: new conversations, one after the other;
# `load_ends NAME` stops it and prints how many came out how, a line each.
load() {
	local from=$1 protocol=$2 address=$3 port=$4 name=$5; shift 5
	nsenter --net="/run/netns/$from" -- peer load -d 3600 "$@" "$protocol" "$address" "$port" \
		>"/run/test/$name.load" 2>&1 &
	echo $! >"/run/test/$name.pid"
}
# send FROM ADDRESS PORT NAME [OPTION...]: the same with UDP, not waiting for answers.
send() {
	local from=$1 address=$2 port=$3 name=$4; shift 4
	nsenter --net="/run/netns/$from" -- peer send -d 3600 "$@" udp "$address" "$port" \
		>"/run/test/$name.load" 2>&1 &
	echo $! >"/run/test/$name.pid"
}
load_ends() {
	local pid; pid=$(cat "/run/test/$1.pid")
	kill "$pid" && wait "$pid" 2>/dev/null
	eventually test -s "/run/test/$1.load"	# in a subshell there is nothing to wait for
	cat "/run/test/$1.load"
}
let_go() { kill "$(cat "/run/test/$1.pid")"; }

held() { cut -d' ' -f1 "/run/test/$1.held"; }
answers_of() { cut -d' ' -f2 "/run/test/$1.held"; }
silences_of() { cut -d' ' -f3 "/run/test/$1.held"; }

# more_than NUMBER COMMAND...: the command prints a number above this one.
more_than() {
	local least=$1 got; shift
	got=$("$@"); [ "${got:-0}" -gt "$least" ] || { echo "wanted more than $least, got ${got:-nothing}"; return 1; }
}

# ---- the gateway ----

# document NAME <<E: writes one file of the configuration, in one step.
document() { cat >"/run/test/document.new" && mv /run/test/document.new "$config/$1.yaml"; }

# three_hosts: web and db inside, server outside. What most tests stand on.
three_hosts() {
	host web lan0 10.10.0.5/24 10.10.0.1 fd00:10::5/64 fd00:10::1
	host db lan1 10.11.0.6/24 10.11.0.1 fd00:11::6/64 fd00:11::1
	host server wan0 192.0.2.10/24 192.0.2.1 2001:db8:2::10/64 2001:db8:2::1
}

# gateway_document [LINES]: the three ports, and more lines of its spec. Nothing is picked up:
# what a test starts before the gateway is no answer to anything.
gateway_document() {
	document gateway <<-E
		apiVersion: chasqui.io/v1
		kind: Gateway
		metadata: {name: gw}
		spec:
		  ports: [{name: lan0, role: inside}, {name: lan1, role: inside}, {name: wan0, role: outside}]
		  pickup: 0
		${1:-}
	E
}

# endpoint_document NAME LABELS ADDRESSES [MORE]: endpoint_document web "app: web" "10.10.0.5" "port: lan0"
endpoint_document() {
	document "endpoint-$1" <<-E
		apiVersion: chasqui.io/v1
		kind: Endpoint
		metadata: {name: $1, namespace: shop, labels: {$2}}
		spec:
		  addresses: [$3]
		  ${4:-}
	E
}

# web_and_db: the two of three_hosts, as endpoints.
web_and_db() {
	endpoint_document web "app: web" '10.10.0.5, "fd00:10::5"' "port: lan0"
	endpoint_document db "app: db" '10.11.0.6, "fd00:11::6"' "port: lan1"
}

# policy_document NAME SELECTOR <<E: a CiliumNetworkPolicy of the namespace shop; stdin is the rest of its spec.
policy_document() {
	{
		printf 'apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n'
		printf 'metadata: {name: %s, namespace: shop}\nspec:\n' "$1"
		printf '  endpointSelector: {matchLabels: {%s}}\n' "$2"
		sed 's/^/  /'
	} | document "policy-$1"
}

# gateway_up [OPTION...]: starts the daemon and waits until a generation is live.
gateway_up() {
	chasquid --config "$config" --run-dir "$run" --state-dir "$state" --bpffs "$pins" "$@" \
		2>>/run/test/daemon.log &
	daemon=$!
	eventually daemon_answers || { echo "# chasquid does not answer"; return 1; }
}
daemon_answers() { [ "$(chasqui status -o json 2>/dev/null | jq -r .state)" = enforcing ]; }

# gateway_down [SIGNAL]: ends the daemon; the kernel goes on judging.
gateway_down() { kill "-${1:-TERM}" "$daemon"; wait "$daemon" 2>/dev/null; }

# gateway_crashed: it is gone without having said good-bye.
gateway_crashed() { gateway_down KILL; true; }

generation() { chasqui status -o json | jq -r .generation; }

# reload_by_signal: SIGHUP, and waits until another generation is live.
reload_by_signal() {
	local before; before=$(generation)
	kill -HUP "$daemon"
	eventually moved_on "$before"
}
moved_on() { [ "$(generation)" != "$1" ]; }

# reason_count PORT ingress|egress REASON: packets that the gateway counted so.
reason_count() {
	chasqui status -o json | jq --arg port "$1" --arg direction "$2" --arg reason "$3" \
		'[.ports[] | select(.name == $port) | .[$direction][$reason].packets // 0] | add // 0'
}

# counts PORT DIRECTION REASON COMMAND...: the command makes this counter rise.
counts() {
	local port=$1 direction=$2 reason=$3 before; shift 3
	before=$(reason_count "$port" "$direction" "$reason")
	"$@" || return 1
	more_than "$before" reason_count "$port" "$direction" "$reason"
}
