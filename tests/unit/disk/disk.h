/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk in memory with a volatile cache, behind struct store_io: what was
 * written is read back at once, but lasts only after a sync.  At a crash each
 * sector written since has any of the contents it was given or its old one: so
 * writes are lost, torn and reordered.
 *
 * Single-threaded; everything random comes from the seed.
 */
#ifndef DISK_DISK_H
#define DISK_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/io.h"

#define DISK_SECTOR 512

struct disk;

enum disk_op {
	DISK_READ = 1,
	DISK_WRITE = 2, /* zero too */
	DISK_SYNC = 4,
};

/* How the cache fares at a crash. */
enum disk_crash {
	DISK_CRASH_LOSE_ALL,
	DISK_CRASH_KEEP_ALL, /* as if it had been synced */
	DISK_CRASH_PROCESS, /* only the process died: still cached */
	DISK_CRASH_RANDOM, /* each sector on its own */
	DISK_CRASH_PREFIX, /* writes up to some one, that one torn */
	DISK_CRASH_TEAR, /* each on its own, and torn inside */
	DISK_CRASH_ANY, /* one of those, drawn */
};

/* Zeroed, all of it lasting.  Freed by disk_free(), not by ops->close. */
struct disk *disk_new(uint64_t bytes, uint32_t align, uint64_t seed);
void disk_free(struct disk *disk);
struct store_io *disk_io(struct disk *disk);

/* Power off after @steps more writes and syncs; 0: never. The last of them is
 * under way when it happens: it returns -EIO, as everything after it. */
void disk_power_off_after(struct disk *disk, uint64_t steps);
bool disk_is_off(const struct disk *disk);
/* Decide what the cache's contents became, and switch on again. */
void disk_crash(struct disk *disk, enum disk_crash how);

/* The @nth next operation of these kinds (enum disk_op, or'ed) fails, -EIO. */
void disk_fail(struct disk *disk, unsigned int ops, uint64_t nth);
/* Reading that sector fails until it is written. */
void disk_unreadable(struct disk *disk, uint64_t offset);

/* Counts since the last call of disk_steps_reset(): writes and syncs. */
uint64_t disk_steps(const struct disk *disk);
uint64_t disk_syncs(const struct disk *disk);
void disk_steps_reset(struct disk *disk);

/* The lasting bytes, to look at and to spoil; disk_refresh(): reads see it. */
uint8_t *disk_bytes(struct disk *disk);
void disk_refresh(struct disk *disk);
void disk_flip(struct disk *disk, uint64_t offset, uint8_t mask);
/* Copy what lasts; the cache of @to becomes empty. Equal sizes. */
void disk_copy(struct disk *to, const struct disk *from);

uint64_t disk_random(struct disk *disk, uint64_t below);

/* splitmix64: a step of @state, for tests and simulations */
uint64_t disk_mix(uint64_t *state);

#endif
