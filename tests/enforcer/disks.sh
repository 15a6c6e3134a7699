# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# File systems of a test's own, which are gone with it. Sourced behind netns.sh or sandbox.sh.

# ext4_on DIRECTORY: a file system of the test's own.
ext4_on() {
	local image device
	modprobe loop 2>/dev/null; modprobe ext4 2>/dev/null
	image=$(mktemp /run/test/ext4.XXXXXX)
	truncate -s 64M "$image" && mkfs.ext4 -q "$image" && device=$(losetup -f --show "$image") &&
		mkdir -p "$1" && mount "$device" "$1" && losetup -d "$device"
}
overlay_on() {			# over ext4
	ext4_on "$1.below" && mkdir -p "$1.below"/{lower,upper,work} "$1" &&
		mount -t overlay none -o "lowerdir=$1.below/lower,upperdir=$1.below/upper,workdir=$1.below/work" "$1"
}
