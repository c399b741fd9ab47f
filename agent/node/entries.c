// SPDX-License-Identifier: GPL-2.0
/*
 * The log as the node holds it in memory: the heads of all its entries, and
 * the payloads of the newest, for peers and the image thread.  Older payloads
 * are read back from the disk when needed.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "node/state.h"

static struct raft_entry **entries_slot(const struct entries *entries,
					uint64_t index)
{
	return &entries->slots[index & (entries->slot_count - 1)];
}

int entries_init(struct entries *entries, struct store_boot *boot,
		 const struct node_config *config)
{
	uint64_t count = boot->last_index - boot->base_index;
	uint64_t i;

	memset(entries, 0, sizeof(*entries));
	entries->align = config->align;
	entries->slot_count = config->bounds.entry_slots;
	while (entries->slot_count < 2 * count)
		entries->slot_count *= 2;
	entries->slots = calloc(entries->slot_count, sizeof(*entries->slots));
	if (!entries->slots)
		return -1;
	entries->base.applied = boot->base_index;
	entries->base.applied_term = boot->base_term;
	if (boot->base_index == boot->checkpoint.applied)
		entries->base = boot->checkpoint;
	entries->last = boot->base_index;
	entries->committed = boot->base_index;
	entries->evicted = boot->last_index;
	entries->bare = boot->checkpoint.witness;
	for (i = 0; i < count; i++) {
		entries_push(entries, boot->entries[i]);
		boot->entries[i] = NULL;
	}
	entries->evicted = entries->last;
	entries_commit(entries, boot->checkpoint.applied);
	free(boot->entries);
	boot->entries = NULL;
	return 0;
}

void entries_free(struct entries *entries)
{
	if (!entries->slots)
		return;
	entries_truncate(entries, entries->base.applied + 1);
	free(entries->slots);
	entries->slots = NULL;
}

struct raft_entry *entries_at(const struct entries *entries, uint64_t index)
{
	if (index <= entries->base.applied || index > entries->last)
		return NULL;
	return *entries_slot(entries, index);
}

static void entries_grow(struct entries *entries)
{
	struct entries larger = *entries;
	uint64_t i;

	larger.slot_count *= 2;
	larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
	/* A replica that stops is safe; one that forgets an entry is not. */
	assert(larger.slots);
	for (i = entries->base.applied + 1; i <= entries->last; i++)
		*entries_slot(planted(PLANTED_GROWN_IN_PLACE) ? entries :
								&larger,
			      i) = *entries_slot(entries, i);
	free(entries->slots);
	*entries = larger;
}

void entries_push(struct entries *entries, struct raft_entry *entry)
{
	assert(entry->index == entries->last + 1);
	if (entries->last + 1 - entries->base.applied >= entries->slot_count)
		entries_grow(entries);
	entries->last++;
	*entries_slot(entries, entries->last) = entry;
	entries->bare |= entry->bare;
	entries->record_bytes += store_record_bytes(entry, entries->align);
	entries->open_bytes += store_record_bytes(entry, entries->align);
	if (entry->data)
		entries->cached_bytes += entry->length;
}

static void entries_drop(struct entries *entries, uint64_t index)
{
	struct raft_entry **slot = entries_slot(entries, index);

	entries->record_bytes -= store_record_bytes(*slot, entries->align);
	if (index > entries->committed)
		entries->open_bytes -=
			store_record_bytes(*slot, entries->align);
	if ((*slot)->data)
		entries->cached_bytes -= (*slot)->length;
	raft_entry_put(*slot);
	*slot = NULL;
}

void entries_truncate(struct entries *entries, uint64_t from)
{
	assert(from > entries->base.applied);
	while (entries->last >= from)
		entries_drop(entries, entries->last--);
	if (entries->evicted > entries->last)
		entries->evicted = entries->last;
}

void entries_compact(struct entries *entries, uint64_t base)
{
	struct store_checkpoint head;
	uint64_t i;

	assert(base > entries->base.applied && base <= entries->last);
	head = entries_head(entries, base);
	for (i = entries->base.applied + 1; i <= base; i++)
		entries_drop(entries, i);
	entries->base = head;
	if (entries->committed < base) /* dropped, and taken off with that */
		entries->committed = base;
	if (entries->evicted < base)
		entries->evicted = base;
}

void entries_reset(struct entries *entries, const struct store_checkpoint *base)
{
	entries_truncate(entries, entries->base.applied + 1);
	entries->base = *base;
	entries->last = base->applied;
	entries->committed = base->applied;
	entries->evicted = base->applied;
	entries->bare = base->witness;
}

void entries_set_bare(struct entries *entries)
{
	entries->bare = true;
}

void entries_commit(struct entries *entries, uint64_t commit)
{
	while (entries->committed < commit &&
	       entries->committed < entries->last)
		entries->open_bytes -=
			store_record_bytes(*entries_slot(entries,
							 ++entries->committed),
					   entries->align);
}

uint64_t entries_data_bytes(const struct entries *entries, uint64_t first,
			    uint64_t last)
{
	uint64_t bytes = 0, i;

	for (i = first; i <= last; i++) {
		const struct raft_entry *entry = entries_at(entries, i);

		bytes += entry ? raft_entry_data_bytes(entry) : 0;
	}
	return bytes;
}

struct store_checkpoint entries_head(const struct entries *entries,
				     uint64_t index)
{
	struct store_checkpoint head = entries->base;
	struct raft_entry *entry;

	if (index == entries->base.applied)
		return head;
	entry = entries_at(entries, index);
	assert(entry);
	head.applied = entry->index;
	head.applied_term = entry->term;
	head.standing = entry->standing;
	return head;
}

void entries_evict(struct entries *entries, uint64_t limit, uint64_t most)
{
	struct raft_entry **slot;
	struct raft_entry *bare;

	while (entries->cached_bytes > most && entries->evicted < limit &&
	       entries->evicted < entries->last) {
		slot = entries_slot(entries, ++entries->evicted);
		if (!(*slot)->data)
			continue;
		bare = raft_entry_new();
		if (!bare) {
			entries->evicted--;
			return; /* short of memory: later */
		}
		*bare = **slot;
		bare->refs = 1;
		bare->data = NULL;
		bare->buf = NULL;
		entries->cached_bytes -= (*slot)->length;
		raft_entry_put(*slot);
		*slot = bare;
	}
}
