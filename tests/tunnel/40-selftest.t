#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# What the kernel's own test of its WireGuard asks, asked of any engine: ENGINE=wireguard-go runs the same.
#
#   here: lo 127.0.0.1 ::1, where both engines run and speak    one: wga 192.168.241.1 fd00::1    two: wgb 192.168.241.2 fd00::2
#
# The devices are made here and moved, so that they are in another namespace than their sockets.
# shellcheck source=tests/tunnel/lib.sh
. "${0%/*}/lib.sh"

program=${ENGINE:-$ours}
export LOG_LEVEL=error

# ---- words ----

host() {
	ip netns add "$1"; ip -n "$1" link set lo up
	on "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv4.conf.all.promote_secondaries=1
}
# device NAME [HOST]: an engine for it, there or here.
device() {
	${2:+nsenter "--net=/run/netns/$2" --} "$program" "$1" >/dev/null 2>>"$1.log" </dev/null
	eventually wg show "$1" >/dev/null 2>&1
}
gone() { ip ${2:+-n "$2"} link del "$1"; eventually not test -e "/var/run/wireguard/$1.sock"; }
newkey() { wg genkey | tee "keys/$1" | wg pubkey >"keys/$1.pub"; }
addresses() {
	ip -n one addr add 192.168.241.1/24 dev wga; ip -n one addr add fd00::1/112 dev wga nodad
	ip -n two addr add 192.168.241.2/24 dev wgb; ip -n two addr add fd00::2/112 dev wgb nodad
}
friends() {
	wg set wga private-key keys/1 listen-port 1 peer "$(key 2)" preshared-key keys/psk \
		allowed-ips 192.168.241.2/32,fd00::2/128
	wg set wgb private-key keys/2 listen-port 2 peer "$(key 1)" preshared-key keys/psk \
		allowed-ips 192.168.241.1/32,fd00::1/128
	ip -n one link set wga up; ip -n two link set wgb up
}
flood() { on "$1" ping -n -q -f -c "${3:-10}" -W 2 "$2"; }
endpoint_is() { is "$(printf '%s\t%s' "$(key "$2")" "$3")" wg show "$1" endpoints; }
counts() { is "$(printf '%s\t%s' "$2" "$3")" eval "wg show $1 transfer | cut -f2-"; }
shows() { is "$3" wg show "$1" "$2"; }
number() { is "$1" eval "wg show $2 allowed-ips | cut -f2- | wc -w"; }

# crosses FROM TO ADDRESS PORT: a megabyte arrives as it was sent.
crosses() {
	local server got=got.$4
	nsenter "--net=/run/netns/$2" -- socat -u "TCP6-LISTEN:$4,ipv6only=0,reuseaddr" "OPEN:/run/test/$got,creat,trunc" & server=$!
	eventually listening "$2" "$4"
	on "$1" socat -u OPEN:sent "TCP:$3:$4,connect-timeout=5" || { kill $server; return 1; }
	wait $server; cmp sent "$got"
}
listening() { on "$1" ss -Hltn "sport = $2" | grep -q .; }
side_by_side() {
	local pids=() pid port failed=0
	for port in 7001 7002 7003 7004 7005; do crosses one two 192.168.241.2 $port & pids+=($!); done
	for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
	return $failed
}
everything() {
	ok "$1: pings"                   flood two 192.168.241.1
	ok "$1: pings back"              flood one 192.168.241.2
	ok "$1: pings, IPv6"             flood two fd00::1
	ok "$1: pings back, IPv6"        flood one fd00::2
	ok "$1: TCP"                     crosses one two 192.168.241.2 7000
	ok "$1: TCP, IPv6"               crosses two one '[fd00::1]' 7000
	ok "$1: five streams at once"    side_by_side
}
mtu() { ip -n one link set wga mtu "$1"; ip -n two link set wgb mtu "$1"; sleep 0.2; }

# heard: whether a datagram from two arrives in one.
heard() {
	local server
	rm -f heard; nsenter --net=/run/netns/one -- socat -u UDP-LISTEN:1111 OPEN:/run/test/heard,creat & server=$!
	eventually eval 'on one ss -Huln "sport = 1111" | grep -q .'
	echo X | on two socat -u - UDP:192.168.241.1:1111
	for _ in {1..10}; do [ ! -s heard ] || break; sleep 0.1; done
	kill $server 2>/dev/null; wait $server 2>/dev/null
	[ -s heard ]
}

umask 077; mkdir keys
for name in 1 2 3 4; do newkey $name; done
wg genpsk >keys/psk
head -c 1000000 /dev/urandom >sent
ip link set lo up
host one; host two

# ---- devices that were moved away from their sockets ----

device wga; ip link set wga netns one
device wgb; ip link set wgb netns two
addresses; friends
wg set wga peer "$(key 2)" endpoint 127.0.0.1:2
wg set wgb peer "$(key 1)" endpoint 127.0.0.1:1
ok "moved, they speak"                   flood two 192.168.241.1
ok "who began counts to the byte"        counts wgb 1372 1428
ok "who answered too"                    counts wga 1428 1372
ok "and knows when it was"               not is "$(key 2)	0" wg show wga latest-handshakes
everything "IPv4 outside"
mtu 34736
everything "IPv4 outside, MTU 34736"
mtu 1420
wg set wga peer "$(key 2)" endpoint '[::1]:2'
wg set wgb peer "$(key 1)" endpoint '[::1]:1'
everything "IPv6 outside"
mtu 34736
everything "IPv6 outside, MTU 34736"

# ---- padding never goes beyond the route's MTU ----

mtu 1300
wg set wga peer "$(key 2)" endpoint 127.0.0.1:2
wg set wgb peer "$(key 1)" endpoint 127.0.0.1:1
nft -f - <<-N
	table inet padding {
		chain in {
			type filter hook input priority 0
			udp length 1340 drop
		}
	}
N
ip -n one route add 192.168.241.2/32 dev wga mtu 1299
ip -n two route add 192.168.241.1/32 dev wgb mtu 1299
ok "padding stays within the route's MTU" pings two 192.168.241.1 1 2 -s 1269
ip -n one route del 192.168.241.2/32 dev wga; ip -n two route del 192.168.241.1/32 dev wgb
nft delete table inet padding
mtu 1420

# ---- roaming ----

ip addr del 127.0.0.1/8 dev lo; ip addr add 127.212.121.99/8 dev lo
wg set wga listen-port 9999 peer "$(key 2)" endpoint 127.0.0.1:2
ok "another address and port"            pings one fd00::2
ok "the other side has followed"         endpoint_is wgb 1 127.212.121.99:9999
wg set wga listen-port 9998 peer "$(key 2)" endpoint '[::1]:2'
ok "another family"                      pings one 192.168.241.2
ok "the other side has followed again"   endpoint_is wgb 1 '[::1]:9998'

# ---- addresses are keys ----

wg set wga peer "$(key 2)" allowed-ips 192.168.241.0/24
ok "from an allowed address it is heard" heard
wg set wga peer "$(wg genkey | wg pubkey | tee stranger)" allowed-ips 192.168.241.2/32
wg set wgb listen-port 9997
ok "from another peer's it is not"       not heard
wg set wga peer "$(cat stranger)" remove
ok "though it was believed where it came from" endpoint_is wga 2 '[::1]:9997'

# ---- new keys ----

wg set wga private-key keys/1 peer "$(key 2)" preshared-key keys/psk allowed-ips 192.168.241.2/32 endpoint 127.0.0.1:2
wg set wgb private-key keys/2 listen-port 2 peer "$(key 1)" preshared-key keys/psk allowed-ips 192.168.241.1/32
ok "before the change"                   pings one 192.168.241.2
wg set wga private-key keys/3
wg set wgb peer "$(key 3)" preshared-key keys/psk allowed-ips 192.168.241.1/32 peer "$(key 1)" remove
ok "a new private key, and at once a handshake" pings one 192.168.241.2
wg set wgb peer "$(key 3)" remove

# ---- a tunnel in a tunnel ----

ip -n one addr flush dev wga; ip -n two addr flush dev wgb
ip -n one addr add fd00::5:1/112 dev wga nodad; ip -n two addr add fd00::5:2/112 dev wgb nodad
wg set wga private-key keys/1 peer "$(key 2)" preshared-key keys/psk allowed-ips fd00::5:2/128 endpoint 127.0.0.1:2
wg set wgb private-key keys/2 listen-port 2 peer "$(key 1)" preshared-key keys/psk allowed-ips fd00::5:1/128 \
	endpoint 127.212.121.99:9998
device ina one; device inb two
ip -n one addr add 192.168.241.1/24 dev ina; ip -n one addr add fd00::1/112 dev ina nodad
ip -n two addr add 192.168.241.2/24 dev inb; ip -n two addr add fd00::2/112 dev inb nodad
ip -n one link set ina mtu 1340 up; ip -n two link set inb mtu 1340 up
wg set ina listen-port 5 private-key keys/3 peer "$(key 4)" allowed-ips 192.168.241.2/32,fd00::2/128 endpoint '[fd00::5:2]:5'
wg set inb listen-port 5 private-key keys/4 peer "$(key 3)" allowed-ips 192.168.241.1/32,fd00::1/128 endpoint '[fd00::5:1]:5'
everything "a tunnel in a tunnel"

# The inner one is moved to where the outer one's sockets are, and each is made to be the other's way.
ip -n one link set ina netns $$
ip addr add 192.168.241.1/24 dev ina; ip link set ina up
ok "moved again, it speaks"              eventually ping -n -q -c 1 -W 1 192.168.241.2
wg set wga peer "$(key 2)" endpoint 192.168.241.2:7
gone wgb two; gone inb two
grown() { wg show ina transfer | cut -f3; }
before=$(grown)
ping -n -q -f -c 10 -W 1 192.168.241.2 >/dev/null; sleep 1
after=$(grown)
ok "two tunnels through each other come to rest" [ $((after - before)) -lt 70000 ]
gone ina; gone wga one

# ---- address translation in between, and keepalives ----
#
#   one: wga, eth0 192.168.1.100 -- 192.168.1.1 here, SNAT 10.0.0.1 -- 10.0.0.100 eth0, wgb: two

device wga one; device wgb two
addresses; friends
ip link add near type veth peer name eth0 netns one; ip link add far type veth peer name eth0 netns two
ip link set near up; ip link set far up; ip -n one link set eth0 up; ip -n two link set eth0 up
ip addr add 192.168.1.1/24 dev near; ip addr add 10.0.0.1/24 dev far
ip -n one addr add 192.168.1.100/24 dev eth0; ip -n one route add default via 192.168.1.1
ip -n two addr add 10.0.0.100/24 dev eth0
sysctl -qw net.ipv4.ip_forward=1
nft -f - <<-N
	table ip nat {
		chain out {
			type nat hook postrouting priority srcnat
			ip saddr 192.168.1.0/24 ip daddr 10.0.0.0/24 snat to 10.0.0.1
		}
	}
N
sysctl -qw net.netfilter.nf_conntrack_udp_timeout=2 net.netfilter.nf_conntrack_udp_timeout_stream=2
wg set wga peer "$(key 2)" endpoint 10.0.0.100:2 persistent-keepalive 1
ok "out through the translation"         pings one 192.168.241.2
ok "and back"                            pings two 192.168.241.1
ok "the peer is where it seems to be"    endpoint_is wgb 1 10.0.0.1:1
sleep 3
ok "keepalives keep the way open"        pings two 192.168.241.1
wg set wga peer "$(key 2)" persistent-keepalive 0
ok "from a socket bound to the device"   pings one 192.168.241.2 1 2 -I wga
on one nft -f - <<-N
	table ip marks {
		chain out {
			type route hook output priority mangle
			meta mark set 1
		}
	}
N
ok "and rerouted by a mark"              pings one 192.168.241.2
ok "and both"                            pings one 192.168.241.2 1 2 -I wga
on one nft delete table ip marks

# ---- a peer behind a peer, and one behind itself ----

wg set wga peer "$(key 3)" allowed-ips 192.168.242.2/32 endpoint 192.168.241.2:5
ip -n one addr add 192.168.242.1/24 dev wga
device inb two
ip -n two addr add 192.168.242.2/24 dev inb
wg set inb private-key keys/3 listen-port 5 peer "$(key 1)" allowed-ips 192.168.242.1/32
ip -n two link set inb up
ok "a peer behind a peer"                pings one 192.168.242.2
gone inb two
wg set wga peer "$(key 3)" endpoint 192.168.242.2:5
ok "a peer behind itself is not reached" not pings one 192.168.242.2
ok "and harms nobody"                    pings one 192.168.241.2
wg set wga peer "$(key 3)" remove
ip -n one addr del 192.168.242.1/24 dev wga

# ---- everything into the tunnel, but for its own packets ----

ip -n one addr add fc00::9/96 dev eth0 nodad; ip -n one route add default via fc00::1
ip -n two addr add 192.168.99.7/32 dev wgb; ip -n two addr add abab::1111/128 dev wgb nodad
wg set wga fwmark 51820 peer "$(key 2)" allowed-ips 192.168.99.7,abab::1111
for family in -4 -6; do
	ip -n one $family route add default dev wga table 51820
	ip -n one $family rule add not fwmark 51820 table 51820
	ip -n one $family rule add table main suppress_prefixlength 0
done
wg set wgb peer "$(key 1)" allowed-ips 192.168.241.1/32,fd00::1/128,fc00::9/128
ok "policy routing by our mark"          flood one 192.168.99.7 100
ok "policy routing by our mark, IPv6"    flood one abab::1111 100
for family in -4 -6; do
	ip -n one $family rule del not fwmark 51820 table 51820
	ip -n one $family rule del table main suppress_prefixlength 0
done
gone wga one; gone wgb two
nft delete table ip nat; ip link del near; ip link del far

# ---- the source address: kept, but not for too long ----
#
#   one: wga, eth1 10.0.0.1 fd00:aa::1 === eth2 10.0.0.2 fd00:aa::2, wgb: two

device wga one; device wgb two
addresses; friends
ip -n one link add eth1 type veth peer name eth2 netns two
wire_up() { ip -n one link set eth1 up; ip -n two link set eth2 up; }
ip -n one addr add 10.0.0.1/24 dev eth1; ip -n one addr add fd00:aa::1/96 dev eth1 nodad
ip -n two addr add 10.0.0.2/24 dev eth2; ip -n two addr add fd00:aa::2/96 dev eth2 nodad
wire_up
wg set wga peer "$(key 2)" endpoint 10.0.0.2:2
ok "by its first address"                pings one 192.168.241.2
ip -n one addr add 10.0.0.10/24 dev eth1; ip -n one addr del 10.0.0.1/24 dev eth1
ok "which goes away"                     pings one 192.168.241.2
wg set wga peer "$(key 2)" endpoint '[fd00:aa::2]:2'
ok "by its first address, IPv6"          pings one 192.168.241.2
ip -n one addr add fd00:aa::10/96 dev eth1 nodad; ip -n one addr del fd00:aa::1/96 dev eth1
ok "which goes away, IPv6"               pings one 192.168.241.2

ip -n one link set eth1 down; ip -n two link set eth2 down
ip -n one addr flush dev eth1; ip -n two addr flush dev eth2
for number in 1 2; do
	ip -n one addr add 10.0.0.$number/24 dev eth1; ip -n one addr add fd00:aa::$number/96 dev eth1 nodad
done
ip -n two addr add 10.0.0.3/24 dev eth2; ip -n two addr add fd00:aa::3/96 dev eth2 nodad
wire_up; sleep 0.2
for place in 10.0.0.1:1 '[fd00:aa::1]:1' 10.0.0.2:1 '[fd00:aa::2]:1'; do
	wg set wgb peer "$(key 1)" endpoint "$place"
	ok "spoken to at $place"         pings two 192.168.241.1
	ok "it answers from there"       endpoint_is wgb 1 "$place"
done
ip -n one link add aside type veth peer name aside2; ip -n one addr add 10.50.0.1/24 dev aside
ip -n one link set aside up; ip -n one link set aside2 up
ip -n two route add 10.50.0.0/24 dev eth2
wg set wgb peer "$(key 1)" endpoint 10.50.0.1:1
ok "at an address of another interface"  pings two 192.168.241.1
ok "it answers from there too"           endpoint_is wgb 1 10.50.0.1:1
ip -n one link del aside
for port in one:eth1 two:eth2; do
	ip -n ${port%:*} addr flush dev ${port#*:}; ip -n ${port%:*} route flush dev ${port#*:}
done

ip -n one link add eth3 type veth peer name eth4 netns two
ip -n one addr add 10.0.0.1/24 dev eth1; ip -n one addr add 10.0.0.3/24 dev eth3
ip -n two addr add 10.0.0.2/24 dev eth2
ip -n one link set eth3 up; ip -n two link set eth4 up
ip -n one route flush dev eth1; ip -n one route flush dev eth3
ip -n one route add 10.0.0.0/24 dev eth1 src 10.0.0.1 metric 2
on one sysctl -qw net.ipv4.conf.eth1.rp_filter=0 net.ipv4.conf.eth3.rp_filter=0
on two sysctl -qw net.ipv4.conf.eth2.rp_filter=0 net.ipv4.conf.eth4.rp_filter=0
wg set wga peer "$(key 2)" endpoint 10.0.0.2:2
ok "by the only route"                   eventually pings one 192.168.241.2
ok "from that route's address"           endpoint_is wgb 1 10.0.0.1:1
ip -n one route add 10.0.0.0/24 dev eth3 src 10.0.0.3 metric 1
ok "a better route"                      pings one 192.168.241.2
ok "and its address"                     endpoint_is wgb 1 10.0.0.3:1
ip -n one link del eth1; ip -n one link del eth3
gone wga one; gone wgb two

# ---- configuration ----

device wgc
{ printf '[Interface]\nPrivateKey=%s\n[Peer]\nPublicKey=%s\n' "$(wg genkey)" "$(key 1)"
	for a in {1..255}; do for b in {0..255}; do echo "AllowedIPs=$a.$b.0.0/16,$a::$b/128"; done; done; } >many
ok "130,560 addresses of one peer"       wg setconf wgc many
ok "are all there"                       number 130560 wgc
ok "replaced by two"                     wg set wgc peer "$(key 1)" allowed-ips 10.0.0.0/8,fd00::/8
ok "only two are there"                  number 2 wgc
# One at a time: `wg genkey` forty times is nothing beside it.
{ printf '[Interface]\nPrivateKey=%s\n' "$(wg genkey)"
	for a in {1..40}; do
		printf '[Peer]\nPublicKey=%s\n' "$(wg genkey | wg pubkey)"
		for b in {1..52}; do echo "AllowedIPs=$a.$b.0.0/16"; done
	done; } >forty
ok "forty peers, 52 addresses each"      wg setconf wgc forty
ok "each has its own"                    is "40 52" eval "wg show wgc allowed-ips | awk '{ n[NF - 1]++ } END { for (k in n) print n[k], k }'"
many6=$(printf ',abcd::%d' {1..197})
wg set wgc peer "$(key 1)" peer "$(key 2)" allowed-ips "${many6#,}"
ok "a peer without addresses"            is "$(key 1)	(none)" eval "wg show wgc allowed-ips | grep -F '$(key 1)'"
ok "and one with 197"                    is 198 eval "wg show wgc allowed-ips | grep -F '$(key 2)' | wc -w"
ok "what is shown can be set again"      eval 'wg showconf wgc >shown && wg setconf wgc shown && wg showconf wgc | sort >again && sort shown | cmp - again'
ok "no such device"                      not wg show doesnotexist
gone wgc

device wgc
wg set wgc private-key keys/1 peer "$(key 2)" preshared-key keys/psk
ok "the private key as it was given"     shows wgc private-key "$(cat keys/1)"
ok "the preshared key too"               shows wgc preshared-keys "$(key 2)	$(cat keys/psk)"
wg set wgc private-key /dev/null peer "$(key 2)" preshared-key /dev/null
ok "no private key"                      shows wgc private-key "(none)"
ok "no preshared key"                    shows wgc preshared-keys "$(key 2)	(none)"
wg set wgc private-key keys/2
ok "who has become ourselves is no peer" shows wgc peers ""
wg set wgc peer "$(key 2)"
ok "and cannot be made one"              shows wgc peers ""
wg set wgc private-key keys/1; wg set wgc peer "$(key 2)"
ok "but under another key it can"        shows wgc peers "$(key 2)"
{ printf /; cut -c2- keys/1; } >keys/odd
wg set wgc private-key keys/odd
ok "a private key is clamped"            shows wgc private-key "+$(cut -c2- keys/1)"
for list in 0.0.0.0/0,10.0.0.0/8,100.0.0.0/10,172.16.0.0/12,192.168.0.0/16 0.0.0.0/0 \
	::/0,1700::/111,5000::/4,e000::/37,9000::/75 ::/0; do
	wg set wgc peer "$(key 2)" allowed-ips $list
	ok "replaced: ${list%%,*} and $(tr -dc , <<<"$list" | wc -c) more" \
		is "$(tr , '\n' <<<"$list" | sort)" eval "wg show wgc allowed-ips | cut -f2- | tr ' ' '\n' | sort"
done
wg set wgc peer "$(key 2)" remove
for bad in AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
	4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA= X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc= \
	7P///////////////////////////////////////38= 7f///////////////////////////////////////38= \
	7v///////////////////////////////////////38=; do
	wg set wgc peer $bad persistent-keepalive 1 endpoint 127.0.0.1:1111
done
ok "worthless keys can be configured"    is 7 eval "wg show wgc peers | wc -l"
ip addr add 127.0.0.1/8 dev lo
timeout 3 socat -u UDP-LISTEN:1111 OPEN:spoken,creat & listener=$!
ip link set wgc up; wait $listener
ok "and are never spoken to"             not test -s spoken
gone wgc

# ---- a device that is moved to where everything ends ----

device wgc; ip link set wgc netns two; wg set wgc private-key keys/1
ip -n two link set wgc up
ok "a device lives elsewhere"            ip -n two link show wgc
ip netns del two
ok "and its engine ends with the place"  eventually not test -e /var/run/wireguard/wgc.sock
