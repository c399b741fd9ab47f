# SPDX-License-Identifier: GPL-2.0
"""The disk itself: what every system adds to."""


class Raw:
    name, nodes, survives = "raw", 1, False

    def up(self, disks, rtt_ms):
        return disks[0]

    def down(self):
        pass
