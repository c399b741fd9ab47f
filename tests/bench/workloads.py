# SPDX-License-Identifier: GPL-2.0
"""What fio does to a device, and what it measured.

The same options for every system; seeds are fixed.  fio's engine is libaio:
io_uring hands a request to a worker thread on some of the devices and not on
others.
"""
import json
import os
import subprocess
from command import Failure
from disks import VOLUME_MB

COMMON = ["--thread", "--direct=1", "--ioengine=libaio",
          "--clocksource=clock_gettime", "--disk_util=0", "--randrepeat=1",
          "--norandommap", "--random_generator=tausworthe64",
          "--output-format=json", "--lat_percentiles=1",
          "--clat_percentiles=0"]

# name: how, and whether a quick run has it.
WORKLOADS = {
    "randwrite-qd1": ("randwrite 4k 1", True),
    "randwrite-qd4": ("randwrite 4k 4", False),
    "randwrite-qd32": ("randwrite 4k 32", True),
    "randwrite-qd128": ("randwrite 4k 128", False),
    "fsync-qd1": ("randwrite 4k 1 --fsync=1", True),
    "seqwrite-128k-qd8": ("write 128k 8", True),
    "seqwrite-1m-qd8": ("write 1m 8", False),
    "randread-qd1": ("randread 4k 1", True),
    "randread-qd32": ("randread 4k 32", False),
    "mix-qd32": ("randrw 4k 32 --rwmixread=70", False),
}


def names(quick):
    """The default; outage.py's stand for themselves."""
    return [name for name, (_, in_quick) in WORKLOADS.items()
            if in_quick or not quick] + ([] if quick else ["outage"])


def fio(device, name, *more):
    """Runs fio; returns its results and the CPU time it took, in ns."""
    how, block, depth, *rest = WORKLOADS[name][0].split()
    return run_fio(f"fio {name} on {device}", [
        f"--size={VOLUME_MB}M", "--name=bench", f"--filename={device}",
        f"--rw={how}", f"--bs={block}", f"--iodepth={depth}", *rest, *more])


def fio_many(devices, depth, size_mb):
    """4 KiB random writes to several at once; the sum of the results."""
    return run_fio(f"fio on {', '.join(devices)}", [
        f"--size={size_mb}M", "--rw=randwrite", "--bs=4k",
        f"--iodepth={depth}", "--group_reporting", "--time_based",
        "--ramp_time=200ms", "--runtime=500ms",
        *(word for device in devices
          for word in (f"--name={device}", f"--filename={device}"))])[0]


def run_fio(what, options):
    words = ["fio", *COMMON, *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL) as process:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failure(f"{what}: status {process.returncode}: {output}")
    job = json.loads(output[output.index("{"):])["jobs"][0]
    if job["error"] != 0:
        raise Failure(f"{what}: error {job['error']}")
    return job, round((usage.ru_utime + usage.ru_stime) * 1e9)


def block_bytes(name):
    block = WORKLOADS[name][0].split()[1]
    return int(block[:-1]) << {"k": 10, "m": 20}[block[-1]]


def scale(name):
    """Large requests are few: they need longer for the same accuracy."""
    return 2 if name.startswith("seq") else 1


def start(device):
    """One I/O; returns fio's CPU time, which is what it costs by itself."""
    return fio(device, "randwrite-qd1", "--number_ios=1")[1]


def overwrite(device, size_mb=VOLUME_MB):
    """So much of it, with bytes that are not zero."""
    fio(device, "seqwrite-1m-qd8", f"--io_size={size_mb}M")


def measure(device, name, ramp_ms, run_ms):
    """Returns (metric, value, unit) of each, and fio's CPU time."""
    job, cpu_ns = fio(device, name, "--time_based", f"--ramp_time={ramp_ms}ms",
                      f"--runtime={run_ms}ms")
    ways = {way: job[way] for way in ("read", "write")
            if job[way]["total_ios"] > 0}
    if not ways:
        raise Failure(f"fio {name} on {device} did nothing")
    metrics = [
        ("iops", sum(way["iops"] for way in ways.values()), "1/s"),
        ("bandwidth", sum(way["bw_bytes"] for way in ways.values()) / 1e6,
         "MB/s"),
    ]
    for key, way in ways.items():
        metrics += latencies(key, way)
    if job["sync"]["total_ios"] > 0:
        metrics += latencies("sync", job["sync"])
    return metrics, cpu_ns


def latencies(key, way):
    of = way["lat_ns"]
    return [(f"{key}_latency_mean", of["mean"] / 1e3, "us"),
            *((f"{key}_latency_p{percent}",
               of["percentile"][f"{percent}.000000"] / 1e3, "us")
              for percent in (50, 99))]
