// SPDX-License-Identifier: GPL-2.0
/* Two disks as one store_io: the offset says which disk is meant. */
#include <errno.h>
#include <stdlib.h>

#include "store/io.h"

struct pair {
	struct store_io io; /* first: what is handed out */
	struct store_io *disks[2];
};

static struct pair *pair_of(struct store_io *io)
{
	return (struct pair *)(void *)io;
}

static struct store_io *disk_at(struct store_io *io, uint64_t *offset)
{
	struct pair *pair = pair_of(io);
	unsigned int which = store_io_disk_of(*offset);

	*offset &= ~STORE_IO_SECOND;
	return pair->disks[which];
}

static int pair_read(struct store_io *io, uint64_t offset, void *bytes,
		     size_t size)
{
	struct store_io *disk = disk_at(io, &offset);

	return disk->ops->read(disk, offset, bytes, size);
}

static int pair_write(struct store_io *io, uint64_t offset,
		      const struct iovec *iov, unsigned int iov_count)
{
	struct store_io *disk = disk_at(io, &offset);

	return disk->ops->write(disk, offset, iov, iov_count);
}

static int pair_zero(struct store_io *io, uint64_t offset, uint64_t size)
{
	struct store_io *disk = disk_at(io, &offset);

	return disk->ops->zero(disk, offset, size);
}

/* Both: a checkpoint on one speaks of data on the other. */
static int pair_sync(struct store_io *io)
{
	struct pair *pair = pair_of(io);
	int error = pair->disks[0]->ops->sync(pair->disks[0]);

	return error ? error : pair->disks[1]->ops->sync(pair->disks[1]);
}

static void pair_close(struct store_io *io)
{
	struct pair *pair = pair_of(io);

	pair->disks[1]->ops->close(pair->disks[1]);
	pair->disks[0]->ops->close(pair->disks[0]);
	free(pair);
}

static const struct store_io_ops pair_ops = {
	.read = pair_read,
	.write = pair_write,
	.zero = pair_zero,
	.sync = pair_sync,
	.close = pair_close,
};

/* 0: any */
static uint32_t lower(uint32_t a, uint32_t b)
{
	if (!a || !b)
		return a | b;
	return a < b ? a : b;
}

struct store_io *store_io_disk(struct store_io *io, unsigned int which)
{
	return io->ops == &pair_ops ? pair_of(io)->disks[which] : io;
}

struct store_io *store_io_pair(struct store_io *first, struct store_io *second)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return NULL;
	pair->io.ops = &pair_ops;
	pair->io.size = first->size;
	pair->io.second_size = second->size;
	pair->io.align = first->align;
	pair->io.second_align = second->align;
	pair->io.write_bytes_max =
		lower(first->write_bytes_max, second->write_bytes_max);
	pair->io.write_pages_max =
		lower(first->write_pages_max, second->write_pages_max);
	pair->disks[0] = first;
	pair->disks[1] = second;
	return &pair->io;
}

static struct store_io *open_meta(const char *path, enum store_io_claim claim,
				  struct base_error *error)
{
	struct base_error why;
	struct store_io *io = store_io_open(path,
					    claim == STORE_IO_BESIDE ?
						    STORE_IO_CLAIM_WAIT :
						    claim,
					    &why);

	if (!io)
		base_error_set(error, why.code, "meta-disk %s", why.text);
	return io;
}

struct store_io *store_io_open_both(const char *disk, const char *meta,
				    enum store_io_claim claim,
				    struct base_error *error)
{
	struct store_io *first, *second, *pair;

	if (*meta && store_io_same(disk, meta)) {
		base_error_set(error, -EINVAL,
			       "disk %s and meta-disk %s are the same; change "
			       "one of them in the configuration",
			       disk, meta);
		return NULL;
	}
	first = store_io_open(disk, claim, error);
	if (!first || !*meta)
		return first;
	second = open_meta(meta, claim, error);
	if (!second)
		goto close_first;
	pair = store_io_pair(first, second);
	if (pair)
		return pair;
	base_error_set(error, -ENOMEM, "%s: out of memory", disk);
	second->ops->close(second);
close_first:
	first->ops->close(first);
	return NULL;
}
