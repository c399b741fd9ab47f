/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few system calls that a replica needs, as an interface, so that a
 * simulator or a test can stand in for the disk.
 *
 * All calls are synchronous, complete (no short transfers) and safe from
 * several threads at once on ranges that don't overlap.  Offsets, lengths and
 * memory are aligned to `align`, on a second disk to `second_align`.
 */
#ifndef STORE_IO_H
#define STORE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"

struct store_io;

/*
 * Offsets with this bit are those of a second disk (store_io_pair()), without the
 * bit.
 */
#define STORE_IO_SECOND (1ULL << 62)

/* 0: the first disk's, 1: the second's */
static inline unsigned int store_io_disk_of(uint64_t offset)
{
	return offset & STORE_IO_SECOND ? 1 : 0;
}

/* Each returns 0 or a negative errno. */
struct store_io_ops {
	int (*read)(struct store_io *io, uint64_t offset, void *bytes,
		    size_t size);
	int (*write)(struct store_io *io, uint64_t offset,
		     const struct iovec *iov, unsigned int iov_count);
	/* [offset, offset + size) reads back as zeroes. */
	int (*zero)(struct store_io *io, uint64_t offset, uint64_t size);
	/* Everything written before is on stable storage on success.  After an
	 * error nothing is known; the caller must never try again. */
	int (*sync)(struct store_io *io);
	void (*close)(struct store_io *io);
};

struct store_io {
	const struct store_io_ops *ops;
	uint64_t size; /* bytes */
	uint64_t second_size; /* of a second disk; 0: there is none */
	uint32_t align; /* bytes: 512 or 4096 */
	uint32_t second_align; /* of a second disk */
	/* What the disk takes in one go, so that a write need not wait; 0: any */
	uint32_t write_bytes_max;
	uint32_t write_pages_max; /* pieces of memory, none beyond a page */
};

enum store_io_claim {
	/* Although it is claimed: by qbd.ko, for the device that reads it */
	STORE_IO_BESIDE,
	/* Fail with -EBUSY when a mount, md or qbd.ko claims it */
	STORE_IO_CLAIM,
	/* The same, but an agent that died is waited for */
	STORE_IO_CLAIM_WAIT,
};

/**
 * store_io_open() - a block device or file, O_DIRECT
 * Takes an exclusive OFD lock, which every open of ours has for itself: with
 * STORE_IO_CLAIM at once or not at all; else it waits, for ten seconds at most,
 * for an agent that died and its last writes.
 * Return: the caller's, to be ended with ops->close; NULL and @error
 * (-ENOENT, -EACCES, -EBUSY, -EINVAL: neither file nor block device ...)
 */
struct store_io *store_io_open(const char *path, enum store_io_claim claim,
			       struct base_error *error);

/**
 * store_io_open_both() - a replica's disk, or its two
 * @meta: path of the second one, which is claimed in any case; "": none
 * @claim: of the first
 * Return: as store_io_open(); -EINVAL too when both are the same
 */
struct store_io *store_io_open_both(const char *disk, const char *meta,
				    enum store_io_claim claim,
				    struct base_error *error);

/** store_io_same() - do two paths lead to one block device or file? */
bool store_io_same(const char *path, const char *other);

/**
 * store_io_pair() - a second disk beside the first
 * @first: @second: the pair's from now on, whose ops->close closes them
 * A sync is one of both.
 * Return: the caller's; NULL: no memory, and both stay the caller's.
 */
struct store_io *store_io_pair(struct store_io *first, struct store_io *second);

/**
 * store_io_disk() - one of a pair's disks, whose it stays
 * @which: 0: the first, 1: the second
 * Return: @io itself if it is no pair
 */
struct store_io *store_io_disk(struct store_io *io, unsigned int which);

/**
 * store_io_fd() - for writing beside these calls, without waiting
 * @io: of store_io_open(), whose the descriptor stays
 */
int store_io_fd(const struct store_io *io);

/** store_io_volatile_cache() - may what was written be lost before a sync? */
bool store_io_volatile_cache(const struct store_io *io);

#endif
