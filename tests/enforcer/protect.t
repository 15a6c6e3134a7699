#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# policies/protect-file.yaml, as it is shipped: nobody reads or changes the file, whoever it is and by
# whatever name; everything else is left alone. (Every way to it: vectors.)
# Also in the VM.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/lib/root.sh" || exit

secret=/lost_city_of_inca.txt
text="the city is at 13.16 S 72.54 W"
echo "$text" >$secret
echo "nothing of interest" >/other.txt
ln $secret /hard
ln -s $secret /soft

# denied COMMAND...: it dies or fails, and says nothing of the file.
denied() {
	local said; said=$("$@" 2>/dev/null)
	[ $? != 0 ] && [[ $said != *"13.16"* ]]
}
unchanged() { chasqui tracing disable protect-file >/dev/null && is "$text" cat $secret &&
	chasqui tracing enable protect-file >/dev/null; }

gateway_alone
cp "$top/policies/protect-file.yaml" "$config/"
gateway_up || eventually daemon_answers
ok "it is live"                       says protect-file chasqui tracing list
ok "cat"                              denied cat $secret
ok "by a hard link"                   denied cat /hard
ok "by a symbolic link"               denied cat /soft
ok "mapped"                           denied python3 -c "import mmap; f = open('$secret'); print(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:])"
ok "appended to"                      denied bash -c "echo more >>$secret"
ok "overwritten"                      denied bash -c "echo more >$secret"
ok "it is as it was"                  unchanged
ok "renamed, it is followed"          mv $secret /elsewhere
ok "cat of the new name"              denied cat /elsewhere
mv /elsewhere $secret
ok "a new file of the name"           bash -c "echo '$text, still' >/new && mv /new $secret"
ok "is guarded, too"                  eventually denied cat $secret
ok "who tries is counted"             eventually not is 0 bash -c "chasqui tracing show protect-file -o json | jq .enforced"

ok "another file is read"             is "nothing of interest" cat /other.txt
ok "and written"                      bash -c "echo more >>/other.txt"
ok "and mapped"                       python3 -c "import mmap; f = open('/other.txt'); mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:]"
ok "programs start"                   /bin/true
ok "a file that comes beside it"      bash -c "echo x >$secret.new && cat $secret.new"

gateway_down
ok "without chasquid: cat"            denied cat $secret
ok "and another file"                 grep -q interest /other.txt
