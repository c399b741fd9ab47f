# SPDX-License-Identifier: GPL-2.0
"""The machine goes down in good order while the volume is in use."""
import volume
from guest import Failure
from volume import LOSSES, UNIT, WAIT

# How much longer than its peers the machine that has it mounted may take.
EXTRA_SECONDS = 20


def by_hand(guest):
    """From a user's shell, nothing in fstab, nothing enabled, no _netdev."""
    volume.fstab(guest, "")
    guest.run(f"systemctl disable --quiet {UNIT}; systemctl stop srv.mount "
              f"{WAIT}; qbd down vol0; mkdir -p /data")
    guest.login("qbd up vol0; qbd wait vol0 --for open --timeout 60; "
                "mount /dev/qbd0 /data; date >/data/note; sync")
    # What has to be written when it is unmounted.
    guest.login("cp /bin/bash /data/late; echo late >>/data/note")


def goes_down_cleanly(rig, how):
    """@how: "reboot" or "poweroff"."""
    volume.ready(rig)
    by_hand(rig.alpha)
    for guest in (rig.alpha, rig.gamma):
        guest.run(f"systemctl {how} --no-block")
    took = {guest.name: guest.wait_off() for guest in (rig.gamma, rig.alpha)}
    print(f"# {how}: {took}", flush=True)
    lost = [line for line in rig.alpha.console().splitlines()
            if LOSSES.search(line)]
    rig.boot()
    if lost or took["alpha"] > took["gamma"] + EXTRA_SECONDS:
        journal = rig.alpha.run("journalctl -b -1 -o short-monotonic -n 80")
        raise Failure(f"lost: {lost}\ntook: {took}\n{journal}")
    rig.alpha.login("qbd up vol0; qbd wait vol0 --for open --timeout 60; "
                    "mount /dev/qbd0 /data; cmp /bin/bash /data/late; "
                    "grep -q late /data/note; umount /data")
    volume.fstab(rig.alpha)


def test_hand_made_mount_is_unmounted_before_a_reboot(rig):
    goes_down_cleanly(rig, "reboot")


def test_hand_made_mount_is_unmounted_before_poweroff(rig):
    goes_down_cleanly(rig, "poweroff")


def test_reboot_without_quorum_ends_within_its_limits(rig):
    """I/O waits for io-timeout, the unit's stop for TimeoutStopSec."""
    volume.ready(rig)
    rig.alpha.run("echo something >/srv/unsynced")
    rig.beta.kill()
    rig.gamma.kill()
    rig.alpha.run("systemctl reboot --no-block")
    print(f"# without quorum: {rig.alpha.wait_off(30 + 120)}", flush=True)
    rig.boot()
    volume.wait_mounted(rig.alpha)


for function in (test_hand_made_mount_is_unmounted_before_poweroff,
                 test_reboot_without_quorum_ends_within_its_limits):
    function.long = True
