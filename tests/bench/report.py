#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes tables of a run's results: bench.csv and report.txt in its folder.

  report.py DIR [--scale] [--against DIR]
"""
import argparse
import results
from targets import check_targets

SYSTEMS = ["raw", "drbd", "md-nbd", "qbd2", "qbd3"]


def in_order(found, known):
    return [name for name in known if name in found] + sorted(
        name for name in found if name not in known)


def key_metrics(workload):
    """What a table shows of a workload."""
    if workload.startswith(("seq", "resync")):
        return ["bandwidth"]
    if workload == "failover":
        return ["time_mean", "time_max"]
    if workload.startswith("mix"):
        return ["iops", "read_latency_mean", "write_latency_mean"]
    if workload.startswith("fsync"):
        return ["iops"]
    if workload.endswith("-resync"):
        return ["iops", "write_latency_mean", "resync_bandwidth"]
    way = "read" if "read" in workload else "write"
    return ["iops", f"{way}_latency_mean"]


def percentiles(rows):
    return [row for row in rows if row["metric"].endswith(("_p50", "_p99"))]


def instructions(rows):
    """By workload as they came, in each the total first."""
    workloads = list(dict.fromkeys(row["workload"] for row in rows))
    return sorted((row for row in rows
                   if row["metric"].startswith("instructions_")),
                  key=lambda row: (workloads.index(row["workload"]),
                                   row["metric"] != "instructions_total",
                                   row["metric"]))


def number(value):
    return f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def with_ratios(row):
    ratios = [f"{row[key]:.2f}" if row[key] is not None else "-"
              for key in ("vs_drbd", "vs_raw")]
    return f"{number(row['value'])} {ratios[0]:>5} {ratios[1]:>6}"


def table(title, rows, cell):
    """Workloads and metrics down, systems across."""
    cells = {(row["workload"], row["metric"], row["system"]): row
             for row in rows}
    systems = in_order({row["system"] for row in rows}, SYSTEMS)
    lines = [["", "", *systems]]
    for key in dict.fromkeys((row["workload"], row["metric"], row["unit"])
                             for row in rows):
        workload, metric, unit = key
        found = [cells.get((workload, metric, system)) for system in systems]
        lines.append([workload, f"{metric} [{unit}]",
                      *(cell(row) if row else "-" for row in found)])
    return [title, *aligned(lines), ""]


def aligned(lines):
    widths = [max(len(line[i]) for line in lines)
              for i in range(len(lines[0]))]
    return ["  ".join(text.ljust(width) if i < 2 else text.rjust(width)
                      for i, (text, width) in enumerate(zip(line, widths))
                      ).rstrip() for line in lines]


def tables(rows):
    text = []
    for disks, network in dict.fromkeys((row["disks"], row["network"])
                                        for row in rows):
        here = [row for row in rows
                if (row["disks"], row["network"]) == (disks, network)]
        where = f"disks {disks}, network {network}"
        text += table(f"{where}: value, ratio to DRBD, ratio to the disk",
                      [row for row in here
                       if row["metric"] in key_metrics(row["workload"])],
                      with_ratios)
        text += table(f"{where}: latency", percentiles(here),
                      lambda row: number(row["value"]))
        text += table(f"{where}: CPU instructions per I/O",
                      instructions(here), lambda row: f"{row['value']:.0f}")
    return text


def comparison(rows, before, scale):
    """Each key metric now and before; all of them with @scale."""
    old = {(*results.place(row), row["system"]): row["value"]
           for row in before}
    lines = [["", "", "before", "now", "ratio"]]
    for row in rows:
        value = old.get((*results.place(row), row["system"]))
        if not value or not (scale or row["metric"] in key_metrics(
                row["workload"]) + ["instructions_total"]):
            continue
        lines.append([f"{row['disks']} {row['network']} {row['system']} "
                      f"{row['workload']}", row["metric"],
                      number(value), number(row["value"]),
                      f"{row['value'] / value:.3f}"])
    return ["Before and now", *aligned(lines), ""]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--against")
    options = parser.parse_args()
    rows = results.load(f"{options.folder}/raw.jsonl")
    results.write_csv(rows, f"{options.folder}/bench.csv")
    if options.scale:
        text = table("As the work grows", rows,
                     lambda row: number(row["value"]))
    else:
        text = tables(rows)
        text += ["Targets", *aligned(check_targets(rows)), ""]
    if options.against:
        text += comparison(rows, results.load(f"{options.against}/raw.jsonl"),
                           options.scale)
    text = "\n".join(text)
    with open(f"{options.folder}/report.txt", "w", encoding="ascii") as file:
        file.write(text)
    print(text, end="")


main()
