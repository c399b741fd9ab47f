# SPDX-License-Identifier: GPL-2.0
"""The round trip between nodes that talk over 127.0.0.0/8."""
from command import run


def delay_loopback(rtt_ms):
    """Each direction passes the queue of lo once."""
    run("modprobe", "sch_netem")
    if rtt_ms:
        run("tc", "qdisc", "replace", "dev", "lo", "root", "netem",
            "delay", f"{rtt_ms * 500:.0f}us", "limit", 20000)
    elif "netem" in run("tc", "qdisc", "show", "dev", "lo"):
        run("tc", "qdisc", "delete", "dev", "lo", "root")
