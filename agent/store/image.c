// SPDX-License-Identifier: GPL-2.0
/*
 * The data area: carrying out entries, copies in and out, checkpoints.  The
 * image thread's.
 *
 * Small writes next to or over each other are collected in one run and written
 * at once.  There is only one run at a time and it goes out before anything
 * else is done, so the order of the log is kept.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/planted.h"
#include "store/internal.h"

/* Payloads from here on are written from where they lie. */
#define DIRECT_BYTES_MIN (32U << 10)

/* [offset, offset + size) of the data area, in store->image_bytes. */
struct run {
	uint64_t offset;
	size_t size;
};

static int run_flush(struct store *store, struct run *run)
{
	size_t size = run->size;

	run->size = 0;
	if (!size)
		return 0;
	return store_write_bytes(store, store->layout.data + run->offset,
				 store->image_bytes, size);
}

static bool run_takes(const struct run *run, const struct raft_entry *entry)
{
	uint64_t begin;

	if (!run->size || entry->offset < run->offset ||
	    entry->offset > run->offset + run->size)
		return false;
	begin = entry->offset - run->offset;
	return begin + entry->length <= STORE_CHUNK_BYTES;
}

static int apply_write(struct store *store, struct run *run,
		       const struct raft_entry *entry, const uint8_t *data)
{
	size_t begin, end;
	int error;

	if (!run_takes(run, entry)) {
		error = run_flush(store, run);
		if (error)
			return error;
		if (entry->length >= DIRECT_BYTES_MIN &&
		    ((uintptr_t)data & (store->data_align - 1)) == 0)
			return store_write_bytes(store,
						 store->layout.data +
							 entry->offset,
						 data, entry->length);
		run->offset = entry->offset;
	}
	begin = entry->offset - run->offset;
	end = begin + entry->length;
	memcpy(store->image_bytes + begin, data, entry->length);
	if (end > run->size)
		run->size = end;
	return 0;
}

static int apply_from_log(struct store *store, struct run *run,
			  const struct raft_entry *entry)
{
	struct raft_entry *full;
	int error;

	error = store_log_read(store, entry->index, &full);
	if (error)
		return error == -ENOMEM ? error : -EBADMSG;
	if (full->op != entry->op || full->offset != entry->offset ||
	    full->length != entry->length || full->term != entry->term)
		error = -EBADMSG;
	else
		error = apply_write(store, run, full, full->data);
	raft_entry_put(full);
	return error;
}

static int apply_one(struct store *store, struct run *run,
		     const struct raft_entry *entry)
{
	int error;

	if (format_entry_check(&store->super.identity, entry, NULL))
		return -EINVAL;
	switch (entry->op) {
	case RAFT_OP_WRITE:
		if (entry->bare)
			return 0;
		if (entry->data)
			return apply_write(store, run, entry, entry->data);
		return apply_from_log(store, run, entry);
	case RAFT_OP_ZERO:
		error = run_flush(store, run);
		if (planted(PLANTED_ZERO_IGNORED))
			return error;
		return error ? error :
			       store_zero(store,
					  store->layout.data + entry->offset,
					  entry->length);
	default:
		assert(!raft_op_changes_data(entry->op));
		return 0;
	}
}

/* Nothing behind an entry that is missing in the data area is carried out. */
static bool leaves_gap(const struct store *store,
		       const struct raft_entry *entry)
{
	return store->unread && entry->index > store->unread;
}

/* Also read by who plans to write beside us: store_plan_apply(). */
void store_unread_set(struct store *store, uint64_t index)
{
	__atomic_store_n(&store->unread, index, __ATOMIC_RELAXED);
}

int store_apply(struct store *store, struct raft_entry *const *entries,
		unsigned int count)
{
	struct run run = { 0 };
	unsigned int i;
	int error = store_usable(store);
	int flushed;

	if (error)
		return error;
	if (count && leaves_gap(store, entries[0]))
		return -EBADMSG;
	for (i = 0; i < count && !error; i++)
		error = apply_one(store, &run, entries[i]);
	if (error == -EBADMSG)
		store_unread_set(store, entries[i - 1]->index);
	else if (!error && count && entries[count - 1]->index >= store->unread)
		store_unread_set(store, 0);
	/* What came before an entry that can't be carried out is. */
	flushed = store_usable(store);
	if (!flushed)
		flushed = run_flush(store, &run);
	return flushed ? flushed : error;
}

static bool image_range(const struct store *store, uint64_t offset, size_t size)
{
	return offset <= store->super.identity.volume_bytes &&
	       size <= store->super.identity.volume_bytes - offset &&
	       ((offset | size) & (store->data_align - 1)) == 0;
}

int store_image_read(struct store *store, uint64_t offset, void *bytes,
		     size_t size)
{
	struct store_io *io = store->io;
	char *at = bytes;
	size_t step;
	int error = 0;

	if (!image_range(store, offset, size))
		return -EINVAL;
	offset += store->layout.data;
	if (((uintptr_t)bytes & (store->data_align - 1)) == 0)
		return io->ops->read(io, offset, bytes, size);
	for (; size && !error; size -= step, offset += step, at += step) {
		step = size < STORE_CHUNK_BYTES ? size : STORE_CHUNK_BYTES;
		error = io->ops->read(io, offset, store->image_bytes, step);
		if (!error)
			memcpy(at, store->image_bytes, step);
	}
	return error;
}

int store_image_write(struct store *store, uint64_t offset, const void *bytes,
		      size_t size)
{
	const char *at = bytes;
	size_t step;
	int error = store_usable(store);

	if (error)
		return error;
	if (!image_range(store, offset, size))
		return -EINVAL;
	offset += store->layout.data;
	if (!bytes)
		return store_zero(store, offset, size);
	if (((uintptr_t)bytes & (store->data_align - 1)) == 0)
		return store_write_bytes(store, offset, bytes, size);
	for (; size && !error; size -= step, offset += step, at += step) {
		step = size < STORE_CHUNK_BYTES ? size : STORE_CHUNK_BYTES;
		memcpy(store->image_bytes, at, step);
		error = store_write_bytes(store, offset, store->image_bytes,
					  step);
	}
	return error;
}

/*
 * The lowest base that leaves half of the ring free, if `applied` allows it:
 * what stays is there for followers that were away.  Under store->lock.
 */
static void base_choose(struct store *store, uint64_t applied,
			struct format_base *base)
{
	struct log *log = &store->log;
	uint64_t keep = store->layout.ring_bytes / 2;
	uint64_t most = applied < log->last_index ? applied : log->last_index;
	struct log_place *place;

	*base = log->base;
	while (base->index < most && log->tail - base->start > keep) {
		place = log_place(log, base->index + 1);
		base->index++;
		base->term = place->term;
		base->chain = place->crc;
		base->start = base->index == log->last_index ?
				      log->tail :
				      log_place(log, base->index + 1)->position;
	}
}

static void checkpoint_assert(struct log *log,
			      const struct store_checkpoint *checkpoint)
{
	uint64_t applied = checkpoint->applied;

	assert(applied >= log->base.index);
	if (applied > log->base.index && applied <= log->last_index)
		assert(log_place(log, applied)->term ==
		       checkpoint->applied_term);
}

int store_checkpoint(struct store *store,
		     const struct store_checkpoint *checkpoint,
		     uint64_t *base_index)
{
	struct format_mark mark;
	struct format_base base;
	int error = store_usable(store);

	if (error)
		return error;
	pthread_mutex_lock(&store->lock);
	checkpoint_assert(&store->log, checkpoint);
	mark = store->log.mark;
	base_choose(store, checkpoint->applied, &base);
	pthread_mutex_unlock(&store->lock);
	/* Also makes durable what the log has up to the new base. */
	if (!planted(PLANTED_CHECKPOINT_AHEAD))
		error = store_sync(store);
	if (!error)
		error = meta_checkpoint_save(store, checkpoint, &base, &mark);
	if (error)
		return error;
	/* Both copies know: from here on the room may be overwritten. */
	pthread_mutex_lock(&store->lock);
	store->log.base = base;
	store->checkpoint = *checkpoint;
	pthread_mutex_unlock(&store->lock);
	*base_index = base.index;
	return 0;
}
