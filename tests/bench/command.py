# SPDX-License-Identifier: GPL-2.0
"""Running programs: what fails ends the benchmark with what it said."""
import subprocess
import sys
import time


class Failure(Exception):
    """What failed, for people."""


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
    for program in PROGRAMS:
        subprocess.run([program, "--version"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=False, timeout=60)


def poll(seconds, what, condition, step_s=0.05):
    """Until condition() is true, which is returned; fails after @seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}")
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
