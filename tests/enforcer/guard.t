#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# chasqui-guard: what it serves, how it follows files, and how it goes on. Driven without chasquid.
# Also in the VM, where the kernel has no FAN_PRE_ACCESS.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/enforcer/guard.sh"

top_dir=/run/test/files
ext4_on $top_dir || { skip "the guard" "no ext4 to be had"; exit; }
mkdir -p $top_dir/a/b $top_dir/tree/deep/deeper $top_dir/bin
secret=$top_dir/a/b/secret
echo treasure >$secret
echo harmless >$top_dir/a/b/other

# on_file NAME FILE [ACTION [FILTER]]: security_file_permission on one file.
on_file() {
	policy "$1" <<-END
	- call: security_file_permission
	  args: [{index: 0, type: file}, {index: 1, type: int}]
	  selectors:
	  - matchArgs: [{index: 0, operator: ${5:-Equal}, values: [$2]}]
	    matchActions: [${3:-{action: Sigkill\}}]
	    ${4:-}
	END
}
reads() { is "$1" cat "$2"; }

guard_up
ok "it runs, with no rules"             is 0 of files
ok "and nothing is asked"               reads treasure $secret

# ---- one file ----

on_file one $secret
ok "a policy"                           apply
ok "cat dies, and prints nothing"       kills cat $secret
ok "so does cp"                         kills cp $secret /dev/stdout
ok "another file is left alone"         reads harmless $top_dir/a/b/other
ok "stat is free"                       is 9 stat -c %s $secret
ok "it is counted"                      is 2 counted one enforced
ok "events come out, in order"          says "one security_file_permission SIGKILL $secret 4" drive events 2
ln $secret $top_dir/a/link
ok "a hard link"                        kills cat $top_dir/a/link
mv $secret $top_dir/a/gone
ok "another name"                       kills cat $top_dir/a/gone
echo second >$top_dir/a/new && mv $top_dir/a/new $secret
ok "the file that took its place"       kills cat $secret
ok "and the old one still"              kills cat $top_dir/a/gone
ok "both are followed"                  eventually is 2 of files
rm $top_dir/a/gone $top_dir/a/link
ok "one that was removed is forgotten"  eventually is 1 of files
mv $top_dir/a/b $top_dir/a/c
ok "its directory has another name"     kills cat $top_dir/a/c/secret
mkdir $top_dir/a/b
sleep 0.3
echo third >$top_dir/a/n && mv $top_dir/a/n $secret
ok "a new file in a new directory"      kills cat $secret
rm -r $top_dir/a/c
mkdir $top_dir/over && echo mounted >$top_dir/over/secret
mount --bind $top_dir/over $top_dir/a/b
sleep 0.3
ok "a mount over its directory"         kills cat $secret
ok "under its other name too"           kills cat $top_dir/over/secret
umount $top_dir/a/b
sleep 0.3
ok "and below, when it is gone"         kills cat $secret
ok "whoever makes the name is refused"  kills dd if=/dev/zero of=$secret count=1 status=none

# ---- actions, modes ----

on_file one $secret '{action: Override, argError: -1}'
apply
ok "Override refuses and does not kill" refuses cat $secret
on_file one $secret '{action: Signal, argSig: 15}'
apply
timeout -s KILL 5 cat $secret >/dev/null 2>&1
ok "Signal sends another one"           is 143 echo $?
on_file one $secret '{action: Post}'
apply
ok "Post lets through"                  reads third $secret
ok "and tells"                          eventually says "one security_file_permission POST $secret 4" drive events 1
on_file one $secret
apply
ok "monitor"                            drive set one on monitor
ok "lets through"                       reads third $secret
ok "and counts what would have been"    more_than 0 counted one monitored
ok "off"                                drive set one off enforce
ok "lets through"                       reads third $secret
ok "on"                                 drive set one on enforce
ok "kills again"                        kills cat $secret
ok "an unknown policy is refused"       not drive set two on enforce

# ---- who ----

cp "$(command -v head)" $top_dir/bin/reader
on_file one $secret '{action: Sigkill}' "matchBinaries: [{operator: NotIn, values: [$top_dir/bin/reader]}]"
apply
ok "matchBinaries NotIn lets one by"    is third $top_dir/bin/reader -n 1 $secret
ok "and kills the others"               kills cat $secret
on_file one $secret '{action: Sigkill}' "matchBinaries: [{operator: Postfix, values: [/reader]}]"
apply
ok "matchBinaries Postfix kills it"     kills $top_dir/bin/reader -n 1 $secret
ok "and no other"                       reads third $secret
bash -c "sleep 0.5; cat $secret; true" >said 2>/dev/null & child=$!
on_file one $secret '{action: Sigkill}' "matchPIDs: [{operator: In, values: [$child], followForks: true}]"
apply
wait $child
ok "matchPIDs with followForks kills"   is "" cat said
ok "and no other"                       reads third $secret

# ---- prefixes ----

no_policies
echo deep >$top_dir/tree/deep/deeper/file
echo key >$top_dir/tree/deep/id.pem
on_file one $top_dir/tree/deep/ '{action: Sigkill}' '' Prefix
apply
ok "a Prefix"                           kills cat $top_dir/tree/deep/deeper/file
ok "its neighbour"                      reads harmless <(echo harmless)
mkdir -p $top_dir/tree/deep/x/y
sleep 0.3
ok "a new directory below"              not bash -c "echo new >$top_dir/tree/deep/x/y/file"
policy one <<END
- call: security_file_permission
  args: [{index: 0, type: file}]
  selectors:
  - matchArgs:
    - {index: 0, operator: Prefix, values: [$top_dir/tree/]}
    - {index: 0, operator: Postfix, values: [.pem]}
    - {index: 0, operator: NotEqual, values: [$top_dir/tree/public.pem]}
    matchActions: [{action: Sigkill}]
END
ok "Prefix, Postfix and NotEqual"       apply
ok "together hold"                      kills cat $top_dir/tree/deep/id.pem
ok "not the Postfix"                    reads deep $top_dir/tree/deep/deeper/file
echo public >$top_dir/tree/public.pem
ok "not the one left out"               reads public $top_dir/tree/public.pem

# ---- files beside a guarded one cost nothing, until they are of interest ----

no_policies
echo older >$top_dir/a/b/older
echo younger >$top_dir/a/b/younger
on_file one $secret
apply
cat $top_dir/a/b/older $top_dir/a/b/younger >/dev/null
before=$(of asked)
cat $top_dir/a/b/older $top_dir/a/b/younger $top_dir/a/b/older >/dev/null
ok "each is asked about once"           is "$before" of asked
echo changed >>$top_dir/a/b/older
cat $top_dir/a/b/older >/dev/null
ok "and again when it was written to"   more_than "$before" of asked
cat $top_dir/a/b/older >/dev/null
mv $top_dir/a/b/older $secret
ok "one that takes the guarded name"    eventually kills cat $secret
on_file one $top_dir/a/b/you '{action: Sigkill}' '' Prefix
apply
ok "one that a new rule speaks of"      kills cat $top_dir/a/b/younger
on_file one $top_dir/tree/deep/ '{action: Sigkill}' '' Prefix
on_file two $top_dir/a/b/nothing
apply
cat $top_dir/a/b/younger >/dev/null
mv $top_dir/a/b/younger $top_dir/tree/deep/
ok "one that comes below a Prefix"      eventually kills cat $top_dir/tree/deep/younger

echo third >$top_dir/a/n && mv $top_dir/a/n $secret

# ---- execution, opening ----

# watches: how many directories and files it has inotify look at.
watches() { cat "/proc/$(of pid)/fdinfo/"* | grep -c '^inotify wd'; }
no_policies
apply
ok "nobody is watched for no policy"    is 0 watches
cp /bin/true $top_dir/bin/tool
policy exec <<END
- call: security_bprm_check
  args: [{index: 0, type: linux_binprm}]
  selectors:
  - matchArgs: [{index: 0, operator: Equal, values: [$top_dir/bin/tool]}]
    matchActions: [{action: Override, argError: -1}]
END
ok "execution"                          apply
ok "is refused"                         refuses bash -c "exec $top_dir/bin/tool"
ok "reading it is not"                  cmp $top_dir/bin/tool /bin/true
printf '#!/bin/sh\necho started\n' >$top_dir/bin/script && chmod +x $top_dir/bin/script
policy exec <<END
- call: security_bprm_check
  args: [{index: 0, type: linux_binprm}]
  selectors:
  - matchArgs: [{index: 0, operator: Equal, values: [$top_dir/bin/tool, $top_dir/bin/script]}]
    matchActions: [{action: Sigkill}]
END
ok "execution may be the end"           apply
ok "of who tries"                       kills bash -c "exec $top_dir/bin/tool"
ok "by a descriptor"                    kills python3 -c "import os; os.execve(os.open('$top_dir/bin/tool', os.O_PATH), ['tool'], {})"
ok "of a script"                        kills bash -c "exec $top_dir/bin/script"
ok "who reads it lives"                 is started sh $top_dir/bin/script
# Opened by its name, and on the way to another directory before anybody else has heard of it.
mkdir -p $top_dir/staged $top_dir/away
for i in {1..40}; do cp /bin/true $top_dir/staged/$i; done
cat >passes.py <<'END'
import os, subprocess, sys
top, started = sys.argv[1], 0
for i in map(str, range(1, 41)):
    os.rename(top + '/staged/' + i, top + '/bin/tool')
    os.close(os.open(top + '/bin/tool', os.O_RDONLY))
    os.rename(top + '/bin/tool', top + '/away/' + i)
    started += subprocess.run([top + '/away/' + i]).returncode == 0
print(started)
END
ok "one that passes through the name"   is 0 python3 passes.py $top_dir
ok "each of them is followed"           is 41 of files
rm $top_dir/away/*
ok "until it is gone"                   eventually is 1 of files
cp /bin/true $top_dir/bin/tool
no_policies
policy open <<END
- call: security_file_open
  args: [{index: 0, type: file}]
  selectors:
  - matchArgs: [{index: 0, operator: Equal, values: [$secret]}]
    matchActions: [{action: Post, rateLimit: 1m, rateLimitScope: global}]
END
ok "security_file_open with a limit"    apply
for _ in 1 2 3; do cat $secret >/dev/null; done
ok "tells once"                         is 1 counted open posts
ok "and counts the rest"                more_than 1 counted open limited

# ---- what cannot be served is refused by name ----

refusal() {			# refusal WORDS FILTER...
	local words=$1; shift
	no_policies
	{
		printf -- '- call: %s\n  args: [{index: 0, type: file}, {index: 1, type: int}]\n  selectors:\n  - matchActions: [{action: %s}]\n' \
			"${call:-security_file_permission}" "${action:-Sigkill}"
		[ $# = 0 ] || printf '    %s\n' "$@"
	} | policy bad
	says "$words" apply && not apply
}
path="{index: 0, operator: Equal, values: [$secret]}"
ok "no file at all"             refusal "needs an Equal or a Prefix"
ok "Postfix alone"              refusal "needs an Equal or a Prefix" 'matchArgs: [{index: 0, operator: Postfix, values: [.pem]}]'
ok "NotEqual alone"             refusal "needs an Equal or a Prefix" 'matchArgs: [{index: 0, operator: NotEqual, values: [/x]}]'
ok "the whole machine"          refusal "every file of the machine" 'matchArgs: [{index: 0, operator: Prefix, values: [/]}]'
ok "proc"                       refusal "proc, sysfs" 'matchArgs: [{index: 0, operator: Prefix, values: [/proc/]}]'
ok "another argument"           refusal "not the other arguments" "matchArgs: [$path, {index: 1, operator: Equal, values: ['4']}]"
ok "followChildren"             refusal "followChildren" "matchArgs: [$path]" 'matchBinaries: [{operator: In, values: [/bin/sh], followChildren: true}]'
call=security_mmap_file
ok "mmap without the file's open" refusal "beside security_file_permission" "matchArgs: [$path]"
call=security_inode_getattr
ok "a function without an event" refusal "no permission event" "matchArgs: [$path]"
unset call
ok "and nothing has changed"    reads third $secret
ok "the policy before is there" more_than 1 counted open limited

# ---- going on ----

no_policies
on_file one $secret
apply
worker=$(of pid)
ok "the worker crashes"                 kill -SEGV "$worker"
ok "nobody is let through"              kills cat $secret
ok "the next one serves"                eventually not is "$worker" of pid
ok "with the rules"                     kills cat $secret
ok "and says so"                        is 1 of restarts
mv $secret $top_dir/a/elsewhere
old=$guard
chasqui-guard --run-dir "$run" --state-dir "$state" 2>>guard.log & guard=$!
wait $old
ok "it hands over"                      is 0 echo $?
ok "a renamed file is still followed"   kills cat $top_dir/a/elsewhere
ok "by the new one"                     eventually drive status
guard_down
ok "ended, it lets through"             reads third $top_dir/a/elsewhere
guard_up
ok "started anew, it follows by inode"            kills cat $top_dir/a/elsewhere
echo fourth >$top_dir/a/n && mv $top_dir/a/n $secret
ok "and by the name"                    kills cat $secret
kill -KILL "$guard"; worker=$(of pid)
ok "without its supervisor it goes on"  kills cat $secret
chasqui-guard --run-dir "$run" --state-dir "$state" 2>>guard.log & guard=$!
eventually not is "$worker" of pid
ok "and hands over"                     kills cat $secret
guard_down
echo '{"version": 1, "pol' >"$state/guard.json"
guard_up
ok "broken rules are put aside"         test -e "$state/guard.json.bad"
ok "and said"                           grep -q "cannot be read" guard.log
guard_down
rm "$state/guard.json.bad"
echo '{"version": 99, "policies": []}' >"$state/guard.json"
guard_up
ok "so are those of another version"    test -e "$state/guard.json.bad"
ok "and it runs"                        is 0 of files

# ---- who speaks to it ----

descriptors() { find "/proc/$(of pid)/fd" -mindepth 1 | wc -l; }
before=$(descriptors)
python3 - "$run/guard.sock" <<'END'
import os, socket, sys
for n in range(30):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    null = os.open('/dev/null', os.O_RDONLY)
    socket.send_fds(s, [b'{"do": "status"}'], [null, null])
    s.recv(65536)
END
ok "two descriptors are one too many"   eventually is "$before" descriptors

# ---- whom it spares ----

on_file one $secret
apply
# A process that waits at the gate until it is spared, and then reads.
mkfifo gate
spared_reads() {
	bash -c 'read -r _ <gate; exec head -n 1 "$0"' $secret >said & local child=$!
	drive spare $child; echo >gate; wait $child; is fourth cat said
}
named_dies() {
	bash -c 'read -r _ <gate; exec "$1" -n 1 "$0"' $secret $top_dir/bin/reader >said & local child=$!
	drive spare $child; echo >gate; wait $child; is "137 " echo "$? $(cat said)"
}
read -r line <$secret
ok "pid 1 may read"                     is fourth echo "$line"
ok "and is counted as spared"           more_than 0 counted one spared
ok "whom the client names, too"         spared_reads
ok "but nobody else"                    kills cat $secret
on_file one $secret '{action: Sigkill}' "matchBinaries: [{operator: In, values: [$top_dir/bin/reader]}]"
apply
ok "one that a policy names is not"     named_dies
guard_down

no_policies
rm -rf "$state"
