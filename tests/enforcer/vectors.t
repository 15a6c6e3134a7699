#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Every cell of the table in chasqui-vectors(7) that this kernel has a back end for, on ext4, tmpfs
# and overlayfs: each way to get at a guarded file, under the seed policy and under protect-file.
# With VECTORS_DUMP=1 it prints what it found instead, for a new table.
. "${0%/*}/../lib/netns.sh"
. "$top/tests/enforcer/guard.sh"

page=$top/control/enforcer/chasqui-vectors.7.scd
columns=(inca:fanotify inca:lsm inca:kprobe inca:raw_tp protect-file:fanotify protect-file:fanotify+lsm
	protect-file:lsm protect-file:kprobe protect-file:raw_tp)

# A row of the page is a line "|  way" and a line ":  cell" for each column.
awk '/^# / { on = /^# THE TABLE/ } on && /^\|  [^*]/ { way = $2; n = 0; next } on && /^:  / && way { print way, ++n, $2 }' "$page" >cells

# wanted COLUMN FS: "way stopped|through|either" for each row, as the page has it.
wanted() {
	local n
	for n in "${!columns[@]}"; do [ "${columns[n]}" = "$1" ] && break; done
	awk -v n=$((n + 1)) -v fs="$2" -v pre="$pre_access" '
		function meant(cell) {
			if (cell == "stops") return "stopped"
			if (cell == "passes") return "through"
			if (cell == "races") return "either"
			if (cell == "6.14") return pre && fs == "ext4" ? "stopped" : "through"
			if (cell == "disk") return fs == "tmpfs" ? "through" : "stopped"
			return "a cell of the table says \"" cell "\""
		}
		$2 == n { print $1, meant($3) }' cells
}

# compare COLUMN FS FOUND: says which rows differ.
compare() {
	if [ -n "${VECTORS_DUMP:-}" ]; then
		sed "s/^/FOUND $1 $2 /" "$3" >>/run/test/dumped
		return
	fi
	wanted "$1" "$2" | sort >wanted.rows
	sed 's/ leaked / through /; s/ changed / through /' "$3" | sort >found.rows
	[ "$(wc -l <found.rows)" = "$(wc -l <wanted.rows)" ] || { echo "$(wc -l <found.rows) ways were tried, the table has $(wc -l <wanted.rows)"; cat "$3"; return 1; }
	join -a 1 -a 2 wanted.rows found.rows |
		awk '$2 != "either" && $2 != $3 { print "the table says " $2 ": " $0; bad = 1 } END { exit bad }'
}

tmpfs_on() { mkdir -p "$1" && mount -t tmpfs none "$1"; }
file_on() { echo "/run/test/$1/d/city.txt"; }
systems=()
for fs in ext4 tmpfs overlay; do
	"${fs}_on" "/run/test/$fs" >mount.log 2>&1 && mkdir -p "/run/test/$fs/d" && systems+=("$fs")
done
ok "ext4, tmpfs and overlayfs" is "ext4 tmpfs overlay" echo "${systems[@]}"

mkdir -p bare
vectors "$PWD/bare/city.txt" >found 2>&1
ok "with no policy every way gets through" is "" grep -vE ' (leaked|changed) ' found

guard_up
# by_guard POLICY FS
by_guard() {
	no_policies; shipped "$1" "$(file_on "$2")"
	apply && vectors "$(file_on "$2")" >found 2>&1
}
files_on() { local fs; for fs; do file_on "$fs"; done; }
# by_hooks BACK-END POLICY FS...: into found.FS; 3: this kernel has it not
by_hooks() {
	local back_end=$1 policy=$2; shift 2
	mapfile -t files < <(files_on "$@")
	shipped "$policy" "${files[@]}"; mv "$config/$policy.yaml" one.yaml
	# shellcheck disable=SC2016 # for the shell inside
	timeout 300 hooks "$back_end" one.yaml -- \
		bash -c 'for fs; do vectors "/run/test/$fs/d/city.txt" >"found.$fs" 2>&1; done' all "$@" >hooks.said 2>&1
}
check_guard() { by_guard "$1" "$2" && compare "$1:fanotify" "$2" found; }
check_hooks() { compare "$1" "$2" "found.$2"; }

no_policies; shipped inca "$(file_on ext4)"; apply
touch "$(file_on ext4)"; sleep 0.3
pre_access=$(of pre_access)
for policy in inca protect-file; do
	for fs in "${systems[@]}"; do
		ok "$policy by fanotify on $fs" check_guard "$policy" "$fs"
	done
done
no_policies; apply

# one BACK-END COLUMN POLICY FS...
one() {
	local back_end=$1 column=$2 policy=$3 fs; shift 3
	by_hooks "$back_end" "$policy" "$@"
	case $? in
	0) for fs; do ok "$policy by $back_end on $fs" check_hooks "$policy:$column" "$fs"; done ;;
	3) skip "$policy by $back_end" "this kernel refuses it: $(tail -1 hooks.said)" ;;
	*) ok "$policy by $back_end" cat hooks.said - false ;;
	esac
}
disks=(ext4 tmpfs)
for policy in inca protect-file; do
	one raw_tp raw_tp "$policy" "${disks[@]}"
	if [ -n "${IN_VM:-}" ]; then
		one lsm lsm "$policy" "${disks[@]}"
		one fmod_ret lsm "$policy" ext4
		one fentry kprobe "$policy" "${disks[@]}"
		one kprobe.multi kprobe "$policy" ext4
		one kprobe kprobe "$policy" ext4
	fi
done

if [ -n "${IN_VM:-}" ]; then
	mapfile -t files < <(files_on "${systems[@]}")
	shipped protect-file "${files[@]}"; apply
	by_hooks lsm protect-file "${systems[@]}"
	for fs in "${systems[@]}"; do
		ok "protect-file by LSM and fanotify on $fs" check_hooks protect-file:fanotify+lsm "$fs"
	done
fi
guard_down
[ -z "${VECTORS_DUMP:-}" ] || cat /run/test/dumped
