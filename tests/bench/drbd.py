# SPDX-License-Identifier: GPL-2.0
"""DRBD 8.4, two nodes on one machine, over 127.0.0.1 and 127.0.0.2.

Protocol C: a write is acknowledged when both disks have it.  Metadata is
internal.  The two are resources of different names; the peers don't compare
them.  The first synchronization is skipped: the disks are equal.
"""
import os
import re
from command import Failure, poll, read, run
from disks import VOLUME_MB
from network import delay_loopback

SETUP = "/lib/drbd/drbdsetup-84"
ADDRESSES = ["127.0.0.1:7788", "127.0.0.2:7788"]

# What the manual advises for fast disks and links; the rest is default.
NET = ["--protocol=C", "--max-buffers=8000", "--max-epoch-size=8000",
       "--sndbuf-size=0", "--rcvbuf-size=0"]
DISK = ["--al-extents=6007", "--c-plan-ahead=0", "--resync-rate=4194304"]


class Drbd:
    name, nodes, survives, behind = "drbd", 2, True, 1

    def up(self, disks, rtt_ms):
        delay_loopback(rtt_ms)
        run("modprobe", "drbd", "usermode_helper=disabled")
        for i in range(2):
            run("drbdmeta", "--force", i, "v08", disks[i], "internal",
                "create-md")
            run(SETUP, "new-resource", f"r{i}")
            run(SETUP, "new-minor", f"r{i}", i, 0)
            run(SETUP, "attach", i, disks[i], disks[i], "internal",
                f"--size={VOLUME_MB * 2048}s", *DISK)
        connect()
        run(SETUP, "new-current-uuid", 0, "--clear-bitmap=yes")
        self.wait()
        run(SETUP, "primary", 0)
        sectors = int(read("/sys/block/drbd0/size"))
        if sectors != VOLUME_MB * 2048:
            raise Failure(f"drbd0 has {sectors} sectors")
        return "/dev/drbd0"

    def down(self):
        run(SETUP, "secondary", 0)
        for i in range(2):
            run(SETUP, "down", f"r{i}")
        poll("DRBD is gone", lambda: not os.path.exists("/dev/drbd0"))
        run("rmmod", "drbd")
        delay_loopback(0)

    def stop(self):
        run(SETUP, "disconnect", *reversed(ADDRESSES))
        poll("DRBD loses its peer",
             lambda: state("cstate") in ("WFConnection", "StandAlone"))
        run(SETUP, "disconnect", *ADDRESSES)

    def start(self):
        connect()
        self.wait()

    def resync(self):
        """All of it, as after a new disk."""
        run(SETUP, "invalidate", 1)

    def resynced(self):
        left = re.search(r"^ 0: cs:Sync.*?\boos:(\d+)", read("/proc/drbd"),
                         re.MULTILINE | re.DOTALL)
        return (VOLUME_MB << 20) - (int(left[1]) << 10) if left else None

    def wait(self):
        poll("DRBD is up to date",
             lambda: state("dstate") == "UpToDate/UpToDate")


def connect():
    for i in range(2):
        run(SETUP, "connect", f"r{i}", ADDRESSES[i], ADDRESSES[1 - i], *NET)
    poll("DRBD connects", lambda: state("cstate") not in
         ("StandAlone", "Unconnected", "WFConnection", "WFReportParams"))


def state(what):
    return run(SETUP, what, 0).strip()
