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


def check_targets(rows):
    """Lines of cells, the heading first."""
    found = {(row["system"], row["workload"], row["metric"]): row
             for row in rows
             if (row["disks"], row["network"]) == ("20us", "loopback")}
    lines = [["system", "workload", "target", "seen", "verdict"]]
    for i, system in enumerate(("qbd2", "qbd3")):
        for workload, metric, key, way, *bounds in TARGETS:
            row = found.get((system, workload, metric))
            seen = row and row[key]
            lines.append([system, workload,
                          f"{metric} {key} {way}= {bounds[i]:.2f}",
                          "-" if seen is None else f"{seen:.2f}",
                          verdict(seen, way, bounds[i])])
    return lines


def verdict(seen, way, bound):
    if seen is None:
        return "not measured"
    reached = seen <= bound if way == "<" else seen >= bound
    return "pass" if reached else "miss"
