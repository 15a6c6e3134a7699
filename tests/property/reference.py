# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""
What the policy documents mean: plain, slow, and written from the published
rules of the language (Cilium's policy reference, Kubernetes' NetworkPolicy) and
the project's own documents. It shares nothing with the compiler, the reading of
YAML included, so that the two can be held against each other.

    world = World(documents, own=["10.0.0.1"])
    world.verdict(Flow("10.1.0.5", "10.2.0.6", "tcp", 443))
        -> Verdict with .egress, .ingress and .combined

Every document is evaluated anew for every flow; nothing is precomputed but the
parsed form. `decided` names the constructs of the language that gave the verdict.
"""
import ipaddress
import itertools

ALLOW, NO_POLICY, MANAGEMENT = "allow", "no-policy", "management"
DENY, DEFAULT_DENY = "deny-explicit", "deny-default"
DROPS = (DENY, DEFAULT_DENY)

NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."


class Refused(Exception):
    """The document asks for what this gateway does not serve, or makes no sense."""


class Flow:
    """A packet that opens a flow. `aim` is a port, an ICMP type, or None."""

    def __init__(self, source, target, protocol, aim=None, egress=True, ingress=True):
        self.source = ipaddress.ip_address(source)
        self.target = ipaddress.ip_address(target)
        self.protocol = protocol
        self.aim = aim
        self.egress, self.ingress = egress, ingress


class Side:
    """What one end's policies say in one direction, and the policy of each rule behind it."""

    def __init__(self, verdict, audit=False, decided=(), rules=()):
        self.verdict, self.audit, self.decided = verdict, audit, frozenset(decided)
        self.rules = list(rules)

    @property
    def drops(self):
        return self.verdict in DROPS and not self.audit


class Verdict:
    def __init__(self, egress, ingress):
        self.egress, self.ingress = egress, ingress
        self.sides = [side for side in (egress, ingress) if side]
        self.combined = self.combine()
        self.decided = self.deciding()

    def combine(self):
        """The first real drop, else audit, management, allow, no-policy in this order."""
        for side in self.sides:
            if side.drops:
                return side.verdict
        if any(side.verdict in DROPS for side in self.sides):
            return "audit"
        for verdict in (MANAGEMENT, ALLOW):
            if any(side.verdict == verdict for side in self.sides):
                return verdict
        return NO_POLICY

    @property
    def passes(self):
        return self.combined not in DROPS

    def deciding(self):
        """Constructs behind the combined verdict."""
        for side in self.sides:
            if side.drops:
                return side.decided
        return frozenset().union(*(side.decided for side in self.sides))


# ---------------------------------------------------------------- labels

def label_key(text, source):
    """`source:key`, `reserved.key`, `$key` or `key` -> (source, key)."""
    if source == "any" and text.startswith("$"):
        return "reserved", text[1:]
    if ":" not in text and source == "any" and text.startswith("reserved."):
        return "reserved", text[len("reserved."):]
    if ":" in text:
        prefix, key = text.split(":", 1)
        return prefix or source, key
    return source, text


def label_prefix(key):
    """The prefix of a label cidr:PREFIX, or None; a - stands for each colon."""
    try:
        return ipaddress.ip_network(key.replace("-", ":"), strict=False) if "/" in key else None
    except ValueError:
        return None


def inside(key, wide):
    """A prefix has the key of each prefix around it."""
    inner, outer = label_prefix(key), label_prefix(wide)
    if not inner or not outer or inner.version != outer.version:
        return key == wide
    return inner.subnet_of(outer)


class Requirement:
    def __init__(self, key, operator, values, source, construct):
        self.source, self.key = label_key(key, source)
        self.operator, self.values = operator, values
        self.construct = construct

    def values_in(self, labels):
        if self.source == "cidr":
            return [value for (source, key), value in labels.items()
                    if source == "cidr" and inside(key, self.key)]
        return [value for (source, key), value in labels.items()
                if key == self.key and self.source in ("any", source)]

    def matches(self, labels):
        found = self.values_in(labels)
        if self.operator == "In":
            return any(value in self.values for value in found)
        if self.operator == "NotIn":
            return not any(value in self.values for value in found)
        if self.operator == "Exists":
            return bool(found)
        return not found


class Selector:
    """All requirements must hold; none at all matches everything."""

    def __init__(self, document, source="any", prefix=""):
        document = document or {}
        known(document, "matchLabels", "matchExpressions")
        self.requirements = [
            Requirement(prefix + key, "In", [text(value)], source, "matchLabels")
            for key, value in (document.get("matchLabels") or {}).items()]
        for expression in document.get("matchExpressions") or []:
            known(expression, "key", "operator", "values")
            operator = expression["operator"]
            values = [text(value) for value in expression.get("values") or []]
            if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
                raise Refused(f"operator {operator}")
            if bool(values) != (operator in ("In", "NotIn")):
                raise Refused(f"operator {operator} with {len(values)} values")
            self.requirements.append(
                Requirement(prefix + expression["key"], operator, values, source,
                            "matchExpressions " + operator))

    def require(self, key, operator, values=(), source="any"):
        self.requirements.append(Requirement(key, operator, list(values), source, None))

    def names(self, key):
        return any(r.key == key and r.source in ("k8s", "any") for r in self.requirements)

    def names_below(self, prefix):
        return any(r.key.startswith(prefix) and r.source in ("k8s", "any")
                   for r in self.requirements)

    def names_source(self, source):
        return any(r.source == source for r in self.requirements)

    def matches(self, labels):
        return all(requirement.matches(labels) for requirement in self.requirements)

    @property
    def constructs(self):
        found = {r.construct for r in self.requirements if r.construct}
        found |= {"label source " + r.source for r in self.requirements
                  if r.construct and r.source != "any"}
        if self.names_below(NAMESPACE_LABELS):
            found.add("namespace labels")
        if any(r.construct and r.key == NAMESPACE for r in self.requirements):
            found.add("namespace label")
        return found


def text(value):
    if value is True or value is False:
        return "true" if value else "false"
    return "" if value is None else str(value)


def known(document, *names):
    for name in document:
        if name not in names:
            raise Refused(f"field {name}")


# ---------------------------------------------------------------- who is who

class Thing:
    """What an address is: an endpoint, the gateway, another gateway's, or the world."""

    def __init__(self, kind, labels, address=None, named_ports=(), audit=False, name=None):
        self.kind, self.labels, self.address = kind, labels, address
        self.named_ports, self.audit, self.name = list(named_ports), audit, name

    def reserved(self, name):
        return ("reserved", name) in self.labels

    def at(self, address):
        return Thing(self.kind, self.labels, address, self.named_ports, self.audit, self.name)


def world_at(address, named):
    """Besides its family: the longest prefix around it that a rule names, if it is not all."""
    family = "world-ipv4" if address.version == 4 else "world-ipv6"
    labels = {("reserved", family): ""}
    around = [prefix for prefix in named if address in prefix and prefix.prefixlen]
    if around:
        longest = max(around, key=lambda prefix: prefix.prefixlen)
        labels["cidr", str(longest).replace(":", "-")] = ""
    return Thing("world", labels, address)


# ---------------------------------------------------------------- peers

class Peers:
    """One way to say who. `blocked` names what alone kept it from matching."""

    constructs = frozenset()

    def matches(self, thing):
        raise NotImplementedError

    def used(self, thing):
        """The constructs by which it matches."""
        return self.constructs

    def blocked(self, thing):
        return frozenset()


class SelectorPeers(Peers):
    def __init__(self, selector, construct, kinds=None):
        self.selector, self.kinds = selector, kinds
        self.constructs = selector.constructs | {construct}

    def matches(self, thing):
        if self.kinds and thing.kind not in self.kinds:
            return False
        return self.selector.matches(thing.labels)


class CidrPeers(Peers):
    def __init__(self, prefix, excepts, construct, kinds):
        self.prefix, self.excepts, self.kinds = prefix, excepts, kinds
        self.constructs = {construct, f"CIDR IPv{prefix.version}"}
        self.construct = construct

    def used(self, thing):
        if thing.kind == "world":
            return self.constructs
        if self.construct == "ipBlock":
            return self.constructs | {f"ipBlock over {thing.kind}"}
        mode = "endpoints" if thing.kind == "endpoint" else "nodes"
        return self.constructs | {"cidrMatchMode " + mode}

    def inside(self, thing):
        return thing.kind in self.kinds and thing.address in self.prefix

    def excepted(self, thing):
        return any(thing.address in hole for hole in self.excepts)

    def matches(self, thing):
        return self.inside(thing) and not self.excepted(thing)

    def blocked(self, thing):
        if self.inside(thing) and self.excepted(thing):
            return frozenset([self.construct + " except"])
        return frozenset()


ENTITIES = ("all", "world", "world-ipv4", "world-ipv6", "cluster", "host", "remote-node",
            "kube-apiserver", "init", "ingress", "health", "unmanaged", "none")


class EntityPeers(Peers):
    def __init__(self, entity):
        if entity not in ENTITIES:
            raise Refused(f"entity {entity}")
        self.entity = entity
        self.constructs = {"entity " + entity}

    def matches(self, thing):
        if self.entity == "all":
            return True
        if self.entity == "none":
            return False
        if self.entity == "world":
            return any(thing.reserved(n) for n in ("world", "world-ipv4", "world-ipv6"))
        if self.entity == "cluster":
            return thing.kind != "world"
        return thing.reserved(self.entity)

    def blocked(self, thing):
        return frozenset(["entity none"]) if self.entity == "none" else frozenset()


class NobodyPeers(Peers):
    """An empty list selects nobody; so does a rule with nothing in it."""

    def __init__(self, construct):
        self.construct = construct

    def matches(self, thing):
        return False

    def blocked(self, thing):
        return frozenset([self.construct])


# ---------------------------------------------------------------- ports

PROTOCOLS = ("tcp", "udp", "sctp")
OTHER_PROTOCOLS = {"igmp": 2, "ipip": 4, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51, "vrrp": 112}

ICMP_TYPES = {
    "IPv4": {"EchoReply": 0, "DestinationUnreachable": 3, "Redirect": 5, "Echo": 8,
             "EchoRequest": 8, "RouterAdvertisement": 9, "RouterSelection": 10,
             "TimeExceeded": 11, "ParameterProblem": 12, "Timestamp": 13, "TimestampReply": 14,
             "Photuris": 40, "ExtendedEchoRequest": 42, "ExtendedEchoReply": 43},
    "IPv6": {"DestinationUnreachable": 1, "PacketTooBig": 2, "TimeExceeded": 3,
             "ParameterProblem": 4, "EchoRequest": 128, "EchoReply": 129,
             "MulticastListenerQuery": 130, "MulticastListenerReport": 131,
             "MulticastListenerDone": 132, "RouterSolicitation": 133,
             "RouterAdvertisement": 134, "NeighborSolicitation": 135,
             "NeighborAdvertisement": 136, "RedirectMessage": 137, "RouterRenumbering": 138,
             "ICMPNodeInformationQuery": 139, "ICMPNodeInformationResponse": 140,
             "InverseNeighborDiscoverySolicitation": 141,
             "InverseNeighborDiscoveryAdvertisement": 142,
             "HomeAgentAddressDiscoveryRequest": 144, "HomeAgentAddressDiscoveryReply": 145,
             "MobilePrefixSolicitation": 146, "MobilePrefixAdvertisement": 147,
             "DuplicateAddressRequestCodeSuffix": 157,
             "DuplicateAddressConfirmationCodeSuffix": 158, "ExtendedEchoRequest": 160,
             "ExtendedEchoReply": 161},
}


class Ports:
    """A port, a range, a name, or all of a protocol (first is None)."""

    def __init__(self, protocols, first=None, last=None, name=None, construct=""):
        self.protocols, self.first, self.last, self.name = protocols, first, last, name
        self.constructs = {construct}
        if len(protocols) == 3:
            self.constructs.add("protocol ANY")
        else:
            self.constructs |= {"protocol " + p.upper() for p in protocols}

    def matches(self, flow, target):
        if flow.protocol not in self.protocols:
            return False
        if self.name:
            return any(name == self.name and port == flow.aim and protocol == flow.protocol
                       for name, port, protocol in target.named_ports)
        return self.first is None or self.first <= flow.aim <= self.last


class IcmpType:
    def __init__(self, family, number, construct):
        self.protocol = "icmp" if family == "IPv4" else "icmpv6"
        self.number, self.constructs = number, {construct, "icmps " + family}

    def matches(self, flow, target):
        return flow.protocol == self.protocol and flow.aim == self.number


def cilium_port(document):
    known(document, "port", "endPort", "protocol")
    protocol = text(document.get("protocol") or "ANY").lower()
    port = text(document.get("port"))
    if protocol in OTHER_PROTOCOLS:
        if port not in ("", "0"):
            raise Refused(f"port {port} with protocol {protocol}")
        return Ports((protocol,), construct="other protocol")
    if protocol not in PROTOCOLS + ("any",):
        raise Refused(f"protocol {protocol}")
    protocols = PROTOCOLS if protocol == "any" else (protocol,)
    if port == "":
        raise Refused("port must be given")
    if not port.isdigit():
        return Ports(protocols, name=port.lower(), construct="port name")
    first = int(port)
    if first > 65535 or port != str(first):
        raise Refused(f"port {port}")
    last = int(document.get("endPort") or 0)
    if first == 0 and last == 0:
        return Ports(protocols, construct="port 0")
    if last > first:
        return Ports(protocols, first, last, construct="port range")
    return Ports(protocols, first, first, construct="port number")


def cilium_ports(rule):
    """None: everything, ICMP too. Else the list of which one must match."""
    if rule.get("toPorts") and rule.get("icmps"):
        raise Refused("icmps with toPorts")
    found = []
    for item in rule.get("toPorts") or []:
        for layer7 in ("rules", "listener", "serverNames", "terminatingTLS", "originatingTLS"):
            if item.get(layer7):
                raise Refused(layer7)
        known(item, "ports", "rules")
        if len(item.get("ports") or []) > 40:
            raise Refused("more than 40 ports")
        found += [cilium_port(port) for port in item.get("ports") or []]
    for item in rule.get("icmps") or []:
        known(item, "fields")
        if len(item.get("fields") or []) > 40:
            raise Refused("more than 40 ICMP types")
        found += [icmp_type(field) for field in item.get("fields") or []]
    return found if rule.get("toPorts") or rule.get("icmps") else None


def icmp_type(field):
    known(field, "family", "type")
    family = field.get("family") or "IPv4"
    if family not in ICMP_TYPES:
        raise Refused(f"family {family}")
    number = text(field["type"])
    if number.isdigit():
        return IcmpType(family, int(number), "icmp type number")
    if number not in ICMP_TYPES[family]:
        raise Refused(f"ICMP type {number}")
    return IcmpType(family, ICMP_TYPES[family][number], "icmp type name")


# ---------------------------------------------------------------- rules and policies

class Rule:
    def __init__(self, direction, deny, peers, ports, constructs):
        self.direction, self.deny = direction, deny
        self.peers = peers      # None: everybody, the world too
        self.ports = ports      # None: everything
        self.constructs = set(constructs)

    def peer_match(self, peer):
        """Constructs of the peers that match, or None."""
        if self.peers is None:
            return {"no peers given"} if self.ports is not None else set()
        matching = [p for p in self.peers if p.matches(peer)]
        return set().union(*(p.used(peer) for p in matching)) if matching else None

    def port_match(self, flow, target):
        if self.ports is None:
            return {"no ports given"}
        matching = [p for p in self.ports if p.matches(flow, target)]
        return set().union(*(p.constructs for p in matching)) if matching else None

    def match(self, flow, peer, target):
        who, what = self.peer_match(peer), self.port_match(flow, target)
        if who is None or what is None:
            return None
        return who | what | self.constructs

    def blocked(self, flow, peer, target):
        """What alone kept this rule from matching: `except`, an empty list, entity none, no port."""
        if self.ports == [] and self.peer_match(peer) is not None:
            return frozenset(["list without ports"])
        if not self.peers or self.peer_match(peer) is not None:
            return frozenset()
        if self.port_match(flow, target) is None:
            return frozenset()
        return frozenset().union(*(p.blocked(peer) for p in self.peers))


class Policy:
    def __init__(self, document, selects_nodes, subject, rules, default_deny, constructs):
        meta = document.get("metadata") or {}
        self.kind = document["kind"]
        self.name = f"{meta.get('namespace', '')}/{meta.get('name')}"
        self.selects_nodes, self.subject, self.rules = selects_nodes, subject, rules
        self.default_deny = default_deny    # direction -> True, False; absent: no say
        self.constructs = set(constructs) | {self.kind}
        self.constructs |= {"subject " + c for c in subject.constructs}
        annotations = meta.get("annotations") or {}
        self.audit = text(annotations.get("chasqui.io/audit")) == "true"

    def selects(self, thing):
        kind = "host" if self.selects_nodes else "endpoint"
        return thing.kind == kind and self.subject.matches(thing.labels)


class CiliumRule:
    """One `spec` of a CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy."""

    FIELDS = ("endpointSelector", "nodeSelector", "ingress", "egress", "ingressDeny",
              "egressDeny", "enableDefaultDeny", "labels", "description", "log")
    PEERS = ("Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes", "Requires")
    UNSERVED = ("toFQDNs", "toServices", "fromGroups", "toGroups")

    def __init__(self, world, document, spec):
        known(spec, *self.FIELDS)
        self.world, self.spec = world, spec
        clusterwide = document["kind"] == "CiliumClusterwideNetworkPolicy"
        meta = document["metadata"]
        self.namespace = None if clusterwide else meta.get("namespace") or "default"
        sections = [s for s in ("ingress", "egress", "ingressDeny", "egressDeny") if spec.get(s)]
        if not sections:
            raise Refused("no ingress, egress, ingressDeny or egressDeny")
        if ("endpointSelector" in spec) == ("nodeSelector" in spec):
            raise Refused("one of endpointSelector and nodeSelector is needed")
        if "nodeSelector" in spec and not clusterwide:
            raise Refused("nodeSelector in a namespaced policy")

        subject = self.subject()
        self.about_init = "nodeSelector" not in spec and any(
            (r.source, r.key) == ("reserved", "init") for r in subject.requirements)
        rules = [self.rule(section, entry)
                 for section in sections for entry in spec[section]]
        constructs = {"nodeSelector" if "nodeSelector" in spec else "endpointSelector"}
        if not subject.requirements:
            constructs.add("endpointSelector {}")
        self.policy = Policy(document, "nodeSelector" in spec, subject, rules,
                             self.default_deny(sections, constructs), constructs)

    def subject(self):
        if "nodeSelector" in self.spec:
            return Selector(self.spec["nodeSelector"])
        subject = Selector(self.spec["endpointSelector"])
        if self.namespace:
            # A namespaced policy always applies to its own namespace, whatever matchLabels say.
            subject.requirements = [
                r for r in subject.requirements
                if not (r.construct == "matchLabels" and (r.source, r.key) == ("k8s", NAMESPACE))]
            subject.require(NAMESPACE, "In", [self.namespace], "k8s")
        return subject

    def default_deny(self, sections, constructs):
        switch = self.spec.get("enableDefaultDeny") or {}
        known(switch, "ingress", "egress")
        found = {}
        for direction in ("ingress", "egress"):
            if direction in sections or direction + "Deny" in sections:
                found[direction] = switch.get(direction) is not False
                if switch.get(direction) is not None:
                    constructs.add(f"enableDefaultDeny {text(switch[direction])}")
        return found

    def rule(self, section, entry):
        direction = section.replace("Deny", "")
        entry = entry or {}
        word = "from" if direction == "ingress" else "to"
        for field in self.UNSERVED:
            if entry.get(field):
                raise Refused(field)
        if (entry.get("authentication") or {"mode": "disabled"}) != {"mode": "disabled"}:
            raise Refused("authentication")
        known(entry, "toPorts", "icmps", "authentication",
              *(word + peer for peer in self.PEERS), *self.UNSERVED)
        given = [peer for peer in self.PEERS if entry.get(word + peer) is not None]
        if entry.get(word + "Requires"):
            raise Refused(word + "Requires")
        if len([peer for peer in given if entry[word + peer]]) > 1:
            raise Refused("two kinds of peers in one rule")

        ports = cilium_ports(entry)
        peers = None
        for peer in given:
            if peer != "Requires":
                peers = (peers or []) + self.peers(word + peer, peer, entry[word + peer])
        if not given and ports is None:
            peers = [NobodyPeers("rule {}")]
        # A member that is given and empty selects nobody, whatever stands beside it.
        nobody = [p for p in peers or () if isinstance(p, NobodyPeers) and p.construct.endswith("[]")]
        peers = nobody or peers
        return Rule(direction, section.endswith("Deny"), peers, ports, {section})

    def peers(self, field, kind, items):
        if not items:
            return [NobodyPeers(field + " []")]
        if kind == "Endpoints":
            return [SelectorPeers(self.peer_selector(item),
                                  field + (" [{}]" if not item else "")) for item in items]
        if kind == "Nodes":
            # Other nodes only: Cilium adds that reserved:remote-node must be there.
            return [SelectorPeers(Selector(item), field, ("remote",)) for item in items]
        if kind == "Entities":
            return [EntityPeers(item) for item in items]
        if kind == "CIDR":
            return [self.cidr(item, [], field) for item in items]
        return list(itertools.chain(*(self.cidr_set(item, field) for item in items)))

    def peer_selector(self, item):
        """A peer is of the policy's own namespace, or of some namespace, unless it says more."""
        selector = Selector(item)
        if selector.names_source("reserved") or selector.names(NAMESPACE):
            return selector
        if self.namespace is None:
            if not self.about_init:
                selector.require(NAMESPACE, "Exists", source="k8s")
        elif not selector.names_below(NAMESPACE_LABELS):
            selector.require(NAMESPACE, "In", [self.namespace], "k8s")
        return selector

    def cidr_set(self, item, field):
        known(item, "cidr", "cidrGroupRef", "cidrGroupSelector", "except")
        if len([k for k in ("cidr", "cidrGroupRef", "cidrGroupSelector") if k in item]) != 1:
            raise Refused("one of cidr, cidrGroupRef, cidrGroupSelector is needed")
        excepts = [network(hole) for hole in item.get("except") or []]
        if "cidr" in item:
            if "/" not in text(item["cidr"]):
                raise Refused(f"no length in {item['cidr']}")
            found = self.cidr(item["cidr"], excepts, field)
            for hole in excepts:
                if hole.version != found.prefix.version or not hole.subnet_of(found.prefix):
                    raise Refused(f"except {hole} outside {found.prefix}")
            return [found]
        groups = self.world.cidr_groups
        if "cidrGroupRef" in item:
            chosen, construct = [groups[item["cidrGroupRef"]]], "cidrGroupRef"
        else:
            selector = Selector(item["cidrGroupSelector"])
            chosen = [g for g in groups.values() if selector.matches(g["labels"])]
            construct = "cidrGroupSelector"
        found = [self.cidr(prefix, excepts, construct) for g in chosen for prefix in g["prefixes"]]
        return found or [NobodyPeers(construct + " of nothing")]

    def cidr(self, prefix, excepts, construct):
        return CidrPeers(network(prefix), excepts, construct, self.world.cidr_kinds)


def network(prefix):
    try:
        return ipaddress.ip_network(text(prefix), strict=False)
    except ValueError as error:
        raise Refused(f"prefix {prefix}") from error


class KubernetesPolicy:
    """networking.k8s.io/v1 NetworkPolicy, as Kubernetes documents it."""

    def __init__(self, document):
        spec = document.get("spec") or {}
        known(spec, "podSelector", "policyTypes", "ingress", "egress")
        self.namespace = document["metadata"].get("namespace") or "default"
        types = spec.get("policyTypes")
        constructs = {"policyTypes"} if types else set()
        if not types:
            types = ["Ingress"] + (["Egress"] if spec.get("egress") else [])
        subject = Selector(spec.get("podSelector"), "k8s")
        subject.require(NAMESPACE, "In", [self.namespace], "k8s")
        rules = []
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            if direction.capitalize() in types:
                rules += [self.rule(direction, peers, entry or {})
                          for entry in spec.get(direction) or []]
        default_deny = {name.lower(): True for name in types}
        self.policy = Policy(document, False, subject, rules, default_deny, constructs)

    def rule(self, direction, field, entry):
        known(entry, field, "ports")
        constructs = {"NetworkPolicy " + direction}
        peers = [self.peer(item) for item in entry.get(field) or []] or None
        ports = [self.port(item) for item in entry.get("ports") or []] or None
        if peers is None and ports is None:
            constructs.add("NetworkPolicy empty rule")
        return Rule(direction, False, peers, ports, constructs)

    def peer(self, item):
        known(item, "podSelector", "namespaceSelector", "ipBlock")
        if not item:
            raise Refused("a peer that says nothing")
        if "ipBlock" in item:
            block = item["ipBlock"]
            known(block, "cidr", "except")
            cidr = network(block["cidr"])
            holes = [network(hole) for hole in block.get("except") or []]
            if any(h.version != cidr.version or h == cidr or not h.subnet_of(cidr) for h in holes):
                raise Refused("except is no strict part of the ipBlock")
            return CidrPeers(cidr, holes, "ipBlock", ("endpoint", "world", "host", "remote"))
        selector = Selector(item.get("podSelector"), "k8s")
        constructs = [name for name in ("podSelector", "namespaceSelector") if name in item]
        if "namespaceSelector" in item:
            selector.requirements += Selector(item["namespaceSelector"], "k8s",
                                              "k8s:" + NAMESPACE_LABELS).requirements
        else:
            selector.require(NAMESPACE, "In", [self.namespace], "k8s")
        # Kubernetes selects pods: what has no namespace is never one.
        return SelectorPeers(selector, " and ".join(constructs), ("endpoint",))

    def port(self, item):
        known(item, "port", "endPort", "protocol")
        protocol = text(item.get("protocol") or "TCP").lower()
        if protocol not in PROTOCOLS:
            raise Refused(f"protocol {protocol}")
        port = item.get("port")
        if port is None:
            return Ports((protocol,), construct="NetworkPolicy port absent")
        if item.get("endPort") is not None and not text(port).isdigit():
            raise Refused("endPort beside a name")
        if not text(port).isdigit():
            return Ports((protocol,), name=port, construct="NetworkPolicy port name")
        last = int(item.get("endPort") or port)
        construct = "NetworkPolicy " + ("port range" if "endPort" in item else "port number")
        return Ports((protocol,), int(port), last, construct=construct)


# ---------------------------------------------------------------- the documents together

class World:
    def __init__(self, documents, own=()):
        self.own = {ipaddress.ip_address(a) for a in own}
        self.by_kind = {}
        for document in documents:
            if document:
                self.by_kind.setdefault(document["kind"], []).append(document)
        self.gateway = (self.by_kind.get("Gateway") or [{}])[0]
        spec = self.gateway.get("spec") or {}
        policy = spec.get("policy") or {}
        self.enforcement = policy.get("enforcement") or "default"
        self.audit = bool(policy.get("audit"))
        mode = policy.get("cidrMatchMode") or []
        self.cidr_kinds = ["world"] + (["endpoint"] if "endpoints" in mode else [])
        self.cidr_kinds += ["host", "remote"] if "nodes" in mode else []
        self.management = self.read_management(spec.get("management") or {})
        self.namespaces = {d["metadata"]["name"]: d["metadata"].get("labels") or {}
                           for d in self.by_kind.get("Namespace", [])}
        self.cidr_groups = {d["metadata"]["name"]: self.read_group(d)
                            for d in self.by_kind.get("CiliumCIDRGroup", [])}
        self.host = Thing("host", {**self.read_labels(self.gateway), ("reserved", "host"): ""})
        self.places = self.read_places()
        self.policies = self.read_policies()
        self.named = self.read_named()
        self.things = {}

    @staticmethod
    def read_labels(document):
        labels = (document.get("metadata") or {}).get("labels") or {}
        return {label_key(key, "k8s"): text(value) for key, value in labels.items()}

    @staticmethod
    def read_management(spec):
        ports = []
        for item in spec.get("ports") or []:
            port, protocol = text(item).split("/")
            ports.append((protocol.lower(), int(port)))
        return ports, [network(p) for p in spec.get("from") or []]

    def read_group(self, document):
        return {"labels": self.read_labels(document),
                "prefixes": document["spec"].get("externalCIDRs") or []}

    def read_places(self):
        """(prefix, thing) of all endpoints and other gateways."""
        places = []
        for document in self.by_kind.get("Endpoint", []):
            thing = self.read_endpoint(document)
            spec = document["spec"]
            for prefix in (spec.get("addresses") or []) + (spec.get("prefixes") or []):
                places.append((network(prefix), thing))
        for document in self.by_kind.get("Peer", []):
            labels = {**self.read_labels(document), ("reserved", "remote-node"): ""}
            thing = Thing("remote", labels, name=document["metadata"]["name"])
            for prefix in document["spec"].get("prefixes") or []:
                places.append((network(prefix), thing))
        return places

    def read_endpoint(self, document):
        meta, spec = document["metadata"], document["spec"]
        namespace = meta.get("namespace") or "default"
        labels = self.read_labels(document)
        labels["k8s", NAMESPACE] = namespace
        # Every namespace carries its own name as a label, as Kubernetes sees to.
        of_namespace = {"kubernetes.io/metadata.name": namespace,
                        **self.namespaces.get(namespace, {})}
        for key, value in of_namespace.items():
            labels["k8s", NAMESPACE_LABELS + key] = text(value)
        named = [(p["name"].lower(), int(p["port"]), text(p.get("protocol") or "TCP").lower())
                 for p in spec.get("namedPorts") or []]
        return Thing("endpoint", labels, None, named, bool(spec.get("audit")),
                     f"{namespace}/{meta['name']}")

    def read_policies(self):
        policies = []
        for kind in ("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"):
            for document in self.by_kind.get(kind, []):
                specs = [document["spec"]] if document.get("spec") else []
                many = document.get("specs") or []
                if not specs and not many:
                    raise Refused("neither spec nor specs")
                for spec in specs + many:
                    policy = CiliumRule(self, document, spec).policy
                    if spec in many:
                        policy.constructs.add("specs")
                    policies.append(policy)
        policies += [KubernetesPolicy(d).policy for d in self.by_kind.get("NetworkPolicy", [])]
        return policies

    def read_named(self):
        """The prefixes that rules speak of, excepts among them."""
        peers = [peer for policy in self.policies for rule in policy.rules
                 for peer in rule.peers or [] if isinstance(peer, CidrPeers)]
        return {prefix for peer in peers for prefix in (peer.prefix, *peer.excepts)}

    def thing(self, address):
        """Whose address it is."""
        if address not in self.things:
            self.things[address] = self.look_up(address)
        return self.things[address]

    def look_up(self, address):
        """The gateway's own addresses first, then the longest prefix, then the world."""
        if address in self.own:
            return self.host.at(address)
        best = None
        for prefix, thing in self.places:
            if address in prefix and (not best or prefix.prefixlen > best[0].prefixlen):
                best = prefix, thing
        return best[1].at(address) if best else world_at(address, self.named)

    # ------------------------------------------------------------ the verdict

    def verdict(self, flow):
        source, target = self.thing(flow.source), self.thing(flow.target)
        egress = flow.egress and self.side("egress", source, target, flow, target)
        ingress = flow.ingress and self.side("ingress", target, source, flow, target)
        if self.is_management(flow, target):
            guard = Side(MANAGEMENT, decided={"management"})
            egress, ingress = egress and guard, ingress and guard
        return Verdict(egress or None, ingress or None)

    def is_management(self, flow, target):
        ports, prefixes = self.management
        return (target.kind == "host" and (flow.protocol, flow.aim) in ports
                and any(flow.source in prefix for prefix in prefixes))

    def side(self, direction, subject, peer, flow, target):
        policies = self.policies_of(subject)
        side = self.judge(direction, subject, policies, peer, flow, target)
        if side.verdict in DROPS:
            side = self.watched(side, direction, subject, policies, peer, flow, target)
        return side

    def policies_of(self, subject):
        if subject.kind not in ("endpoint", "host") or self.enforcement == "never":
            return []
        return [policy for policy in self.policies if policy.selects(subject)]

    def watched(self, side, direction, subject, policies, peer, flow, target):
        """A drop passes, and is told, where whoever or whatever wants it is only watched."""
        if self.audit or subject.audit:
            by = "audit gateway" if self.audit else "audit endpoint"
            return Side(side.verdict, True, side.decided | {by}, side.rules)
        if not any(policy.audit for policy in policies):
            return side
        # A watched policy's denials do not count: would the others still drop it?
        enforced = [p if not p.audit else without_denials(p) for p in policies]
        rest = self.judge(direction, subject, enforced, peer, flow, target)
        if rest.verdict in DROPS:
            return side
        return Side(side.verdict, True, side.decided | {"audit policy"}, side.rules)

    def judge(self, direction, subject, policies, peer, flow, target):
        """What these policies, which all select the subject, say of the peer."""
        having_say = [p for p in policies if direction in p.default_deny]
        denies = self.matching(True, direction, having_say, peer, flow, target)
        if denies:
            return Side(DENY, False, *self.together(denies))
        kept_out = [self.kept_out(deny, direction, having_say, peer, flow, target)
                    for deny in (False, True)]
        allows = self.matching(False, direction, having_say, peer, flow, target)
        if allows:
            decided, rules = self.together(allows)
            return Side(ALLOW, False, decided | kept_out[True], rules)
        closed, decided = self.closed(direction, subject, having_say)
        if closed:
            return Side(DEFAULT_DENY, decided=decided | kept_out[False] | kept_out[True])
        return Side(NO_POLICY, decided=decided | kept_out[True])

    @staticmethod
    def matching(deny, direction, policies, peer, flow, target):
        """(policy, constructs) of each rule that matches."""
        found = []
        for policy in policies:
            for rule in policy.rules:
                if (rule.direction, rule.deny) == (direction, deny):
                    constructs = rule.match(flow, peer, target)
                    if constructs is not None:
                        found.append((policy.name, constructs | policy.constructs))
        return found

    @staticmethod
    def together(matches):
        return set().union(*(constructs for _, constructs in matches)), [n for n, _ in matches]

    @staticmethod
    def kept_out(deny, direction, policies, peer, flow, target):
        """Constructs without which another rule would have matched, and changed the verdict."""
        rules = [rule for policy in policies for rule in policy.rules
                 if (rule.direction, rule.deny) == (direction, deny)]
        return set().union(*(rule.blocked(flow, peer, target) for rule in rules))

    def closed(self, direction, subject, policies):
        """Is everything dropped that no rule allows?"""
        if subject.kind not in ("endpoint", "host"):
            return False, set()
        if self.enforcement == "never":
            idle = any(direction in p.default_deny and p.selects(subject) for p in self.policies)
            return False, ({"enforcement never"} if idle else set())
        if self.enforcement == "always" and subject.kind == "endpoint":
            return True, {"enforcement always"}
        if subject.kind == "endpoint" and subject.reserved("init"):
            return True, {"reserved:init"}
        closing = [p for p in policies if p.default_deny[direction]]
        constructs = set().union(*(p.constructs for p in closing or policies))
        return bool(closing), constructs


def without_denials(policy):
    """The policy with its allow rules only, closing nothing."""
    lame = object.__new__(Policy)
    lame.__dict__.update(policy.__dict__)
    lame.rules = [rule for rule in policy.rules if not rule.deny]
    lame.default_deny = {direction: False for direction in policy.default_deny}
    return lame
