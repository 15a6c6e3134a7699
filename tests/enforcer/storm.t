#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# More processes than can be told of: the tree stays right, what is lost is counted where it is lost,
# and memory stays bounded.
. "${0%/*}/../lib/netns.sh"

cp "$(type -P true)" mytrue
node=$(uname -n)
tells() { local wanted=$1; shift; eventually is "$wanted" "$@"; }
exec_of() { chasqui events --process --binary mytrue --event exec | tail -1; }

# Without capabilities, so that an event has no long lists of them.
storm() { setpriv --reuid 65534 --clear-groups --inh-caps=-all --bounding-set=-all "$built/tests/enforcer/storm" "$@"; }

gateway_document
three_hosts
gateway_up

# ---- 50,000 forks and execs ----
workers=50 children=1000
lost() { chasqui status -o json | jq ".processes.lost | $1"; }
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$daemon/status"; }
(timeout 240 chasqui events --process --follow --binary storm -o json |
	timeout 240 "$top/tests/enforcer/storm.py" $workers $children >counted 2>&1) &
sleep 1
storm $workers $children
eventually test -s counted
ok "a storm of forks and execs passes"       eventually test -s counted
sed 's/^/# /' counted
counted() { tail -1 counted | jq -e "$1"; }
ringlost=$(lost '.ringExec + .ringExit + .ringFork')
ok "every parent is right"                   counted ".wrong == 0 and (.orphans == 0 or $ringlost > 0)"
ok "all are told of, or counted as lost"     counted ".execs + .exits + .lost + $ringlost >= $((2 * workers * children))"
ok "and none twice"                          counted ".execs <= $((workers * children)) and .exits <= $((workers * children))"
few_run() { [ "$(chasqui status -o json | jq .processes.running)" -lt 2000 ]; }
ok "none of them is left in the tree"        eventually few_run
ok "memory is bounded"                       test "$(memory)" -lt 200000

# The daemon does not read: the ring fills, and what it cannot take is counted.
before=$(lost .ringExec)
kill -STOP "$daemon"
storm 20 1000
kill -CONT "$daemon"
ok "a full ring counts what it loses"        eventually more_than "$before" lost .ringExec
ok "and goes on"                             eventually few_run
./mytrue after
ok "what comes afterwards is told"           tells "🚀 process $node $PWD/mytrue after" exec_of

# A reader that does not read: its losses are its own, and said to it.
chasqui events --process --follow --binary storm >slow &
reader=$!
sleep 1
kill -STOP "$reader"
storm 10 600
sleep 1
kill -CONT "$reader"
./mytrue wake
storm 1 1
ok "a slow reader is told what it lost" eventually grep -q "💥" slow
kill "$reader"
ok "memory is still bounded"                 test "$(memory)" -lt 250000
