# SPDX-License-Identifier: GPL-2.0
"""md-raid1 over a local disk and one that nbd-server exports on 127.0.0.1.

The server writes with O_SYNC (`sync`): what it acknowledges is on its disk, as
with the others.  The array reads locally (--write-mostly) and has a bitmap.
"""
import os
from command import Failure, poll, read, run, write
from disks import VOLUME_MB
from network import delay_loopback

ARRAY, NBD = "/dev/md0", "/dev/nbd0"
MD = "/sys/block/md0/md/"
CONFIG = """[generic]
    listenaddr = 127.0.0.1
    port = 10809
[disk]
    exportname = {disk}
    sync = true
    flush = true
    fua = true
"""


class Md:
    name, nodes, survives, behind = "md-nbd", 2, True, 1

    def up(self, disks, rtt_ms):
        delay_loopback(rtt_ms)
        run("modprobe", "-a", "nbd", "raid1", "md_mod")
        with open("/run/nbd.conf", "w", encoding="ascii") as file:
            file.write(CONFIG.format(disk=disks[1]))
        run("nbd-server", "-C", "/run/nbd.conf", "-p", "/run/nbd.pid")
        run("nbd-client", "127.0.0.1", "10809", "-N", "disk", NBD,
            "-b", "512")
        run("mdadm", "--create", ARRAY, "--run", "--assume-clean",
            "--level=1", "--raid-devices=2", "--bitmap=internal",
            f"--size={VOLUME_MB}M", disks[0], "--write-mostly", NBD,
            env=os.environ | {"MDADM_NO_UDEV": "1"})
        for bound in ("min", "max"):
            write(f"/proc/sys/dev/raid/speed_limit_{bound}", 4194304)
        return ARRAY

    def down(self):
        run("mdadm", "--stop", ARRAY)
        run("nbd-client", "-d", NBD)
        with open("/run/nbd.pid", encoding="ascii") as file:
            pid = int(file.read())
        os.kill(pid, 15)
        poll("nbd-server ends", lambda: not os.path.exists(f"/proc/{pid}"))
        run("modprobe", "-r", "nbd")
        delay_loopback(0)

    def stop(self):
        run("mdadm", ARRAY, "--fail", NBD)
        poll("md gives up its disk", try_remove)

    def start(self):
        pass

    def resync(self):
        """All of it, as after a new disk: the bitmap is of no help."""
        run("mdadm", "--zero-superblock", NBD)
        run("mdadm", ARRAY, "--add", "--write-mostly", NBD)

    def resynced(self):
        done = read(MD + "sync_completed").split()
        return int(done[0]) << 9 if len(done) == 3 else None

    def wait(self):
        poll("md is in sync", lambda: (
            read(MD + "degraded").strip() == "0" and
            read(MD + "sync_action").strip() == "idle"))


def try_remove():
    try:
        run("mdadm", ARRAY, "--remove", NBD)
    except Failure:
        return False  # a request is still on its way
    return True
