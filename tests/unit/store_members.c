/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* Members, and entries without their payload, on disk. */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "store/format.h"
#include "tap.h"

static struct store_identity identity;
static struct store_boot boot;
static struct store *store;
static struct disk *disk;

static void open_again(void)
{
	struct base_error error = { .text = "" };

	if (store) {
		store_close(store);
		store_boot_free(&boot);
	}
	tap_check_eq(store_open(disk_io(disk), &identity, false, &store, &boot,
				&error),
		     0);
}

static void setup(void)
{
	identity = rig_identity(512);
	disk = disk_new(rig_disk_bytes(), 512, 1);
	store_format(disk_io(disk), &identity, false, NULL, NULL, NULL);
	store = NULL;
	open_again();
}

static void teardown(void)
{
	store_close(store);
	store_boot_free(&boot);
	disk_free(disk);
}

/* A WRITE as a witness is sent it. */
static struct raft_entry *bare_entry(uint64_t index)
{
	struct raft_entry *entry = raft_entry_new();

	entry->index = index;
	entry->term = 1;
	entry->op = RAFT_OP_WRITE;
	entry->bare = true;
	entry->length = 65536;
	entry->data_crc = 0x12345678;
	raft_members_set(&entry->standing.members, 1, RAFT_MEMBER_VOTER);
	raft_members_set(&entry->standing.members, 9, RAFT_MEMBER_VOTER);
	raft_members_set(&entry->standing.members, 5, RAFT_MEMBER_WITNESS);
	return entry;
}

static void bare_entry_takes_a_head_and_comes_back_without_data(void)
{
	struct raft_entry *entry, *back;

	setup();
	entry = bare_entry(1);
	tap_check_eq(store_record_bytes(entry, 512), 512);
	tap_check_eq(store_log_append(store, &entry, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	open_again();
	tap_check_eq(boot.last_index, 1);
	tap_check(rig_same_head(entry, boot.entries[0]));
	tap_need(store_log_read(store, 1, &back) == 0);
	tap_check(rig_same_head(entry, back));
	tap_check(!back->data);
	raft_entry_put(back);
	raft_entry_put(entry);
	teardown();
}

static void applying_a_bare_entry_leaves_the_image_alone(void)
{
	static uint8_t image[RIG_VOLUME_BYTES], zeroes[RIG_VOLUME_BYTES];
	struct raft_entry *entry;

	setup();
	entry = bare_entry(1);
	tap_check_eq(store_log_append(store, &entry, 1), 0);
	tap_check_eq(store_apply(store, &entry, 1), 0);
	tap_check_eq(store_image_read(store, 0, image, sizeof(image)), 0);
	tap_check(memcmp(image, zeroes, sizeof(image)) == 0);
	raft_entry_put(entry);
	teardown();
}

static void checkpoint_and_reset_keep_members_and_what_it_was(void)
{
	struct raft_entry *entry = bare_entry(1);
	struct store_checkpoint checkpoint = {
		.applied = 1,
		.applied_term = 1,
		.standing = entry->standing,
		.witness = true,
	};
	uint64_t base;

	setup();
	tap_check_eq(store_log_append(store, &entry, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_check_eq(store_checkpoint(store, &checkpoint, &base), 0);
	open_again();
	tap_check(boot.checkpoint.witness);
	tap_check(!boot.checkpoint.incomplete);
	tap_check(raft_members_equal(&boot.checkpoint.standing.members,
				     &entry->standing.members));
	raft_members_set(&checkpoint.standing.members, 5, RAFT_MEMBER_LEARNER);
	checkpoint.applied = 77;
	checkpoint.witness = false;
	tap_check_eq(store_log_reset(store, &checkpoint), 0);
	open_again();
	tap_check(!boot.checkpoint.witness);
	tap_check(boot.checkpoint.incomplete);
	tap_check(raft_members_equal(&boot.checkpoint.standing.members,
				     &checkpoint.standing.members));
	raft_entry_put(entry);
	teardown();
}

static bool record_passes(const struct raft_members *members, bool bare,
			  uint16_t op)
{
	struct format_record record = { .position = 512 }, back;
	uint8_t bytes[FORMAT_RECORD_HEAD];

	identity = rig_identity(512);
	record.entry.index = 1;
	record.entry.term = 1;
	record.entry.op = op;
	record.entry.bare = bare;
	record.entry.length = op == RAFT_OP_WRITE ? 512 : 0;
	record.entry.standing.members = *members;
	format_record_encode(&identity, &record, bytes);
	return format_record_decode(&identity, 512, bytes, &back);
}

static bool slot_passes(const struct raft_members *members)
{
	struct format_slot slot = { .kind = FORMAT_CHECKPOINT }, back;
	uint8_t bytes[FORMAT_META_BYTES];

	identity = rig_identity(512);
	slot.checkpoint.standing.members = *members;
	format_slot_encode(&identity, &slot, bytes);
	return format_slot_decode(&identity, FORMAT_CHECKPOINT, 0, 512, bytes,
				  &back);
}

/* Checksums are right: they say nothing of who wrote it. */
static void impossible_members_are_no_record_and_no_slot(void)
{
	struct raft_members good = { { 0 }, 0 }, bad;

	raft_members_set(&good, 1, RAFT_MEMBER_VOTER);
	raft_members_set(&good, 2, RAFT_MEMBER_LEARNER);
	tap_check(record_passes(&good, false, RAFT_OP_NOOP));
	tap_check(record_passes(&good, true, RAFT_OP_WRITE));
	tap_check(!record_passes(&good, true, RAFT_OP_NOOP));
	tap_check(slot_passes(&good));
	bad = good;
	bad.ids[0] = 2; /* twice */
	tap_check(!record_passes(&bad, false, RAFT_OP_NOOP));
	tap_check(!slot_passes(&bad));
	bad = good;
	bad.ids[0] = 3; /* not rising */
	tap_check(!record_passes(&bad, false, RAFT_OP_NOOP));
	bad = good;
	bad.roles = 0;
	tap_check(!record_passes(&bad, false, RAFT_OP_NOOP));
	tap_check(!slot_passes(&bad));
	bad = good;
	bad.roles |= 1U << 14;
	tap_check(!record_passes(&bad, false, RAFT_OP_NOOP));
	bad = good;
	bad.ids[6] = 9; /* behind free places */
	tap_check(!record_passes(&bad, false, RAFT_OP_NOOP));
	tap_check(!slot_passes(&bad));
	memset(&bad, 0, sizeof(bad));
	tap_check(!record_passes(&bad, false, RAFT_OP_NOOP));
	tap_check(slot_passes(&bad)); /* before the first entry */
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(bare_entry_takes_a_head_and_comes_back_without_data),
		TAP_TEST(applying_a_bare_entry_leaves_the_image_alone),
		TAP_TEST(checkpoint_and_reset_keep_members_and_what_it_was),
		TAP_TEST(impossible_members_are_no_record_and_no_slot),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
