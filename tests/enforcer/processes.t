#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# What processes do, as the daemon tells it: of a real tree of processes.
. "${0%/*}/../lib/netns.sh"

# Programs of our own, so that nobody else's processes are among the events that are looked at.
cp "$(type -P true)" mytrue
cp "$(type -P sleep)" mysleep
cp "$(type -P bash)" mybash
cp "$(type -P sh)" 'my sh'

events() { chasqui events --process "$@"; }
json() { events -o json "$@"; }
# field FILTER [OPTION...]: what jq finds in the events, once they are told (they are held back a little)
field() { local filter=$1; shift; json "$@" | jq -rc "$filter"; }
tells() { local wanted=$1; shift; eventually is "$wanted" "$@"; }
refuses() { local words=$1; shift; says "$words" events "$@" && not events "$@"; }
node=$(uname -n)

./mysleep 1000 &
older=$!

three_hosts
gateway_document
gateway_up
watched() { chasqui status -o json | jq -e .processes.watched; }
ok "processes are watched"                   watched

# ---- lines ----
./mytrue a "b c" >/dev/null
exec_of() { events --binary mytrue --event exec | tail -1; }
exit_of() { events --binary mytrue --event exit | tail -1; }
ok "a program is started"                    tells "🚀 process $node $PWD/mytrue \"a \\\"b c\\\"\"" exec_of
ok "and ends"                                tells "💥 exit    $node $PWD/mytrue \"a \\\"b c\\\"\" 0" exit_of
./mytrue
ok "without arguments a blank is left"       tells "🚀 process $node $PWD/mytrue " exec_of
ok "and two before the status"               tells "💥 exit    $node $PWD/mytrue  0" exit_of
./mybash -c 'exit 3'
status_of() { events --binary mybash --event exit | tail -1; }
ok "its status is told"                      tells "💥 exit    $node $PWD/mybash \"-c \\\"exit 3\\\"\" 3" status_of
# shellcheck disable=SC2016 # it is the inner shell's own number
./mybash -c 'kill -KILL $$' 2>/dev/null
killed() { field '.process_exit.signal' --binary mybash --event exit | tail -1; }
ok "and so is a signal"                      tells SIGKILL killed
(ulimit -c 0; ./mybash -c 'kill -SEGV $$') 2>/dev/null
ok "whichever it is"                         tells SIGSEGV killed
'./my sh' -c ': 1'
quoted() { events --binary 'my sh' --event exec; }
ok "a path with a blank stands in quotes"    tells "🚀 process $node \"$PWD/my sh\" \"-c \\\": 1\\\"\"" quoted
./mytrue $'\e[31mred'
ok "nothing moves the terminal's cursor"     tells "🚀 process $node $PWD/mytrue \"\\x1b[31mred\"" exec_of
in_colour() { TERM=xterm script -qec "chasqui events --process --binary mybash --event exec" /dev/null | head -1 | cat -v; }
plain_on_terminal() { NO_COLOR=1 in_colour; }
ok "a terminal has colours"                  says '^[[34m' in_colour
ok "unless it is asked not to"               not says '^[[' plain_on_terminal
ok "timestamps come first"                   says "T" events --binary mytrue --timestamps

# ---- the tree ----
mkdir -p deep/er
# shellcheck disable=SC2016
(cd deep/er && ../../mybash -c '../../mybash -c "../../mytrue leaf; :"; :')
leaf='select(.process_exec.process.arguments == "leaf") | .process_exec'
leaf_of() { field "$leaf | $1" --binary mytrue; }
ok "the directory it was started in"         tells "$PWD/deep/er" leaf_of .process.cwd
ok "the name it was started by"              tells "$PWD/mytrue" leaf_of .process.binary
ok "its parent"                              tells '-c "../../mytrue leaf; :"' leaf_of .parent.arguments
ok "whom the process names, too"             tells true leaf_of '.process.parent_exec_id == .parent.exec_id'
ok "and whoever is above"                    tells "$PWD/mybash" leaf_of '.ancestors[0].binary'
ok "up to the test itself"                   tells true leaf_of '.ancestors | any(.arguments // "" | endswith("processes.t"))'
ok "an exec_id says machine, time and pid"   tells true leaf_of ".process | (.exec_id | @base64d | split(\":\")) as \$id | \$id[0] == \"$node\" and (\$id[2] | tonumber) == .pid"
ok "flags as Tetragon has them"              tells "execve clone" leaf_of .process.flags
(cd / && "$OLDPWD/mytrue" rootdir)
ok "the root directory is a flag"            tells "execve rootcwd clone" field 'select(.process_exec.process.arguments == "rootdir") | .process_exec.process.flags' --binary mytrue
./mybash -c 'exec ./mytrue replaced'
replaced() { field "select(.process_exec.process.arguments == \"replaced\") | .process_exec | $1" --binary mytrue; }
ok "an execve without a fork keeps the pid"  tells true replaced '.process.flags == "execve"'
ok "and the parent"                          tells true replaced '.parent.arguments | endswith("processes.t")'
./mybash -c '(:); :' forked
clones() { field 'select(.process_exit.process.flags == "clone") | .process_exit.process.arguments' --binary mybash | tail -1; }
ok "who forks only ends as its parent's kin" tells '-c "(:); :" forked' clones
as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all "$PWD/mytrue" nobody; }
chmod 755 . && as_nobody
nobody() { field "select(.process_exec.process.arguments == \"nobody\") | .process_exec.process | $1" --binary mytrue; }
ok "who it is"                               tells "65534" nobody .uid
ok "with which capabilities"                 tells null nobody .cap.effective
ok "root has them"                           tells true leaf_of '.process.cap.effective | index("CAP_SYS_ADMIN") != null'
ok "in which namespaces"                     tells "$(stat -Lc %i /proc/self/ns/mnt)" nobody .ns.mnt.inum
ok "the machine's own are said to be so"     tells true nobody ".ns.uts.is_host"
unshare --uts ./mytrue elsewhere
ok "and others not"                          tells false field 'select(.process_exec.process.arguments == "elsewhere") | .process_exec.process.ns.uts | has("is_host")' --binary mytrue
ok "its control group"                       tells true nobody '.cgroup.path | startswith("/")'
nobody_ends() { field "select(.process_exit.process.arguments == \"nobody\") | .process_exit.process | $1" --binary mytrue; }
ok "the end says it, too"                    tells "$(stat -Lc %i /proc/self/ns/mnt)" nobody_ends .ns.mnt.inum
ok "root's end has capabilities"             tells true field 'select(.process_exit.process.arguments == "leaf") | .process_exit.process.cap.permitted | index("CAP_KILL") != null' --binary mytrue
ok "its login"                               tells "$(cat /proc/self/loginuid 2>/dev/null || echo 4294967295)" nobody .auid

# ---- what is unusual about a program ----
properties() { field .process_exec.process.binary_properties --event exec --binary "$1" | tail -1; }
as_other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
cp mytrue gives-user && chmod u+s gives-user && as_other ./gives-user
ok "set-user-ID, to root"                    tells '{"setuid":0,"privileges_changed":["PRIVILEGES_RAISED_EXEC_FILE_SETUID"]}' properties gives-user
cp mytrue gives-group && chown 0:5 gives-group && chmod g+s gives-group && as_other ./gives-group
ok "set-group-ID, to somebody"               tells '{"setgid":5}' properties gives-group
cp mytrue gives-caps && setcap cap_net_raw+ep gives-caps && as_other bash -c './gives-caps; :'
ok "capabilities of the file"                tells '{"privileges_changed":["PRIVILEGES_RAISED_EXEC_FILE_CAP"]}' properties gives-caps
cp mytrue plain && as_other ./plain
ok "nothing of the kind"                     tells null properties plain
./gives-user
ok "root gets nothing by it"                 tells null properties gives-user
cp mytrue gone && exec 9<gone && inode=$(stat -c %i gone) && rm gone && /proc/self/fd/9
exec 9<&-
ok "a program without a name any more"       tells "{\"file\":{\"inode\":{\"number\":\"$inode\",\"links\":0}}}" properties 9
setpriv --securebits +noroot ./mytrue keeps
ok "bits of the credentials"                 tells '["SecBitNoRoot"]' field 'select(.process_exec.process.arguments == "keeps") | .process_exec.process.process_credentials.securebits' --binary mytrue

# ---- threads ----
threads=$built/tests/enforcer/threads
"$threads" exec "$PWD/mytrue"
by_thread() { field 'select((.process_exec // .process_exit).process.arguments == "by-a-thread") | keys[] | select(startswith("process"))' --binary mytrue | paste -sd' '; }
ok "an execve by another thread"             tells "process_exec process_exit" by_thread
ended() { field 'select(.process_exit.process.arguments == "'"$1"'") | .process_exit.status // 0' --binary threads | paste -sd' '; }
"$threads" leave
ok "the last thread ends the process"        tells 5 ended leave
for _ in {1..20}; do "$threads" many; done
ok "many at once end it once"                tells "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0" ended many

# ---- what ran before ----
kill "$older"
old() { field "select(.process_exit) | .process_exit.process | $1" --binary mysleep; }
ok "what ran before us is known"             tells "1000" old .arguments
ok "and marked so"                           tells "procFS auid" old .flags

# ---- filters ----
count_lines() { events "$@" | wc -l; }
ok "by kind"                                 is 0 count_lines --binary mysleep --event exec
ok "by kinds"                                more_than 0 count_lines --binary mysleep --event exec,exit
pid=$(leaf_of .process.pid)
ok "by pid"                                  is 2 count_lines --pid "$pid" --binary mytrue
ok "by policy"                               is 0 count_lines --policy inca
ok "by time"                                 is 0 count_lines --binary mysleep --since 2200-01-01T00:00:00Z
ok "by time ago"                             more_than 0 count_lines --binary mytrue --since 1h
ok "a wrong kind is refused"                 refuses 'event: "open" is not a list of exec, exit' --event open
ok "a wrong pid is refused"                  refuses 'pid: "x" is not the number of a process' --pid x
ok "a wrong time is refused"                 refuses 'since: "soon" is not a time ago' --since soon
ok "options of the one kind do not fit the other" says 'go with --process' chasqui events --pid 1

# ---- as they happen ----
events --follow --binary mytrue >followed &
follower=$!
followed_live() { ./mytrue live; sleep 0.3; grep -q 'exit.*live' followed; }
eventually followed_live
live() { head -2 followed; }
ok "only what happens from now on"           is "$(printf '🚀 process %s %s live\n💥 exit    %s %s live 0' "$node" "$PWD/mytrue" "$node" "$PWD/mytrue")" live
kill "$follower"

# ---- without the daemon ----
./mysleep 1001 &
sleeper=$!
sleep_of() { field "select(.process_exec.process.arguments == \"$1\") | .process_exec.process.exec_id" --binary mysleep; }
eventually more_than 0 count_lines --binary mysleep --event exec
known=$(sleep_of 1001)
gateway_crashed
./mytrue unwatched
./mysleep 1002 &
gateway_up
ok "what happened without us is told later"  tells "🚀 process $node $PWD/mytrue unwatched" exec_of
kill "$sleeper" %-
ok "a process keeps its name over a restart" tells "$known" field 'select(.process_exit.process.arguments == "1001") | .process_exit.process.exec_id' --binary mysleep
ok "so does one that started in between"     tells "$(sleep_of 1002)" field 'select(.process_exit.process.arguments == "1002") | .process_exit.process.exec_id' --binary mysleep
ok "nobody is told of twice"                 is 1 count_lines --binary mysleep --event exec

# ---- out of the kernel ----
gateway_down
detached() { chasqui detach --all --bpffs "$pins" && [ ! -e "$pins/enforcer" ]; }
ok "detach takes everything out"             detached
