#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Policies that only watch: who serves them, that they tell what happens and nothing besides, each once,
# and what becomes of them when the guard is not there.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/lib/root.sh" || exit
. "$top/tests/enforcer/disks.sh"

disk=/run/test/disk
ext4_on $disk || { skip "watching" "no ext4 to be had"; exit; }
for name in seed post opened; do echo "of $name" >$disk/$name; done
cp "$(type -P true)" $disk/tool

# watch NAME CALL TYPE FILE ACTION [MODE]
watch() {
	cat >"$config/$1.yaml" <<-END
	apiVersion: cilium.io/v1alpha1
	kind: TracingPolicy
	metadata: {name: $1}
	spec:
	  options: [{name: policy-mode, value: ${6:-enforce}}]
	  kprobes:
	  - call: $2
	    args: [{index: 0, type: $3}$([ "$2" = security_file_permission ] && echo ', {index: 1, type: int}')]
	    selectors:
	    - matchArgs: [{index: 0, operator: Equal, values: [$4]}]
	      matchActions: [{action: $5}]
	END
}
served() { of "$1" 'hooks[0].backEnds | join(" ")'; }
# told POLICY: its events, "FUNCTION ACTION FILE [MASK]", a line each.
told() {
	chasqui events --process --policy "$1" -o json | jq -r '.process_kprobe // empty | "\(.function_name) \(.action | ltrimstr("KPROBE_ACTION_")) \(.args[0].file_arg.path // .args[0].linux_binprm_arg.path) \(.args[1].int_arg // "")"' | sed 's/ $//'
}
tells() { eventually is "$1" told "$2"; }
links() { find $pins/enforcer/hooks -name 'link-*' | wc -l; }

# Programs of our own: one of them will be missing.
mkdir own && cp "$built/chasquid" "$built/chasqui-guard" own/
PATH=$PWD/own:$PATH
gateway_alone
watch seed security_file_permission file $disk/seed Sigkill monitor
watch post security_file_permission file $disk/post Post
watch opened security_file_open file $disk/opened Post
watch exec security_bprm_check linux_binprm $disk/tool Post
echo "in memory" >/memory
watch memory security_file_permission file /memory Post
gateway_up || eventually daemon_answers
if chasqui tracing backends | grep -qE '^(lsm|fmod_ret|fentry|kprobe) +yes'; then
	skip "watching by the guard" "this kernel's own hooks serve it"
	exit
fi

ok "watched, a file costs others nothing"     is "fanotify fanotify fanotify fanotify" eval 'for p in seed post opened exec; do served $p; done | xargs'
ok "no program is attached"                   is 0 links
ok "status says what is not seen"             says "not seen: reading by a descriptor from before the policy" chasqui status
head -c 3 $disk/seed >/dev/null
head -c 3 $disk/post >/dev/null
head -c 3 $disk/opened >/dev/null
$disk/tool
ok "reading, with what would have been done"  tells "security_file_permission SIGKILL $disk/seed 4" seed
ok "reading, of one that only posts"          tells "security_file_permission POST $disk/post 4" post
ok "opening"                                  tells "security_file_open POST $disk/opened" opened
ok "execution"                                tells "security_bprm_check POST $disk/tool" exec
ok "it is counted"                            eventually is "1 1 0" eval 'for f in hits monitored enforced; do of seed $f; done | xargs'
python3 -c "import mmap; f = open('$disk/post'); mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:]"
truncate -s 7 $disk/post
dd if=/dev/zero of=$disk/post bs=1 count=1 conv=notrunc status=none
ok "a write; no mapping, no truncation"       tells "security_file_permission POST $disk/post 4
security_file_permission POST $disk/post 2" post

# On tmpfs there is nothing to be asked before a write.
ok "on tmpfs a read"                          head -c 1 /memory
dd if=/dev/zero of=/memory bs=1 count=1 conv=notrunc status=none
ok "and a write"                              tells "security_file_permission POST /memory 4
security_file_permission POST /memory 2" memory

# A few directories are the guard's; a whole tree of them would wait for it at each file.
prefix() {
	cat >"$config/tree.yaml" <<-END
	apiVersion: cilium.io/v1alpha1
	kind: TracingPolicy
	metadata: {name: tree}
	spec:
	  kprobes:
	  - call: security_file_permission
	    args: [{index: 0, type: file}, {index: 1, type: int}]
	    selectors: [{matchArgs: [{index: 0, operator: Prefix, values: [$1]}]}]
	END
	chasqui reload
}
mkdir -p $disk/few/{1..9} $disk/many/{1..99} && echo x | tee $disk/few/1/x >$disk/many/1/x
ok "a Prefix of few directories"              prefix $disk/few/
ok "is the guard's"                           is fanotify served tree
head -c 1 $disk/few/1/x >/dev/null
ok "which tells"                              tells "security_file_permission POST $disk/few/1/x 4" tree
ok "one of many"                              prefix $disk/many/
ok "is not"                                   is raw_tp served tree
head -c 1 $disk/many/1/x >/dev/null
ok "and is told as well"                      tells "security_file_permission POST $disk/few/1/x 4
security_file_permission POST $disk/many/1/x 4" tree
rm "$config/tree.yaml"
chasqui reload >/dev/null

# Back and forth under a reader that never rests: who is killed was not told as watched, and none slips by.
echo "of seed" >$disk/seed
ok "enforced"                                 chasqui tracing set-mode seed enforce
ok "it kills"                                 kills cat $disk/seed
ok "monitor"                                  chasqui tracing set-mode seed monitor
before=$(of seed monitored)
for _ in {1..20}; do head -c 1 $disk/seed >/dev/null; done
ok "each read is counted once"                eventually is $((before + 20)) of seed monitored
ok "disabled"                                 chasqui tracing disable seed
head -c 1 $disk/seed >/dev/null
ok "enabled"                                  chasqui tracing enable seed
sleep 1.2				# the guard's numbers are a second old at most
ok "meanwhile nothing was"                    is $((before + 20)) of seed monitored

gateway_crashed
head -c 1 $disk/seed >/dev/null
gateway_up || eventually daemon_answers
ok "it counts with the daemon dead"           eventually is $((before + 21)) of seed monitored

# Without the guard BPF programs serve it, and give it back when it is there again.
end_guard() {
	local worker above
	eventually not is 0 guard_pid
	worker=$(guard_pid) above=$(awk '{ print $4 }' "/proc/$(guard_pid)/stat")
	kill -KILL "$above" "$worker"
}
guard_pid() { chasqui status -o json | jq .enforcer.guard.pid; }
mv own/chasqui-guard own/away
end_guard
ok "no guard is to be had: programs see to it" eventually is raw_tp served seed
ok "status says so"                           says "file guard: NOT RUNNING" chasqui status
before=$(of seed monitored)
head -c 1 $disk/seed >/dev/null
ok "it counts, and goes on from what was"     eventually is $((before + 1)) of seed monitored
mv own/away own/chasqui-guard
ok "the guard is back"                        eventually is fanotify served seed
ok "and no program is attached any more"      is 0 links
end_guard
ok "one that dies is started anew"            eventually not is 0 guard_pid
head -c 1 $disk/seed >/dev/null
head -c 1 $disk/seed >/dev/null
ok "and it counts"                            eventually is $((before + 3)) of seed monitored
ok "with no program"                          is "fanotify 0" eval '{ served seed; links; } | xargs'
