// SPDX-License-Identifier: GPL-2.0
/*
 * The contents of a disk's log: the scan of the ring when a store is opened.
 * format.h has the rules (valid, live, torn or damaged).
 *
 * Reads in big chunks through one window, keeps one header per entry, and
 * changes nothing on the disk.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "store/internal.h"

/* In place of sectors that can't be read: never a header, never zeroes. */
#define UNREADABLE 0xdb

enum verdict {
	RECORD_GOOD,
	RECORD_NO_HEAD, /* nothing that could be a record of this place */
	RECORD_NO_CHAIN, /* a record, but not the next one */
	RECORD_NO_DATA, /* the next one, its payload is not right */
};

struct scan {
	struct store *store;
	struct store_boot *boot;
	struct recovery *found;
	uint64_t limit; /* no record of this lap lies beyond */

	/* The bytes at [position, position + size) */
	uint8_t *window;
	uint64_t position;
	size_t size;

	/* What the log has so far, and what the next record must continue. */
	struct format_base base;
	uint64_t tail;
	uint64_t last_index;
	uint64_t last_term;
	uint64_t generation;
	uint32_t chain;
	uint64_t room; /* of boot->entries */
	bool proven; /* the mark holds what all records tell */
};

void recover_damage_add(struct store_boot *boot, const char *format, ...)
{
	size_t used = strlen(boot->damage), room = sizeof(boot->damage) - used;
	va_list args;

	if (used && room > 2) {
		memcpy(boot->damage + used, "; ", 3);
		used += 2;
		room -= 2;
	}
	va_start(args, format);
	vsnprintf(boot->damage + used, room, format, args);
	va_end(args);
}

static void window_fill(struct scan *scan, uint64_t position)
{
	struct store *store = scan->store;
	uint64_t left = scan->limit - position;
	size_t at;

	scan->position = position;
	scan->size = left < STORE_CHUNK_BYTES ? left : STORE_CHUNK_BYTES;
	if (!ring_read(store, position, scan->window, scan->size))
		return;
	for (at = 0; at < scan->size; at += store->align)
		if (ring_read(store, position + at, scan->window + at,
			      store->align))
			memset(scan->window + at, UNREADABLE, store->align);
}

/* NULL when that is beyond the limit. */
static const uint8_t *window_get(struct scan *scan, uint64_t position,
				 size_t size)
{
	if (position > scan->limit || size > scan->limit - position)
		return NULL;
	if (position < scan->position ||
	    position + size > scan->position + scan->size)
		window_fill(scan, position);
	return scan->window + (position - scan->position);
}

/* Rules 1 to 3. */
static bool head_get(struct scan *scan, uint64_t position,
		     struct format_record *record, uint64_t *bytes)
{
	struct store *store = scan->store;
	const uint8_t *head = window_get(scan, position, store->align);

	if (!head ||
	    !format_record_decode(&store->super.identity, position, head,
				  record) ||
	    !log_live(&scan->found->mark, record->generation, position))
		return false;
	*bytes = store_record_bytes(&record->entry, store->align);
	return *bytes <= scan->limit - position;
}

/* Rule 5. */
static bool data_good(struct scan *scan, const struct format_record *record,
		      uint64_t bytes)
{
	size_t head = format_round_up(FORMAT_RECORD_HEAD, scan->store->align);
	const uint8_t *at = window_get(scan, record->position, bytes);

	return at && format_data_good(&record->entry, at + head);
}

static enum verdict next_check(struct scan *scan, struct format_record *record,
			       uint64_t *bytes)
{
	if (!head_get(scan, scan->tail, record, bytes))
		return RECORD_NO_HEAD;
	if (record->chain != scan->chain ||
	    record->prev_term != scan->last_term ||
	    record->entry.index != scan->last_index + 1 ||
	    record->generation < scan->generation)
		return RECORD_NO_CHAIN;
	return data_good(scan, record, *bytes) ? RECORD_GOOD : RECORD_NO_DATA;
}

static int entry_keep(struct scan *scan, const struct format_record *record)
{
	struct store_boot *boot = scan->boot;
	uint64_t count = scan->last_index - scan->base.index;
	struct log_place *place;
	struct raft_entry *entry;
	struct raft_entry **more;
	uint32_t refs;

	if (count == scan->room) {
		scan->room = scan->room ? 2 * scan->room : 256;
		more = realloc(boot->entries, scan->room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		boot->entries = more;
	}
	entry = raft_entry_new();
	if (!entry)
		return -ENOMEM;
	refs = entry->refs;
	*entry = record->entry;
	entry->refs = refs;
	boot->entries[count] = entry;
	place = log_place(&scan->store->log, entry->index);
	place->position = record->position;
	place->term = entry->term;
	place->crc = record->crc;
	return 0;
}

static void seen(struct recovery *found, const struct format_record *record)
{
	if (record->generation > found->generation)
		found->generation = record->generation;
	if (record->entry.term > found->term)
		found->term = record->entry.term;
}

static int record_take(struct scan *scan, const struct format_record *record,
		       uint64_t bytes)
{
	int error = entry_keep(scan, record);

	if (error)
		return error;
	scan->tail += bytes;
	scan->last_index++;
	scan->last_term = record->entry.term;
	scan->chain = record->crc;
	scan->generation = record->generation;
	seen(scan->found, record);
	return 0;
}

/* The log begins at @base; what was found before is dropped. */
static void begin_at(struct scan *scan, const struct format_base *base)
{
	struct store_boot *boot = scan->boot;

	while (scan->last_index > scan->base.index)
		raft_entry_put(
			boot->entries[--scan->last_index - scan->base.index]);
	scan->base = *base;
	scan->tail = base->start;
	scan->last_index = base->index;
	scan->last_term = base->term;
	scan->chain = base->chain;
}

/*
 * What live records behind the end tell about durability.  Once, from where the
 * log first ended: the chain has no more to tell than what it went through.
 */
static void prove(struct scan *scan)
{
	struct format_mark *mark = &scan->found->mark;
	struct format_record record;
	uint64_t at = scan->tail, bytes;

	if (scan->proven)
		return;
	scan->proven = true;
	while (at < scan->limit) {
		if (!head_get(scan, at, &record, &bytes)) {
			at += scan->store->align;
			continue;
		}
		if (record.durable > mark->durable)
			mark->durable = record.durable;
		if (record.durable_index > mark->durable_index)
			mark->durable_index = record.durable_index;
		seen(scan->found, &record);
		at += data_good(scan, &record, bytes) ? bytes :
							scan->store->align;
	}
}

/* The next live record from @at on that carries on from what is applied. */
static bool find_next(struct scan *scan, uint64_t at, struct format_base *base)
{
	const struct store_checkpoint *checkpoint = &scan->store->checkpoint;
	struct format_record record;
	uint64_t bytes, index;

	for (; at < scan->limit; at += scan->store->align) {
		if (!head_get(scan, at, &record, &bytes))
			continue;
		index = record.entry.index - 1;
		if (index > checkpoint->applied)
			return false;
		if (index <= scan->last_index ||
		    (index == checkpoint->applied &&
		     record.prev_term != checkpoint->applied_term))
			continue;
		base->start = at;
		base->index = index;
		base->term = record.prev_term;
		base->chain = record.chain;
		return true;
	}
	return false;
}

static void damaged(struct scan *scan, enum verdict verdict)
{
	static const char *const texts[] = {
		[RECORD_NO_HEAD] = "its record can't be read",
		[RECORD_NO_CHAIN] =
			"its record is not the one that belongs there",
		[RECORD_NO_DATA] = "its data has the wrong checksum",
	};

	if (planted(PLANTED_DAMAGE_CUT_OFF))
		return;
	recover_damage_add(scan->boot, "log entry %" PRIu64 ": %s",
			   scan->last_index + 1, texts[verdict]);
	scan->boot->state.damaged = true;
}

/*
 * The log ended at scan->tail, for this reason.
 * Return: whether there is more behind it; else all is said.
 */
static bool ended(struct scan *scan, enum verdict verdict, uint64_t bytes)
{
	const struct store_checkpoint *checkpoint = &scan->store->checkpoint;
	const struct format_mark *mark = &scan->found->mark;
	uint64_t step = verdict == RECORD_NO_DATA ? bytes : scan->store->align;
	struct format_base base = scan->base;

	prove(scan);
	if (scan->last_index < checkpoint->applied &&
	    find_next(scan, scan->tail + step, &base)) {
		begin_at(scan, &base);
		return true;
	}
	if (mark->durable > scan->tail &&
	    mark->durable_index > checkpoint->applied)
		damaged(scan, verdict);
	if (scan->last_index < checkpoint->applied) {
		base.index = checkpoint->applied;
		base.term = checkpoint->applied_term;
		begin_at(scan, &base);
		scan->found->jumped = true;
	}
	return false;
}

static int scan_all(struct scan *scan)
{
	struct format_record record;
	enum verdict verdict;
	uint64_t bytes = 0;
	int error;

	for (;;) {
		verdict = next_check(scan, &record, &bytes);
		if (verdict == RECORD_GOOD) {
			error = record_take(scan, &record, bytes);
			if (error)
				return error;
		} else if (!ended(scan, verdict, bytes)) {
			return 0;
		}
	}
}

/* Applied entries are what the checkpoint says they are. */
static void applied_check(struct scan *scan)
{
	const struct store_checkpoint *checkpoint = &scan->store->checkpoint;
	uint64_t term = scan->base.term;

	if (checkpoint->applied > scan->base.index)
		term = scan->boot
			       ->entries[checkpoint->applied -
					 scan->base.index - 1]
			       ->term;
	if (term == checkpoint->applied_term)
		return;
	recover_damage_add(scan->boot,
			   "log entry %" PRIu64
			   ": not the one that was applied",
			   checkpoint->applied);
	scan->boot->state.damaged = true;
}

int recover_log(struct store *store, struct recovery *found,
		struct store_boot *boot)
{
	struct log *log = &store->log;
	struct scan scan = {
		.store = store,
		.boot = boot,
		.found = found,
		.limit = log->base.start + store->layout.ring_bytes,
		.window = store->log_bytes,
	};
	int error;

	begin_at(&scan, &log->base);
	error = scan_all(&scan);
	if (error) {
		begin_at(&scan, &scan.base);
		return error;
	}
	applied_check(&scan);
	log->base = scan.base;
	log->tail = scan.tail;
	log->last_index = scan.last_index;
	log->last_term = scan.last_term;
	log->chain = scan.chain;
	return 0;
}

void recover_ring_top(struct store *store, struct recovery *found)
{
	struct scan scan = {
		.store = store,
		.found = found,
		.limit = store->layout.ring_bytes,
		.window = store->log_bytes,
	};
	struct format_record record;
	uint64_t at, position, top = found->mark.durable;
	const uint8_t *head;

	for (at = 0; at < scan.limit; at += store->align) {
		head = window_get(&scan, at, store->align);
		position = format_record_position(head);
		if (position % scan.limit != at ||
		    !format_record_decode(&store->super.identity, position,
					  head, &record))
			continue;
		seen(found, &record);
		if (position > top)
			top = position;
	}
	assert(scan.limit);
	/* The ring's records span less than one lap, so none lies beyond. */
	found->top = format_round_up(top, scan.limit) + scan.limit;
}
