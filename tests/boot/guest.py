# SPDX-License-Identifier: GPL-2.0
"""One machine of three: a QEMU process, its two disks, which outlive it, a
console of which each boot has its own file, and a port by which a service in
the guest (tests/boot/guest) takes commands, also while a boot or a shutdown
hangs.

Nothing here waits without a deadline.  What fails raises Failure.
"""
import base64
import os
import pathlib
import re
import select
import shlex
import socket
import subprocess
import time

NAMES = ("alpha", "beta", "gamma")
DATA_DISK_BYTES = 256 << 20

# Emulated, beside others, on a machine that may be busy.
BOOT_SECONDS = 240
COMMAND_SECONDS = 120
# systemd draws on the console while it waits for something.
DRAWING = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|M)|\r|^\[[ *]*\].*\n",
                     re.MULTILINE)
# How long an answer may be late of a command that kept its time.
GRACE_SECONDS = 30


class Failure(Exception):
    """What failed, for humans."""


def poll(seconds, condition, what, period=0.5):
    """Until @condition() is true; returns what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(period)


class Guest:
    def __init__(self, name, folder):
        self.name = name
        self.number = NAMES.index(name) + 1
        self.rig = folder
        self.folder = folder / name
        self.folder.mkdir()
        self.boots = 0
        self.qemu = None
        self.port = None
        self.pending = b""
        self.last_id = 0
        self.make_disks()

    def make_disks(self):
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b",
             (self.rig / "disk").resolve(), self.folder / "disk-system"],
            check=True)
        with open(self.folder / "disk-data", "wb") as disk:
            disk.truncate(DATA_DISK_BYTES)

    # The machine

    def start(self):
        """Power on; see wait_booted()."""
        path = self.folder / "port"
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(COMMAND_SECONDS)
        self.boots += 1
        self.console_path = self.folder / f"console-{self.boots}"
        with open(self.folder / "qemu.log", "ab") as log:
            self.qemu = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.arguments(path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.port, _ = listener.accept()
        except TimeoutError:
            raise Failure(f"{self.name}: QEMU does not start: "
                          + (self.folder / "qemu.log").read_text()) from None
        finally:
            listener.close()
        self.pending = b""

    def arguments(self, port):
        append = (self.rig / "append").read_text().strip() + (
            f" systemd.hostname={self.name}"
            f" systemd.machine_id={self.number:032x}")
        words = (self.rig / "qemu").read_text().splitlines()
        words += ["-append", append, "-serial", f"file:{self.console_path}",
                  "-chardev", f"socket,id=port,path={port}",
                  "-device", "virtserialport,chardev=port,name=port,nr=1",
                  "-netdev", "socket,id=net,localaddr=127.0.0.1,mcast="
                  + (self.rig / "network").read_text(),
                  "-device", "virtio-net-pci,netdev=net,"
                  f"mac=52:54:00:00:00:{self.number:02x}"]
        # No flush reaches the host: a guest that is killed loses what the
        # host's memory does not hold, and QEMU holds nothing.
        for disk, form in (("system", "qcow2"), ("data", "raw")):
            words += ["-drive", f"file={self.folder}/disk-{disk},format={form},"
                      f"if=none,id={disk},cache=unsafe,discard=unmap",
                      "-device", f"virtio-blk-pci,drive={disk},serial={disk}"]
        return words

    def runs(self):
        return self.qemu is not None and self.qemu.poll() is None

    def cpu_seconds(self):
        """What its emulation has taken of the host's processors."""
        fields = pathlib.Path(f"/proc/{self.qemu.pid}/stat").read_text()
        user, system = fields.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        """Power loss."""
        if self.qemu:
            self.qemu.kill()
            self.qemu.wait()
            self.port.close()
        self.qemu = None

    def wait_off(self, seconds=BOOT_SECONDS):
        """Until it has switched itself off, as after poweroff or reboot."""
        started = time.monotonic()
        try:
            self.qemu.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} is not off after {seconds} s; "
                          f"its console's end:\n{self.console_end()}") from None
        self.kill()
        return time.monotonic() - started

    def poweroff(self, seconds=BOOT_SECONDS):
        """In good order; returns how long it took."""
        self.run("systemctl poweroff --no-block")
        return self.wait_off(seconds)

    def reboot(self, seconds=BOOT_SECONDS):
        """In good order, and up again; returns how long going down took."""
        self.run("systemctl reboot --no-block")
        took = self.wait_off(seconds)
        self.start()
        self.wait_booted()
        return took

    def wait_booted(self, seconds=BOOT_SECONDS):
        """Until it is where users log in; a mount may still wait for peers."""
        status, said = self.order(
            "until systemctl --quiet is-active multi-user.target; do "
            "! systemctl --quiet is-active emergency.target || exit 1; "
            "sleep 1; done", seconds)
        if status != 0:
            raise Failure(f"{self.name} does not boot within {seconds} s, or "
                          f"to an emergency: {said.strip()}; its console's "
                          f"end:\n{self.console_end()}")

    # Its console

    def console(self):
        """All that was printed since the last start."""
        text = self.console_path.read_text(errors="replace")
        text = DRAWING.sub("", DRAWING.sub("", text))
        return re.sub(r"\n{2,}", "\n", text)

    def console_end(self):
        return "\n".join(self.console().splitlines()[-40:])

    def complaints(self):
        """Lines of any boot's console that no healthy kernel prints."""
        bad = re.compile((self.rig / "bad").read_text().strip())
        return [f"{path.name}: {line}"
                for path in sorted(self.folder.glob("console-*"))
                for line in path.read_text(errors="replace").splitlines()
                if bad.search(line)]

    # Commands

    def send(self, command, seconds=COMMAND_SECONDS):
        """Begins a command; receive() tells how it ended."""
        self.last_id += 1
        words = base64.b64encode(command.encode()).decode()
        self.port.sendall(f"{self.last_id} {int(seconds)} {words}\n".encode())
        return self.last_id, time.monotonic() + seconds + GRACE_SECONDS, command

    def receive(self, sent):
        """Returns (status, output); 124 if the command was stopped."""
        wanted, deadline, command = sent
        while True:
            line, newline, rest = self.pending.partition(b"\n")
            if newline:
                self.pending = rest
                words = line.decode().split(" ")
                # An older one is of a command that nobody waits for any more.
                if int(words[0]) == wanted:
                    output = base64.b64decode(words[2])
                    return int(words[1]), output.decode(errors="replace")
                continue
            left = max(0, deadline - time.monotonic())
            more = b""
            if select.select([self.port], [], [], left)[0]:
                more = self.port.recv(1 << 16)
            if not more:
                raise Failure(f"{self.name} gives no answer to '{command}'; "
                              f"its console's end:\n{self.console_end()}")
            self.pending += more

    def order(self, command, seconds=COMMAND_SECONDS):
        """Runs a shell's command; returns (status, output)."""
        return self.receive(self.send(command, seconds))

    def run(self, command, seconds=COMMAND_SECONDS):
        """Runs a command that must not fail; returns its output."""
        status, output = self.order(command, seconds)
        if status != 0:
            raise Failure(f"{self.name}: '{command}' fails (status {status}): "
                          f"{output.strip()}")
        return output

    def login(self, command, seconds=COMMAND_SECONDS):
        """As run(), but as a user's shell: in a scope that ends at shutdown."""
        return self.run("systemd-run --quiet --scope --slice=user.slice "
                        f"bash -ec {shlex.quote(command)}", seconds)
