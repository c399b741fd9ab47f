#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a monitor is told of nodes, links and devices that are not well.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

# Agents look for it when they start.
grep -q '^qbd:' /etc/group || echo 'qbd:x:987:' >>/etc/group

# Is there a problem of this kind, of this node, in what a node says?
has_problem() {
	status_of "$1" ".problems[] | select(.what == \"$2\" and
		.node == \"$3\") | .text" 2>/dev/null | grep . >/dev/null
}

# The exit status of qbd status --check on a node.
check_is() {
	on "$1" qbd status vol0 --check >"$scratch/check" 2>&1
	[ $? -eq "$2" ]
}

link_is() {
	status_is "$1" ".nodes[] | select(.name == \"$2\") | .link" "$3"
}

lacks_is() {
	status_is "$1" ".nodes[] | select(.name == \"$2\") | .lacks" "$3"
}

test_check_tells_ok_degraded_and_not_serving() {
	up
	check_is n1 0 || fail "healthy: $(cat "$scratch/check")"
	"$cluster" kill n3 || fail "kill"
	poll 30 check_is n1 1 || fail "n3 gone: $(cat "$scratch/check")"
	grep -q 'n3' "$scratch/check" || fail "it does not name n3"
	status_is n1 .state degraded || fail "the state is not degraded"
	"$cluster" kill n2 || fail "kill"
	poll 30 check_is n1 2 || fail "alone: $(cat "$scratch/check")"
	"$cluster" stop n1
	check_is n1 2 || fail "agent stopped: $(cat "$scratch/check")"
	"$cluster" cont n1
	on n1 qbd down vol0 || fail "down"
	check_is n1 2 || fail "down: $(cat "$scratch/check")"
}

long_test_refused_node_is_told_at_both_ends() {
	local i

	up
	"$cluster" kill n3 || fail "kill"
	cp /etc/qbd/vol0.conf "$scratch/good.conf"
	sed -i 's/name = "n2"/name = "somebody"/' /etc/qbd/vol0.conf
	"$cluster" start n3 || fail "start n3"
	cp "$scratch/good.conf" /etc/qbd/vol0.conf
	# Until n1 tries an address anew whose machine was off.
	poll 120 has_problem n1 node-refused n3 ||
		fail "n1 does not say so: $(on n1 qbd status vol0)"
	poll 30 has_problem n3 node-refused n1 ||
		fail "n3 does not say so: $(on n3 qbd status vol0)"
	# Between the tries, too.
	for ((i = 0; i < 20; i++)); do
		has_problem n3 node-refused n1 ||
			fail "forgotten: $(on n3 qbd status vol0)"
	done
}

test_path_that_drops_large_packets_is_told() {
	local path='.problems[] | select(.what == "path-stuck") | .text'

	share --set 'io-timeout = "0"'
	"$cluster" cut --large n1 n2
	"$cluster" cut --large n1 n3
	"$cluster" cut --large n2 n3
	status_is n1 .state ok || fail "small packets do not get through"
	(write_blocks /dev/qbd0 0 16 a) 2>/dev/null &
	poll 60 eval "status_of n1 '$path' | grep 'check the MTU' >/dev/null" ||
		fail "n1 does not say so: $(on n1 qbd status vol0)"
	status_is n1 .state ok && fail "it is ok"
	note "$(status_of n1 "$path" | head -1)"
	"$cluster" heal
	wait $! || fail "the write does not go on"
	"$cluster" wait --timeout 120 || fail "not healthy again"
	blocks_are /dev/qbd0 0 16 a || fail "the write is not there"
}

long_test_terms_that_rise_again_and_again_are_told() {
	share --set 'io-timeout = "0"'
	"$cluster" cut --large n1 n2
	"$cluster" cut --large n1 n3
	"$cluster" cut --large n2 n3
	# The leader is lost with the next write that it sends.
	(write_blocks /dev/qbd0 0 16 a) 2>/dev/null &
	poll 120 eval "has_problem n2 terms-rise n2" ||
		fail "n2 does not say so: $(on n2 qbd status vol0)"
	"$cluster" heal
	wait $! || fail "the write does not go on"
}

# Its link goes down with it, so no FIN comes: as with a loss of power.
test_node_that_lost_its_power_is_silent_soon() {
	share
	write_blocks /dev/qbd0 0 1 a || fail "write"
	ip link set n3-up down
	SECONDS=0
	poll 30 link_is n1 n3 silent || fail "the link is not silent"
	note "it took $SECONDS s"
	[ "$SECONDS" -le 8 ] || fail "it took $SECONDS s"
	has_problem n1 node-silent n3 || fail "no problem says so"
	lacks_is n1 n3 null || fail "what it lacks is known"
	check_is n1 1 || fail "not degraded: $(cat "$scratch/check")"
	ip link set n3-up up
	"$cluster" wait || fail "not healthy again"
}

test_monitor_asks_as_a_member_of_the_group() {
	share
	on n1 setpriv --reuid nobody --regid nogroup --groups qbd \
		"$top/build/agent/qbd" status vol0 --check >"$scratch/check" ||
		fail "a member is told: $(cat "$scratch/check")"
	on n1 setpriv --reuid nobody --regid nogroup --groups qbd \
		"$top/build/agent/qbd" down vol0 2>"$scratch/error" &&
		fail "a member can stop the agent"
	grep -q 'root' "$scratch/error" || fail "$(cat "$scratch/error")"
	# Others are not told that it is down; nor of an agent that hangs.
	on n1 setpriv --reuid nobody --regid nogroup --clear-groups \
		"$top/build/agent/qbd" status vol0 >"$scratch/status" 2>&1
	grep -q '^vol0: unknown' "$scratch/status" || fail "$(cat "$scratch/status")"
	grep -q 'group qbd' "$scratch/status" || fail "no remedy"
	grep -q '/dev/qbd' "$scratch/status" || fail "no device"
	"$cluster" kill-agent n1
	on n1 setpriv --reuid nobody --regid nogroup --clear-groups \
		"$top/build/agent/qbd" status vol0 >"$scratch/status" 2>&1
	grep -q '^vol0: \(unknown\|dead\)' "$scratch/status" ||
		fail "agent dead: $(cat "$scratch/status")"
	"$cluster" start-agent n1 || fail "start-agent"
}

test_wait_ends_when_the_volume_can_be_opened() {
	share
	exec 7<>/dev/qbd1 || fail "open on n2"
	on n1 qbd wait vol0 --timeout 0 2>"$scratch/error" &&
		fail "n2 has it open"
	grep -q 'n2 has it open' "$scratch/error" || fail "$(cat "$scratch/error")"
	# What holds the device must not be handed down.
	on n1 qbd wait vol0 --timeout 60 >"$scratch/wait" 7>&- &
	poll 30 grep -q 'n2 has it open' "$scratch/wait" || fail "it says nothing"
	exec 7>&-
	wait $! || fail "it does not end: $(cat "$scratch/wait")"
	on n1 qbd wait vol0 --for synced --timeout 60 >/dev/null ||
		fail "not synced"
	"$cluster" kill n3
	# Till then what it said last counts.
	poll 30 link_is n1 n3 silent || fail "n3 is not silent"
	on n1 qbd wait vol0 --for synced --timeout 3 2>"$scratch/error" &&
		fail "synced without n3"
	grep -q n3 "$scratch/error" || fail "$(cat "$scratch/error")"
	on n1 qbd wait vol0 --for quorum --timeout 60 >/dev/null ||
		fail "no quorum of two"
	write_blocks /dev/qbd0 0 1 a || fail "it can't be opened"
	"$cluster" start n3 || fail "start n3"
}

run_tests
