#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Keeps one device open for writing and does as it is told, line by line:

    write BLOCK CHARACTER    4 KiB of it, direct
    read BLOCK               answers with its first character
    quit

Each answer is a line: ok, the character, or the name of the error.
"""
import errno
import mmap
import os
import sys

BLOCK = 4096


def main():
    device = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
    page = mmap.mmap(-1, BLOCK)  # aligned, as O_DIRECT wants it
    for line in sys.stdin:
        words = line.split()
        if words[0] == "quit":
            break
        offset = int(words[1]) * BLOCK
        try:
            if words[0] == "write":
                page[:] = words[2].encode() * BLOCK
                os.pwritev(device, [page], offset)
                print("ok", flush=True)
            else:
                os.preadv(device, [page], offset)
                print(chr(page[0]), flush=True)
        except OSError as error:
            print(errno.errorcode[error.errno], flush=True)


main()
