// SPDX-License-Identifier: GPL-2.0
/*
 * Moving a region of a replica that is not in use.  Why this may be cut short
 * anywhere: format.h, the superblock's copies.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "store/internal.h"

struct move {
	struct store_io *io;
	struct format_super old, new;
	struct format_layout layout; /* old: both have the same superblocks */
	uint8_t *bytes; /* STORE_CHUNK_BYTES, aligned */
	struct base_error *error;
};

static int move_failed(struct move *move, const char *what, int error)
{
	return base_error_set(move->error, error, "can't %s the disk: %s", what,
			      strerror(-error));
}

static int move_write(struct move *move, uint64_t offset, size_t size)
{
	struct iovec iov = { .iov_base = move->bytes, .iov_len = size };
	int error = move->io->ops->write(move->io, offset, &iov, 1);

	return error ? move_failed(move, "write", error) : 0;
}

static int move_sync(struct move *move)
{
	int error = move->io->ops->sync(move->io);

	return error ? move_failed(move, "sync", error) : 0;
}

/* One copy after the other, so that one of them always counts. */
static int write_super(struct move *move, const struct format_super *super,
		       unsigned int which)
{
	uint64_t offset = move->layout.super[which];
	int error;

	super_encode_block(super, offset, move->bytes);
	error = move_write(move, offset, FORMAT_BLOCK);
	return error ? error : move_sync(move);
}

static int copy_region(struct move *move, enum store_region kind)
{
	const struct format_region *from = format_region(&move->old, kind);
	const struct format_region *to = format_region(&move->new, kind);
	uint64_t done;
	size_t step;
	int error;

	for (done = 0; done < from->bytes; done += step) {
		step = STORE_CHUNK_BYTES;
		if (step > from->bytes - done)
			step = (size_t)(from->bytes - done);
		error = move->io->ops->read(move->io,
					    format_region_offset(from) + done,
					    move->bytes, step);
		if (error)
			return move_failed(move, "read", error);
		error = move_write(move, format_region_offset(to) + done, step);
		if (error)
			return error;
	}
	return move_sync(move);
}

/* The old place counts until the very end, so the new one may not touch it. */
static int move_plan(struct move *move, enum store_region kind, bool second,
		     uint64_t offset)
{
	struct format_region *region;
	const char *wrong;

	move->new = move->old;
	move->new.generation++;
	region = format_region(&move->new, kind);
	region->device = second ? 1 : 0;
	region->offset = offset;
	wrong = format_super_check(&move->new);
	if (!wrong &&
	    format_regions_overlap(region, format_region(&move->old, kind)))
		wrong = "it would lie over the old place";
	if (!wrong && kind == STORE_REGION_LOG &&
	    (second ? move->io->second_align : move->io->align) >
		    move->new.align)
		wrong = "its records are smaller than that disk's sectors";
	if (wrong)
		return base_error_set(move->error, -EINVAL,
				      "the region can't be moved there: %s",
				      wrong);
	return 0;
}

/* A second disk that is blank becomes this replica's. */
static int label_second(struct move *move)
{
	size_t look = STORE_CHUNK_BYTES, i;
	int error;

	if (move->io->second_size < look)
		look = move->io->second_size / FORMAT_BLOCK * FORMAT_BLOCK;
	error = move->io->ops->read(move->io, STORE_IO_SECOND, move->bytes,
				    look);
	if (error)
		return move_failed(move, "read", error);
	for (i = 0; i < look; i++)
		if (move->bytes[i])
			return 0; /* super_second() judges it */
	super_encode_block(&move->old, STORE_IO_SECOND, move->bytes);
	error = move_write(move, STORE_IO_SECOND, FORMAT_BLOCK);
	return error ? error : move_sync(move);
}

/*
 * A copy of the old table may still be somewhere: where the disk ended before it
 * grew, or beyond where it ends now.  If it ever counts again, it is to find
 * nothing, which is damage, and not a log and a vote from long ago.
 */
static int wipe_old(struct move *move, enum store_region kind)
{
	const struct format_region *from = format_region(&move->old, kind);
	int error = move->io->ops->zero(move->io, format_region_offset(from),
					from->bytes);

	return error ? move_failed(move, "write", error) : move_sync(move);
}

static int move_prepared(struct move *move, enum store_region kind,
			 unsigned int bad)
{
	unsigned int i;
	int error = 0;

	/* What was read may be in the disk's cache only. */
	error = move_sync(move);
	for (i = 0; i < 2 && !error; i++)
		if (bad & (1U << i))
			error = write_super(move, &move->old, i);
	if (!error)
		error = copy_region(move, kind);
	for (i = 0; i < 2 && !error; i++)
		error = write_super(move, &move->new, i);
	return error ? error : wipe_old(move, kind);
}

static int move_checked(struct move *move,
			const struct store_identity *expected,
			enum store_region kind, bool second, uint64_t offset)
{
	struct format_layout ignored;
	unsigned int bad;
	int code;

	code = super_read(move->io, expected, move->bytes, &move->old, &bad,
			  move->error);
	if (!code)
		code = store_expect(&move->old.identity, expected, move->error);
	if (!code && !second)
		code = super_second(move->io, &move->old, move->bytes,
				    move->error);
	if (!code)
		code = super_place(move->io, &move->old, &move->layout,
				   move->error);
	if (!code)
		code = move_plan(move, kind, second, offset);
	if (!code)
		code = super_place(move->io, &move->new, &ignored, move->error);
	if (!code && second && move->io->second_size)
		code = label_second(move);
	if (!code)
		code = super_second(move->io, &move->new, move->bytes,
				    move->error);
	return code ? code : move_prepared(move, kind, bad);
}

int store_region_move(struct store_io *io,
		      const struct store_identity *expected,
		      enum store_region kind, bool second, uint64_t offset,
		      struct base_error *error)
{
	struct base_error unwanted;
	struct move move = { .io = io, .error = error ? error : &unwanted };
	struct base_buf *memory;
	int code;

	if (kind != STORE_REGION_META && kind != STORE_REGION_LOG)
		return base_error_set(move.error, -EINVAL,
				      "the data area stays where it is");
	memory = base_buf_new(STORE_CHUNK_BYTES);
	if (!memory)
		return base_error_set(move.error, -ENOMEM, "out of memory");
	move.bytes = memory->data;
	code = move_checked(&move, expected, kind, second, offset);
	base_buf_put(memory);
	return code;
}
