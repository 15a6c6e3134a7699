# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# chasqui-guard without chasquid. Sourced behind netns.sh.
# shellcheck source=tests/enforcer/disks.sh
. "$top/tests/enforcer/disks.sh"
PATH=$built/tests/enforcer:$PATH

# guard_up [OPTION...]: in $run, with its state in $state; $guard is its supervisor.
guard_up() {
	mkdir -p "$run" "$state"
	chasqui-guard --run-dir "$run" --state-dir "$state" "$@" 2>>guard.log &
	guard=$!
	eventually drive status
}
guard_down() { kill "$guard"; wait "$guard"; }

drive() { timeout 60 guard-drive "$run" "$@"; }
# of FIELD: a number of the guard's status.
of() { drive status | awk -v field="$1" '{ for (i = 1; i < NF; i += 2) if ($i == field) print $(i + 1) }'; }
# counted POLICY FIELD
counted() { drive count "$1" | awk -v field="$2" '{ for (i = 1; i < NF; i += 2) if ($i == field) print $(i + 1) }'; }

# policy NAME <<E: spec.kprobes of a TracingPolicy in the directory; `apply` gives it to the guard.
mkdir -p "$config"
printf 'apiVersion: chasqui.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec: {}\n' >"$config/gateway.yaml"
policy() {
	{
		printf 'apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: %s}\nspec:\n' "$1"
		[ -z "${2:-}" ] || printf '  options: [{name: policy-mode, value: %s}]\n' "$2"
		printf '  kprobes:\n'
		sed 's/^/  /'
	} >"$config/$1.yaml"
}
# shipped NAME FILE...: a policy of policies/, for these files.
shipped() {
	local name=$1 values; shift
	printf -v values '"%s", ' "$@"
	sed "s|\"/lost_city_of_inca.txt\"|${values%, }|" "$top/policies/$name.yaml" >"$config/$name.yaml"
}
apply() { drive apply "$config"; }
no_policies() { find "$config" -name '*.yaml' ! -name gateway.yaml -delete; }

# kills COMMAND...: it dies by SIGKILL and says nothing.
kills() {
	local said status
	said=$("$@" 2>/dev/null); status=$?
	[ "$status" = 137 ] && [ -z "$said" ] || { echo "status $status, said: $said"; return 1; }
}
# refuses COMMAND...: it is told no, and lives.
refuses() {
	local said status
	said=$("$@" 2>&1); status=$?
	[ "$status" != 0 ] && [ "$status" != 137 ] && [[ $said == *"not permitted"* ]] || { echo "status $status, said: $said"; return 1; }
}
