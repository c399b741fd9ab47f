# shellcheck shell=bash
# shellcheck disable=SC2154 # $top is the caller's
# SPDX-License-Identifier: GPL-2.0
#
# What the scripts that boot guests share: which kernel log is a bad one, the
# initramfs, the emulated machine, and how many may run.  Sourced, with $top
# and, from choose_kernel on, $kernel, $release and $image set.

# What must not be in a kernel log.  Emulation is slow but not that slow: the
# watchdogs' limits are raised on the kernel's command line instead.
bad='WARNING:|BUG:|kernel BUG|Oops|Kernel panic|KASAN|UBSAN|KCSAN'
bad+='|possible circular locking|inconsistent lock state|possible recursive'
bad+='|suspicious RCU|rcu.*detected.*stall|self-detected stall|soft lockup'
bad+='|blocked for more than|general protection|Unable to handle'
bad+='|scheduling while atomic|sleeping function called from invalid'
bad+='|list_(add|del) corruption|refcount_t:|Bad page|kmemleak: [0-9]+ new'
bad+='|segfault at|guest: FATAL'

die() {
	echo "${0##*/}: $*" >&2
	exit 125
}

check_tools() {
	local tool

	[[ $top != *[[:space:],]* ]] ||
		die "the project's path '$top' has a space or a comma; move it"
	for tool in qemu-system-x86_64 busybox cpio /sbin/modprobe "$@"; do
		command -v "$tool" >/dev/null ||
			die "$tool is missing; run scripts/setup test"
	done
}

choose_kernel() {
	kernel=$1
	"$top/scripts/kernel" get "$kernel"
	release=$("$top/scripts/kernel" release "$kernel")
	# shellcheck disable=SC2034 # for the caller
	image=$("$top/scripts/kernel" image "$kernel")
	mkdir -p "$top/build/vm"
}

# Busybox, an init, and the modules it needs, in the order of loading.
build_initramfs() {
	local out=$1 init=$2 tree=$1.tree base name path words
	shift 2

	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/modules"
	cp "$(command -v busybox)" "$tree/bin/busybox"
	ln -s busybox "$tree/bin/sh"
	install -m 755 "$init" "$tree/init"
	base=$("$top/scripts/kernel" modules "$kernel")
	base=${base%/lib/modules/*}
	for name in "$@"; do
		/sbin/modprobe -d "$base" -S "$release" --show-depends "$name"
	done | while read -r words; do
		# "insmod PATH" or "builtin NAME"
		[[ $words == insmod\ * ]] || continue
		path=${words#insmod }
		path=${path% }
		name=$(basename "$path")
		[ ! -e "$tree/modules/${name%.xz}" ] || continue
		case $name in
		*.xz) xz -dc "$path" >"$tree/modules/${name%.xz}" ;;
		*) cp "$path" "$tree/modules/$name" ;;
		esac
		echo "${name%.xz}" >>"$tree/modules/order"
	done
	(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) >"$out.$$"
	mv "$out.$$" "$out"
	rm -rf "$tree"
}

# Prints the path of the initramfs NAME: initramfs NAME INIT MODULE...
initramfs() {
	local out=$top/build/vm/$1-$release
	shift

	(
		flock 8
		if [ ! -e "$out" ] || [ "$1" -nt "$out" ] ||
			[ "$0" -nt "$out" ] || [ "${BASH_SOURCE[0]}" -nt "$out" ]; then
			build_initramfs "$out" "$@"
		fi
	) 8>"$out.lock"
	echo "$out"
}

# A machine may have /dev/kvm and still hang in it (nested, emulated): boot
# a kernel without a root; one that reaches its panic has booted.  In a shell of
# its own, which would tell everybody how the emulator died.
kvm_works() (
	log=$top/build/vm/kvm-probe.log
	exec 2>/dev/null
	[ -w /dev/kvm ] || exit 1
	timeout -k 1 15 qemu-system-x86_64 -nodefaults -no-user-config \
		-machine pc -accel kvm -cpu host -m 256 -display none \
		-no-reboot -serial "file:$log" -kernel "$image" \
		-append "console=ttyS0 panic=-1" </dev/null >/dev/null &&
		grep -q 'Kernel panic' "$log"
)

# Prints "kvm" or "tcg".  The answer holds until the machine boots again.
choose_accel() {
	local cache=$top/build/vm/accel boot

	case ${QBD_ACCEL:-} in
	kvm | tcg)
		echo "$QBD_ACCEL"
		return
		;;
	'') ;;
	*) die "QBD_ACCEL is '$QBD_ACCEL'; it is kvm or tcg" ;;
	esac
	boot=$(cat /proc/sys/kernel/random/boot_id)
	(
		flock 8
		if ! grep -qs "^$boot " "$cache"; then
			if kvm_works; then
				echo "$boot kvm"
			else
				echo "$boot tcg"
			fi >"$cache"
		fi
	) 8>"$cache.lock"
	cut -d' ' -f2 "$cache"
}

# What the guest's time stamp counter counts in a second, in kHz.
tsc_khz() {
	local cache=$top/build/vm/tsc boot

	boot=$(cat /proc/sys/kernel/random/boot_id)
	(
		flock 8
		grep -qs "^$boot " "$cache" ||
			echo "$boot $("$top/scripts/tsc-khz")" >"$cache"
	) 8>"$cache.lock"
	cut -d' ' -f2 "$cache"
}

# Fills $qemu and $append, the kernel's command line, with what every guest has:
# base_machine MEMORY-MB PROCESSORS; a third argument: count instructions.
base_machine() {
	local mem=$1 smp=$2 icount=${3:-} cpu accel

	# Without ERMS the kernel copies and clears by words.  With it, it does by
	# an instruction that is emulated a byte at a time.
	cpu=max,-erms
	accel=$(choose_accel)
	qemu=(qemu-system-x86_64 -nodefaults -no-user-config -display none
		-no-reboot -machine pc -m "$mem" -nic none -kernel "$image"
		-device virtio-serial-pci)
	append="console=ttyS0 loglevel=5 panic=-1 oops=panic mitigations=off"
	append+=" random.trust_cpu=on audit=0 tsc=reliable"
	append+=" watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
	if [ -n "$icount" ]; then
		# The counter counts instructions, which take 1 ns each.  While
		# the guest is idle it jumps to the next timer: with sleep=on it
		# would take the host's time, and a disk of 20 us answer after 50.
		qemu+=(-accel tcg -cpu "$cpu" -smp 1
			-icount "shift=0,sleep=off")
		append+=" tsc_early_khz=1000000"
	elif [ "$accel" = kvm ]; then
		qemu+=(-accel kvm -cpu host -smp "$smp")
	else
		qemu+=(-accel "tcg,thread=multi" -cpu "$cpu" -smp "$smp")
		append+=" tsc_early_khz=$(tsc_khz)"
	fi
}

# More emulated guests than processors only make each other time out: wait for
# one of a few places, which is held as long as this script lives.
take_place() {
	local places=${QBD_VM_PLACES:-$(($(nproc) + 1))} i told=''

	while :; do
		for ((i = 0; i < places; i++)); do
			exec 9>"$top/build/vm/place-$i"
			! flock --nonblock 9 || return 0
		done
		[ -n "$told" ] || echo "vm: waiting, $places guests run already" >&2
		told=1
		sleep 1
	done
}

# Folders of failed runs stay for a look, the newest few; a script that was
# killed left one with its disks.
prune() {
	local old count=0

	while read -r old; do
		kill -0 "$(cat "$old/pid" 2>/dev/null)" 2>/dev/null && continue
		count=$((count + 1))
		if [ ! -e "$old/keep" ] || [ "$count" -gt 10 ]; then
			rm -rf "$old"
		fi
	done < <(find "$top/build/vm" -maxdepth 1 -name 'run-*' -type d \
		-mmin +1 -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2-)
}
