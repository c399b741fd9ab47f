# SPDX-License-Identifier: GPL-2.0
"""The disks below every system: in memory, 20 us a request, prefilled.

Each is VOLUME_MB for the data and SPARE_MB behind it for whatever a system
keeps there: an activity log, a bitmap, a log.  A first write to such a disk
allocates and costs more, so all of it is written before; systems follow each
other on the same disks.

null_blk calls the driver in a context that may sleep (BLK_MQ_F_BLOCKING) when
it keeps the data in memory.  That costs no system a worker thread: with or
without, libaio's and DRBD's requests are issued by their submitters, and
a synchronous write(2) to a block device is issued by kblockd's kworker, as
Linux 6.1 flushes its plug only when the caller sleeps.  It does so with any
disk; who writes by pwrite(2) pays for it here as anywhere.

A disk whose flush costs 1 ms is a dm-delay over such a disk that sends flushes
to another null_blk of that latency (its own delays are jiffies of 4 ms), and
over it a loop device, which has no FUA: else the kernel would pass a write
with FUA to the disk beside the flush.
"""
import os
from command import Failure, read, run, write

VOLUME_MB = 512
SPARE_MB = 96
LATENCY_NS = 20000
FLUSH_NS = 1000000
CONFIG = "/sys/kernel/config"

ATTRIBUTES = {
    "memory_backed": 1,
    "queue_mode": 2,  # blk-mq
    "irqmode": 2,  # completed by a timer
    "blocksize": 512,
    "submit_queues": 1,
    "hw_queue_depth": 256,
    "max_sectors": 2560,  # the kernel's default, else it splits 128 KiB
}


def create(count):
    """Makes the disks and returns their paths."""
    run("modprobe", "-a", "configfs", "dm_delay", "loop")
    run("modprobe", "null_blk", "nr_devices=0")
    if not os.path.ismount(CONFIG):
        run("mount", "-t", "configfs", "configfs", CONFIG)
    paths = [create_one(f"nullb{i}", size=VOLUME_MB + SPARE_MB,
                        completion_nsec=LATENCY_NS) for i in range(count)]
    for path in paths:
        prefill(path, VOLUME_MB + SPARE_MB)
    return paths


def prefill(path, size_mb):
    run("dd", "if=/dev/zero", f"of={path}", "bs=1M", "oflag=direct",
        f"count={size_mb}")


def create_one(name, **attributes):
    folder = f"{CONFIG}/nullb/{name}"
    os.mkdir(folder)
    for key, value in (ATTRIBUTES | attributes).items():
        write(f"{folder}/{key}", value)
    write(f"{folder}/power", 1)
    no_elevator(name)
    path = f"/dev/{name}"
    if not os.path.exists(path):
        raise Failure(f"{path} does not appear")
    return path


def no_elevator(name):
    """As a disk of many queues has it."""
    write(f"/sys/block/{name}/queue/scheduler", "none")


def slow_flush(paths):
    """The same disks with a flush of FLUSH_NS."""
    return [slow_flush_one(i, path) for i, path in enumerate(paths)]


def slow_flush_one(i, disk):
    # Only what has a cache is sent flushes; nothing is ever in it.
    flush = create_one(f"nullb{10 + i}", size=VOLUME_MB + SPARE_MB,
                       cache_size=1, completion_nsec=FLUSH_NS)
    sectors = read(f"/sys/block/{os.path.basename(disk)}/size").strip()
    run("dmsetup", "create", f"slow{i}", "--noudevsync", "--table",
        f"0 {sectors} delay {disk} 0 0 {disk} 0 0 {flush} 0 0")
    name = run("dmsetup", "info", "--columns", "--noheadings", "-o",
               "blkdevname", f"slow{i}").strip()
    loop = run("losetup", "--find", "--show", "--direct-io=on",
               f"/dev/{name}").strip()
    no_elevator(os.path.basename(loop))
    return loop


def plain_flush(loops):
    """Takes what slow_flush() made away."""
    for i, loop in enumerate(loops):
        run("losetup", "--detach", loop)
        run("dmsetup", "remove", "--noudevsync", "--retry", f"slow{i}")
        os.rmdir(f"{CONFIG}/nullb/nullb{10 + i}")


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
