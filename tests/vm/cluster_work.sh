#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What takes a healthy volume of three nodes longer.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

test_filesystem_with_many_files_is_clean_after_remount() {
	up --size 96M
	mkfs.ext4 -q -F /dev/qbd0 || fail "mkfs"
	mount /dev/qbd0 /mnt || fail "mount"
	cp -a /usr/include/linux /mnt/ || fail "cp"
	umount /mnt || fail "umount"
	e2fsck -f -n /dev/qbd0 >"$scratch/fsck" 2>&1 || fail "fsck"
	mount /dev/qbd0 /mnt || fail "mount again"
	diff -r --no-dereference /usr/include/linux /mnt/linux || fail "diff"
	umount /mnt
	replicas_equal
}

test_log_wraps_many_times() {
	up --size 64M --set 'log-size = "16M"'
	fio --name=wrap --filename=/dev/qbd0 --direct=1 --ioengine=libaio \
		--rw=randwrite --bs=64k --size=64M --io_size=80M --iodepth=8 \
		--verify=crc32c --verify_fatal=1 --output="$scratch/fio" ||
		fail "fio"
	replicas_equal
}

run_tests
