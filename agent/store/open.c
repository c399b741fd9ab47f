// SPDX-License-Identifier: GPL-2.0
/*
 * Opening a replica: superblock, slots, log.  Then what was found is made
 * durable before anything builds on it.  No other thread knows the store yet.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/internal.h"

/* What the slots said. */
struct slots {
	struct meta_pair state;
	struct meta_pair checkpoint;
	struct meta_pair note;
};

static void slots_read(struct store *store, struct slots *slots,
		       struct recovery *found)
{
	const struct meta_pair *pairs[] = { &slots->state, &slots->checkpoint,
					    &slots->note };
	unsigned int i, j;

	meta_pair_read(store, FORMAT_STATE, &slots->state);
	meta_pair_read(store, FORMAT_CHECKPOINT, &slots->checkpoint);
	meta_pair_read(store, FORMAT_NOTE, &slots->note);
	memset(found, 0, sizeof(*found));
	for (i = 0; i < 3; i++) {
		for (j = 0; j < 2; j++) {
			const struct format_slot *slot = &pairs[i]->slot[j];

			if (!pairs[i]->valid[j])
				continue;
			meta_mark_merge(&found->mark, &slot->mark);
			if (slot->state.term > found->term)
				found->term = slot->state.term;
		}
	}
	found->generation = found->mark.generation;
	if (slots->state.newest)
		store->state_seq = slots->state.newest->seq;
	if (slots->checkpoint.newest)
		store->checkpoint_seq = slots->checkpoint.newest->seq;
	if (slots->note.newest)
		store->note_seq = slots->note.newest->seq;
	for (i = 0; i < 2; i++)
		if (slots->note.valid[i] &&
		    slots->note.slot[i].state_seq > store->state_seq)
			store->state_seq = slots->note.slot[i].state_seq;
}

static int log_load(struct store *store, const struct slots *slots,
		    struct recovery *found, struct store_boot *boot)
{
	const struct format_slot *slot = slots->checkpoint.newest;
	struct log *log = &store->log;

	if (slot) {
		store->checkpoint = slot->checkpoint;
		log->base = slot->base;
		return recover_log(store, found, boot);
	}
	recover_damage_add(boot, "both checkpoint slots can't be read");
	boot->state.damaged = true;
	store->checkpoint.incomplete = true;
	recover_ring_top(store, found);
	log->base.start = found->top;
	log->tail = found->top;
	return 0;
}

static void state_load(struct store *store, const struct slots *slots,
		       const struct recovery *found, struct store_boot *boot)
{
	const struct format_slot *newest = slots->state.newest;
	bool damaged = boot->state.damaged;

	if (newest) {
		store->state = newest->state;
		if (store->state.damaged && !damaged)
			recover_damage_add(boot,
					   "damaged since an earlier run");
	}
	if (newest && newest->seq < store->state_seq) {
		/* The disk has lost a save: there may have been another vote. */
		recover_damage_add(boot, "term and vote are older than those "
					 "that were saved last");
		damaged = true;
	}
	if (!newest) {
		recover_damage_add(boot,
				   "both slots of term and vote can't be read");
		store->state.term = found->term;
		store->state.joined = true; /* not known: the careful answer */
		damaged = true;
	}
	store->state.damaged |= damaged;
	store->damaged = store->state.damaged;
	boot->state = store->state;
}

static bool pair_differs(const struct meta_pair *pair)
{
	return !pair->valid[0] || !pair->valid[1] || pair->slot[0].which != 0 ||
	       pair->slot[1].which != 1 ||
	       pair->slot[0].seq != pair->slot[1].seq;
}

static int supers_repair(struct store *store, unsigned int bad)
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < 2 && !error; i++) {
		if (!(bad & (1U << i)))
			continue;
		super_encode_block(&store->super, store->layout.super[i],
				   store->log_block);
		error = store_write_bytes(store, store->layout.super[i],
					  store->log_block, FORMAT_BLOCK);
		if (!error)
			error = store_sync(store);
	}
	return error;
}

/* A log that was lost where it wasn't needed begins anew, out of reach of what
 * is in the ring. */
static void log_jump(struct store *store, struct format_mark *mark)
{
	struct log *log = &store->log;

	log->base.start += store->layout.ring_bytes;
	log->tail = log->base.start;
	mark->generation++;
	mark->fork = log->tail;
	mark->fork_index = log->last_index;
	mark->durable = log->tail;
	mark->durable_index = log->last_index;
}

/*
 * Make lasting what recovery found, before anything is built on it: what was
 * read may never have been synced by its writer, and a cut tail must not
 * reappear.
 */
static int settle(struct store *store, const struct slots *slots,
		  const struct recovery *found, unsigned int supers_bad)
{
	const struct format_slot *slot = slots->checkpoint.newest;
	struct log *log = &store->log;
	struct format_mark mark = found->mark;
	bool moved;
	int error;

	error = store_sync(store);
	if (!error)
		error = supers_repair(store, supers_bad);
	if (error)
		return error;
	mark.generation = found->generation;
	if (store->damaged) {
		/* Leave the evidence as it is, and a note that it was seen. */
		if (slot && pair_differs(&slots->checkpoint))
			error = meta_checkpoint_save(store, &slot->checkpoint,
						     &slot->base, &slot->mark);
		log->mark = mark;
		return error ? error : meta_state_save(store, &found->mark);
	}
	moved = log->base.index != slot->base.index;
	if (found->jumped)
		log_jump(store, &mark);
	if (moved || pair_differs(&slots->checkpoint))
		error = meta_checkpoint_save(store, &store->checkpoint,
					     &log->base, &mark);
	if (error)
		return error;
	mark.generation++;
	mark.fork = log->tail;
	mark.fork_index = log->last_index;
	mark.durable = log->tail;
	mark.durable_index = log->last_index;
	log->mark = mark;
	store->noted = mark.durable;
	return meta_state_save(store, &mark);
}

static int align_check(struct store_io *io, const struct format_super *super,
		       const struct format_layout *layout,
		       struct base_error *error)
{
	const struct store_identity *identity = &super->identity;
	unsigned int disk = store_io_disk_of(layout->ring);
	uint32_t sectors = disk ? io->second_align : io->align;

	if (io->align > identity->block_size)
		return base_error_set(
			error, -EINVAL,
			"the volume has blocks of %" PRIu32
			" bytes, this disk has sectors of %" PRIu32
			"; a volume with block-size = 512 needs a disk with such sectors",
			identity->block_size, io->align);
	/* Moved to a disk with smaller sectors, records stay as they are. */
	if (sectors > super->align)
		return base_error_set(
			error, -EINVAL,
			"the log was formatted for sectors of %" PRIu32
			" bytes, this %s's have %" PRIu32
			"; format the replica anew, and the other nodes fill it",
			super->align, disk ? "meta-disk" : "disk", sectors);
	return 0;
}

static int open_check(struct store_io *io, const struct format_super *super,
		      const struct store_identity *expected, uint8_t *block,
		      struct base_error *error)
{
	const struct store_identity *identity = &super->identity;
	struct format_layout layout;
	int code = 0;

	if (expected)
		code = store_expect(identity, expected, error);
	if (!code)
		code = super_second(io, super, block, error);
	if (!code)
		code = super_place(io, super, &layout, error);
	return code ? code : align_check(io, super, &layout, error);
}

static void boot_fill(const struct store *store, struct store_boot *boot)
{
	const struct log *log = &store->log;

	boot->identity = store->super.identity;
	boot->checkpoint = store->checkpoint;
	boot->base_index = log->base.index;
	boot->base_term = log->base.term;
	boot->last_index = log->last_index;
	boot->log_capacity = store->layout.ring_bytes;
	boot->align = store->align;
}

static int open_store(struct store *store, unsigned int supers_bad,
		      struct store_boot *boot, struct base_error *error)
{
	struct recovery found;
	struct slots slots;
	int code;

	slots_read(store, &slots, &found);
	code = log_load(store, &slots, &found, boot);
	if (code)
		return base_error_set(error, code, "out of memory");
	state_load(store, &slots, &found, boot);
	boot_fill(store, boot);
	if (store->read_only)
		return 0;
	code = settle(store, &slots, &found, supers_bad);
	if (code)
		base_error_set(error, code, "can't write to the replica: %s",
			       store->failure);
	return code;
}

static int supers_check(struct store_io *io,
			const struct store_identity *expected,
			struct format_super *super, unsigned int *bad,
			struct base_error *error)
{
	struct base_buf *block = base_buf_new(FORMAT_BLOCK);
	int code;

	if (!block)
		return base_error_set(error, -ENOMEM, "out of memory");
	code = super_read(io, expected, block->data, super, bad, error);
	if (!code)
		code = open_check(io, super, expected, block->data, error);
	base_buf_put(block);
	return code;
}

int store_check(struct store_io *io, const struct store_identity *expected,
		struct store_identity *identity, struct base_error *error)
{
	struct format_super super;
	unsigned int bad;
	int code = supers_check(io, expected, &super, &bad, error);

	if (!code)
		*identity = super.identity;
	return code;
}

int store_open(struct store_io *io, const struct store_identity *expected,
	       bool read_only, struct store **store, struct store_boot *boot,
	       struct base_error *error)
{
	struct store_boot found = { .base_index = 0 };
	struct format_super super;
	struct store *opened;
	unsigned int bad = 0;
	int code;

	code = supers_check(io, expected, &super, &bad, error);
	if (code)
		return code;
	opened = store_new(io, read_only, &super);
	if (!opened)
		return base_error_set(error, -ENOMEM, "out of memory");
	code = open_store(opened, bad, &found, error);
	if (code) {
		store_boot_free(&found);
		store_free(opened);
		return code;
	}
	*boot = found;
	*store = opened;
	return 0;
}

void store_boot_free(struct store_boot *boot)
{
	uint64_t i;

	for (i = 0; i < boot->last_index - boot->base_index; i++)
		raft_entry_put(boot->entries[i]);
	free(boot->entries);
	boot->entries = NULL;
	boot->base_index = boot->last_index;
}
