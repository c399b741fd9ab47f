#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Nodes that are found by name, and addresses that are not there yet.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

# In node $1 the names of the other nodes given are in /etc/hosts; of all others
# a server is asked that never answers.
names() {
	local node=$1 name
	shift

	for name in "$@"; do
		echo "10.77.0.${name#n} $name.qbd.test"
	done >"$scratch/hosts.$node"
	on "$node" mountpoint -q /etc/hosts && return
	echo 'nameserver 192.0.2.53' >"$scratch/resolv.conf"
	on "$node" mount --bind "$scratch/hosts.$node" /etc/hosts &&
		on "$node" mount --bind "$scratch/resolv.conf" \
			/etc/resolv.conf &&
		on "$node" ip address add 192.0.2.53/32 dev lo || fail "names"
	on "$node" python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.0.2.53", 53))
time.sleep(3600)' &
	silent+=($!)
	poll 20 eval "on $node ss -lun | grep 192.0.2.53:53 >/dev/null" ||
		fail "the silent server"
}

test_dead_peer_with_a_silent_name_server_costs_nothing() {
	local term silent=() end slowest=0 began took

	up --set 'election-timeout = "3s"'
	write_blocks /dev/qbd0 0 10 a || fail "write"
	"$cluster" stop-agent n1 && "$cluster" stop-agent n2 &&
		"$cluster" kill n3 || fail "stop"
	sed -i 's/10\.77\.0\.\([0-9]\):/n\1.qbd.test:/' /etc/qbd/vol0.conf
	names n1 n1 n2
	names n2 n1 n2
	"$cluster" start-agent n1 && "$cluster" start-agent n2 ||
		fail "start"
	poll 60 write_blocks /dev/qbd0 0 10 b || fail "no write at all"
	term=$(status_of n1 .term)
	# Longer than the C library tries a server.
	end=$((SECONDS + 20))
	while [ "$SECONDS" -lt "$end" ]; do
		began=${EPOCHREALTIME/./}
		write_blocks /dev/qbd0 0 10 c || fail "write"
		took=$((${EPOCHREALTIME/./} - began))
		[ "$took" -le "$slowest" ] || slowest=$took
	done
	note "the slowest ten blocks took $slowest us"
	[ "$(status_of n1 .term)" = "$term" ] || fail "the term has changed"
	# The library waits for a server far longer; so may not a slow guest.
	[ "$slowest" -lt 12000000 ] || fail "writes waited"
	status_of n1 .problem | grep 'n3.qbd.test' >/dev/null ||
		fail "problem: $(status_of n1 .problem)"
	# n3 does not know its own name at first, nor the others n3's.
	"$cluster" start n3 || fail "start n3"
	poll 30 eval "status_of n3 .listen_problem | grep n3.qbd.test >/dev/null" ||
		fail "n3: $(status_of n3 .problem)"
	names n3 n1 n2 n3
	names n1 n1 n2 n3
	names n2 n1 n2 n3
	"$cluster" wait --timeout 180 || fail "n3 is not found"
	[ -z "$(status_of n3 .listen_problem)" ] || fail "n3 still complains"
	kill "${silent[@]}"
	replicas_equal
}

test_address_that_comes_later_is_listened_on() {
	share
	"$cluster" stop-agent n2 || fail "stop"
	on n2 ip -o address show to 10.77.0.2 >"$scratch/address"
	read -r _ device _ _ <"$scratch/address"
	on n2 ip address delete 10.77.0.2/24 dev "$device" || fail "delete"
	"$cluster" start-agent n2 || fail "it does not start without"
	status_of n2 .listen_problem | grep 'does not have yet' >/dev/null ||
		fail "$(status_of n2 .listen_problem)"
	on n2 ip address add 10.77.0.2/24 dev "$device" || fail "add"
	"$cluster" wait || fail "n2 is not found"
	poll 30 status_is n2 .listen_problem "" ||
		fail "$(status_of n2 .listen_problem)"
	replicas_equal
}

test_refused_down_changes_nothing_and_later_does_not_happen() {
	share
	"$cluster" stop n2 || fail "stop"
	on n2 qbd down vol0 2>"$scratch/error" && fail "it went down"
	grep -q 'kill -CONT' "$scratch/error" || fail "$(cat "$scratch/error")"
	"$cluster" cont n2 || fail "cont"
	poll 20 grep -q event=not-run /run/qbd-cluster/n2/log ||
		fail "that it was stopped is not told"
	"$cluster" wait || fail "not healthy"
	write_blocks /dev/qbd0 0 10 a || fail "write"
	status_is n2 .daemon running || fail "n2 went down later"
	on n2 qbd down vol0 || fail "down"
	"$cluster" start-agent n2 || fail "start n2"
}

run_tests
