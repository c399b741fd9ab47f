#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A replica that the log can't help is filled by a copy.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

fill() {
	fio --name=fill --filename=/dev/qbd0 --direct=1 --ioengine=libaio \
		--rw=randwrite --bs=64k --size=60M --io_size="$1" --iodepth=8 \
		--verify=crc32c --do_verify=0 --randrepeat=0 \
		--output="$scratch/fill" >/dev/null || fail "fio"
}

test_node_too_far_behind_is_copied_while_writing_goes_on() {
	share --size 64M --set 'log-size = "16M"'
	write_blocks /dev/qbd0 0 100 a || fail "write"
	"$cluster" kill n3 || fail "kill n3"
	fill 48M
	"$cluster" start n3 || fail "start n3"
	fio_start /dev/qbd0 --rw=randwrite --bs=4k --size=60M --io_size=8M \
		--iodepth=4
	"$cluster" wait --timeout 120 || fail "n3 does not come back"
	fio_wait || fail "fio saw an error"
	replicas_equal
}

long_test_copy_survives_the_death_of_its_target() {
	share --size 64M --set 'log-size = "16M"'
	"$cluster" kill n3 || fail "kill n3"
	fill 48M
	"$cluster" start n3 || fail "start n3"
	"$cluster" kill n3 || fail "kill n3 again"
	"$cluster" start n3 || fail "start n3 again"
	"$cluster" wait --timeout 120 || fail "n3 does not come back"
	replicas_equal
}

long_test_replica_formatted_anew_is_filled() {
	up --size 64M
	write_blocks /dev/qbd0 0 2000 a || fail "write"
	"$cluster" kill n2 || fail "kill n2"
	"$top/build/agent/qbd" format vol0 --node n2 --force >/dev/null ||
		fail "format"
	"$cluster" start n2 || fail "start n2"
	"$cluster" wait --timeout 120 || fail "n2 does not come back"
	replicas_equal
	# And it can take over with all the data.
	"$cluster" kill n1 || fail "kill n1"
	poll 30 write_blocks /dev/qbd1 3000 1 b || fail "n2 can't open"
	blocks_are /dev/qbd1 0 2000 a || fail "data lost"
}

run_tests
