// SPDX-License-Identifier: GPL-2.0
/* See disk.h. */
#include "tests/sim/model/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"

#define MIDDLES 64 /* contents in between that are kept */
#define UNTOUCHED UINT32_MAX /* no stamp: never written by the log thread */

struct middle {
	uint64_t sector;
	uint8_t bytes[DISK_SECTOR];
};

struct disk {
	struct store_io io;
	struct disk *next_free;
	uint64_t room; /* bytes allocated */
	uint64_t data_offset;
	uint64_t data_bytes;
	uint64_t random;
	uint64_t digest;
	uint8_t *now; /* what a read sees */
	uint8_t *durable; /* what certainly survives */
	uint8_t *dirty; /* per sector: written since the sync */
	uint8_t *bad; /* per sector: can't be read */
	uint32_t *stamps; /* per sector: the batch that wrote it */
	uint32_t *dirty_list;
	uint32_t dirty_count;
	uint32_t stamp;
	unsigned int middle_count;
	struct middle middles[MIDDLES];
	uint64_t stop_steps; /* 0: never */
	uint64_t stop_from; /* counted from a write here on */
	uint64_t stop_to;
	uint64_t stop_then;
	bool off;
	uint64_t fail_write;
	uint64_t fail_sync;
	enum disk_lie lie;
	uint64_t lie_from;
	uint32_t lie_stamp; /* when it lied */
	bool lied;
};

/* Memory of disks is used again by the next seed: fresh pages cost more. */
static struct disk *free_disks;

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static uint64_t disk_draw(struct disk *disk, uint64_t below)
{
	disk->random += 0x9e3779b97f4a7c15ULL;
	return mix(disk->random) % below;
}

static struct disk *to_disk(struct store_io *io)
{
	return base_container_of(io, struct disk, io);
}

uint64_t disk_digest_of(uint64_t sector, uint64_t id)
{
	return id ? mix(mix(sector + 1) ^ id) : 0;
}

static uint64_t sector_digest(const struct disk *disk, uint64_t sector)
{
	uint64_t at = sector * DISK_SECTOR;
	uint64_t id;

	if (at < disk->data_offset ||
	    at - disk->data_offset >= disk->data_bytes)
		return 0;
	memcpy(&id, disk->now + at, sizeof(id));
	return disk_digest_of((at - disk->data_offset) / DISK_SECTOR, id);
}

static void sector_set(struct disk *disk, uint64_t sector, const uint8_t *bytes)
{
	disk->digest ^= sector_digest(disk, sector);
	if (bytes)
		memcpy(disk->now + sector * DISK_SECTOR, bytes, DISK_SECTOR);
	else
		memset(disk->now + sector * DISK_SECTOR, 0, DISK_SECTOR);
	disk->digest ^= sector_digest(disk, sector);
}

static void sector_write(struct disk *disk, uint64_t sector,
			 const uint8_t *bytes)
{
	struct middle *middle;

	if (!disk->dirty[sector]) {
		disk->dirty[sector] = 1;
		disk->dirty_list[disk->dirty_count++] = (uint32_t)sector;
	} else if (disk->middle_count < MIDDLES) {
		middle = &disk->middles[disk->middle_count++];
		middle->sector = sector;
		memcpy(middle->bytes, disk->now + sector * DISK_SECTOR,
		       DISK_SECTOR);
	}
	sector_set(disk, sector, bytes);
	disk->bad[sector] = 0;
	disk->stamps[sector] = bytes ? disk->stamp : UNTOUCHED;
}

/* Where this write really goes; size_t -1: nowhere. */
static uint64_t lie_about(struct disk *disk, uint64_t offset, uint64_t size)
{
	uint64_t room = disk->io.size - disk->lie_from;

	if (disk->lie == DISK_LIE_NONE || disk->lied || offset < disk->lie_from)
		return offset;
	disk->lied = true;
	disk->lie_stamp = disk->stamp;
	if (disk->lie == DISK_LIE_LOST || size > room)
		return UINT64_MAX;
	offset = disk_draw(disk, (room - size) / DISK_SECTOR + 1);
	return disk->lie_from + offset * DISK_SECTOR;
}

static void stop_arm(struct disk *disk, uint64_t offset)
{
	if (!disk->stop_then || offset < disk->stop_from ||
	    offset >= disk->stop_to)
		return;
	disk->stop_steps = disk->stop_then;
	disk->stop_then = 0;
}

/* Everything stops during this step. */
static bool stops(struct disk *disk)
{
	if (disk->stop_steps && --disk->stop_steps == 0)
		disk->off = true;
	return disk->off;
}

static int op_read(struct store_io *io, uint64_t offset, void *bytes,
		   size_t size)
{
	struct disk *disk = to_disk(io);
	const uint8_t *at;

	if (offset > io->size || size > io->size - offset)
		return -EINVAL;
	if (disk->off)
		return -EIO;
	at = disk_read_bytes(disk, offset, size);
	if (!at)
		return -EIO;
	memcpy(bytes, at, size);
	return 0;
}

static void write_run(struct disk *disk, uint64_t offset, const uint8_t *bytes,
		      uint64_t size)
{
	uint64_t at;

	for (at = 0; at < size; at += DISK_SECTOR)
		sector_write(disk, (offset + at) / DISK_SECTOR,
			     bytes ? bytes + at : NULL);
}

static bool write_fails(struct disk *disk)
{
	if (!disk->fail_write || --disk->fail_write)
		return false;
	return true;
}

static int op_write(struct store_io *io, uint64_t offset,
		    const struct iovec *iov, unsigned int iov_count)
{
	struct disk *disk = to_disk(io);
	uint64_t size = 0;
	bool half;
	unsigned int i;

	for (i = 0; i < iov_count; i++)
		size += iov[i].iov_len;
	if (offset > io->size || size > io->size - offset)
		return -EINVAL;
	if (disk->off)
		return -EIO;
	half = write_fails(disk);
	stop_arm(disk, offset);
	half |= stops(disk);
	offset = lie_about(disk, offset, size);
	for (i = 0; i < iov_count && offset != UINT64_MAX; i++) {
		size = iov[i].iov_len;
		if (half)
			size = disk_draw(disk, size / DISK_SECTOR + 1) *
			       DISK_SECTOR;
		write_run(disk, offset, iov[i].iov_base, size);
		if (half && size < iov[i].iov_len)
			break;
		offset += size;
	}
	return half ? -EIO : 0;
}

static int op_zero(struct store_io *io, uint64_t offset, uint64_t size)
{
	struct disk *disk = to_disk(io);
	bool half;

	if (offset > io->size || size > io->size - offset)
		return -EINVAL;
	if (disk->off)
		return -EIO;
	half = write_fails(disk);
	half |= stops(disk);
	if (half)
		size = disk_draw(disk, size / DISK_SECTOR + 1) * DISK_SECTOR;
	write_run(disk, offset, NULL, size);
	return half ? -EIO : 0;
}

static void settle(struct disk *disk)
{
	uint32_t i;

	for (i = 0; i < disk->dirty_count; i++) {
		uint64_t sector = disk->dirty_list[i];

		memcpy(disk->durable + sector * DISK_SECTOR,
		       disk->now + sector * DISK_SECTOR, DISK_SECTOR);
		disk->dirty[sector] = 0;
	}
	disk->dirty_count = 0;
	disk->middle_count = 0;
}

/* Each dirty sector becomes what it was, what it is, or something between. */
static void cache_lose(struct disk *disk)
{
	/* Now and then all or nothing, else each by itself */
	uint64_t keep = disk_draw(disk, 5);
	unsigned int i;

	for (i = 0; i < disk->middle_count; i++)
		if (disk_draw(disk, 2))
			memcpy(disk->durable +
				       disk->middles[i].sector * DISK_SECTOR,
			       disk->middles[i].bytes, DISK_SECTOR);
	for (i = 0; i < disk->dirty_count; i++) {
		uint64_t sector = disk->dirty_list[i];
		uint8_t *durable = disk->durable + sector * DISK_SECTOR;

		if (keep == 0 || (keep > 1 && disk_draw(disk, 2)))
			memcpy(durable, disk->now + sector * DISK_SECTOR,
			       DISK_SECTOR);
		else
			sector_set(disk, sector, durable);
		disk->dirty[sector] = 0;
	}
	disk->dirty_count = 0;
	disk->middle_count = 0;
}

static int op_sync(struct store_io *io)
{
	struct disk *disk = to_disk(io);

	if (disk->off || stops(disk))
		return -EIO;
	if (disk->fail_sync && --disk->fail_sync == 0) {
		/* Some is lost for ever, and the rest looks clean. */
		cache_lose(disk);
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

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static struct disk *disk_alloc(uint64_t size)
{
	uint64_t sectors = size / DISK_SECTOR;
	struct disk *disk = must(calloc(1, sizeof(*disk)));

	disk->room = size;
	disk->now = must(malloc(size));
	disk->durable = must(malloc(size));
	disk->dirty = must(malloc(sectors));
	disk->bad = must(malloc(sectors));
	disk->stamps = must(malloc(sectors * sizeof(*disk->stamps)));
	disk->dirty_list = must(malloc(sectors * sizeof(*disk->dirty_list)));
	return disk;
}

void disk_replace(struct disk *disk)
{
	uint64_t sectors = disk->io.size / DISK_SECTOR;

	memset(disk->now, 0, disk->io.size);
	memset(disk->durable, 0, disk->io.size);
	memset(disk->dirty, 0, sectors);
	memset(disk->bad, 0, sectors);
	memset(disk->stamps, 0xff, sectors * sizeof(*disk->stamps));
	disk->digest = 0;
	disk->dirty_count = 0;
	disk->middle_count = 0;
	disk->stop_steps = 0;
	disk->stop_then = 0;
	disk->off = false;
	disk->fail_write = 0;
	disk->fail_sync = 0;
	disk->lie = DISK_LIE_NONE;
	disk->lied = false;
}

struct disk *disk_new(uint64_t size, uint64_t data_offset, uint64_t data_bytes,
		      uint64_t seed)
{
	struct disk **at = &free_disks;
	struct disk *disk;

	while (*at && (*at)->room < size)
		at = &(*at)->next_free;
	disk = *at;
	if (disk)
		*at = disk->next_free;
	else
		disk = disk_alloc(size);
	disk->io.ops = &disk_ops;
	disk->io.size = size;
	disk->io.align = DISK_SECTOR;
	disk->data_offset = data_offset;
	disk->data_bytes = data_bytes;
	disk->random = seed;
	disk->stamp = 0;
	disk_replace(disk);
	return disk;
}

void disk_free(struct disk *disk)
{
	disk->next_free = free_disks;
	free_disks = disk;
}

struct store_io *disk_io(struct disk *disk)
{
	return &disk->io;
}

const uint8_t *disk_data(const struct disk *disk)
{
	return disk->now + disk->data_offset;
}

const uint8_t *disk_read_bytes(const struct disk *disk, uint64_t offset,
			       uint64_t size)
{
	if (memchr(disk->bad + offset / DISK_SECTOR, 1,
		   (offset + size) / DISK_SECTOR - offset / DISK_SECTOR))
		return NULL;
	return disk->now + offset;
}

uint64_t disk_digest(const struct disk *disk)
{
	return disk->digest;
}

void disk_power_cut(struct disk *disk)
{
	cache_lose(disk);
	disk_on(disk);
}

void disk_stop_after(struct disk *disk, uint64_t steps)
{
	disk->stop_steps = steps;
	disk->stop_then = 0;
}

void disk_stop_at(struct disk *disk, uint64_t from, uint64_t to, uint64_t steps)
{
	disk->stop_from = from;
	disk->stop_to = to;
	disk->stop_then = steps;
}

bool disk_off(const struct disk *disk)
{
	return disk->off;
}

void disk_on(struct disk *disk)
{
	disk->off = false;
	disk->stop_steps = 0;
	disk->stop_then = 0;
}

void disk_stamp(struct disk *disk)
{
	disk->stamp++;
}

void disk_fail_write(struct disk *disk, uint64_t nth)
{
	disk->fail_write = nth;
}

void disk_fail_sync(struct disk *disk, uint64_t nth)
{
	disk->fail_sync = nth;
}

void disk_disarm(struct disk *disk)
{
	disk->fail_write = 0;
	disk->fail_sync = 0;
	disk->lie = DISK_LIE_NONE;
}

void disk_lie(struct disk *disk, enum disk_lie lie, uint64_t from)
{
	disk->lie = lie;
	disk->lie_from = from;
	disk->lied = false;
}

bool disk_lie_pending(const struct disk *disk)
{
	return (disk->lie != DISK_LIE_NONE && !disk->lied) ||
	       disk_lie_unseen(disk);
}

bool disk_lie_unseen(const struct disk *disk)
{
	return disk->lie != DISK_LIE_NONE && disk->lied &&
	       disk->stamp < disk->lie_stamp + 2;
}

bool disk_rot(struct disk *disk, uint64_t from, uint64_t to, bool unreadable)
{
	uint64_t first = from / DISK_SECTOR;
	uint64_t count = to / DISK_SECTOR - first;
	uint64_t start = disk_draw(disk, count);
	uint64_t i;

	for (i = 0; i < count; i++) {
		uint64_t sector = first + (start + i) % count;
		uint64_t at =
			sector * DISK_SECTOR + disk_draw(disk, DISK_SECTOR);
		uint8_t bit = (uint8_t)(1U << disk_draw(disk, 8));

		if (disk->stamps[sector] == UNTOUCHED ||
		    disk->stamps[sector] + 2 > disk->stamp ||
		    disk->dirty[sector])
			continue;
		if (unreadable) {
			disk->bad[sector] = 1;
			return true;
		}
		disk->now[at] ^= bit;
		disk->durable[at] ^= bit;
		return true;
	}
	return false;
}

void disk_spoil(struct disk *disk, uint64_t from, uint64_t to)
{
	uint64_t count = (to - from) / DISK_SECTOR;

	disk->bad[from / DISK_SECTOR + disk_draw(disk, count)] = 1;
}
