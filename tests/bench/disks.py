# SPDX-License-Identifier: GPL-2.0
"""The disks below every system: in memory, 20 us a request, prefilled.

Each is VOLUME_MB for the data and SPARE_MB behind it for whatever a system
keeps there: an activity log, a bitmap, a log.  A first write to such a disk
allocates and costs more, so all of it is written before; systems follow each
other on the same disks.
"""
import os
from command import Failure, read, run, write

VOLUME_MB = 512
SPARE_MB = 96
LATENCY_NS = 20000

ATTRIBUTES = {
    "size": VOLUME_MB + SPARE_MB,
    "memory_backed": 1,
    "queue_mode": 2,  # blk-mq
    "irqmode": 2,  # completed by a timer
    "completion_nsec": LATENCY_NS,
    "blocksize": 512,
    "submit_queues": 1,
    "hw_queue_depth": 256,
    "max_sectors": 2560,  # the kernel's default, else it splits 128 KiB
}


def create(count):
    """Makes the disks and returns their paths."""
    run("modprobe", "configfs")
    run("modprobe", "null_blk", "nr_devices=0")
    config = "/sys/kernel/config"
    if not os.path.ismount(config):
        run("mount", "-t", "configfs", "configfs", config)
    return [create_one(f"{config}/nullb/nullb{i}", f"nullb{i}")
            for i in range(count)]


def create_one(folder, name):
    os.mkdir(folder)
    for key, value in ATTRIBUTES.items():
        write(f"{folder}/{key}", value)
    write(f"{folder}/power", 1)
    # As a disk of many queues has it.
    write(f"/sys/block/{name}/queue/scheduler", "none")
    path = f"/dev/{name}"
    if not os.path.exists(path):
        raise Failure(f"{path} does not appear")
    run("dd", "if=/dev/zero", f"of={path}", "bs=1M", "oflag=direct",
        f"count={VOLUME_MB + SPARE_MB}")
    return path


def wipe(paths):
    """Nothing that a system could recognize is left."""
    for path in paths:
        for seek in (0, VOLUME_MB - 1, VOLUME_MB + SPARE_MB - 1):
            run("dd", "if=/dev/zero", f"of={path}", "bs=1M", "count=1",
                f"seek={seek}", "oflag=direct", "conv=notrunc")


def transferred(device):
    """Bytes that were read from and written to a block device so far."""
    fields = read(f"/sys/block/{os.path.basename(device)}/stat").split()
    return (int(fields[2]) + int(fields[6])) * 512
