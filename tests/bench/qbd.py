# SPDX-License-Identifier: GPL-2.0
"""qbd, whose nodes are namespaces made by scripts/cluster; n1 has /dev/qbd0.

A cable between each two nodes, as there is no bridge on DRBD's way either.
"""
import json
import socket
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
        return status()["nodes"][self.behind]["copied_bytes"]

    def wait(self):
        run(CLUSTER, "wait")


def status():
    """What n1 says, asked without a program, whose start would cost more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as agent:
        agent.connect("/run/qbd-cluster/n1/run/vol0.sock")
        agent.sendall(b'{"command":"status"}')
        return json.loads(agent.recv(1 << 20))["status"]
