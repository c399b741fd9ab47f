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
#define LOOK_BYTES (1ULL << 20) /* at both ends, for somebody else's data */

struct job {
	struct store_io *io;
	const struct store_identity *identity;
	struct format_layout layout;
	uint8_t *bytes; /* LOOK_BYTES, aligned */
	struct base_error *error;
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

	code = super_read(job->io, job->identity, job->bytes, &super, NULL,
			  &why);
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
static int refuse_data(struct job *job)
{
	struct store_io *io = job->io;
	uint64_t size = io->size < LOOK_BYTES ? io->size : LOOK_BYTES;
	uint64_t offsets[2] = { 0, 0 }, at;
	unsigned int i;
	int error;

	size -= size % io->align;
	offsets[1] = io->size - size;
	offsets[1] -= offsets[1] % io->align;
	for (i = 0; i < 2; i++) {
		error = io->ops->read(io, offsets[i], job->bytes, size);
		if (error)
			return job_failed(job, "read", error);
		for (at = 0; at < size; at++)
			if (job->bytes[at])
				return base_error_set(
					job->error, -EEXIST,
					"the disk holds data (at byte %" PRIu64
					"); --force destroys it",
					offsets[i] + at);
	}
	return 0;
}

/* Wherever an old superblock may be, with what we know. */
static int wipe_supers(struct job *job)
{
	uint64_t offsets[3] = { job->layout.super[1], job->layout.super[0], 0 };
	struct format_super old;
	struct base_error ignored;
	unsigned int i;
	int error = 0;

	if (super_read(job->io, NULL, job->bytes, &old, NULL, &ignored) == 0)
		offsets[2] = format_super_first(old.identity.volume_bytes);
	memset(job->bytes, 0, FORMAT_BLOCK);
	for (i = 0; i < 3 && !error; i++)
		if (offsets[i])
			error = job_write(job, offsets[i]);
	return error ? error : job_sync(job);
}

static int zero_all(struct job *job,
		    void (*progress)(uint64_t done, uint64_t all,
				     void *context),
		    void *context)
{
	uint64_t all = job->layout.end, done = 0, step;
	int error;

	while (done < all) {
		step = all - done < ZERO_STEP ? all - done : ZERO_STEP;
		error = job_zero(job, done, step);
		if (error)
			return error;
		done += step;
		if (progress)
			progress(done, all, context);
	}
	return job_sync(job);
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
			format_slot_encode(job->identity, &slot, job->bytes);
			error = job_write(job, kinds[kind].offsets[i]);
			if (error)
				return error;
		}
	}
	return job_sync(job);
}

static int write_supers(struct job *job)
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < 2 && !error; i++) {
		super_encode_block(job->identity, job->io->align,
				   job->layout.super[i], job->bytes);
		error = job_write(job, job->layout.super[i]);
		if (!error)
			error = job_sync(job);
	}
	return error;
}

static int format_checked(struct job *job, bool force,
			  void (*progress)(uint64_t done, uint64_t all,
					   void *context),
			  void *context)
{
	int error = 0;

	if (!force)
		error = refuse_replica(job);
	if (!error && !force)
		error = refuse_data(job);
	if (!error)
		error = wipe_supers(job);
	if (!error)
		error = zero_all(job, progress, context);
	if (!error)
		error = write_slots(job);
	if (!error)
		error = write_supers(job);
	return error;
}

int store_format(struct store_io *io, const struct store_identity *identity,
		 bool force,
		 void (*progress)(uint64_t done, uint64_t all, void *context),
		 void *context, struct base_error *error)
{
	struct base_error unwanted;
	struct job job = {
		.io = io,
		.identity = identity,
		.error = error ? error : &unwanted,
	};
	struct base_buf *memory;
	const char *wrong = format_identity_check(identity, io->align);
	int code;

	if (wrong)
		return base_error_set(job.error, -EINVAL, "can't format: %s",
				      wrong);
	if (!format_layout(identity, io->size, &job.layout))
		return base_error_set(
			job.error, -ENOSPC,
			"the disk is too small: it has %" PRIu64
			" bytes, the replica needs %" PRIu64 " (volume %" PRIu64
			", log %" PRIu64
			"); take a larger disk, or make size or log-size smaller",
			io->size,
			store_bytes_needed(identity->volume_bytes,
					   identity->log_bytes),
			identity->volume_bytes, identity->log_bytes);
	memory = base_buf_new(LOOK_BYTES);
	if (!memory)
		return base_error_set(job.error, -ENOMEM, "out of memory");
	job.bytes = memory->data;
	code = format_checked(&job, force, progress, context);
	base_buf_put(memory);
	return code;
}
