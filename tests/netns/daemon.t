#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The daemon's own manners: changes as transactions, the API, signals, one at a time.
. "${0%/*}/../lib/netns.sh"

api() { local path=$1; shift; curl -s --max-time 20 --unix-socket "$run/api.sock" "$@" "http://localhost/v1/$path"; }
status_of() { api "$@" -o /dev/null -w '%{http_code}'; }
exits() { local wanted=$1; shift; "$@" >/dev/null 2>&1; is "$wanted" echo $?; }
live() { chasqui status -o json | jq -r "$1"; }
count_of() { find "$1" -name "$2" 2>/dev/null | wc -l; }
documents() { cat "$config"/*.yaml | sha1sum; }
open_port() {			# open_port NAME PORT: a policy as a document
	cat <<-E
		apiVersion: cilium.io/v2
		kind: CiliumNetworkPolicy
		metadata: {name: $1, namespace: shop}
		spec:
		  endpointSelector: {matchLabels: {app: web}}
		  ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "$2", protocol: TCP}]}]}]
	E
}
put() { open_port "$@" | chasqui apply -f -; }
apply_text() { chasqui apply -f - <<<"$1"; }
apply_again() { chasqui get "$@" -o yaml | chasqui apply -f -; }
history_length() { chasqui history -o json | jq length; }
first_problem() { open_port first 99999 | api apply --data-binary @- | jq -r '.problems[0].file'; }
is_json() { api "$1" | jq -e . >/dev/null; }
send_bytes() { head -c "$1" /dev/zero | api apply --data-binary @- | jq -e .message; }
# (socat's -t: how long it waits for an answer once it has said all.)
hang_up() { printf 'POST /v1/reload HTTP/1.1\r\nContent-Length: 0\r\n\r\n' | socat -t 0.001 - "UNIX-CONNECT:$run/api.sock" >/dev/null 2>&1; }
hang_up_often() { for _ in {1..60}; do hang_up || return; done; }
guarded() { live ".ports[] | select(.name == \"$1\") | .checkpoint"; }
numbers() { chasqui identity list -o json | jq -c 'map([.identity, .labels])'; }
nothing_left() { [ ! -e "$pins" ] && ! tc filter show dev lan0 ingress | grep -q bpf; }

three_hosts
serve web tcp/80 tcp/81 tcp/82
gateway_document
web_and_db
open_port first 80 >"$config/first.yaml"

ok "--check says that it is right"          chasquid --config "$config" --check
gateway_up
ok "what is open"                           reaches server tcp 10.10.0.5 80
ok "what is shut"                           silent server tcp 10.10.0.5 81

# ---- apply and delete ----
before=$(generation)
ok "apply makes a new document live"        says live put second 81
ok "in a file of its own"                   grep -q second "$config/chasqui-CiliumNetworkPolicy-shop-second.yaml"
ok "under a new generation"                 moved_on "$before"
ok "and it opens"                           reaches server tcp 10.10.0.5 81
ok "apply replaces a document where it stands" put first 82
ok "in its file"                            grep -q '"82"' "$config/first.yaml"
ok "and nowhere else"                       is 0 count_of "$config" "*first-*"
ok "the old port is shut"                   silent server tcp 10.10.0.5 80
ok "the new one open"                       reaches server tcp 10.10.0.5 82

before=$(generation) hash=$(documents)
ok "a bad document is refused with its place" says "yaml:6:" put third 99999
ok "by exit status"                         exits 1 put third 99999
ok "one that is not YAML too"               exits 1 apply_text "a: [b"
ok "one without a name too"                 says "kind and a metadata.name" apply_text "kind: Endpoint"
ok "an empty one too"                       exits 1 apply_text ""
ok "a second Gateway too"                   exits 1 apply_text '{apiVersion: chasqui.io/v1, kind: Gateway, metadata: {name: other}, spec: {ports: [{name: x, role: inside}]}}'
ok "the generation stays"                   is "$before" generation
ok "the directory too"                      is "$hash" documents

ok "get lists what is live"                 says second chasqui get CiliumNetworkPolicy
ok "get prints what can be applied again"   apply_again CiliumNetworkPolicy shop/second
ok "get says when there is none"            exits 1 chasqui get CiliumNetworkPolicy shop/none
ok "delete by name"                         chasqui delete CiliumNetworkPolicy shop/second
ok "takes the file"                         is 0 count_of "$config" "*second*"
ok "and shuts"                              silent server tcp 10.10.0.5 81
ok "what is not there cannot be deleted"    says "there is no" chasqui delete CiliumNetworkPolicy shop/second
ok "audit lines say who"                    says "audit: delete CiliumNetworkPolicy shop/second by uid 0" cat /run/test/daemon.log

# ---- history ----
ok "the history has them all"               more_than 3 history_length
ok "rollback to the first"                  chasqui rollback 1
ok "opens what was open"                    reaches server tcp 10.10.0.5 80
ok "and shuts what was shut"                silent server tcp 10.10.0.5 82
ok "the directory follows"                  grep -q '"80"' "$config/first.yaml"
ok "what is not there cannot come back"     says "no entry 4000" chasqui rollback 4000
ok "a number must be one"                   exits 2 chasqui rollback first
for _ in {1..52}; do chasqui reload >/dev/null || break; done
ok "fifty are kept, no more"                is 50 history_length

# ---- the API ----
ok "curl reads the status"                  says '"state":"enforcing"' api status
ok "the socket is root's alone"             is 600 stat -c %a "$run/api.sock"
ok "an unknown path is 404"                 is 404 status_of nothing
ok "another method is 405"                  is 405 status_of reload
ok "a bad number is 422"                    is 422 status_of rollback/x -X POST
ok "an unknown port is 404"                 is 404 status_of ports/eth99/detach -X POST
ok "problems come with their file"          is first.yaml first_problem
for what in gateway endpoints identities policies classes conntrack deny ports history documents; do
	ok "$what is JSON"                  is_json "$what"
done
ok "a body of 65 MiB is refused"            not send_bytes 68157440
ok "and the daemon is well"                 is enforcing live .state
ok "many who hang up at once"               hang_up_often
ok "do no harm"                             eventually is enforcing live .state
patience=60 ok "what they asked for ends"   eventually is false live .changing

# ---- events ----
chasqui events --follow --drops -o json >/run/test/drops &
listener=$!
eventually is 1 live .listeners
silent server tcp 10.10.0.5 82
ok "a drop is told with its rule"           eventually grep -q '"reason":"DROP_NO_RULE".*first.yaml' /run/test/drops
kill "$listener"
ok "who leaves is forgotten"                eventually is 0 live .listeners
ok "the latest events can be asked for"     says "no rule allows it" chasqui events --drops
curl -s --unix-socket "$run/api.sock" "http://localhost/v1/events?follow=1" --limit-rate 1 >/dev/null & slow=$!
eventually is 1 live .listeners
ok "a slow reader holds up nobody"          reaches server tcp 10.10.0.5 80
kill "$slow"

# ---- signals ----
kill -USR1 "$daemon"
ok "SIGUSR1 dumps everything"               eventually jq -e .endpoints "$run/dump.json"
echo "kind: [" >"$config/zz.yaml"
before=$(generation)
kill -HUP "$daemon"
ok "SIGHUP with a bad file says so"         eventually says "zz.yaml:2" cat /run/test/daemon.log
ok "chasqui reload fails"                   exits 1 chasqui reload
ok "and nothing has changed"                is "$before" generation
ok "status says what was refused"           says "Refused:" chasqui status
rm "$config/zz.yaml"

# ---- ports ----
ok "detach takes the checkpoint off"        chasqui detach lan1
ok "and status says so"                     says DETACHED chasqui status
ok "a reload"                               chasqui reload
ok "does not put it back"                   is false guarded lan1
ok "attach"                                 chasqui attach lan1
ok "does"                                   is true guarded lan1

# ---- one at a time, and the next ----
ok "a second daemon is refused"             exits 1 timeout 10 chasquid --config "$config" \
	--run-dir /run/test/run2 --state-dir /run/test/state2 --bpffs "$pins"
ok "and harms nobody"                       is enforcing live .state
hold server tcp 10.10.0.5 80 running
before=$(generation) identities=$(numbers)
gateway_down
ok "with no daemon the kernel enforces"     reaches server tcp 10.10.0.5 80
ok "and says why there is no answer"        says "is chasquid running" chasqui status
ok "by exit status"                         exits 1 chasqui status
gateway_up
ok "the next takes over the running flow"   is answered held running
ok "generations rise"                       more_than "$before" generation
ok "identities keep their numbers"          is "$identities" numbers
ok "it keeps few capabilities"              says 000000c000a81426 awk '/CapPrm/ { print $2 }' "/proc/$daemon/status"

# ---- words ----
ok "an unknown word is wrong usage"         exits 2 chasqui nothing
ok "an unknown option too"                  exits 2 chasqui status --nothing
ok "too many words too"                     exits 2 chasqui status now
for program in chasqui chasquid chasqui-guard; do
	ok "$program says its version"          says "$program 0." "$program" --version
	ok "and how it is used"                 exits 0 "$program" --help
done
ok "help lists every command"               says "chasqui conntrack flush" chasqui help
ok "every reason has its sentence"          says "no rule allows it" chasqui reasons
ok "explain asks the live documents"        exits 0 chasqui policy explain --from 192.0.2.10 --to shop/web --dport 80/tcp
ok "says no by its exit status"             exits 1 chasqui policy explain --from 192.0.2.10 --to shop/web --dport 81/tcp
ok "and 2 for who is not there"             exits 2 chasqui policy explain --from shop/nobody --to shop/web --dport 81/tcp

gateway_down; ended=$?
ok "it ends well"                           is 0 echo "$ended"
ok "and had nothing to say of its own code" not grep -E "Sanitizer|runtime error" /run/test/daemon.log
ok "detach --all"                           chasqui detach --all
ok "leaves nothing"                         nothing_left
ok "and turns forwarding off again"         is 0 sysctl -n net.ipv4.ip_forward

# What the kernel does not give is told with what to do about it.
starts() { timeout 20 "$@" --config "$config" --run-dir "$run" --state-dir "$state"; }
ok "without a capability: which"            says "this process lacks CAP_BPF: run as root" \
	starts setpriv --bounding-set -bpf,-sys_admin chasquid --bpffs "$pins"
ok "without bpffs: how to mount it"         says "mount -t bpf bpf" starts chasquid --bpffs /run/test/nothing
mount -t tmpfs none /sys/kernel/btf
says_of_btf() { says "it needs CONFIG_DEBUG_INFO_BTF=y" timeout 3 chasquid --config "$config" --run-dir "$run" \
	--state-dir "$state" --bpffs "$pins"; }
ok "without BTF: the kernel's option"       says_of_btf
umount /sys/kernel/btf
