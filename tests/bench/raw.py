# SPDX-License-Identifier: GPL-2.0
"""The disk itself: what every system adds to."""


class Raw:
    name, nodes = "raw", 1

    def up(self, disks):
        return disks[0]

    def down(self):
        pass
