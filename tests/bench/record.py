# SPDX-License-Identifier: GPL-2.0
"""The guest's results: lines of JSON in $QBD_OUT/raw.jsonl."""
import json
import os
from command import say

# What is shown while it runs, where there is too much.
TOLD = ["iops", "bandwidth", "instructions_total", "time_mean", "time_max"]


class Results:
    def __init__(self, disk_kind, rtt_ms):
        self.path = os.environ["QBD_OUT"] + "/raw.jsonl"
        self.disks = disk_kind
        self.network = f"rtt-{rtt_ms}ms" if rtt_ms else "loopback"

    def add(self, system, workload, metrics):
        with open(self.path, "a", encoding="ascii") as file:
            for metric, value, unit in metrics:
                json.dump({"disks": self.disks, "network": self.network,
                           "system": system.name, "nodes": system.nodes,
                           "workload": workload, "metric": metric,
                           "value": value, "unit": unit}, file)
                file.write("\n")
        told = {key: f"{value:.0f}" if value >= 100 else f"{value:.3g}"
                for key, value, _ in metrics}
        keys = [key for key in TOLD if key in told] or told
        say(f"{system.name}: {workload}: " +
            ", ".join(f"{key} {told[key]}" for key in keys))
