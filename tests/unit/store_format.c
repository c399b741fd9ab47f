// SPDX-License-Identifier: GPL-2.0
/* What slots and records may not say, behind a good checksum. */
#include <stdlib.h>

#include "store/format.h"
#include "tap.h"
#include "tests/lib/replica.h"

/* A field of the bytes, little-endian, and what to put there. */
struct poke {
	const char *what;
	size_t at;
	size_t size;
	uint64_t value;
};

static struct store_identity identity;

static void poke(uint8_t *bytes, const struct poke *poke)
{
	uint64_t value = htole64(poke->value);

	memcpy(bytes + poke->at, &value, poke->size);
}

static bool slot_good(const uint8_t *bytes, enum format_kind kind)
{
	struct format_slot back;

	return format_slot_decode(&identity, kind, 0, 512, bytes, &back);
}

static void slot_make(enum format_kind kind, uint8_t *bytes)
{
	struct format_slot slot = {
		.kind = kind,
		.seq = 9,
		.mark = { .generation = 2, .fork = 512, .durable = 1024 },
		.state = { .term = 4, .promise_us = 1000 },
		.checkpoint = { .applied = 7, .applied_term = 3 },
		.base = { .start = 512, .index = 6, .term = 2 },
	};

	identity = rig_identity(512);
	format_slot_encode(&identity, &slot, bytes);
}

static void slots_refused(enum format_kind kind, const struct poke *pokes,
			  unsigned int count)
{
	uint8_t bytes[FORMAT_META_BYTES];
	unsigned int i;

	for (i = 0; i < count; i++) {
		slot_make(kind, bytes);
		tap_need(slot_good(bytes, kind));
		poke(bytes, &pokes[i]);
		/* It is the field that is refused, not the checksum. */
		rig_seal(bytes, 8, sizeof(bytes));
		if (!tap_check(!slot_good(bytes, kind)))
			printf("# %s\n", pokes[i].what);
	}
}

static void slot_that_is_not_this_replicas_is_none(void)
{
	static const struct poke pokes[] = {
		{ "magic", 0, 1, 'X' },
		{ "version", 12, 2, FORMAT_VERSION + 1 },
		{ "kind", 14, 2, FORMAT_NOTE },
		{ "volume", 16, 1, 'X' },
		{ "node", 32, 4, 2 },
		{ "which", 36, 4, 1 },
	};
	uint8_t bytes[FORMAT_META_BYTES];

	slots_refused(FORMAT_CHECKPOINT, pokes, TAP_COUNT(pokes));
	slot_make(FORMAT_CHECKPOINT, bytes);
	bytes[104] ^= 1;
	tap_check(!slot_good(bytes, FORMAT_CHECKPOINT));
}

static void slot_that_can_not_be_is_none(void)
{
	static const struct poke checkpoints[] = {
		{ "seq", 40, 8, FORMAT_NUMBER_MAX },
		{ "fork behind durable", 56, 8, 1025 },
		{ "flags", 120, 4, 4 },
		{ "start not aligned", 128, 8, 513 },
		{ "base behind applied", 136, 8, 8 },
		{ "base term above the applied one's", 144, 8, 4 },
	};
	static const struct poke states[] = {
		{ "flags", 100, 4, 4 },
		{ "promise", 216, 4, RAFT_PROMISE_MAX_US + 1ULL },
	};

	slots_refused(FORMAT_CHECKPOINT, checkpoints, TAP_COUNT(checkpoints));
	slots_refused(FORMAT_STATE, states, TAP_COUNT(states));
}

static bool record_good(const uint8_t *bytes, uint64_t position)
{
	struct format_record back;

	return format_record_decode(&identity, position, bytes, &back);
}

static void record_make(uint8_t *bytes)
{
	struct format_record record = {
		.position = 4096,
		.generation = 2,
		.durable = 2048,
		.durable_index = 5,
		.prev_term = 3,
		.entry = { .op = RAFT_OP_NOOP, .index = 7, .term = 3 },
	};

	identity = rig_identity(512);
	raft_members_set(&record.entry.standing.members, 1, RAFT_MEMBER_VOTER);
	format_record_encode(&identity, &record, bytes);
}

static void record_that_can_not_be_is_none(void)
{
	static const struct poke pokes[] = {
		{ "magic", 0, 1, 'X' },
		{ "volume", 8, 1, 'X' },
		{ "node", 24, 4, 2 },
		{ "version", 28, 2, FORMAT_VERSION + 1 },
		{ "op", 30, 2, 99 },
		{ "generation", 40, 8, FORMAT_NUMBER_MAX },
		{ "durable behind itself", 48, 8, 4097 },
		{ "durable index its own", 56, 8, 7 },
		{ "index", 64, 8, FORMAT_NUMBER_MAX },
		{ "term", 72, 8, FORMAT_NUMBER_MAX },
		{ "term before above its own", 80, 8, 4 },
		{ "range of a NOOP", 96, 4, 512 },
		{ "bits", 108, 2, 2 },
	};
	const struct poke far = { "position", 32, 8, FORMAT_NUMBER_MAX };
	uint8_t bytes[FORMAT_RECORD_HEAD];
	unsigned int i;

	for (i = 0; i < TAP_COUNT(pokes); i++) {
		record_make(bytes);
		tap_need(record_good(bytes, 4096));
		tap_check(!record_good(bytes, 8192));
		poke(bytes, &pokes[i]);
		rig_seal(bytes, 4, sizeof(bytes));
		if (!tap_check(!record_good(bytes, 4096)))
			printf("# %s\n", pokes[i].what);
	}
	record_make(bytes);
	poke(bytes, &far);
	rig_seal(bytes, 4, sizeof(bytes));
	tap_check(!record_good(bytes, far.value));
	record_make(bytes);
	bytes[100] ^= 1;
	tap_check(!record_good(bytes, 4096));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(slot_that_is_not_this_replicas_is_none),
		TAP_TEST(slot_that_can_not_be_is_none),
		TAP_TEST(record_that_can_not_be_is_none),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
