# SPDX-License-Identifier: GPL-2.0
"""md-raid1 over a local disk and one that nbd-server exports on 127.0.0.1.

The server writes with O_SYNC (`sync`): what it acknowledges is on its disk, as
with the others.  The array reads locally (--write-mostly) and has a bitmap.
"""
import os
from command import poll, run
from disks import VOLUME_MB

ARRAY = "/dev/md0"
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
    name, nodes = "md-nbd", 2

    def up(self, disks):
        run("modprobe", "-a", "nbd", "raid1", "md_mod")
        with open("/run/nbd.conf", "w", encoding="ascii") as file:
            file.write(CONFIG.format(disk=disks[1]))
        run("nbd-server", "-C", "/run/nbd.conf", "-p", "/run/nbd.pid")
        run("nbd-client", "127.0.0.1", "10809", "-N", "disk", "/dev/nbd0",
            "-b", "512")
        run("mdadm", "--create", ARRAY, "--run", "--assume-clean",
            "--level=1", "--raid-devices=2", "--bitmap=internal",
            f"--size={VOLUME_MB}M", disks[0], "--write-mostly", "/dev/nbd0",
            env=os.environ | {"MDADM_NO_UDEV": "1"})
        return ARRAY

    def down(self):
        run("mdadm", "--stop", ARRAY)
        run("nbd-client", "-d", "/dev/nbd0")
        with open("/run/nbd.pid", encoding="ascii") as file:
            pid = int(file.read())
        os.kill(pid, 15)
        poll(30, "nbd-server ends", lambda: not os.path.exists(f"/proc/{pid}"))
        run("modprobe", "-r", "nbd")
