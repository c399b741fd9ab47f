#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Plain work on a healthy volume of three nodes.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

test_all_sizes_and_alignments_read_back() {
	share --size 64M
	fio --name=mixed --filename=/dev/qbd0 --direct=1 --ioengine=libaio \
		--rw=randwrite --bsrange=512-256k --blockalign=512 --size=60M \
		--io_size=24M --iodepth=16 --verify=crc32c --verify_fatal=1 \
		--randrepeat=1 --output="$scratch/fio" ||
		fail "fio: $(tail -5 "$scratch/fio")"
	replicas_equal
}

test_discard_and_zeroes_read_back_as_zeroes() {
	share --size 64M
	write_blocks /dev/qbd0 0 4096 x || fail "write"
	blkdiscard --offset 1M --length 4M /dev/qbd0 || fail "blkdiscard"
	blkdiscard --zeroout --offset 8M --length 512K /dev/qbd0 || fail "zero"
	blocks_are /dev/qbd0 256 1024 '\0' || fail "discarded is not zero"
	blocks_are /dev/qbd0 2048 128 '\0' || fail "zeroed is not zero"
	blocks_are /dev/qbd0 0 256 x || fail "what is before changed"
	blocks_are /dev/qbd0 2176 100 x || fail "what is behind changed"
	replicas_equal
}

test_one_node_volume_works_alone() {
	up --nodes 1 --size 64M
	fio --name=one --filename=/dev/qbd0 --direct=1 --ioengine=libaio \
		--rw=randwrite --bs=4k --io_size=4M --iodepth=8 \
		--verify=crc32c --verify_fatal=1 --output="$scratch/fio" ||
		fail "fio"
}

run_tests
