#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Every cell of the table of executions in chasqui-vectors(7) that this kernel has a back end for: each
# way to start a program that security_bprm_check guards. Also in the VM.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/enforcer/guard.sh"

dir=/run/test/programs
ext4_on $dir || { skip "executions" "no ext4 to be had"; exit; }
cp "$(type -P echo)" $dir/tool
cp "$(type -P echo)" $dir/other
printf '#!/bin/sh\necho started\n' >$dir/script && chmod +x $dir/script
ln $dir/tool $dir/linked
loader=$(ls /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* 2>/dev/null | head -1)

run() {				# run WAY: the guarded program prints "started", unless it is stopped
	case $1 in
	execve) bash -c "exec $dir/tool started" ;;
	execveat) python3 -c "import os; os.execve(os.open('$dir/tool', os.O_PATH), ['tool', 'started'], {})" ;;
	script) bash -c "exec $dir/script" ;;
	other-name) bash -c "exec $dir/linked started" ;;
	loader) "$loader" $dir/tool started ;;
	interpreter) sh $dir/script ;;
	esac
}
page=$top/control/enforcer/chasqui-vectors.7.scd
columns=(fanotify lsm kprobe raw_tracepoint)
awk '/^# / { on = /^# EXECUTION/ } on && /^\|  [^*]/ { way = $2; n = 0; next } on && /^:  / && way { print way, ++n, $2 }' "$page" >cells

try() {				# try COLUMN: what the page says is so
	local n way said wanted bad=0
	for n in "${!columns[@]}"; do [ "${columns[n]}" = "$1" ] && break; done
	for way in $(awk '!seen[$1]++ { print $1 }' cells); do
		wanted=$(awk -v way="$way" -v n=$((n + 1)) '$1 == way && $2 == n { print $3 }' cells)
		said=$(run "$way" 2>/dev/null)
		case $wanted:$said in
		stops: | passes:started) ;;
		*) echo "$way: the table says $wanted, and it said \"$said\""; bad=1 ;;
		esac
	done
	[ -s cells ] && [ "$(run_other)" = started ] && return $bad
}
run_other() { $dir/other started; }

policy exec <<END
- call: security_bprm_check
  syscall: false
  args: [{index: 0, type: linux_binprm}]
  selectors:
  - matchArgs: [{index: 0, operator: Equal, values: [$dir/tool, $dir/script]}]
    matchActions: [{action: Sigkill}]
END
all_pass() { for way in $(awk '!seen[$1]++ { print $1 }' cells); do is started run "$way" || return; done; }
ok "with no policy each way is open"    all_pass

guard_up
apply
ok "by fanotify"                        try fanotify
mv "$config/exec.yaml" . && apply
ok "and it goes"                        all_pass
guard_down

export -f run run_other try
export dir loader page columns_text="${columns[*]}"
by_hooks() {			# by_hooks BACK-END COLUMN
	# shellcheck disable=SC2016 # the inner shell's own
	hooks "$1" exec.yaml -- bash -c 'columns=($columns_text); try "$0" && echo well' "$2" >tried 2>told
	case $? in
	0) ok "by $1" is well cat tried ;;
	3) skip "by $1" "this kernel refuses it: $(tail -1 told)" ;;
	*) ok "by $1" eval 'cat told; false' ;;
	esac
}
by_hooks raw_tracepoint raw_tracepoint
[ -z "${IN_VM:-}" ] || { by_hooks lsm lsm; by_hooks fmod_ret lsm; by_hooks kprobe kprobe; }
