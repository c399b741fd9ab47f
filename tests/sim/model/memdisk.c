// SPDX-License-Identifier: GPL-2.0
/* See memdisk.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/model/memdisk.h"

struct memdisk {
	struct store_io io;
	uint8_t *now; /* what a read sees */
	uint8_t *durable; /* what certainly survives */
	uint8_t *dirty; /* per sector: differs maybe */
	uint64_t *dirty_list; /* sectors that are dirty, in any order */
	uint64_t dirty_count;
};

static void disk_mark(struct memdisk *disk, uint64_t offset, uint64_t size)
{
	uint64_t sector = offset / MEMDISK_SECTOR;
	uint64_t end = (offset + size) / MEMDISK_SECTOR;

	for (; sector < end; sector++) {
		if (disk->dirty[sector])
			continue;
		disk->dirty[sector] = 1;
		disk->dirty_list[disk->dirty_count++] = sector;
	}
}

static int disk_read(struct store_io *io, uint64_t offset, void *bytes,
		     size_t size)
{
	struct memdisk *disk = (struct memdisk *)io;

	if (offset > io->size || size > io->size - offset)
		return -EINVAL;
	memcpy(bytes, disk->now + offset, size);
	return 0;
}

static int disk_write(struct store_io *io, uint64_t offset,
		      const struct iovec *iov, unsigned int iov_count)
{
	struct memdisk *disk = (struct memdisk *)io;
	unsigned int i;

	for (i = 0; i < iov_count; i++) {
		if (offset > io->size || iov[i].iov_len > io->size - offset)
			return -EINVAL;
		memcpy(disk->now + offset, iov[i].iov_base, iov[i].iov_len);
		disk_mark(disk, offset, iov[i].iov_len);
		offset += iov[i].iov_len;
	}
	return 0;
}

static int disk_zero(struct store_io *io, uint64_t offset, uint64_t size)
{
	struct memdisk *disk = (struct memdisk *)io;

	if (offset > io->size || size > io->size - offset)
		return -EINVAL;
	memset(disk->now + offset, 0, size);
	disk_mark(disk, offset, size);
	return 0;
}

static int disk_sync(struct store_io *io)
{
	struct memdisk *disk = (struct memdisk *)io;
	uint64_t i;

	for (i = 0; i < disk->dirty_count; i++) {
		uint64_t sector = disk->dirty_list[i];
		uint64_t at = sector * MEMDISK_SECTOR;

		memcpy(disk->durable + at, disk->now + at, MEMDISK_SECTOR);
		disk->dirty[sector] = 0;
	}
	disk->dirty_count = 0;
	return 0;
}

static void disk_close(struct store_io *io)
{
}

static const struct store_io_ops disk_ops = {
	.read = disk_read,
	.write = disk_write,
	.zero = disk_zero,
	.sync = disk_sync,
	.close = disk_close,
};

struct memdisk *memdisk_new(uint64_t size)
{
	struct memdisk *disk = calloc(1, sizeof(*disk));

	if (!disk)
		abort();
	disk->io.ops = &disk_ops;
	disk->io.size = size;
	disk->io.align = MEMDISK_SECTOR;
	disk->now = calloc(1, size);
	disk->durable = calloc(1, size);
	disk->dirty = calloc(1, size / MEMDISK_SECTOR);
	disk->dirty_list =
		calloc(size / MEMDISK_SECTOR, sizeof(*disk->dirty_list));
	if (!disk->now || !disk->durable || !disk->dirty || !disk->dirty_list)
		abort();
	return disk;
}

void memdisk_free(struct memdisk *disk)
{
	free(disk->now);
	free(disk->durable);
	free(disk->dirty);
	free(disk->dirty_list);
	free(disk);
}

struct store_io *memdisk_io(struct memdisk *disk)
{
	return &disk->io;
}

void memdisk_crash(struct memdisk *disk, uint64_t random)
{
	uint64_t i;

	/* Each sector by itself */
	for (i = 0; i < disk->dirty_count; i++) {
		uint64_t at = disk->dirty_list[i] * MEMDISK_SECTOR;

		random = random * 6364136223846793005ULL +
			 1442695040888963407ULL;
		if (random >> 33 & 1)
			memcpy(disk->durable + at, disk->now + at,
			       MEMDISK_SECTOR);
		else
			memcpy(disk->now + at, disk->durable + at,
			       MEMDISK_SECTOR);
		disk->dirty[disk->dirty_list[i]] = 0;
	}
	disk->dirty_count = 0;
}

const uint8_t *memdisk_bytes(const struct memdisk *disk)
{
	return disk->now;
}
