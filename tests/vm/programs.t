#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Every program passes this kernel's verifier and can be attached, by bpftool and tc alone.
. "${0%/*}/../lib/netns.sh"

load() { bpftool prog loadall "$built/$1.bpf.o" "/sys/fs/bpf/$1" >"$1.log" 2>&1 ||
	{ tail -25 "$1.log" | cut -c1-160; return 1; }; }
attach() { tc filter add dev lan0 "$2" bpf direct-action object-pinned "/sys/fs/bpf/tc/chq_$1"; }

echo "# $(uname -r)"
ip link add lan0 type veth peer name lan0-far
ip link set lan0 up && ip link set lan0-far up
tc qdisc add dev lan0 clsact

ok "the checkpoint loads"             load tc
ok "the gate loads"                   load xdp
ok "in attaches"                      attach in ingress
ok "in_l3 attaches"                   attach in_l3 ingress
ok "out attaches"                     attach out egress
ok "out_l3 attaches"                  attach out_l3 egress
ok "the gate attaches"                ip link set dev lan0 xdp pinned /sys/fs/bpf/xdp/chq_gate
ip link set dev lan0 xdp off
ip link set lan0-far mtu 9000 && ip link set lan0 mtu 9000
ok "the gate attaches at 9,000 bytes" ip link set dev lan0 xdpdrv pinned /sys/fs/bpf/xdp/chq_gate
