// SPDX-License-Identifier: GPL-2.0
/*
 * State, checkpoint and note slots: reading and saving.  Why there are two of
 * each and in which order they are written: format.h.
 */
#include <string.h>

#include "base/planted.h"
#include "store/internal.h"

static const uint64_t *slot_offsets(const struct store *store,
				    enum format_kind kind)
{
	switch (kind) {
	case FORMAT_STATE:
		return store->layout.state;
	case FORMAT_CHECKPOINT:
		return store->layout.checkpoint;
	case FORMAT_NOTE:
		break;
	}
	return store->layout.note;
}

/* A save of the other slot that went astray to this one's place counts too: what
 * it replaced there may be all that was left of what was acknowledged. */
static bool slot_decode(const struct store *store, enum format_kind kind,
			unsigned int which, struct format_slot *slot)
{
	const struct store_identity *identity = &store->super.identity;

	return format_slot_decode(identity, kind, which, store->align,
				  store->log_block, slot) ||
	       format_slot_decode(identity, kind, !which, store->align,
				  store->log_block, slot);
}

void meta_pair_read(struct store *store, enum format_kind kind,
		    struct meta_pair *pair)
{
	const uint64_t *offsets = slot_offsets(store, kind);
	struct store_io *io = store->io;
	unsigned int i;

	memset(pair, 0, sizeof(*pair));
	for (i = 0; i < 2; i++) {
		/* What saving writes: an error beside it would never heal. */
		if (io->ops->read(io, offsets[i], store->log_block,
				  store->meta_align))
			continue;
		pair->valid[i] = slot_decode(store, kind, i, &pair->slot[i]);
		if (pair->valid[i] &&
		    (!pair->newest || pair->slot[i].seq > pair->newest->seq))
			pair->newest = &pair->slot[i];
	}
}

static int slot_write(struct store *store, const struct format_slot *slot,
		      uint8_t *block)
{
	/* As few sectors as the disk allows: one, which is whole or old. */
	memset(block, 0, store->meta_align);
	format_slot_encode(&store->super.identity, slot, block);
	return store_write_bytes(store,
				 slot_offsets(store, slot->kind)[slot->which],
				 block, store->meta_align);
}

int meta_pair_save(struct store *store, struct format_slot *slot,
		   uint8_t *block)
{
	unsigned int i;
	int error;

	for (i = 0; i < 2; i++) {
		slot->which = i;
		error = slot_write(store, slot, block);
		if (!error && !planted(PLANTED_VOTE_NOT_SYNCED))
			error = store_sync_log(store);
		if (error)
			return error;
	}
	return 0;
}

void meta_mark_merge(struct format_mark *mark, const struct format_mark *more)
{
	struct format_mark old = *more;

	if (more->generation > mark->generation) {
		old = *mark;
		*mark = *more;
	}
	if (old.generation < mark->generation) {
		/* Since it was told, the log was cut back to the fork. */
		if (old.durable > mark->fork)
			old.durable = mark->fork;
		if (old.durable_index > mark->fork_index)
			old.durable_index = mark->fork_index;
	}
	if (old.durable > mark->durable)
		mark->durable = old.durable;
	if (old.durable_index > mark->durable_index)
		mark->durable_index = old.durable_index;
}

int meta_state_save(struct store *store, const struct format_mark *mark)
{
	struct format_slot slot = {
		.kind = FORMAT_STATE,
		.seq = store->state_seq + 1,
		.mark = *mark,
		.state = store->state,
	};
	int error = meta_pair_save(store, &slot, store->log_block);

	if (!error)
		store->state_seq++;
	return error;
}

int meta_checkpoint_save(struct store *store,
			 const struct store_checkpoint *checkpoint,
			 const struct format_base *base,
			 const struct format_mark *mark)
{
	struct format_slot slot = {
		.kind = FORMAT_CHECKPOINT,
		.seq = store->checkpoint_seq + 1,
		.mark = *mark,
		.checkpoint = *checkpoint,
		.base = *base,
	};
	int error;

	slot.state.term = checkpoint->applied_term;
	error = meta_pair_save(store, &slot, store->image_block);
	if (!error)
		store->checkpoint_seq++;
	return error;
}

int store_state_save(struct store *store, const struct raft_hard_state *state)
{
	struct format_mark mark;
	int error = store_usable(store);

	if (error)
		return error;
	mark = store->log.mark;
	store->state = *state;
	error = meta_state_save(store, &mark);
	if (!error)
		store->noted = mark.durable;
	return error;
}

int store_log_note(struct store *store)
{
	struct format_slot slot = { .kind = FORMAT_NOTE };
	int error = store_usable(store);

	if (error)
		return error;
	pthread_mutex_lock(&store->lock); /* appends may be under way */
	slot.mark = store->log.mark;
	pthread_mutex_unlock(&store->lock);
	slot.state.term = store->state.term;
	if (slot.mark.durable == store->noted)
		return 0;
	slot.state_seq = store->state_seq;
	slot.seq = store->note_seq + 1;
	slot.which = slot.seq % 2;
	error = slot_write(store, &slot, store->log_block);
	if (!error)
		error = store_sync_log(store);
	if (!error) {
		store->note_seq++;
		store->noted = slot.mark.durable;
	}
	return error;
}
