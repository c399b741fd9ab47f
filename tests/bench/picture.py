#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Draws a run's results: bench.png and bench.svg in its folder.

  picture.py DIR

Each bar is a system's rate divided by DRBD's in the same place: 1 is as fast as
DRBD, 2 twice as fast.  The axis is linear and begins at 0.
"""
import argparse
import subprocess
import results

SYSTEMS = {"md-nbd": "md-raid1 over NBD", "qbd2": "qbd, two nodes",
           "qbd3": "qbd, three nodes"}
COLOURS = {"md-nbd": "#999999", "qbd2": "#66a5d6", "qbd3": "#1b4f83"}
PANEL_WIDTH, PANEL_HEIGHT = 1300, 330


def rate_of(workload):
    return ("bandwidth" if workload.startswith(("seq", "resync")) else "iops")


def panels(rows, systems):
    """(title, [(workload, ratio or None by system)])"""
    found = []
    for place in dict.fromkeys((row["disks"], row["network"])
                               for row in rows):
        here = {(row["workload"], row["system"]): row["vs_drbd"]
                for row in rows
                if (row["disks"], row["network"]) == place and
                row["metric"] == rate_of(row["workload"])}
        workloads = [name for name in dict.fromkeys(key[0] for key in here)
                     if here.get((name, "drbd"))]
        if workloads:
            found.append((f"disks {place[0]}, network {place[1]}", [
                (name, [here.get((name, system)) for system in systems])
                for name in workloads]))
    return found


def data_block(name, lines):
    text = [f"${name} << END"]
    for workload, ratios in lines:
        cells = ["NaN" if ratio is None else f"{ratio:.3f}"
                 for ratio in ratios]
        text.append(f'"{workload}" {" ".join(cells)}')
    return text + ["END"]


def script(found, systems, terminal, path):
    height = PANEL_HEIGHT * len(found) + 40
    text = [f"set terminal {terminal} size {PANEL_WIDTH},{height}",
            f'set output "{path}"']
    for i, (_, lines) in enumerate(found):
        text += data_block(f"panel{i}", lines)
    text += [
        f"set multiplot layout {len(found)},1 title 'Rate compared with "
        "DRBD 8.4, protocol C (1 = as fast; higher is better)'",
        "set style data histograms",
        "set style histogram clustered gap 1",
        "set style fill solid border -1",
        "set boxwidth 0.9",
        "set grid ytics",
        "set xtics rotate by -18 noenhanced nomirror",
        "set ylabel 'times DRBD'",
        "set key outside right top",
    ]
    middle = (len(systems) - 1) / 2
    for i, (title, lines) in enumerate(found):
        top = max([1, *(ratio for _, ratios in lines for ratio in ratios
                        if ratio is not None)])
        bars = [f"$panel{i} using {column + 2}:xtic(1) "
                f"title '{SYSTEMS[system]}' "
                f"linecolor rgb '{COLOURS[system]}'"
                for column, system in enumerate(systems)]
        # The numbers over the bars, between which one bar's width is free.
        bars += [f"$panel{i} using "
                 f"($0 + {(column - middle) / (len(systems) + 1):.4f})"
                 f":{column + 2}:(sprintf('%.2f', ${column + 2})) "
                 "with labels font ',8' offset 0,0.5 notitle"
                 for column in range(len(systems))]
        text += [f"set title '{title}' noenhanced",
                 f"set yrange [0:{top * 1.15:.3f}]",
                 "plot 1 linecolor rgb '#c00000' linewidth 2 title 'DRBD', "
                 + ", ".join(bars)]
    return "\n".join([*text, "unset multiplot", ""])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    rows = results.load(f"{folder}/raw.jsonl")
    measured = {row["system"] for row in rows}
    systems = [system for system in SYSTEMS if system in measured]
    found = panels(rows, systems)
    if not found or not systems:
        print("picture: needs DRBD and a system to compare with it")
        return
    for terminal, ending in (("pngcairo", "png"), ("svg", "svg")):
        path = f"{folder}/bench.{ending}"
        subprocess.run(["gnuplot"], text=True, check=True,
                       input=script(found, systems, terminal, path))
        print(f"picture: {path}")


main()
