# SPDX-License-Identifier: GPL-2.0
"""Results: reading them, ratios, and bench.csv."""
import csv
import json

COLUMNS = ["disks", "network", "system", "nodes", "workload", "metric",
           "value", "unit", "vs_drbd", "vs_raw"]
# The same in all rows that are compared with each other.
PLACE = ["disks", "network", "workload", "metric"]


def load(path):
    """Rows of raw.jsonl, with vs_drbd and vs_raw (None where there is none)."""
    with open(path, encoding="ascii") as file:
        rows = [json.loads(line) for line in file]
    add_ratios(rows)
    return rows


def add_ratios(rows):
    values = {(*place(row), row["system"]): row["value"] for row in rows}
    for row in rows:
        for column, system in (("vs_drbd", "drbd"), ("vs_raw", "raw")):
            other = values.get((*place(row), system))
            row[column] = row["value"] / other if other else None


def place(row):
    return tuple(row[key] for key in PLACE)


def write_csv(rows, path):
    with open(path, "w", encoding="ascii", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {
                "value": f"{row['value']:.6g}",
                "vs_drbd": ratio_text(row["vs_drbd"]),
                "vs_raw": ratio_text(row["vs_raw"])})


def ratio_text(ratio):
    return "" if ratio is None else f"{ratio:.3f}"
