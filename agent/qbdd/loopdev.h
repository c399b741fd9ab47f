/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A replica in a regular file: the module reads from block devices only, so the
 * file gets a loop device, with direct I/O.  It is removed by the kernel
 * at its last close (autoclear); one that already exists is used again.
 */
#ifndef QBDD_LOOPDEV_H
#define QBDD_LOOPDEV_H

#include <stddef.h>

#include "base/error.h"

/**
 * loopdev_open() - the block device to use for a replica
 * @disk: as configured; a block device is taken as it is
 * @path: its path, or that of the file's loop device
 * Return: a descriptor that holds the loop device until another user does, for
 * close(); a negative errno.
 */
int loopdev_open(const char *disk, char *path, size_t path_bytes,
		 struct base_error *error);

#endif
