#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The guest's part of scripts/bench: one system after the other is made on the
same disks, measured and taken away.  Each measurement is a line of JSON in
$QBD_OUT/raw.jsonl.
"""
import argparse
import json
import os
import sys
import traceback
import disks
import workloads
from command import Failure, run, say
from cpu import Snapshot
from drbd import Drbd
from md import Md
from qbd import Qbd
from raw import Raw

SYSTEMS = {system.name: system
           for system in (Raw(), Drbd(), Md(), Qbd(2), Qbd(3))}
DEFAULT_SYSTEMS = ",".join(SYSTEMS)
RAMP_MS, RUN_MS = 200, 500
QUICK_RAMP_MS, QUICK_RUN_MS = 100, 250


class Results:
    def __init__(self):
        self.path = os.environ["QBD_OUT"] + "/raw.jsonl"
        self.disks, self.network = "20us", "loopback"

    def add(self, system, workload, metrics):
        with open(self.path, "a", encoding="ascii") as file:
            for metric, value, unit in metrics:
                json.dump({"disks": self.disks, "network": self.network,
                           "system": system.name, "nodes": system.nodes,
                           "workload": workload, "metric": metric,
                           "value": value, "unit": unit}, file)
                file.write("\n")


def measure_start(device):
    """CPU time by name of a run of fio that does next to nothing."""
    workloads.start(device)
    before = Snapshot()
    fio_ns = workloads.start(device)
    return before.until(Snapshot()) | {"fio": fio_ns}


def measure(device, name, bare, quick):
    """@bare: what starting fio costs, which is not the I/O's."""
    ramp, duration = ((QUICK_RAMP_MS, QUICK_RUN_MS) if quick
                      else (RAMP_MS, RUN_MS))
    moved = disks.transferred(device)
    before = Snapshot()
    metrics, fio_ns = workloads.measure(device, name, ramp,
                                        duration * workloads.scale(name))
    used = before.until(Snapshot()) | {"fio": fio_ns}
    moved = disks.transferred(device) - moved

    count = moved / workloads.block_bytes(name) - 1
    per_io = {key: (value - bare.get(key, 0)) / count
              for key, value in used.items()}
    named = sum(value for key, value in per_io.items() if key != "total")
    per_io["interrupts"] = per_io["total"] - named
    metrics += [(f"instructions_{key}", value, "1/IO")
                for key, value in per_io.items() if abs(value) >= 1]
    return metrics


def bench(options):
    # The host's files come slowly, and an idle guest's clock does not wait.
    run("fio", "--version")
    run("qbd", "version")
    results = Results()
    paths = disks.create(3)
    for system_name in options.systems.split(","):
        system = SYSTEMS[system_name]
        say(f"{system.name}: set-up")
        disks.wipe(paths)
        device = system.up(paths)
        bare = measure_start(device)
        for name in options.workloads.split(","):
            metrics = measure(device, name, bare, options.quick)
            results.add(system, name, metrics)
            told = {key: value for key, value, _ in metrics}
            say(f"{system.name}: {name}: {told['iops']:.0f} IOPS, "
                f"{told['bandwidth']:.0f} MB/s, "
                f"{told['instructions_total']:.0f} instructions/IO")
        system.down()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--systems", default=DEFAULT_SYSTEMS)
    parser.add_argument("--workloads")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.workloads is None:
        options.workloads = ",".join(workloads.names(options.quick))
    for kind, given, known in (
            ("system", options.systems, SYSTEMS),
            ("workload", options.workloads, workloads.WORKLOADS)):
        for name in given.split(","):
            if name not in known:
                sys.exit(f"bench: {kind} '{name}' is unknown; "
                         f"there are {', '.join(known)}")
    try:
        bench(options)
    except Failure as failure:
        traceback.print_exc()
        sys.exit(f"bench: {failure}")


main()
