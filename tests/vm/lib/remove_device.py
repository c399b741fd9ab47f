#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Removes a volume's device under its agent, as QBD_F_FORCE allows.

  remove_device.py VOLUME       exit status 0, or what the kernel says
"""
import os
import socket
import struct
import sys

NLM_F_REQUEST, NLM_F_ACK = 1, 4
GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 0x10, 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 1, 2
QBD_CMD_DEVICE_DEL, QBD_A_NAME, QBD_A_FLAGS, QBD_F_FORCE = 2, 3, 8, 1


def attr(kind, data):
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + b"\0" * (-size % 4)


def ask(sock, family, command, attrs):
    body = struct.pack("=BBH", command, 1, 0) + attrs
    sock.send(struct.pack("=IHHII", 16 + len(body), family,
                          NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body)
    return sock.recv(65536)


def error_of(answer):
    kind, code = struct.unpack_from("=4xH10xi", answer)
    return -code if kind == 2 else 0


def family_of(answer):
    at = 20
    while at < len(answer):
        size, kind = struct.unpack_from("=HH", answer, at)
        if kind == CTRL_ATTR_FAMILY_ID:
            return struct.unpack_from("=H", answer, at + 4)[0]
        at += size + -size % 4
    sys.exit("no family qbd")


def main():
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    sock.bind((0, 0))
    family = family_of(ask(sock, GENL_ID_CTRL, CTRL_CMD_GETFAMILY,
                           attr(CTRL_ATTR_FAMILY_NAME, b"qbd\0")))
    sock.recv(65536)  # the acknowledgement
    error = error_of(ask(sock, family, QBD_CMD_DEVICE_DEL,
                         attr(QBD_A_NAME, sys.argv[1].encode() + b"\0") +
                         attr(QBD_A_FLAGS, struct.pack("=I", QBD_F_FORCE))))
    return os.strerror(error) if error else 0


sys.exit(main())
