# SPDX-License-Identifier: GPL-2.0
"""What it costs that a replica is away, comes back, or was the writer's.

Systems have stop(), which takes a replica away; start(), which brings it back
as far as it needs no copy of everything; resync(), which begins such a copy;
resynced(), the bytes that it has done, or None where there is none; and
wait(), until all is well.  `behind` is the number of that replica's disk.
"""
import mmap
import os
import select
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
import workloads
from command import Failure, poll, read, run
from cpu import Snapshot, per_io
from disks import VOLUME_MB, transferred

FAILOVERS = 5
RESYNC_TIMES = 3  # a copy comes in pieces, and rests between them
BEYOND_LOG_MB = 96
CLUSTER = "scripts/cluster"
PAGE = mmap.mmap(-1, 4096)  # aligned


def measure(system, device, disk, measure_one, usual_s):
    """Yields (workload, metrics); @disk is that of the replica behind.

    measure_one(workload, times) measures for @times @usual_s after a ramp.
    """
    system.stop()
    for depth in ("qd1", "qd32"):
        yield (f"randwrite-{depth}-stopped",
               measure_one(f"randwrite-{depth}", 1))
    # Nothing is zero then, and no log reaches so far back.
    workloads.overwrite(device)
    system.start()
    yield "resync", [("bandwidth", resync_rate(system, disk), "MB/s")]
    system.wait()

    system.stop()
    workloads.overwrite(device, BEYOND_LOG_MB)
    system.start()
    begin_resync(system)
    fio_ended = threading.Event()
    with ThreadPoolExecutor() as threads:
        beside = threads.submit(watch_resync, system, device,
                                0.8 * RESYNC_TIMES * usual_s, fio_ended)
        try:
            metrics = [metric for metric in
                       measure_one("randwrite-qd1", RESYNC_TIMES)
                       if not metric[0].startswith("instructions")]
        finally:
            fio_ended.set()
        yield "randwrite-qd1-resync", metrics + beside.result()
    system.wait()


def begin_resync(system):
    """Only then: what a replica reads when it starts is no part of it."""
    system.resync()
    poll(f"{system.name} resyncs", lambda: system.resynced() or 0)


def watch_resync(system, device, seconds, fio_ended):
    """Its rate, and instructions a write, for so long while fio is under way.

    Before and after fio the resync goes faster, and has no writes beside it.
    """
    before = transferred(device)
    poll(f"{device} is written",
         lambda: transferred(device) > before + (1 << 20),
         while_on=fio_ended)
    low, began = next_piece(system, fio_ended)
    writes, used = transferred(device), Snapshot()
    time.sleep(seconds)
    used, writes = used.until(Snapshot()), transferred(device) - writes
    high, ended = next_piece(system, fio_ended)
    return [*per_io(used, writes / 4096),
            ("resync_bandwidth", (high - low) / (ended - began) / 1e6, "MB/s")]


def next_piece(system, fio_ended):
    """When the resync has come one piece further: how far, and when."""
    done = system.resynced() or 0
    more = poll(f"{system.name} resyncs beside writes",
                lambda: max(0, (system.resynced() or 0) - done), 0.001,
                while_on=fio_ended)
    return done + more, time.monotonic()


def resync_rate(system, disk):
    """MB/s that reach the disk, from 10 % to 80 % of the volume."""
    begin_resync(system)
    before = transferred(disk)
    seen = []
    for bound in (0.1, 0.8):
        wanted = before + bound * (VOLUME_MB << 20)
        poll(f"{system.name}'s resync reaches {bound * 100:.0f} %",
             lambda: transferred(disk) >= wanted, 0.002)
        seen.append((time.monotonic(), transferred(disk)))
    (began, low), (ended, high) = seen
    if ended <= began:
        raise Failure(f"{system.name}: the resync was missed")
    return (high - low) / (ended - began) / 1e6


def failover():
    """Metrics of power losses of n1, which writes, until n2 has written."""
    # What is read from the host for the first time takes guest time.
    one_failover()
    times_ms = sorted(one_failover() for _ in range(FAILOVERS))
    return [("time_mean", sum(times_ms) / FAILOVERS, "ms"),
            ("time_max", times_ms[-1], "ms")]


def one_failover():
    take_over("/dev/qbd0")
    with subprocess.Popen([CLUSTER, "exec", "n1", "dd", "if=/dev/zero",
                           "of=/dev/qbd0", "bs=4k", "oflag=direct"],
                          stderr=subprocess.DEVNULL) as writer:
        before = transferred("/dev/qbd0")
        poll("n1 writes", lambda: wrote_since(before, writer))
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


def wrote_since(before, writer):
    if writer.poll() is not None:
        raise Failure(f"n1's writer ends, with status {writer.returncode}")
    return transferred("/dev/qbd0") > before + (1 << 20)


def take_over(device):
    """Until a block is written."""
    poll(f"{device} can be written", lambda: try_write(device), 0.001)


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
