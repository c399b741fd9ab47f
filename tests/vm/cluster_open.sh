#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who may open the device, where and when.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

# Holds a device open for writing until its standard input ends.
hold_open() {
	exec 7<>"$1"
}

test_open_without_quorum_or_agent_is_not_called_busy() {
	up
	"$cluster" kill n2 && "$cluster" kill n3 || fail "kill"
	poll 30 status_is n1 .state no-quorum || fail "n1 has a quorum"
	open_fails_with /dev/qbd0 'Connection timed out'
	"$cluster" kill-agent n1
	open_fails_with /dev/qbd0 'endpoint is not connected'
}

# Opening to read must fail, and say so.
open_fails_with() {
	dd if="$1" of=/dev/null bs=4k count=1 status=none 2>"$scratch/error" &&
		fail "the open of $1 was granted"
	grep -q "$2" "$scratch/error" ||
		fail "not '$2': $(cat "$scratch/error")"
}

test_udev_names_the_volume_and_moves_nobody() {
	local i

	install -m 644 scripts/systemd/59-qbd.rules /lib/udev/rules.d/
	/lib/systemd/systemd-udevd --daemon 2>/dev/null || fail "udevd"
	up
	hold_open /dev/qbd0 || fail "open on n1"
	for i in 0 1 2; do
		udevadm trigger --settle --action=change "/sys/block/qbd$i" ||
			fail "udevadm trigger"
		udevadm info --query=symlink "/dev/qbd$i" |
			grep -q qbd/by-name/vol0 || fail "no link to qbd$i"
	done
	leads n1 || fail "udev made another node lead"
	exec 7>&-
	# Asked to exit, it sometimes forgets to.
	udevadm settle || fail "udev does not settle"
	pkill -KILL systemd-udevd || fail "there is no udevd any more"
	rm /lib/udev/rules.d/59-qbd.rules
}

test_second_writer_gets_ebusy_and_status_names_the_first() {
	share
	hold_open /dev/qbd0 || fail "open on n1"
	write_blocks /dev/qbd1 0 1 x 2>"$scratch/error" &&
		fail "the open on n2 was granted"
	grep -q 'Device or resource busy' "$scratch/error" ||
		fail "not EBUSY: $(cat "$scratch/error")"
	poll 5 status_is n2 .writer n1 || fail "status does not name the writer"
	write_blocks /dev/qbd0 0 1 y || fail "the writer can't write any more"
	exec 7>&-
}

test_writer_moves_after_close() {
	local i

	share
	for i in 0 1 2 0 2; do
		write_blocks "/dev/qbd$i" "$i" 1 "$i" || fail "write on qbd$i"
	done
	for i in 0 1 2; do
		blocks_are /dev/qbd2 "$i" 1 "$i" || fail "block $i is not there"
	done
	replicas_equal
}

test_read_only_open_elsewhere_fails_at_once_while_a_writer_lives() {
	share
	hold_open /dev/qbd0 || fail "open on n1"
	SECONDS=0
	dd if=/dev/qbd1 of=/dev/null bs=4k count=1 status=none 2>/dev/null &&
		fail "a read on a follower was served"
	[ "$SECONDS" -le 2 ] || fail "it took $SECONDS s"
	exec 7>&-
}

test_read_only_open_sees_the_newest_data_anywhere() {
	share
	write_blocks /dev/qbd0 0 1 x || fail "write"
	blocks_are /dev/qbd1 0 1 x || fail "n2 does not read it"
	blocks_are /dev/qbd2 0 1 x || fail "n3 does not read it"
}

test_mounted_volume_is_not_removed() {
	share
	mkfs.ext4 -q -F /dev/qbd0 && mount /dev/qbd0 /mnt || fail "mount"
	on n1 qbd down vol0 2>"$scratch/error" && fail "down of a mounted volume"
	[ -s "$scratch/error" ] || fail "no error is said"
	rmmod qbd 2>/dev/null && fail "the module was unloaded"
	touch /mnt/file && sync || fail "the volume is damaged by the attempt"
	umount /mnt
}

test_transfer_moves_leadership_of_a_closed_volume() {
	share
	write_blocks /dev/qbd0 0 1 x || fail "write"
	poll 10 leads n1 || fail "n1 does not lead after writing"
	on n1 qbd transfer vol0 n3 || fail "transfer"
	poll 10 leads n3 || fail "n3 does not lead"
	hold_open /dev/qbd2
	on n3 qbd transfer vol0 n1 2>"$scratch/error" &&
		fail "transfer away from an open device"
	exec 7>&-
}

run_tests
