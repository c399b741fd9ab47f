#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Draws what a run of scale.py found: curves.png and curves.svg in its folder.

  curves.py DIR

Latency while the log wraps, by time, and with more volumes on the machine.
Axes begin at 0.
"""
import argparse
import csv
import os
import re
import subprocess
import results

WIDTH, HEIGHT = 1200, 300
LINES = [("one_qd1_latency_mean", "one of them loaded, depth 1"),
         ("one_qd32_latency_mean", "one of them loaded, depth 32"),
         ("all_qd1_latency_mean", "all loaded, depth 1 each"),
         ("all_qd1_iops", "all loaded, depth 1 each")]


def ring_panels(path):
    if not os.path.exists(path):
        return []
    series = {}
    with open(path, encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            series.setdefault(row["workload"], []).append(
                (row["time_ms"], row["latency_us"]))
    return [(f"{name}, a log of 16 MiB that wraps: each point the mean of "
             "50 ms", "ms", "latency in us", "lines", points)
            for name, points in series.items()]


def volume_panels(rows):
    panels = []
    for metric, label in LINES:
        points = [(re.fullmatch(r"volumes-(\d+)", row["workload"])[1],
                   row["value"]) for row in rows
                  if row["workload"].startswith("volumes-") and
                  # One volume is all there are.
                  row["metric"] == (metric if row["workload"] != "volumes-1"
                                    else metric.replace("all_", "one_"))]
        if points:
            what = "IOPS of all" if "iops" in metric else "latency in us"
            panels.append((f"volumes of three nodes on the machine, {label}",
                           "volumes", what, "linespoints", points))
    return panels


def script(panels, terminal, path):
    text = [f"set terminal {terminal} size {WIDTH},{HEIGHT * len(panels)}",
            f'set output "{path}"']
    for i, (*_, points) in enumerate(panels):
        text += [f"$panel{i} << END",
                 *(f"{x} {y}" for x, y in points), "END"]
    text += [f"set multiplot layout {len(panels)},1", "set grid", "unset key",
             "set xrange [0:*]", "set yrange [0:*]"]
    for i, (title, x_label, y_label, style, _) in enumerate(panels):
        text += [f"set title '{title}' noenhanced",
                 f"set xlabel '{x_label}'", f"set ylabel '{y_label}'",
                 f"plot $panel{i} with {style} linewidth 2 "
                 "linecolor rgb '#1b4f83'"]
    return "\n".join([*text, "unset multiplot", ""])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    panels = (ring_panels(f"{folder}/ring.csv") +
              volume_panels(results.load(f"{folder}/raw.jsonl")))
    if not panels:
        return
    for terminal, ending in (("pngcairo", "png"), ("svg", "svg")):
        path = f"{folder}/curves.{ending}"
        subprocess.run(["gnuplot"], text=True, check=True,
                       input=script(panels, terminal, path))
        print(f"picture: {path}")


main()
