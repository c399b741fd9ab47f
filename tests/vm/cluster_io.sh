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

# By the README's recipe; who looks at the disk does not take it for the volume.
test_volume_is_found_on_the_replica_at_its_offset_only() {
	local disk loop

	up --nodes 1 --size 64M
	mkfs.ext4 -q -L inside /dev/qbd0 || fail "mkfs"
	mkdir "$scratch/mnt"
	mount /dev/qbd0 "$scratch/mnt" || fail "mount"
	echo hello >"$scratch/mnt/greeting"
	umount "$scratch/mnt" || fail "umount"
	on n1 qbd down vol0 || fail "down"
	disk=$(cat /run/qbd-cluster/n1/disk)
	[ -z "$(blkid -p -o value -s LABEL "$disk")" ] ||
		fail "the disk has the volume's label"
	loop=$(losetup --show --find --read-only --offset 1M \
		--sizelimit 64M "$disk") || fail "losetup"
	mount -o ro,noload "$loop" "$scratch/mnt" || fail "mount the replica"
	grep -q hello "$scratch/mnt/greeting" || fail "the file is not there"
	umount "$scratch/mnt" || fail "umount the replica"
	losetup --detach "$loop"
}

run_tests
