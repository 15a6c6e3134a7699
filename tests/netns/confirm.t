#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Changes that go back by themselves: nobody locks himself out.
. "${0%/*}/../lib/netns.sh"

open_port() {			# open_port PORT: the one policy, as a document
	cat <<-E
		apiVersion: cilium.io/v2
		kind: CiliumNetworkPolicy
		metadata: {name: first, namespace: shop}
		spec:
		  endpointSelector: {matchLabels: {app: web}}
		  ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "$1", protocol: TCP}]}]}]
	E
}
put() { local port=$1; shift; open_port "$port" | chasqui apply -f - "$@"; }
exits() { local wanted=$1; shift; "$@" >/dev/null 2>&1; is "$wanted" echo $?; }
waits() { chasqui status -o json | jq -r '.confirm != null'; }
back_to() { chasqui status -o json | jq -r .confirm.backTo; }
history_now() { chasqui status -o json | jq -r .history; }
is_open() { reaches server tcp 10.10.0.5 "$1"; }
is_shut() { silent server tcp 10.10.0.5 "$1"; }
documents() { cat "$config"/*.yaml | sha1sum; }
open_as_at_first() { is_open 80 && is_shut 81; }

three_hosts
serve web tcp/80 tcp/81 tcp/82
gateway_document
web_and_db
open_port 80 >"$config/first.yaml"
gateway_up
first=$(history_now)

# ---- in time ----
ok "nothing waits"                          is false waits
ok "and nothing can be confirmed"           exits 1 chasqui confirm
ok "an apply to be confirmed"               says "without \"chasqui confirm\"" put 81 --confirm 5m
ok "is live at once"                        is_open 81
ok "status says so"                         says "UNCONFIRMED" chasqui status
ok "and where it would go back to"          is "$first" back_to
ok "it is confirmed"                        says "stays" chasqui confirm
ok "and nothing waits any more"             is false waits
ok "it stays"                               is_open 81
ok "a second confirmation has nothing to"   exits 1 chasqui confirm

# ---- not in time ----
put 80 >/dev/null
first=$(history_now) hash=$(documents)
hold server tcp 10.10.0.5 80 running
ok "another, for a second"                  put 81 --confirm 1s
ok "is undone when nobody confirms"         eventually open_as_at_first
ok "nothing waits any more"                 is false waits
ok "the directory is as it was"             is "$hash" documents
ok "the log says why"                       says "nobody has confirmed" cat /run/test/daemon.log
ok "history says by whom"                   says "as nobody confirmed" chasqui history
ok "it is too late to confirm"              exits 1 chasqui confirm
ok "who was locked out is in again"         eventually is 0 eval 'sleep 0.6; before=$(silences_of running); sleep 1.2; echo $(($(silences_of running) - before))'
let_go running

# ---- what else is asked for meanwhile ----
put 81 --confirm 5m >/dev/null
target=$(back_to)
ok "another change waits for that"          says "waits to be confirmed" put 82
ok "it changed nothing"                     is_open 81
ok "a reload waits, too"                    exits 1 chasqui reload
ok "one to be confirmed itself does not"    put 82 --confirm 5m
ok "and would go back as far"               is "$target" back_to
ok "a bad one"                              exits 1 put 99999 --confirm 1s
ok "leaves what waited"                     is "$target" back_to
ok "for its time"                           eval '[ "$(chasqui status -o json | jq .confirm.secondsLeft)" -gt 60 ]'
ok "a rollback by hand"                     chasqui rollback "$target"
ok "has decided"                            is false waits
ok "and is live"                            open_as_at_first

# ---- over a restart ----
put 81 --confirm 6s >/dev/null
gateway_down
gateway_up
ok "the next daemon waits further"          is true waits
ok "with the change live"                   is_open 81
ok "and undoes it"                          eventually open_as_at_first
put 81 --confirm 1s >/dev/null
gateway_crashed
ok "with no daemon it stays live"           is_open 81
sleep 1.2
gateway_up
ok "the next daemon undoes it at once"      eventually open_as_at_first
ok "the directory is as it was"             is "$hash" documents
put 81 --confirm 5m >/dev/null
gateway_crashed
gateway_up
ok "it can be confirmed after a restart"    chasqui confirm
gateway_down
gateway_up
ok "and stays"                              is_open 81
ok "with nothing waiting"                   is false waits

# ---- other words ----
open_port 80 >"$config/chasqui-CiliumNetworkPolicy-shop-first.yaml.new"
mv "$config/chasqui-CiliumNetworkPolicy-shop-first.yaml.new" "$config/first.yaml"
ok "a reload can be tried"                  chasqui reload --confirm 1s
ok "and is undone"                          eventually is_open 81
ok "a deletion"                             chasqui delete CiliumNetworkPolicy shop/first --confirm 1s
ok "opens everything"                       is_open 82
ok "and is undone, too"                     eventually is_shut 82

# ---- what is no time ----
for time in 0s 25h x -1s 60x 1000000 ''; do
	ok "no time: '$time'"               exits 2 put 80 --confirm "$time"
done
ok "nor over the API"                       is 422 curl -s --unix-socket "$run/api.sock" -o /dev/null -w '%{http_code}' -X POST "http://localhost/v1/reload?confirm=86401"
gateway_down
echo x >"$state/confirm.json"
gateway_up
ok "a note that cannot be read is said"     says "cannot be read: nothing goes back" cat /run/test/daemon.log
ok "and nothing waits"                      is false waits
