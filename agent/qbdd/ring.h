/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writing to the replica's disks without waiting: io_uring.
 *
 * The one thread that opens a ring uses it.  Completions are found by
 * ring_reap(), which has something to do when ring_fd() has become readable.
 */
#ifndef QBDD_RING_H
#define QBDD_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

#define RING_ENTRIES 256

struct ring;

/**
 * ring_open() - a ring for writes to a replica
 * @disks: descriptors, opened with O_DIRECT, of its disk or of both; the second's
 *	is for offsets with STORE_IO_SECOND
 * @count: 1 or 2
 * Return: 0; -ENOSYS, -EPERM where the kernel or its administrator has none
 */
int ring_open(const int *disks, unsigned int count, struct ring **ring);
/** ring_close() - with nothing under way; else it is awaited by the kernel */
void ring_close(struct ring *ring);
/** ring_fd() - to be watched for its edges: it is never read */
int ring_fd(const struct ring *ring);

/**
 * ring_write() - queue a write; ring_submit() begins it
 * @piece: stays until the write is done, the memory too
 * @durable: it is on stable storage when it is done
 * @cookie: what ring_reap() gives back
 */
void ring_write(struct ring *ring, const struct store_piece *piece,
		bool durable, void *cookie);
/**
 * ring_submit() - begin what is queued; no system call when nothing is
 * Return: false when the kernel is short of memory: try again in a moment
 */
bool ring_submit(struct ring *ring);

/** ring_pending() - how many are queued or under way */
unsigned int ring_pending(const struct ring *ring);

/**
 * ring_has_work() - may there be something for ring_reap()?  No system call.
 *
 * May be true without work until the next write is done, but never false with
 * work.
 */
bool ring_has_work(const struct ring *ring);

/**
 * ring_reap() - what is done
 * @done: called for each; @result: bytes written or a negative errno
 */
void ring_reap(struct ring *ring,
	       void (*done)(void *context, void *cookie, int result),
	       void *context);

#endif
