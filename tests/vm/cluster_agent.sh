#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The device outlives its agent.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

# The leader's: it renews its lease there, and so sees that it has gone.
test_device_that_was_removed_is_made_again_and_the_node_goes_on() {
	local term

	up --set 'election-timeout = "3s"'
	write_blocks /dev/qbd0 0 100 a || fail "write"
	poll 30 leads n1 || fail "n1 does not lead"
	term=$(status_of n1 .term)
	on n1 tests/vm/lib/remove_device.py vol0 || fail "remove"
	poll 60 grep -q event=device-lost /run/qbd-cluster/n1/log ||
		fail "not noticed"
	poll 60 status_is n1 .device.agent true ||
		fail "not made again: $(status_of n1 .problem)"
	poll 60 write_blocks /dev/qbd0 0 100 b || fail "write"
	[ "$(status_of n1 .term)" = "$term" ] || fail "the term has changed"
	replicas_equal
}

test_agent_killed_under_load_fails_nothing() {
	local i

	share
	fio_start /dev/qbd0 --rw=randwrite --bsrange=4k-64k --size=48M \
		--io_size=32M --iodepth=16
	for i in 1 2 3; do
		poll 180 has_written n1 $((i * 4000000)) || fail "no progress"
		"$cluster" kill-agent n1 || fail "kill-agent"
		"$cluster" start-agent n1 || fail "start-agent"
	done
	fio_wait || fail "fio saw an error"
	replicas_equal
}

long_test_followers_agents_killed_in_turn_cost_nothing() {
	share
	fio_start /dev/qbd0 --rw=randwrite --bs=4k --size=32M --io_size=16M \
		--iodepth=8
	poll 180 has_written n1 1000000 || fail "no progress"
	"$cluster" kill-agent n2
	poll 180 has_written n1 3000000 || fail "no progress without n2"
	"$cluster" start-agent n2
	"$cluster" wait n2 || fail "n2 does not come back"
	"$cluster" kill-agent n3
	poll 180 has_written n1 5000000 || fail "no progress without n3"
	"$cluster" start-agent n3
	fio_wait || fail "fio saw an error"
	replicas_equal
}

long_test_graceful_stop_keeps_the_device_and_its_io() {
	share
	fio_start /dev/qbd0 --rw=randwrite --bs=4k --size=32M --io_size=8M \
		--iodepth=4
	poll 180 has_written n1 1000000 || fail "no progress"
	"$cluster" stop-agent n1 || fail "stop-agent (SIGTERM)"
	"$cluster" start-agent n1 || fail "start-agent"
	fio_wait || fail "fio saw an error"
	replicas_equal
}

test_follower_and_writers_agent_and_node_in_one_run() {
	share
	fio_start /dev/qbd0 --rw=randwrite --bs=4k --size=48M --io_size=24M \
		--iodepth=16
	poll 180 has_written n1 2000000 || fail "no progress"
	"$cluster" kill n2 || fail "kill n2"
	poll 180 has_written n1 6000000 || fail "no progress without n2"
	"$cluster" start n2 || fail "start n2"
	"$cluster" kill-agent n1
	"$cluster" start-agent n1 || fail "start-agent n1"
	fio_wait || fail "fio saw an error"
	replicas_equal
}

run_tests
