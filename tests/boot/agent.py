# SPDX-License-Identifier: GPL-2.0
"""The agent dies, is restarted or upgraded while a filesystem is mounted by
fstab: I/O waits, nothing else happens (P6).
"""
import volume
from guest import Failure, poll
from volume import UNIT, Undisturbed, Writer


def main_pid(guest):
    return int(guest.run(f"systemctl show -P MainPID {UNIT}"))


def kill_agent(guest):
    """As a crash would; waits until another one serves."""
    old = main_pid(guest)
    guest.run(f"kill -KILL {old}")
    poll(60, lambda: main_pid(guest) not in (0, old), "a new agent")
    volume.state_is(guest, "ok", "degraded")


def killed_when_idle(rig, times):
    volume.ready(rig)
    with Undisturbed(rig.alpha):
        for _ in range(times):
            kill_agent(rig.alpha)
        rig.alpha.run("echo still here >/srv/note && sync /srv/note")


def killed_when_busy(rig, times):
    volume.ready(rig)
    with Undisturbed(rig.alpha), Writer(rig.alpha) as writer:
        for _ in range(times):
            kill_agent(rig.alpha)
            writer.goes_on()


def test_agent_killed_under_an_idle_mount_disturbs_nothing(rig):
    killed_when_idle(rig, 3)


def test_agent_killed_under_a_busy_mount_disturbs_nothing(rig):
    killed_when_busy(rig, 3)


def test_agent_killed_often_under_an_idle_mount_disturbs_nothing(rig):
    killed_when_idle(rig, 20)


def test_agent_killed_often_under_a_busy_mount_disturbs_nothing(rig):
    killed_when_busy(rig, 20)


def test_restart_of_the_unit_under_a_writer_disturbs_nothing(rig):
    volume.ready(rig)
    with Undisturbed(rig.alpha), Writer(rig.alpha) as writer:
        rig.alpha.run(f"systemctl restart {UNIT}")
        writer.goes_on()


def test_upgrade_under_a_writer_disturbs_nothing(rig):
    volume.ready(rig)
    with Undisturbed(rig.alpha), Writer(rig.alpha) as writer:
        rig.alpha.run("cd /root/qbd && make install && "
                      f"systemctl daemon-reload && systemctl restart {UNIT}",
                      seconds=600)  # emulated, beside the writer
        writer.goes_on()


def test_stop_and_down_of_a_mounted_volume_are_refused(rig):
    volume.ready(rig)
    with Undisturbed(rig.alpha), Writer(rig.alpha) as writer:
        for command in ("qbd down vol0", f"systemctl stop {UNIT}"):
            status, said = rig.alpha.order(command)
            if status == 0:
                raise Failure(f"'{command}' is not refused: {said}")
            writer.goes_on()
        volume.state_is(rig.alpha, "ok", "degraded")


for function in (test_agent_killed_under_an_idle_mount_disturbs_nothing,
                 test_agent_killed_often_under_an_idle_mount_disturbs_nothing,
                 test_agent_killed_often_under_a_busy_mount_disturbs_nothing,
                 test_restart_of_the_unit_under_a_writer_disturbs_nothing,
                 test_upgrade_under_a_writer_disturbs_nothing):
    function.long = True
