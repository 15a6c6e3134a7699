#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The units of `make install` under systemd itself: what systemctl says is so, and what the units
# forbid is nothing that the programs need. scripts/vm/check boots a machine for it, without BPF LSM
# (lsm= of its kernel), so that the file guard serves.
if [ -z "${IN_VM:-}" ] || [ "$(cat /proc/1/comm)" != systemd ]; then
	echo "1..0 # SKIP for a virtual machine whose first process is systemd"
	exit 0
fi
export CHQ_SANDBOX=machine
# shellcheck source=tests/lib/netns.sh
. "${0%/*}/../../lib/netns.sh"
patience=60

finish() {
	[ "$failed" = 0 ] || journalctl --no-pager -o short-monotonic -u 'chasqui*' | sed 's/^/# /' | tail -150
	echo "1..$count"
	exit $((failed > 0))
}

# state_of PROPERTY UNIT; lines OPTION...: of the journal.
state_of() { systemctl show --property "$1" --value "$2"; }
lines() { journalctl --no-pager --quiet --output cat "$@"; }

# ---- installed ----

mkdir -p /var/lib/chasqui
cp -a "$built/vm/installed/." /
hash -r
cat >/etc/systemd/system/networking-of-sorts.service <<-'END'
	[Unit]
	DefaultDependencies=no
	Wants=network-pre.target
	After=network-pre.target
	[Service]
	Type=oneshot
	ExecStart=/bin/sh -c 'chasqui status -o json >/run/test/at-network.json'
END
cat >/etc/systemd/system/gateway.target <<-'END'
	[Unit]
	Wants=networking-of-sorts.service chasquid.service chasqui-wg@lima0.service
END
systemctl daemon-reload
ok "systemd has nothing to say of the units" is "" systemd-analyze verify \
	/usr/lib/systemd/system/chasqui{d,-guard,-wg@}.service
ok "they are exposed to what they need"  systemd-analyze security --threshold=50 \
	chasquid chasqui-guard chasqui-wg@lima0

# ---- the first start: with an engine for the tunnel, before what brings the network up ----

three_hosts
serve server tcp/80 udp/53
on server ip link add wg0 type wireguard
wg genkey | on server wg set wg0 private-key /dev/stdin
on server ip addr add 10.20.0.5/32 dev wg0
on server ip link set wg0 up
on server ip route add 10.99.0.0/24 dev wg0

config=/etc/chasqui secret=/run/test/lost_city_of_inca.txt
mkdir -p "$config"
gateway_document "  tunnel: {name: lima0, addresses: [10.99.0.1/24], listenPort: 51820, backend: userspace}
  limits: {conntrack: 4096, unproven: 1024, prefixes: 1024, identities: 256, rules: 1024, pairs: 1024}"
document peer-cusco <<-END
	apiVersion: chasqui.io/v1
	kind: Peer
	metadata: {name: cusco}
	spec: {publicKey: "$(on server wg show wg0 public-key)", prefixes: [10.20.0.0/16]}
END
web_and_db
policy_of_web() {
	policy_document web "app: web" <<-END
		egress: [{toEntities: [world], toPorts: [{ports: [{port: "80"}$1]}]}]
	END
}
policy_of_web ""
echo "the city is at 13.16 S 72.54 W" >$secret
sed "s,/lost_city_of_inca.txt,$secret," "$top/policies/inca.yaml" >"$config/inca.yaml"

# watch_start: every pair of what systemd and the daemon say, until the first is "active".
watch_start() {
	local unit daemon end=$((SECONDS + patience))
	while [ "$SECONDS" -lt "$end" ]; do
		unit=$(state_of ActiveState chasquid) daemon=$(chasqui status -o json 2>/dev/null | jq -r .state)
		echo "$unit ${daemon:-silent}"
		[ "$unit" != active ] || return 0
	done
}
killed() { local said; said=$("$@" 2>/dev/null); [ $? = 137 ] && [ -z "$said" ]; }
guard_of() { chasqui status -o json | jq -r ".enforcer.guard.$1"; }
# Who is woken once a second is not woken a hundred times.
switches() { awk '/^voluntary/ { print $2 }' "/proc/$1/status"; }
rests() {
	local guard before after
	guard=$(guard_of pid) && before=$(switches "$guard") && sleep 2 && after=$(switches "$guard")
	[ $((after - before)) -lt 40 ] || { echo "woken $((after - before)) times"; return 1; }
}
engine() { pidof chasqui-wg; }
unit_of() { sed -n 's/^0::.*\///p' "/proc/$1/cgroup"; }
unit_of_engine() { unit_of "$(engine)"; }
# The nice value of its workers.
eagerness() { awk '{ print $19 }' "/proc/$(engine)"/task/*/stat | sort -n | head -1; }
introduce() {
	on server wg set wg0 peer "$(chasqui tunnel pubkey)" endpoint 192.0.2.1:51820 allowed-ips 10.99.0.1/32
}
carries() { pings server 10.99.0.1 -I 10.20.0.5; }

systemctl start --no-block gateway.target
watch_start >/run/test/start.said
ok "a start takes a while"              grep -q ^activating /run/test/start.said
ok "active means enforcing"             is "active enforcing" tail -1 /run/test/start.said
ok "systemctl status says how it is"    says generation state_of StatusText chasquid
ok "the network comes behind it"        eventually is enforcing jq -r .state /run/test/at-network.json
ok "the kernel judges: allowed"         reaches web tcp 192.0.2.10 80
ok "and denied"                         silent web udp 192.0.2.10 53
ok "the file guard came with it"        is active state_of ActiveState chasqui-guard
ok "it is the guard in use"             is chasqui-guard.service unit_of "$(guard_of pid)"
ok "and it guards"                      is 1 guard_of files
ok "the file is out of reach"           killed cat $secret
ok "the guard rests when nobody asks"   rests
ok "the tunnel's engine came, too"      is chasqui-wg@lima0.service unit_of_engine
introduce
ok "and carries"                        eventually carries
ok "the journal knows priorities"       says audit: lines -u chasquid -p notice
ok "and the program by its name"        says chasquid lines -u chasquid -o json --output-fields SYSLOG_IDENTIFIER

# The daemon leaves the unit time to start it again.
first=$(engine)
ok "systemctl restart of the engine"    systemctl restart chasqui-wg@lima0
ok "is another one, and the unit's"     is chasqui-wg@lima0.service unit_of_engine
ok "which carries"                      eventually carries
ok "and stays"                          not is "$first" engine
systemctl kill --signal=KILL chasqui-wg@lima0
ok "after a SIGKILL the unit has one"   eventually is chasqui-wg@lima0.service unit_of_engine
ok "which carries"                      eventually carries
ok "of two engines nobody has heard"    is 1 state_of NRestarts chasqui-wg@lima0

# An engine that nobody else starts again is the daemon's to start.
systemctl stop chasqui-wg@lima0
ok "without the unit the daemon starts one" eventually is chasquid.service unit_of_engine
ok "which carries"                      eventually carries
ok "and is scheduled as the unit's was" is -5 eagerness
first=$(engine)

# ---- reload ----

hold web tcp 192.0.2.10 80 talk -t 20000
before=$(generation)
policy_of_web ', {port: "53"}'
systemd-analyze log-level debug
ok "systemctl reload"                   systemctl reload chasquid
systemd-analyze log-level info
ok "has made another generation live"   moved_on "$before"
ok "which is enforced"                  reaches web udp 192.0.2.10 53
ok "RELOADING was told"                 says RELOADING=1 lines -u chasquid
ok "and READY again"                    is active state_of ActiveState chasquid

printf 'apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: bad}\nspec: {endpointSelectr: {}}\n' \
	>"$config/bad.yaml"
before=$(generation)
ok "a reload of a wrong document fails" not systemctl reload chasquid
ok "nothing has changed"                is "$before" generation
ok "the unit is active still"           is active state_of ActiveState chasquid
ok "the journal has place and reason"   says "bad.yaml:4:8: unknown field" lines -u chasquid -p err
ok "the verdict is what it was"         reaches web udp 192.0.2.10 53
rm "$config/bad.yaml"

# ---- crashes, a restart, a stop ----

enforcing() { [ "$(state_of ActiveState chasquid)" = active ] && daemon_answers; }

systemctl kill --signal=KILL chasqui-guard
ok "the file guard comes back"          eventually is 1 state_of NRestarts chasqui-guard
ok "with the marks it had"              eventually says "went on with the marks" lines -u chasqui-guard
ok "the file is out of reach"           killed cat $secret
all_at_once() { # shellcheck disable=SC2046 # one word for each process
	kill -KILL $(cat /sys/fs/cgroup/system.slice/chasqui-guard.service/cgroup.procs) \
		"$(state_of MainPID chasquid)"; }
both_restarts() { echo "$(state_of NRestarts chasqui-guard)-$(state_of NRestarts chasquid)"; }
ok "guard and daemon go at once"        all_at_once
ok "who asks meanwhile waits for it"    killed cat $secret
ok "both are back"                      eventually is 2-1 both_restarts
ok "and enforce"                        eventually enforcing
systemctl kill --signal=KILL --kill-whom=main chasquid
ok "after a SIGKILL the daemon is back" eventually is 2 state_of NRestarts chasquid
ok "and enforces"                       eventually enforcing
ok "it took over what was enforced"     says "took over generation" lines -u chasquid
ok "systemctl restart"                  systemctl restart chasquid
ok "systemctl stop"                     systemctl stop chasquid
ok "is a clean end"                     is success state_of Result chasquid
ok "the kernel goes on: allowed"        reaches web tcp 192.0.2.10 80
ok "and denied"                         silent web tcp 192.0.2.10 81
ok "the file guard goes on"             killed cat $secret
# More often than systemd starts other units again.
guard_is() { echo "$(state_of NRestarts chasqui-guard) $(state_of ActiveState chasqui-guard)"; }
restarts() { local most; for most in 3 4 5 6 7 8; do
	systemctl kill --signal=KILL chasqui-guard
	eventually is "$most active" guard_is || return; done; }
ok "however often it is killed"         restarts
ok "it is not missed"                   killed cat $secret
ok "so does the tunnel's engine"        is "$first" engine
ok "which carries"                      carries
ok "the flow has seen none of it"       is 0 silences_of talk
let_go talk

# ---- what is left ----

# The engine that the daemon started is left where it was, and systemd sees it at the next start.
complaints() {
	lines _PID=1 + SYSLOG_IDENTIFIER=chasquid + SYSLOG_IDENTIFIER=chasqui-guard |
		grep -iE 'cannot|could not|left-over|not permitted|libcap' | grep -v 'left-over process .*(chasqui-wg)'
}
ok "nothing was refused to anybody"     is "" complaints
ok "chasqui detach --all"               chasqui detach --all
ok "leaves no pin"                      not test -e /sys/fs/bpf/chasqui
ok "and no program"                     not grep chq_ <(bpftool prog)
ok "and no engine"                      not engine
