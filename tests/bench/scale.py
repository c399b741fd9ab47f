#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The guest's part of scripts/bench --scale: what qbd costs as the work grows.
All volumes have three nodes.

  ring     latency as the log (16M) fills, wraps and is checkpointed; the series
           goes to $QBD_OUT/ring.csv
  idle     CPU and wake-ups of a volume that nobody uses; memory
  restart  an agent's start, and a failover, with a full log
  big      the same with a sparse volume of 1 TiB
  volumes  1, 4 and 16 volumes on the machine, one or all of them loaded
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time
import traceback
import disks
import outage
import workloads
from command import Failure, poll, read, run, say, warm_up
from cpu import tasks_ns
from qbd import CLUSTER, Qbd
from record import Results

NODES = ("n1", "n2", "n3")
GROUPS = "/sys/fs/cgroup/qbd"
RING_S = {"randwrite-qd1": 4, "randwrite-qd32": 2}
BIN_MS = 50
IDLE_S = 10
COUNTS = (1, 4, 16)
SMALL_MB, SMALL_LOG_MB = 32, 16


def agents(node):
    """Process ids of a node's agents."""
    return [int(pid) for pid in read(f"{GROUPS}/{node}/cgroup.procs").split()
            if read(f"/proc/{pid}/comm").strip() == "qbdd"]


def status(node, volume="vol0"):
    """As JSON, by less than scripts/cluster costs; None if there is none."""
    holder = read(f"/run/qbd-cluster/{node}/holder").strip()
    done = subprocess.run(
        ["nsenter", "--target", holder, "--net", "--mount", "--uts", "--",
         os.path.abspath("build/agent/qbd"), "status", volume, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
        stdin=subprocess.DEVNULL, text=True)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        return None


def is_healthy(node, volume="vol0"):
    told = status(node, volume)
    return bool(told and told["state"] in ("ok", "degraded")
                and told["leader"])


def memory_kib(pid):
    text = read(f"/proc/{pid}/status")
    return {name: int(re.search(rf"^{name}:\s*(\d+) kB", text, re.M)[1])
            for name in ("VmRSS", "VmHWM", "VmLck")}


def memory(which):
    """Metrics of vol0's agents, the writer's first."""
    return [(f"{which}_{name}_{node}", value, "KiB")
            for node in NODES
            for name, value in memory_kib(agents(node)[0]).items()]


def kernel_kib():
    """What the kernel keeps for itself, the pages of disks not counted."""
    text = read("/proc/meminfo")
    return sum(int(re.search(rf"^{name}:\s*(\d+) kB", text, re.M)[1])
               for name in ("Slab", "VmallocUsed", "Percpu", "KernelStack",
                            "PageTables"))


def wakeups(pid):
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        text = read(f"/proc/{pid}/task/{thread}/status")
        total += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text,
                               re.M)[1])
    return total


def agents_ns():
    """CPU time of all agents of a node."""
    found = {}
    for (label, _), spent in tasks_ns().items():
        if label.startswith("qbdd-"):
            found[label[5:]] = found.get(label[5:], 0) + spent
    return found


def idle_metrics():
    """Per node and second, over IDLE_S seconds."""
    time.sleep(2)
    pids = {node: agents(node) for node in NODES}
    woken = {node: sum(map(wakeups, pids[node])) for node in NODES}
    before = agents_ns()
    time.sleep(IDLE_S)
    after = agents_ns()
    metrics = []
    for node in NODES:
        count = sum(map(wakeups, pids[node])) - woken[node]
        metrics += [(f"instructions_{node}",
                     (after[node] - before[node]) / IDLE_S, "1/s"),
                    (f"wakeups_{node}", count / IDLE_S, "1/s")]
    return metrics


def cluster(size, paths, *more):
    given = ["--disks", " ".join(paths)] if paths else []
    run(CLUSTER, "up", "--size", size, "--network", "pairs", *given, *more)


def ring(system, paths, results):
    disks.wipe(paths)
    cluster(f"{disks.VOLUME_MB}M", paths, "--set",
            f'log-size = "{SMALL_LOG_MB}M"')
    workloads.start("/dev/qbd0")
    path = os.environ["QBD_OUT"] + "/ring.csv"
    with open(path, "w", encoding="ascii") as file:
        file.write("workload,time_ms,latency_us\n")
        for name, seconds in RING_S.items():
            job, _ = workloads.fio(
                "/dev/qbd0", name, "--time_based", f"--runtime={seconds}s",
                "--write_lat_log=/run/ring", f"--log_avg_msec={BIN_MS}")
            series = [[int(word) for word in line.split(",")[:2]]
                      for line in read("/run/ring_lat.1.log").splitlines()]
            del series[-1]  # the rest of a bin
            for when, latency_ns in series:
                file.write(f"{name},{when},{latency_ns / 1e3:.2f}\n")
            bins = sorted(latency_ns / 1e3 for _, latency_ns in series)
            results.add(system, f"ring-{name[10:]}", [
                ("wraps", job["write"]["io_bytes"] / (SMALL_LOG_MB << 20),
                 "1"),
                ("latency_mean", job["write"]["lat_ns"]["mean"] / 1e3, "us"),
                ("bin_min", bins[0], "us"),
                ("bin_median", bins[len(bins) // 2], "us"),
                ("bin_max", bins[-1], "us")])
    run(CLUSTER, "down")


def restart(node):
    """ms from the start of a killed agent until it is healthy."""
    log = status(node)["log"]
    run(CLUSTER, "kill-agent", node)
    began = time.monotonic()
    with subprocess.Popen([CLUSTER, "start-agent", node]) as starter:
        while not is_healthy(node):
            if starter.poll():
                raise Failure(f"the agent of {node} does not start")
            time.sleep(0.002)
        took_ms = (time.monotonic() - began) * 1e3
    if starter.returncode != 0:
        raise Failure(f"the agent of {node} does not start")
    return [("log_used", log["used_bytes"] / (1 << 20), "MiB"),
            ("time", took_ms, "ms")]


def fill_log():
    workloads.fio("/dev/qbd0", "randwrite-qd32", "--io_size=96M")


def restart_and_failover(system, prefix, results):
    fill_log()
    restart("n3")  # what is read from disk for the first time
    fill_log()
    results.add(system, f"{prefix}restart", restart("n3"))
    fill_log()
    results.add(system, f"{prefix}failover", outage.failover())


def usual(system, paths, results):
    """idle, memory and restart, on one volume of the default settings."""
    disks.wipe(paths)
    cluster(f"{disks.VOLUME_MB}M", paths)
    results.add(system, "memory-512M", memory("idle"))
    results.add(system, "idle", idle_metrics())
    fill_log()
    results.add(system, "memory-512M", memory("loaded"))
    restart_and_failover(system, "", results)
    run(CLUSTER, "down")


def big(system, _paths, results):
    """On sparse files in memory, which have no latency."""
    began = time.monotonic()
    cluster("1T", [])
    results.add(system, "1T-format-and-birth",
                [("time", (time.monotonic() - began) * 1e3, "ms")])
    results.add(system, "memory-1T", memory("idle"))
    fill_log()
    results.add(system, "memory-1T", memory("loaded"))
    restart_and_failover(system, "1T-", results)
    run(CLUSTER, "down")


def add_volume(number, paths):
    """Volume volN beside vol0, each replica on a disk of its own."""
    name = f"vol{number}"
    text = read("/etc/qbd/vol0.conf")
    text = text.replace('"vol0"', f'"{name}"')
    text = text.replace('4a7e55"', f'4a7e{number:02x}"')
    text = text.replace(":7700", f":{7700 + number}")
    for i, (node, disk) in enumerate(zip(NODES, paths)):
        text = re.sub(rf'(name = "{node}".*?disk = ")[^"]*(".*?minor = )\d+',
                      rf"\g<1>{disk}\g<2>{3 * number + i}", text)
    with open(f"/etc/qbd/{name}.conf", "w", encoding="ascii") as file:
        file.write(text)
    for node in NODES:
        run(CLUSTER, "exec", node, "qbd", "format", name, "--node", node,
            "--force")
        run(CLUSTER, "exec", node, "qbd", "up", name)
    poll(f"{name} is healthy",
         lambda: all(is_healthy(node, name) for node in NODES))


def small_disks(number):
    size_mb = SMALL_MB + SMALL_LOG_MB + 8
    paths = [disks.create_one(f"nullb{100 + 3 * number + i}", size=size_mb,
                              completion_nsec=disks.LATENCY_NS)
             for i in range(len(NODES))]
    for path in paths:
        disks.prefill(path, size_mb)
    return paths


def volumes(system, _paths, results):
    cluster(f"{SMALL_MB}M", small_disks(0), "--set",
            f'log-size = "{SMALL_LOG_MB}M"')
    there, grown_kib = 1, 0
    for count in COUNTS:
        for number in range(there, count):
            paths = small_disks(number)
            before = kernel_kib()
            add_volume(number, paths)
            grown_kib += kernel_kib() - before
        there = count
        metrics = idle_metrics()
        for loaded in dict.fromkeys((1, count)):
            for depth in (1, 32):
                which = "one" if loaded == 1 else "all"
                metrics += [(f"{which}_qd{depth}_{key}", value, unit)
                            for key, value, unit in load(loaded, depth)]
        results.add(system, f"volumes-{count}", metrics)
    # Of all three nodes, with their processes, sockets and queues.
    results.add(system, "memory-kernel", [
        ("per_volume", grown_kib / (there - 1), "KiB")])


def load(count, depth):
    """4 KiB random writes to so many volumes at once."""
    devices = [f"/dev/qbd{3 * number}" for number in range(count)]
    way = workloads.fio_many(devices, depth, SMALL_MB)["write"]
    return [("iops", way["iops"], "1/s"),
            ("latency_mean", way["lat_ns"]["mean"] / 1e3, "us"),
            ("latency_p99", way["lat_ns"]["percentile"]["99.000000"] / 1e3,
             "us")]


SECTIONS = {"ring": ring, "usual": usual, "big": big, "volumes": volumes}


def bench(sections):
    warm_up()
    paths = disks.create(3)
    results, system = Results("20us", 0), Qbd(3)
    for name in sections:
        say(f"scale: {name}")
        SECTIONS[name](system, paths, results)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sections", default=",".join(SECTIONS))
    sections = parser.parse_args().sections.split(",")
    for name in sections:
        if name not in SECTIONS:
            sys.exit(f"bench: section '{name}' is unknown; there are "
                     f"{', '.join(SECTIONS)}")
    try:
        bench(sections)
    except Failure as failure:
        traceback.print_exc()
        sys.exit(f"bench: {failure}")


main()
