#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""
generate.py DIRECTORY [--cases N] [--seed S] [--thin-is-fine]

Random directories of documents and flows through them, with the reference
evaluator's verdicts, as batches (batch.py) below DIRECTORY. What has decided
least so far is made likelier, and of the flows tried those are kept that fill
the gaps: at least a fifth is allowed, a fifth explicitly denied, and every
construct decides at least 250 of 50,000 cases (two such runs make 500 of 100,000).

A construct decides a case when it stands in a rule that matched and gave the
verdict (in the selector of the policy too), or, for what keeps a rule from
matching (except, an empty list, entity none), when that rule would have changed
the verdict without it.
"""
import argparse
import collections
import ipaddress
import os
import random
import sys

import batch
from reference import (ALLOW, DEFAULT_DENY, DENY, ICMP_TYPES, Flow, IcmpType, NobodyPeers, Refused,
                       World)

FLOWS_KEPT = 300
FLOWS_TRIED = 900
ENOUGH = 250

NAMESPACES = ("shop", "ops", "lab")
LABELS = {"app": ("web", "db", "cache", "api"), "tier": ("front", "back"), "env": ("prod", "dev"),
          "track": ("a", "b", "c")}
PORTS = (22, 53, 80, 81, 443, 444, 1023, 1024, 5432, 8080, 8191, 8192, 9100, 65535)
NAMED = (("http", 80, "TCP"), ("http", 8080, "TCP"), ("dns", 53, "UDP"), ("dns", 53, "TCP"),
         ("metrics", 9100, "TCP"), ("sig", 444, "SCTP"))
# The gateway's own: on its ports, inside an endpoint's prefix, inside one that rules name.
OWN = ("10.1.0.1", "fd00:1::1", "192.0.2.1", "2001:db8:2::1", "10.1.7.5", "198.51.100.70",
       "2001:db8:a0a0:7::70")

# Prefixes that rules name; each list is nested, so that the longest match is tried.
WORLD4 = ("198.51.0.0/16", "198.51.100.0/24", "198.51.100.64/26", "198.51.100.77/32",
          "203.0.0.0/9", "203.0.113.0/24", "203.0.113.128/25")
WORLD6 = ("2001:db8:a000::/36", "2001:db8:a0a0::/48", "2001:db8:a0a0:7::/64",
          "2001:db8:a0a0:7::42/128", "2001:db8:b000::/36")
INSIDE4 = ("10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/24", "10.1.7.0/24", "10.1.7.16/28",
           "10.9.0.0/16", "192.0.2.0/24")
INSIDE6 = ("fd00::/8", "fd00:1::/64", "fd00:1:7::/64", "fd00:9::/32", "2001:db8:2::/48")
GROUP_BASE = ("198.51.100.0/24", "2001:db8:a0a0::/48")
WIDE = ("0.0.0.0/0", "::/0")

# Types that the checkpoint judges by policy alone; others are neighbour discovery, errors, replies.
PLAIN_ICMP = {"icmp": (8, 13, 42, 40), "icmpv6": (128, 139, 144, 146)}
OTHERS = {"gre": 47, "esp": 50, "ipip": 4, "ipv6": 41, "ah": 51, "igmp": 2, "vrrp": 112}
PLAIN_OTHERS = ("gre", "esp")


def mapping(**items):
    return {key: value for key, value in items.items() if value is not None}


class Dice(random.Random):
    """Prefers what has decided least so far."""

    def __init__(self, seed, decided):
        super().__init__(seed)
        self.decided = decided

    def prefer(self, *names, names_of=lambda option: (option,)):
        """One of the options, by how rarely their constructs have decided."""
        weights = [(20 + min(self.decided[n] for n in names_of(option))) ** -1.5
                   for option in names]
        return self.choices(names, weights)[0]

    def often(self, chance):
        return self.random() < chance

    def some(self, items, low, high):
        items = list(items)
        return self.sample(items, min(len(items), self.randint(low, high)))


class Documents:
    """One random directory."""

    def __init__(self, dice):
        self.dice = dice
        self.namespaces = [self.namespace(name) for name in NAMESPACES]
        self.gateway = self.make_gateway()
        self.endpoints = []
        for number in range(dice.randint(8, 14)):
            self.endpoints.append(self.endpoint(number))
        self.peers = [self.peer(n) for n in range(dice.randint(1, 2))]
        self.groups = [self.group(n) for n in range(2)]
        self.policies = [self.policy(n) for n in range(dice.randint(3, 9))]

    def files(self):
        head = [self.gateway] + self.namespaces + self.endpoints + self.peers + self.groups
        self.dice.shuffle(head)
        half = len(self.policies) // 2
        return {"10-things.yaml": head, "20-policies.yaml": self.policies[:half] or [None],
                "30-policies.yaml": self.policies[half:] or [None]}

    def all(self):
        return [document for file in self.files().values() for document in file if document]

    # ------------------------------------------------------------ things

    def namespace(self, name):
        labels = {"team": self.dice.choice(("red", "blue"))}
        if self.dice.often(0.7):
            labels["env"] = self.dice.choice(LABELS["env"])
        return {"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": labels}}

    def make_gateway(self):
        dice = self.dice
        enforcement = dice.choices(("default", "always", "never"), (18, 2, 1))[0]
        if dice.often(0.1):
            enforcement = dice.prefer("default", "never", names_of=lambda e: (
                "CIDR IPv4" if e == "default" else "enforcement never",))
        policy = {"enforcement": enforcement}
        if dice.often(0.08):
            policy["audit"] = True
        if dice.often(0.3):
            policy["cidrMatchMode"] = dice.some(("endpoints", "nodes"), 1, 2)
        spec = {"ports": [{"name": "lan0", "role": "inside"}, {"name": "lan1", "role": "inside"},
                          {"name": "wan0", "role": "outside"}], "policy": policy}
        if dice.often(0.5):
            spec["management"] = {
                "ports": dice.some(("22/tcp", "443/tcp", "53/udp"), 1, 2),
                "from": dice.some(("10.1.0.0/24", "198.51.100.64/26", "fd00:1::/64",
                                   "2001:db8:a0a0::/48", "10.9.0.0/16"), 1, 3)}
        if dice.often(0.3):
            spec["denyPrefixes"] = dice.some(("198.51.100.0/25", "10.1.0.4/30",
                                              "2001:db8:a0a0:7::/66"), 1, 2)
        if dice.often(0.2):
            spec["onDeny"] = "reject"
        labels = {"role": "gateway", "site": dice.choice(("lima", "oslo"))}
        return {"apiVersion": "chasqui.io/v1", "kind": "Gateway",
                "metadata": {"name": "gw", "labels": labels}, "spec": spec}

    def labels(self):
        dice = self.dice
        labels = {key: dice.choice(values) for key, values in LABELS.items() if dice.often(0.75)}
        if dice.often(0.25):
            labels["container:zone"] = dice.choice(("z1", "z2"))
        return labels

    def endpoint(self, number):
        dice = self.dice
        labels = self.labels()
        if self.endpoints and dice.often(0.2):
            labels = dict(dice.choice(self.endpoints)["metadata"]["labels"])
        rare = ("init", "health", "ingress", "unmanaged", "kube-apiserver")
        if number < 4:
            name = dice.prefer(*rare, names_of=lambda r: ("reserved:init", "entity init")
                               if r == "init" else ("entity " + r,))
            labels["reserved:" + name] = ""
            if dice.often(0.5):
                labels["reserved:" + dice.choice(rare[1:])] = ""
        spec = {"addresses": [f"10.1.0.{number + 2}", f"fd00:1::{number + 2:x}"]}
        if number % 5 == 4:
            spec = {"prefixes": [f"10.1.7.{(number // 5) * 16}/28", f"fd00:1:7:{number:x}::/64"]}
        elif number % 5 == 3:
            # One inside a prefix that rules name, and inside another gateway's.
            spec["addresses"] += [f"198.51.100.{64 + number}", f"10.9.0.{number + 16}"]
        elif number == 7 and dice.often(0.5):
            # Inside another endpoint's prefix, and around a gateway's.
            spec = {"addresses": ["10.1.7.3"], "prefixes": ["10.9.0.0/20", "fd00:9::/40"]}
        if dice.often(0.3):
            spec["port"] = dice.choice(("lan0", "lan1"))
        if dice.often(0.85):
            spec["namedPorts"] = self.named_ports()
        if dice.often(0.04):
            spec["audit"] = True
        return {"apiVersion": "chasqui.io/v1", "kind": "Endpoint",
                "metadata": {"name": f"e{number}", "namespace": dice.choice(NAMESPACES),
                             "labels": labels}, "spec": spec}

    def named_ports(self):
        chosen = {}
        for name, port, protocol in self.dice.some(NAMED, 1, 4):
            chosen[name] = {"name": name, "port": port, "protocol": protocol}
        return list(chosen.values())

    def peer(self, number):
        key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
        return {"apiVersion": "chasqui.io/v1", "kind": "Peer",
                "metadata": {"name": f"p{number}",
                             "labels": {"role": "gateway", "site": ("oslo", "rome")[number]}},
                "spec": {"publicKey": key[:number] + "B" + key[number + 1:],
                         "endpoint": f"192.0.2.{200 + number}:51820",
                         "prefixes": [f"10.9.{number}.0/24", f"fd00:9:{number}::/48"]}}

    def group(self, number):
        prefixes = self.dice.some(WORLD4 + WORLD6 + INSIDE4, 1, 3)
        prefixes += [p for p in GROUP_BASE if p not in prefixes and self.dice.often(0.6)]
        return {"apiVersion": "cilium.io/" + self.dice.choice(("v2", "v2alpha1")),
                "kind": "CiliumCIDRGroup",
                "metadata": {"name": f"g{number}", "labels": {"set": "ab"[number], "of": "all"}},
                "spec": {"externalCIDRs": prefixes}}

    # ------------------------------------------------------------ policies

    def policy(self, number):
        kind = self.dice.prefer("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy",
                                "NetworkPolicy")
        meta = {"name": f"policy-{number}"}
        if kind != "CiliumClusterwideNetworkPolicy":
            meta["namespace"] = self.dice.choice(NAMESPACES)
        annotations = {}
        if self.dice.often(0.15):
            annotations["chasqui.io/audit"] = "true"
        if self.dice.often(0.1):
            annotations["chasqui.io/on-deny"] = self.dice.choice(("drop", "reject"))
        if annotations:
            meta["annotations"] = annotations
        if kind == "NetworkPolicy":
            return {"apiVersion": "networking.k8s.io/v1", "kind": kind, "metadata": meta,
                    "spec": Kubernetes(self).spec()}
        document = {"apiVersion": "cilium.io/v2", "kind": kind, "metadata": meta}
        cilium = Cilium(self, kind == "CiliumClusterwideNetworkPolicy")
        if self.dice.often(0.1):
            document["specs"] = [cilium.spec() for _ in range(self.dice.randint(1, 3))]
        else:
            document["spec"] = cilium.spec()
        return document

    # ------------------------------------------------------------ pieces of both languages

    def selector(self, prefix="", low=0, high=2):
        """{} at times; else labels that some endpoint has."""
        dice = self.dice
        document = {}
        for _ in range(dice.randint(low, high)):
            key = dice.choice(list(LABELS))
            source = "k8s:" if prefix and dice.often(0.3) else ""
            if prefix and dice.prefer("label source container", "label source k8s",
                                      "matchLabels", "namespace label") == "label source container":
                source, key = "container:", "zone"
            operator = dice.prefer("label", "In", "NotIn", "Exists", "DoesNotExist",
                                   names_of=lambda o: ("matchLabels",) if o == "label"
                                   else ("matchExpressions " + o,))
            values = ("z1", "z2") if key == "zone" else LABELS[key]
            if operator == "label":
                document.setdefault("matchLabels", {})[source + key] = dice.choice(values)
                continue
            expression = {"key": source + key, "operator": operator}
            if operator in ("In", "NotIn"):
                expression["values"] = dice.some(values, 1, 2)
            document.setdefault("matchExpressions", []).append(expression)
        return document

    def prefixes(self, inside=0.15):
        dice = self.dice
        if "cidrMatchMode" in self.gateway["spec"]["policy"]:
            inside = 0.6
        if dice.often(0.06):
            return WIDE
        if dice.often(inside):
            return dice.choice((INSIDE4, INSIDE6))
        return dice.choice((WORLD4, WORLD6))

    def cidr(self):
        return self.dice.choice(self.prefixes())

    def cidr_and_holes(self, inside=0.15):
        """A prefix, and some of those inside it."""
        dice = self.dice
        pool = self.prefixes(inside)
        cidr = ipaddress.ip_network(dice.choice(pool[:4]))
        every = WORLD4 + WORLD6 + INSIDE4 + INSIDE6
        inside = [p for p in every if ipaddress.ip_network(p).version == cidr.version
                  and ipaddress.ip_network(p).subnet_of(cidr) and p != str(cidr)]
        holes = dice.some(inside, 1, 4) if inside and dice.often(0.85) else None
        return str(cidr), holes

    def port(self):
        return self.dice.choice(PORTS)


class Cilium:
    """One spec of a CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy."""

    def __init__(self, documents, clusterwide):
        self.documents, self.dice, self.clusterwide = documents, documents.dice, clusterwide

    def spec(self):
        dice = self.dice
        spec = {}
        if self.clusterwide and dice.often(0.3):
            spec["nodeSelector"] = dice.choice(({}, {"matchLabels": {"role": "gateway"}},
                                                {"matchLabels": {"site": "lima"}}))
        else:
            spec["endpointSelector"] = self.subject()
        for section in self.sections():
            spec[section] = [self.rule(section) for _ in range(dice.randint(1, 3))]
        if dice.often(0.4):
            switch = {d: dice.often(0.5) for d in dice.some(("ingress", "egress"), 1, 2)}
            spec["enableDefaultDeny"] = switch
        if dice.often(0.1):
            spec["description"] = "made by dice: 0x1f \u2713"
        return spec

    def subject(self):
        if self.clusterwide and self.dice.often(0.08):
            return {"matchLabels": {"reserved:" + self.dice.choice(("init", "health")): ""}}
        return self.documents.selector("any")

    def sections(self):
        chosen = self.dice.some(("ingress", "egress", "ingressDeny", "egressDeny"), 1, 3)
        if self.dice.often(0.6) and not any(s in ("ingress", "egress") for s in chosen):
            chosen.append(chosen[0].replace("Deny", ""))
        return chosen

    def rule(self, section):
        dice = self.dice
        if dice.often(0.06):
            return {}
        word = "from" if section.startswith("ingress") else "to"
        constructs = {f"{word}Endpoints": (word + "Endpoints",),
                      f"{word}Endpoints [{{}}]": (word + "Endpoints [{}]",),
                      f"{word}Endpoints []": (word + "Endpoints []",),
                      f"{word}CIDR": (word + "CIDR",),
                      f"{word}CIDRSet": (word + "CIDRSet", word + "CIDRSet except",
                                         "cidrGroupRef", "cidrGroupSelector",
                                         "cidrGroupRef except", "cidrGroupSelector except"),
                      f"{word}Entities": [name for name in EVERY if name.startswith("entity ")],
                      f"{word}Nodes": (word + "Nodes",), "": ("no peers given",)}
        for kind in ("CIDR", "CIDRSet", "Entities", "Nodes"):
            constructs[f"{word}{kind} []"] = (f"{word}{kind} []",)
        field, _, variant = dice.prefer(*constructs, names_of=constructs.get).partition(" ")
        ports = self.ports()
        if not field:
            return ports or {"toPorts": [{"ports": [{"port": "80", "protocol": "TCP"}]}]}
        peers = {"[]": [], "[{}]": [{}]}.get(variant)
        if peers is None:
            peers = self.peers(field[len(word):], word)
        return {field: peers, **ports}

    def peers(self, kind, word):
        dice = self.dice
        if kind == "Endpoints":
            return [self.peer_selector() for _ in range(dice.randint(1, 2))]
        if kind == "CIDR":
            return [self.bare(self.documents.cidr()) for _ in range(dice.randint(1, 3))]
        if kind == "CIDRSet":
            return [self.cidr_set(word) for _ in range(dice.randint(1, 2))]
        if kind == "Nodes":
            return [dice.choice(({}, {"matchLabels": {"role": "gateway"}},
                                 {"matchLabels": {"site": "oslo"}},
                                 {"matchExpressions": [{"key": "site", "operator": "NotIn",
                                                        "values": ["oslo"]}]}))]
        entities = ("world", "world-ipv4", "world-ipv6", "cluster", "host", "remote-node",
                    "kube-apiserver", "init", "ingress", "health", "unmanaged", "none", "all")
        return [dice.prefer(*entities, names_of=lambda e: ("entity " + e,))
                for _ in range(dice.randint(1, 2))]

    def bare(self, cidr):
        """fromCIDR takes an address without a length too."""
        return cidr.split("/")[0] if cidr.endswith(("/32", "/128")) else cidr

    def cidr_selector(self):
        """The world, by the label of a prefix that rules may name."""
        dice = self.dice
        prefix, world = dice.choice([(p, "world-ipv4") for p in WORLD4] +
                                    [(p, "world-ipv6") for p in WORLD6])
        if ":" in prefix:
            prefix = prefix.replace(":", "-").replace("-/", dice.choice(("-/", "-0/")))
        operator = dice.choice(("label", "Exists", "DoesNotExist"))
        if operator == "label":
            return {"matchLabels": {"reserved:" + world: "", "cidr:" + prefix: ""}}
        return {"matchLabels": {"reserved:" + world: ""},
                "matchExpressions": [{"key": "cidr:" + prefix, "operator": operator}]}

    def peer_selector(self):
        dice = self.dice
        kind = dice.prefer("label source reserved", "label source cidr", "namespace label",
                           "namespace labels", "matchLabels")
        if kind == "label source cidr":
            return self.cidr_selector()
        if kind == "label source reserved":
            name = dice.choice(("host", "remote-node", "world-ipv4", "world-ipv6", "health",
                                "init", "kube-apiserver"))
            return {"matchLabels": {"reserved:" + name: ""}}
        selector = self.documents.selector("any", kind == "matchLabels", 1 + dice.often(0.3))
        if kind == "namespace label":
            key = dice.choice(("k8s:", "")) + "io.kubernetes.pod.namespace"
            selector.setdefault("matchLabels", {})[key] = dice.choice(NAMESPACES)
        elif kind == "namespace labels":
            label, values = dice.choice((("env", LABELS["env"]), ("team", ("red", "blue")),
                                         ("kubernetes.io/metadata.name", NAMESPACES)))
            key = dice.choice(("k8s:", "")) + "io.cilium.k8s.namespace.labels." + label
            operator = dice.choice(("In", "NotIn", "Exists", "DoesNotExist"))
            expression = {"key": key, "operator": operator}
            if operator in ("In", "NotIn"):
                expression["values"] = [dice.choice(values)]
            selector.setdefault("matchExpressions", []).append(expression)
        return selector

    def cidr_set(self, word):
        dice = self.dice
        kind = dice.prefer("cidr", "cidrGroupRef", "cidrGroupSelector", names_of=lambda k: (
            (k, k + " except") if k != "cidr" else (word + "CIDRSet", word + "CIDRSet except")))
        if kind == "cidr":
            cidr, holes = self.documents.cidr_and_holes()
            return mapping(cidr=cidr, **{"except": holes})
        holes = dice.some(("198.51.100.64/26", "2001:db8:a0a0:7::/64", "10.1.7.0/24"), 1, 3) \
            if dice.often(0.8) else None
        if kind == "cidrGroupRef":
            return mapping(cidrGroupRef=dice.choice(("g0", "g1")), **{"except": holes})
        selector = dice.choice(({"matchLabels": {"set": "a"}}, {"matchLabels": {"of": "all"}},
                                {"matchExpressions": [{"key": "set", "operator": "NotIn",
                                                       "values": ["a"]}]}))
        return mapping(cidrGroupSelector=selector, **{"except": holes})

    def ports(self):
        dice = self.dice
        draw = dice.random()
        if draw < 0.33:
            return {}
        if draw < 0.35:
            return dice.choice(({"toPorts": [{}]}, {"toPorts": [{"ports": []}]}, {"icmps": [{}]}))
        if draw < 0.55:
            return {"icmps": [{"fields": [self.icmp() for _ in range(dice.randint(1, 3))]}]}
        items = [self.port() for _ in range(dice.randint(1, 4))]
        if dice.often(0.2):
            return {"toPorts": [{"ports": [item]} for item in items]}
        return {"toPorts": [{"ports": items}]}

    def icmp(self):
        dice = self.dice
        family = dice.choice((None, "IPv4", "IPv6"))
        plain = PLAIN_ICMP["icmpv6" if family == "IPv6" else "icmp"]
        number = dice.choice(plain) if dice.often(0.8) else dice.randint(0, 255)
        names = ICMP_TYPES[family or "IPv4"]
        if dice.often(0.5):
            number = dice.choice([n for n, t in names.items() if t in plain]
                                 if dice.often(0.8) else list(names))
        return mapping(family=family, type=number)

    def port(self):
        dice = self.dice
        others = ["protocol " + name.upper() for name in OTHERS]
        kind = dice.prefer("port number", "port range", "port name", "port 0", "other protocol",
                           names_of=lambda k: others if k == "other protocol" else (k,))
        protocol = dice.prefer("TCP", "UDP", "SCTP", "ANY", None,
                               names_of=lambda p: ("protocol " + (p or "ANY"),))
        if kind == "other protocol":
            name = dice.prefer(*OTHERS, names_of=lambda n: ("protocol " + n.upper(),))
            return {"protocol": name.upper(), "port": "0"}
        if kind == "port name":
            name = dice.choice(("http", "dns", "metrics", "sig", "HTTP"))
            return mapping(port=name, protocol=protocol)
        if kind == "port 0":
            return mapping(port="0", protocol=protocol,
                           endPort=dice.choice((1, 80, 1023)) if dice.often(0.2) else None)
        port = self.documents.port()
        if kind == "port number":
            return mapping(port=str(port), protocol=protocol)
        last = min(65535, port + dice.choice((0, 1, 63, 64, 1000, 65535)))
        return mapping(port=str(port), endPort=last, protocol=protocol)


class Kubernetes:
    """The spec of a NetworkPolicy."""

    def __init__(self, documents):
        self.documents, self.dice = documents, documents.dice

    def spec(self):
        dice = self.dice
        types = dice.some(("Ingress", "Egress"), 1, 2)
        spec = {"podSelector": self.documents.selector()}
        for name in types:
            spec[name.lower()] = [self.rule(name) for _ in range(dice.randint(0, 2))]
        if dice.often(0.6):
            spec["policyTypes"] = dice.some(("Ingress", "Egress"), 1, 2)
        return spec

    def rule(self, name):
        dice = self.dice
        rule = {}
        if dice.often(0.75):
            field = "from" if name == "Ingress" else "to"
            rule[field] = [self.peer() for _ in range(dice.randint(1, 3))]
        if dice.often(0.6):
            rule["ports"] = [self.port() for _ in range(dice.randint(1, 3))]
        return rule

    def peer(self):
        dice = self.dice
        blocks = ("ipBlock", "ipBlock over host", "ipBlock over remote", "ipBlock over endpoint")
        kind = dice.prefer("podSelector", "namespaceSelector", "podSelector and namespaceSelector",
                           "ipBlock", names_of=lambda k: blocks if k == "ipBlock" else (k,))
        if kind == "ipBlock":
            cidr, holes = self.documents.cidr_and_holes(0.5)
            return {"ipBlock": mapping(cidr=cidr, **{"except": holes})}
        peer = {}
        if "podSelector" in kind:
            peer["podSelector"] = self.documents.selector()
        if "namespaceSelector" in kind:
            peer["namespaceSelector"] = self.namespace_selector()
        return peer

    def namespace_selector(self):
        dice = self.dice
        draw = dice.random()
        if draw < 0.2:
            return {}
        if draw < 0.5:
            return {"matchLabels": {"kubernetes.io/metadata.name": dice.choice(NAMESPACES)}}
        operator = dice.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        expression = {"key": "env", "operator": operator}
        if operator in ("In", "NotIn"):
            expression["values"] = [dice.choice(LABELS["env"])]
        return {"matchExpressions": [expression]}

    def port(self):
        dice = self.dice
        protocol = dice.choice((None, "TCP", "UDP", "SCTP"))
        kind = dice.prefer("number", "range", "name", "absent",
                           names_of=lambda k: ("NetworkPolicy port " + k,))
        if kind == "absent":
            return mapping(protocol=protocol or "TCP")
        if kind == "name":
            return mapping(port=dice.choice(("http", "dns", "metrics", "sig")), protocol=protocol)
        port = self.documents.port()
        if kind == "number":
            return mapping(port=port, protocol=protocol)
        return mapping(port=port, endPort=min(65535, port + dice.choice((0, 1, 63, 1000))),
                       protocol=protocol)


# ---------------------------------------------------------------- flows

class Flows:
    """Random flows through one directory, with how they arrive."""

    def __init__(self, dice, documents, world):
        self.dice, self.world = dice, world
        self.ports = {f"{d['metadata']['namespace']}/{d['metadata']['name']}":
                      d["spec"].get("port") for d in documents.endpoints}
        self.places = {4: self.pool(4), 6: self.pool(6)}
        self.subjects = {v: [a for pool in self.places[v] for a in pool
                             if world.thing(a).kind in ("endpoint", "host")] for v in (4, 6)}
        self.rules = [(policy, rule) for policy in world.policies for rule in policy.rules]
        self.weights = [self.rarity(policy, rule) for policy, rule in self.rules]

    def rarity(self, policy, rule):
        """How much the rarest construct of this rule needs cases."""
        names = set(rule.constructs) | policy.constructs
        names = names.union(*(p.constructs for p in (rule.peers or []) + (rule.ports or [])))
        names |= {p.construct for p in rule.peers or () if isinstance(p, NobodyPeers)}
        names = names.intersection(EVERY)
        return (20 + min(self.dice.decided[name] for name in names)) ** -1.5

    def pool(self, version):
        """Addresses by what they are: endpoints, host, other gateways, world."""
        endpoints, remote = [], []
        for prefix, thing in self.world.places:
            if prefix.version != version:
                continue
            few = min(prefix.num_addresses, 16)
            (endpoints if thing.kind == "endpoint" else remote).append(
                prefix.network_address + self.dice.randrange(few))
        own = sorted(a for a in self.world.own if a.version == version)
        world = [self.inside(p) for p in (WORLD4, WORLD6)[version == 6] for _ in range(3)]
        strangers = ("8.8.8.8", "100.64.0.9", "10.1.0.200", "10.77.0.1") if version == 4 \
            else ("2606:4700::1111", "fd00:1::ffff", "fd12::1")
        world += [ipaddress.ip_address(a) for a in strangers]
        return [p for p in (endpoints, endpoints, endpoints, own, remote, world, world) if p]

    def inside(self, prefix):
        prefix = ipaddress.ip_network(prefix)
        return prefix.network_address + self.dice.randrange(min(prefix.num_addresses, 1 << 16))

    def one(self):
        """Any flow, or one that a rule speaks of."""
        found = None
        if self.dice.often(0.05):
            found = self.managed()
        elif self.rules and self.dice.often(0.8):
            found = self.spoken_of(*self.dice.choices(self.rules, self.weights)[0])
        if found:
            return found
        version = self.dice.choice((4, 6))
        source, target = self.two(lambda: (self.someone(version), self.someone(version)))
        protocol, number, plain = self.aim(version)
        return Flow(source, target, protocol, number), self.arrival(source) if plain else "none"

    def two(self, draw, tries=50):
        """Both ends; the gateway does not talk to itself here, nor the world to the world."""
        for _ in range(tries):
            source, target = draw()
            kinds = {self.world.thing(a).kind for a in (source, target)}
            if source != target and kinds not in ({"host"}, {"world"}):
                return source, target
        return None

    def someone(self, version):
        return self.dice.choice(self.dice.choice(self.places[version]))

    def managed(self):
        """Somebody who may manage the gateway, or nearly so."""
        ports, prefixes = self.world.management
        version = self.dice.choice((4, 6))
        sources = [a for pool in self.places[version] for a in pool
                   if any(a in prefix for prefix in prefixes) and a not in self.world.own]
        if not sources:
            return None
        source = self.dice.choice(sources)
        target = self.dice.choice(sorted(a for a in self.world.own if a.version == version))
        protocol, number = self.dice.choice(ports)
        return Flow(source, target, protocol, number), self.arrival(source)

    def spoken_of(self, policy, rule):
        """A flow of which this rule says something, if only that it is excepted."""
        dice = self.dice
        version = dice.choice((4, 6))
        subjects = [a for a in self.subjects[version] if policy.selects(self.world.thing(a))]
        if not subjects:
            return None
        subject = dice.choice(subjects)
        peer = self.peer_of(rule, version) or self.someone(version)
        source, target = (subject, peer) if rule.direction == "egress" else (peer, subject)
        protocol, number, plain = self.aim(version)
        if rule.ports:
            protocol, number, plain = self.aim_of(dice.choice(rule.ports), version, target)
        if source == target:
            return None
        return Flow(source, target, protocol, number), self.arrival(source) if plain else "none"

    def peer_of(self, rule, version):
        """An address that the rule matches, by what matches seldom, or one that is kept from it."""
        things = {a: self.world.thing(a) for pool in self.places[version] for a in pool}
        blocked = [a for a, thing in things.items()
                   if any(p.blocked(thing) for p in rule.peers or ())]
        if blocked and self.dice.often(0.6):
            return self.dice.choice(blocked)
        matched = {a: rule.peer_match(thing) for a, thing in things.items()}
        found = [(a, names) for a, names in matched.items() if names is not None]
        if not found:
            return None
        return self.dice.prefer(*found, names_of=lambda f: sorted(EVERY & f[1]) or ("",))[0]

    def aim_of(self, port, version, target):
        dice = self.dice
        if isinstance(port, IcmpType):
            protocol = "icmp" if version == 4 else "icmpv6"
            return protocol, port.number, port.number in PLAIN_ICMP[protocol]
        protocol = dice.choice(port.protocols)
        if protocol in OTHERS:
            return protocol, OTHERS[protocol], protocol in PLAIN_OTHERS
        if port.name:
            named = [(p, n) for name, n, p in self.world.thing(target).named_ports
                     if name == port.name]
            return (*dice.choice(named), True) if named else (protocol, self.aimed_port(), True)
        if port.first is None:
            return protocol, self.aimed_port(), True
        number = dice.choice((port.first, port.last, port.first - 1, port.last + 1,
                              (port.first + port.last) // 2))
        return protocol, max(1, min(65535, number)), True

    def aim(self, version):
        dice = self.dice
        draw = dice.random()
        if draw < 0.72:
            return dice.choice(("tcp", "tcp", "udp", "sctp")), self.aimed_port(), True
        if draw < 0.92:
            protocol = "icmp" if version == 4 else "icmpv6"
            plain = dice.often(0.85)
            number = dice.choice(PLAIN_ICMP[protocol]) if plain else dice.randint(0, 255)
            return protocol, number, number in PLAIN_ICMP[protocol]
        name = dice.choice(list(OTHERS))
        return name, OTHERS[name], name in PLAIN_OTHERS

    def aimed_port(self):
        port = self.dice.choice(PORTS)
        if self.dice.often(0.2):
            port = min(65535, max(1, port + self.dice.choice((-1, 1, 63, 64, 65, 1000))))
        return port

    def arrival(self, source):
        """Where its owner may send from: the checkpoint drops it elsewhere."""
        thing = self.world.thing(source)
        if thing.kind == "host":
            return "host"
        if thing.kind == "remote":
            return "tunnel"
        if thing.kind == "world":
            return self.dice.choice(("wan0", "wan0", "lan0"))
        behind_peer = any(source in prefix for prefix, owner in self.world.places
                          if owner.kind == "remote")
        inside = "tunnel" if behind_peer else self.dice.choice(("lan0", "lan1"))
        return self.ports[thing.name] or inside


class Tally:
    """What has been decided so far, over all batches."""

    def __init__(self):
        self.decided = collections.Counter()
        self.verdicts = collections.Counter()
        self.checkpoint = 0

    def add(self, verdict, arrival):
        self.decided.update(verdict.decided)
        self.verdicts[verdict.combined] += 1
        self.checkpoint += arrival != "none"

    def value(self, combined, decided):
        """How much is won by keeping such a case: rare constructs and verdicts first."""
        rare = sum(max(0, 1 - self.decided[construct] / (2.4 * ENOUGH))
                   for construct in sorted(decided & EVERY))
        wanted = {ALLOW: 0.25, DENY: 0.25, DEFAULT_DENY: 0.2}.get(combined, 0.04)
        total = sum(self.verdicts.values()) + 1
        return 2 * rare + 8 * (wanted - self.verdicts[combined] / total)

    def report(self, out):
        total = sum(self.verdicts.values())
        print(f"{total} cases, {self.checkpoint} of them for the checkpoint too", file=out)
        for verdict, count in self.verdicts.most_common():
            print(f"  {count:6} {verdict} ({100 * count // total} %)", file=out)
        print("cases decided by each construct:", file=out)
        for construct, count in sorted(self.decided.items(), key=lambda item: item[1]):
            print(f"  {count:6} {construct}", file=out)

    def gaps(self, cases):
        """Where the cases are too thin."""
        least = ENOUGH * min(1, cases / 50000)
        thin = [f"{construct} decides {self.decided[construct]}"
                for construct in EVERY_CONSTRUCT if self.decided[construct] < least]
        for verdict in (ALLOW, DENY):
            if self.verdicts[verdict] * 5 < cases:
                thin.append(f"less than a fifth is {verdict}")
        return thin


# Each must decide; the reference evaluator names them.
EVERY_CONSTRUCT = """CiliumNetworkPolicy|CiliumClusterwideNetworkPolicy|NetworkPolicy|specs|\
endpointSelector|endpointSelector {}|nodeSelector|subject matchLabels|\
subject matchExpressions In|subject matchExpressions NotIn|subject matchExpressions Exists|\
subject matchExpressions DoesNotExist|ingress|egress|ingressDeny|egressDeny|fromEndpoints|\
toEndpoints|fromEndpoints [{}]|toEndpoints [{}]|fromEndpoints []|toEndpoints []|rule {}|\
matchLabels|matchExpressions In|matchExpressions NotIn|matchExpressions Exists|\
matchExpressions DoesNotExist|label source k8s|label source container|label source reserved|\
label source cidr|namespace label|namespace labels|fromCIDR|toCIDR|fromCIDRSet|toCIDRSet|fromCIDRSet except|\
toCIDRSet except|CIDR IPv4|CIDR IPv6|cidrGroupRef|cidrGroupSelector|cidrGroupRef except|\
cidrGroupSelector except|entity all|entity world|entity world-ipv4|entity world-ipv6|\
entity cluster|entity host|entity remote-node|entity kube-apiserver|entity init|entity ingress|\
entity health|entity unmanaged|entity none|list without ports|fromNodes|toNodes|port number|port range|port name|\
port 0|protocol TCP|protocol UDP|protocol SCTP|protocol ANY|other protocol|icmp type number|\
icmp type name|icmps IPv4|icmps IPv6|no ports given|no peers given|enableDefaultDeny true|\
cidrMatchMode endpoints|cidrMatchMode nodes|\
enableDefaultDeny false|enforcement always|enforcement never|reserved:init|management|\
audit gateway|audit endpoint|audit policy|policyTypes|NetworkPolicy ingress|\
NetworkPolicy egress|NetworkPolicy empty rule|podSelector|namespaceSelector|\
podSelector and namespaceSelector|ipBlock|ipBlock except|ipBlock over endpoint|\
ipBlock over host|ipBlock over remote|fromCIDR []|toCIDR []|fromCIDRSet []|toCIDRSet []|\
fromEntities []|toEntities []|fromNodes []|toNodes []|protocol GRE|protocol ESP|protocol AH|\
protocol IGMP|protocol IPIP|protocol IPV6|protocol VRRP|subject label source k8s|\
subject label source container|subject label source reserved|\
NetworkPolicy port number|NetworkPolicy port range|NetworkPolicy port name|\
NetworkPolicy port absent""".split("|")
EVERY = frozenset(EVERY_CONSTRUCT)


def one_batch(directory, seed, tally):
    dice = Dice(seed, tally.decided)
    documents = Documents(dice)
    every = documents.all()
    world = World(every, OWN)
    flows = Flows(dice, documents, world)
    tried = collections.defaultdict(list)
    for _ in range(FLOWS_TRIED):
        flow, arrival = flows.one()
        verdict = world.verdict(flow)
        tried[verdict.combined, verdict.decided].append((flow, arrival, verdict))
    lines = []
    for _ in range(FLOWS_KEPT):
        best = max(tried, key=lambda alike: tally.value(*alike))
        flow, arrival, verdict = tried[best].pop()
        if not tried[best]:
            del tried[best]
        tally.add(verdict, arrival)
        lines.append(batch.flow_line(flow, arrival, verdict.combined, verdict))
    batch.write(directory, documents.files(), OWN, lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("--cases", type=int, default=50000)
    parser.add_argument("--seed", default="20000")
    parser.add_argument("--thin-is-fine", action="store_true",
                        help="do not ask how much each construct decides")
    options = parser.parse_args()
    tally = Tally()
    number = 0
    while sum(tally.verdicts.values()) < options.cases:
        directory = os.path.join(options.directory, f"batch-{number:05}")
        try:
            one_batch(directory, f"{options.seed}-{number}", tally)
        except Refused as error:
            sys.exit(f"batch {number}: the reference refuses its own documents: {error}")
        number += 1
    tally.report(sys.stdout)
    thin = [] if options.thin_is_fine else tally.gaps(options.cases)
    for gap in thin:
        print(f"too thin: {gap}")
    return 1 if thin else 0


if __name__ == "__main__":
    sys.exit(main())
