/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * One spoiled place on a disk whose log was noted as durable: recovery must say
 * exactly which entry is lost, or show that nobody needs it.
 *
 * STORE_SEED=N begins with that case, STORE_CASES=N runs that many.
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "store/format.h"
#include "tap.h"

enum spoil { FLIP, ZERO, UNREADABLE, FOREIGN, SPOILS };

struct shape {
	uint64_t position; /* of its record */
	uint64_t bytes;
};

static struct store_identity identity;
static struct format_layout layout;
static struct disk *good, *bad;
static struct store *store;
static struct store_boot boot;
static uint64_t applied, base, last;
static struct shape shapes[4096]; /* by index */
static uint64_t seed;

#define need(condition)                                                 \
	do {                                                            \
		if (!tap_check(condition)) {                            \
			printf("# STORE_SEED=%" PRIu64 " (%s)\n", seed, \
			       boot.damage);                            \
			return false;                                   \
		}                                                       \
	} while (0)

static void shut(void)
{
	if (!store)
		return;
	store_close(store);
	store_boot_free(&boot);
	store = NULL;
}

static bool open_on(struct disk *disk, bool read_only)
{
	struct base_error error = { 0 };

	shut();
	if (store_open(disk_io(disk), &identity, read_only, &store, &boot,
		       &error) == 0)
		return true;
	printf("# %s\n", error.text);
	return false;
}

/* (base, last] noted as durable, over a ring that has seen a few laps. */
static bool build(uint32_t align, bool all_applied)
{
	struct store_checkpoint checkpoint = { 0 };
	struct raft_hard_state state = { .term = 9, .vote = 2, .joined = true };
	uint64_t rounds = 2 + seed % 6, next = 1, i;
	struct raft_entry *entry;
	int error;

	good = disk_new(rig_disk_bytes(), align, seed);
	bad = disk_new(rig_disk_bytes(), align, seed + 1);
	identity = rig_identity(align);
	rig_layout(&identity, rig_disk_bytes(), &layout);
	need(store_format(disk_io(good), &identity, false, NULL, NULL, NULL) ==
	     0);
	need(open_on(good, false));
	need(store_state_save(store, &state) == 0);
	for (applied = 0; rounds; rounds--) {
		for (i = 0; i < 10 + seed % 8; i++, next++) {
			entry = rig_entry(&identity, next, 1 + next / 40);
			error = store_log_append(store, &entry, 1);
			raft_entry_put(entry);
			if (error == -ENOSPC)
				break;
			need(error == 0);
			if (i % 4 == 0)
				need(store_log_sync(store) == 0);
		}
		if (rounds > 1 || all_applied)
			applied = next - 1;
		else if (applied + 5 < next - 1)
			applied = next - 6;
		checkpoint.applied = applied;
		checkpoint.applied_term = 1 + applied / 40;
		need(store_checkpoint(store, &checkpoint, &base) == 0);
	}
	last = next - 1;
	need(store_log_sync(store) == 0);
	need(store_log_note(store) == 0);
	disk_crash(good, DISK_CRASH_LOSE_ALL);
	return true;
}

static bool measure(void)
{
	uint8_t *bytes = disk_bytes(good);
	struct format_slot slot;
	uint64_t i, position;

	need(format_slot_decode(&identity, FORMAT_CHECKPOINT, 0,
				disk_io(good)->align,
				bytes + layout.checkpoint[0], &slot));
	position = slot.base.start;
	need(open_on(good, true));
	need(boot.base_index == base && boot.last_index == last);
	for (i = base + 1; i <= last; i++) {
		shapes[i].position = position;
		shapes[i].bytes = store_record_bytes(boot.entries[i - base - 1],
						     disk_io(good)->align);
		position += shapes[i].bytes;
	}
	shut();
	return true;
}

/* Which entry is touched by spoiling that range of the ring? 0: none */
static uint64_t touched(uint64_t offset, uint64_t size)
{
	uint32_t align = disk_io(good)->align;
	uint64_t i, at, in;

	for (i = base + 1; i <= last; i++) {
		at = layout.ring + shapes[i].position % layout.ring_bytes;
		for (in = 0; in < shapes[i].bytes; in += DISK_SECTOR) {
			uint64_t begin = at + in;

			if (begin >= layout.end)
				begin -= layout.ring_bytes;
			if (offset + size <= begin ||
			    offset >= begin + DISK_SECTOR)
				continue;
			if (in >= align) /* payload */
				return i;
			if (in == 0 && offset < begin + FORMAT_RECORD_HEAD)
				return i;
		}
	}
	return 0;
}

static uint64_t spoil_ring(enum spoil kind)
{
	uint32_t align = disk_io(good)->align;
	uint64_t offset = layout.ring +
			  disk_random(good, layout.ring_bytes / align) * align;
	uint64_t other;

	switch (kind) {
	case FLIP:
		offset += disk_random(good, align);
		disk_flip(bad, offset, (uint8_t)(1U << disk_random(good, 8)));
		return touched(offset, 1);
	case UNREADABLE:
		disk_unreadable(bad, offset);
		return touched(offset, align);
	case ZERO:
		memset(disk_bytes(bad) + offset, 0, align);
		break;
	default:
		other = layout.ring +
			disk_random(good, layout.ring_bytes / align) * align;
		memcpy(disk_bytes(bad) + offset, disk_bytes(good) + other,
		       align);
		break;
	}
	if (memcmp(disk_bytes(bad) + offset, disk_bytes(good) + offset,
		   align) == 0)
		return 0;
	disk_refresh(bad);
	return touched(offset, align);
}

static bool entries_read_back(uint64_t first, uint64_t end)
{
	struct raft_entry *entry;
	uint64_t i;

	for (i = first; i <= end; i++) {
		need(rig_is(&identity, boot.entries[i - boot.base_index - 1],
			    false));
		need(store_log_read(store, i, &entry) == 0);
		need(rig_is(&identity, entry, true));
		raft_entry_put(entry);
	}
	return true;
}

static bool judge(uint64_t hit)
{
	need(boot.state.term == 9 && boot.state.vote == 2);
	need(boot.checkpoint.applied == applied);
	if (hit > applied) {
		need(boot.state.damaged && boot.damage[0]);
		need(boot.last_index == hit - 1 && boot.base_index == base);
	} else {
		need(!boot.state.damaged && !boot.damage[0]);
		need(boot.last_index == last);
		need(boot.base_index == (hit ? hit : base));
		need(boot.base_term == (boot.base_index + 40) / 40);
	}
	return entries_read_back(boot.base_index + 1, boot.last_index);
}

static bool one_spoiled_place(enum spoil kind)
{
	uint64_t hit;

	disk_copy(bad, good);
	hit = spoil_ring(kind);
	need(open_on(bad, true));
	if (!judge(hit))
		return false;
	need(open_on(bad, false));
	if (!judge(hit))
		return false;
	/* What recovery wrote doesn't change the verdict. */
	need(open_on(bad, false));
	return judge(hit);
}

static bool many(enum spoil kind)
{
	const char *text = getenv("STORE_SEED");
	uint64_t first = text ? strtoull(text, NULL, 10) : 1, count = 8, i;
	bool fine = true;

	text = getenv("STORE_CASES");
	if (text)
		count = strtoull(text, NULL, 10);
	for (seed = first; fine && seed < first + count; seed++) {
		fine = build(seed % 3 ? 512 : 4096, seed % 4 == 0) && measure();
		for (i = 0; fine && i < 40; i++)
			fine = one_spoiled_place(kind);
		shut();
		disk_free(good);
		disk_free(bad);
	}
	return fine;
}

static void flipped_bit_in_the_log_is_told_or_harmless(void)
{
	many(FLIP);
}

static void zeroed_sector_in_the_log_is_told_or_harmless(void)
{
	many(ZERO);
}

static void unreadable_sector_in_the_log_is_told_or_harmless(void)
{
	many(UNREADABLE);
}

static void foreign_sector_in_the_log_is_told_or_harmless(void)
{
	many(FOREIGN);
}

static bool spoil_slot(uint64_t offset)
{
	disk_flip(bad, offset + disk_random(good, FORMAT_META_BYTES),
		  (uint8_t)(1U << disk_random(good, 8)));
	return true;
}

static void slots_case(void)
{
	const uint64_t *pairs[] = { layout.state, layout.checkpoint,
				    layout.note };
	unsigned int kind, i, n;

	for (kind = 0; kind < 3; kind++) {
		for (i = 0; i < 2; i++) {
			for (n = 0; n < 10; n++) {
				disk_copy(bad, good);
				spoil_slot(pairs[kind][i]);
				tap_need(open_on(bad, n % 2) && judge(0));
				if (n % 2)
					continue;
				/* It was made good: now the other may go. */
				shut();
				disk_crash(bad, DISK_CRASH_LOSE_ALL);
				spoil_slot(pairs[kind][!i]);
				tap_need(open_on(bad, false) && judge(0));
			}
		}
	}
}

static void one_bad_slot_changes_nothing(void)
{
	seed = 5;
	if (build(512, false) && measure())
		slots_case();
	shut();
	disk_free(good);
	disk_free(bad);
}

static void fill_again(void)
{
	struct store_checkpoint from = { .applied = 3, .applied_term = 1 };
	struct raft_hard_state state = { .term = 10, .joined = true };
	struct raft_entry *entry = rig_entry(&identity, 4, 10);

	tap_check_eq(store_log_reset(store, &from), 0);
	tap_check_eq(store_state_save(store, &state), 0);
	tap_check_eq(store_log_append(store, &entry, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	raft_entry_put(entry);
	tap_need(open_on(bad, false));
	tap_check(!boot.state.damaged);
	tap_check_eq(boot.state.term, 10);
	tap_check_eq(boot.base_index, 3);
	tap_check_eq(boot.last_index, 4);
	tap_check(boot.checkpoint.incomplete);
}

static void lost_vote_is_damage(void)
{
	seed = 6;
	tap_need(build(512, false) && measure());
	disk_copy(bad, good);
	spoil_slot(layout.state[0]);
	spoil_slot(layout.state[1]);
	tap_need(open_on(bad, false));
	tap_check(boot.state.damaged && boot.state.joined && boot.damage[0]);
	/* The other slots still know the term. */
	tap_check_eq(boot.state.term, 9);
	tap_check_eq(boot.state.vote, 0);
	tap_check_eq(boot.last_index, last);
	tap_need(entries_read_back(boot.base_index + 1, last));
	/* A save that claims nothing happened would be the caller's; reopening
	 * without one doesn't forget. */
	tap_need(open_on(bad, false));
	tap_check(boot.state.damaged);
	fill_again();
	shut();
	disk_free(good);
	disk_free(bad);
}

static void lost_checkpoint_is_damage(void)
{
	seed = 7;
	tap_need(build(4096, false) && measure());
	disk_copy(bad, good);
	spoil_slot(layout.checkpoint[0]);
	spoil_slot(layout.checkpoint[1]);
	tap_need(open_on(bad, false));
	tap_check(boot.state.damaged && boot.damage[0]);
	tap_check(boot.checkpoint.incomplete);
	tap_check_eq(boot.last_index, 0);
	tap_check_eq(boot.state.term, 9);
	tap_check_eq(boot.state.vote, 2);
	tap_need(open_on(bad, false));
	tap_check(boot.state.damaged);
	fill_again();
	shut();
	disk_free(good);
	disk_free(bad);
}

/* The documented limit: the last batch, and nothing written after it. */
static void rot_of_a_tail_nobody_noted_looks_torn(void)
{
	struct raft_entry *entry;
	uint64_t at;

	seed = 8;
	tap_need(build(512, true) && measure());
	at = shapes[last].position + shapes[last].bytes;
	tap_need(open_on(good, false));
	entry = rig_entry(&identity, last + 1, 99);
	tap_check_eq(store_log_append(store, &entry, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	raft_entry_put(entry);
	shut();
	disk_copy(bad, good);
	disk_flip(bad, layout.ring + at % layout.ring_bytes + 64, 1);
	tap_need(open_on(bad, false));
	tap_check(!boot.state.damaged);
	tap_check_eq(boot.last_index, last);
	/* With the note it is damage. */
	tap_need(open_on(good, false));
	tap_check_eq(store_log_note(store), 0);
	shut();
	disk_copy(bad, good);
	disk_flip(bad, layout.ring + at % layout.ring_bytes + 64, 1);
	tap_need(open_on(bad, false));
	tap_check(boot.state.damaged);
	tap_check_eq(boot.last_index, last);
	shut();
	disk_free(good);
	disk_free(bad);
}

static void later_record_proves_an_earlier_one(void)
{
	struct raft_entry *entries[2];
	uint64_t at;

	seed = 10;
	tap_need(build(512, true) && measure());
	at = shapes[last].position + shapes[last].bytes;
	tap_need(open_on(good, false));
	entries[0] = rig_entry(&identity, last + 1, 99);
	entries[1] = rig_entry(&identity, last + 2, 99);
	tap_check_eq(store_log_append(store, &entries[0], 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_check_eq(store_log_append(store, &entries[1], 1), 0);
	raft_entry_put(entries[0]);
	raft_entry_put(entries[1]);
	shut();
	disk_crash(good, DISK_CRASH_KEEP_ALL);
	disk_copy(bad, good);
	disk_flip(bad, layout.ring + at % layout.ring_bytes + 64, 1);
	tap_need(open_on(bad, true));
	tap_check(boot.state.damaged);
	tap_check_eq(boot.last_index, last);
	shut();
	disk_free(good);
	disk_free(bad);
}

static void reading_a_rotten_entry_is_not_final(void)
{
	struct raft_entry *entry;
	uint64_t offset;

	seed = 9;
	tap_need(build(512, false) && measure());
	tap_need(open_on(good, false));
	offset = layout.ring + shapes[last].position % layout.ring_bytes;
	disk_flip(good, offset + 100, 4);
	tap_check_eq(store_log_read(store, last, &entry), -EBADMSG);
	disk_flip(good, offset + 100, 4);
	tap_check_eq(store_log_read(store, last, &entry), 0);
	raft_entry_put(entry);
	disk_unreadable(good, offset);
	tap_check_eq(store_log_read(store, last, &entry), -EIO);
	tap_check_eq(store_log_read(store, last + 1, &entry), -ENOENT);
	tap_check_eq(store_log_read(store, base, &entry), -ENOENT);
	tap_check_eq(store_log_sync(store), 0);
	tap_check_str(store_failure(store), "");
	shut();
	disk_free(good);
	disk_free(bad);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(flipped_bit_in_the_log_is_told_or_harmless),
		TAP_TEST(zeroed_sector_in_the_log_is_told_or_harmless),
		TAP_TEST(unreadable_sector_in_the_log_is_told_or_harmless),
		TAP_TEST(foreign_sector_in_the_log_is_told_or_harmless),
		TAP_TEST(one_bad_slot_changes_nothing),
		TAP_TEST(lost_vote_is_damage),
		TAP_TEST(lost_checkpoint_is_damage),
		TAP_TEST(rot_of_a_tail_nobody_noted_looks_torn),
		TAP_TEST(later_record_proves_an_earlier_one),
		TAP_TEST(reading_a_rotten_entry_is_not_final),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
