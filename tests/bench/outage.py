# SPDX-License-Identifier: GPL-2.0
"""What it costs that a replica is away, comes back, or was the writer's.

Systems have stop(), which takes a replica away; start(), which brings it back
as far as it needs no copy of everything; resync(), which begins such a copy;
and wait(), until all is well.  `behind` is the number of that replica's disk.
"""
import mmap
import os
import select
import subprocess
import time
import workloads
from command import Failure, poll, read, run, say
from disks import VOLUME_MB, transferred

FAILOVERS = 3
BEYOND_LOG_MB = 96
CLUSTER = "scripts/cluster"
PAGE = mmap.mmap(-1, 4096)  # aligned


def measure(system, device, disk, measure_one):
    """Yields (workload, metrics); @disk is that of the replica behind."""
    system.stop()
    for depth in ("qd1", "qd32"):
        yield (f"randwrite-{depth}-stopped",
               measure_one(f"randwrite-{depth}"))
    # Nothing is zero then, and no log reaches so far back.
    workloads.overwrite(device)
    system.start()
    yield "resync", [("bandwidth", resync_rate(system, disk), "MB/s")]
    system.wait()

    system.stop()
    workloads.overwrite(device, BEYOND_LOG_MB)
    system.start()
    before = transferred(disk)
    system.resync()
    poll(30, "the resync begins", lambda: part(disk, before) > 0.02)
    metrics = measure_one("randwrite-qd1")
    if part(disk, before) > 1:
        say(f"{system.name}: the resync ended before the measurement")
    yield "randwrite-qd1-resync", metrics
    system.wait()


def part(disk, before):
    return (transferred(disk) - before) / (VOLUME_MB << 20)


def resync_rate(system, disk):
    """MB/s that reach the disk, from 10 % to 90 % of the volume."""
    before = transferred(disk)
    system.resync()
    seen = []
    for bound in (0.1, 0.9):
        deadline = time.monotonic() + 120
        while part(disk, before) < bound:
            if time.monotonic() > deadline:
                raise Failure(f"{system.name}: the resync stands at "
                              f"{part(disk, before):.2f}")
            time.sleep(0.002)
        seen.append((time.monotonic(), transferred(disk)))
    (began, low), (ended, high) = seen
    if ended <= began:
        raise Failure(f"{system.name}: the resync was missed")
    return (high - low) / (ended - began) / 1e6


def failover():
    """Metrics of power losses of n1, which writes, until n2 has written."""
    # Once as planned: what is read from disk for the first time costs time.
    take_over("/dev/qbd1")
    times_ms = sorted(one_failover() for _ in range(FAILOVERS))
    return [("time_mean", sum(times_ms) / FAILOVERS, "ms"),
            ("time_max", times_ms[-1], "ms")]


def one_failover():
    take_over("/dev/qbd0")
    with subprocess.Popen([CLUSTER, "exec", "n1", "dd", "if=/dev/zero",
                           "of=/dev/qbd0", "bs=4k", "oflag=direct"],
                          stderr=subprocess.DEVNULL) as writer:
        before = transferred("/dev/qbd0")
        poll(30, "n1 writes",
             lambda: transferred("/dev/qbd0") > before + (1 << 20))
        # Of all that dies with the node this ends at once.
        holder = os.pidfd_open(int(read("/run/qbd-cluster/n1/holder")))
        with subprocess.Popen([CLUSTER, "kill", "n1"]) as killer:
            select.select([holder], [], [])
            began = time.monotonic()
            take_over("/dev/qbd1")
            took_ms = (time.monotonic() - began) * 1e3
        os.close(holder)
        writer.wait()
        if killer.returncode != 0:
            raise Failure("n1 can't be killed")
    run(CLUSTER, "start", "n1")
    run(CLUSTER, "wait")
    return took_ms


def take_over(device):
    """Until a block is written."""
    deadline = time.monotonic() + 60
    while not try_write(device):
        if time.monotonic() > deadline:
            raise Failure(f"nobody can write {device}")
        time.sleep(0.001)


def try_write(device):
    try:
        file = os.open(device, os.O_WRONLY | os.O_DIRECT)
    except OSError:
        return False
    try:
        return os.pwrite(file, PAGE, 0) == len(PAGE)
    except OSError:
        return False
    finally:
        os.close(file)
