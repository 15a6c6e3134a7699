#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Asks `chasqui policy explain --flows` about the directories that conformance.py has written.

usage: explain.py CHASQUI DIRECTORY

What other projects expect is in each directory's `flows` (or `refused`); the answer must be the
same, case by case, through the command that people use.
"""
import json
import os
import subprocess
import sys

TRANSPORTS = [(0, "tcp"), (65536, "udp"), (131072, "sctp")]


def aim_as_json(aim):
    """The number of a target, as include/chasqui/policy.h counts them, in the words of --flows."""
    for first, name in TRANSPORTS:
        if first <= aim < first + 65536:
            return {"proto": name, "dport": aim - first}
    if aim < 196864:
        return {"proto": "icmp", "icmpType": aim - 196608}
    if aim < 197120:
        return {"proto": "icmpv6", "icmpType": aim - 196864}
    return {"proto": str(aim - 197120)}


def read_cases(directory):
    with open(os.path.join(directory, "own"), encoding="utf-8") as own:
        gateway = set(own.read().split())
    with open(os.path.join(directory, "flows"), encoding="utf-8") as flows:
        for line in flows:
            source, target, aim, _, direction, wanted = line.split()[:6]
            flow = {"from": "reserved:host" if source in gateway else source,
                    "to": "reserved:host" if target in gateway else target,
                    "direction": direction}
            flow.update(aim_as_json(int(aim)))
            yield flow, wanted, line.strip()


def explain(chasqui, directory):
    """Returns how many cases there were, and those answered otherwise."""
    cases = list(read_cases(directory))
    run = subprocess.run([chasqui, "policy", "explain", "-f", os.path.join(directory, "documents"),
                          "--flows", "-", "-o", "json"], text=True, capture_output=True, check=False,
                         input="".join(json.dumps(flow) + "\n" for flow, _, _ in cases))
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if len(answers) != len(cases):
        return len(cases), [f"{len(answers)} answers: {run.stderr.strip()}"]
    names = {"pass": ("allow", "audit"), "drop": ("deny",)}
    return len(cases), [f"{line}: {answer['verdict']}, {answer.get('error', '')}"
                        for answer, (_, wanted, line) in zip(answers, cases)
                        if answer["verdict"] not in names[wanted]]


def refuses(chasqui, directory):
    run = subprocess.run([chasqui, "policy", "validate", os.path.join(directory, "documents")],
                         text=True, capture_output=True, check=False)
    return [] if run.returncode == 1 else [f"not refused: {run.stdout.strip()}"]


def main():
    chasqui, top = sys.argv[1:]
    asked = refused = 0
    wrong = []
    for name in sorted(os.listdir(top)):
        directory = os.path.join(top, name)
        if os.path.exists(os.path.join(directory, "refused")):
            refused += 1
            bad = refuses(chasqui, directory)
        else:
            count, bad = explain(chasqui, directory)
            asked += count
        wrong += [f"{name}: {text}" for text in bad]
    print("\n".join(wrong[:20]), end="\n" if wrong else "")
    print(f"policy explain: {asked} cases, {refused} refused, {len(wrong)} differences")
    return 1 if wrong or not asked else 0


if __name__ == "__main__":
    sys.exit(main())
