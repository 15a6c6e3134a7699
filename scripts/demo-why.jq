# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Of the gateway's events: the last about $from -> $to (port $port, when it has one), in words.
map(select(.source.address == $from and .destination.address == $to and
	   ($port == "" or (.destination.port | tostring) == $port)))
| last // empty
| .sentence + (if (.rules // []) == [] then "" else " (\(.rules | join(", ")))" end)
