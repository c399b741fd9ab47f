// SPDX-License-Identifier: GPL-2.0
/*
 * Reading one entry back, from any thread.  The record may be freed or cut
 * while it is being read, so its contents are used only if it is still the
 * record that the table refers to.
 */
#include <errno.h>

#include "store/internal.h"

static bool place_find(struct store *store, uint64_t index,
		       struct log_place *place, uint64_t *bytes)
{
	struct log *log = &store->log;
	uint64_t end;
	bool found;

	pthread_mutex_lock(&store->lock);
	found = index > log->base.index && index <= log->last_index;
	if (found) {
		*place = *log_place(log, index);
		end = index == log->last_index ?
			      log->tail :
			      log_place(log, index + 1)->position;
		*bytes = end - place->position;
	}
	pthread_mutex_unlock(&store->lock);
	return found;
}

/* @buf: the whole record.  Return: the entry with a reference to @buf. */
static struct raft_entry *entry_make(const struct format_record *record,
				     struct base_buf *buf, size_t head)
{
	struct raft_entry *entry = raft_entry_new();
	uint32_t refs;

	if (!entry)
		return NULL;
	refs = entry->refs;
	*entry = record->entry;
	entry->refs = refs;
	if (raft_entry_data_bytes(entry)) {
		entry->data = buf->data + head;
		entry->buf = base_buf_get(buf);
	}
	return entry;
}

static bool record_is(struct store *store, const struct log_place *place,
		      uint64_t index, const struct base_buf *buf,
		      struct format_record *record)
{
	size_t head = format_round_up(FORMAT_RECORD_HEAD, store->align);

	if (!format_record_decode(&store->super.identity, place->position,
				  buf->data, record) ||
	    record->crc != place->crc || record->entry.index != index ||
	    store_record_bytes(&record->entry, store->align) != buf->size)
		return false;
	return format_data_good(&record->entry, buf->data + head);
}

int store_log_read(struct store *store, uint64_t index,
		   struct raft_entry **entry)
{
	struct log_place place, again;
	struct format_record record;
	struct raft_entry *made;
	struct base_buf *buf;
	uint64_t bytes;
	int error;

	if (!place_find(store, index, &place, &bytes))
		return -ENOENT;
	buf = base_buf_new(bytes);
	if (!buf)
		return -ENOMEM;
	error = ring_read(store, place.position, buf->data, bytes);
	if (!error && !record_is(store, &place, index, buf, &record))
		error = -EBADMSG;
	if (error &&
	    (!place_find(store, index, &again, &bytes) ||
	     again.position != place.position || again.crc != place.crc))
		error = -ENOENT;
	if (!error) {
		made = entry_make(&record, buf,
				  format_round_up(FORMAT_RECORD_HEAD,
						  store->align));
		if (made)
			*entry = made;
		else
			error = -ENOMEM;
	}
	base_buf_put(buf);
	return error;
}
