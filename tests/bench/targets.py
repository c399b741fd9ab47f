# SPDX-License-Identifier: GPL-2.0
"""What qbd is to reach, on disks of 20 us and a loopback network."""

# workload, metric, compared with, and the bound for two and three nodes;
# "<" is no more than, ">" no less than.
TARGETS = [
    ("randwrite-qd1", "write_latency_mean", "vs_drbd", "<", 0.60, 0.85),
    ("randwrite-qd32", "iops", "vs_drbd", ">", 2.0, 1.4),
    ("seqwrite-128k-qd8", "bandwidth", "vs_drbd", ">", 1.2, 0.8),
    ("fsync-qd1", "iops", "vs_drbd", ">", 1.5, 1.1),
    ("randread-qd1", "read_latency_mean", "vs_raw", "<", 1.06, 1.06),
]
# A write elsewhere within two election timeouts of 1 s.
FAILOVER_MS = 2000


def check_targets(rows):
    """Lines of cells, the heading first."""
    found = {(row["system"], row["workload"], row["metric"]): row
             for row in rows
             if (row["disks"], row["network"]) == ("20us", "loopback")}
    lines = [["system", "workload", "target", "seen", "verdict"]]
    for i, system in enumerate(("qbd2", "qbd3")):
        for workload, metric, key, way, *bounds in TARGETS:
            row = found.get((system, workload, metric))
            lines.append(line(system, workload, f"{metric} {key}", way,
                              bounds[i], row and row[key]))

    # One of three stopped costs the writer nothing.
    stopped, whole = (found.get(("qbd3", workload, "write_latency_mean"))
                      for workload in ("randwrite-qd1-stopped",
                                       "randwrite-qd1"))
    lines.append(line("qbd3", "randwrite-qd1-stopped",
                      "write_latency_mean, to randwrite-qd1's", "<", 1.0,
                      stopped and whole and
                      stopped["value"] / whole["value"]))
    failover = found.get(("qbd3", "failover", "time_max"))
    lines.append(line("qbd3", "failover", "time_max, ms", "<", FAILOVER_MS,
                      failover and failover["value"]))
    return lines


def line(system, workload, what, way, bound, seen):
    return [system, workload, f"{what} {way}= {bound:.2f}",
            "-" if seen is None else f"{seen:.2f}", verdict(seen, way, bound)]


def verdict(seen, way, bound):
    if seen is None:
        return "not measured"
    reached = seen <= bound if way == "<" else seen >= bound
    return "pass" if reached else "miss"
