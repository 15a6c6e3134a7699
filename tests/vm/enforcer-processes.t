#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Processes as Debian's kernels tell of them: the programs alone, without a daemon.
. "${0%/*}/../lib/netns.sh"

cp "$(type -P true)" mytrue
cp "$(type -P bash)" mybash
watch() { "$built/tests/enforcer/watch" "$pins/enforcer" "$@"; }
text() { watch text "$@" | grep -v '^lost'; }
of() { local filter=$1; shift; watch json "$@" | grep -v '^lost' | jq -rc "$filter"; }
mkdir -p "$pins"

one() { printf '🚀 process here %s %s\n💥 exit    here %s %s %s\n' "$1" "$2" "$1" "$2" "$3"; }
ok "a program, and its end"           is "$(one "$PWD/mytrue" leaf 0)" text ./mytrue leaf
ok "its status"                       is "$(one "$PWD/mybash" '"-c \"exit 3\""' 3)" text ./mybash -c 'exit 3'
# shellcheck disable=SC2016 # the inner shell's own number
ok "a signal"                         is "$(one "$PWD/mybash" '"-c \"kill -KILL $$\""' SIGKILL)" text ./mybash -c 'kill -KILL $$'
# shellcheck disable=SC2016
ok "children have their parent"       is "$PWD/mybash" of 'select(.process_exec.process.arguments == "x") | .process_exec.parent.binary' ./mybash -c './mytrue x; :'
ok "the directory, the flags, the user" is '["/","execve rootcwd",0]' of 'select(.process_exec.process.cwd == "/") | .process_exec.process | [.cwd, .flags, .uid]' env -C / "$PWD/mytrue"
flags() { of 'select(.process_exec) | .process_exec.process.flags' ./mybash -c 'exec ./mytrue' | paste -sd,; }
ok "an execve without a fork"         is "execve clone,execve" flags
ok "capabilities"                     is true of 'select(.process_exec) | .process_exec.process.cap.effective | index("CAP_SYS_ADMIN") != null' ./mytrue
ok "none of somebody without"         is null of 'select(.process_exec.process.uid == 65534) | .process_exec.process.cap.effective' setpriv --reuid 65534 --clear-groups --inh-caps=-all --bounding-set=-all ./mytrue
cp mytrue gives-user && chmod u+s gives-user && chmod 755 .
ok "what a program gave away"         is '{"setuid":0,"privileges_changed":["PRIVILEGES_RAISED_EXEC_FILE_SETUID"]}' of 'select(.process_exec.process.arguments == "it") | .process_exec.process.binary_properties' setpriv --reuid 65534 --clear-groups ./gives-user it
ok "namespaces"                       is "$(stat -Lc %i /proc/self/ns/net)" of 'select(.process_exec) | .process_exec.process.ns.net.inum' ./mytrue
ok "the control group"                is true of 'select(.process_exec) | .process_exec.process.cgroup.path | startswith("/")' ./mytrue
ok "who ran before is known"          is true of 'select(.process_exec) | select(.process_exec.process.binary | endswith("mytrue")) | .process_exec.ancestors | any(.flags == "procFS auid")' ./mybash -c './mytrue; :'

# Programs that are the same stay; the pins outlive each run.
link_of() { bpftool link show pinned "$pins/enforcer/link_exec" | awk -F: 'NR == 1 { print $1 }'; }
link=$(link_of)
./mytrue while-nobody-watched
ok "what nobody read waits"           watch text ./mytrue
ok "the same programs are kept"       is "$link" link_of

# Programs of another load take over while processes start: the old ones, still attached, look on.
numbered() { for i in {1..60}; do ./mytrue "number-$i"; done; }
told_once() {
	numbered & local starts=$!
	mv "$pins/enforcer/link_exec" "$pins/enforcer/old_exec"
	mv "$pins/enforcer/link_exit" "$pins/enforcer/old_exit"
	watch all sleep 2 >all.said
	wait "$starts"
	watch all ./mytrue >>all.said
	grep -o 'process here [^ ]*mytrue number-.*' all.said | sort | uniq -c | awk '{ print $1 }' | uniq -c | awk '{ print $1, $2 }'
}
ok "a change of programs loses and doubles nothing" is "60 1" told_once
ok "others act then"                  not is "$link" link_of

storm() { watch text "$built/tests/enforcer/storm" 4 50 >storm.said; }
ok "a storm of forks and execs"       storm
told() { grep -c "process.* /proc/self/exe \"child" storm.said; }
lost() { awk '/^lost/ { print $3 }' storm.said; }
ok "each is told of, or counted"      test $(($(told) + $(lost))) -ge 200
left() { test "$(awk '/^lost/ { print $7 }' storm.said)" -lt 1000; }
ok "none of them is left"             left
