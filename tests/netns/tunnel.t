#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Two gateways with a tunnel between them, each with its own policy, IPv4 and IPv6: the device is
# made and taken away as the documents say, the engine outlives the daemon and is started again
# when it dies, and a change of Peers leaves the others' sessions alone.
#
. "${0%/*}/../lib/netns.sh"
# shellcheck source=tests/lib/two.sh
. "$top/tests/lib/two.sh"
patience=40

two_gateways
keys || exit 1
ok "a private key's file is its owner's" is 600 stat -c %a /run/test/lima.key
wg pubkey </run/test/lima.key >/run/test/wg.pub
ok "genkey agrees with wg"               is "$lima_key" cat /run/test/wg.pub
ok "it does not write over a key"        says "File exists" chasqui tunnel genkey /run/test/lima.key
chasqui tunnel pubkey - </run/test/lima.key >/run/test/stdin.pub
ok "pubkey of standard input"            is "$lima_key" cat /run/test/stdin.pub

serve store tcp/80 tcp/81 udp/53
serve web tcp/80

lima_document
cusco_peer
endpoint_document web "app: web" '10.10.0.5, "fd00:10::5"' "port: lan0"
endpoint_document store "app: store" '10.20.0.5, "fd00:20::5"'
cusco_documents
policy_document web "app: web" <<-END
	egress:
	- {toEndpoints: [{matchLabels: {app: store}}], toPorts: [{ports: [{port: "80"}, {port: "53", protocol: UDP}]}]}
	- {toEndpoints: [{matchLabels: {app: store}}], icmps: [{fields: [{type: 8, family: IPv4}, {type: EchoRequest, family: IPv6}]}]}
END

gateway_up || exit 1
cusco_up || exit 1
ok "the device is there, and up"         eventually is up tunnel state
ok "the userspace engine carries it"     is userspace tunnel backend
own_addresses() { ip -o addr show dev lima0 | wc -l; }
ok "its link has no address of its own making" is 2 own_addresses
queues() { ip -d link show lima0 | grep -o 'numqueues [0-9]*' | cut -d' ' -f2; }
ok "it has opened several queues"        more_than 3 queues
ok "stock wg reads it"                   says "$cusco_key" wg show lima0
routes_to() { # PREFIX MORE...
	case $1 in *:*) ip -6 route show "$@" proto 67 ;; *) ip route show "$@" proto 67 ;; esac
}
for route in 10.20.0.0/16 fd00:20::/48; do
	ok "$route leads into it"        eventually says "dev lima0" routes_to "$route" metric 1
	ok "and a blackhole stands behind" says blackhole routes_to "$route" metric 2147483648
done
ok "the MTU is the path's, less 80"      eventually is 1420 tunnel mtu

for store in 10.20.0.5 fd00:20::5; do
	ok "web reaches $store through the tunnel" eventually reaches web tcp $store 80
	ok "and with UDP"                reaches web udp $store 53
	ok "and with ping"               pings web $store
	ok "but not what no rule allows" silent web tcp $store 81
done
ok "the counters say why"                more_than 0 reason_count lan0 ingress DROP_NO_RULE
ok "the peer's handshake is shown"       eventually not is null peer_of latestHandshake
ok "and its bytes"                       eventually more_than 1000 peer_of received
ok "status has a section"                says "lima0 up (userspace)" chasqui status
ok "peers has a table"                   says "192.0.2.10:51820" chasqui tunnel peers
ok "peer list has it"                    says "10.20.0.0/16" chasqui peer list
all_words() { chasqui tunnel status -o json; chasqui tunnel peers -o json; chasqui status -o json; cat /run/test/daemon.log; }
shows_key() { all_words | grep -qF "$(cat /run/test/lima.key)"; }
ok "no private key is shown"             not shows_key

# ---- the other side's policy, by the labels of an Endpoint behind a Peer ----

cat >>"$cusco_config/all.yaml" <<-END
	---
	apiVersion: chasqui.io/v1
	kind: Endpoint
	metadata: {name: web, namespace: shop, labels: {app: web}}
	spec: {addresses: [10.10.0.5, "fd00:10::5"]}
	---
	apiVersion: cilium.io/v2
	kind: CiliumNetworkPolicy
	metadata: {name: store, namespace: shop}
	spec:
	  endpointSelector: {matchLabels: {app: store}}
	  ingress: [{fromEndpoints: [{matchLabels: {app: other}}]}]
END
ok "cusco closes the store"              says live cusco reload
for store in 10.20.0.5 fd00:20::5; do
	ok "$store: no label, no way"    silent web tcp $store 80
done
sed -i 's/app: other/app: web/' "$cusco_config/all.yaml"
ok "cusco opens it by label"             says live cusco reload
for store in 10.20.0.5 fd00:20::5; do
	ok "$store: the label is let in" eventually reaches web tcp $store 80
done

# ---- a change of Peers leaves the others alone ----

handshake=$(peer_of latestHandshake) starts=$(tunnel engineStarts)
hold web udp 10.20.0.5 53 talk -t 5000
more_peer() {
	chasqui peer add puno --public-key "$(wg genkey | wg pubkey)" --prefixes "10.30.0.0/16,fd00:30::/48" \
		--endpoint 192.0.2.30:51820 --keepalive 25 --labels site=puno
}
peers_of_engine() { wg show lima0 peers | wc -l; }
ok "a Peer is added"                     says live more_peer
ok "it has its route"                    eventually says "dev lima0" ip route show 10.30.0.0/16 metric 1
ok "the engine has both"                 is 2 peers_of_engine
ok "another reload"                      says live chasqui reload
ok "a Peer is removed"                   says live chasqui peer remove puno
ok "its routes go"                       is "" ip route show 10.30.0.0/16
ok "the engine has one"                  is 1 peers_of_engine
ok "the conversation went on"            eventually more_than 5 answers_of talk
ok "and lost no packet"                  is 0 silences_of talk
ok "no handshake was made for it"        is "$handshake" peer_of latestHandshake
ok "no engine was started for it"        is "$starts" tunnel engineStarts

# ---- refusals change nothing ----

as_it_is() { wg showconf lima0 | sort; ip route show proto 67; ip addr show lima0; generation; }
before=$(as_it_is)
same() { is "$before" as_it_is; }
bad_peer() { # PUBLIC-KEY MORE
	document peer-bad <<-END
		apiVersion: chasqui.io/v1
		kind: Peer
		metadata: {name: bad}
		spec: {publicKey: "$1", prefixes: [10.40.0.0/16]$2}
	END
}
bad_peer "$lima_key"
ok "our own key is no Peer's"            says "own public key" chasqui reload
ok "and nothing has changed"             same
bad_peer "$(wg genkey | wg pubkey)" ", presharedKeyFile: /run/test/no.key"
ok "a key file that is not there"        says "/run/test/no.key" chasqui reload
ok "changes nothing either"              same
rm "$config/peer-bad.yaml"
cp /run/test/lima.key /run/test/open.key; chmod 644 /run/test/open.key
sed -i 's|/run/test/lima.key|/run/test/open.key|' "$config/gateway.yaml"
ok "a key that others may read"          says "expected 0600" chasqui reload
ok "changes nothing"                     same
lima_document
sed -i 's/{name: lan0, role: inside}, //; s/name: lima0/name: lan0/' "$config/gateway.yaml"
sed -i 's/port: lan0//' "$config/endpoint-web.yaml"
ok "an interface that is no tunnel"      says "was not made as a tunnel" chasqui reload
ok "changes nothing"                     same
lima_document
endpoint_document web "app: web" '10.10.0.5, "fd00:10::5"' "port: lan0"
ok "and the right one is live again"     says live chasqui reload
ok "still with that conversation"        is 0 silences_of talk

# ---- the daemon goes and comes: sessions are alive ----

gateway_down
answers=$(answers_of talk)
ok "without the daemon it goes on"       eventually more_than "$((answers + 20))" answers_of talk
gateway_up || exit 1
ok "and takes the engine over"           eventually is up tunnel state
ok "with its session"                    eventually is "$handshake" peer_of latestHandshake
ok "it started none"                     is 0 tunnel engineStarts
ok "the conversation lost nothing"       is 0 silences_of talk
gateway_crashed
gateway_up || exit 1
ok "it is the same session"              eventually is "$handshake" peer_of latestHandshake
ok "and nothing was lost"                is 0 silences_of talk
let_go talk

# ---- the engine dies ----

ok "the engine is killed"                kill_engine lima0
ok "another is started"                  eventually is 1 tunnel engineStarts
ok "the device stayed"                   says lima0 ip link show lima0
ok "and packets go again"                eventually reaches web tcp 10.20.0.5 80
ok "the log says it"                     grep -q "tunnel is down" /run/test/daemon.log
ip link set lima0 down
ok "a link that was set down comes up"   eventually reaches web tcp 10.20.0.5 80
ok "with its routes"                     eventually says "dev lima0" ip -6 route show fd00:20::/48 metric 1
ip link del lima0
ok "a device that was deleted, too"      eventually reaches web tcp 10.20.0.5 80

# ---- a pre-shared key, another key, a name ----

(umask 077; wg genpsk >/run/test/psk)
cusco_peer "  presharedKeyFile: /run/test/psk"
sed -i 's|^  prefixes: \[10.10|  presharedKeyFile: /run/test/psk\n&|' "$cusco_config/all.yaml"
ok "lima has a pre-shared key"           says live chasqui reload
ok "so has cusco"                        says live cusco reload
ok "and they still understand"           eventually reaches web tcp 10.20.0.5 80
ok "it is shown as there, not what it is" eventually is true peer_of presharedKey

rm /run/test/lima.key
ok "a key file that is gone is made"     says live chasqui reload
ok "for its owner alone"                 is 600 stat -c %a /run/test/lima.key
new_key=$(chasqui tunnel pubkey)
ok "it is another key"                   not is "$lima_key" chasqui tunnel pubkey
sed -i "s|$lima_key|$new_key|" "$cusco_config/all.yaml"
ok "cusco is told"                       says live cusco reload
ok "and they understand again"           eventually reaches web tcp 10.20.0.5 80

cp /etc/hosts /run/test/hosts 2>/dev/null || : >/run/test/hosts
echo "10.20.0.7 gw.cusco.example" >>/run/test/hosts
mount --bind /run/test/hosts /etc/hosts
cusco_at=gw.cusco.example:51820 cusco_peer "  presharedKeyFile: /run/test/psk"
ok "an endpoint by name"                 says live chasqui reload
ip link del lima0
ok "that lies in a Peer's prefix"        eventually says "lies in a Peer's prefix" chasqui tunnel peers -o json
ok "is nowhere"                          is null peer_of address
sed 's/10.20.0.7 gw/192.0.2.10 gw/' /run/test/hosts >hosts.new && cat hosts.new >/run/test/hosts
ok "is resolved"                         eventually is 192.0.2.10:51820 peer_of address
ok "and carries"                         eventually reaches web tcp 10.20.0.5 80
# cusco moves, and cannot say so: it has nothing to send.
ip -n cusco addr del 192.0.2.10/24 dev eth0
ip -n cusco addr add 192.0.2.11/24 dev eth0 && ip -n cusco route add default via 192.0.2.1
sed 's/192.0.2.10/192.0.2.11/' /run/test/hosts >hosts.new && cat hosts.new >/run/test/hosts
ok "a silent peer's name is asked again" eventually reaches web tcp 10.20.0.5 80
ok "and it is found where it is"         eventually is 192.0.2.11:51820 peer_of address

tunnel_more=", fwmark: 0x77, listenPort: 51900" lima_document
ok "a mark and another port"             says live chasqui reload
ok "the engine has the mark"             is 0x77 wg show lima0 fwmark
ok "and the port"                        is 51900 wg show lima0 listen-port
ok "and carries on"                      eventually reaches web tcp 10.20.0.5 80

# ---- an engine that its unit started, before the daemon ----

gateway_down
ip link del lima0
eventually not engine_pid lima0
chasqui-wg lima0
pid=$(engine_pid lima0)
gateway_up || exit 1
ok "an engine that waits is taken"       eventually is up tunnel state
ok "it is that one"                      is "$pid" engine_pid lima0
ok "and carries"                         eventually reaches web tcp 10.20.0.5 80
# Its unit starts it again; the daemon leaves it the time to.
kill "$pid"
ok "the daemon has seen that it ended"   eventually grep -q "may be started again by its unit" /run/test/daemon.log
ok "so that its unit can start it again" eventually chasqui-wg lima0
ok "which is taken, too"                 eventually is up tunnel state
ok "and carries"                         eventually reaches web tcp 10.20.0.5 80
kill_engine lima0
ok "one that stays away is the daemon's to start" eventually is 1 tunnel engineStarts
ok "which carries as well"               eventually reaches web tcp 10.20.0.5 80

# ---- away with it ----

lima_document; sed -i '/tunnel:/d' "$config/gateway.yaml"
ok "a document without a tunnel"         says live chasqui reload
ok "takes the device away"               eventually not ip link show lima0
ok "and its routes"                      eventually is "" ip route show proto 67
ok "and the engine"                      eventually not engine_pid lima0
ok "what is bound for the Peer drops"    counts lan0 ingress DROP_ENCRYPTION silent web tcp 10.20.0.5 80

cusco_down
kill_engine cusco0
