#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Each type that an argument may have on this kernel, and the filters that hooks.t leaves out.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/enforcer/cases.sh"
# shellcheck source=tests/enforcer/cases.sh
PATH=$built/tests/enforcer:$PATH
mount -t tracefs none /sys/kernel/tracing 2>/dev/null
make_box

# calls ARGUMENT...: getpriority(2) with nonsense, which does nothing. The first says whose it is.
cat >calls <<'END'
import ctypes, sys
for word in sys.argv[1:]:
    ctypes.CDLL(None).syscall(140, 4711, ctypes.c_ulong(int(word, 0)))
END

# ---- numbers: the same register, as each type has it ----
fresh
number=0xfedcba9876543285
for type in int8 uint8 int16 uint16 int uint int32 uint32 sint32 long ulong size_t int64 uint64 nop; do
	hook "$type" "  kprobes:
  - {call: sys_getpriority, syscall: true, args: [{index: 0, type: int}, {index: 1, type: $type}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [4711]}], $ours}]}"
done
during "python3 /run/test/calls $number"
as() { ok "$1 is $2" times 1 "$1 sys_getpriority POST 4711 $2"; }
as int8 -123; as uint8 133; as int16 12933; as uint16 12933
as int 1985229445; as uint 1985229445; as int32 1985229445; as uint32 1985229445; as sint32 1985229445
for type in long ulong size_t int64 uint64; do as $type $((number)); done
as nop -

fresh
# compares NAME TYPE OPERATOR VALUES
compares() {
	hook "$1" "  kprobes:
  - {call: sys_getpriority, syscall: true, args: [{index: 0, type: int}, {index: 1, type: $2}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [4711]}, {index: 1, operator: $3, values: $4}], $ours}]}"
}
compares below int LessThan '[0]'
compares unsigned-below uint LessThan '[100]'
compares small int8 Equal '[-2]'
compares out int NotInRange '["-5:5"]'
compares in long InRange '["-5:5"]'
compares mask ulong Mask '[0x8000000000000000]'
compares listed uint64 InMap '[1, 18446744073709551614]'
during "python3 /run/test/calls 1 -2 100"
ok "LessThan of a signed number"         times 1 "below .* -2"
ok "LessThan of an unsigned one"         times 1 "unsigned-below .* 1"
ok "Equal of a byte"                     times 1 "small .* -2"
ok "NotInRange"                          times 1 "out .* 100"
ok "NotInRange, no other"                times 1 "out .*"
ok "InRange over 0"                      times 2 "in .*"
ok "Mask of the highest bit"             times 1 "mask .* -2"
ok "InMap of the largest numbers"        times 2 "listed .*"

# ---- buffers: how much of them is told ----
fresh
writes() {
	hook "$1" "  kprobes:
  - {call: sys_write, syscall: true, ${3:-}args: [{index: 0, type: fd},
     {index: 1, type: char_buf, sizeArgIndex: 3$2}, {index: 2, type: size_t}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [$box/out]}]}]}"
}
writes short ''
writes long ', maxData: true'
# No two parts of it are the same.
printf '%07d.' {0..49999} >pattern
cat >writes.py <<'END'
import ctypes, mmap, os, sys
pattern, out = open('/run/test/pattern', 'rb').read(), os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
for count in map(int, sys.argv[2:]):
    if count > 0:
        os.write(out, pattern[:count])
        continue
    # So many bytes, and 5,000 more that cannot be read.
    libc = ctypes.CDLL(None)
    area = mmap.mmap(-1, 5 * 4096)
    end = ctypes.addressof(ctypes.c_char.from_buffer(area)) + 4 * 4096
    area[4 * 4096 + count:4 * 4096] = pattern[:-count]
    libc.mprotect(ctypes.c_void_p(end), 4096, 0)
    libc.write(out, ctypes.c_void_p(end + count), 5000 - count)
END
during "python3 /run/test/writes.py $box/out 4096 7000 7169 300000 327360 400000 -1000 -5001 -16000"
# buffer NAME LENGTH BYTES: of what was so long, exactly the first bytes are told.
buffer() {
	awk -v which="$1" -v n="$2" '$2 == which && $7 == n { printf "%s", substr($6, 2, length($6) - 2) }' told |
		cmp - <(head -c "$3" pattern)
}
ok "4,096 bytes of a buffer"             buffer short 7000 4096
ok "all of it with maxData"              buffer long 7000 7000
ok "one more than an event holds"        buffer long 7169 7169
ok "each byte of 300,000"                buffer long 300000 300000
ok "as many as are told"                 buffer long 327360 327360
ok "and no more"                         buffer long 400000 327360
ok "without maxData as before"           buffer short 400000 4096
ok "what could be read, of one page"     buffer long 6000 1000
ok "and without maxData"                 buffer short 6000 1000
ok "what could be read, of two pages"    buffer long 10001 5001
ok "what could be read, of many"         buffer long 21000 16000
ok "and their beginning"                 buffer short 21000 4096
fresh
hook whole "  kprobes:
  - {call: sys_write, syscall: true, args: [{index: 0, type: fd}, {index: 1, type: char_buf, sizeArgIndex: 3, maxData: true}],
     selectors: [{matchArgs: [{index: 1, operator: Equal, values: [$(printf 'x%.0s' {1..4096})]}, {index: 0, operator: Equal, values: [$box/out]}]}]}"
during "python3 -c \"open('$box/out', 'wb', 0).write(b'x' * 4096); open('$box/out', 'wb', 0).write(b'x' * 9000)\""
ok "Equal means the whole of it"         times 1 "whole .*"

# What waits for the function's return; what the function has filled.
fresh
writes late ', maxData: true' 'return: true, returnArg: {index: 0, type: long}, '
hook filled "  kprobes:
  - {call: sys_read, syscall: true, return: true, returnArg: {index: 0, type: long},
     args: [{index: 0, type: fd}, {index: 1, type: char_buf, returnCopy: true, maxData: true, sizeArgIndex: 3}, {index: 2, type: size_t}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [/run/test/pattern]}, {index: 2, operator: Equal, values: [350000]}]}]}"
during "python3 /run/test/writes.py $box/out 200000; python3 -c \"import os
f = os.open('/run/test/pattern', os.O_RDONLY); os.lseek(f, 90000, 0); os.read(f, 350000)\""
ok "what waited for the return"          buffer late 200000 200000
tail -c +90001 pattern >part && mv part pattern
ok "what was read"                       buffer filled 350000 310000

# Nobody empties the ring: the events are there, each with what it has room for itself.
fresh
writes many ', maxData: true'
printf '%07d.' {0..49999} >pattern
HOOKS_LATE=1 during "python3 /run/test/writes.py $box/out $(printf '320000 %.0s' {1..20})"
ok "a full ring, and the events are told" times 20 "many .*"
lengths() { awk '$1 == "event:" && $2 == "many" { print length($6) - 2 }' told | sort -n | uniq -c | tr -s ' '; }
lost=$(sed -n 's/^counters: many .* lost \([0-9]*\)$/\1/p' told)
ok "without what had no room"            [ "${lost:-0}" -gt 0 ]
ok "which is counted"                    is " $lost 7168
 $((20 - lost)) 320000" lengths

# ---- a file that was given the name of a removed one ----
fresh
echo odd >"$box/odd (deleted)"
policy odd "{matchArgs: [$(file Equal "$box/odd (deleted)")]}"
during "cat '$box/odd (deleted)'"
ok "a name that ends in (deleted)"       tells "odd .* $box/odd (deleted):"

# ---- kinds of files ----
fresh
mkfifo $box/fifo; ln -sf /dev/null $box/null
kind() { policy "$1" "{matchArgs: [$(file Prefix "${4:-$box/}"), {index: 0, operator: $2, values: [$3]}]}"; }
kind reg FileType reg
kind fifo FileType fifo
kind other NotFileType reg,dir
kind chr FileType 'chr, blk' /dev/null
kind dir FileType dir
during "head -c 1 $box/alpha.txt; (echo x >$box/fifo & head -c 1 $box/fifo); head -c 1 $box/null; ls $box/one; true"
ok "FileType reg"                        tells "reg .* $box/alpha.txt:100644"
ok "FileType reg, no other"              times 0 "reg .*fifo"
ok "FileType fifo"                       tells "fifo .* $box/fifo:10644"
ok "NotFileType"                         tells "other .* $box/fifo:"
ok "NotFileType, no other"               times 0 "other .*alpha"
ok "FileType chr"                        tells "chr .* /dev/null:20666"
ok "FileType dir, of getdents(2)"        tells "dir .* $box/one:40755"

# ---- sockets: what a TCP socket is when its state changes ----
fresh
sock() {
	hook "$1" "  tracepoints:
  - {subsystem: sock, event: inet_sock_set_state, raw: true,
     args: [{index: 0, type: sock}, {index: 1, type: int}, {index: 2, type: int}],
     selectors: [{matchArgs: [{index: 0, operator: DPort, values: [\"700:7770\"]}, {index: 2, operator: Equal, values: [7]}, $2], $ours}]}"
}
sock sent "{index: 0, operator: State, values: [TCP_SYN_SENT]}"
sock listens "{index: 0, operator: State, values: [TCP_LISTEN]}"
sock away "{index: 0, operator: NotDAddr, values: [127.0.0.2/32]}"
sock notport "{index: 0, operator: NotDPort, values: [7770]}"
sock notsport "{index: 0, operator: NotSPort, values: [6001]}"
sock private "{index: 0, operator: DPortPriv}"
sock public "{index: 0, operator: NotDPortPriv}"
sock sprivate "{index: 0, operator: SPortPriv}"
sock spublic "{index: 0, operator: NotSPortPriv}"
sock from "{index: 0, operator: SAddr, values: [127.0.0.9]}"
sock tcp "{index: 0, operator: Protocol, values: [IPPROTO_TCP]}"
sock udp "{index: 0, operator: Protocol, values: [IPPROTO_UDP]}"
sock four "{index: 0, operator: Family, values: [AF_INET]}"
cat >connects <<'END'
import socket
for source, target in (('127.0.0.1', 6001), ('127.0.0.2', 7770)), (('127.0.0.9', 600), ('127.0.0.1', 700)):
    s = socket.socket()
    s.bind(source)
    try: s.connect(target)
    except OSError: pass
END
during "python3 /run/test/connects"
ok "State"                               times 2 "sent .* POST family2:[0-9]*->7[07]*0 2 7"
ok "State, no other"                     times 0 "listens .*"
ok "NotDAddr"                            times 1 "away .*->700 "
ok "NotDAddr, no other"                  times 1 "away .*"
ok "NotDPort"                            times 1 "notport .*->700 "
ok "NotDPort, no other"                  times 1 "notport .*"
ok "NotSPort"                            times 1 "notsport .* family2:600->"
ok "NotSPort, no other"                  times 1 "notsport .*"
ok "DPortPriv"                           times 1 "private .*->700 "
ok "DPortPriv, no other"                 times 1 "private .*"
ok "NotDPortPriv"                        times 1 "public .*->7770 "
ok "NotDPortPriv, no other"              times 1 "public .*"
ok "SPortPriv"                           times 1 "sprivate .* family2:600->"
ok "NotSPortPriv"                        times 1 "spublic .* family2:6001->"
ok "SAddr of a socket"                   times 1 "from .*->700 "
ok "Protocol of a socket"                times 2 "tcp .*"
ok "Protocol, no other"                  times 0 "udp .*"
ok "Family of a socket"                  times 2 "four .*"

# ---- calls by a list, by their number; offsets of a program ----
fresh
hook listed "  lists: [{name: priorities, type: syscalls, values: [sys_getpriority, sys_setpriority]}]
  kprobes:
  - {call: \"list:priorities\", syscall: true, args: [{index: 0, type: int}],
     selectors: [{matchArgs: [{index: 0, operator: Equal, values: [4711]}], $ours}]}"
hook numbered "  tracepoints:
  - {subsystem: raw_syscalls, event: sys_enter, raw: true, args: [{index: 1, type: syscall64}],
     selectors: [{matchArgs: [{index: 1, operator: Equal, values: [140]}], $ours}]}"
main=$(nm "$built/chasqui" | awk '$3 == "main" { print "0x" $1 }')
hook offset "  uprobes:
  - {path: $built/chasqui, offsets: [$((main))], args: [{index: 0, type: int}], selectors: [{$ours}]}"
hook ends "  uprobes:
  - {path: $built/chasqui, symbols: [main], return: true, returnArg: {index: 0, type: int}, args: [{index: 0, type: int}],
     selectors: [{$ours}]}"
during "python3 /run/test/calls 5; python3 -c 'import ctypes; ctypes.CDLL(None).syscall(141, 4711, 0, 0)'; chasqui --nonsense"
ok "a call of a list"                    times 1 "listed sys_getpriority POST 4711"
ok "the other one"                       times 1 "listed sys_setpriority POST 4711"
ok "a system call by its number"         tells "numbered sys_enter POST 140"
ok "a program's offset"                  tells "offset .* POST 2"
ok "what a program's function returns"   tells "ends main POST 2 = 2 POST"

# ---- who, and how often ----
fresh
alpha="matchArgs: [$(file Equal $box/alpha.txt)]"
host=$(stat -L -c %i /proc/self/ns/uts)
policy host "{$alpha, matchNamespaces: [{namespace: Uts, operator: In, values: [\"$host\"]}, {namespace: Pid, operator: In, values: [host_ns]}]}"
policy elsewhere "{$alpha, matchNamespaces: [{namespace: Uts, operator: NotIn, values: [\"$host\"]}]}"
policy notpid "{$alpha, matchPIDs: [{operator: NotIn, values: [$$], isNamespacePID: true, followForks: true}]}"
policy permitted "{$alpha, matchCapabilities: [{type: Permitted, operator: In, values: [CAP_SYS_ADMIN]}]}"
policy inherits "{$alpha, matchCapabilities: [{type: Inheritable, operator: In, values: [CAP_CHOWN]}]}"
policy own-user "{$alpha, matchCapabilities: [{type: Effective, operator: In, values: [CAP_SYS_ADMIN], isNamespaceCapability: true}]}"
policy parent "{$alpha, matchParentBinaries: [{operator: NotPrefix, values: [/usr/bin/unsh]}]}"
cp "$(command -v bash)" $box/wrap
policy notpostfix "{$alpha, matchBinaries: [{operator: NotPostfix, values: [/head]}]}"
policy parents "{$alpha, matchParentBinaries: [{operator: In, values: [$box/wrap], followChildren: true}]}"
policy thread "{$alpha, matchActions: [{action: Post, rateLimit: 1m, rateLimitScope: thread}]}"
policy global "{$alpha, matchActions: [{action: Post, rateLimit: 1m, rateLimitScope: global}]}"
during "head -c 1 $box/alpha.txt; unshare --uts head -c 1 $box/alpha.txt
	setpriv --inh-caps +chown head -c 1 $box/alpha.txt; unshare --user --map-root-user head -c 1 $box/alpha.txt"
ok "matchNamespaces, two of them"        times 3 "host .*"
ok "matchNamespaces NotIn"               times 1 "elsewhere .*"
ok "matchPIDs NotIn"                     times 0 "notpid .*"
ok "matchCapabilities Permitted"         tells "permitted .*"
ok "matchCapabilities Inheritable"       times 1 "inherits .*"
ok "isNamespaceCapability"               times 1 "own-user .*"
ok "matchParentBinaries NotPrefix"       times 4 "parent .*"
ok "matchBinaries NotPostfix"            times 0 "notpostfix .*"
ok "nobody's parent is followed"         times 0 "parents .*"
ok "rateLimitScope thread"               times 4 "thread .*"
ok "rateLimitScope global"               times 1 "global .*"

during "$box/wrap -c '(sh -c \"head -c 1 $box/alpha.txt; true\"; true)'; tail -c 1 $box/alpha.txt"
ok "matchParentBinaries followChildren"  times 1 "parents .*"
ok "matchBinaries NotPostfix, another"   tells "notpostfix .*"

# ---- what comes back ----
fresh
returns() {
	hook "$1" "  kprobes:
  - {call: sys_openat, syscall: true, return: true, returnArg: {index: 0, type: int},
     args: [{index: 1, type: string}],
     selectors: [{matchArgs: [{index: 1, operator: Equal, values: [$box/$2]}], $ours, $3}]}"
}
returns fails missing "matchReturnArgs: [{index: 0, operator: LessThan, values: [0]}], matchReturnActions: [{action: Signal, argSig: 10}]"
returns well alpha.txt "matchReturnArgs: [{index: 0, operator: LessThan, values: [0]}], matchReturnActions: [{action: Signal, argSig: 10}]"
returns quiet beta.log "matchReturnActions: [{action: NoPost}]"
during "cat $box/alpha.txt; cat $box/beta.log; exec cat $box/missing"
ok "matchReturnActions act"              ended "signal 10"
ok "and are told"                        tells "fails .* = -2 SIGNAL"
ok "not on another return"               times 0 "well .*"
ok "NoPost at the return"                times 0 "quiet .*"
ok "which is a hit"                      counted quiet hits 1
