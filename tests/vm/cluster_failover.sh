#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The writer's node dies, hangs or is cut off: another takes over, and the old
# one serves nothing and writes nothing any more.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

opens() {
	write_blocks "$@" 2>/dev/null
}

test_writers_node_dies_and_another_has_all_it_acknowledged() {
	local acknowledged

	share
	: >"$scratch/acknowledged"
	written_before=$(written n1)
	echo "fill 3000 a $scratch/acknowledged" |
		python3 tests/vm/lib/writer.py /dev/qbd0 >/dev/null 2>&1 &
	poll 120 has_written n1 400000 || fail "no progress"
	"$cluster" kill n1 || fail "kill n1"
	wait
	acknowledged=$(cat "$scratch/acknowledged")
	[ "$acknowledged" -lt 2999 ] || fail "it was killed too late"
	poll 30 opens /dev/qbd1 3000 1 z || fail "n2 does not take over"
	blocks_are /dev/qbd1 0 $((acknowledged + 1)) a ||
		fail "an acknowledged write is lost (of $acknowledged)"
	"$cluster" start n1 || fail "start n1"
	"$cluster" wait || fail "n1 does not come back"
	replicas_equal
}

test_stopped_agent_serves_nothing_and_is_fenced_on_return() {
	share
	start_writer /dev/qbd0
	tell write 0 a
	answer ok || fail "the first write"
	"$cluster" stop n1 || fail "stop n1"
	poll 30 opens /dev/qbd1 0 1 b || fail "n2 does not take over"
	blocks_are /dev/qbd1 0 1 b || fail "n2 does not read its write"
	# n1's kernel has no lease any more: this must not show "a".
	tell read 0
	hear 3 && fail "stale read served: $reply"
	"$cluster" cont n1
	answer EIO || fail "the old opening was not fenced: $reply"
	tell write 1 c
	answer EIO || fail "the old opening can still write: $reply"
	end_writer
	blocks_are /dev/qbd1 0 1 b || fail "n2's write was overwritten"
	replicas_equal
}

test_minority_cut_off_stops_and_majority_goes_on() {
	share
	write_blocks /dev/qbd0 0 1 a || fail "write"
	start_writer /dev/qbd0
	tell write 1 a
	answer ok || fail "write before the cut"
	"$cluster" cut n1 n2
	"$cluster" cut n1 n3
	poll 30 opens /dev/qbd1 1 1 b || fail "the majority does not take over"
	tell read 1
	hear 3 && fail "stale read served: $reply"
	"$cluster" heal
	answer EIO || fail "the old opening was not fenced: $reply"
	end_writer
	blocks_are /dev/qbd1 1 1 b || fail "n2's write was overwritten"
	poll 30 "$cluster" wait || fail "n1 does not come back"
	replicas_equal
}

test_follower_cut_off_costs_the_writer_nothing_and_heals() {
	share
	fio_start /dev/qbd0 --rw=randwrite --bs=4k --size=32M --io_size=8M \
		--iodepth=8
	poll 180 has_written n1 1000000 || fail "no progress"
	"$cluster" cut n3 n1
	"$cluster" cut n3 n2
	poll 180 has_written n1 3000000 || fail "no progress without n3"
	"$cluster" heal
	fio_wait || fail "fio saw an error"
	"$cluster" wait || fail "n3 does not come back"
	replicas_equal
}

test_one_way_cut_leaves_a_stable_leader() {
	share
	write_blocks /dev/qbd0 0 1 a || fail "write"
	"$cluster" cut --oneway n2 n1
	poll 30 opens /dev/qbd0 1 1 b || poll 30 opens /dev/qbd2 1 1 b ||
		fail "nobody can write with one direction cut"
	"$cluster" heal
	"$cluster" wait || fail "not healthy after healing"
	replicas_equal
}

run_tests
