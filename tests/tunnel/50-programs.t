#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The programs that drive a WireGuard device, and what the engine hears of from who starts it.
# shellcheck source=tests/tunnel/lib.sh
. "${0%/*}/lib.sh"

wire
engine b; configure b
ip -n b addr add 198.51.100.9/32 dev wgb; ip -n b addr add 2001:db8:9::9/128 dev wgb nodad
on b wg set wgb peer "$(key a)" preshared-key keys/psk allowed-ips 192.168.241.1/32,fd00::1/128

# ---- wg-quick ----

quick() { WG_QUICK_USERSPACE_IMPLEMENTATION=$ours nsenter --net=/run/netns/a -- wg-quick "$1" /run/test/wga.conf; }
quick_conf() {
	cat >wga.conf <<-C
		[Interface]
		PrivateKey = $(cat keys/a)
		ListenPort = 1
		Address = 192.168.241.1/24, fd00::1/64
		MTU = 1400
		PostUp = echo %i is up >posted
		[Peer]
		PublicKey = $(key b)
		PresharedKey = $(cat keys/psk)
		Endpoint = 10.0.0.2:2
		AllowedIPs = $1
	C
}
shown() { wg showconf wga; }

quick_conf 192.168.241.2/32,fd00::2/128
ok "wg-quick up"                         quick up
ok "it carries"                          pings a 192.168.241.2
ok "and IPv6"                            pings a fd00::2
ok "with the MTU that was asked for"     eval 'ip -n a link show wga | grep -q "mtu 1400"'
ok "what was to be done after is done"   is "wga is up" cat posted
ok "wg-quick strip, wg syncconf"         eval 'quick strip >stripped && wg syncconf wga stripped'
ok "keeps the session"                   eval 'pings a 192.168.241.2 && ! wg show wga latest-handshakes | grep -qP "\t0$"'
ok "wg addconf"                          wg addconf wga <(printf '[Peer]\nPublicKey=%s\nAllowedIPs=10.99.0.0/16\n' "$(wg genkey | wg pubkey)")
ok "adds a peer"                         is 2 eval "wg show wga peers | wc -l"
ok "wg syncconf takes it away"           eval 'wg syncconf wga stripped; [ "$(wg show wga peers)" = "$(key b)" ]'
shown >before
ok "wg setconf with what wg showconf says changes nothing" eval 'wg setconf wga before && shown | cmp - before'
ok "wg-quick down"                       quick down
ok "leaves nothing"                      eventually not test -e /var/run/wireguard/wga.sock
ok "no device either"                    not ip -n a link show wga
quick_conf 0.0.0.0/0,::/0
ok "wg-quick up, for everything"         quick up
ok "everything goes through it"          eventually pings a 198.51.100.9 1 1
ok "and IPv6"                            pings a 2001:db8:9::9
ok "the engine's own packets do not: they are marked" is 0xca6c wg show wga fwmark
ok "wg-quick down again"                 quick down
ok "and nothing of it is left"           eventually eval '! ip -n a link show wga && [ ! -e /var/run/wireguard/wga.sock ]'

# ---- what it hears of from who starts it ----

said() {
	local pid
	LOG_LEVEL=$1 nsenter --net=/run/netns/a -- "$ours" -f wga 2>said & pid=$!
	eventually wg show wga >/dev/null 2>&1
	LOG_LEVEL=$1 timeout 20 nsenter --net=/run/netns/a -- "$ours" -f wga 2>said2
	kill $pid; wait $pid 2>/dev/null
	cat said said2
}
ok "LOG_LEVEL=silent says nothing"       is "" said silent
ok "LOG_LEVEL=error says errors"         is "chasqui-wg: wga: no TUN device: Device or resource busy" said error
ok "LOG_LEVEL=verbose says more"         eval 'said verbose | grep -q AEAD'
ok "no key in it"                        eval '! said verbose | grep -qF "$(cut -c1-20 keys/a)"'
ok "an unknown option is an error"       eval '"$ours" --nonsense wga; [ $? = 2 ]'
ok "so is an unknown AEAD"               eval '"$ours" --aead rot13 wga; [ $? = 2 ]'
ok "a name that is too long too"         not "$ours" -f a-name-that-is-too-long
ok "--help is none"                      eval '"$ours" --help | grep -q usage'
for aead in $("$ours" --list-aeads | sed -n 's/.*"aead": "\([^"]*\)", "usable": true.*/\1/p'); do
	engine a "$ours" --aead "$aead"; configure a; befriend
	ok "--aead $aead carries"        eventually pings a 192.168.241.2 1 1
	kill_engine a; eventually not ip -n a link show wga >/dev/null 2>&1
done

# A control socket that somebody else has made and listens at.
nsenter --net=/run/netns/a -- perl -MIO::Socket::UNIX -e '
	my $s = IO::Socket::UNIX->new(Local => "/var/run/wireguard/wga.sock", Listen => 5) or die $!;
	fcntl($s, 2, 0);
	$ENV{WG_UAPI_FD} = fileno($s);
	exec @ARGV' "$ours" -f wga 2>a.log & pid=$!
eventually wg show wga >/dev/null 2>&1
wg set wga private-key keys/a listen-port 1
ok "WG_UAPI_FD: it answers there"        is 1 wg show wga listen-port
kill $pid; wait $pid 2>/dev/null
ok "and leaves the socket to its owner"  test -e /var/run/wireguard/wga.sock
rm /var/run/wireguard/wga.sock

WG_PROCESS_FOREGROUND=1 nsenter --net=/run/netns/a -- "$ours" wga 2>/dev/null & pid=$!
eventually wg show wga >/dev/null 2>&1
ok "WG_PROCESS_FOREGROUND=1 stays"       kill -0 $pid
kill $pid; wait $pid 2>/dev/null
