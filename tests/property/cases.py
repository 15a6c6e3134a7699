#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""
cases.py DIRECTORY

Reads the named cases (cases/*.yaml), says where the reference evaluator differs,
and writes each as a batch below DIRECTORY, for tables and checkpoint.

A case:
    name, rule   what it shows, and the sentence of the language that it checks
    cnp, np      a spec, or a list of them, in the namespace shop; ccnp: of no namespace
    documents    further documents, whole
    gateway      what the Gateway's spec says besides
    flows        `web -> db tcp/5432: allow`; ends are names of cases/cast.yaml, host,
                 world, remote, or addresses; icmp/8 and icmpv6/128 are types, gre/0 a protocol;
                 with `egress` or `ingress` behind it, only that end's policies are asked
    refused      instead of flows: a word that the refusal must hold
"""
import copy
import glob
import ipaddress
import os
import sys

import yaml

import batch
from reference import OTHER_PROTOCOLS, Flow, Refused, World

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases")
OWN = ("10.1.0.1", "fd00:1::1")
NAMED = {"host": OWN, "world": ("198.51.100.7", "2001:db8:a0a0::7"),
         "remote": ("10.9.0.7", "fd00:9::7"), "fleet": ("10.1.7.1", "fd00:1:7::1")}
KINDS = {"cnp": ("cilium.io/v2", "CiliumNetworkPolicy", "shop"),
         "ccnp": ("cilium.io/v2", "CiliumClusterwideNetworkPolicy", None),
         "np": ("networking.k8s.io/v1", "NetworkPolicy", "shop")}
# Others are neighbour discovery or errors, which the checkpoint judges by more than policy.
PLAIN_ICMP = {"icmp": (8, 13, 42), "icmpv6": (128, 139)}
FIELDS = {"name", "rule", "documents", "gateway", "flows", "refused", "audit", *KINDS}


def load(path):
    with open(path, encoding="utf-8") as text:
        return list(yaml.load_all(text, Loader=yaml.CSafeLoader))


class Case:
    def __init__(self, case, cast):
        unknown = set(case) - FIELDS
        if unknown or not {"name", "rule"} <= set(case):
            sys.exit(f"{case.get('name')}: not a case: {unknown}")
        self.case = case
        self.documents = copy.deepcopy(cast)
        gateway = next(d for d in self.documents if d["kind"] == "Gateway")
        gateway["spec"].update(case.get("gateway") or {})
        self.documents += case.get("documents") or []
        for word, (version, kind, namespace) in KINDS.items():
            specs = case.get(word) or []
            for number, spec in enumerate(specs if isinstance(specs, list) else [specs]):
                self.add_policy(f"{word}-{number}", version, kind, namespace, spec)
        self.named = dict(NAMED)
        for document in self.documents:
            if document["kind"] == "Endpoint" and document["spec"].get("addresses"):
                self.named[document["metadata"]["name"]] = document["spec"]["addresses"]

    def add_policy(self, name, version, kind, namespace, spec):
        meta = {"name": name}
        if namespace:
            meta["namespace"] = namespace
        if name in (self.case.get("audit") or []):
            meta["annotations"] = {"chasqui.io/audit": "true"}
        self.documents.append({"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec})

    def flows(self):
        for item in self.case["flows"]:
            (words, expected), = item.items()
            source, arrow, target, aim, *asked = words.split()
            if arrow != "->":
                sys.exit(f"{self.case['name']}: not a flow: {words}")
            protocol, number = aim.split("/")
            number = OTHER_PROTOCOLS.get(protocol, int(number))
            version = self.version(source, target, protocol)
            flow = Flow(self.address(source, version), self.address(target, version), protocol,
                        number, "ingress" not in asked, "egress" not in asked)
            yield words, flow, expected

    def version(self, source, target, protocol):
        literal = [ipaddress.ip_address(end).version for end in (source, target)
                   if end not in self.named]
        return literal[0] if literal else 6 if protocol == "icmpv6" else 4

    def address(self, end, version):
        if end not in self.named:
            return end
        return next(a for a in self.named[end] if ipaddress.ip_address(a).version == version)

    def arrival(self, world, flow):
        plain = PLAIN_ICMP.get(flow.protocol)
        if (plain and flow.aim not in plain) or not (flow.egress and flow.ingress):
            return "none"
        kind = world.thing(flow.source).kind
        if any(flow.source in prefix for prefix, owner in world.places if owner.kind == "remote"):
            kind = "remote"
        return {"host": "host", "remote": "tunnel", "world": "wan0"}.get(kind, "lan0")


def run(case, directory):
    """Number of flows on which the reference differs."""
    refused = case.case.get("refused")
    try:
        world = World(case.documents, OWN)
    except Refused as error:
        batch.write(directory, {"all.yaml": case.documents}, OWN, [], refused or "")
        if refused is None:
            print(f"reference: {case.case['name']}: refuses: {error}")
            return 1
        return 0
    if refused is not None:
        print(f"reference: {case.case['name']}: does not refuse")
        return 1
    lines, differs = [], 0
    for words, flow, expected in case.flows():
        verdict = world.verdict(flow)
        if verdict.combined != expected:
            print(f"reference: {case.case['name']}: {words}: {verdict.combined}, not {expected}")
            differs += 1
        lines.append(batch.flow_line(flow, case.arrival(world, flow), expected, verdict,
                                     f"{words}: {case.case['name']}"))
    batch.write(directory, {"all.yaml": case.documents}, OWN, lines)
    return differs


def main():
    directory = sys.argv[1]
    cast = load(os.path.join(HERE, "cast.yaml"))
    count, differs, names = 0, 0, set()
    for path in sorted(glob.glob(os.path.join(HERE, "*.yaml"))):
        if path.endswith("cast.yaml"):
            continue
        stem = os.path.basename(path)[:-len(".yaml")]
        for number, item in enumerate(load(path)[0]):
            if item["name"] in names:
                sys.exit(f"{path}: a second case {item['name']}")
            names.add(item["name"])
            differs += run(Case(item, cast), os.path.join(directory, f"{stem}-{number:03}"))
            count += 1
    print(f"reference: {count} named cases, {differs} differences")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
