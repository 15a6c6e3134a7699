#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""storm.py WORKERS CHILDREN: reads events of tests/enforcer/storm as they come, checks each,
and sums up in one line of JSON when all have come, or at the end of its input."""
import json
import sys


def main():
    workers, children = (int(word) for word in sys.argv[1:])
    wanted = workers * children
    execs, exits, wrong, lost, orphans = set(), set(), [], 0, 0
    started = {}
    while len(execs) + len(exits) + lost < 2 * wanted:
        if not sys.stdin.buffer.peek(1):
            break
        line = sys.stdin.buffer.readline()
        event = json.loads(line)
        if "rate_limit_info" in event:
            lost += int(event["rate_limit_info"]["number_of_dropped_process_events"])
            continue
        kind = next(iter(event))
        process, parent = event[kind]["process"], event[kind].get("parent", {})
        words = process.get("arguments", "").split()
        if not words or words[0] != "child":
            continue
        worker, number = int(words[1]), int(words[2])
        if not parent:  # its parent's start was lost
            orphans += 1
        elif parent.get("arguments") != f"worker {worker} {children}":
            wrong.append(("parent", line.decode()))
        elif process["parent_exec_id"] != parent["exec_id"]:
            wrong.append(("parent_exec_id", line.decode()))
        if kind == "process_exec":
            if (worker, number) in execs:
                wrong.append(("twice", line.decode()))
            execs.add((worker, number))
            started[(worker, number)] = process["exec_id"]
        elif kind == "process_exit" and "execve" in process["flags"]:
            if event[kind].get("status", 0) != number % 64:
                wrong.append(("status", line.decode()))
            if started.pop((worker, number), process["exec_id"]) != process["exec_id"]:
                wrong.append(("exec_id", line.decode()))
            exits.add((worker, number))
    for what, line in wrong[:3]:
        print(f"wrong {what}: {line}", file=sys.stderr)
    print(json.dumps({"execs": len(execs), "exits": len(exits), "wrong": len(wrong), "orphans": orphans,
                      "lost": lost}))


main()
