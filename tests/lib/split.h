/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One disk in memory as the two disks of a replica: power then fails for both at
 * once, and steps are counted in one row.
 */
#ifndef TESTS_LIB_SPLIT_H
#define TESTS_LIB_SPLIT_H

#include <assert.h>

#include "store/io.h"

struct split {
	struct store_io io; /* first: what is handed out */
	struct store_io *whole;
};

static inline struct store_io *split_at(struct store_io *io, uint64_t *offset)
{
	struct split *split = (struct split *)(void *)io;

	if (*offset & STORE_IO_SECOND) {
		*offset &= ~STORE_IO_SECOND;
		assert(*offset < io->second_size);
		*offset += io->size;
	} else {
		assert(*offset < io->size);
	}
	return split->whole;
}

static inline int split_read(struct store_io *io, uint64_t offset, void *bytes,
			     size_t size)
{
	struct store_io *whole = split_at(io, &offset);

	return whole->ops->read(whole, offset, bytes, size);
}

static inline int split_write(struct store_io *io, uint64_t offset,
			      const struct iovec *iov, unsigned int iov_count)
{
	struct store_io *whole = split_at(io, &offset);

	return whole->ops->write(whole, offset, iov, iov_count);
}

static inline int split_zero(struct store_io *io, uint64_t offset,
			     uint64_t size)
{
	struct store_io *whole = split_at(io, &offset);

	return whole->ops->zero(whole, offset, size);
}

static inline int split_sync(struct store_io *io)
{
	struct split *split = (struct split *)(void *)io;

	return split->whole->ops->sync(split->whole);
}

static inline void split_close(struct store_io *io)
{
}

/* The last @second_bytes of @whole are the second disk. */
static inline struct store_io *
split_init(struct split *split, struct store_io *whole, uint64_t second_bytes)
{
	static const struct store_io_ops ops = {
		.read = split_read,
		.write = split_write,
		.zero = split_zero,
		.sync = split_sync,
		.close = split_close,
	};

	*split = (struct split){
		.io = { .ops = &ops,
			.size = whole->size - second_bytes,
			.second_size = second_bytes,
			.align = whole->align,
			.second_align = whole->align },
		.whole = whole,
	};
	return &split->io;
}

#endif
