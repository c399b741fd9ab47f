/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is on a disk, before it is overwritten.
 */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include <stddef.h>

#include "base/error.h"

/**
 * probe_disk() - look for filesystems, partition tables, RAID, LVM...
 * @what: "an ext4 filesystem labelled \"x\"", "" when nothing was found
 * Return: 0; a negative errno and @error when it can't be looked at.
 */
int probe_disk(const char *path, char *what, size_t size,
	       struct base_error *error);

#endif
