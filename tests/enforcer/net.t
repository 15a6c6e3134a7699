#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# What stands behind the guard: programs that wait and cost nobody anything, and are attached when one of
# the two who could see to it is missing, or a descriptor is older than the policy.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/lib/root.sh" || exit
# shellcheck source=tests/enforcer/disks.sh
. "$top/tests/enforcer/disks.sh"

disk=/run/test/disk
ext4_on $disk || { skip "what stands behind the guard" "no ext4 to be had"; exit; }
secret=$disk/secret
echo treasure >$secret
echo harmless >$disk/other

# Programs of our own: one of them will be missing.
mkdir own && cp "$built/chasquid" "$built/chasqui-guard" own/
PATH=$PWD/own:$PATH
gateway_alone
sed "s,/lost_city_of_inca.txt,$secret," "$top/policies/inca.yaml" >inca.yaml

guard() { chasqui status -o json | jq -r ".enforcer.guard.$1"; }
attached() { find $pins/enforcer/hooks -name 'net-*' -o -name 'link-*' | wc -l; }
waiting() { find $pins/enforcer/hooks -name 'wait-*' | wc -l; }
# Both at once: the one that holds the questions, and the one that answers them.
end_guard() {
	local worker above
	worker=$(pgrep -n -x chasqui-guard) above=$(pgrep -o -x chasqui-guard)
	kill -KILL "$above" "$worker"
}
no_guard() { ! pgrep -x chasqui-guard; }

# A descriptor from before, on which somebody reads when told.
mkfifo gate
bash -c 'exec 9<"$1"; read -r _ <gate; cat <&9' - $secret >said 2>/dev/null & older=$!
eventually test -e /proc/$older/fd/9
gateway_up || eventually daemon_answers
if chasqui tracing backends | grep -qE '^(lsm|fmod_ret|fentry|kprobe) +yes'; then
	skip "what stands behind the guard" "this kernel's own hooks do"
	kill $older
	exit
fi
cp inca.yaml "$config/"
ok "the seed policy, beside a descriptor from before"  chasqui reload
ok "which is seen"                           eventually is 1 guard held
ok "so the programs behind are attached"     is "1 1" eval '{ waiting; attached; } | xargs'
ok "status says why"                         says "attached: 1 descriptors are from before" chasqui status
ok "which program"                           says "fanotify (filemap waits)" chasqui status
echo >gate; wait $older 2>/dev/null
ok "who reads there is killed"               is "" cat said
ok "none is left"                            eventually is 0 guard held
ok "and nobody pays any more"                eventually is "1 0" eval '{ waiting; attached; } | xargs'
ok "the guard kills"                         kills cat $secret
ok "and others read"                         is harmless cat $disk/other

# What is only told is told once, by the guard: also while what stands behind it is attached.
cat >"$config/both.yaml" <<END
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: both}
spec:
  kprobes:
  - call: security_file_permission
    args: [{index: 0, type: file}, {index: 1, type: int}]
    selectors:
    - matchArgs: [{index: 0, operator: Equal, values: [$disk/both]}]
      matchBinaries: [{operator: Postfix, values: [/cat]}]
      matchActions: [{action: Sigkill}]
    - matchArgs: [{index: 0, operator: Equal, values: [$disk/both]}]
END
echo "for some" >$disk/both
ok "a policy that ends some and tells of others" chasqui reload
ok "what waits is attached, for a moment"    is 1 attached
ok "head reads"                              is "for" head -c 3 $disk/both
told() { chasqui events --process --policy both --event kprobe | wc -l; }
ok "which is told"                           eventually is 1 told
ok "cat does not"                            kills cat $disk/both
ok "which is told as well"                   eventually is 2 told
sleep 0.5
ok "each once"                               is 2 told
rm "$config/both.yaml"
ok "it goes"                                 chasqui reload
ok "and nobody pays any more"                eventually is "1 0" eval '{ waiting; attached; } | xargs'

# Without the guard.
mv own/chasqui-guard own/away
end_guard
ok "without it what waited is attached"      eventually is 1 attached
ok "and kills"                               kills cat $secret
ok "others read"                             is harmless cat $disk/other
ok "then all that can kill is"               eventually says raw_tp chasqui status
ok "it kills as well"                        kills cat $secret
mv own/away own/chasqui-guard
ok "the guard is back"                       eventually is true guard connected
ok "and nobody pays any more"                eventually is "1 0" eval '{ waiting; attached; } | xargs'
end_guard
ok "one that dies is started anew"           eventually is "true 1 0" eval '{ guard connected; waiting; attached; } | xargs'
ok "it kills"                                kills cat $secret

# Without the daemon; and then without both.
gateway_down
ok "who leaves attaches it"                  is 1 attached
end_guard
ok "so that it kills with nobody there"      eventually no_guard
ok "by itself"                               kills cat $secret
ok "and others read"                         is harmless cat $disk/other
gateway_up || eventually daemon_answers
ok "back again"                              eventually is "true 1 0" eval '{ guard connected; waiting; attached; } | xargs'
gateway_crashed
ok "who crashes cannot: the guard does"      eventually is 1 attached
end_guard
ok "nobody is there"                         eventually no_guard
ok "it kills"                                kills cat $secret
gateway_up || eventually daemon_answers
ok "back again"                              eventually is "true 1 0" eval '{ guard connected; waiting; attached; } | xargs'
gateway_down
ok "detached, nothing is left"               chasqui detach --all
ok "nothing at all"                          is 0 eval "find $pins/enforcer/hooks -type f 2>/dev/null | wc -l"
ok "cat reads"                               is treasure cat $secret
