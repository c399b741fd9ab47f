# SPDX-License-Identifier: GPL-2.0
"""Running programs: what fails ends the benchmark with what it said.

Nothing here has a limit by the clock: that of a guest which waits for a busy
host runs ahead, to its next timer, so it would measure the host.  What hangs
is ended with the guest (scripts/bench --timeout).
"""
import os
import subprocess
import sys
import time

PATIENCE_S = 60  # then it is said what is waited for
AFTERWARDS_S = 1  # for what must come while something else goes on


class Failure(Exception):
    """What failed, for humans."""


def run(*words, env=None):
    """Runs a program to its end and returns what it printed."""
    words = [str(word) for word in words]
    done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).strip()
        raise Failure(f"'{' '.join(words)}' fails "
                      f"(status {done.returncode}): {said}")
    return done.stdout


# What systems and scripts/cluster run besides.
PROGRAMS = ["fio", "qbd", "qbdd", "ip", "tc", "jq", "nft", "nsenter",
            "unshare", "dd", "numfmt", "awk", "sed", "tac", "cat", "sort",
            "tr", "head", "wc", "blockdev", "losetup", "dmsetup", "mount",
            "umount", "modprobe", "insmod", "rmmod", "setpriv", "timeout",
            "sleep", "flock", "mkdir", "ln", "rm"]


def warm_up():
    """Reads programs from the host, which answers slowly: the clock of a
    guest that waits for it runs ahead, by much, and its volumes with it.
    """
    # scripts/cluster waits by the clock, unless it is told how long.
    os.environ["QBD_CLUSTER_PATIENCE"] = "1000000"
    for program in PROGRAMS:
        subprocess.run([program, "--version"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=False)


def poll(what, condition, step_s=0.05, while_on=None):
    """Until condition() is true, which is returned.

    @while_on: an event that ends what must go on for it to become true.
    """
    looks_left = AFTERWARDS_S / step_s
    patience_s, began = PATIENCE_S, time.monotonic()
    while not (value := condition()):
        if while_on and while_on.is_set():
            looks_left -= 1
            if looks_left < 0:
                raise Failure(f"it has not come to that: {what}")
        if time.monotonic() > began + patience_s:
            say(f"waits since {patience_s} s of the guest's: {what}")
            patience_s *= 4
        time.sleep(step_s)
    return value


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def write(path, value):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))


def say(text):
    print(f"bench: {text}", flush=True)
    sys.stdout.flush()
