#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What went wrong stands in the log: with names, reasons and time stamps.
# shellcheck source=tests/vm/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

log_of() {
	echo "/run/qbd-cluster/$1/log"
}

# Does a line of the node's log match?
logged() {
	grep -qE -- "$2" "$(log_of "$1")"
}

must_log() {
	poll "$1" logged "$2" "$3" || fail "the log of $2 lacks: $3"
}

times_logged() {
	grep -c "event=$2" "$(log_of "$1")"
}

logged_again() {
	[ "$(times_logged "$1" "$2")" -gt "$3" ]
}

test_lost_quorum_and_what_it_cost_is_told() {
	local before line='^20[0-9-]{8}T[0-9:]{8}\.[0-9]{3}[+-][0-9:]{5} '

	line+='(error|warning|notice|info) node=n1 volume=vol0 event=[a-z-]+( |$)'
	up --set 'io-timeout = "5s"'
	must_log 30 n1 'event=started version=[0-9.]+ module='
	must_log 1 n1 'event=replica-open disk=\S+ state='
	start_writer /dev/qbd0
	tell write 0 a
	answer ok 30 || fail "write"
	must_log 60 n1 'event=leader leader=n1 term='
	must_log 60 n1 'event=device-opened for=writing by=".*python3.*pid'
	"$cluster" kill n2 && "$cluster" kill n3 || fail "kill"
	tell write 1 b
	answer EIO 60 || fail "no EIO after io-timeout: $reply"
	must_log 60 n1 'event=link-down peer=n2 .*reason="[^"]+"'
	must_log 60 n1 'event=link-down peer=n3 .*reason="[^"]+"'
	must_log 60 n1 'event=gate old=active new=suspended reason="[^"]+"'
	must_log 60 n1 'event=quorum-lost missing=n2,n3 reached=1 needed=2 of=3'
	must_log 60 n1 'event=gate old=suspended new=fenced reason="io-timeout"'
	must_log 60 n1 \
		'event=io-failed requests=[1-9].* timeouts=1 reason="io-timeout"'
	end_writer
	must_log 60 n1 'event=device-closed for=writing by=".*python3'
	# On a busy machine it may have been lost and regained before.
	before=$(times_logged n1 quorum-regained)
	"$cluster" start n2 || fail "start n2"
	must_log 60 n1 'event=link-up peer=n2'
	poll 120 logged_again n1 quorum-regained "$before" ||
		fail "the log of n1 lacks quorum-regained"
	must_log 1 n1 'event=quorum-regained after_s=[0-9.]+ leader=n[12]'
	[ "$(times_logged n1 quorum-lost)" -le \
		"$(times_logged n1 quorum-regained)" ] ||
		fail "quorum-lost is told more than once"
	grep -vE "$line" "$(log_of n1)" && fail "lines without a stamp"
	grep -E '(peer|leader|writer|by)=#?[0-9]' "$(log_of n1)" &&
		fail "numbers instead of names"
	"$cluster" start n3
}

test_a_refused_opening_says_who_has_the_device() {
	up
	start_writer /dev/qbd0
	tell write 0 a
	answer ok 30 || fail "write"
	dd if=/dev/zero of=/dev/qbd1 bs=4k count=1 oflag=direct status=none \
		2>/dev/null && fail "n2 could write as well"
	must_log 60 n2 'event=open-refused writer=n1 by=n1 reason="n1 has '
	end_writer
	mkdir -p "$scratch/mnt"
	mkfs.ext4 -q /dev/qbd1 || fail "mkfs"
	mount /dev/qbd1 "$scratch/mnt" || fail "mount"
	must_log 60 n2 "for=writing by=\"mounted on $scratch/mnt\""
	umount "$scratch/mnt"
	must_log 60 n2 "event=device-closed .*by=\"mounted on $scratch/mnt\""
}

long_test_an_abort_and_a_stop_are_told() {
	up --set 'io-timeout = "0"'
	start_writer /dev/qbd0
	tell write 0 a
	answer ok 30 || fail "write"
	"$cluster" kill n2 && "$cluster" kill n3 || fail "kill"
	must_log 60 n1 'event=gate old=active new=suspended'
	tell write 1 b
	on n1 qbd abort vol0 || fail "abort"
	answer EIO 30 || fail "abort did not end the write: $reply"
	must_log 60 n1 'new=fenced reason="aborted"'
	must_log 60 n1 'event=io-failed requests=[1-9].* reason="aborted"'
	end_writer
	on n1 timeout 60 qbd down vol0 || fail "down"
	must_log 10 n1 'event=stopped reason="qbd down" up_s='
}

run_tests
