#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The guest's part of scripts/bench: one system after the other is made on the
same disks, measured and taken away.  Each measurement is a line of JSON in
$QBD_OUT/raw.jsonl.
"""
import argparse
import sys
import traceback
import disks
import outage
import workloads
from command import Failure, say, warm_up
from cpu import Snapshot, per_io
from drbd import Drbd
from md import Md
from qbd import Qbd
from raw import Raw
from record import Results

SYSTEMS = {system.name: system
           for system in (Raw(), Drbd(), Md(), Qbd(2), Qbd(3))}
DEFAULT_SYSTEMS = ",".join(SYSTEMS)
RAMP_MS, RUN_MS = 200, 500
QUICK_RAMP_MS, QUICK_RUN_MS = 100, 250


# Number: the disks, the network's round trip in ms, and the workloads.
TABLES = {
    "1": ("20us", 0, list(workloads.WORKLOADS)),
    "2": ("20us+flush-1ms", 0, ["randwrite-qd1", "randwrite-qd32",
                                "fsync-qd1", "seqwrite-128k-qd8"]),
    "3": ("20us", 0.25, ["randwrite-qd1", "randwrite-qd32", "fsync-qd1",
                         "seqwrite-128k-qd8", "randread-qd1"]),
}


def durations_ms(quick):
    return (QUICK_RAMP_MS, QUICK_RUN_MS) if quick else (RAMP_MS, RUN_MS)


def measure_start(device):
    """CPU time by name of a run of fio that does next to nothing."""
    workloads.start(device)
    before = Snapshot()
    fio_ns = workloads.start(device)
    return before.until(Snapshot()) | {"fio": fio_ns}


def measure(device, name, bare, quick, times=1):
    """For @times as long as usual; @bare: what starting fio costs."""
    ramp, duration = durations_ms(quick)
    duration *= times * workloads.scale(name)
    moved = disks.transferred(device)
    before = Snapshot()
    metrics, fio_ns = workloads.measure(device, name, ramp, duration)
    used = before.until(Snapshot()) | {"fio": fio_ns}
    moved = disks.transferred(device) - moved

    count = moved / workloads.block_bytes(name) - 1
    return metrics + per_io({key: value - bare.get(key, 0)
                             for key, value in used.items()}, count)


def bench_system(system, paths, rtt_ms, names, results, quick, with_outage):
    disks.wipe(paths)
    device = system.up(paths, rtt_ms)
    bare = measure_start(device)
    for name in names:
        results.add(system, name, measure(device, name, bare, quick))
    if with_outage and system.survives:
        behind = paths[system.behind]
        for name, metrics in outage.measure(
                system, device, behind,
                lambda name, times: measure(device, name, bare, quick, times),
                durations_ms(quick)[1] / 1e3):
            results.add(system, name, metrics)
        if isinstance(system, Qbd):
            results.add(system, "failover", outage.failover())
    system.down()


def bench(options):
    warm_up()
    paths = disks.create(3)
    for number in options.tables.split(","):
        kind, rtt_ms, names = TABLES[number]
        here = disks.slow_flush(paths) if "flush" in kind else paths
        names = [name for name in names if name in options.workloads]
        results = Results(kind, rtt_ms)
        for system_name in options.systems.split(","):
            say(f"table {number}: {system_name}")
            bench_system(SYSTEMS[system_name], here, rtt_ms, names, results,
                         options.quick, options.outage and number == "1")
        if here is not paths:
            disks.plain_flush(here)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systems", default=DEFAULT_SYSTEMS)
    parser.add_argument("--tables")
    parser.add_argument("--workloads")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.workloads is None:
        options.workloads = ",".join(workloads.names(options.quick))
    if options.tables is None:
        options.tables = "1" if options.quick else ",".join(TABLES)
    for kind, given, known in (
            ("table", options.tables, TABLES),
            ("system", options.systems, SYSTEMS),
            ("workload", options.workloads,
             [*workloads.WORKLOADS, "outage"])):
        for name in given.split(","):
            if name not in known:
                sys.exit(f"bench: {kind} '{name}' is unknown; "
                         f"there are {', '.join(known)}")
    options.workloads = options.workloads.split(",")
    options.outage = "outage" in options.workloads
    try:
        bench(options)
    except Failure as failure:
        traceback.print_exc()
        sys.exit(f"bench: {failure}")


main()
