#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Keeps one device open for writing and does as it is told, line by line:

    write BLOCK CHARACTER    4 KiB of it, direct
    read BLOCK               answers with its first character
    fill COUNT CHARACTER FILE   blocks 0 to COUNT - 1 one after the other; the
                             newest acknowledged one stands in FILE
    quit

Each answer is a line: ok, the character, or the name of the error.
"""
import errno
import mmap
import os
import sys

BLOCK = 4096


def fill(device, page, count, character, path):
    page[:] = character.encode() * BLOCK
    with open(path, "w", encoding="ascii") as newest:
        for block in range(count):
            os.pwritev(device, [page], block * BLOCK)
            newest.seek(0)
            newest.write(f"{block}\n")
            newest.flush()


def main():
    device = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
    page = mmap.mmap(-1, BLOCK)  # aligned, as O_DIRECT wants it
    for line in sys.stdin:
        words = line.split()
        if words[0] == "quit":
            break
        offset = int(words[1]) * BLOCK
        try:
            if words[0] == "fill":
                fill(device, page, int(words[1]), words[2], words[3])
                print("ok", flush=True)
            elif words[0] == "write":
                page[:] = words[2].encode() * BLOCK
                os.pwritev(device, [page], offset)
                print("ok", flush=True)
            else:
                os.preadv(device, [page], offset)
                print(chr(page[0]), flush=True)
        except OSError as error:
            print(errno.errorcode[error.errno], flush=True)


main()
