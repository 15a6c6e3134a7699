# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# Sourced by tests/enforcer/hooks.t and tests/vm/enforcer-hooks.t, after netns.sh: what every back
# end has to do alike. Whatever is not about a file of the test's own asks for the test's own
# pid namespace, so that nobody else's doings are told.
namespace=$(stat -L -c %i /proc/self/ns/pid)
box=/run/test/box$namespace	# no other test at the same time has a file of that name
ours="matchNamespaces: [{namespace: Pid, operator: In, values: [\"$namespace\"]}]"
by=best			# the back end

# policy NAME SELECTORS [OPTIONS]: NAME.yaml hooks security_file_permission.
policy() {
	cat >"$1.yaml" <<-END
		apiVersion: cilium.io/v1alpha1
		kind: TracingPolicy
		metadata: {name: "$1"}
		spec:
		  options: [${3:-}]
		  kprobes:
		  - call: security_file_permission
		    syscall: false
		    args: [{index: 0, type: file}, {index: 1, type: int}]
		    selectors: [$2]
	END
}

# hook NAME TEXT: NAME.yaml with what stands behind `spec:`.
hook() {
	printf 'apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: "%s"}\nspec:\n%s\n' \
		"$1" "$2" >"$1.yaml"
}

file() { echo "{index: 0, operator: $1, values: [\"$2\"]}"; }

# under COMMAND...: runs it under all policies that there are now; `told` has what was told.
under() { hooks "$by" ./*.yaml -- "$@" >printed 2>told; }
# the same with a command that is a text for the shell
during() { under bash -c "$1"; }

fresh() { rm -f ./*.yaml printed told; }
tells() { grep -q "^event: $1" told || { cat told; return 1; }; }
times() { [ "$(grep -c "^event: $2" told)" = "$1" ] || { cat told; return 1; }; }
ended() { grep -q "^ended: $1" told || { cat told; return 1; }; }
counted() { grep -q "^counters: $1.* $2 $3\( \|\$\)" told || { cat told; return 1; }; }
printed() { [ "$(cat printed)" = "$1" ] || { cat printed told; return 1; }; }

make_box() {
	mkdir -p "$box/one" "$box/two"
	for name in alpha.txt beta.log one/x two/x; do echo "in $name" >"$box/$name"; done
}

# Sigkill, and nothing of the file; another file is left alone.
kills() {
	fresh
	policy kill "{matchArgs: [$(file Equal $box/alpha.txt)], matchActions: [{action: Sigkill}]}"
	during "cat $box/beta.log; exec cat $box/alpha.txt"
	ok "$by: reading is the end"             ended "signal 9"
	ok "$by: of that file, not a byte of it" printed "in beta.log"
	ok "$by: told, with its arguments"       tells "kill security_file_permission SIGKILL $box/alpha.txt:100644 4"
	ok "$by: counted"                        not counted kill enforced 0
	ok "$by: another file is not spoken of"  not grep "^event:.*beta" told
}

# All path operators, and, or, first match: one policy each, one run.
paths() {
	local long n
	fresh
	long=$box/$(printf 'p%.0s' {1..240})
	echo long >"$long"; echo short >"${long:0:255}"
	for n in 252 253 255 256; do policy "prefix$n" "{matchArgs: [$(file Prefix "${long:0:n}")]}"; done
	policy prefix-other "{matchArgs: [$(file Prefix "${long:0:255}q")]}"
	policy notprefix256 "{matchArgs: [$(file Prefix "${long:0:200}"), $(file NotPrefix "${long:0:256}")]}"
	policy equal "{matchArgs: [$(file Equal $box/alpha.txt)]}"
	policy prefix "{matchArgs: [$(file Prefix $box/one/)]}"
	policy postfix "{matchArgs: [$(file Postfix "/box$namespace/beta.log")]}"
	policy notequal "{matchArgs: [$(file Prefix $box/), $(file NotEqual $box/alpha.txt)]}"
	policy notprefix "{matchArgs: [$(file Prefix $box/), $(file NotPrefix $box/one)]}"
	policy notpostfix "{matchArgs: [$(file Prefix $box/), $(file NotPostfix .log)]}"
	policy first "{matchArgs: [$(file Equal $box/alpha.txt)], matchActions: [{action: NoPost}]},
		{matchArgs: [$(file Prefix $box/)]}"
	policy or "{matchArgs: [$(file Equal $box/one/x)]}, {matchArgs: [$(file Equal $box/two/x)]}"
	during "for f in alpha.txt beta.log one/x two/x; do head -c 100 $box/\$f; done; head -c 1 $long; head -c 1 ${long:0:255}"
	ok "$by: Equal"                    tells "equal .* $box/alpha.txt:"
	ok "$by: Equal, no other"          not grep "^event: equal.*beta" told
	ok "$by: Prefix"                   tells "prefix .* $box/one/x:"
	ok "$by: Prefix, no other"         not grep "^event: prefix.*two" told
	ok "$by: Postfix"                  tells "postfix .* $box/beta.log:"
	ok "$by: NotEqual beside Prefix"   tells "notequal .* $box/two/x:"
	ok "$by: NotEqual"                 not grep "^event: notequal.*alpha" told
	ok "$by: NotPrefix"                not grep "^event: notprefix.*one/" told
	ok "$by: NotPostfix"               not grep "^event: notpostfix.*beta" told
	ok "$by: NotPostfix, others"       tells "notpostfix .* $box/alpha.txt:"
	for n in 252 253 255; do
		ok "$by: Prefix of $n bytes"   times 2 "prefix$n .*"
	done
	ok "$by: Prefix of 256 bytes"      times 1 "prefix256 .* $long:"
	ok "$by: Prefix, no shorter path"  times 1 "prefix256 .*"
	ok "$by: Prefix, another last byte" times 0 "prefix-other .*"
	ok "$by: NotPrefix of 256 bytes"   times 1 "notprefix256 .*"
	ok "$by: the first selector acts"  not grep "^event: first.*alpha" told
	ok "$by: the second for the rest"  tells "first .* $box/beta.log:"
	ok "$by: either selector"          tells "or .* $box/two/x:"
}

# What the number says of the access: 4 reads, 2 writes.
numbers() {
	local number
	fresh
	for number in "Equal:[2]" "NotEqual:[4]" "GreaterThan:[3]" "LessThan:[3]" "Mask:[6]" "InRange:[\"3:5\"]" \
		"InMap:[1, 2, 3, 5, 6]" "NotInMap:[1, 2, 3, 5, 6]"; do
		policy "${number%%:*}" "{matchArgs: [$(file Equal $box/two/x),
			{index: 1, operator: ${number%%:*}, values: ${number#*:}}]}"
	done
	during "echo more >>$box/two/x; head -c 100 $box/two/x"
	ok "$by: Equal of a number"   times 1 "Equal .*:100644 2"
	ok "$by: Equal, no other"     not grep "^event: Equal .* 4" told
	ok "$by: NotEqual"            times 1 "NotEqual .*:100644 2"
	ok "$by: GreaterThan"         times 0 "GreaterThan .*:100644 2"
	ok "$by: GreaterThan, more"   tells "GreaterThan .*:100644 4"
	ok "$by: LessThan"            times 0 "LessThan .*:100644 4"
	ok "$by: LessThan, less"      tells "LessThan .*:100644 2"
	ok "$by: Mask"                tells "Mask .*:100644 2"
	ok "$by: InRange"             times 0 "InRange .*:100644 2"
	ok "$by: InRange, within"     tells "InRange .*:100644 4"
	ok "$by: InMap"               tells "InMap .*:100644 2"
	ok "$by: InMap, no other"     times 0 "InMap .*:100644 4"
	ok "$by: NotInMap"            tells "NotInMap .*:100644 4"
}

# Who reads.
processes() {
	local alpha
	alpha="matchArgs: [$(file Equal $box/alpha.txt)]"
	fresh
	cp "$(command -v bash)" "$box/wrap"
	policy in "{$alpha, matchBinaries: [{operator: In, values: [/usr/bin/cat]}]}"
	policy notin "{$alpha, matchBinaries: [{operator: NotIn, values: [/usr/bin/cat]}]}"
	policy binprefix "{$alpha, matchBinaries: [{operator: Prefix, values: [/usr/bin/he]}]}"
	policy binpostfix "{$alpha, matchBinaries: [{operator: Postfix, values: [/tail]}]}"
	policy children "{$alpha, matchBinaries: [{operator: In, values: [$box/wrap], followChildren: true}]}"
	policy parent "{$alpha, matchParentBinaries: [{operator: In, values: [$box/wrap]}]}"
	policy caps "{$alpha, matchCapabilities: [{type: Effective, operator: In, values: [CAP_SYS_ADMIN]}]}"
	policy nocaps "{$alpha, matchCapabilities: [{type: Effective, operator: NotIn, values: [CAP_SYS_ADMIN]}]}"
	policy namespace "{$alpha, $ours}"
	policy pid "{$alpha, matchPIDs: [{operator: In, values: [$$], isNamespacePID: true, followForks: true}]}"
	policy otherpid "{$alpha, matchPIDs: [{operator: In, values: [$$], isNamespacePID: true}]}"
	during "cat $box/alpha.txt; head -c 9 $box/alpha.txt"
	ok "$by: matchBinaries In"         tells "in .*"
	ok "$by: matchBinaries NotIn"      times 1 "notin .*"
	ok "$by: matchBinaries Prefix"     times 1 "binprefix .*"
	ok "$by: matchBinaries Postfix"    times 0 "binpostfix .*"
	ok "$by: who has another parent"   times 0 "parent .*"
	ok "$by: who is nobody's child"    times 0 "children .*"
	ok "$by: matchCapabilities In"     tells "caps .*"
	ok "$by: matchCapabilities NotIn"  times 0 "nocaps .*"
	ok "$by: matchNamespaces"          tells "namespace .*"
	ok "$by: matchPIDs followForks"    tells "pid .*"
	ok "$by: matchPIDs alone"          times 0 "otherpid .*"
	during "$box/wrap -c 'head -c 9 $box/alpha.txt; true'; setpriv --reuid 65534 --clear-groups tail $box/alpha.txt"
	ok "$by: the parent's binary"      times 1 "parent .*"
	ok "$by: followChildren"           times 1 "children .*"
	ok "$by: who has no capabilities"  tells "nocaps .*"
	ok "$by: who has them"             tells "caps .*"
	during "$box/wrap -c '(sh -c \"head -c 9 $box/alpha.txt; true\"; true)'; head -c 1 $box/alpha.txt"
	ok "$by: a child's child"          times 1 "children .*"
}

# What is done.
actions() {
	fresh
	policy usr1 "{matchArgs: [$(file Equal $box/one/x)], matchActions: [{action: Signal, argSig: 10}]}"
	policy rate "{matchArgs: [$(file Equal $box/two/x)], matchActions: [{action: Post, rateLimit: 1m}]}"
	policy quiet "{matchArgs: [$(file Equal $box/beta.log)], matchActions: [{action: Sigkill}, {action: NoPost}]}"
	during "for i in 1 2 3 4; do read -r _ <$box/two/x; done; (cat $box/beta.log); exec head -c 1 $box/one/x"
	ok "$by: Signal with argSig"       ended "signal 10"
	ok "$by: rateLimit: told once"     times 1 "rate .*"
	ok "$by: and what was held back"   counted rate limited 3
	ok "$by: NoPost says nothing"      times 0 "quiet .*"
	ok "$by: and acts nevertheless"    counted quiet enforced 1
	fresh
	policy watch "{matchArgs: [$(file Equal $box/alpha.txt)], matchActions: [{action: Sigkill}]}" \
		'{name: policy-mode, value: monitor}'
	under head -c 12 "$box/alpha.txt"
	ok "$by: monitor does nothing"     printed "in alpha.txt"
	ok "$by: but tells"                tells "watch .* SIGKILL"
	ok "$by: and counts"               counted watch monitored 1
}

# The path is that of the file, however it is reached.
names() {
	local deep part
	fresh
	part=$(printf 'd%.0s' {1..199})
	deep=$box
	(cd $box && for _ in {1..19}; do mkdir -p "$part" && cd "$part" && deep+=/$part || exit; done
		echo deep >end; echo "$deep" >/run/test/deep)
	deep=$(cat /run/test/deep)
	echo gone >$box/gone
	ln -sf ../alpha.txt $box/one/link
	ln -f $box/alpha.txt $box/hard
	touch $box/mounted
	policy name "{matchArgs: [$(file Equal $box/alpha.txt)]}"
	policy deep "{matchArgs: [$(file Equal "$deep/end")]}"
	policy deleted "{matchArgs: [$(file Equal "$box/gone (deleted)")]}"
	policy mounted "{matchArgs: [$(file Equal $box/mounted)]}"
	policy chroot "{matchArgs: [$(file Equal /alpha.txt)], $ours}"
	policy hard "{matchArgs: [$(file Equal $box/hard)]}"
	during "cd $box; head -c 1 one/link; head -c 1 one/../alpha.txt; exec 5<alpha.txt; head -c 1 /proc/self/fd/5"
	ok "$by: symlink, .., /proc/self/fd"   times 3 "name .* $box/alpha.txt:"
	during "cd $box; for i in {1..19}; do cd $part; done; head -c 4 end
		exec 5<$box/gone; rm $box/gone; head -c 1 <&5; head -c 1 $box/hard"
	ok "$by: a path of 3,800 bytes"        times 1 "deep .* $deep/end:"
	ok "$by: a file without a name"        times 1 "deleted .*"
	ok "$by: a hard link is another name"  times 1 "hard .*"
	ok "$by: and not this one"             times 0 "name .*"
	mount --bind $box/alpha.txt $box/mounted
	during "head -c 1 $box/mounted"
	umount $box/mounted
	ok "$by: a mounted file's own name"    times 1 "mounted .*"
	mkdir -p $box/bin && cp "$(command -v busybox)" $box/bin/busybox
	during "chroot $box /bin/busybox cat /alpha.txt"
	ok "$by: the process's own root"       tells "chroot .* /alpha.txt:"
}

# What is told of system calls, and how it ended.
syscalls() {
	fresh
	hook opens "  kprobes:
  - {call: sys_openat, syscall: true, return: true, returnArg: {index: 0, type: int}, message: m, tags: [t],
     args: [{index: 0, type: int}, {index: 1, type: string}],
     selectors: [{matchArgs: [{index: 1, operator: Postfix, values: [/alpha.txt, /nothing.here]}], $ours}]}"
	hook fails "  kprobes:
  - {call: sys_openat, syscall: true, return: true, returnArg: {index: 0, type: int},
     args: [{index: 1, type: string}],
     selectors: [{matchArgs: [{index: 1, operator: Prefix, values: [$box/]}],
     matchReturnArgs: [{index: 0, operator: LessThan, values: [0]}], $ours}]}"
	hook writes "  kprobes:
  - {call: sys_write, syscall: true,
     args: [{index: 0, type: fd}, {index: 1, type: char_buf, sizeArgIndex: 3}, {index: 2, type: size_t}],
     selectors: [{matchArgs: [{index: 1, operator: Prefix, values: [\"look\"]}], $ours}]}"
	hook reads "  kprobes:
  - {call: sys_read, syscall: true, return: true, returnArg: {index: 0, type: long},
     args: [{index: 0, type: fd}, {index: 1, type: char_buf, returnCopy: true, sizeArgIndex: 3}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [$box/alpha.txt]}]}]}"
	hook calls "  kprobes:
  - {call: sys_connect, syscall: true, args: [{index: 0, type: int}, {index: 1, type: sockaddr}],
     selectors: [{matchArgs: [{index: 1, operator: SAddr, values: [127.0.0.0/8]},
     {index: 1, operator: SPort, values: [\"7000:8000\"]}, {index: 1, operator: Family, values: [AF_INET]}], $ours}]}"
	during "head -c 5 $box/alpha.txt >/dev/null; head $box/nothing.here; printf look-here >$box/out
		(echo >/dev/tcp/127.0.0.1/7777); (echo >/dev/tcp/127.0.0.1/9999); (echo >/dev/tcp/127.1.1.1/7001)"
	ok "$by: a string of the caller's"      tells "opens sys_openat POST -100 \"$box/alpha.txt\" = [0-9]"
	ok "$by: an errno that it returned"     tells "opens sys_openat POST -100 \"$box/nothing.here\" = -2"
	ok "$by: matchReturnArgs"               times 1 "fails .*nothing.here.* = -2"
	ok "$by: matchReturnArgs, no other"     times 1 "fails .*"
	ok "$by: what was written, and where"   times 1 "writes sys_write POST $box/out:100644 \"look-here\" 9"
	ok "$by: what was read"                 tells "reads sys_read POST $box/alpha.txt:100644 \"in al\" = 5"
	ok "$by: SAddr and SPort"               times 2 "calls sys_connect POST [0-9]* family2:0->7"
}

# A buffer that no event has room for.
large() {
	fresh
	hook large "  kprobes:
  - {call: sys_write, syscall: true,
     args: [{index: 0, type: fd}, {index: 1, type: char_buf, maxData: true, sizeArgIndex: 3}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [$box/large]}]}]}"
	printf '%07d.' {0..37499} >pattern
	during "dd status=none bs=300000 if=/run/test/pattern of=$box/large"
	ok "$by: each of 300,000 bytes"         is "$(cat pattern)" \
		sed -n "s,^event: large sys_write POST $box/large:100644 \"\(.*\)\"\$,\1,p" told
}

# The set outlives its maker, and is replaced without a gap.
stays() {
	fresh
	policy stay "{matchArgs: [$(file Equal $box/alpha.txt)], matchActions: [{action: Sigkill}]}"
	HOOKS_KEEP=1 under true
	ok "$by: enforced, and nobody there"  not grep -q . <(bash -c "cat $box/alpha.txt" 2>/dev/null)
	(while [ ! -e $box/stop ]; do cat $box/alpha.txt; done >>leaked 2>/dev/null) 2>/dev/null &
	for _ in 1 2; do HOOKS_KEEP=1 under true; done
	touch $box/stop; wait
	ok "$by: replaced, and not a byte"    not grep -q . leaked
	ok "$by: the counters go on"          not counted stay enforced 0
	ok "$by: taken away"                  hooks detach
	ok "$by: all of it"                   not test -e /sys/fs/bpf/enforcer/hooks
	ok "$by: and it can be read"          eventually cat $box/alpha.txt
	rm -f $box/stop
}

# The gateway's own, unless a policy names them.
spares() {
	local read
	read="matchArgs: [$(file Equal $box/alpha.txt)]"
	fresh
	policy all "{$read, matchActions: [{action: Sigkill}]}"
	HOOKS_KEEP=1 HOOKS_SPARE=$$ under true
	read -r line <$box/alpha.txt
	ok "$by: still here"                  is "in alpha.txt" echo "$line"
	under true
	ok "$by: and that is counted"         not counted all spared 0
}

# packets HOOK: what a packet is, at a hook whose argument 0 it is, by each of its filters.
packets() {
	local one
	fresh
	one='"::1"' && sysctl -qw net.ipv6.conf.lo.disable_ipv6=0
	packet() { hook "$1" "${2//FILTERS/$3}"; }
	packet all "$1" "{index: 0, operator: DAddr, values: [127.0.0.0/8, $one]}, {index: 0, operator: DPort, values: [\"7771:7775\"]}"
	packet source "$1" "{index: 0, operator: SAddr, values: [127.0.0.0/8]}, {index: 0, operator: DPort, values: [7771]}"
	packet away "$1" "{index: 0, operator: NotSAddr, values: [127.0.0.0/8]}, {index: 0, operator: DPort, values: [\"7771:7775\"]}"
	packet from "$1" "{index: 0, operator: SPort, values: [7776]}, {index: 0, operator: DPort, values: [7771]}"
	packet low "$1" "{index: 0, operator: SPortPriv}, {index: 0, operator: DPort, values: [\"7771:7775\"]}"
	packet udp "$1" "{index: 0, operator: Protocol, values: [IPPROTO_UDP]}, {index: 0, operator: DPort, values: [\"7771:7775\"]}"
	packet six "$1" "{index: 0, operator: Family, values: [AF_INET6]}, {index: 0, operator: DPort, values: [\"7771:7775\"]}"
	during "(echo >/dev/udp/127.0.0.1/7771); (echo >/dev/udp/::1/7772); (echo >/dev/tcp/127.0.0.1/7773)
		python3 - <<-END
			import socket
			for sport in 7776, 77:
			    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
			    s.bind(('127.0.0.1', sport))
			    s.sendto(b'x', ('127.0.0.1', 7771))
			# Options of IPv6 stand before the ports of this one.
			s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
			s.sendmsg([b'x'], [(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0]))], 0, ('::1', 7774))
		END"
	ok "$by: a packet's addresses and ports" tells "all .* POST family2:[0-9]*->7771/17"
	ok "$by: those of IPv6"                  tells "all .* POST family10:[0-9]*->7772/17"
	ok "$by: those of TCP"                   tells "all .* POST family2:[0-9]*->7773/6"
	ok "$by: behind options"                 tells "all .* POST family10:[0-9]*->7774/17"
	ok "$by: SAddr of a packet"              times 3 "source .*"
	ok "$by: NotSAddr"                       times 2 "away .* family10:"
	ok "$by: NotSAddr, no other"             times 0 "away .* family2:"
	ok "$by: SPort"                          times 1 "from .* family2:7776->7771/17"
	ok "$by: SPort, no other"                times 1 "from .*"
	ok "$by: SPortPriv"                      times 1 "low .* family2:77->"
	ok "$by: Protocol"                       times 5 "udp .*"
	ok "$by: Protocol, no other"             times 0 "udp .*/6"
	ok "$by: Family"                         times 2 "six .*"
}
