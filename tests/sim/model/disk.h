/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk in memory with a volatile cache, and with all that goes wrong with
 * disks.  What was written is seen at once and survives a power cut only once a
 * sync has returned; of what was written since, each sector of 512 bytes keeps
 * its old contents, the newest, or some in between.
 *
 * Everything random comes from the seed.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/io.h"

#define DISK_SECTOR 512

struct disk;

/* Zeroed. @data_offset, @data_bytes: the data area, whose digest is kept */
struct disk *disk_new(uint64_t size, uint64_t data_offset, uint64_t data_bytes,
		      uint64_t seed);
void disk_free(struct disk *disk);
/* The disk as the store sees it; closing it keeps the disk. */
struct store_io *disk_io(struct disk *disk);
/* The data area's contents as they are read, for checks */
const uint8_t *disk_data(const struct disk *disk);
/* The same for somebody who reads; NULL: a sector there can't be read. */
const uint8_t *disk_read_bytes(const struct disk *disk, uint64_t offset,
			       uint64_t size);
/* Of the data area: equal contents have equal digests (disk_digest_of()). */
uint64_t disk_digest(const struct disk *disk);
/* What the data area's sector that begins with @id adds (by xor) to it */
uint64_t disk_digest_of(uint64_t sector, uint64_t id);

/* Power is cut now: the cache's fate is drawn. */
void disk_power_cut(struct disk *disk);
/* In the @steps-th write or sync from now everything stops, see disk_off(). */
void disk_stop_after(struct disk *disk, uint64_t steps);
/* The same, counted from the next write in [from, to) on. */
void disk_stop_at(struct disk *disk, uint64_t from, uint64_t to,
		  uint64_t steps);
/* Has it stopped? Every call fails until disk_on(). */
bool disk_off(const struct disk *disk);
void disk_on(struct disk *disk);

/* A batch of the log thread is durable: see disk_rot(). */
void disk_stamp(struct disk *disk);

/* The @nth write from now, or sync, returns -EIO and does half of it. */
void disk_fail_write(struct disk *disk, uint64_t nth);
void disk_fail_sync(struct disk *disk, uint64_t nth);

enum disk_lie {
	DISK_LIE_NONE,
	DISK_LIE_LOST, /* acknowledged, never written */
	DISK_LIE_MISDIRECTED, /* written somewhere else */
};

/* The next write at @from or beyond lies. */
void disk_lie(struct disk *disk, enum disk_lie lie, uint64_t from);
/* It did, and no two batches have become durable since: nothing tells of it. */
bool disk_lie_unseen(const struct disk *disk);
/* The same, or it may any moment. */
bool disk_lie_pending(const struct disk *disk);

/* No write or sync that is still to come fails or lies. */
void disk_disarm(struct disk *disk);

/*
 * Rot one sector in [from, to) that something durable tells of: written in a
 * batch that another durable one followed.  @unreadable: it can't be read, else
 * a bit flips.  Return: false when there is no such sector.
 */
bool disk_rot(struct disk *disk, uint64_t from, uint64_t to, bool unreadable);
/* One sector in [from, to), whatever it holds, can't be read until written. */
void disk_spoil(struct disk *disk, uint64_t from, uint64_t to);
/* As new: no faults, zeroed. */
void disk_replace(struct disk *disk);

#endif
