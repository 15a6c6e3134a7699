#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Selectors, actions and arguments of TracingPolicies on this kernel, by the hooks alone.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/enforcer/cases.sh"
# shellcheck source=tests/enforcer/cases.sh
PATH=$built/tests/enforcer:$PATH
mount -t tracefs none /sys/kernel/tracing 2>/dev/null

make_box
kills
paths
numbers
processes
actions
names
syscalls
large
stays
spares

fresh
hook raw "  tracepoints:
  - {subsystem: sched, event: sched_process_exec, raw: true, args: [{index: 2, type: linux_binprm}],
     selectors: [{matchArgs: [{index: 2, operator: Postfix, values: [/busybox]}], $ours}]}"
hook perf "  tracepoints:
  - {subsystem: sched, event: sched_process_exec, args: [{index: 4}, {index: 5, type: int}],
     selectors: [{$ours}]}"
hook kill "  tracepoints:
  - {subsystem: sched, event: sched_process_exec, raw: true, args: [{index: 2, type: linux_binprm}],
     selectors: [{matchArgs: [{index: 2, operator: Equal, values: [$box/never]}], matchActions: [{action: Sigkill}]}]}"
hook symbol "  uprobes:
  - {path: $built/chasqui, symbols: [main], args: [{index: 0, type: int}], selectors: [{$ours}]}"
cp "$(command -v busybox)" $box/never
during "busybox true; chasqui --version; $box/never echo too late"
ok "a raw tracepoint's argument"      tells "raw sched_process_exec POST .*/busybox:100755"
ok "a program ends before it begins"  not grep "too late" printed
ok "that is told"                     tells "kill sched_process_exec SIGKILL $box/never:"
ok "a tracepoint's fields"            tells "perf sched_process_exec POST \"/usr/bin/busybox\" [1-9]"
ok "a function of a program"          tells "symbol main POST 2"

packets "  tracepoints:
  - {subsystem: net, event: net_dev_queue, raw: true, args: [{index: 0, type: skb}],
     selectors: [{matchArgs: [FILTERS], $ours}]}"

# Execution, where no function of the kernel can be hooked: the new program ends before it begins.
fresh
echo '#!/bin/sh' >$box/script; chmod +x $box/script
hook exec "  kprobes:
  - {call: security_bprm_check, syscall: false, args: [{index: 0, type: linux_binprm}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [$box/never]}], matchActions: [{action: Sigkill}]}]}"
hook lsm "  lsmhooks:
  - {hook: bprm_check_security, args: [{index: 0, type: linux_binprm}],
     selectors: [{matchArgs: [{index: 0, operator: Postfix, values: [/never, /busybox]}], $ours}]}"
during "busybox true; $box/never echo too late; exec $box/never echo too late"
ok "security_bprm_check: ends before it begins" ended "signal 9"
ok "not a word of it"                 not grep "too late" printed
ok "it is told, with the file"        times 2 "exec security_bprm_check SIGKILL $box/never:100755"
ok "the LSM hook of the name, too"    tells "lsm bprm_check_security POST .*/busybox:100755"
sed -i 's/syscall: false/&, return: true, returnArg: {index: 0, type: int}/' exec.yaml
under true
ok "but not its return"               grep "^refused: policy exec: security_bprm_check: " told

fresh
hook nowhere "  kprobes:
  - {call: tcp_connect, syscall: false, args: [{index: 0, type: sock}]}"
under true
ok "what this kernel cannot show is refused"   grep "^refused: policy nowhere: tcp_connect: " told
ok "and nothing is left of it"                 not test -e /sys/fs/bpf/enforcer/hooks/set-1

fresh
hook returned "  kprobes:
  - {call: security_file_permission, syscall: false, return: true, returnArg: {index: 0, type: int},
     args: [{index: 0, type: file}], selectors: [{matchArgs: [$(file Equal $box/alpha.txt)]}]}"
under true
ok "a return that cannot be waited for is refused" grep "^refused: policy returned: " told

fresh
hook unknown "  kprobes:
  - {call: security_no_such_thing, syscall: false, args: [{index: 0, type: file}]}"
under true
ok "a function that is not there"      grep "this kernel has no function security_no_such_thing" told
sed -i 's/syscall: false/&, ignore: {callNotFound: true}/' unknown.yaml
under true
ok "unless it may be missing"          ended "status 0"

fresh
for number in {1..100}; do
	policy "many-$number" "{matchArgs: [$(file Equal "$box/file-$number")], matchActions: [{action: Sigkill}]}"
	echo "in $number" >"$box/file-$number"
done
during "cat $box/alpha.txt; (cat $box/file-99); exec cat $box/file-100"
ok "a hundred policies: the last acts" ended "signal 9"
ok "another too"                       tells "many-99 "
ok "and others are left alone"         printed "in alpha.txt"

# There are 64 sets of followed binaries, before and after a change together; older ones do not count.
fresh
many() {
	local policy set
	for policy in {1..6}; do
		set=''
		for n in {1..5}; do
			set+="{matchBinaries: [{operator: In, values: [/$1/$policy/$n, /$1/$policy/$n], followChildren: true}]}, "
		done
		policy "many$policy" "${set%, }"
	done
	under true
}
many first && many second && many third
ok "sets of binaries that are gone are free" is "" grep refused told
many third && many third
ok "and the same ones stay what they are"    is "" grep refused told

# The page cache's own tracepoint: files on disks only, and not on every kernel.
. "$top/tests/enforcer/disks.sh"
# shellcheck source=tests/enforcer/disks.sh
if ext4_on /run/test/disk; then
	by=filemap box=/run/test/disk/box$namespace
	make_box
	kills
else
	skip "filemap: reading is the end" "no ext4 to be had"
fi
