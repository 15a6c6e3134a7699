#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# What is told of a process that the seed policy kills: that it started, what it was about to read, and
# how it ended; in this order, whichever back end told of it, and by which way.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/lib/root.sh" || exit

secret=/lost_city_of_inca.txt
echo "the city is at 13.16 S 72.54 W" >$secret
gateway_alone
cp "$top/policies/inca.yaml" "$config/"
gateway_up

# A cat of our own: others on this machine have nothing to do with it.
mkdir own && cp "$(type -P cat)" own/
PATH=$PWD/own:$PATH node=$(uname -n) cat=$PWD/own/cat
events() { chasqui events --process --binary "$cat" "$@"; }
tells() { local wanted=$1; shift; eventually is "$wanted" "$@"; }
three() {
	printf '🚀 process %s %s %s\n' "$node" "$cat" $secret
	printf '📚 read    %s %s %s\n' "$node" "$cat" $secret
	printf '💥 exit    %s %s %s SIGKILL\n' "$node" "$cat" $secret
}
last_three() { events -o compact | tail -3; }

cat $secret >said 2>&1
ok "cat says nothing of the file"            test ! -s said
ok "three lines tell of it"                  tells "$(three)" last_three

kprobe() { events --event kprobe -o json | tail -1 | jq -c ".process_kprobe | $1"; }
ok "the hook, in JSON"                       tells '["security_file_permission","KPROBE_ACTION_SIGKILL","inca"]' kprobe '[.function_name, .action, .policy_name]'
ok "its arguments"                           is "[\"$secret\",\"-rw-r--r--\",4]" kprobe '[.args[0].file_arg.path, .args[0].file_arg.permission, .args[1].int_arg]'
ok "who did it, and who is above"            is "[\"$cat\",\"$secret\",\"$(realpath "/proc/$$/exe")\"]" kprobe '[.process.binary, .process.arguments, .parent.binary]'
same() { events -o json | jq -r '.[] | objects | .process.exec_id // empty' | tail -3 | sort -u | wc -l; }
ok "all three name the same process"         is 1 same
ok "by the policy's name"                    is 1 eval "events --policy inca | wc -l"
ok "no other policy has any"                 is 0 eval "events --policy other | wc -l"

# Many at a time: each has its three lines, in order.
readers=()
for _ in {1..40}; do cat $secret >/dev/null 2>&1 & readers+=($!); done
wait "${readers[@]}" 2>/dev/null
stories() {
	events -o json | jq -rs 'group_by(to_entries[0].value.process.exec_id)
		| map(map(keys[] | select(startswith("process_")) | ltrimstr("process_")) | join(" ")) | .[]' | sort | uniq -c | awk '{ $1 = $1; print }'
}
ok "so it is with forty at a time"           tells "41 exec kprobe exit" stories

chasqui tracing set-mode inca monitor >/dev/null
cat $secret >said
ok "in monitor mode it reads"                grep -q city said
ok "and ends well"                           tells "💥 exit    $node $cat $secret 0" eval "events -o compact | tail -1"
ok "what it was about to read is told"       says "📚 read    $node $cat $secret" events --since 1m
