#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Nodes that are unlike: some have log and metadata on a disk of their own.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

qbd=$top/build/agent/qbd
qbdd=$top/build/agent/qbdd
conf=/etc/qbd/vol0.conf

meta_of() {
	cat "/run/qbd-cluster/$1/meta"
}

has_records() {
	# To the end, or dd dies of the pipe.
	dd if="$1" bs=1M iflag=direct status=none | grep -a QREC >/dev/null
}

test_log_is_on_the_meta_disk_alone() {
	share --meta 'n1 n2'
	write_blocks /dev/qbd0 0 100 a || fail "write"
	has_records "$(meta_of n1)" || fail "no records on n1's meta-disk"
	has_records "$(meta_of n2)" || fail "no records on n2's meta-disk"
	has_records "$(disk_of n3)" || fail "no records on n3's disk"
	! has_records "$(disk_of n1)" || fail "records on n1's disk"
	status_is n1 .meta_disk "$(meta_of n1)" || fail "status of n1"
	status_is n3 .meta_disk null || fail "status of n3"
	on n1 qbd status vol0 | grep "log and metadata on $(meta_of n1)" >/dev/null ||
		fail "qbd status of n1"
	replicas_equal
}

# With a meta-disk and without, as the writer and as a follower.
test_unlike_nodes_are_killed_and_lose_nothing() {
	local node

	share --meta 'n1 n2'
	write_blocks /dev/qbd0 0 200 a || fail "write"
	for node in n2 n3; do
		"$cluster" kill-agent "$node" || fail "kill-agent $node"
		write_blocks /dev/qbd0 50 100 b || fail "write without $node"
		"$cluster" start-agent "$node" || fail "start-agent $node"
		"$cluster" wait || fail "not healthy with $node back"
	done
	fio_start /dev/qbd0 --rw=randwrite --bs=4k --offset=16M --size=16M \
		--io_size=2M --iodepth=8
	poll 180 has_written n1 200000 || fail "no progress"
	"$cluster" kill-agent n1 || fail "kill-agent n1"
	"$cluster" start-agent n1 || fail "start-agent n1"
	fio_wait || fail "fio saw an error"
	"$cluster" wait || fail "not healthy"
	replicas_equal
	"$cluster" kill n1 || fail "kill n1"
	poll 30 blocks_are /dev/qbd1 50 100 b || fail "n2 lacks what was written"
	blocks_are /dev/qbd1 0 50 a || fail "n2 lacks what was written first"
	write_blocks /dev/qbd1 0 50 c || fail "n2 can't write"
	"$cluster" start n1 || fail "start n1"
	"$cluster" wait || fail "not healthy with n1 back"
	poll 30 blocks_are /dev/qbd0 0 50 c || fail "n1 lacks the last writes"
	replicas_equal
}

# Another meta-disk, or none, in the configuration of n1: with_meta [PATH]
with_meta() {
	sed -E "s:meta-disk = \"[^\"]*\"; :${1:+meta-disk = \"$1\"; }:" \
		"$scratch/good.conf" >"$conf"
}

# n1 must not start with the configuration as it is, and leave no device.
n1_refuses() {
	refused "$1" "$2" on n1 "$qbdd" vol0
	[ ! -b /dev/qbd0 ] || fail "a device is left: $2"
}

test_wrong_meta_disks_are_refused_by_name() {
	local meta blank

	up --nodes 1 --meta n1
	cp "$conf" "$scratch/good.conf"
	meta=$(meta_of n1)
	write_blocks /dev/qbd0 0 10 a || fail "write"
	truncate -s 80M "$scratch/free"
	sed "s:disk = \"$(disk_of n1)\":disk = \"$scratch/free\":" "$conf" \
		>"$scratch/other.conf"
	refused 1 "meta-disk $meta: it is open in .*qbdd" "$qbd" format vol0 \
		--node n1 --force --config "$scratch/other.conf"
	! mkfs.ext4 -q "$meta" 2>/dev/null || fail "mkfs on it while in use"
	on n1 qbd down vol0 >/dev/null || fail "down"
	with_meta
	n1_refuses 3 'metadata or log on a second disk; name that as meta-disk'
	with_meta "$(disk_of n1)"
	n1_refuses 3 "is this node's disk too"
	ln -s "$(disk_of n1)" "$scratch/same"
	with_meta "$scratch/same"
	n1_refuses 3 'are the same; change one of them'
	with_meta /dev/nowhere
	n1_refuses 1 'meta-disk /dev/nowhere: there is no such device'
	truncate -s 80M "$scratch/blank"
	blank=$(losetup --find --show "$scratch/blank")
	with_meta "$blank"
	n1_refuses 1 "meta-disk $blank: there is no replica's metadata"
	mkfs.ext4 -q "$blank" || fail "mkfs"
	refused 1 "meta-disk $blank holds a filesystem|disk .* holds a replica" \
		"$qbd" format vol0 --node n1
	mkdir "$scratch/mnt"
	mount "$blank" "$scratch/mnt" || fail "mount"
	n1_refuses 1 "meta-disk $blank: it is mounted on $scratch/mnt"
	refused 1 "meta-disk $blank: it is mounted on" \
		"$qbd" format vol0 --node n1 --force
	umount "$scratch/mnt"
	cp "$scratch/good.conf" "$conf"
	"$cluster" start-agent n1 || fail "start with the right one"
	"$cluster" wait || fail "not healthy"
	blocks_are /dev/qbd0 0 10 a || fail "what was written is lost"
	on n1 qbd down vol0 >/dev/null || fail "down"
	# Formatted with another one: the old one is known for what it is.
	with_meta "$blank"
	"$qbd" format vol0 --node n1 --force >/dev/null || fail "format"
	cp "$scratch/good.conf" "$conf"
	n1_refuses 3 'disk and meta-disk were not formatted together'
	with_meta
	"$qbd" format vol0 --node n1 --force >/dev/null || fail "format alone"
	cp "$scratch/good.conf" "$conf"
	n1_refuses 3 'the replica has no meta-disk; take meta-disk out'
	losetup --detach "$blank"
}

test_disk_may_shrink_to_what_its_replica_needs() {
	local file=/run/qbd-cluster/disks/n1

	up --meta 'n1 n2'
	write_blocks /dev/qbd0 0 100 a || fail "write"
	"$cluster" kill n1 || fail "kill n1"
	truncate -s 66M "$file" && losetup --set-capacity "$(disk_of n1)" ||
		fail "shrink n1's disk"
	"$cluster" start n1 || fail "start n1 on a smaller disk"
	"$cluster" wait || fail "not healthy with a smaller disk"
	poll 30 blocks_are /dev/qbd0 0 100 a || fail "what was written is lost"
	replicas_equal
	on n1 qbd down vol0 >/dev/null || fail "down"
	truncate -s 65M "$file" && losetup --set-capacity "$(disk_of n1)" ||
		fail "shrink n1's disk more"
	n1_refuses 3 'its replica needs .*; it has become smaller'
	truncate -s 66M "$file" && losetup --set-capacity "$(disk_of n1)" ||
		fail "let n1's disk grow"
	"$cluster" start-agent n1 || fail "start n1 on a disk of its old size"
	"$cluster" wait || fail "not healthy with the old size"
	replicas_equal
}

run_tests
