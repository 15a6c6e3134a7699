// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "compile_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* What policies mean: one row a rule of the language, as the tables answer it. */

#define CNP(name, spec)                                         \
	"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n" \
	"metadata: {name: " name ", namespace: shop}\nspec: " spec "\n---\n"
#define CCNP(name, spec)                                                   \
	"apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\n" \
	"metadata: {name: " name "}\nspec: " spec "\n---\n"
#define NP(name, spec)                                            \
	"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n" \
	"metadata: {name: " name ", namespace: shop}\nspec: " spec "\n---\n"
#define NOTED(name, note, spec)                                                             \
	"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"                             \
	"metadata: {name: " name ", namespace: shop, annotations: {" note "}}\nspec: " spec \
	"\n---\n"
#define WEB "endpointSelector: {matchLabels: {app: web}}"
#define DB  "{matchLabels: {app: db}}"

struct row {
	const char *what, *gateway, *policies;
	const char *flows[12];
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct built built = build(rows[i].gateway, rows[i].policies);

		check_flows(rows[i].what, &built, rows[i].flows);
		built_free(&built);
	}
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void enforcement(void **state)
{
	static const struct row rows[] = {
		{"without a policy all is open",
		 NULL,
		 NULL,
		 {"web > db tcp/80: none none", "world > web tcp/80: none none",
		  "host > peer icmp/8: none none", "world6 > web6 udp/1: none none"}},
		{"who is selected is closed in that direction alone",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{}]}"),
		 {"db > web tcp/80: none drop", "web > db tcp/80: none none",
		  "world > web icmp/8: none drop", "host > web tcp/1: none drop",
		  "db > labweb tcp/80: none none", "world6 > web6 tcp/80: none drop"}},
		{"a policy that only denies closes too",
		 NULL,
		 CNP("a", "{" WEB ", egressDeny: [{toEntities: [host]}]}"),
		 {"web > host tcp/1: deny none", "web > db tcp/1: drop none"}},
		{"without default deny the rest stays open",
		 NULL,
		 CNP("a",
		     "{" WEB ", enableDefaultDeny: {ingress: false}, "
		     "ingress: [{fromEndpoints: [" DB "], toPorts: [{ports: [{port: '80'}]}]}], "
		     "ingressDeny: [{fromEntities: [world]}]}"),
		 {"db > web tcp/80: none allow", "db > web tcp/81: none none",
		  "world > web tcp/80: none deny", "host > web tcp/1: none none"}},
		{"one policy with default deny closes it for all",
		 NULL,
		 CNP("a", "{" WEB ", enableDefaultDeny: {ingress: false}, "
			  "ingress: [{fromEndpoints: [" DB "]}]}")
			 CNP("b", "{" WEB ", ingress: [{fromEntities: [host]}]}"),
		 {"db > web tcp/80: none allow", "host > web tcp/80: none allow",
		  "net > web tcp/80: none drop"}},
		{"mode always closes every endpoint and leaves the gateway",
		 "  policy: {enforcement: always}",
		 NULL,
		 {"web > db tcp/80: drop drop", "world > web tcp/80: none drop",
		  "world > host tcp/22: none none", "web > world tcp/80: drop none",
		  "peer > far tcp/1: none drop"}},
		{"mode always closes what a policy would leave open",
		 "  policy: {enforcement: always}",
		 CNP("a", "{" WEB ", enableDefaultDeny: {ingress: false}, "
			  "ingress: [{fromEndpoints: [" DB "]}]}"),
		 {"db > web tcp/1: drop allow", "net > web tcp/1: drop drop"}},
		{"mode never enforces nothing, not even denies",
		 "  policy: {enforcement: never}",
		 CNP("a", "{" WEB ", ingressDeny: [{fromEntities: [all]}]}"),
		 {"db > web tcp/1: none none"}},
		{"a policy for nodes closes the gateway itself",
		 NULL,
		 CCNP("a", "{nodeSelector: {matchLabels: {role: gateway}}, "
			   "ingress: [{fromEntities: [cluster]}]}"),
		 {"world > host tcp/22: none drop", "web > host tcp/22: none allow",
		  "host > world tcp/1: none none", "world > web tcp/1: none none",
		  "world6 > host6 tcp/1: none drop"}},
		{"a policy for other nodes does not",
		 NULL,
		 CCNP("a", "{nodeSelector: {matchLabels: {role: other}}, ingress: [{}]}"),
		 {"world > host tcp/22: none none"}},
		{"policies of a namespace select in it alone",
		 NULL,
		 CNP("a", "{endpointSelector: {}, ingress: [{}]}"),
		 {"world > web tcp/1: none drop", "world > net tcp/1: none drop",
		  "world > labweb tcp/1: none none", "world > host tcp/1: none none"}},
		{"who is not labelled yet is closed",
		 NULL,
		 "apiVersion: chasqui.io/v1\nkind: Endpoint\n"
		 "metadata: {name: new, namespace: shop, labels: {'reserved:init': ''}}\n"
		 "spec: {addresses: [10.0.0.9]}\n",
		 {"web > 10.0.0.9 tcp/1: none drop", "10.0.0.9 > world tcp/1: drop none"}},
		{"clusterwide policies select everywhere",
		 NULL,
		 CCNP("a", "{endpointSelector: {}, ingress: [{}]}"),
		 {"world > web tcp/1: none drop", "world > labweb tcp/1: none drop",
		  "world > host tcp/1: none none", "world > peer tcp/1: none none",
		  "world > far tcp/1: none drop"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void precedence(void **state)
{
	static const struct row rows[] = {
		{"a wide deny beats a narrow allow",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromCIDR: [192.0.2.5/32], "
			  "toPorts: [{ports: [{port: '80', protocol: TCP}]}]}], "
			  "ingressDeny: [{fromCIDR: [192.0.2.0/24]}]}"),
		 {"cidr > web tcp/80: none deny", "192.0.2.6 > web tcp/1: none deny"}},
		{"a deny of one port leaves the others",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromEntities: [all]}], ingressDeny: [{toPorts: "
			  "[{ports: [{port: '22', protocol: TCP}]}]}]}"),
		 {"db > web tcp/22: none deny", "db > web tcp/23: none allow",
		  "db > web udp/22: none allow", "db > web icmp/8: none allow"}},
		{"denies of one policy beat allows of another",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromEndpoints: [" DB "]}]}")
			 CNP("b", "{" WEB ", ingressDeny: [{fromEndpoints: [" DB "]}]}"),
		 {"db > web tcp/1: none deny", "net > web tcp/1: none drop"}},
		{"both sides are asked",
		 NULL,
		 CNP("a", "{" WEB ", egress: [{toEndpoints: [" DB "]}]}")
			 CNP("b", "{endpointSelector: " DB ", ingress: [{fromEntities: [host]}]}"),
		 {"web > db tcp/1: allow drop", "web > net tcp/1: drop none",
		  "host > db tcp/1: none allow"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void peers(void **state)
{
	static const struct row rows[] = {
		{"no peers given: everybody",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{toPorts: [{ports: [{port: '80'}]}]}]}"),
		 {"world > web tcp/80: none allow", "host > web udp/80: none allow",
		  "peer > web sctp/80: none allow", "world > web icmp/8: none drop"}},
		{"an empty list: nobody",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromEndpoints: []}]}"),
		 {"db > web tcp/80: none drop", "world > web tcp/80: none drop"}},
		{"an empty selector: the own namespace",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromEndpoints: [{}]}]}"),
		 {"db > web tcp/80: none allow", "labweb > web tcp/80: none drop",
		  "world > web tcp/80: none drop", "host > web tcp/80: none drop"}},
		{"an empty selector clusterwide: all endpoints",
		 NULL,
		 CCNP("a", "{" WEB ", ingress: [{fromEndpoints: [{}]}]}"),
		 {"db > web tcp/80: none allow", "far > web tcp/80: none allow",
		  "world > web tcp/80: none drop", "host > web tcp/80: none drop",
		  "peer > web tcp/80: none drop"}},
		{"another namespace by its name",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromEndpoints: [{matchLabels: "
			  "{'k8s:io.kubernetes.pod.namespace': lab}}]}]}"),
		 {"labweb > web tcp/80: none allow", "db > web tcp/80: none drop"}},
		{"expressions",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromEndpoints: [{matchExpressions: "
			  "[{key: app, operator: NotIn, values: [db]}]}]}]}"),
		 {"net > web tcp/80: none allow", "db > web tcp/80: none drop",
		  "world > web tcp/80: none drop"}},
		{"a key that is there",
		 NULL,
		 CNP("a",
		     "{" WEB ", ingress: [{fromEndpoints: [{matchExpressions: [{key: tier, "
		     "operator: Exists}], matchLabels: {'k8s:io.kubernetes.pod.namespace': lab}}]}]}"),
		 {"labweb > web tcp/80: none allow", "far > web tcp/80: none drop"}},
		{"a key that is there, looked for first",
		 NULL,
		 CCNP("a",
		      "{endpointSelector: {matchExpressions: [{key: tier, operator: Exists}]}, "
		      "ingress: [{}]}"),
		 {"web > labweb tcp/80: none drop", "labweb > web tcp/80: none none"}},
		{"a reserved label finds the world",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromEndpoints: [{matchLabels: "
			  "{'reserved:world-ipv4': ''}}]}]}"),
		 {"world > web tcp/80: none allow", "world6 > web6 tcp/80: none drop",
		  "db > web tcp/80: none drop"}},
		{"nodes are other gateways",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromNodes: [{matchLabels: {site: oslo}}]}]}"),
		 {"peer > web tcp/80: none allow", "host > web tcp/80: none drop",
		  "far > web tcp/80: none drop"}},
		{"pods of matching namespaces are never the world",
		 NULL,
		 NP("a",
		    "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: "
		    "[{key: env, operator: NotIn, values: [prod]}]}}]}]}"),
		 {"labweb > web tcp/80: none allow", "db > web tcp/80: none allow",
		  "world > web tcp/80: none drop", "host > web tcp/80: none drop"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void entities(void **state)
{
#define FROM(entity) CNP("a", "{" WEB ", ingress: [{fromEntities: [" entity "]}]}")
	static const struct row rows[] = {
		{"all",
		 NULL,
		 FROM("all"),
		 {"world > web tcp/1: none allow", "host > web tcp/1: none allow",
		  "db > web tcp/1: none allow", "peer > web tcp/1: none allow",
		  "world6 > web6 ip/47: none allow"}},
		{"world",
		 NULL,
		 FROM("world"),
		 {"world > web tcp/1: none allow", "world6 > web6 tcp/1: none allow",
		  "host > web tcp/1: none drop", "db > web tcp/1: none drop",
		  "peer > web tcp/1: none drop"}},
		{"world-ipv4",
		 NULL,
		 FROM("world-ipv4"),
		 {"world > web tcp/1: none allow", "world6 > web6 tcp/1: none drop"}},
		{"world-ipv6",
		 NULL,
		 FROM("world-ipv6"),
		 {"world > web tcp/1: none drop", "world6 > web6 tcp/1: none allow"}},
		{"host",
		 NULL,
		 FROM("host"),
		 {"host > web tcp/1: none allow", "host6 > web6 tcp/1: none allow",
		  "db > web tcp/1: none drop", "peer > web tcp/1: none drop"}},
		{"remote-node",
		 NULL,
		 FROM("remote-node"),
		 {"peer > web tcp/1: none allow", "far > web tcp/1: none drop",
		  "host > web tcp/1: none drop"}},
		{"cluster",
		 NULL,
		 FROM("cluster"),
		 {"db > web tcp/1: none allow", "labweb > web tcp/1: none allow",
		  "host > web tcp/1: none allow", "peer > web tcp/1: none allow",
		  "world > web tcp/1: none drop"}},
		{"none",
		 NULL,
		 FROM("none"),
		 {"db > web tcp/1: none drop", "world > web tcp/1: none drop"}},
		{"nobody is unmanaged here",
		 NULL,
		 FROM("unmanaged"),
		 {"db > web tcp/1: none drop", "world > web tcp/1: none drop",
		  "host > web tcp/1: none drop"}},
		{"prefixes that policies name are still the world",
		 NULL,
		 FROM("world") CNP("b", "{" WEB ", egress: [{toCIDR: [192.0.2.0/24]}]}"),
		 {"cidr > web tcp/1: none allow", "web > cidr tcp/1: allow none",
		  "web > world tcp/1: drop none"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void cidrs(void **state)
{
	static const struct row rows[] = {
		{"a prefix holds narrower ones that others name",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromCIDR: [192.0.0.0/8]}]}")
			 CNP("b", "{" WEB ", ingress: [{fromCIDR: [192.0.2.0/28], "
				  "toPorts: [{ports: [{port: '80'}]}]}]}"),
		 {"cidr > web tcp/1: none allow", "192.1.1.1 > web tcp/1: none allow",
		  "world > web tcp/1: none drop"}},
		{"a hole is a hole in its own entry only",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromCIDRSet: [{cidr: 192.0.2.0/24, "
			  "except: [192.0.2.0/28]}]}, {fromCIDR: [192.0.2.5/32]}]}"),
		 {"cidr > web tcp/1: none allow", "192.0.2.6 > web tcp/1: none drop",
		  "192.0.2.16 > web tcp/1: none allow"}},
		{"holes in holes, deeper and in order",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromCIDRSet: [{cidr: 192.0.0.0/16, "
			  "except: [192.0.2.0/24, 192.0.2.0/28, 192.0.9.0/24]}]}]}"),
		 {"cidr > web tcp/1: none drop", "192.0.2.99 > web tcp/1: none drop",
		  "192.0.9.1 > web tcp/1: none drop", "192.0.3.1 > web tcp/1: none allow"}},
		{"a group's hole may hold a whole prefix of it",
		 NULL,
		 "apiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: g}\n"
		 "spec: {externalCIDRs: [192.0.2.5/32, 198.51.100.0/24]}\n---\n" CNP(
			 "a", "{" WEB ", ingress: [{fromCIDRSet: [{cidrGroupRef: g, "
			      "except: [192.0.2.0/24]}]}]}"),
		 {"cidr > web tcp/1: none drop", "world > web tcp/1: none allow"}},
		{"families are apart",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromCIDR: ['::/0']}]}"),
		 {"world6 > web6 tcp/1: none allow", "world > web tcp/1: none drop"}},
		{"all of IPv4",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromCIDR: [0.0.0.0/0]}]}"),
		 {"world > web tcp/1: none allow", "world6 > web6 tcp/1: none drop",
		  "db > web tcp/1: none drop", "host > web tcp/1: none drop",
		  "peer > web tcp/1: none drop"}},
		{"endpoints when the gateway says so",
		 "  policy: {cidrMatchMode: [endpoints]}",
		 CNP("a", "{" WEB ", ingress: [{fromCIDR: [10.0.0.0/8]}]}"),
		 {"db > web tcp/1: none allow", "net > web tcp/1: none allow",
		  "host > web tcp/1: none drop", "peer > web tcp/1: none drop"}},
		{"nodes when the gateway says so",
		 "  policy: {cidrMatchMode: [nodes]}",
		 CNP("a", "{" WEB ", ingress: [{fromCIDR: [10.0.0.0/8]}]}"),
		 {"db > web tcp/1: none drop", "host > web tcp/1: none allow",
		  "peer > web tcp/1: none allow"}},
		{"part of an endpoint's prefix",
		 "  policy: {cidrMatchMode: [endpoints]}",
		 CNP("a", "{" WEB ", ingress: [{fromCIDR: [10.1.2.0/24]}]}"),
		 {"net > web tcp/1: none allow", "10.1.3.1 > web tcp/1: none drop"}},
		{"ipBlock is any address",
		 NULL,
		 NP("a", "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: "
			 "{cidr: 10.0.0.0/8, except: [10.1.2.0/24]}}]}]}"),
		 {"db > web tcp/1: none allow", "host > web tcp/1: none allow",
		  "peer > web tcp/1: none allow", "net > web tcp/1: none drop",
		  "10.1.3.1 > web tcp/1: none allow", "world > web tcp/1: none drop"}},
		{"what lies in an endpoint's prefix is still the endpoint",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{fromCIDR: [10.1.2.0/24]}, "
			  "{fromEndpoints: [{matchLabels: {app: net}}]}]}"),
		 {"net > web tcp/1: none allow", "10.1.3.1 > web tcp/1: none allow"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void ports(void **state)
{
#define PORTS(ports) CNP("a", "{" WEB ", ingress: [{toPorts: [{ports: [" ports "]}]}]}")
	static const struct row rows[] = {
		{"one port of one protocol",
		 NULL,
		 PORTS("{port: '80', protocol: TCP}"),
		 {"db > web tcp/80: none allow", "db > web udp/80: none drop",
		  "db > web tcp/79: none drop", "db > web tcp/81: none drop"}},
		{"any protocol is TCP, UDP and SCTP",
		 NULL,
		 PORTS("{port: '80', protocol: ANY}"),
		 {"db > web tcp/80: none allow", "db > web udp/80: none allow",
		  "db > web sctp/80: none allow", "db > web icmp/80: none drop",
		  "db > web ip/80: none drop"}},
		{"a range",
		 NULL,
		 PORTS("{port: '80', endPort: 90, protocol: UDP}"),
		 {"db > web udp/80: none allow", "db > web udp/85: none allow",
		  "db > web udp/90: none allow", "db > web udp/91: none drop",
		  "db > web udp/79: none drop"}},
		{"port 0 is all of a protocol",
		 NULL,
		 PORTS("{port: '0', protocol: TCP}"),
		 {"db > web tcp/1: none allow", "db > web tcp/65535: none allow",
		  "db > web tcp/0: none allow", "db > web udp/1: none drop"}},
		{"the ends of the numbers",
		 NULL,
		 PORTS("{port: '65535', protocol: TCP}, {port: '1', endPort: 1, protocol: UDP}"),
		 {"db > web tcp/65535: none allow", "db > web udp/0: none drop",
		  "db > web udp/1: none allow", "db > web sctp/0: none drop"}},
		{"a protocol without ports",
		 NULL,
		 PORTS("{port: '0', protocol: GRE}"),
		 {"db > web ip/47: none allow", "db > web ip/50: none drop",
		  "db > web tcp/47: none drop"}},
		{"ICMP types by family",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{icmps: [{fields: [{type: 8}, "
			  "{family: IPv6, type: 128}]}]}]}"),
		 {"db > web icmp/8: none allow", "db > web icmp/0: none drop",
		  "db6 > web6 icmpv6/128: none allow", "db6 > web6 icmpv6/8: none drop",
		  "db > web tcp/8: none drop"}},
		{"the receiver's own named ports on the way in",
		 NULL,
		 PORTS("{port: http}"),
		 {"db > web tcp/8080: none allow", "db > web tcp/9090: none drop",
		  "db > web udp/8080: none drop"}},
		{"the peer's named ports on the way out",
		 NULL,
		 CCNP("a",
		      "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: http}]}]}]}"),
		 {"web > db tcp/9090: allow none", "web > db tcp/8080: drop none",
		  "db > web tcp/8080: allow none", "web > net tcp/8080: drop none",
		  "web > world tcp/8080: drop none"}},
		{"a name has its protocol",
		 NULL,
		 PORTS("{port: dns, protocol: TCP}"),
		 {"db > web tcp/53: none drop", "db > web udp/53: none drop"}},
		{"a name and a number",
		 NULL,
		 PORTS("{port: dns, protocol: UDP}, {port: '1'}"),
		 {"db > web udp/53: none allow", "db > web tcp/1: none allow",
		  "db > web tcp/53: none drop"}},
		{"overlapping ranges of several rules",
		 NULL,
		 CNP("a",
		     "{" WEB ", ingress: ["
		     "{fromEndpoints: [" DB "], toPorts: [{ports: [{port: '10', endPort: 30}]}]}, "
		     "{fromEntities: [world], toPorts: [{ports: [{port: '20', endPort: 40}]}]}], "
		     "ingressDeny: [{toPorts: [{ports: [{port: '25', protocol: TCP}]}]}]}"),
		 {"db > web tcp/10: none allow", "db > web tcp/31: none drop",
		  "world > web tcp/40: none allow", "world > web tcp/19: none drop",
		  "db > web tcp/25: none deny", "world > web tcp/25: none deny",
		  "db > web udp/25: none allow", "host > web tcp/25: none deny",
		  "host > web tcp/26: none drop"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void management(void **state)
{
#define GUARD "  management: {ports: [22/tcp], from: [192.0.2.0/24, 10.0.0.0/28]}"
	static const struct row rows[] = {
		{"no policy closes it",
		 GUARD,
		 CCNP("a", "{nodeSelector: {}, ingressDeny: [{fromEntities: [all]}]}"),
		 {"cidr > host tcp/22: guard guard", "cidr > host tcp/23: none deny",
		  "cidr > host udp/22: none deny", "world > host tcp/22: none deny"}},
		{"nor one of the sender's",
		 GUARD,
		 CCNP("a", "{endpointSelector: {}, egressDeny: [{toEntities: [all]}]}"),
		 {"web > host tcp/22: guard guard", "web > host tcp/23: deny none",
		  "net > host tcp/22: deny none", "web > db tcp/22: deny none",
		  "web > world tcp/22: deny none", "web > peer tcp/22: deny none"}},
		{"it is for the gateway alone",
		 GUARD,
		 CNP("a", "{" WEB ", ingress: [{}]}"),
		 {"cidr > web tcp/22: none drop"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void audit_and_reject(void **state)
{
#define AUDIT  "chasqui.io/audit: 'true'"
#define REJECT "chasqui.io/on-deny: reject"
	static const struct row rows[] = {
		{"the gateway watches only",
		 "  policy: {audit: true}",
		 CNP("a", "{" WEB ", ingress: [{fromEndpoints: [" DB "]}], "
			  "ingressDeny: [{fromEntities: [world]}]}"),
		 {"db > web tcp/1: none allow", "net > web tcp/1: none drop~",
		  "world > web tcp/1: none deny~"}},
		{"a policy alone is watched",
		 NULL,
		 NOTED("a", AUDIT, "{" WEB ", ingressDeny: [{fromEndpoints: [" DB "]}]}"),
		 {"db > web tcp/1: none deny~", "net > web tcp/1: none drop~"}},
		{"an endpoint's own drops are watched",
		 NULL,
		 "apiVersion: chasqui.io/v1\nkind: Endpoint\n"
		 "metadata: {name: watched, namespace: shop, labels: {app: db}}\n"
		 "spec: {addresses: [10.0.0.9], audit: true}\n---\n" CNP(
			 "a", "{endpointSelector: {}, ingress: [{}]}"),
		 {"web > 10.0.0.9 tcp/1: none drop~", "web > db tcp/1: none drop",
		  "10.0.0.9 > db tcp/1: none drop"}},
		{"closed by a watched policy and by an enforced one: closed",
		 NULL,
		 CNP("a", "{" WEB ", ingress: [{}]}") NOTED("b", AUDIT, "{" WEB ", ingress: [{}]}"),
		 {"db > web tcp/1: none drop"}},
		{"a watched deny beside an enforced one drops",
		 NULL,
		 NOTED("a", AUDIT, "{" WEB ", ingressDeny: [{fromEndpoints: [" DB "]}]}")
			 CNP("b", "{" WEB ", ingressDeny: [{fromEndpoints: [" DB "]}]}"),
		 {"db > web tcp/1: none deny", "net > web tcp/1: none drop"}},
		{"a watched deny opens nothing that is closed",
		 NULL,
		 NOTED("a", AUDIT, "{" WEB ", ingressDeny: [{fromEndpoints: [" DB "]}]}")
			 CNP("b", "{" WEB ", ingress: [{fromEntities: [host]}]}"),
		 {"db > web tcp/1: none deny", "host > web tcp/1: none allow"}},
		{"a watched deny of what is allowed is watched",
		 NULL,
		 NOTED("a", AUDIT, "{" WEB ", ingressDeny: [{fromEndpoints: [" DB "]}]}")
			 CNP("b", "{" WEB ", ingress: [{fromEndpoints: [" DB "]}]}"),
		 {"db > web tcp/1: none deny~", "net > web tcp/1: none drop"}},
		{"drops are answered where the gateway says so",
		 "  onDeny: reject",
		 CNP("a", "{" WEB ", ingress: [{}]}")
			 NOTED("b", "chasqui.io/on-deny: drop",
			       "{endpointSelector: " DB ", ingress: [{}]}"),
		 {"db > web tcp/1: none drop!", "web > db tcp/1: none drop"}},
		{"or where a policy does",
		 NULL,
		 NOTED("a", REJECT, "{" WEB ", ingressDeny: [{fromEndpoints: [" DB "]}]}")
			 CNP("b", "{" WEB ", ingressDeny: [{fromEntities: [world]}]}"),
		 {"db > web tcp/1: none deny!", "world > web tcp/1: none deny",
		  "net > web tcp/1: none drop!"}},
	};

	(void)state;
	CHECK_ROWS(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enforcement), cmocka_unit_test(precedence),
		cmocka_unit_test(peers),       cmocka_unit_test(entities),
		cmocka_unit_test(cidrs),       cmocka_unit_test(ports),
		cmocka_unit_test(management),  cmocka_unit_test(audit_and_reject),
	};

	return cmocka_run_group_tests_name("compile: what policies mean", tests, NULL, NULL);
}
