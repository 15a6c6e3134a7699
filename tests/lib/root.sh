# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# A root of the script's own: a tmpfs with every directory of / bound into it, so that a file can
# lie at the root and nobody outside sees it. To be sourced right behind sandbox.sh or netns.sh:
#
#	. "$top/tests/lib/root.sh" || exit

if [ -z "${CHQ_ROOT:-}" ]; then
	export CHQ_ROOT=/run/root
	mkdir "$CHQ_ROOT" && mount -t tmpfs none "$CHQ_ROOT"
	for entry in /*; do
		if [ -L "$entry" ]; then
			cp -P "$entry" "$CHQ_ROOT/"
		elif [ -d "$entry" ]; then
			mkdir "$CHQ_ROOT$entry" && mount --rbind "$entry" "$CHQ_ROOT$entry"
		fi
	done
	# shellcheck disable=SC2016
	exec chroot "$CHQ_ROOT" bash -c 'cd "$0" && exec bash "$@"' "$OLDPWD" "$0" "$@"
fi

# gateway_alone: a Gateway that guards no port, for what is about processes alone.
gateway_alone() {
	document gateway <<-END
		apiVersion: chasqui.io/v1
		kind: Gateway
		metadata: {name: gw}
		spec: {}
	END
}

# kills COMMAND...: it dies by SIGKILL and says nothing.
kills() { local said; said=$("$@" 2>/dev/null); [ $? = 137 ] && [ -z "$said" ]; }

# of NAME FIELD: what the daemon says of a TracingPolicy.
of() { chasqui tracing show "$1" -o json | jq -r ".$2"; }
