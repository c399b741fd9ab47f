# SPDX-License-Identifier: GPL-2.0
"""qbd, whose nodes are namespaces made by scripts/cluster; n1 has /dev/qbd0.

A cable between each two nodes, as there is no bridge on DRBD's way either.
"""
from command import run
from disks import VOLUME_MB


class Qbd:
    def __init__(self, nodes):
        self.name, self.nodes = f"qbd{nodes}", nodes

    def up(self, disks):
        run("scripts/cluster", "up", "--nodes", self.nodes, "--size",
            f"{VOLUME_MB}M", "--disks", " ".join(disks[:self.nodes]),
            "--network", "pairs")
        return "/dev/qbd0"

    def down(self):
        run("scripts/cluster", "down")
