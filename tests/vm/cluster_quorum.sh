#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Without a majority: I/O waits, then fails; there is always a way out.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

gate_is() {
	status_is "$1" .device.gate "$2"
}

test_io_suspends_and_goes_on_when_quorum_returns() {
	up --set 'io-timeout = "120s"'
	start_writer /dev/qbd0
	tell write 0 a
	answer ok 30 || fail "write"
	"$cluster" kill n2 && "$cluster" kill n3 || fail "kill"
	poll 20 gate_is n1 suspended || fail "the gate is not suspended"
	tell write 1 b
	answer ok 3 && fail "a write without quorum was acknowledged"
	"$cluster" start n2 || fail "start n2"
	answer ok 60 || fail "the write does not go on: $reply"
	end_writer
	"$cluster" start n3
	"$cluster" wait || fail "not healthy"
	blocks_are /dev/qbd0 1 1 b || fail "the write is not there"
	replicas_equal
}

test_io_fails_after_io_timeout() {
	up --set 'io-timeout = "5s"'
	start_writer /dev/qbd0
	tell write 0 a
	answer ok 30 || fail "write"
	"$cluster" kill n2 && "$cluster" kill n3 || fail "kill"
	tell write 1 b
	answer EIO 30 || fail "no EIO after io-timeout: $reply"
	on n1 qbd status vol0 >"$scratch/status" || true
	grep -q 'n2' "$scratch/status" || fail "status does not name n2"
	end_writer
}

# What the page cache holds is handed over at once, and takes several times
# io-timeout on its way.
test_slow_network_fails_nothing_that_goes_on() {
	local before

	up --network switch --set 'io-timeout = "3s"'
	write_blocks /dev/qbd0 0 1 a || fail "write"
	# A queue so short that heartbeats are not late.
	tc -n n1 qdisc replace dev eth0 root netem rate 30mbit limit 16 ||
		fail "slow down n1's link"
	before=$SECONDS
	head -c 40M /dev/zero | tr '\0' b |
		dd of=/dev/qbd0 bs=1M iflag=fullblock conv=fsync,notrunc \
			status=none || fail "a write failed"
	[ $((SECONDS - before)) -ge 9 ] || fail "the network was not slow"
	status_is n1 .device.gate active || fail "the gate is not active"
	tc -n n1 qdisc del dev eth0 root
	"$cluster" wait || fail "not healthy"
	blocks_are /dev/qbd0 0 10240 b || fail "what was written is not there"
	replicas_equal
}

test_status_and_abort_and_down_work_without_quorum() {
	up --set 'io-timeout = "0"'
	start_writer /dev/qbd0
	tell write 0 a
	answer ok 30 || fail "write"
	"$cluster" kill n2 && "$cluster" kill n3 || fail "kill"
	tell write 1 b
	poll 20 gate_is n1 suspended || fail "the gate is not suspended"
	poll 10 status_is n1 .daemon running ||
		fail "the agent of n1 does not answer"
	on n1 qbd abort vol0 || fail "abort"
	answer EIO 10 || fail "abort did not end the write: $reply"
	on n1 qbd down vol0 2>/dev/null && fail "down of an open device"
	end_writer
	on n1 timeout 30 qbd down vol0 || fail "down without quorum"
	[ ! -b /dev/qbd0 ] || fail "the device is still there"
}

test_status_answers_while_the_agent_hangs_or_is_dead() {
	share
	write_blocks /dev/qbd0 0 1 a || fail "write"
	"$cluster" stop n1
	on n1 timeout 5 qbd status vol0 >"$scratch/status" 2>&1
	[ $? -ne 124 ] || fail "status hangs with a stopped agent"
	grep -q qbd0 "$scratch/status" || fail "it does not show the device"
	"$cluster" cont n1
	"$cluster" kill-agent n1
	on n1 timeout 5 qbd status vol0 >"$scratch/status" 2>&1
	[ $? -ne 124 ] || fail "status hangs with a dead agent"
	"$cluster" start-agent n1 || fail "start-agent"
	"$cluster" wait || fail "not healthy"
}

long_test_restart_of_everything_keeps_everything() {
	local i

	share
	write_blocks /dev/qbd0 0 1000 a || fail "write"
	for i in 1 2 3; do
		"$cluster" kill "n$i" || fail "kill n$i"
	done
	for i in 3 2 1; do
		"$cluster" start "n$i" || fail "start n$i"
	done
	"$cluster" wait || fail "not healthy after the restart"
	blocks_are /dev/qbd2 0 1000 a || write_blocks /dev/qbd2 2000 1 z ||
		fail "n3 can't open"
	blocks_are /dev/qbd2 0 1000 a || fail "data lost in the restart"
	replicas_equal
}

run_tests
