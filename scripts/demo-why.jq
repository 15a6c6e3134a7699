# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# (The gate reads no ports.) Of the gateway's events: the last about $from -> $to (port $port, when it has one), in words, with
# the lines of the documents that decided. $reasons: what `chasqui reasons -o json` prints.
def rules: [.egress[]?, .ingress[]? | "\(.file):\(.line)"] | unique;
def of_this: .source.address == $from and .target.address == $to and
	($port == "" or (.target.port // 0 | tostring | . == $port or . == "0"));

map(select(type == "object" and .event != "close" and (.source | type) == "object" and of_this))
| last // empty
| .reason as $reason
| (first($reasons[0][] | select(.name == $reason) | .text) // $reason)
  + (if rules == [] then "" else " (\(rules | join(", ")))" end)
