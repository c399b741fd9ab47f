/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk in memory with a volatile cache: writes are seen at once, but survive
 * a crash only once a sync has returned; of those since, any subset of sectors
 * does.
 */
#ifndef SIM_MEMDISK_H
#define SIM_MEMDISK_H

#include "store/io.h"

#define MEMDISK_SECTOR 512

struct memdisk;

struct memdisk *memdisk_new(uint64_t size);
void memdisk_free(struct memdisk *disk);

/** memdisk_io() - the disk as the store sees it; closing it keeps the disk */
struct store_io *memdisk_io(struct memdisk *disk);

/** memdisk_crash() - power is cut: draw what of the cache survives */
void memdisk_crash(struct memdisk *disk, uint64_t random);

/** memdisk_bytes() - the current contents, for checks and reads of a device */
const uint8_t *memdisk_bytes(const struct memdisk *disk);

#endif
