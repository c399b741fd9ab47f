# SPDX-License-Identifier: GPL-2.0
"""Who used the processor.

In a guest of scripts/vm --icount a nanosecond of CPU time is an instruction.
/proc/PID/task/*/schedstat is exact to the nanosecond; so is the idle time of
/proc/timer_list.  What is in nobody's name and not idle is interrupts that
came while idle, and processes that ended meanwhile (fio, which is given).
"""
import os
import re
import time


class Snapshot:
    def __init__(self):
        self.when = time.monotonic_ns()
        self.idle = idle_ns()
        self.tasks = tasks_ns()

    def until(self, later):
        """Nanoseconds by name, "total" among them."""
        used = {}
        for key, value in later.tasks.items():
            spent = value - self.tasks.get(key, 0)
            used[key[0]] = used.get(key[0], 0) + spent
        # Taking snapshots is nobody's work.
        used["total"] = ((later.when - self.when) - (later.idle - self.idle)
                         - used.pop("bench"))
        return used


def per_io(used, count):
    """Metrics of what until() returned, for so many requests."""
    each = {key: value / count for key, value in used.items()}
    named = sum(value for key, value in each.items() if key != "total")
    each["interrupts"] = each["total"] - named
    return [(f"instructions_{key}", value, "1/IO")
            for key, value in each.items() if abs(value) >= 1]


def idle_ns():
    """Also while a process waits for a disk, which Linux counts apart."""
    with open("/proc/timer_list", encoding="ascii") as file:
        text = file.read()
    return sum(int(re.search(rf"\.{name}_sleeptime\s*:\s*(\d+) nsecs",
                             text)[1]) for name in ("idle", "iowait"))


def tasks_ns():
    """CPU time by (label, thread)."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            label = label_of(pid)
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat",
                          encoding="ascii") as file:
                    found[label, thread] = int(file.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended
    return found


def label_of(pid):
    if int(pid) == os.getpid():
        return "bench"
    with open(f"/proc/{pid}/comm", encoding="ascii") as file:
        comm = file.read().strip()
    if comm == "qbdd":
        with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
            return "qbdd-" + file.read().strip().rsplit("/", 1)[1]
    drbd = re.match(r"drbd\w*_(r\d)$", comm)
    if drbd:
        return "drbd-" + drbd[1]
    if re.match(r"md\d", comm):
        return "md"
    # kworker/0:1H, ksoftirqd/0
    comm = comm.split("/")[0]
    return (comm if comm in ("fio", "kworker", "ksoftirqd", "nbd-server")
            else "other")
