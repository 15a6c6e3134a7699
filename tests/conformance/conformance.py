#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""
Reads the conformance cases (policies, endpoints, flow, expected verdict) from
the directory named first, says where the reference evaluator differs, and
writes each case as a batch below the directory named second.

How a case's words become our documents:
  endpoints        Endpoint documents; without an address they get one of 100.64/16 and fd64::/64
  node: true       the gateway itself, with these labels
  {cidr: X}        the first address of X
  {entity: host}   the gateway's own address; remote-node and kube-apiserver: a Peer's
                   prefix (kube-apiserver carries both labels, as identity 7 does);
                   world: an address that nobody names; all others: an Endpoint
                   with the reserved label
  enforcement      policy.enforcement of the Gateway document
  allow-localhost  always: a clusterwide rule that lets the host in and closes nothing
"""
import ipaddress
import os
import sys

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "property"))
import batch                                        # noqa: E402
from reference import Flow, Refused, World          # noqa: E402

OWN = ("100.127.0.1", "fd7f::1")
REMOTE = {"remote-node": ("100.126.0.1", "fd7e::1"), "kube-apiserver": ("100.125.0.1", "fd7d::1")}
WORLD = ("203.0.113.77", "2001:db8:ffff::77")
ENTITY = ("100.124.0.1", "fd7c::1")
NAMESPACE = "k8s:io.kubernetes.pod.namespace"

# What needs more than layers 3 and 4; refused by this name.
UNSERVED = ("toFQDNs", "toServices", "authentication", "http", "dns")


class Case:
    def __init__(self, case):
        self.case = case
        self.addresses = {}
        self.documents = list(case["policies"])
        self.namespaces()
        self.endpoints()
        self.gateway()
        self.peers()
        flow = case["flow"]
        protocol = flow["proto"].lower()
        families = [self.family(flow[end]) for end in ("from", "to")]
        self.version = 6 if protocol == "icmpv6" or 6 in families else 4
        number = flow.get("icmpType", flow["port"])
        self.flow = Flow(self.address(flow["from"]), self.address(flow["to"]), protocol, number,
                         flow["direction"] in ("egress", "both"),
                         flow["direction"] in ("ingress", "both"))

    def namespaces(self):
        for name, labels in (self.case.get("namespaces") or {}).items():
            self.documents.append({"apiVersion": "v1", "kind": "Namespace",
                                   "metadata": {"name": name, "labels": labels or {}}})

    def endpoints(self):
        self.node_labels = {}
        for number, (name, endpoint) in enumerate(self.case["endpoints"].items(), 1):
            labels = dict(label.partition("=")[::2] for label in endpoint["labels"])
            if endpoint.get("node"):
                self.node_labels = labels
                self.addresses[name] = OWN
                continue
            address = endpoint.get("ip")
            if address and ipaddress.ip_address(address).version == 4:
                self.addresses[name] = (address, f"fd64::{number:x}")
            elif address:
                self.addresses[name] = (f"100.64.0.{number}", address)
            else:
                self.addresses[name] = (f"100.64.0.{number}", f"fd64::{number:x}")
            self.add_endpoint(f"e{number}", labels, self.addresses[name],
                              endpoint.get("namedPorts") or {})

    def add_endpoint(self, name, labels, addresses, named_ports):
        labels = dict(labels)
        namespace = labels.pop(NAMESPACE, "default")
        ports = [{"name": n, "port": int(p.split("/")[0]), "protocol": p.split("/")[1]}
                 for n, p in named_ports.items()]
        self.documents.append({
            "apiVersion": "chasqui.io/v1", "kind": "Endpoint",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"addresses": list(addresses), **({"namedPorts": ports} if ports else {})}})

    def gateway(self):
        options = self.case.get("options") or {}
        spec = {"ports": [{"name": "lan0", "role": "inside"}, {"name": "wan0", "role": "outside"}]}
        if "enforcement" in options:
            spec["policy"] = {"enforcement": options["enforcement"]}
        self.documents.append({"apiVersion": "chasqui.io/v1", "kind": "Gateway",
                               "metadata": {"name": "gateway", "labels": self.node_labels},
                               "spec": spec})
        if options.get("allow-localhost") == "always":
            self.documents.append({
                "apiVersion": "cilium.io/v2", "kind": "CiliumClusterwideNetworkPolicy",
                "metadata": {"name": "allow-localhost"},
                "spec": {"endpointSelector": {}, "enableDefaultDeny": {"ingress": False},
                         "ingress": [{"fromEntities": ["host"]}]}})

    def peers(self):
        for number, (name, addresses) in enumerate(REMOTE.items()):
            labels = {"reserved:" + name: ""} if name != "remote-node" else {}
            self.documents.append({
                "apiVersion": "chasqui.io/v1", "kind": "Peer",
                "metadata": {"name": name, "labels": labels},
                "spec": {"publicKey": "A" * 42 + "048AEIMQUYcgkosw"[number] + "=",
                         "endpoint": f"192.0.2.{number + 1}:51820",
                         "prefixes": [addresses[0] + "/32", addresses[1] + "/128"]}})
        for end in ("from", "to"):
            entity = self.case["flow"][end].get("entity")
            if entity and entity not in REMOTE and not entity.startswith("world") \
                    and entity != "host":
                self.add_endpoint("entity-" + entity, {"reserved:" + entity: ""}, ENTITY, {})

    @staticmethod
    def first(prefix):
        return ipaddress.ip_network(prefix, strict=False).network_address \
            if "/" in prefix else ipaddress.ip_address(prefix)

    def family(self, end):
        if "cidr" in end:
            return self.first(end["cidr"]).version
        return {"world-ipv4": 4, "world-ipv6": 6}.get(end.get("entity"))

    def address(self, end):
        if "cidr" in end:
            return str(self.first(end["cidr"]))
        if "endpoint" in end:
            pair = self.addresses[end["endpoint"]]
        elif end["entity"].startswith("world"):
            pair = WORLD
        elif end["entity"] == "host":
            pair = OWN
        else:
            pair = REMOTE.get(end["entity"], ENTITY)
        return pair[self.version == 6]


def unserved(value):
    """The first field that needs more than layers 3 and 4."""
    if isinstance(value, dict):
        for key, below in value.items():
            if key in UNSERVED:
                return key
            found = unserved(below)
            if found:
                return found
    if isinstance(value, list):
        return next(filter(None, map(unserved, value)), None)
    return None


def check_reference(case, refused):
    """None, or how the reference differs from the case."""
    try:
        verdict = World(case.documents, OWN).verdict(case.flow)
    except Refused as error:
        return None if refused else f"refuses {error}"
    if refused:
        return f"does not refuse {refused}"
    passes = case.case["expect"] == "allow"
    if verdict.passes != passes:
        return f"says {verdict.combined}, expected {case.case['expect']}"
    return None


def write_case(directory, case, refused):
    expect = "pass" if case.case["expect"] == "allow" else "drop"
    line = batch.flow_line(case.flow, "none", expect, note=case.case["name"])
    batch.write(directory, {"all.yaml": case.documents}, OWN, [line], refused)


def write_invalid(directory, invalid):
    differs = 0
    for number, item in enumerate(invalid):
        try:
            World(item["policies"])
            print(f"reference: {item['name']}: not refused")
            differs += 1
        except Refused:
            pass
        batch.write(os.path.join(directory, f"invalid-{number:04}"), {"all.yaml": item["policies"]},
                    [], [], "")
    return differs


def main():
    source, target = sys.argv[1:3]
    differs, total, layer7 = 0, 0, 0
    for kind in ("cilium_policy", "k8s_netpol"):
        with open(os.path.join(source, kind + "_cases.yaml"), encoding="utf-8") as text:
            cases = yaml.load(text, Loader=yaml.CSafeLoader)
        for number, item in enumerate(cases):
            case = Case(item)
            refused = unserved(item["policies"])
            wrong = check_reference(case, refused)
            if wrong:
                print(f"reference: {item['name']}: {wrong}")
                differs += 1
            write_case(os.path.join(target, f"{kind}-{number:04}"), case, refused)
            total += 1
            layer7 += bool(refused)
    with open(os.path.join(source, "cilium_policy_invalid.yaml"), encoding="utf-8") as text:
        invalid = yaml.load(text, Loader=yaml.CSafeLoader)
    differs += write_invalid(target, invalid)
    print(f"reference: {total} cases, {layer7} of them refused by name, "
          f"{len(invalid)} invalid policies, {differs} differences")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
