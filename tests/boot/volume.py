# SPDX-License-Identifier: GPL-2.0
"""The volume vol0 on the three machines, as in production: its
units are enabled, and alpha mounts it by fstab at /srv, by the README's recipe.
"""
import json
import pathlib
import re
import quickstart
from guest import COMMAND_SECONDS, Failure, poll

README = pathlib.Path(__file__).parents[2] / "README.md"

UNIT = "qbd@vol0.service"
WAIT = "qbd-wait@vol0.service"
DEVICE = "/dev/qbd/by-name/vol0"
RECIPE = re.search(rf"^ +{DEVICE} /srv ext4 (\S+) 0 0$", README.read_text(),
                   re.MULTILINE)[1]

# What the kernel says when something that was written is gone.
LOSSES = re.compile(r"Buffer I/O error|I/O error, dev|lost (async|sync)? ?page "
                    r"write|JBD2: .*(abort|error)|Aborting journal|"
                    r"EXT4-fs error|EXT4-fs .*[Rr]emounting|failed to convert")


def status(guest, volume="vol0"):
    return json.loads(guest.run(f"qbd status --json {volume}"))


def state_is(guest, *states):
    """@states: any of them will do."""
    return poll(COMMAND_SECONDS,
                lambda: status(guest)["state"] in states,
                f"'{' or '.join(states)}' on {guest.name}")


def fstab(guest, options=RECIPE, device=DEVICE):
    """Sets the line of /srv; "": none."""
    line = f"{device} /srv ext4 {options} 0 0"
    guest.run("sed -i '/ \\/srv /d' /etc/fstab")
    if options:
        guest.run(f"echo '{line}' >>/etc/fstab")
    guest.run("systemctl daemon-reload")


def is_mounted(guest, path="/srv"):
    return guest.order(f"mountpoint -q {path}")[0] == 0


def wait_mounted(guest, path="/srv", seconds=COMMAND_SECONDS):
    poll(seconds, lambda: is_mounted(guest, path),
         f"{path} mounted on {guest.name}")


def ready(rig):
    """All up, the units enabled, /srv mounted on alpha, whatever was before."""
    rig.boot()
    if rig.alpha.order("test -e /etc/qbd/vol0.conf")[0] != 0:
        quickstart.configure(rig, dict(quickstart.blocks())["conf"])
        rig.each("qbd format vol0")
    # Enabling reloads all units, which an emulated machine takes seconds for.
    rig.each(f"systemctl --quiet is-enabled {UNIT} || "
             f"systemctl --quiet enable {UNIT}; systemctl start {UNIT}")
    if rig.alpha.order("grep -q ' /srv ' /etc/fstab")[0] == 0:
        rig.alpha.run("systemctl start srv.mount")
        return
    state_is(rig.alpha, "ok", "degraded")
    rig.alpha.run("qbd wait vol0 --for open --timeout 60")
    rig.alpha.run(f"mkfs.ext4 -q -F {DEVICE}")
    fstab(rig.alpha)
    rig.alpha.run("systemctl start srv.mount")


def losses(guest):
    """What the kernel said of lost writes since the machine's start."""
    return [line for line in guest.run("dmesg").splitlines()
            if LOSSES.search(line)]


def incarnation(guest, unit):
    """Another one after each start of a unit; its state."""
    return guest.run(f"systemctl show -P InvocationID -P ActiveState {unit}")


class Undisturbed:
    """/srv stays mounted and nothing is lost, within a "with"."""

    def __init__(self, guest):
        self.guest = guest

    def __enter__(self):
        wait_mounted(self.guest)
        self.before = self.units()
        self.lost = losses(self.guest)

    def units(self):
        return [incarnation(self.guest, unit)
                for unit in ("srv.mount", WAIT)]

    def __exit__(self, kind, *_):
        if kind:
            return
        if losses(self.guest) != self.lost:
            raise Failure("lost: " + "\n".join(losses(self.guest)))
        if self.units() != self.before:
            raise Failure("a unit of the mount was stopped: "
                          f"{self.before} became {self.units()}")


class Writer:
    """A writer that waits for stable storage after each block; in a "with"."""

    def __init__(self, guest, path="/srv/written"):
        self.guest = guest
        self.path = path

    def __enter__(self):
        self.guest.run("rm -f /run/writer; systemctl reset-failed writer "
                       "2>/dev/null; systemd-run --quiet --unit=writer "
                       f"/usr/lib/guest/writer {self.path}")
        self.goes_on(3)
        return self

    def __exit__(self, *_):
        if self.guest.runs():
            self.guest.order("systemctl stop writer")

    def written(self):
        """The last block that is on stable storage, and the longest time."""
        said = self.guest.order("cat /run/writer")[1].split(maxsplit=2)
        if len(said) == 3 and not said[0].isdigit() or len(said) < 2:
            return 0, 0
        if len(said) == 3:
            raise Failure(f"the writer's block fails: {said[2].strip()}")
        return int(said[0]), int(said[1])

    def goes_on(self, blocks=1):
        """Waits until so many more are written."""
        goal = self.written()[0] + blocks
        poll(COMMAND_SECONDS, lambda: self.written()[0] >= goal,
             f"{blocks} more blocks written")

    def check(self, number):
        """Fails unless all is there that was synced at @number."""
        self.guest.run(f"/usr/lib/guest/writer {self.path} {number}")
