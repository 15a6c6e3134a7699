#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# TracingPolicies as part of the configuration: the seed policy as it is, several at once, switched
# at run time, bad ones, and what goes on without the daemon. All on files and processes of its own.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/lib/root.sh" || exit

secret=/lost_city_of_inca.txt
echo "the city is at 13.16 S 72.54 W" >$secret
echo "nothing of interest" >/other.txt
echo backup >$secret.bak
for letter in a b c d; do echo "secret $letter" >/$letter.txt; done

reads() { is "$1" cat "$2"; }
names() { chasqui tracing list -o json | jq -r '[.[].name] | join(" ")'; }

# protect NAME FILE [ACTION [OPTIONS]]: a policy like the seed policy in the directory.
protect() {
	cat >"$config/$1.yaml" <<-END
	apiVersion: cilium.io/v1alpha1
	kind: TracingPolicy
	metadata: {name: $1}
	spec:
	  options: [${4:-}]
	  kprobes:
	  - call: security_file_permission
	    args: [{index: 0, type: file}, {index: 1, type: int}]
	    selectors:
	    - matchArgs: [{index: 0, operator: Equal, values: [$2]}]
	      matchActions: [{action: ${3:-Sigkill}}]
	END
}

# ---- the seed policy, as it is shipped ----

gateway_alone
cp "$top/policies/inca.yaml" "$config/"
gateway_up || eventually daemon_answers
ok "it is there"                              is inca names
ok "enabled"                                  is enabled of inca state
ok "and enforcing"                            is enforce of inca mode
ok "some back end serves its hook"            not is 0 of inca 'hooks[0].backEnds | length'
ok "status names it"                          says security_file_permission chasqui status
ok "status says what cannot be stopped"       says 'CANNOT STOP' chasqui status
ok "cat dies before it prints"                kills cat $secret
ok "so do head, dd, tac, cp"                  kills head -c 5 $secret
ok "dd"                                       kills dd if=$secret status=none
ok "cp"                                       kills cp $secret /dev/stdout
ok "another file is left alone"               reads "nothing of interest" /other.txt
ok "and one whose name only begins so"        reads backup $secret.bak
ok "it is counted"                            eventually more_than 2 of inca enforced
ok "chasquid lives"                           chasqui status

# ---- run time ----

ok "monitor"                                  chasqui tracing set-mode inca monitor
ok "now cat reads"                            reads "the city is at 13.16 S 72.54 W" $secret
ok "and what would have been is counted"      eventually more_than 0 of inca monitored
ok "disable"                                  chasqui tracing disable inca
sleep 1.5				# the guard's numbers are a second old at most
before=$(of inca monitored)
ok "cat reads"                                reads "the city is at 13.16 S 72.54 W" $secret
ok "nothing is counted"                       is "$before" of inca monitored
ok "both hold over a reload"                  chasqui reload
ok "disabled"                                 is disabled of inca state
gateway_down; gateway_up || eventually daemon_answers
ok "and over a restart"                       is "disabled monitor" of inca 'state + " " + .mode'
ok "enable"                                   chasqui tracing enable inca
ok "enforce"                                  chasqui tracing set-mode inca enforce
ok "cat dies again"                           kills cat $secret
ok "a policy that is not there"               says 'there is no TracingPolicy' chasqui tracing enable nobody
ok "is an error"                              not chasqui tracing enable nobody
ok "so is another mode"                       says 'expected monitor or enforce' chasqui tracing set-mode inca off

# ---- several at once ----

protect first /a.txt
protect second /b.txt Sigkill '{name: policy-mode, value: monitor}'
protect third /c.txt Post
ok "three more"                               chasqui reload
ok "all four are there"                       is "first inca second third" names
ok "the first kills"                          kills cat /a.txt
ok "the second only watches"                  reads "secret b" /b.txt
ok "and says so"                              eventually more_than 0 of second monitored
ok "the third posts"                          reads "secret c" /c.txt
ok "and counts it"                            eventually more_than 0 of third posts
ok "it cannot be made to enforce"             not chasqui tracing set-mode third enforce
ok "its mode is monitor_only"                 is monitor_only of third mode
ok "the seed policy still kills"              kills cat $secret

protect fourth /d.txt "Override, argError: -1"
ok "one that refuses and kills nobody"        chasqui reload
ok "who reads is refused"                     says 'Operation not permitted' cat /d.txt
ok "and gets nothing"                         not says 'secret d' cat /d.txt
ok "it can only be served by who can deny"    is true of fourth 'hooks[0].denies'
rm "$config/fourth.yaml"
ok "and it goes"                              chasqui reload
ok "so that the file is free"                 reads "secret d" /d.txt

# ---- execution ----

cp "$(type -P echo)" /run/test/tool
cat >"$config/exec.yaml" <<-END
	apiVersion: cilium.io/v1alpha1
	kind: TracingPolicy
	metadata: {name: exec}
	spec:
	  kprobes:
	  - call: security_bprm_check
	    args: [{index: 0, type: linux_binprm}]
	    selectors:
	    - matchArgs: [{index: 0, operator: Equal, values: [/run/test/tool]}]
	      matchActions: [{action: Sigkill}]
END
ok "a policy on execution"                    chasqui reload
ok "is the end of who starts the program"     kills bash -c 'exec /run/test/tool started'
ok "and of nobody else"                       is started echo started
ok "monitor lets it start"                    chasqui tracing set-mode exec monitor
ok "as it says"                               is started /run/test/tool started
ok "and is counted"                           eventually more_than 0 of exec monitored
rm "$config/exec.yaml"
ok "it goes"                                  chasqui reload

# ---- bad ones ----

cat >"$config/bad.yaml" <<-END
	apiVersion: cilium.io/v1alpha1
	kind: TracingPolicy
	metadata: {name: bad}
	spec:
	  kprobes:
	  - call: security_file_permission
	    args: [{index: 0, type: fil}]
	    selectors: [{matchActions: [{action: Sigkil}]}]
END
ok "a bad policy is refused"                  not chasqui reload
ok "with both places"                         says 'bad.yaml:7:29: unknown type "fil", did you mean "file"?' chasqui reload
ok "and the other"                            says 'bad.yaml:8:42: unknown action "Sigkil"' chasqui reload
sed -i 's/security_file_permission/security_no_such_thing/; s/fil}/file}/; s/Sigkil}/Sigkill}/' "$config/bad.yaml"
ok "so is a hook that the kernel has not"     not chasqui reload
ok "with its place, and what is missing"      says 'bad.yaml:6:11: ' chasqui reload
ok "nothing was changed"                      is "first inca second third" names
ok "the others go on"                         kills cat /a.txt

# hooked CALL REST WORDS: what this kernel cannot serve says why.
hooked() {
	printf 'apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: bad}\nspec:\n  kprobes:\n  - {call: %s, %s}\n' \
		"$1" "$2" >"$config/bad.yaml"
	not chasqui reload && says "bad.yaml:6:12: TracingPolicy bad: $1 cannot be served: " chasqui reload && says "$3" chasqui reload
}
if ! chasqui tracing backends | grep -qE '^(fmod_ret|fentry|kprobe) +yes'; then
	on_a="selectors: [{matchArgs: [{index: 0, operator: Equal, values: [/a.txt]}]}]"
	ok "a return that nothing here shows is refused" hooked security_file_permission \
		"return: true, returnArg: {index: 0, type: int}, args: [{index: 0, type: file}], $on_a" "there is no return value to be told"
	ok "so is the one of an execution"            hooked security_bprm_check \
		"return: true, returnArg: {index: 0, type: int}, args: [{index: 0, type: linux_binprm}], $on_a" "there is no return value to be told"
	ok "and Override of a system call"            hooked sys_getpriority \
		"args: [{index: 0, type: int}], selectors: [{matchActions: [{action: Override, argError: -1}]}]" "Override needs lsm, fmod_ret or fanotify"
	ok "and a function behind no system call"     hooked tcp_connect "args: [{index: 0, type: sock}]" "the kernel refuses to attach"
	ok "all that time the others went on"         kills cat /a.txt
else
	skip "what this kernel cannot serve is refused" "it has trampolines or kprobes"
fi
rm "$config/bad.yaml"

# ---- arguments larger than an event ----

cat >"$config/large.yaml" <<-END
	apiVersion: cilium.io/v1alpha1
	kind: TracingPolicy
	metadata: {name: large}
	spec:
	  kprobes:
	  - call: sys_write
	    syscall: true
	    args: [{index: 0, type: fd}, {index: 1, type: char_buf, sizeArgIndex: 3, maxData: true}]
	    selectors: [{matchArgs: [{index: 0, operator: Equal, values: [/large.out]}]}]
END
chasqui reload
printf '%07d.' {0..49999} >/large.in
chasqui events --process --follow --policy large -o json >followed & follower=$!
large() { chasqui events --process --policy large -o json | jq -r ".process_kprobe.args[1] | $1 // empty"; }
dd status=none bs=300000 count=1 if=/large.in of=/large.out
ok "each of 300,000 bytes is told"            eventually eval 'large .bytes_arg | base64 -d | cmp - <(head -c 300000 /large.in)'
dd status=none bs=400000 if=/large.in of=/large.out
ok "327,360 of more"                          eventually eval 'large .truncated_bytes_arg.bytes_arg | base64 -d | cmp - <(head -c 327360 /large.in)'
ok "with what it was"                         is 400000 large .truncated_bytes_arg.orig_size
for _ in {1..10}; do dd status=none bs=300000 count=1 if=/large.in of=/large.out; done
ok "one who reads along gets all of a dozen"  eventually is 12 eval 'jq -c .process_kprobe.function_name followed | wc -l'
kill $follower
rm "$config/large.yaml"
chasqui reload

# ---- without the daemon, and back ----

gateway_down
ok "with the daemon gone cat dies"            kills cat $secret
ok "and another file is read"                 reads "nothing of interest" /other.txt
gateway_up || eventually daemon_answers
ok "back again it still dies"                 kills cat $secret
gateway_crashed
ok "killed, it goes on too"                   kills cat $secret
gateway_up || eventually daemon_answers
ok "and after"                                kills cat $secret

# ---- taken out ----

rm "$config"/first.yaml "$config"/second.yaml "$config"/third.yaml
ok "take three out"                           chasqui reload
ok "their files are free"                     reads "secret a" /a.txt
ok "one is left"                              kills cat $secret
ok "by the CLI the last goes"                 chasqui delete TracingPolicy inca
ok "cat reads"                                reads "the city is at 13.16 S 72.54 W" $secret
ok "none is left"                             is "" names
