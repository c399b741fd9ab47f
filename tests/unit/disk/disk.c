// SPDX-License-Identifier: GPL-2.0
/* See disk.h. */
#include "disk/disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"

/* One sector that a write put into the cache, in the order of the writes. */
struct pending {
	uint64_t sector;
	uint64_t write; /* number of the write it is part of */
	uint8_t bytes[DISK_SECTOR];
};

struct disk {
	struct store_io io;
	uint8_t *cached; /* what is read */
	uint8_t *lasting; /* what a crash leaves */
	struct pending *pending;
	size_t pending_count;
	size_t pending_room;
	uint64_t writes;
	uint64_t seed;
	uint64_t power; /* steps until it goes off, 0: never */
	bool off;
	unsigned int fail_ops;
	uint64_t fail_nth;
	uint64_t steps;
	uint64_t syncs;
	bool *unreadable; /* per sector */
};

uint64_t disk_mix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t disk_random(struct disk *disk, uint64_t below)
{
	return disk_mix(&disk->seed) % below;
}

static struct disk *to_disk(struct store_io *io)
{
	return base_container_of(io, struct disk, io);
}

static void check(const struct disk *disk, uint64_t offset, uint64_t size)
{
	assert((offset | size) % disk->io.align == 0);
	assert(offset <= disk->io.size && size <= disk->io.size - offset);
}

/* Is it this operation's turn to fail? */
static bool fails(struct disk *disk, enum disk_op op)
{
	if (disk->off)
		return true;
	if (!(disk->fail_ops & op) || disk->fail_nth == 0)
		return false;
	return --disk->fail_nth == 0;
}

/* Power goes off while this step is under way. */
static bool goes_off(struct disk *disk)
{
	disk->steps++;
	if (disk->power && --disk->power == 0)
		disk->off = true;
	return disk->off;
}

static int op_read(struct store_io *io, uint64_t offset, void *bytes,
		   size_t size)
{
	struct disk *disk = to_disk(io);
	uint64_t sector;

	check(disk, offset, size);
	assert((uintptr_t)bytes % io->align == 0);
	if (fails(disk, DISK_READ))
		return -EIO;
	for (sector = offset / DISK_SECTOR;
	     sector < (offset + size) / DISK_SECTOR; sector++)
		if (disk->unreadable[sector])
			return -EIO;
	memcpy(bytes, disk->cached + offset, size);
	return 0;
}

static void cache(struct disk *disk, uint64_t offset, const uint8_t *bytes,
		  size_t size)
{
	struct pending *pending;
	size_t at;

	memcpy(disk->cached + offset, bytes, size);
	for (at = 0; at < size; at += DISK_SECTOR) {
		if (disk->pending_count == disk->pending_room) {
			disk->pending_room = 2 * disk->pending_room + 256;
			disk->pending =
				realloc(disk->pending,
					disk->pending_room * sizeof(*pending));
			assert(disk->pending);
		}
		pending = &disk->pending[disk->pending_count++];
		pending->sector = (offset + at) / DISK_SECTOR;
		pending->write = disk->writes;
		memcpy(pending->bytes, bytes + at, DISK_SECTOR);
		disk->unreadable[pending->sector] = false;
	}
}

static int op_write(struct store_io *io, uint64_t offset,
		    const struct iovec *iov, unsigned int iov_count)
{
	struct disk *disk = to_disk(io);
	bool off, failed = fails(disk, DISK_WRITE);
	unsigned int i;

	if (disk->off)
		return -EIO;
	off = goes_off(disk);
	disk->writes++;
	for (i = 0; i < iov_count; i++) {
		check(disk, offset, iov[i].iov_len);
		assert((uintptr_t)iov[i].iov_base % io->align == 0);
		/* Half of a write that fails is there. */
		if (failed && i > iov_count / 2)
			break;
		cache(disk, offset, iov[i].iov_base, iov[i].iov_len);
		offset += iov[i].iov_len;
	}
	return off || failed ? -EIO : 0;
}

static int op_zero(struct store_io *io, uint64_t offset, uint64_t size)
{
	static const uint8_t zeroes[4096];
	struct disk *disk = to_disk(io);
	bool off, failed = fails(disk, DISK_WRITE);
	uint64_t step;

	if (disk->off)
		return -EIO;
	off = goes_off(disk);
	disk->writes++;
	check(disk, offset, size);
	for (; size; size -= step, offset += step) {
		step = size < sizeof(zeroes) ? size : sizeof(zeroes);
		cache(disk, offset, zeroes, step);
	}
	return off || failed ? -EIO : 0;
}

static void settle(struct disk *disk)
{
	size_t i;

	for (i = 0; i < disk->pending_count; i++) {
		uint64_t offset = disk->pending[i].sector * DISK_SECTOR;

		memcpy(disk->lasting + offset, disk->cached + offset,
		       DISK_SECTOR);
	}
	disk->pending_count = 0;
}

static int op_sync(struct store_io *io)
{
	struct disk *disk = to_disk(io);
	bool failed = fails(disk, DISK_SYNC);

	if (disk->off)
		return -EIO;
	disk->syncs++;
	if (goes_off(disk))
		return -EIO;
	if (failed) {
		/* Some of it is lost for ever, and the rest looks clean. */
		disk_crash(disk, DISK_CRASH_RANDOM);
		return -EIO;
	}
	settle(disk);
	return 0;
}

static void op_close(struct store_io *io)
{
}

static const struct store_io_ops disk_ops = {
	.read = op_read,
	.write = op_write,
	.zero = op_zero,
	.sync = op_sync,
	.close = op_close,
};

struct disk *disk_new(uint64_t bytes, uint32_t align, uint64_t seed)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	assert(disk && bytes % 4096 == 0);
	disk->io.ops = &disk_ops;
	disk->io.size = bytes;
	disk->io.align = align;
	disk->seed = seed;
	disk->cached = calloc(1, bytes);
	disk->lasting = calloc(1, bytes);
	disk->unreadable = calloc(bytes / DISK_SECTOR, sizeof(bool));
	assert(disk->cached && disk->lasting && disk->unreadable);
	return disk;
}

void disk_free(struct disk *disk)
{
	free(disk->pending);
	free(disk->unreadable);
	free(disk->lasting);
	free(disk->cached);
	free(disk);
}

struct store_io *disk_io(struct disk *disk)
{
	return &disk->io;
}

void disk_power_off_after(struct disk *disk, uint64_t steps)
{
	disk->power = steps;
}

bool disk_is_off(const struct disk *disk)
{
	return disk->off;
}

/* A sector keeps the last of its contents that is drawn here, or the old. */
static bool survives(struct disk *disk, enum disk_crash how,
		     const struct pending *pending, uint64_t cut)
{
	switch (how) {
	case DISK_CRASH_KEEP_ALL:
		return true;
	case DISK_CRASH_PREFIX:
		return pending->write < cut ||
		       (pending->write == cut && disk_random(disk, 2));
	case DISK_CRASH_RANDOM:
	case DISK_CRASH_TEAR:
		return disk_random(disk, 2);
	default:
		return false;
	}
}

void disk_crash(struct disk *disk, enum disk_crash how)
{
	uint64_t cut = 0;
	size_t i;

	disk->off = false;
	disk->power = 0;
	if (how == DISK_CRASH_ANY)
		how = (enum disk_crash)disk_random(disk, DISK_CRASH_ANY);
	if (how == DISK_CRASH_PROCESS)
		return;
	if (disk->pending_count)
		cut = disk->pending[disk_random(disk, disk->pending_count)]
			      .write;
	for (i = 0; i < disk->pending_count; i++) {
		struct pending *pending = &disk->pending[i];

		size_t size = DISK_SECTOR;

		if (how == DISK_CRASH_TEAR)
			size = 8 * disk_random(disk, DISK_SECTOR / 8);
		if (survives(disk, how, pending, cut))
			memcpy(disk->lasting + pending->sector * DISK_SECTOR,
			       pending->bytes, size);
	}
	for (i = 0; i < disk->pending_count; i++) {
		uint64_t offset = disk->pending[i].sector * DISK_SECTOR;

		memcpy(disk->cached + offset, disk->lasting + offset,
		       DISK_SECTOR);
	}
	disk->pending_count = 0;
}

void disk_fail(struct disk *disk, unsigned int ops, uint64_t nth)
{
	disk->fail_ops = ops;
	disk->fail_nth = nth;
}

void disk_unreadable(struct disk *disk, uint64_t offset)
{
	disk->unreadable[offset / DISK_SECTOR] = true;
}

uint64_t disk_steps(const struct disk *disk)
{
	return disk->steps;
}

uint64_t disk_syncs(const struct disk *disk)
{
	return disk->syncs;
}

void disk_steps_reset(struct disk *disk)
{
	disk->steps = 0;
	disk->syncs = 0;
}

uint8_t *disk_bytes(struct disk *disk)
{
	return disk->lasting;
}

void disk_refresh(struct disk *disk)
{
	memcpy(disk->cached, disk->lasting, disk->io.size);
	disk->pending_count = 0;
}

void disk_flip(struct disk *disk, uint64_t offset, uint8_t mask)
{
	disk->cached[offset] ^= mask;
	disk->lasting[offset] ^= mask;
}

void disk_copy(struct disk *to, const struct disk *from)
{
	assert(to->io.size == from->io.size);
	memcpy(to->lasting, from->lasting, to->io.size);
	memcpy(to->cached, from->lasting, to->io.size);
	memcpy(to->unreadable, from->unreadable,
	       to->io.size / DISK_SECTOR * sizeof(bool));
	to->pending_count = 0;
	to->off = false;
	to->power = 0;
	to->fail_ops = 0;
	to->io.align = from->io.align;
}
