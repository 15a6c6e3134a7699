#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The gateway's own processes are not killed by its own policies, unless one names them.
# Also in the VM.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/lib/root.sh" || exit

gone() { not kill -0 "$1"; }

# A file that chasquid reads itself, at every reload.
file=$config/20-endpoint.yaml
cat >"$file" <<-END
	apiVersion: chasqui.io/v1
	kind: Endpoint
	metadata: {name: web, namespace: shop, labels: {app: web}}
	spec: {addresses: [10.10.0.5]}
END
# protect [FILTER]: nobody reads that file.
protect() {
	cat >"$config/30-own.yaml" <<-END
	apiVersion: cilium.io/v1alpha1
	kind: TracingPolicy
	metadata: {name: own}
	spec:
	  kprobes:
	  - call: security_file_permission
	    args: [{index: 0, type: file}]
	    selectors:
	    - matchArgs: [{index: 0, operator: Equal, values: [$file]}]
	      ${1:-}
	      matchActions: [{action: Sigkill}]
	END
}

gateway_alone
protect
gateway_up || eventually daemon_answers
own=$daemon
ok "who reads chasquid's own file dies"       kills cat "$file"
ok "chasquid reads it, at a reload"           chasqui reload
ok "and again"                                chasqui reload
ok "it lives"                                 kill -0 "$own"
ok "that it was spared is counted"            eventually more_than 0 of own spared
ok "others still die"                         kills cat "$file"

gateway_down; gateway_up || eventually daemon_answers
ok "a new chasquid is spared as well"         chasqui reload
ok "it lives, too"                            kill -0 "$daemon"
ok "and others die"                           kills cat "$file"

cp "$built/chasquid" "$built/chasqui" /run/test/
ok "a program of that name elsewhere is not"  kills /run/test/chasquid --check --config "$config"

guard=$(chasqui status -o json | jq -r "select(.enforcer.guard.connected).enforcer.guard.pid")
if [ -n "$guard" ]; then
	ok "the guard lives"                  kill -0 "$guard"
	# This script is pid 1 where the guard is; a word of the shell itself reads.
	sleep 1.5			# the guard's numbers are a second old at most
	before=$(of own spared)
	{ read -r first <"$file"; } 2>/dev/null
	ok "pid 1 reads"                      is "1 apiVersion: chasqui.io/v1" echo "$$ $first"
	ok "and was spared"                   eventually more_than "$before" of own spared
else
	skip "the guard lives, pid 1 reads"   "no hook is the guard's here"
fi

# ---- named ----

protect "matchBinaries: [{operator: In, values: [$built/chasquid]}]"
ok "a policy that names chasquid is taken"    chasqui reload
ok "cat is none of its business"              grep -q 10.10.0.5 "$file"
pid=$daemon
chasqui reload >/dev/null 2>&1
ok "chasquid dies of its own policy"          eventually gone "$pid"
ok "detach takes the hooks away"              chasqui detach --all --bpffs "$pins"
ok "the file is free"                         grep -q 10.10.0.5 "$file"
