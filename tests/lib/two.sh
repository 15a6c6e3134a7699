# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# A second gateway beside the sandbox's own, and a tunnel between them; sourced after sandbox.sh.
#
#   web 10.10.0.5 ── lan0 [lima: the sandbox] wan0 ── 192.0.2.0/24 ── eth0 [cusco] lan0 ── store 10.20.0.5
#
# Sockets of engines are found by the device's name alone, so the two have names of their own.

cusco_config=/run/test/cusco cusco_run=/run/cusco cusco_state=/run/test/cusco-state
cusco_pins=/sys/fs/bpf/cusco
mkdir "$cusco_config"

# two_gateways: the network, with no daemon yet.
two_gateways() {
	host web lan0 10.10.0.5/24 10.10.0.1 fd00:10::5/64 fd00:10::1
	host cusco wan0 192.0.2.10/24 192.0.2.1 2001:db8:2::10/64 2001:db8:2::1
	ip netns add store && ip -n store link set lo up
	on store sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
	on cusco sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
	ip -n cusco link add lan0 type veth peer name eth0 netns store
	ip -n cusco link set lan0 up && ip -n store link set eth0 up
	ip -n cusco addr add 10.20.0.1/24 dev lan0 && ip -n cusco addr add fd00:20::1/64 dev lan0 nodad
	ip -n store addr add 10.20.0.5/24 dev eth0 && ip -n store addr add fd00:20::5/64 dev eth0 nodad
	ip -n store route add default via 10.20.0.1 && ip -n store route add default via fd00:20::1
}

# keys: /run/test/NAME.key and, in $lima_key and $cusco_key, the public ones.
keys() {
	for name in lima cusco; do
		chasqui tunnel genkey "/run/test/$name.key" >"/run/test/$name.pub" || return 1
	done
	lima_key=$(cat /run/test/lima.pub) cusco_key=$(cat /run/test/cusco.pub)
}

# lima_document [MORE LINES OF SPEC]: the sandbox's Gateway, with its tunnel.
lima_document() {
	gateway_document "  tunnel: {name: lima0, addresses: [10.99.0.1/24, \"fd99::1/64\"], privateKeyFile: /run/test/lima.key${tunnel_more:-}}
${1:-}"
	sed -i 's/{name: lan1, role: inside}, //' "$config/gateway.yaml"
}

# cusco_peer [MORE LINES OF SPEC]: cusco as lima sees it. `cusco_at` is where.
cusco_peer() {
	document peer-cusco <<-E
		apiVersion: chasqui.io/v1
		kind: Peer
		metadata: {name: cusco, labels: {site: cusco}}
		spec:
		  publicKey: $cusco_key
		  endpoint: "${cusco_at:-192.0.2.10:51820}"
		  prefixes: [10.20.0.0/16, "fd00:20::/48"]
		${1:-}
	E
}

# cusco_documents [POLICY...]: the other side of it.
cusco_documents() {
	cat >"$cusco_config/all.yaml" <<-E
		apiVersion: chasqui.io/v1
		kind: Gateway
		metadata: {name: cusco}
		spec:
		  ports: [{name: lan0, role: inside}, {name: eth0, role: outside}]
		  pickup: 0
		  tunnel: {name: cusco0, addresses: [10.99.0.2/24, "fd99::2/64"], privateKeyFile: /run/test/cusco.key${cusco_tunnel_more:-}}
		---
		apiVersion: chasqui.io/v1
		kind: Peer
		metadata: {name: lima, labels: {site: lima}}
		spec:
		  publicKey: $lima_key
		  endpoint: "192.0.2.1:51820"
		  prefixes: [10.10.0.0/16, "fd00:10::/48"]
		---
		apiVersion: chasqui.io/v1
		kind: Endpoint
		metadata: {name: store, namespace: shop, labels: {app: store}}
		spec: {addresses: [10.20.0.5, "fd00:20::5"], port: lan0}
	E
}

cusco_up() {
	nsenter --net=/run/netns/cusco -- chasquid --config "$cusco_config" --run-dir "$cusco_run" \
		--state-dir "$cusco_state" --bpffs "$cusco_pins" 2>>/run/test/cusco.log &
	cusco_daemon=$!
	eventually cusco_answers || { echo "# cusco's chasquid does not answer"; return 1; }
}
cusco_answers() { [ "$(cusco status -o json 2>/dev/null | jq -r .state)" = enforcing ]; }
cusco_down() { kill "-${1:-TERM}" "$cusco_daemon"; wait "$cusco_daemon" 2>/dev/null; }

# cusco COMMAND...: chasqui, asked there.
cusco() { nsenter --net=/run/netns/cusco -- chasqui "$@" --run-dir "$cusco_run"; }

# tunnel FIELD, peer FIELD: of lima's tunnel, and of its only peer.
tunnel() { chasqui tunnel status -o json | jq -r ".$1"; }
peer_of() { chasqui tunnel peers -o json | jq -r ".[0].$1"; }

# Kills the engine of a device by the pid that holds its TUN, none other.
engine_pid() {
	local fd
	for fd in /proc/[0-9]*/fdinfo/*; do
		grep -qs "^iff:[[:space:]]*$1\$" "$fd" || continue
		fd=${fd#/proc/}; echo "${fd%%/*}"; return
	done
	return 1
}
kill_engine() { kill -KILL "$(engine_pid "$1")"; }
