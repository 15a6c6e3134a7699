# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# Sourced first by every tests/netns/*.t, which print TAP for prove(1).
#
# shellcheck source=tests/lib/sandbox.sh
. "${BASH_SOURCE[0]%/*}/sandbox.sh"

count=0 failed=0
finish() {
	[ "$failed" = 0 ] || sed 's/^/# chasquid: /' /run/test/daemon.log 2>/dev/null | tail -40
	echo "1..$count"
	exit $((failed > 0))
}
trap finish EXIT

# ok NAME COMMAND...: one line of TAP, with the command when it fails.
ok() {
	local name=$1 output; shift; count=$((count + 1))
	if output=$("$@" 2>&1); then
		echo "ok $count - $name"
	else
		failed=$((failed + 1))
		printf 'not ok %d - %s\n# %s\n' "$count" "$name" "$*"
		[ -z "$output" ] || printf '%s\n' "$output" | sed 's/^/# /'
	fi
}

# skip NAME WHY: one line of TAP for what cannot be tried here.
skip() { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }

# by_stack: packets that the stack has forwarded, of either family.
by_stack() {
	awk '$1 == "Ip:" && ++seen == 1 { for (i = 1; i <= NF; i++) if ($i == "ForwDatagrams") at = i }
		$1 == "Ip:" && seen == 2 { four = $at }
		$1 == "Ip6OutForwDatagrams" { six = $2 }
		END { print four + six }' /proc/net/snmp /proc/net/snmp6
}

# stack_share NAME: how many packets the stack forwarded during twenty answers of a conversation.
stack_share() {
	local before stack
	before=$(answers_of "$1") stack=$(by_stack)
	eventually more_than $((before + 20)) answers_of "$1" || return 1
	echo $(($(by_stack) - stack))
}
