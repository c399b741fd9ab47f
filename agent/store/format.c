// SPDX-License-Identifier: GPL-2.0
/*
 * See format.h, for the layout and the rules.  Nothing here trusts a
 * byte before its checksum, nor a value after it.
 */
#include "store/format.h"

#include <string.h>

#include "base/crc.h"
#include "store/format_bytes.h"

#define PAST_AT 220
#define KNOWN_BYTES 28

static const uint8_t slot_magic[8] = "QBDSLOT1";
static const uint8_t record_magic[4] = "QREC";

#define RECORD_COVERED 8

#define STATE_JOINED 1U
#define STATE_DAMAGED 2U
#define CHECKPOINT_INCOMPLETE 1U
#define CHECKPOINT_WITNESS 2U
#define RECORD_BARE 1U

static void put_members(uint8_t *at, const struct raft_members *members)
{
	unsigned int i;

	for (i = 0; i < RAFT_MEMBERS_MAX; i++)
		put16(at + 2 * i, members->ids[i]);
	put16(at + 2 * RAFT_MEMBERS_MAX, members->roles);
}

static void get_members(const uint8_t *at, struct raft_members *members)
{
	unsigned int i;

	for (i = 0; i < RAFT_MEMBERS_MAX; i++)
		members->ids[i] = get16(at + 2 * i);
	members->roles = get16(at + 2 * RAFT_MEMBERS_MAX);
}

static void put_standing(uint8_t *at, const struct raft_standing *standing)
{
	put64(at, standing->epoch);
	put64(at + 8, standing->tag);
	put32(at + 16, standing->writer);
	put_members(at + 20, &standing->members);
	put64(at + 36, standing->chain);
}

static void get_standing(const uint8_t *at, struct raft_standing *standing)
{
	standing->epoch = get64(at);
	standing->tag = get64(at + 8);
	standing->writer = get32(at + 16);
	get_members(at + 20, &standing->members);
	standing->chain = get64(at + 36);
}

static void put_past(uint8_t *at, const struct raft_past *past)
{
	unsigned int i;

	put32(at, past->number);
	for (i = 0; i < RAFT_PAST_LIVES; i++)
		put32(at + 4 + 4 * i, past->nonces[i]);
	at += 4 + 4 * RAFT_PAST_LIVES;
	for (i = 0; i < RAFT_MEMBERS_MAX; i++, at += KNOWN_BYTES) {
		const struct raft_known *known = &past->known[i];

		put32(at, known->id);
		put32(at + 4, known->life.number);
		put32(at + 8, known->life.nonce);
		put64(at + 12, known->term);
		put64(at + 20, known->index);
	}
}

static void get_past(const uint8_t *at, struct raft_past *past)
{
	unsigned int i;

	past->number = get32(at);
	for (i = 0; i < RAFT_PAST_LIVES; i++)
		past->nonces[i] = get32(at + 4 + 4 * i);
	at += 4 + 4 * RAFT_PAST_LIVES;
	for (i = 0; i < RAFT_MEMBERS_MAX; i++, at += KNOWN_BYTES) {
		struct raft_known *known = &past->known[i];

		known->id = get32(at);
		known->life.number = get32(at + 4);
		known->life.nonce = get32(at + 8);
		known->term = get64(at + 12);
		known->index = get64(at + 20);
	}
}

void format_slot_encode(const struct store_identity *identity,
			const struct format_slot *slot, uint8_t *bytes)
{
	const struct store_checkpoint *checkpoint = &slot->checkpoint;

	memset(bytes, 0, FORMAT_META_BYTES);
	memcpy(bytes, slot_magic, sizeof(slot_magic));
	put16(bytes + 12, FORMAT_VERSION);
	put16(bytes + 14, slot->kind);
	memcpy(bytes + 16, identity->volume_id, STORE_ID_BYTES);
	put32(bytes + 32, identity->node_id);
	put32(bytes + 36, slot->which);
	put64(bytes + 40, slot->seq);
	put64(bytes + 48, slot->mark.generation);
	put64(bytes + 56, slot->mark.fork);
	put64(bytes + 64, slot->mark.fork_index);
	put64(bytes + 72, slot->mark.durable);
	put64(bytes + 80, slot->mark.durable_index);
	put64(bytes + 88, slot->state.term);
	if (slot->kind == FORMAT_STATE) {
		put32(bytes + 96, slot->state.vote);
		put32(bytes + 100,
		      (slot->state.joined ? STATE_JOINED : 0) |
			      (slot->state.damaged ? STATE_DAMAGED : 0));
		put32(bytes + 216, slot->state.promise_us);
		put_past(bytes + PAST_AT, &slot->state.past);
	}
	if (slot->kind == FORMAT_CHECKPOINT) {
		put64(bytes + 104, checkpoint->applied);
		put64(bytes + 112, checkpoint->applied_term);
		put32(bytes + 120,
		      (checkpoint->incomplete ? CHECKPOINT_INCOMPLETE : 0) |
			      (checkpoint->witness ? CHECKPOINT_WITNESS : 0));
		put32(bytes + 124, slot->base.chain);
		put64(bytes + 128, slot->base.start);
		put64(bytes + 136, slot->base.index);
		put64(bytes + 144, slot->base.term);
		put_standing(bytes + 152, &checkpoint->standing);
	}
	if (slot->kind == FORMAT_NOTE)
		put64(bytes + 104, slot->state_seq);
	put32(bytes + FORMAT_META_CRC, format_meta_crc(bytes));
}

static bool slot_possible(const struct format_slot *slot, uint32_t align)
{
	const struct format_mark *mark = &slot->mark;
	const struct format_base *base = &slot->base;
	const uint64_t numbers[] = {
		slot->seq,
		slot->state_seq,
		slot->state.term,
		mark->generation,
		mark->durable,
		mark->fork_index,
		mark->durable_index,
		base->start,
		slot->checkpoint.applied,
		slot->checkpoint.applied_term,
	};
	unsigned int i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i] >= FORMAT_NUMBER_MAX)
			return false;
	if (raft_members_said(&slot->checkpoint.standing.members) &&
	    raft_members_check(&slot->checkpoint.standing.members))
		return false;
	return slot->state.promise_us <= RAFT_PROMISE_MAX_US &&
	       mark->fork <= mark->durable && base->start % align == 0 &&
	       base->index <= slot->checkpoint.applied &&
	       base->term <= slot->checkpoint.applied_term;
}

bool format_slot_decode(const struct store_identity *identity,
			enum format_kind kind, unsigned int which,
			uint32_t align, const uint8_t *bytes,
			struct format_slot *slot)
{
	struct store_checkpoint *checkpoint = &slot->checkpoint;
	uint32_t state_flags, checkpoint_flags;

	if (memcmp(bytes, slot_magic, sizeof(slot_magic)) != 0 ||
	    get32(bytes + FORMAT_META_CRC) != format_meta_crc(bytes) ||
	    get16(bytes + 12) != FORMAT_VERSION || get16(bytes + 14) != kind ||
	    memcmp(bytes + 16, identity->volume_id, STORE_ID_BYTES) != 0 ||
	    get32(bytes + 32) != identity->node_id ||
	    get32(bytes + 36) != which)
		return false;
	memset(slot, 0, sizeof(*slot));
	slot->kind = kind;
	slot->which = which;
	slot->seq = get64(bytes + 40);
	slot->mark.generation = get64(bytes + 48);
	slot->mark.fork = get64(bytes + 56);
	slot->mark.fork_index = get64(bytes + 64);
	slot->mark.durable = get64(bytes + 72);
	slot->mark.durable_index = get64(bytes + 80);
	slot->state.term = get64(bytes + 88);
	slot->state.vote = get32(bytes + 96);
	state_flags = get32(bytes + 100);
	slot->state.joined = state_flags & STATE_JOINED;
	slot->state.damaged = state_flags & STATE_DAMAGED;
	get_past(bytes + PAST_AT, &slot->state.past);
	if (kind == FORMAT_NOTE)
		slot->state_seq = get64(bytes + 104);
	else
		checkpoint->applied = get64(bytes + 104);
	checkpoint->applied_term = get64(bytes + 112);
	checkpoint_flags = get32(bytes + 120);
	checkpoint->incomplete = checkpoint_flags & CHECKPOINT_INCOMPLETE;
	checkpoint->witness = checkpoint_flags & CHECKPOINT_WITNESS;
	slot->base.chain = get32(bytes + 124);
	slot->base.start = get64(bytes + 128);
	slot->base.index = get64(bytes + 136);
	slot->base.term = get64(bytes + 144);
	get_standing(bytes + 152, &checkpoint->standing);
	slot->state.promise_us = get32(bytes + 216);
	return !(state_flags & ~(STATE_JOINED | STATE_DAMAGED)) &&
	       !(checkpoint_flags &
		 ~(CHECKPOINT_INCOMPLETE | CHECKPOINT_WITNESS)) &&
	       slot_possible(slot, align);
}

void format_record_encode(const struct store_identity *identity,
			  struct format_record *record, uint8_t *bytes)
{
	const struct raft_entry *entry = &record->entry;

	memset(bytes, 0, FORMAT_RECORD_HEAD);
	memcpy(bytes, record_magic, sizeof(record_magic));
	memcpy(bytes + 8, identity->volume_id, STORE_ID_BYTES);
	put32(bytes + 24, identity->node_id);
	put16(bytes + 28, FORMAT_VERSION);
	put16(bytes + 30, entry->op);
	put64(bytes + 32, record->position);
	put64(bytes + 40, record->generation);
	put64(bytes + 48, record->durable);
	put64(bytes + 56, record->durable_index);
	put64(bytes + 64, entry->index);
	put64(bytes + 72, entry->term);
	put64(bytes + 80, record->prev_term);
	put64(bytes + 88, entry->offset);
	put32(bytes + 96, entry->length);
	put32(bytes + 100, entry->data_crc);
	put32(bytes + 104, record->chain);
	put16(bytes + 108, entry->bare ? RECORD_BARE : 0);
	put_standing(bytes + 112, &entry->standing);
	record->crc = base_crc32c(0, bytes + RECORD_COVERED,
				  FORMAT_RECORD_HEAD - RECORD_COVERED);
	put32(bytes + 4, record->crc);
}

bool format_record_decode(const struct store_identity *identity,
			  uint64_t position, const uint8_t *bytes,
			  struct format_record *record)
{
	struct raft_entry *entry = &record->entry;
	uint16_t bits;

	if (memcmp(bytes, record_magic, sizeof(record_magic)) != 0 ||
	    get64(bytes + 32) != position)
		return false;
	memset(record, 0, sizeof(*record));
	record->crc = get32(bytes + 4);
	if (record->crc != base_crc32c(0, bytes + RECORD_COVERED,
				       FORMAT_RECORD_HEAD - RECORD_COVERED) ||
	    memcmp(bytes + 8, identity->volume_id, STORE_ID_BYTES) != 0 ||
	    get32(bytes + 24) != identity->node_id ||
	    get16(bytes + 28) != FORMAT_VERSION)
		return false;
	entry->op = get16(bytes + 30);
	record->position = position;
	record->generation = get64(bytes + 40);
	record->durable = get64(bytes + 48);
	record->durable_index = get64(bytes + 56);
	entry->index = get64(bytes + 64);
	entry->term = get64(bytes + 72);
	record->prev_term = get64(bytes + 80);
	entry->offset = get64(bytes + 88);
	entry->length = get32(bytes + 96);
	entry->data_crc = get32(bytes + 100);
	record->chain = get32(bytes + 104);
	bits = get16(bytes + 108);
	get_standing(bytes + 112, &entry->standing);
	entry->bare = bits & RECORD_BARE;
	return !(bits & ~RECORD_BARE) && position < FORMAT_NUMBER_MAX &&
	       record->durable <= position &&
	       record->generation < FORMAT_NUMBER_MAX &&
	       entry->index < FORMAT_NUMBER_MAX &&
	       entry->term < FORMAT_NUMBER_MAX &&
	       record->durable_index < entry->index &&
	       record->prev_term <= entry->term &&
	       !format_entry_check(identity, entry, NULL);
}

uint64_t format_record_position(const uint8_t *bytes)
{
	return get64(bytes + 32);
}

bool format_data_good(const struct raft_entry *entry, const uint8_t *data)
{
	return entry->bare ||
	       base_crc32c(0, data, raft_entry_data_bytes(entry)) ==
		       entry->data_crc;
}

const char *format_entry_check(const struct store_identity *identity,
			       const struct raft_entry *entry,
			       const struct raft_entry *before)
{
	const char *wrong =
		raft_entry_check(entry, before, identity->volume_bytes);

	if (wrong)
		return wrong;
	if (entry->length &&
	    (entry->offset | entry->length) & (identity->block_size - 1))
		return "range not aligned to the volume's blocks";
	return NULL;
}

uint64_t store_record_bytes(const struct raft_entry *entry, uint32_t align)
{
	return format_round_up(FORMAT_RECORD_HEAD, align) +
	       format_round_up(raft_entry_data_bytes(entry), align);
}
