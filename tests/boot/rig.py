# SPDX-License-Identifier: GPL-2.0
"""The three machines together, and what the tests do with all of them."""
import random
import time
from guest import COMMAND_SECONDS, NAMES, Failure, Guest


class Rig:
    def __init__(self, folder):
        self.folder = folder
        # A network of their own on the host's loopback: a group that no other
        # run is likely to have.
        chance = random.SystemRandom()
        group = ".".join(str(chance.randrange(1, 255)) for _ in range(3))
        (folder / "network").write_text(
            f"239.{group}:{chance.randrange(20000, 30000)}")
        self.guests = [Guest(name, folder) for name in NAMES]
        self.alpha, self.beta, self.gamma = self.guests

    def boot(self):
        """Switches on the machines that are off, and waits for all."""
        started = time.monotonic()
        off = [guest for guest in self.guests if not guest.runs()]
        for guest in off:
            guest.start()
        for guest in self.guests:
            guest.wait_booted()
        if off:
            used = ", ".join(f"{guest.cpu_seconds():.0f}" for guest in off)
            print(f"# booted {len(off)} in {time.monotonic() - started:.0f} s "
                  f"({used} s of a processor)", flush=True)

    def each(self, command, seconds=COMMAND_SECONDS):
        """On all three at a time; returns their outputs."""
        orders = [(guest, guest.send(command, seconds))
                  for guest in self.guests if guest.runs()]
        ends = [(guest, *guest.receive(order)) for guest, order in orders]
        for guest, status, output in ends:
            if status != 0:
                raise Failure(f"{guest.name}: '{command}' fails (status "
                              f"{status}): {output.strip()}")
        return [output for _, _, output in ends]

    def renew(self):
        """New disks, as if nothing had ever been done; the logs stay."""
        for guest in self.guests:
            guest.kill()
            guest.make_disks()

    def kill(self):
        for guest in self.guests:
            guest.kill()

    def complaints(self):
        return [f"{guest.name}: {line}"
                for guest in self.guests for line in guest.complaints()]
