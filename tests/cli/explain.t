#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# `chasqui policy explain` and its like as people call them: offline, with no root and no daemon.
set -u
cd "${0%/*}/../.." || exit
PATH=$(realpath "${BUILD:-build}"):$PATH
place=$(mktemp -d) count=0 failed=0
trap 'rm -rf "$place"; echo "1..$count"; exit $((failed > 0))' EXIT

ok() {				# ok NAME COMMAND...
	local name=$1 output; shift; count=$((count + 1))
	if output=$("$@" 2>&1); then
		echo "ok $count - $name"
	else
		failed=$((failed + 1))
		printf 'not ok %d - %s\n# %s\n' "$count" "$name" "$*"
		[ -z "$output" ] || printf '%s\n' "$output" | sed 's/^/# /'
	fi
}
is() {				# is WANTED COMMAND...: prints exactly this
	local wanted=$1 got; shift
	got=$("$@" 2>&1)
	[ "$got" = "$wanted" ] || { echo "wanted: $wanted"; echo "got:    $got"; return 1; }
}
says() {
	local words=$1 got; shift
	got=$("$@" 2>&1)
	[[ $got == *"$words"* ]] || { echo "wanted: $words"; echo "got:    $got"; return 1; }
}
exits() { local wanted=$1; shift; "$@" >/dev/null 2>&1; is "$wanted" echo $?; }

cat >"$place/10-things.yaml" <<'E'
apiVersion: chasqui.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  ports: [{name: lan0, role: inside}, {name: wan0, role: outside}]
  management: {ports: [22/tcp], from: [192.0.2.0/24]}
---
apiVersion: chasqui.io/v1
kind: Endpoint
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {addresses: [10.0.0.5, "fd00::5"], namedPorts: [{name: http, port: 8080, protocol: TCP}]}
---
apiVersion: chasqui.io/v1
kind: Endpoint
metadata: {name: db, labels: {app: db}}
spec: {addresses: [10.0.0.6]}
---
apiVersion: chasqui.io/v1
kind: Peer
metadata: {name: oslo}
spec: {publicKey: AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=, prefixes: [10.9.0.0/24]}
E
cat >"$place/20-web.yaml" <<'E'
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress:
  - toPorts: [{ports: [{port: http, protocol: TCP}]}]
  - icmps: [{fields: [{type: EchoRequest}, {family: IPv6, type: 128}]}]
  - fromEntities: [world]
    toPorts: [{ports: [{port: "8080", protocol: TCP}]}]
  ingressDeny:
  - fromCIDR: [203.0.113.0/24]
E
cat >"$place/30-watched.yaml" <<'E'
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: watched, namespace: default, annotations: {chasqui.io/audit: "true"}}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress: [{}]
---
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: lenient}
spec:
  endpointSelector: {matchLabels: {app: db}}
  enableDefaultDeny: {egress: false}
  egressDeny: [{toEntities: [remote-node]}]
---
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: everybody}
spec:
  endpointSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}
  ingress: [{}]
E
cat >"$place/40-api.yaml" <<'E'
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress: [{fromEntities: [kube-apiserver], toPorts: [{ports: [{port: "6443"}]}]}]
E
explain() { chasqui policy explain -f "$place" "$@"; }
json() { local path=$1; shift; explain "$@" -o json | jq -rc "$path"; }
to_web() { explain --from 192.0.2.7 --to shop/web "$@"; }

# ---- who, and what for ----
ok "a port and its protocol"            exits 0 to_web --dport 8080/tcp
ok "a port beside its protocol"         exits 0 to_web --dport 8080 --proto tcp
ok "TCP when nothing is said"           exits 0 to_web --dport 8080
ok "a port by its name"                 exits 0 to_web --dport http
ok "by its name and protocol"           exits 0 to_web --dport http/tcp
ok "a name that another protocol has"   exits 2 to_web --dport http/udp
ok "another port"                       exits 1 to_web --dport 81/tcp
ok "UDP"                                exits 1 to_web --dport 8080/udp
ok "an ICMP type by number"             exits 0 to_web --icmp 8
ok "by name"                            exits 0 to_web --icmp EchoRequest
ok "in any case"                        exits 0 to_web --icmp echorequest
ok "another name for it"                exits 0 to_web --icmp Echo
ok "another type"                       exits 1 to_web --icmp TimestampReply
ok "of IPv6, where the address is"      exits 0 explain --from 2001:db8::1 --to shop/web --icmp EchoRequest
ok "which is another number"            says "type 128/icmpv6 (EchoRequest)" explain --from 2001:db8::1 --to shop/web --icmp EchoRequest
ok "with its protocol"                  exits 0 explain --from reserved:world --to shop/web --proto icmpv6 --icmp EchoRequest
ok "a name that only the other has"     exits 2 to_web --icmp PacketTooBig
ok "a slip of the finger"               says 'did you mean "EchoRequest"?' to_web --icmp EchoRequst
ok "a type that is none"                exits 2 to_web --icmp 256
ok "ICMP without a type"                exits 2 to_web --proto icmp
ok "a protocol without ports"           exits 1 to_web --proto gre
ok "a protocol by number"               exits 1 to_web --proto 89
ok "a protocol that is none"            exits 2 to_web --proto foo
ok "no port"                            exits 2 to_web --proto tcp
ok "two protocols"                      exits 2 to_web --dport 80/tcp --proto udp
ok "a port that is none"                exits 2 to_web --dport 65536/tcp
ok "an endpoint of the default namespace" exits 0 explain --from db --to reserved:world --dport 80
ok "labels"                             exits 0 explain --from app=db --to shop/web --dport 8080
ok "labels with a source"               exits 0 explain --from k8s:app=x,container:y=z --to shop/web --dport 8080
ok "labels that a policy selects"       exits 1 explain --from 192.0.2.7 --to app=web,io.kubernetes.pod.namespace=shop --dport 81
ok "the gateway itself"                 exits 1 explain --from reserved:host --to shop/web --dport 81
ok "another gateway"                    exits 1 explain --from default/db --to reserved:remote-node --dport 81
ok "what another gateway has"           exits 1 explain --from default/db --to 10.9.0.77 --dport 81
ok "an API server is a remote node, too" exits 1 explain --from default/db --to reserved:kube-apiserver --dport 81
ok "no node is selected by a policy for everybody" is allow json .ingress.verdict --from db --to reserved:kube-apiserver --dport 81 --direction ingress
printf '{"from":"reserved:%s","to":"shop/web","dport":6443}\n' kube-apiserver remote-node >"$place/nodes"
ok "the two are not one"                is "allow deny " eval 'explain --flows "$place/nodes" | jq -r .verdict | tr "\n" " "'
ok "an entity that nobody is yet"       exits 0 explain --from reserved:health --to shop/web --dport 8080
ok "a name of nobody"                   exits 2 explain --from shop/nobody --to shop/web --dport 80
ok "a slip in a reserved name"          says "names no reserved identity: host, world," explain --from reserved:wrold --to shop/web --dport 80
ok "whose answer would have been one"   exits 2 explain --from reserved:wrold --to shop/web --dport 80
ok "a bare name is of the default namespace" says "no such endpoint in namespace default" explain --from web --to db --dport 80
ok "labels are nobody's but their own"  is '[true,null]' json '.from | [.madeUp, .address]' --from app=web --to db --dport 80
ok "but for an endpoint that has just these" is '[null,"10.0.0.5"]' json '.to | [.madeUp, .address]' --from db --to app=web,io.kubernetes.pod.namespace=shop --dport 8080
ok "with its named ports"               exits 0 explain --from db --to app=web,io.kubernetes.pod.namespace=shop --dport http
ok "and in a family that it has not, too" is true json .from.madeUp --from app=db --to fd00::5 --dport 8080
ok "an endpoint that has more is named" says "note: endpoint shop/web has the labels app=web" explain --from app=web --to db --dport 80
ok "not where it is the same"           eval '! explain --from app=db --to shop/web --dport 8080 | grep note:'
ok "two families"                       exits 2 explain --from 192.0.2.7 --to fd00::5 --dport 80
ok "no end"                             exits 2 explain --from 192.0.2.7 --dport 80
ok "one direction"                      exits 0 to_web --dport 81 --direction egress
ok "the other"                          exits 1 to_web --dport 81 --direction ingress
ok "a direction that is none"           exits 2 to_web --dport 81 --direction up
ok "a directory that is not there"      exits 2 chasqui policy explain -f "$place/none" --from 192.0.2.7 --to 10.0.0.5 --dport 80

# ---- why ----
ok "the verdict"                        is allow json .verdict --from 192.0.2.7 --to shop/web --dport 8080
ok "denied by default"                  is '["deny",null,"20-web.yaml:5"]' json '[.verdict, .ingress.rule, (.ingress.closedBy[0] | "\(.file):\(.line)")]' --from 192.0.2.7 --to shop/web --dport 81
ok "denied by a rule"                   is '["deny","shop/web","20-web.yaml",12]' json '[.verdict, .ingress.rule.policy, .ingress.rule.file, .ingress.rule.line]' --from 203.0.113.9 --to shop/web --dport 8080
ok "which direction decided"            is ingress json .decided --from 203.0.113.9 --to shop/web --dport 8080
ok "all the rules that allow, the first in file order as the rule" is '[7,[7,9]]' json '[.ingress.rule.line, [.ingress.rules[].line]]' --from 192.0.2.7 --to shop/web --dport 8080
ok "one rule alone"                     is '[7]' json '[.ingress.rules[].line]' --from default/db --to shop/web --dport 8080
ok "what would allow it"                is "an ingress rule of a policy that selects shop/web, from 192.0.2.7 on 81/tcp" json .ingress.wouldAllow --from 192.0.2.7 --to shop/web --dport 81
ok "watched: it passes"                 exits 0 explain --from 192.0.2.7 --to db --dport 81
ok "and says what it would be"          is '["audit","audit","DROP_NO_RULE",true]' json '[.verdict, .ingress.verdict, .ingress.reason, .ingress.enforced]' --from 192.0.2.7 --to db --dport 81
ok "enforced where a policy has a say, closed or not" is '[true,false]' json '[.egress.enforced, .ingress.enforced]' --from db --to 192.0.2.7 --dport 81
ok "a direction that was not asked"     is null json .egress --from 192.0.2.7 --to db --dport 81 --direction ingress
ok "identities and classes"             is '["number","number","number","array"]' json '[.from | .identity, .subjectClass, .peerClass, .labels | type]' --from 192.0.2.7 --to db --dport 81
ok "management"                         is '["allow","PASS_MANAGEMENT"]' json '[.verdict, .reason]' --from 192.0.2.7 --to reserved:host --dport 22
ok "the text names file and line"       says "20-web.yaml:12" explain --from 203.0.113.9 --to shop/web --dport 8080
ok "and who decides"                    says "(ingress decides)" explain --from 203.0.113.9 --to shop/web --dport 8080

# ---- many ----
cat >"$place/flows" <<'E'
{"from":"192.0.2.7","to":"shop/web","proto":"tcp","dport":8080}
{"from":"192.0.2.7","to":"shop/web","proto":"tcp","dport":81,"direction":"both"}
{"from":"192.0.2.7","to":"shop/web","proto":"tcp","dport":81,"direction":"egress"}
{"from":"192.0.2.7","to":"shop/web","proto":"icmp","icmpType":8,"direction":"ingress"}
{"from":"192.0.2.7","to":"shop/web","proto":"icmp","icmpType":"EchoRequest"}
{"from":"reserved:world","to":"shop/web","proto":"icmpv6","icmpType":128}
{"from":"reserved:host","to":"app=web","proto":"tcp","dport":"81"}
rubbish
{"from":"192.0.2.7","to":"shop/none","proto":"tcp","dport":80}
["from"]
{"from":"192.0.2.7","to":"db","proto":"udp","dport":53}
E
verdicts() { explain --flows "$place/flows" | jq -rc .verdict | tr '\n' ' '; }
ok "a line each, in order"              is "allow deny allow allow allow allow allow error error error audit " verdicts
ok "with an error among them"           exits 2 explain --flows "$place/flows"
ok "that says in which line"            is "8 9 10 " eval 'explain --flows "$place/flows" | jq -r "select(.error).line" | tr "\n" " "'
sed -i '/rubbish/d; /none/d; /^\[/d' "$place/flows"
ok "without one"                        exits 0 explain --flows "$place/flows"
ok "from standard input"                is 8 eval 'explain --flows - <"$place/flows" | wc -l'
ok "a file that is not there"           exits 2 explain --flows "$place/none"
ok "a directory is no file"             says "$place: Is a directory" explain --flows "$place"
ok "and no answer"                      exits 2 explain --flows "$place"
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "{\"from\":\"198.51.%d.%d\",\"to\":\"shop/web\",\"proto\":\"tcp\",\"dport\":%d}\n", i / 250 % 250, i % 250, i % 65536 }' >"$place/many"
started=$(date +%s)
ok "100,000 lines"                      is 100000 eval 'explain --flows "$place/many" | wc -l'
ok "in seconds"                         [ $(($(date +%s) - started)) -lt 60 ]
echo "# 100,000 flows took $(($(date +%s) - started)) s"

# A class that many policies close: they are counted, not written down for each flow.
mkdir "$place/closed"
cp "$place/10-things.yaml" "$place/closed"
for i in {1..500}; do
	cat <<-E
		apiVersion: cilium.io/v2
		kind: CiliumNetworkPolicy
		metadata: {name: p$i, namespace: shop}
		spec: {endpointSelector: {matchLabels: {app: web}}, ingress: [{fromCIDR: [10.0.$((i % 250)).1/32]}]}
		---
	E
done >"$place/closed/policies.yaml"
closed() { chasqui policy explain -f "$place/closed" "$@"; }
ok "the first ten of who closes, and how many more" is '[10,490]' eval 'closed --from 192.0.2.7 --to shop/web --dport 80 -o json | jq -c ".ingress | [(.closedBy | length), .closedByMore]"'
ok "in the text, too"                   says "and 490 more policies that close it" closed --from 192.0.2.7 --to shop/web --dport 80
head -n 5000 "$place/many" >"$place/some"
ok "5,000 answers of it are no flood"   eval '[ "$(closed --flows "$place/some" | wc -c)" -lt 20000000 ]'
