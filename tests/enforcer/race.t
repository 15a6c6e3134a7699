#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# A thousand readers at once, and the guard, which is replaced, crashed and given new rules while
# they run: not one byte gets out.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/enforcer/guard.sh"

dir=/run/test/files secret=/run/test/files/secret
ext4_on $dir || { skip "racing readers" "no ext4 to be had"; exit; }
echo "a treasure that nobody sees" >$secret
racing() { timeout 200 racers $secret "$1" 2>&1; }

got() { racing "$1" | awk '{ print $2 }'; }
ok "without the guard they read"        more_than 1000 got 10
guard_up
shipped inca $secret
apply
ok "1,000 racing readers: not one byte" is "bytes 0 killed 1000 other 0" racing 1000
ok "each of them was killed"            more_than 999 of killed

# Meanwhile the file is replaced, which gives another inode each time.
replace() { while [ -e replacing ]; do echo "a treasure that nobody sees" >$dir/new && mv $dir/new $secret; done; }
touch replacing; replace & replacer=$!
ok "while the file is replaced"         says "bytes 0 killed 100" racing 100
rm replacing; wait $replacer

policies_change() { while [ -e changing ]; do apply; done; }
touch changing; policies_change & changer=$!
ok "while rules are given anew"         says "bytes 0 killed 100" racing 100
rm changing; wait $changer

crash() { while [ -e crashing ]; do kill -KILL "$(of pid)"; sleep 0.3; done; }
touch crashing; crash 2>/dev/null & killer=$!
ok "while the guard's worker crashes"   says "bytes 0 " racing 100
rm crashing; wait $killer
ok "it did"                             eventually more_than 0 of restarts

hand_over() {
	chasqui-guard --run-dir "$run" --state-dir "$state" 2>>guard.log &
	echo $! >guard.pid
	wait "$guard"; guard=$(cat guard.pid)
}
racing 100 >said & racer=$!
hand_over
wait $racer
ok "while a new guard takes over"       says "bytes 0 " cat said
guard_down
