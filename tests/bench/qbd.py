# SPDX-License-Identifier: GPL-2.0
"""qbd, whose nodes are namespaces made by scripts/cluster; n1 has /dev/qbd0.

A cable between each two nodes, as there is no bridge on DRBD's way either.
"""
import json
from command import run
from disks import VOLUME_MB

CLUSTER = "scripts/cluster"


class Qbd:
    def __init__(self, nodes):
        self.name, self.nodes = f"qbd{nodes}", nodes
        # Two nodes have no majority without one of them.
        self.survives, self.behind = nodes > 2, nodes - 1

    def up(self, disks, rtt_ms):
        run(CLUSTER, "up", "--nodes", self.nodes, "--size", f"{VOLUME_MB}M",
            "--disks", " ".join(disks[:self.nodes]), "--network", "pairs",
            "--rtt", rtt_ms)
        return "/dev/qbd0"

    def down(self):
        run(CLUSTER, "down")

    def stop(self):
        run(CLUSTER, "kill", f"n{self.nodes}")

    def start(self):
        pass

    def resync(self):
        """A copy of all that is not zero: the log is far beyond it."""
        run(CLUSTER, "start", f"n{self.nodes}")

    def resynced(self):
        nodes = json.loads(run(CLUSTER, "exec", "n1", "qbd", "status", "vol0",
                               "--json"))["nodes"]
        return nodes[self.behind]["copied_bytes"]

    def wait(self):
        run(CLUSTER, "wait")
