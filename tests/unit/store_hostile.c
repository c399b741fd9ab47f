/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * Disks that lie behind good checksums, and plain garbage: whatever recovery
 * makes of them, it stays inside its bounds, and what follows works.
 *
 * STORE_CASES=N runs that many.
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "store/format.h"
#include "tap.h"

static struct store_identity identity;
static struct format_layout layout;
static struct disk *good, *bad;
static struct store *store;
static struct store_boot boot;
static uint64_t opened, refused;

static void shut(void)
{
	if (!store)
		return;
	store_close(store);
	store_boot_free(&boot);
	store = NULL;
}

static int open_on(struct disk *disk, bool read_only)
{
	struct base_error error;

	shut();
	return store_open(disk_io(disk), &identity, read_only, &store, &boot,
			  &error);
}

static uint64_t last_term(void)
{
	return boot.last_index > boot.base_index ?
		       boot.entries[boot.last_index - boot.base_index - 1]
			       ->term :
		       boot.base_term;
}

static int append(uint64_t index, uint64_t term)
{
	struct raft_entry *entry = raft_entry_new();
	int error;

	entry->index = index;
	raft_members_set(&entry->standing.members, 1, RAFT_MEMBER_VOTER);
	entry->term = term ? term : 1;
	entry->op = RAFT_OP_NOOP;
	error = store_log_append(store, &entry, 1);
	raft_entry_put(entry);
	return error;
}

static void build(void)
{
	struct store_checkpoint checkpoint = { .applied_term = 1 };
	struct raft_hard_state state = { .term = 2, .vote = 1, .joined = true };
	struct raft_entry *entry;
	uint64_t index, base;

	good = disk_new(rig_disk_bytes(), 512, 1);
	bad = disk_new(rig_disk_bytes(), 512, 2);
	identity = rig_identity(512);
	rig_layout(&identity, rig_disk_bytes(), &layout);
	store_format(disk_io(good), &identity, false, NULL, NULL, NULL);
	open_on(good, false);
	for (index = 1; index <= 70; index++) {
		entry = rig_entry(&identity, index, 1);
		if (store_log_append(store, &entry, 1) == -ENOSPC) {
			checkpoint.applied = index - 1;
			store_checkpoint(store, &checkpoint, &base);
			store_log_append(store, &entry, 1);
		}
		raft_entry_put(entry);
		if (index % 9 == 0)
			store_log_sync(store);
	}
	store_state_save(store, &state);
	store_log_truncate(store, 66);
	append(66, 2);
	store_log_sync(store);
	store_log_note(store);
	shut();
	disk_crash(good, DISK_CRASH_KEEP_ALL);
}

/* A number that a check may have forgotten. */
static void spoil(void *field, size_t size)
{
	static const uint64_t odd[] = {
		0,	    1,		2,	    511,
		512,	    65536,	1ULL << 31, UINT32_MAX,
		1ULL << 62, UINT64_MAX, 1ULL << 63, UINT64_MAX - 511,
	};
	uint64_t value = 0;

	memcpy(&value, field, size);
	switch (disk_random(good, 3)) {
	case 0:
		value = odd[disk_random(good, 12)];
		break;
	case 1:
		value += disk_random(good, 2048) - 1024;
		break;
	default:
		value ^= 1ULL << disk_random(good, 8 * size);
		break;
	}
	/* Just below the bound our own next save would be beyond it. */
	if (value < FORMAT_NUMBER_MAX &&
	    value > FORMAT_NUMBER_MAX - 64 * RIG_LOG_BYTES)
		value = 0;
	memcpy(field, &value, size);
}

static void spoil_slot(void)
{
	const uint64_t *pairs[] = { layout.state, layout.checkpoint,
				    layout.note };
	unsigned int kind = (unsigned int)disk_random(good, 3);
	unsigned int i = (unsigned int)disk_random(good, 2);
	struct format_slot slot;
	uint64_t *numbers[] = {
		&slot.seq,
		&slot.mark.generation,
		&slot.mark.fork,
		&slot.mark.fork_index,
		&slot.mark.durable,
		&slot.mark.durable_index,
		&slot.state.term,
		&slot.checkpoint.applied,
		&slot.checkpoint.applied_term,
		&slot.base.start,
		&slot.base.index,
		&slot.base.term,
	};

	if (!format_slot_decode(&identity, (enum format_kind)(kind + 1), i, 512,
				disk_bytes(bad) + pairs[kind][i], &slot))
		return;
	spoil(numbers[disk_random(good, 12)], 8);
	format_slot_encode(&identity, &slot, disk_bytes(bad) + pairs[kind][i]);
	/* The pair agrees on the lie, more often than not. */
	if (disk_random(good, 3)) {
		slot.which = !i;
		format_slot_encode(&identity, &slot,
				   disk_bytes(bad) + pairs[kind][!i]);
	}
}

static void spoil_record(void)
{
	struct format_record record;
	uint64_t *numbers[] = {
		&record.generation,   &record.durable,
		&record.position,     &record.durable_index,
		&record.prev_term,    &record.entry.index,
		&record.entry.term,   &record.entry.standing.epoch,
		&record.entry.offset,
	};
	uint8_t *at;
	unsigned int tries;

	for (tries = 0; tries < 2000; tries++) {
		at = disk_bytes(bad) + layout.ring +
		     disk_random(good, layout.ring_bytes / 512) * 512;
		if (!format_record_decode(&identity, format_record_position(at),
					  at, &record))
			continue;
		switch (disk_random(good, 12)) {
		case 0:
			spoil(&record.entry.length, 4);
			break;
		case 1:
			spoil(&record.entry.op, 2);
			break;
		case 2:
			spoil(&record.entry.data_crc, 4);
			break;
		default:
			spoil(numbers[disk_random(good, 9)], 8);
			break;
		}
		format_record_encode(&identity, &record, at);
		return;
	}
}

static void spoil_plainly(void)
{
	uint64_t from = layout.super[0], size, i;

	from += disk_random(good, layout.end - from);
	size = 1 + disk_random(good, 3000);
	for (i = from; i < from + size && i < layout.end; i++)
		disk_bytes(bad)[i] = (uint8_t)disk_random(good, 256);
}

static bool life_goes_on(void)
{
	struct store_checkpoint checkpoint = boot.checkpoint;
	struct raft_entry *entry;
	uint64_t i, base;

	for (i = boot.base_index + 1; i <= boot.last_index; i++)
		if (store_log_read(store, i, &entry) == 0)
			raft_entry_put(entry);
	if (boot.base_index > checkpoint.applied ||
	    checkpoint.applied > boot.last_index)
		return false;
	if (!boot.state.damaged) {
		if (append(boot.last_index + 1, last_term()) ||
		    store_log_sync(store) ||
		    store_checkpoint(store, &checkpoint, &base) ||
		    store_log_truncate(store, boot.last_index + 1))
			return false;
		if (open_on(bad, false) || boot.damage[0])
			return false;
	}
	checkpoint.applied = 5;
	checkpoint.applied_term = 1;
	boot.state.damaged = false;
	boot.state.term = 5;
	return store_log_reset(store, &checkpoint) == 0 &&
	       store_state_save(store, &boot.state) == 0 && append(6, 2) == 0 &&
	       store_log_sync(store) == 0 && open_on(bad, false) == 0 &&
	       !boot.state.damaged && boot.base_index == 5 &&
	       boot.last_index == 6;
}

static bool one_case(uint64_t seed)
{
	unsigned int times = 1 + (unsigned int)(seed % 4);
	bool fine = true;

	disk_copy(bad, good);
	while (times--) {
		switch (disk_random(good, 5)) {
		case 0:
		case 1:
			spoil_slot();
			break;
		case 2:
		case 3:
			spoil_record();
			break;
		default:
			spoil_plainly();
			break;
		}
	}
	disk_refresh(bad);
	if (open_on(bad, seed % 2)) {
		refused++;
		return true;
	}
	opened++;
	if (seed % 2 == 0)
		fine = tap_check(life_goes_on());
	if (!fine)
		printf("# case %" PRIu64 ": %s\n", seed, boot.damage);
	shut();
	return fine;
}

static void lies_stay_inside_bounds(void)
{
	const char *text = getenv("STORE_CASES");
	uint64_t count = text ? strtoull(text, NULL, 10) : 2000, i;

	build();
	for (i = 1; i <= count && one_case(i); i++)
		;
	printf("# %" PRIu64 " opened, %" PRIu64 " refused\n", opened, refused);
	disk_free(good);
	disk_free(bad);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(lies_stay_inside_bounds),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
