#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Debian's kernels have what the development machines refuse: each back end loads there, ends who
# reads, and refuses where it can.
. "${0%/*}/../lib/netns.sh"
# shellcheck source=tests/enforcer/cases.sh
. "$top/tests/enforcer/cases.sh"
PATH=$built/tests/enforcer:$PATH
mount -t tracefs none /sys/kernel/tracing 2>/dev/null

# The seed policy as it is, but for the name of the file, which is in a root of our own.
seed() {
	fresh
	cp "$top/policies/inca.yaml" inca.yaml
	mkdir -p $box/bin && cp "$(command -v busybox)" $box/bin/
	echo "under the temple" >$box/lost_city_of_inca.txt
	under chroot $box /bin/busybox cat /lost_city_of_inca.txt
	ok "$by: the seed policy ends who reads"     ended "signal 9"
	ok "$by: the seed policy, not a byte of it"  printed ""
	ok "$by: the seed policy tells"              tells "inca security_file_permission SIGKILL /lost_city_of_inca.txt:100644 4"
	rm $box/lost_city_of_inca.txt
}

# Override: the call fails, its caller lives.
denies() {
	fresh
	policy deny "{matchArgs: [$(file Equal $box/alpha.txt)], matchActions: [{action: Override, argError: -13}]}"
	during "cat $box/alpha.txt; cat $box/beta.log; echo alive"
	ok "$by: refused, and others not"   printed $'in beta.log\nalive'
	ok "$by: with the errno asked for"  grep -q "Permission denied" told
	ok "$by: as the event says"         tells "deny security_file_permission OVERRIDE $box/alpha.txt:"
}

# A hook of LSM by its own name.
lsmhook() {
	fresh
	hook lsm "  lsmhooks:
  - {hook: file_open, args: [{index: 0, type: file}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [$box/alpha.txt]}],
     matchActions: [{action: Override, argError: -13}]}]}"
	during "cat $box/alpha.txt; cat $box/beta.log"
	ok "lsmhooks: refused, and others not" printed "in beta.log"
	ok "lsmhooks: with its errno"          grep -q "Permission denied" told
	ok "lsmhooks: told"                    tells "lsm file_open OVERRIDE $box/alpha.txt:"
}

# The functions beside reading.
opens() {
	fresh
	hook open "  kprobes:
  - {call: security_file_open, syscall: false, args: [{index: 0, type: file}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [$box/alpha.txt]}],
     matchActions: [{action: Override, argError: -1}]}]}
  - {call: security_path_truncate, syscall: false, args: [{index: 0, type: path}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [$box/beta.log]}],
     matchActions: [{action: Override, argError: -1}]}]}
  - {call: security_file_truncate, syscall: false, ignore: {callNotFound: true}, args: [{index: 0, type: file}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [$box/beta.log]}],
     matchActions: [{action: Override, argError: -1}]}]}
  - {call: security_mmap_file, syscall: false, args: [{index: 0, type: file}, {index: 1, type: int}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [$box/one/x]}, {index: 1, operator: Mask, values: [1]}],
     matchActions: [{action: Override, argError: -1}]}]}"
	during "cat $box/alpha.txt; truncate -s 0 $box/beta.log; cat $box/beta.log
		python3 -c \"import mmap;f=open('$box/one/x');print(mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)[0])\""
	ok "$by: not opened"      not grep -q alpha printed
	ok "$by: not truncated"   grep -q "in beta.log" printed
	ok "$by: not mapped"      tells "open security_mmap_file OVERRIDE $box/one/x:"
	ok "$by: nothing more"    printed "in beta.log"
}

# Where nothing of the kernel's own functions is asked for: sockets, returns, credentials.
functions() {
	fresh
	hook connect "  kprobes:
  - {call: tcp_connect, syscall: false, args: [{index: 0, type: sock}],
     selectors: [{matchArgs: [{index: 0, operator: DAddr, values: [127.0.0.0/8]}, {index: 0, operator: DPort, values: [7777]},
     {index: 0, operator: Protocol, values: [IPPROTO_TCP]}], $ours}]}"
	hook open "  kprobes:
  - {call: do_filp_open, syscall: false, args: [{index: 1, type: filename}],
     selectors: [{matchArgs: [{index: 1, operator: Equal, values: [$box/alpha.txt]}]}]}
  - {call: security_file_permission, syscall: false, return: true, returnArg: {index: 0, type: int},
     args: [{index: 0, type: file}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [$box/alpha.txt]}]}]}"
	hook creds "  kprobes:
  - {call: commit_creds, syscall: false, args: [{index: 0, type: cred}], selectors: [{$ours}]}"
	hook kinds "  kprobes:
  - {call: security_socket_connect, syscall: false, args: [{index: 0, type: socket}, {index: 1, type: sockaddr}],
     selectors: [{matchArgs: [{index: 0, operator: Protocol, values: [IPPROTO_TCP]}, {index: 1, operator: SPort, values: [7777]}], $ours}]}
  - {call: security_inode_unlink, syscall: false, args: [{index: 1, type: dentry}],
     selectors: [{matchArgs: [{index: 1, operator: Postfix, values: [/doomed]}], $ours}]}
  - {call: cap_capable, syscall: false, args: [{index: 0, type: cred}, {index: 2, type: capability}],
     selectors: [{matchArgs: [{index: 2, operator: Equal, values: [7]}], $ours}]}"
	touch $box/doomed
	during "rm $box/doomed; head -c 2 $box/alpha.txt; setpriv --reuid 65534 --clear-groups true
		(echo >/dev/tcp/127.0.0.1/7777); (echo >/dev/tcp/127.0.0.1/7778)"
	ok "$by: a socket's addresses"      times 1 "connect tcp_connect POST family2:[0-9]*->7777"
	ok "$by: a name of the kernel's"    tells "open do_filp_open POST \"$box/alpha.txt\""
	ok "$by: what a function returned"  tells "open security_file_permission POST $box/alpha.txt:100644 = 0"
	ok "$by: a socket, and an address"  times 1 "kinds security_socket_connect POST family2:0->[0-9]* family2:0->7777"
	ok "$by: a name in its directory"   tells "kinds security_inode_unlink POST [^ ]*/box$namespace/doomed:100644"
	ok "$by: a capability"              tells "kinds cap_capable POST euid0 7"
	ok "$by: credentials"               tells "creds commit_creds POST euid65534"
}

# One hook decides, another function answers.
notices() {
	fresh
	hook notice "  enforcers: [{calls: [security_file_open]}]
  kprobes:
  - {call: sys_openat, syscall: true, args: [{index: 1, type: string}],
     selectors: [{matchArgs: [{index: 1, operator: Equal, values: [$box/alpha.txt]}], $ours,
     matchActions: [{action: NotifyEnforcer, argError: -13}]}]}"
	during "cat $box/alpha.txt; cat $box/beta.log"
	ok "$by: NotifyEnforcer refuses"    printed "in beta.log"
	ok "$by: with its errno"            grep -q "Permission denied" told
	ok "$by: and is told"               tells "notice sys_openat NOTIFYENFORCER"
}

# Pid 1 of the machine reads when it is asked to (scripts/vm/init). LSM would refuse it, too.
first() {
	local read
	read="matchArgs: [$(file Equal /dev/first.txt)]"
	fresh
	rm -f /dev/first.said
	echo "the first line" >/dev/first.txt
	policy spare "{$read, matchActions: [{action: Sigkill}]}"
	[ "${1:-}" ] && policy name "{$read, matchPIDs: [{operator: In, values: [1]}], matchActions: [{action: Sigkill}]}"
	during "(cat /dev/first.txt); echo /dev/first.txt >/dev/first
		for _ in {1..300}; do [ -s /dev/first.said ] && break; sleep 0.1; done"
}
exempts() {
	first
	ok "$by: others do not read the file"  printed ""
	ok "$by: pid 1 does"                   is "the first line" cat /dev/first.said
	ok "$by: that is told as Sigkill"      tells "spare .* SIGKILL /dev/first.txt:"
	ok "$by: and counted as spared"        not counted spare spared 0
	ok "$by: once was enforced"            counted spare enforced 1
	first named
	ok "$by: unless a policy names it"     is "" cat /dev/first.said
}

make_box
[ "$(uname -r | cut -d. -f1-2)" = 6.1 ] && multi='' || multi=kprobe.multi
for by in lsm fmod_ret; do kills; denies; done
for by in fentry kprobe; do kills; functions; done
packets "  kprobes:
  - {call: __dev_queue_xmit, syscall: false, args: [{index: 0, type: skb}],
     selectors: [{matchArgs: [FILTERS], $ours}]}"
by=lsm
exempts
for by in $multi raw_tp; do kills; large; done
by=best
lsmhook
seed
opens
notices
paths
stays
