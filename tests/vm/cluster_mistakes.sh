#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What people and strangers get wrong: one clear error, nothing changed.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

qbd=$top/build/agent/qbd

test_damaged_superblock_is_told_and_others_go_on() {
	local disk

	up
	write_blocks /dev/qbd0 0 100 a || fail "write"
	"$cluster" kill n3
	disk=$(disk_of n3)
	# Both copies: at the disk's beginning and at its end.
	dd if=/dev/urandom of="$disk" bs=4k count=1 conv=notrunc status=none
	dd if=/dev/urandom of="$disk" bs=4k count=1 conv=notrunc status=none \
		seek=$(($(blockdev --getsize64 "$disk") / 4096 - 1))
	"$cluster" start n3 2>"$scratch/error" && fail "n3 starts on it"
	grep -qi 'superblock\|no replica\|format' "$scratch/error" ||
		fail "says: $(cat "$scratch/error")"
	write_blocks /dev/qbd0 0 100 b || fail "the volume does not go on"
}

long_test_disk_of_another_volume_is_refused() {
	up
	"$cluster" kill n3
	sed 's/^id = .*/id = "11111111-2222-3333-4444-555555555555";/' \
		/etc/qbd/vol0.conf >"$scratch/other.conf"
	refused 1 'volume' "$qbd" format vol0 --node n3 \
		--config "$scratch/other.conf"
	"$qbd" format vol0 --node n3 --force --config "$scratch/other.conf" \
		>/dev/null || fail "format --force"
	"$cluster" start n3 2>"$scratch/error" && fail "n3 starts on it"
	grep -qi 'volume' "$scratch/error" || fail "$(cat "$scratch/error")"
}

long_test_formatting_a_disk_with_data_needs_force() {
	up --nodes 1
	"$cluster" kill n1
	mkfs.ext4 -q -F "$(disk_of n1)" || fail "mkfs"
	refused 1 'ext4' "$qbd" format vol0 --node n1
	[ "$(blkid -o value -s TYPE "$(disk_of n1)")" = ext4 ] ||
		fail "the filesystem was touched"
}

test_damaged_log_is_repaired_from_the_others() {
	local disk at

	share
	write_blocks /dev/qbd0 0 500 a || fail "write"
	"$cluster" kill n3
	disk=$(disk_of n3)
	# The ring of 64 MiB ends before the last block; 512 KiB in the middle
	# of what was written to it.
	at=$(($(blockdev --getsize64 "$disk") - 4096 - (64 << 20) + (512 << 10)))
	dd if=/dev/urandom of="$disk" bs=64k count=8 conv=notrunc \
		status=none oflag=seek_bytes seek="$at"
	"$cluster" start n3 || fail "start n3"
	"$cluster" wait --timeout 120 || fail "n3 is not repaired"
	replicas_equal
}

test_port_in_use_is_named() {
	share
	"$cluster" kill-agent n2
	# Not by on(): what is killed below must be Python itself.
	/run/qbd-cluster/n2/exec python3 -c '
import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("10.77.0.2", 7700))
s.listen()
time.sleep(600)' &
	poll 10 eval 'on n2 ss -ltn | grep 10.77.0.2:7700 >/dev/null' || fail "ss"
	refused 1 '7700' on n2 qbd up vol0
	kill $!
	wait
	"$cluster" start-agent n2 || fail "start n2"
}

test_second_agent_of_a_volume_is_refused() {
	share
	refused 1 'running|already' on n1 qbd up vol0
	write_blocks /dev/qbd0 0 1 a || fail "the first one is harmed"
}

test_garbage_on_the_peer_port_harms_nobody() {
	share
	fio_start /dev/qbd0 --rw=randwrite --bs=4k --size=16M --io_size=4M \
		--iodepth=4
	on n3 python3 -c '
import os, socket
for i in range(30):
    s = socket.create_connection(("10.77.0.%d" % (1 + i % 2), 7700), 5)
    try:
        s.sendall(os.urandom(1 + i * 1997))
        s.settimeout(0.2)
        s.recv(4096)
    except OSError:
        pass
    s.close()' || fail "the garbage could not be sent"
	fio_wait || fail "fio saw an error"
	"$cluster" wait || fail "not healthy"
	replicas_equal
}

test_edited_sizes_are_told_with_what_stays() {
	share
	"$cluster" stop-agent n3 || fail "stop"
	cp /etc/qbd/vol0.conf "$scratch/vol0.conf"
	sed -i '/^log-size/d; s/^size = .*/&\nlog-size = "128M";/' \
		/etc/qbd/vol0.conf
	"$cluster" start-agent n3 || fail "start with another log-size"
	"$cluster" wait n3 || fail "n3 is not healthy"
	status_of n3 .problem |
		grep -q 'log-size is 128M .* formatted with 64M, which stays' ||
		fail "problem: $(status_of n3 .problem)"
	"$cluster" stop-agent n3 || fail "stop"
	sed 's/^size = .*/size = "1G";/' "$scratch/vol0.conf" \
		>/etc/qbd/vol0.conf
	refused 3 'has 64M in blocks of 512 bytes, the configuration says 1G' \
		on n3 "$top/build/agent/qbdd" vol0
	on n3 qbd down vol0 >/dev/null || fail "down"
	refused 3 'put size = "64M"; back' on n3 "$top/build/agent/qbdd" vol0
	cp "$scratch/vol0.conf" /etc/qbd/vol0.conf
	"$cluster" start-agent n3 || fail "start as before"
}

test_mistakes_in_the_configuration_are_told_all_at_once() {
	mkdir -p /etc/qbd
	cat >/etc/qbd/bad.conf <<-END
		volume = "bad";
		id = "0b6f3c2e-6a57-4c0e-9d43-0c1f1a4a7e55";
		size = "64X";
		io-timout = "3s";
		nodes = (
		  { name = "n1"; id = 1; address = "10.0.0.1:7700"; disk = "/dev/null"; },
		  { name = "n1"; id = 2; address = "10.0.0.2:7700"; disk = "/dev/null"; }
		);
	END
	refused 1 'bad.conf:3' "$qbd" up bad --node n1
	grep -q 'bad.conf:4.*io-timeout' "$scratch/error" || fail "line 4"
	grep -q 'bad.conf:7.*n1' "$scratch/error" || fail "line 7"
}

long_test_missing_module_is_told_with_the_remedy() {
	up --nodes 1
	"$cluster" kill n1
	cp -r /run/qbd-cluster "$scratch/state"
	rmmod qbd || fail "rmmod"
	refused 1 'module' "$qbd" up vol0 --node n1
	insmod "build/$QBD_GUEST_KERNEL/qbd.ko" || fail "insmod"
}

test_file_that_is_too_small_is_refused_with_the_size_needed() {
	mkdir -p /etc/qbd
	truncate -s 1M "$scratch/small"
	cat >/etc/qbd/small.conf <<-END
		volume = "small";
		id = "0b6f3c2e-6a57-4c0e-9d43-0c1f1a4a7e55";
		size = "64M";
		nodes = ( { name = "n1"; id = 1; address = "127.0.0.1:7700"; disk = "$scratch/small"; } );
	END
	refused 1 'small|large|need' "$qbd" format small --node n1
}

# By the mount, which stays, not by mount(8), which has ended.
test_who_has_the_device_or_the_disk_is_told() {
	up --nodes 1
	mkfs.ext4 -q /dev/qbd0 || fail "mkfs"
	mkdir "$scratch/mnt"
	mount /dev/qbd0 "$scratch/mnt" || fail "mount"
	refused 1 "/dev/qbd0 is mounted on $scratch/mnt: unmount" \
		on n1 qbd down vol0
	refused 1 'it is the replica of volume vol0, .*qbd down vol0' \
		on n1 "$qbd" format vol0 --force
	umount "$scratch/mnt" || fail "umount"
	exec 7</dev/qbd0
	refused 1 "/dev/qbd0 is open in .*\(pid $BASHPID\)" \
		on n1 qbd down vol0
	exec 7<&-
	on n1 qbd down vol0 || fail "down"
}

# For systemd: RestartPreventExitStatus.
test_exit_status_says_whether_to_try_again() {
	local qbdd=$top/build/agent/qbdd

	up --nodes 1
	refused 2 'unknown' "$qbdd" vol0 --nonsense
	refused 1 'runs already' on n1 "$qbdd" vol0
	"$cluster" stop-agent n1 || fail "stop"
	refused 3 'nobody' on n1 "$qbdd" vol0 --node nobody
	sed 's/^size/sise/' /etc/qbd/vol0.conf >"$scratch/vol0.conf"
	refused 3 'sise' on n1 "$qbdd" vol0 --config "$scratch/vol0.conf"
	sed 's/^size = .*/size = "60M";/' /etc/qbd/vol0.conf \
		>"$scratch/vol0.conf"
	on n1 qbd down vol0 >/dev/null || fail "down"
	refused 3 'size|formatted' on n1 "$qbdd" vol0 \
		--config "$scratch/vol0.conf"
	sed 's:disk = "[^"]*":disk = "/dev/nowhere":' /etc/qbd/vol0.conf \
		>"$scratch/vol0.conf"
	refused 1 'nowhere' on n1 "$qbdd" vol0 --config "$scratch/vol0.conf"
}

run_tests
