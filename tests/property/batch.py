# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""
A batch is a directory that tests/property/property reads:

    documents/      the YAML documents, as the gateway reads them
    own             the gateway's own addresses, one a line
    flows           one flow a line: source target aim arrival asked combined
                    egress ingress egress_by ingress_by
    refused         instead of flows: a word that must stand in the refusal

aim: number of the target as in include/chasqui/policy.h. arrival: the port by
which the packet comes in, `host` for the gateway's own, `none`: tables only. asked:
`both`, `egress` or `ingress`. combined: a verdict, or `pass` or `drop`. egress and
ingress: a verdict, `+audit` behind it where a drop is only watched; `-`: not asked,
`?`: either way. egress_by and ingress_by: how many rules of which policies gave that
verdict, as `2*shop/one,1*/two`; `-`: none, `?`: any. What stands behind these words
is free text for the reader.
"""
import collections
import os

import yaml

BASE = {"tcp": 0, "udp": 65536, "sctp": 131072, "icmp": 196608, "icmpv6": 196864}
OTHER = 197120


def aim(protocol, number):
    if protocol in BASE:
        return BASE[protocol] + (number or 0)
    return OTHER + (int(protocol) if protocol.isdigit() else number)


def side_word(side):
    if side is None:
        return "-"
    return side.verdict + ("+audit" if side.audit else "")


def asked(flow):
    if flow.egress and flow.ingress:
        return "both"
    return "egress" if flow.egress else "ingress"


def by_word(side):
    if side is None or not side.rules:
        return "-"
    counts = collections.Counter(side.rules)
    return ",".join(f"{counts[name]}*{name}" for name in sorted(counts))


def flow_line(flow, arrival, combined, sides=None, note=""):
    """`sides`: the reference's verdict; without it only the combined verdict is expected."""
    words = ["?"] * 4
    if sides:
        words = [side_word(sides.egress), side_word(sides.ingress),
                 by_word(sides.egress), by_word(sides.ingress)]
    return " ".join(str(word) for word in (
        flow.source, flow.target, aim(flow.protocol, flow.aim), arrival, asked(flow), combined,
        *words, note)).rstrip()


class Quoted(yaml.CSafeDumper):
    """Writes what Kubernetes' tools would: no aliases, strings that look like numbers quoted."""

    def ignore_aliases(self, data):
        return True


def write(directory, documents, own, lines, refused=None):
    """`documents`: file name -> list of documents."""
    os.makedirs(os.path.join(directory, "documents"))
    for name, content in documents.items():
        with open(os.path.join(directory, "documents", name), "w", encoding="utf-8") as out:
            yaml.dump_all(content, out, Dumper=Quoted, sort_keys=False, allow_unicode=True)
    files = {"own": [str(a) for a in own]}
    if refused is not None:
        files["refused"] = [refused]
    else:
        files["flows"] = lines
    for name, content in files.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in content)
