// SPDX-License-Identifier: GPL-2.0
/*
 * The log's end: sync, truncate, reset (append.c has the rest).  Called by the
 * log thread, the only writer of the log's end, which may therefore read its
 * fields without the lock and takes the lock only to publish.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/internal.h"

int store_log_sync(struct store *store)
{
	struct log *log = &store->log;
	int error = store_usable(store);

	if (error || log->mark.durable == log->tail)
		return error;
	error = store_sync_log(store);
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
	store_unread_set(store, 0);
	return 0;
}
