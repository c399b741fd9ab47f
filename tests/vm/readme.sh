#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The quick start of README.md, command by command, on three nodes of the
# guest: alpha, beta and gamma are n1, n2 and n3.  What is not a real machine
# there - the addresses, the disks, one kernel for all - is put in its place.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

# The code blocks after "<!-- ci: WHERE -->", one file each, and WHERE.
take_blocks() {
	awk -v into="$scratch" '
		/^<!-- ci: / { where = $3; next }
		/^```/ && where && !inside { inside = 1; count++
			file = sprintf("%s/block-%02d.%s", into, count, where)
			next }
		/^```/ && inside { inside = 0; where = ""; close(file); next }
		inside { print > file }' README.md
}

disk_of() {
	cat "/run/qbd-cluster/$1/disk"
}

run_block() {
	local file=$1 node=$2

	sed "s:/dev/qbd0:/dev/qbd$((${node#n} - 1)):g" "$file" >"$file.$node"
	on "$node" bash -ex "$file.$node" </dev/null >"$scratch/out" 2>&1 || {
		sed 's/^/# /' "$scratch/out"
		fail "$(basename "$file") on $node"
	}
}

# One disk and one minor a node, where the README has the same on each machine.
write_conf() {
	local line

	while IFS= read -r line; do
		for node in n1 n2 n3; do
			case $line in
			*"\"${names[$node]}\""*)
				line=${line/\/dev\/sdb/$(disk_of "$node")}
				line=${line/minor = 0/minor = $((${node#n} - 1))}
				line=${line/${names[$node]}/$node}
				;;
			esac
		done
		echo "${line/192.0.2./10.77.0.}"
	done <"$1" >/etc/qbd/vol0.conf
}

test_quick_start_works_as_written() {
	local file node
	declare -A names=([n1]=alpha [n2]=beta [n3]=gamma)

	take_blocks
	ls "$scratch"/block-*.conf >/dev/null || fail "no blocks in README.md"
	up
	for node in n1 n2 n3; do
		on "$node" qbd down vol0 >/dev/null || fail "down on $node"
		wipefs -qa "$(disk_of "$node")"
		dd if=/dev/zero of="$(disk_of "$node")" bs=1M status=none \
			oflag=direct 2>/dev/null
	done
	for file in "$scratch"/block-*; do
		case $file in
		*.conf) write_conf "$file" ;;
		*.alpha) run_block "$file" n1 ;;
		*.beta) run_block "$file" n2 ;;
		*.each)
			for node in n1 n2 n3; do
				run_block "$file" "$node"
			done
			;;
		esac
		if grep -q 'qbd up' "$file"; then
			"$cluster" wait || fail "not healthy"
		fi
	done
}

run_tests
