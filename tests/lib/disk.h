/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tests' disk: memory with a volatile cache behind struct store_io, and all
 * that goes wrong with disks.  What was written is read back at once, but lasts
 * only after a sync.  At a crash each sector written since has any of the
 * contents it was given, or its old one: so writes are lost, torn and reordered.
 * Besides, a disk may fail, lie about a write, and rot.
 *
 * Single-threaded; everything random comes from the seed.
 */
#ifndef TESTS_LIB_DISK_H
#define TESTS_LIB_DISK_H

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
	DISK_CRASH_SECTORS, /* newest: all, none, or each sector on its own */
};

/*
 * Zeroed, all of it lasting.  Freed by disk_free(), not by ops->close; the
 * memory is kept for the next one.
 */
struct disk *disk_new(uint64_t bytes, uint32_t align, uint64_t seed);
void disk_free(struct disk *disk);
/*
 * Make it larger by @bytes from @from on that take no memory, and that nobody may
 * read or write; they may be zeroed.  Calls below mean offsets in memory: what is
 * behind the gap is at so much less.
 */
void disk_gap(struct disk *disk, uint64_t from, uint64_t bytes);
/** disk_new_like() - of the same size, alignment and gap, for disk_copy() */
struct disk *disk_new_like(const struct disk *other, uint64_t seed);
struct store_io *disk_io(struct disk *disk);
/* As new: zeroed, and nothing is going to happen to it. */
void disk_replace(struct disk *disk);

/*
 * CRASHES.  In the @steps-th write or sync from now (0: never) everything stops:
 * that one returns -EIO, having done some of its work, as does all after it.
 */
void disk_stop_after(struct disk *disk, uint64_t steps);
/* The same, counted from the next write in [from, to) on. */
void disk_stop_at(struct disk *disk, uint64_t from, uint64_t to,
		  uint64_t steps);
bool disk_is_off(const struct disk *disk);
/* It goes on, with the cache as it is. */
void disk_on(struct disk *disk);
/* Decide what the cache's contents became, and go on. */
void disk_crash(struct disk *disk, enum disk_crash how);

/* Called before each write and sync: what else happens meanwhile. NULL: nothing */
void disk_meanwhile(struct disk *disk, void (*fn)(void));

/*
 * FAILURES.  The @nth next operation of these kinds (enum disk_op, or'ed)
 * returns -EIO; a write does part of its work, and of what a sync should have
 * made lasting some is lost for ever.  No kinds: nothing fails any more.
 */
void disk_fail(struct disk *disk, unsigned int ops, uint64_t nth);
/* Reading that sector fails until it is written. */
void disk_unreadable(struct disk *disk, uint64_t offset);

/* LIES: acknowledged as if all were well. */
struct disk_lie {
	enum {
		DISK_LIE_NONE,
		DISK_LIE_LOST, /* never written */
		DISK_LIE_MISDIRECTED, /* written somewhere else */
	} kind;
	uint64_t from; /* bytes: a write that begins in [from, to) */
	uint64_t to; /* 0: the disk's end */
	uint64_t nth; /* which of those; 0: the first, as 1 */
	uint64_t target; /* where it goes; 0: drawn, at @from or beyond */
};

void disk_lie(struct disk *disk, const struct disk_lie *lie);
bool disk_has_lied(const struct disk *disk);
/* It did, and no two batches have become durable since: nothing tells of it. */
bool disk_lie_unseen(const struct disk *disk);
/* The same, or it may any moment. */
bool disk_lie_pending(const struct disk *disk);
/* No write or sync that is still to come fails or lies. */
void disk_disarm(struct disk *disk);

/* ROT.  A batch of records is durable: see disk_rot(). */
void disk_stamp(struct disk *disk);
/*
 * Rot one sector in [from, to) that something durable tells of: written in a
 * batch that another durable one followed.  @unreadable: it can't be read, else
 * a bit flips.  Return: false when there is no such sector.
 */
bool disk_rot(struct disk *disk, uint64_t from, uint64_t to, bool unreadable);
/* One sector in [from, to), whatever it holds, can't be read until written. */
void disk_spoil(struct disk *disk, uint64_t from, uint64_t to);
/* These bits, now. */
void disk_flip(struct disk *disk, uint64_t offset, uint8_t mask);

/* Counts since the last call of disk_steps_reset(): writes and syncs. */
uint64_t disk_steps(const struct disk *disk);
uint64_t disk_syncs(const struct disk *disk);
void disk_steps_reset(struct disk *disk);

/* The lasting bytes, to look at and to spoil; disk_refresh(): reads see it. */
uint8_t *disk_bytes(struct disk *disk);
void disk_refresh(struct disk *disk);
/* The bytes that reads see. */
const uint8_t *disk_cached(const struct disk *disk);
/* The same with what a read would meet; NULL: a sector there can't be read. */
const uint8_t *disk_read_bytes(const struct disk *disk, uint64_t offset,
			       uint64_t size);
/*
 * Copy what lasts; the cache of @to becomes empty, and only what is written there
 * from now on may rot.  Equal sizes.
 */
void disk_copy(struct disk *to, const struct disk *from);

/*
 * DIGEST of the @bytes from @offset on as reads see them, kept from now on for a
 * disk that is zeroed: equal contents have equal digests, see disk_digest_of().
 */
void disk_digest_keep(struct disk *disk, uint64_t offset, uint64_t bytes);
uint64_t disk_digest(const struct disk *disk);
/* What the digest's sector that begins with @id adds (by xor) to it */
uint64_t disk_digest_of(uint64_t sector, uint64_t id);

/* A number in [0, below) from the disk's seed, for those who spoil it. */
uint64_t disk_random(struct disk *disk, uint64_t below);

#endif
