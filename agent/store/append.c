// SPDX-License-Identifier: GPL-2.0
/*
 * Records to be written behind the log's end.  Called by the log thread or its
 * stand-in, the only writer of the log's end, which may therefore read it
 * without the lock and takes the lock only to publish.
 *
 * The end moves when an append begins: the next one goes behind it before it is
 * written.  What a crash then leaves is a torn tail: a record says that those
 * before it are durable only when they are.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/internal.h"

#define APPEND_STAGING_BYTES (512U << 10)
/*
 * Payloads up to this are copied behind their heads: one piece of memory is
 * cheaper to write than a dozen, by more than the copy.
 */
#define APPEND_COPY_MAX (16U << 10)

int store_append_init(struct store *store, struct store_append *append)
{
	memset(append, 0, sizeof(*append));
	append->memory = base_buf_new(APPEND_STAGING_BYTES);
	if (!append->memory)
		return -ENOMEM;
	append->staging = append->memory->data;
	append->staging_bytes = APPEND_STAGING_BYTES;
	return 0;
}

void store_append_free(struct store_append *append)
{
	base_buf_put(append->memory);
	append->memory = NULL;
}

static unsigned int pages_of(const void *bytes, size_t size)
{
	uintptr_t at = (uintptr_t)bytes;

	return (unsigned int)((at + size + 4095) / 4096 - at / 4096);
}

static void append_add(struct store_append *append, const void *bytes,
		       size_t size)
{
	struct iovec *next = &append->iov[append->iov_count];

	if (append->iov_count &&
	    (const char *)next[-1].iov_base + next[-1].iov_len == bytes) {
		append->pages -= pages_of(next[-1].iov_base, next[-1].iov_len);
		next[-1].iov_len += size;
		append->pages += pages_of(next[-1].iov_base, next[-1].iov_len);
		return;
	}
	append->pages += pages_of(bytes, size);
	assert(append->iov_count < STORE_IOV_MAX);
	next->iov_base = (void *)(uintptr_t)bytes;
	next->iov_len = size;
	append->iov_count++;
}

/* Room in the staging memory, cleared behind the @used first bytes. */
static uint8_t *append_stage(struct store_append *append, size_t used,
			     size_t size)
{
	uint8_t *bytes = append->staging + append->staged;

	memset(bytes + used, 0, size - used);
	append->staged += size;
	append_add(append, bytes, size);
	return bytes;
}

static bool append_takes(const struct store *store,
			 const struct store_append *append, uint64_t bytes,
			 const struct raft_entry *entry)
{
	size_t head = format_round_up(FORMAT_RECORD_HEAD, store->align);
	size_t room =
		format_round_up(raft_entry_data_bytes(entry), store->align);

	return append->staged + head + room <= append->staging_bytes &&
	       append->iov_count + 2 <= STORE_IOV_MAX &&
	       append->pages + room / 4096 + 3 <= store->piece_pages_max &&
	       bytes + head + room <= store->piece_bytes_max;
}

static bool aligned(const void *bytes, uint32_t align)
{
	return ((uintptr_t)bytes & (align - 1)) == 0;
}

/* May it be written from where it lies, and is that worth it? */
static bool lies_well(const struct store *store, const struct raft_entry *entry,
		      size_t data, size_t room)
{
	return data > APPEND_COPY_MAX && data == room &&
	       aligned(entry->data, store->align);
}

static void append_record(struct store *store, struct store_append *append,
			  struct format_record *record)
{
	const struct raft_entry *entry = &record->entry;
	size_t data = raft_entry_data_bytes(entry);
	size_t room = format_round_up(data, store->align);

	format_record_encode(&store->super.identity, record,
			     append_stage(append, 0,
					  format_round_up(FORMAT_RECORD_HEAD,
							  store->align)));
	if (lies_well(store, entry, data, room))
		append_add(append, entry->data, data);
	else if (data)
		memcpy(append_stage(append, data, room), entry->data, data);
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
		if (format_entry_check(&store->super.identity, entries[i],
				       i ? entries[i - 1] : NULL))
			return -EINVAL;
		bytes += store_record_bytes(entries[i], store->align);
	}
	pthread_mutex_lock(&store->lock);
	end = log->base.start + store->layout.ring_bytes;
	pthread_mutex_unlock(&store->lock);
	return bytes > end - log->tail ? -ENOSPC : 0;
}

/* As many of them as fit; the log's end is moved behind them. */
static void append_fill(struct store *store, struct raft_entry *const *entries,
			unsigned int count, struct store_append *append)
{
	struct log *log = &store->log;
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

	append->staged = 0;
	append->pages = 0;
	append->iov_count = 0;
	for (i = 0;
	     i < count && append_takes(store, append,
				       record.position - log->tail, entries[i]);
	     i++) {
		record.entry = *entries[i];
		record.chain = record.crc;
		append_record(store, append, &record);
		place = log_place(log, record.entry.index);
		place->position = record.position;
		place->term = record.entry.term;
		place->crc = record.crc;
		record.position +=
			store_record_bytes(&record.entry, store->align);
		record.prev_term = record.entry.term;
	}
	assert(i > 0);
	ring_pieces(store, log->tail, append);
	append->count = i;
	append->end = record.position;
	append->last_index = log->last_index + i;
	append->last_term = record.prev_term;
	pthread_mutex_lock(&store->lock);
	log->tail = record.position;
	log->last_index += i;
	log->last_term = record.prev_term;
	log->chain = record.crc;
	pthread_mutex_unlock(&store->lock);
}

int store_append_begin(struct store *store, struct raft_entry *const *entries,
		       unsigned int count, struct store_append *append)
{
	int error = store_usable(store);

	if (error)
		return error;
	assert(!store->damaged);
	error = append_check(store, entries, count);
	if (error)
		return error;
	append_fill(store, entries, count, append);
	return 0;
}

void store_append_end(struct store *store, const struct store_append *append)
{
	struct log *log = &store->log;

	assert(append->end > log->mark.durable && append->end <= log->tail);
	pthread_mutex_lock(&store->lock);
	log->mark.durable = append->end;
	log->mark.durable_index = append->last_index;
	pthread_mutex_unlock(&store->lock);
}

int store_log_append(struct store *store, struct raft_entry *const *entries,
		     unsigned int count)
{
	struct store_append *append = &store->append;
	unsigned int i;
	int error = store_usable(store);

	if (error)
		return error;
	assert(!store->damaged);
	error = append_check(store, entries, count);
	while (count && !error) {
		append_fill(store, entries, count, append);
		for (i = 0; i < append->piece_count && !error; i++)
			error = store_write(store, append->pieces[i].offset,
					    append->pieces[i].iov,
					    append->pieces[i].count);
		entries += append->count;
		count -= append->count;
	}
	return error;
}
