// SPDX-License-Identifier: GPL-2.0
/*
 * The log's end: append, sync, truncate, reset.  The log thread's, which alone
 * moves the end; so it reads its own fields without the lock and takes it only
 * to publish.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/internal.h"

/* Records on their way into one vectored write. */
struct batch {
	struct store *store;
	uint64_t position; /* of the first byte */
	uint64_t bytes;
	size_t staged; /* bytes of store->log_bytes in use */
	unsigned int count;
	struct iovec iov[STORE_IOV_MAX];
};

static int batch_write(struct batch *batch)
{
	int error = 0;

	if (batch->count)
		error = ring_write(batch->store, batch->position, batch->iov,
				   batch->count);
	batch->position += batch->bytes;
	batch->bytes = 0;
	batch->staged = 0;
	batch->count = 0;
	return error;
}

static void batch_add(struct batch *batch, void *bytes, size_t size)
{
	struct iovec *next = &batch->iov[batch->count];

	batch->bytes += size;
	if (batch->count &&
	    (char *)next[-1].iov_base + next[-1].iov_len == bytes) {
		next[-1].iov_len += size;
		return;
	}
	assert(batch->count < STORE_IOV_MAX);
	next->iov_base = bytes;
	next->iov_len = size;
	batch->count++;
}

/* Room in the staging memory, cleared. */
static uint8_t *batch_stage(struct batch *batch, size_t size)
{
	uint8_t *bytes = batch->store->log_bytes + batch->staged;

	memset(bytes, 0, size);
	batch->staged += size;
	batch_add(batch, bytes, size);
	return bytes;
}

static bool aligned(const void *bytes, uint32_t align)
{
	return ((uintptr_t)bytes & (align - 1)) == 0;
}

static int batch_record(struct batch *batch, struct format_record *record)
{
	struct store *store = batch->store;
	const struct raft_entry *entry = &record->entry;
	size_t head = format_round_up(FORMAT_RECORD_HEAD, store->align);
	size_t data = raft_entry_data_bytes(entry);
	size_t room = format_round_up(data, store->align);
	int error;

	if (batch->staged + head + room > STORE_CHUNK_BYTES ||
	    batch->count + 2 > STORE_IOV_MAX) {
		error = batch_write(batch);
		if (error)
			return error;
	}
	format_record_encode(&store->identity, record,
			     batch_stage(batch, head));
	if (data && data == room && aligned(entry->data, store->align))
		batch_add(batch, (void *)(uintptr_t)entry->data, data);
	else if (data)
		memcpy(batch_stage(batch, room), entry->data, data);
	return 0;
}

/* Does it fit and is it sound?  Nothing is written before all of it is. */
static int append_check(struct store *store, struct raft_entry *const *entries,
			unsigned int count)
{
	const struct log *log = &store->log;
	uint64_t bytes = 0, end, term = log->last_term;
	unsigned int i;

	for (i = 0; i < count; i++) {
		assert(entries[i]->index == log->last_index + 1 + i);
		assert(entries[i]->term >= term);
		assert(entries[i]->data || !raft_entry_data_bytes(entries[i]));
		term = entries[i]->term;
		if (format_entry_check(&store->identity, entries[i]))
			return -EINVAL;
		bytes += store_record_bytes(entries[i], store->align);
	}
	pthread_mutex_lock(&store->lock);
	end = log->base.start + store->layout.ring_bytes;
	pthread_mutex_unlock(&store->lock);
	return bytes > end - log->tail ? -ENOSPC : 0;
}

int store_log_append(struct store *store, struct raft_entry *const *entries,
		     unsigned int count)
{
	struct log *log = &store->log;
	struct batch batch = { .store = store, .position = log->tail };
	struct format_record record = {
		.position = log->tail,
		.generation = log->mark.generation,
		.durable = log->mark.durable,
		.durable_index = log->mark.durable_index,
		.prev_term = log->last_term,
		.crc = log->chain,
	};
	struct log_place *place;
	unsigned int i;
	int error = store_usable(store);

	if (error)
		return error;
	assert(!store->damaged);
	error = append_check(store, entries, count);
	if (error)
		return error;
	for (i = 0; i < count; i++) {
		record.entry = *entries[i];
		record.chain = record.crc;
		error = batch_record(&batch, &record);
		if (error)
			return error;
		place = log_place(log, record.entry.index);
		place->position = record.position;
		place->term = record.entry.term;
		place->crc = record.crc;
		record.position +=
			store_record_bytes(&record.entry, store->align);
		record.prev_term = record.entry.term;
	}
	error = batch_write(&batch);
	if (error)
		return error;
	assert(batch.position == record.position);
	pthread_mutex_lock(&store->lock);
	log->tail = record.position;
	log->last_index += count;
	log->last_term = record.prev_term;
	log->chain = record.crc;
	pthread_mutex_unlock(&store->lock);
	return 0;
}

int store_log_sync(struct store *store)
{
	struct log *log = &store->log;
	int error = store_usable(store);

	if (error || log->mark.durable == log->tail)
		return error;
	error = store_sync(store);
	if (error)
		return error;
	pthread_mutex_lock(&store->lock);
	log->mark.durable = log->tail;
	log->mark.durable_index = log->last_index;
	pthread_mutex_unlock(&store->lock);
	return 0;
}

static void set_end(struct log *log, const struct format_mark *mark,
		    const struct log_place *last, uint64_t last_index)
{
	log->mark = *mark;
	log->tail = mark->fork;
	log->last_index = last_index;
	log->last_term = last ? last->term : log->base.term;
	log->chain = last ? last->crc : log->base.chain;
}

int store_log_truncate(struct store *store, uint64_t index)
{
	struct log *log = &store->log;
	struct format_mark mark;
	bool empties;
	int error = store_usable(store);

	if (error || index > log->last_index)
		return error;
	assert(!store->damaged);
	/* The base may rise meanwhile, but never beyond what is committed. */
	pthread_mutex_lock(&store->lock);
	assert(index > log->base.index);
	pthread_mutex_unlock(&store->lock);
	/*
	 * What is before a fork must be durable, see format.h: else a record
	 * that the fork before it had cut could show through and be believed.
	 */
	error = store_log_sync(store);
	if (error)
		return error;
	mark.generation = log->mark.generation + 1;
	mark.fork = log_place(log, index)->position;
	mark.fork_index = index - 1;
	mark.durable = mark.fork;
	mark.durable_index = index - 1;
	error = meta_state_save(store, &mark);
	if (error)
		return error;
	pthread_mutex_lock(&store->lock);
	empties = index - 1 == log->base.index;
	set_end(log, &mark, empties ? NULL : log_place(log, index - 1),
		index - 1);
	pthread_mutex_unlock(&store->lock);
	store->noted = mark.durable;
	return 0;
}

int store_log_reset(struct store *store, const struct store_checkpoint *base)
{
	struct log *log = &store->log;
	struct store_checkpoint checkpoint = *base;
	struct format_base fresh = {
		/* Nothing was ever written from there on. */
		.start = log->base.start + store->layout.ring_bytes,
		.index = base->applied,
		.term = base->applied_term,
	};
	struct format_mark mark = {
		.generation = log->mark.generation + 1,
		.fork = fresh.start,
		.fork_index = fresh.index,
		.durable = fresh.start,
		.durable_index = fresh.index,
	};
	int error = store_usable(store);

	if (error)
		return error;
	checkpoint.incomplete = true;
	error = meta_checkpoint_save(store, &checkpoint, &fresh, &mark);
	if (error)
		return error;
	pthread_mutex_lock(&store->lock);
	store->checkpoint = checkpoint;
	log->base = fresh;
	set_end(log, &mark, NULL, fresh.index);
	pthread_mutex_unlock(&store->lock);
	store->damaged = false;
	return 0;
}
