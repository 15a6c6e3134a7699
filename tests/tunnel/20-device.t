#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# What a device does besides carrying packets: counters, roaming, configuration, privileges, its end.
# shellcheck source=tests/tunnel/lib.sh
. "${0%/*}/lib.sh"

# ---- words ----

transfer() { on "$1" wg show "wg$1" transfer | cut -f2-; }
endpoint() { on "$1" wg show "wg$1" endpoints | cut -f2; }
unreachable() { on "$1" ping -n -c 1 -W 3 "$2" | grep -qi unreachable; }
sockets() { on "$1" ss -uln "sport = 11" | grep -c :11; true; }
rx() { on "$1" wg show "wg$1" transfer | cut -f2; }
grew() { local more=$(($(rx b) - before)); [ $more -ge 96 ] && [ $more -le 160 ] || { echo $more; return 1; }; }
conf() { on a wg show wga "$@"; }
pings_not() { ! pings "$1" "$2" 1 1; }
sent_to() { conf transfer | grep -F "$1" | cut -f3; }
say() { printf '%b' "$1" | timeout 2 socat -t 1 - UNIX-CONNECT:/var/run/wireguard/wga.sock; }
says_line() { say 'get=1\n\n' | grep -qx "$1"; }
say_all() { timeout 2 socat - UNIX-CONNECT:/var/run/wireguard/wga.sock >/dev/null 2>&1; true; }
status() { grep "^$2:" "/proc/$(cat "/run/test/$1.pid")/status" | tr -d ' \t' | cut -d: -f2; }
threads_filtered() { ! grep -L 'Seccomp:.*2' /proc/"$(cat /run/test/a.pid)"/task/*/status | grep .; }
dropped() {
	kill -USR1 "$(cat "/run/test/$1.pid")"; sleep 0.2
	grep "dropped, $2" "/run/test/$1.log" | tail -1 | sed 's/.*: //'
}

wire
on a sysctl -qw net.ipv4.conf.all.promote_secondaries=1
engine a; engine b
configure a; configure b; befriend

# ---- counters: to the byte ----

on b ping -n -q -c 10 -i 0.05 -W 2 192.168.241.1 >/dev/null
ok "who began counts to the byte"     is "$(printf '1372\t1428')" transfer b
ok "who answered counts to the byte"  is "$(printf '1428\t1372')" transfer a

# ---- addresses ----

ip -n a addr add 10.0.0.3/24 dev eth0 && ip -n a addr del 10.0.0.1/24 dev eth0
ok "the source address may go away"   pings a 192.168.241.2
ok "the other side has followed"      is 10.0.0.3:1 endpoint b
on b wg set wgb peer "$(key a)" endpoint "[fd00:aa::1]:1"
ok "another family"                   pings b 192.168.241.1
ok "this side has followed"           is "[fd00:aa::2]:2" endpoint a
on a wg set wga listen-port 11
ok "another port"                     pings a 192.168.241.2
ok "the other side has seen it"       is "[fd00:aa::1]:11" endpoint b
# Replies leave from the address that was spoken to, though routing would choose another.
ip -n a addr add fd00:aa::9/64 dev eth0 nodad
on b wg set wgb peer "$(key a)" endpoint "[fd00:aa::9]:11"
ok "spoken to at its second address"  pings b 192.168.241.1
ok "it answers from there"            is "[fd00:aa::9]:11" endpoint b

# ---- padding ----

# A packet of 1,297 bytes is padded to its route's MTU of 1,299, not to the device's 1,300.
ip -n a link set wga mtu 1300; ip -n a route add 192.168.241.2/32 dev wga mtu 1299
sleep 0.2
padded() {
	local before; before=$(sent a)
	on a ping -n -q -c 1 -W 2 -s 1269 192.168.241.2 >/dev/null
	echo $(($(sent a) - before))
}
sent() { on "$1" wg show "wg$1" transfer | cut -f3; }
pings a 192.168.241.2 >/dev/null
ok "padding stays within the route"   is 1331 padded
ip -n a route del 192.168.241.2/32 dev wga
sleep 0.2
ok "and within the device"            is 1332 padded
ip -n a link set wga mtu 1420

# ---- what may not pass ----

ip -n b addr add 192.168.77.7/32 dev wgb
ok "an address that is not its own is not heard" not on b ping -n -q -c 1 -W 1 -I 192.168.77.7 192.168.241.1
ok "and counted"                      is 1 dropped a not_allowed
ok "with the peer that sent it"       says_line rx_disallowed=1
ok "nobody has that address: said at once" unreachable a 192.168.241.77
ok "and in IPv6"                      unreachable a fd00::77

# ---- down and up ----

ip -n a link set wga down
ok "down: nothing is heard"           not pings b 192.168.241.1 1 1
ok "down: no socket"                  is 0 sockets a
ip -n a link set wga up
ip -n a route replace 192.168.241.0/24 dev wga; ip -n a addr replace fd00::1/64 dev wga nodad
ok "up again"                         eventually pings a 192.168.241.2 1 1
# b still has its old session when a, which has none, begins another: the first answer is for the new one.
# It may be sent before the engine has heard that the link is up. (b takes one handshake in 20 ms.)
begins_anew() { local _; for _ in {1..20}; do
	sleep 0.05
	ip -n a link set wga down; ip -n a link set wga up
	ip -n a route replace 192.168.241.0/24 dev wga
	pings a 192.168.241.2 1 1 || return; done
	ip -n a addr replace fd00::1/64 dev wga nodad; }
ok "the first packet is answered"     begins_anew

# ---- a queue that a full turn has emptied ----

# As many as a turn takes, by one socket and so in one queue; then long nothing. (Refusals come to the socket, too.)
burst_and_one_more() {
	nsenter --net=/run/netns/a -- bash -c '
		exec 3<>/dev/udp/192.168.241.2/4000
		kill -STOP "$1"
		for _ in {1..128}; do printf x >&3; done
		kill -CONT "$1"
		sleep 0.5
		for _ in {1..8}; do printf x >&3; done 2>/dev/null
		sleep 0.2' - "$(cat a.pid)"
}
before=$(dropped a late)
ok "a burst, and one more after a while" burst_and_one_more
ok "which is no backlog"              is "$before" dropped a late

# ---- more than a turn takes, and then nothing ----

# Four long packets of datagrams (UDP_SEGMENT, 103): the end of the last would wait for more to come.
long_packets() {
	nsenter --net=/run/netns/a -- python3 -c '
import os, signal, socket, sys
payload = int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_UDP, 103, payload)
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
s.connect(("192.168.241.2", 4001))
os.kill(int(sys.argv[1]), signal.SIGSTOP)
for _ in range(4):
    s.send(bytes(47 * payload))
os.kill(int(sys.argv[1]), signal.SIGCONT)' "$(cat a.pid)" "$1"
}
outside() { ip -n a -s -j link show eth0 | jq '.[0].stats64.tx.packets'; }
come() { [ $(($(rx b) - before)) = $((4 * 47 * (1408 + 32))) ]; }
before=$(rx b)
long_packets 1372
sleep 0.5
ok "all that was sent at once arrives" come
# 46 of them would be a frame of more than 64 KiB, which the kernel cuts before the wire.
ip -n a link set wga mtu 1392
before=$(outside)
long_packets 1364
sleep 0.5
ok "in trains that are not cut early" [ $(($(outside) - before)) -lt 30 ]
# The longest packet that there is makes a datagram that there is not.
ip -n a link set wga mtu 65535
on a ping -n -M 'do' -c 1 -W 1 -s 65476 192.168.241.2 >/dev/null 2>&1
ip -n a link set wga mtu 1420
ok "one too long for any datagram"    eventually pings a 192.168.241.2 1 1

# ---- keepalive ----

before=$(rx b)
on a wg set wga peer "$(key b)" persistent-keepalive 1
sleep 3.2
ok "a keepalive each second"          grew
on a wg set wga peer "$(key b)" persistent-keepalive 0

# ---- configuration ----

on a wg set wga peer "$(key a)" allowed-ips 9.9.9.9/32
ok "a peer that is ourselves is none" is 1 eval "conf peers | wc -l"
other=$(wg genkey | wg pubkey)
on a wg set wga peer "$other" allowed-ips 192.168.241.2/32
ok "an address moves to who has it last" pings_not a 192.168.241.2
on a wg set wga peer "$other" remove
on a wg set wga peer "$(key b)" allowed-ips 192.168.241.2/32,fd00::2/128
ok "and back"                         pings a 192.168.241.2
for bad in AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
	4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA= X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc= \
	7P///////////////////////////////////////38= 7f///////////////////////////////////////38= \
	7v///////////////////////////////////////38=; do
	ip -n a route replace 192.168.88.0/24 dev wga
	on a wg set wga peer $bad allowed-ips 192.168.88.0/24 endpoint 10.0.0.2:99
	pings a 192.168.88.1 1 1 >/dev/null 2>&1
	ok "a worthless key sends nothing" is 0 sent_to $bad
	on a wg set wga peer $bad remove
done
ok "a line without = is an error"     is "errno=-71" say 'set=1\nnonsense\n\n'
ok "an unknown word is an error"      is "errno=-22" say 'set=1\ncolour=red\n\n'
ok "a bad number is an error"         is "errno=-22" say 'set=1\nlisten_port=65536\n\n'
ok "a peer's word without a peer"     is "errno=-22" say 'set=1\nallowed_ip=1.2.3.4/32\n\n'
ok "after an error the next request is heard" is "$(printf 'errno=-22\n\nerrno=0')" \
	say 'set=1\nx=y\nprivate_key=zz\n\nset=1\n\n'
say "set=1\npublic_key=$(base64 -d <<<"$other" | od -An -tx1 | tr -d ' \n')\nupdate_only=true\nallowed_ip=7.7.7.7/32\n\n" >/dev/null
ok "update_only makes no peer"        is 1 eval "conf peers | wc -l"
ok "a line without end is cut off"    eval 'head -c 100000 /dev/zero | tr "\0" x | say_all; on a wg show wga >/dev/null'

# ---- privileges ----

ok "two capabilities are left"        is 0000000000001400 status a CapEff
ok "none can come back"               is 1 status a NoNewPrivs
ok "system calls are filtered"        is 2 status a Seccomp
ok "in every thread"                  threads_filtered
ok "keys are in locked memory"        [ "$(status a VmLck | tr -dc 0-9)" -gt 100 ]
on a wg set wga fwmark 0x1234
ok "it may still set marks"           is 0x1234 conf fwmark

# ---- the end ----

rm /var/run/wireguard/wga.sock
ok "without its socket it ends"       eventually not kill -0 "$(cat /run/test/a.pid)"
ok "and its device with it"           eventually not ip -n a link show wga
ip -n b link del wgb
ok "without its device it ends"       eventually not kill -0 "$(cat /run/test/b.pid)"
ok "and takes its socket along"       eventually not test -e /var/run/wireguard/wgb.sock
on a "$ours" wga
ok "in the background it is ready when the command returns" on a wg show wga
ok "a second one for the device fails" not on a "$ours" wga
kill "$(pgrep -x chasqui-wg)"
ok "it ends when asked"               eventually not test -e /var/run/wireguard/wga.sock

# ---- a device that somebody else owns ----

ip -n a tuntap add dev wga mode tun vnet_hdr
ip -n a addr add 192.168.241.1/24 dev wga; ip -n a link set wga up
adopt() {		# TUNSETIFF: a TUN without packet information, with virtio_net_hdr
	# shellcheck disable=SC2016
	nsenter --net=/run/netns/a -- perl -e '
		open(my $tun, "+<", "/dev/net/tun") or die;
		my $ask = pack("a16sx22", "wga", 0x5001);
		ioctl($tun, 0x400454ca, $ask) or die "TUNSETIFF: $!";
		fcntl($tun, 2, 0);
		$ENV{WG_TUN_FD} = fileno($tun);
		exec @ARGV' "$ours" -f wga 2>>a.log &
	echo $! >a.pid
	eventually on a wg show wga >/dev/null 2>&1
}
adopt; engine b
configure b; befriend; on a wg set wga private-key /run/test/keys/a listen-port 1
ok "a device that is given carries"   pings a 192.168.241.2
kill_engine a KILL
ok "it outlives the engine"           ip -n a link show wga
adopt
on a wg set wga private-key /run/test/keys/a listen-port 1; befriend
ok "and the next engine takes it"     eventually pings a 192.168.241.2 1 1
kill_engine a; kill_engine b
