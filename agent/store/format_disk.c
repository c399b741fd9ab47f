// SPDX-License-Identifier: GPL-2.0
/*
 * Making a blank replica.  In an order that leaves, wherever it is cut short,
 * either the old replica or none: old superblocks go first, new ones come last.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "store/internal.h"

#define ZERO_STEP (64ULL << 20)
#define LOOK_BYTES (1ULL << 20) /* at both ends, for other data */

struct job {
	struct store_io *io;
	struct format_super super;
	struct format_layout layout;
	uint8_t *bytes; /* LOOK_BYTES, aligned */
	struct base_error *error;
};

struct progress {
	uint64_t done;
	uint64_t all;
	void (*tell)(uint64_t done, uint64_t all, void *context);
	void *context;
};

static int job_failed(struct job *job, const char *what, int error)
{
	return base_error_set(job->error, error, "can't %s the disk: %s", what,
			      strerror(-error));
}

static int job_sync(struct job *job)
{
	int error = job->io->ops->sync(job->io);

	return error ? job_failed(job, "sync", error) : 0;
}

static int job_zero(struct job *job, uint64_t offset, uint64_t size)
{
	int error = job->io->ops->zero(job->io, offset, size);

	return error ? job_failed(job, "write", error) : 0;
}

/* One block from job->bytes. */
static int job_write(struct job *job, uint64_t offset)
{
	struct iovec iov = { .iov_base = job->bytes, .iov_len = FORMAT_BLOCK };
	int error = job->io->ops->write(job->io, offset, &iov, 1);

	return error ? job_failed(job, "write", error) : 0;
}

static int refuse_replica(struct job *job)
{
	struct format_super super;
	struct base_error why;
	int code;

	code = super_read(job->io, &job->super.identity, job->bytes, &super,
			  NULL, &why);
	switch (code) {
	case 0:
		return base_error_set(
			job->error, -EEXIST,
			"there is a replica on this disk already: volume %s, node %" PRIu32
			"; --force destroys it",
			super.identity.volume_name, super.identity.node_id);
	case -ENODATA:
		return 0;
	case -EBADMSG:
	case -EINVAL: /* another's second disk */
	case -ENOTSUP:
		return base_error_set(
			job->error, -EEXIST,
			"there is a replica on this disk already, which this qbd can't read; --force destroys it");
	default:
		*job->error = why;
		return code;
	}
}

/* Partition tables, file systems and arrays have their heads there. */
static int refuse_data_on(struct job *job, uint64_t disk, uint64_t disk_bytes,
			  uint32_t align)
{
	struct store_io *io = job->io;
	uint64_t size = disk_bytes < LOOK_BYTES ? disk_bytes : LOOK_BYTES;
	uint64_t offsets[2] = { 0, 0 }, at;
	unsigned int i;
	int error;

	size -= size % align;
	offsets[1] = disk_bytes - size;
	offsets[1] -= offsets[1] % align;
	for (i = 0; i < 2; i++) {
		error = io->ops->read(io, disk | offsets[i], job->bytes, size);
		if (error)
			return job_failed(job, "read", error);
		for (at = 0; at < size; at++)
			if (job->bytes[at])
				return base_error_set(
					job->error, -EEXIST,
					"the %sdisk holds data (at byte %" PRIu64
					"); --force destroys it",
					disk ? "meta-" : "", offsets[i] + at);
	}
	return 0;
}

static int refuse_data(struct job *job)
{
	const struct store_io *io = job->io;
	int error = refuse_data_on(job, 0, io->size, io->align);

	if (!error && io->second_size)
		error = refuse_data_on(job, STORE_IO_SECOND, io->second_size,
				       io->second_align);
	return error;
}

/* The second disk may have been another replica's first one. */
static unsigned int second_supers(struct job *job, uint64_t *offsets)
{
	struct store_io *second = store_io_disk(job->io, 1);
	uint64_t last = format_super_last(job->io->second_size);
	unsigned int count = 0;
	struct format_super old;
	struct base_error ignored;

	offsets[count++] = STORE_IO_SECOND;
	offsets[count++] = STORE_IO_SECOND | last;
	if (second != job->io &&
	    super_read(second, NULL, job->bytes, &old, NULL, &ignored) == 0)
		offsets[count++] = STORE_IO_SECOND |
				   format_super_first(&old.identity);
	return count;
}

/* Wherever an old superblock may be, with what we know. */
static int wipe_supers(struct job *job)
{
	uint64_t offsets[7] = { job->layout.super[1], job->layout.super[0] };
	unsigned int count = 2, i;
	struct format_super old;
	struct base_error ignored;
	int error = 0;

	offsets[count++] = 0;
	if (super_read(job->io, NULL, job->bytes, &old, NULL, &ignored) == 0)
		offsets[count++] = format_super_first(&old.identity);
	if (job->io->second_size)
		count += second_supers(job, offsets + count);
	memset(job->bytes, 0, FORMAT_BLOCK);
	for (i = 0; i < count && !error; i++)
		error = job_write(job, offsets[i]);
	return error ? error : job_sync(job);
}

static int zero_region(struct job *job, const struct format_region *region,
		       struct progress *progress)
{
	uint64_t offset = format_region_offset(region);
	uint64_t done, step;
	int error;

	for (done = 0; done < region->bytes; done += step) {
		step = region->bytes - done;
		if (step > ZERO_STEP)
			step = ZERO_STEP;
		error = job_zero(job, offset + done, step);
		if (error)
			return error;
		progress->done += step;
		if (progress->tell)
			progress->tell(progress->done, progress->all,
				       progress->context);
	}
	return 0;
}

/* Before the data area there may be another program's signature, too. */
static int zero_all(struct job *job, struct progress *progress)
{
	const struct format_region front = {
		.bytes = job->super.identity.data_offset,
	};
	unsigned int i;
	int error;

	progress->all = front.bytes;
	for (i = 0; i < job->super.region_count; i++)
		progress->all += job->super.regions[i].bytes;
	error = zero_region(job, &front, progress);
	for (i = 0; i < job->super.region_count && !error; i++)
		error = zero_region(job, &job->super.regions[i], progress);
	return error ? error : job_sync(job);
}

static int write_slots(struct job *job)
{
	const struct format_layout *layout = &job->layout;
	const struct {
		enum format_kind kind;
		const uint64_t *offsets;
	} kinds[] = {
		{ FORMAT_STATE, layout->state },
		{ FORMAT_CHECKPOINT, layout->checkpoint },
		{ FORMAT_NOTE, layout->note },
	};
	struct format_slot slot;
	unsigned int kind, i;
	int error;

	for (kind = 0; kind < 3; kind++) {
		for (i = 0; i < 2; i++) {
			memset(&slot, 0, sizeof(slot));
			slot.kind = kinds[kind].kind;
			slot.which = i;
			memset(job->bytes, 0, FORMAT_BLOCK);
			format_slot_encode(&job->super.identity, &slot,
					   job->bytes);
			error = job_write(job, kinds[kind].offsets[i]);
			if (error)
				return error;
		}
	}
	return job_sync(job);
}

static int write_super(struct job *job, uint64_t offset)
{
	int error;

	super_encode_block(&job->super, offset, job->bytes);
	error = job_write(job, offset);
	return error ? error : job_sync(job);
}

static int write_supers(struct job *job)
{
	int error = 0;

	if (job->io->second_size)
		error = write_super(job, STORE_IO_SECOND);
	if (!error)
		error = write_super(job, job->layout.super[0]);
	return error ? error : write_super(job, job->layout.super[1]);
}

static int format_checked(struct job *job, bool force,
			  struct progress *progress)
{
	int error = 0;

	if (!force)
		error = refuse_replica(job);
	if (!error && !force)
		error = refuse_data(job);
	if (!error)
		error = wipe_supers(job);
	if (!error)
		error = zero_all(job, progress);
	if (!error)
		error = write_slots(job);
	if (!error)
		error = write_supers(job);
	return error;
}

static int too_small(const struct store_io *io,
		     const struct store_identity *identity,
		     struct base_error *error)
{
	uint64_t first = store_first_bytes_needed(identity);

	if (io->second_size && io->size < first)
		return base_error_set(
			error, -ENOSPC,
			"the disk is too small: it has %" PRIu64
			" bytes, the replica needs %" PRIu64
			" beside its meta-disk (volume %" PRIu64
			"); take a larger disk, or make size smaller",
			io->size, first, identity->volume_bytes);
	if (io->second_size)
		return base_error_set(
			error, -ENOSPC,
			"the meta-disk is too small: it has %" PRIu64
			" bytes, the replica needs %" PRIu64 " (log %" PRIu64
			"); take a larger one, or make log-size smaller",
			io->second_size, store_second_bytes_needed(identity),
			identity->log_bytes);
	return base_error_set(
		error, -ENOSPC,
		"the disk is too small: it has %" PRIu64
		" bytes, the replica needs %" PRIu64 " (volume %" PRIu64
		", log %" PRIu64
		"); take a larger disk, or make size or log-size smaller",
		io->size, store_bytes_needed(identity), identity->volume_bytes,
		identity->log_bytes);
}

int store_format(struct store_io *io, const struct store_identity *identity,
		 bool force,
		 void (*progress)(uint64_t done, uint64_t all, void *context),
		 void *context, struct base_error *error)
{
	struct base_error unwanted;
	struct job job = {
		.io = io,
		.error = error ? error : &unwanted,
	};
	struct progress how_far = { .tell = progress, .context = context };
	struct base_buf *memory;
	const char *wrong = format_identity_check(identity);
	uint32_t align = io->second_size ? io->second_align : io->align;
	int code;

	if (!wrong)
		wrong = format_align_check(io->align, identity->block_size);
	if (!wrong)
		wrong = format_align_check(align, FORMAT_BLOCK);
	if (wrong)
		return base_error_set(job.error, -EINVAL, "can't format: %s",
				      wrong);
	if (!format_super_new(identity, align, io->size, io->second_size,
			      &job.super))
		return too_small(io, identity, job.error);
	format_layout(&job.super, io->size, io->second_size, &job.layout);
	memory = base_buf_new(LOOK_BYTES);
	if (!memory)
		return base_error_set(job.error, -ENOMEM, "out of memory");
	job.bytes = memory->data;
	code = format_checked(&job, force, &how_far);
	base_buf_put(memory);
	return code;
}
