# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the guest's test scripts share: TAP, a cluster that is always taken
# down, and polling with deadlines.  A script sources this, defines functions
# named test_*, and ends with run_tests; long_test_* are for "make check-long".
set -uo pipefail

# The kselftest runner reaches this file by a link.
top=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../../.." && pwd)
script=$(realpath "$0")
cd "$top" || exit 1
cluster=scripts/cluster
scratch=$(mktemp -d)
written_before=0 # by n1, when fio_start began

note() {
	echo "# $*"
}

# Ends the test that runs, and says where.
fail() {
	note "failed at ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*"
	exit 1
}

# Polls: poll SECONDS COMMAND... until COMMAND succeeds.  In an emulated guest
# to look costs more than to wait.
poll() {
	local deadline=$((SECONDS + $1))
	shift

	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.4
	done
}

on() {
	local node=$1
	shift

	"/run/qbd-cluster/$node/exec" "$@"
}

status_of() {
	on "$1" qbd status vol0 --json | jq -r "$2"
}

status_is() {
	[ "$(status_of "$1" "$2" 2>/dev/null)" = "$3" ]
}

# The node that leads, as any running node knows.
leads() {
	status_is "$1" .leader "$1"
}

up() {
	rm -f "$scratch/shared"
	(down) || exit 1
	"$cluster" up "$@" >"$scratch/up" 2>&1 || {
		sed 's/^/# /' "$scratch/up"
		fail "cluster up $*"
	}
}

# For a test that leaves its cluster whole: takes that of the test before, if
# it did so too and wanted the same.
share() {
	if [ "$(cat "$scratch/shared" 2>/dev/null)" = "$*" ] &&
		[ -e /run/qbd-cluster ] && "$cluster" wait; then
		return
	fi
	up "$@"
	echo "$*" >"$scratch/shared"
}

# A command must fail with status STATUS and say something that matches.
refused() {
	local status=$1 pattern=$2
	shift 2

	"$@" >"$scratch/out" 2>"$scratch/error"
	[ $? -eq "$status" ] ||
		fail "exit status of $*: $(cat "$scratch/error")"
	grep -qiE "$pattern" "$scratch/error" ||
		fail "'$*' says: $(cat "$scratch/error")"
}

disk_of() {
	cat "/run/qbd-cluster/$1/disk"
}

# Marked blocks: writes N blocks of 4 KiB at OFFSET (in blocks), all of PATTERN.
write_blocks() {
	local device=$1 offset=$2 count=$3 pattern=$4

	head -c $((count * 4096)) /dev/zero | tr '\0' "$pattern" |
		dd of="$device" bs="$(piece "$count")" seek=$((offset * 4096)) \
			iflag=fullblock oflag=direct,seek_bytes conv=notrunc \
			status=none
}

# In what pieces to write so many blocks, the last one whole.
piece() {
	local blocks=16

	while [ $(($1 % blocks)) -ne 0 ]; do
		blocks=$((blocks / 2))
	done
	echo $((blocks * 4096))
}

# Are these blocks all of PATTERN?
blocks_are() {
	local device=$1 offset=$2 count=$3 pattern=$4

	dd if="$device" of="$scratch/blocks" bs="$(piece "$count")" \
		skip=$((offset * 4096)) count=$((count * 4096)) \
		iflag=direct,skip_bytes,count_bytes status=none &&
		[ "$(stat -c %s "$scratch/blocks")" = $((count * 4096)) ] &&
		[ "$(tr -d "$pattern" <"$scratch/blocks" | wc -c)" = 0 ]
}

# fio in the background on a device; fio_wait tells how it ended.
fio_start() {
	local device=$1
	shift

	written_before=$(written n1)
	fio --name=load --filename="$device" --direct=1 --ioengine=libaio \
		--verify=crc32c --verify_fatal=1 --randrepeat=1 \
		--output="$scratch/fio" "$@" >/dev/null 2>&1 &
	fio_pid=$!
}

fio_wait() {
	wait "$fio_pid" && return 0
	sed 's/^/# /' "$scratch/fio" | tail -20
	return 1
}

# A process that holds a device open and does as it is told, see writer.py.
start_writer() {
	coproc WRITER { exec python3 tests/vm/lib/writer.py "$1"; }
	# shellcheck disable=SC2153 # bash sets it, and forgets it at the end
	writer_pid=$WRITER_PID
}

tell() {
	echo "$*" >&"${WRITER[1]}"
}

# Its next answer, into $reply; waits SECONDS (60): hear [SECONDS]
hear() {
	read -r -t "${1:-60}" reply <&"${WRITER[0]}"
}

# Is its next answer this one? answer TEXT [SECONDS]
answer() {
	hear "${2:-60}" && [ "$reply" = "$1" ]
}

end_writer() {
	tell quit
	wait "$writer_pid" || fail "the writer ended badly"
}

# How much the device has written so far, in bytes.
written() {
	status_of "$1" .device.write_bytes
}

# Since $written_before.
has_written() {
	[ "$(written "$1")" -ge $((written_before + $2)) ]
}

replicas_equal() {
	"$cluster" hash --timeout 60 >"$scratch/hash" 2>&1 || {
		sed 's/^/# /' "$scratch/hash"
		fail "the replicas differ"
	}
}

down() {
	[ ! -e /run/qbd-cluster ] || "$cluster" down >"$scratch/down" 2>&1 || {
		sed 's/^/# /' "$scratch/down"
		fail "cluster down"
	}
}

# Each test runs in a shell of its own; what it leaves is cleaned up.
run_tests() {
	local tests test number=0 failed=0

	mapfile -t tests < <(sed -nE \
		"s/^(${QBD_CHECK_LONG:+(long_)?}test_[a-z0-9_]+)\(\).*/\1/p" \
		"$script")
	echo "1..${#tests[@]}"
	for test in "${tests[@]}"; do
		number=$((number + 1))
		SECONDS=0
		if ("$test"); then
			echo "ok $number - ${test#*test_} # $SECONDS s"
		else
			failed=1
			echo "not ok $number - ${test#*test_} # $SECONDS s"
			rm -f "$scratch/shared"
			[ ! -e /run/qbd-cluster ] ||
				"$cluster" status 2>&1 | sed 's/^/# /'
			tail -n 15 /run/qbd-cluster/n*/log 2>/dev/null |
				sed 's/^/# /'
		fi
		[ -e "$scratch/shared" ] || (down) || failed=1
	done
	(down) || failed=1
	rm -rf "$scratch"
	exit "$failed"
}
