#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Disks that fail or hang.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

peer_disk_failed() {
	status_is "$1" ".nodes[] | select(.name == \"$2\") | .disk_failed" true
}

says() {
	on "$1" qbd status vol0 | grep "$2" >/dev/null
}

# The node gets its disk back, which is as good as new then.
replace_disk() {
	"$cluster" kill "$1" || fail "kill $1"
	"$cluster" disk "$1" ok
	"$top/build/agent/qbd" format vol0 --node "$1" --force >/dev/null ||
		fail "format $1"
	"$cluster" start "$1" || fail "start $1"
	"$cluster" wait --timeout 120 || fail "$1 is not filled"
}

long_test_followers_failed_disk_is_out_and_the_volume_goes_on() {
	share --disks dm
	fio_start /dev/qbd0 --rw=randwrite --bs=4k --size=32M --io_size=6M \
		--iodepth=8
	poll 180 has_written n1 1000000 || fail "no progress"
	"$cluster" disk n3 error
	poll 30 status_is n3 .state disk-failed || fail "n3 does not say so"
	poll 30 peer_disk_failed n1 n3 || fail "n1 does not say so"
	poll 180 has_written n1 3000000 || fail "no progress without n3"
	fio_wait || fail "fio saw an error"
	replace_disk n3
	replicas_equal
}

test_writers_failed_disk_ends_its_opening_and_another_has_all() {
	share --disks dm
	start_writer /dev/qbd0
	tell write 0 a
	answer ok || fail "the first write"
	"$cluster" disk n1 error
	# Its first write may still be held by the others.
	tell write 1 b
	hear 60 || fail "a write hangs"
	[ "$reply" = ok ] || [ "$reply" = EIO ] || fail "it says $reply"
	poll 30 status_is n1 .state disk-failed || fail "n1 does not say so"
	tell write 2 c
	answer EIO || fail "the opening did not end: $reply"
	tell read 0
	answer EIO || fail "a read was served: $reply"
	end_writer
	poll 30 blocks_are /dev/qbd1 0 1 a || fail "n2 lacks the first write"
	write_blocks /dev/qbd1 1 2 d || fail "n2 can't write"
	replace_disk n1
	replicas_equal
}

test_status_answers_while_a_disk_hangs_and_all_goes_on_after() {
	local node

	share --disks dm
	write_blocks /dev/qbd0 0 100 a || fail "write"
	for node in n3 n1; do
		"$cluster" disk "$node" hang
		poll 60 write_blocks /dev/qbd1 0 100 b ||
			fail "no writes while the disk of $node hangs"
		poll 10 status_is "$node" .daemon running ||
			fail "the agent of $node does not answer"
		poll 10 says "$node" "waited for this node's disk" ||
			fail "status does not say that the disk hangs"
		"$cluster" disk "$node" ok
		"$cluster" wait || fail "not healthy after the hang of $node"
	done
	blocks_are /dev/qbd1 0 100 b || fail "writes are lost"
	replicas_equal
}

# As by lvextend: the room comes while the agent runs, or while it doesn't.
grow_disk() {
	truncate -s +64M "/run/qbd-cluster/disks/$1" || fail "grow $1's file"
	losetup --set-capacity "$(cat "/run/qbd-cluster/$1/file")" ||
		fail "grow $1's loop device"
	"$cluster" disk "$1" ok || fail "grow $1's table"
}

has_second_superblock() {
	local disk last

	disk=$(disk_of "$1")
	last=$((($(blockdev --getsize64 "$disk") >> 12) - 1))
	[ "$(dd if="$disk" bs=4k iflag=direct skip="$last" status=none |
		head -c 8)" = QBDSUPER ]
}

test_grown_disk_keeps_its_replica() {
	local node before

	up --disks dm
	write_blocks /dev/qbd0 0 100 a || fail "write"
	before=$(blockdev --getsize64 "$(disk_of n3)")
	grow_disk n1
	grow_disk n3
	[ "$(blockdev --getsize64 "$(disk_of n3)")" -gt "$before" ] ||
		fail "the disk has not grown"
	write_blocks /dev/qbd0 50 100 b || fail "write to grown disks"
	for node in n1 n3; do
		"$cluster" stop-agent "$node" || fail "stop $node's agent"
		"$cluster" start-agent "$node" || fail "start $node's agent"
		"$cluster" wait || fail "$node is not healthy on a grown disk"
	done
	"$cluster" kill n2 || fail "kill n2"
	grow_disk n2
	"$cluster" start n2 || fail "start n2 on a grown disk"
	"$cluster" wait || fail "n2 is not healthy on a grown disk"
	# Each has its second superblock in its last block again.
	for node in n1 n2 n3; do
		has_second_superblock "$node" ||
			fail "$node has no second superblock"
	done
	poll 30 blocks_are /dev/qbd0 50 100 b || fail "the last writes are lost"
	blocks_are /dev/qbd0 0 50 a || fail "the first writes are lost"
	replicas_equal
}

gate_is_shut() {
	local gate

	gate=$(status_of "$1" .device.gate) && [ "$gate" != active ]
}

# Its disk answers after another node has taken over and written.
test_read_in_flight_at_a_takeover_is_not_returned() {
	up --disks dm
	write_blocks /dev/qbd0 0 10 a || fail "write"
	start_writer /dev/qbd0
	tell read 0
	answer a || fail "read: $reply"
	"$cluster" disk n1 hang
	tell read 1
	hear 2 && fail "a disk that hangs answers: $reply"
	"$cluster" cut n1 n2 && "$cluster" cut n1 n3 || fail "cut"
	poll 60 write_blocks /dev/qbd1 0 10 b || fail "n2 can't take over"
	"$cluster" heal || fail "heal"
	poll 60 gate_is_shut n1 || fail "n1 goes on"
	"$cluster" disk n1 ok
	answer EIO 60 || fail "it was returned: $reply"
	end_writer
	"$cluster" wait || fail "not healthy"
	replicas_equal
}

run_tests
