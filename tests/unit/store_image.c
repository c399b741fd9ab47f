/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* The data area: entries carried out as one by one would, and copies. */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "store/format.h"
#include "tap.h"

static struct store_identity identity;
static struct disk *disk;
static struct store *store;
static struct store_boot boot;
static uint8_t want[RIG_VOLUME_BYTES], got[RIG_VOLUME_BYTES];

static void setup(uint32_t align, uint64_t seed)
{
	identity = rig_identity(align);
	disk = disk_new(rig_disk_bytes(), align, seed);
	memset(want, 0, sizeof(want));
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  NULL),
		     0);
	tap_check_eq(store_open(disk_io(disk), &identity, false, &store, &boot,
				NULL),
		     0);
	disk_steps_reset(disk);
}

static void teardown(void)
{
	store_close(store);
	store_boot_free(&boot);
	disk_free(disk);
}

static struct raft_entry *make(uint64_t index, uint16_t op, uint64_t offset,
			       uint32_t length)
{
	struct raft_entry *entry = raft_entry_new();

	entry->index = index;
	raft_members_set(&entry->standing.members, 1, RAFT_MEMBER_VOTER);
	entry->term = 1;
	entry->op = op;
	entry->offset = offset;
	entry->length = length;
	if (op == RAFT_OP_WRITE) {
		entry->buf = base_buf_new(length + 8);
		entry->data = entry->buf->data + (index % 2) * 8;
		rig_fill((uint8_t *)(uintptr_t)entry->data, length, index);
		entry->data_crc = base_crc32c(0, entry->data, length);
	}
	return entry;
}

static void put_all(struct raft_entry **entries, unsigned int count)
{
	while (count)
		raft_entry_put(entries[--count]);
}

static bool image_is_wanted(void)
{
	return tap_check_eq(store_image_read(store, 0, got, sizeof(got)), 0) &&
	       tap_check(memcmp(got, want, sizeof(got)) == 0);
}

static void applied_entries_make_the_image_of_their_order(void)
{
	struct raft_entry *entries[40] = { NULL };
	uint64_t seed, index, offset, place;
	unsigned int i, round;

	for (seed = 1; seed <= 60; seed++) {
		setup(seed % 2 ? 512 : 4096, seed);
		index = 1;
		for (round = 0; round < 6; round++) {
			place = disk_random(disk, 3) * 32768;
			for (i = 0; i < 40; i++, index++) {
				uint32_t block = identity.block_size;
				uint32_t length =
					block *
					(1 + (uint32_t)disk_random(disk, 4));

				/* Close together: next to and over others. */
				offset = place + disk_random(disk, 8) * block;
				if (disk_random(disk, 15) == 0) {
					length = 65536;
					offset = 32768;
				}
				entries[i] = make(index,
						  disk_random(disk, 9) ?
							  RAFT_OP_WRITE :
							  RAFT_OP_ZERO,
						  offset, length);
				rig_apply(want, entries[i]);
			}
			tap_check_eq(store_apply(store, entries, 40), 0);
			put_all(entries, 40);
			tap_need(image_is_wanted());
		}
		teardown();
	}
}

static void writes_in_a_row_go_out_as_one(void)
{
	struct raft_entry *entries[32] = { NULL };
	unsigned int i;

	setup(512, 1);
	for (i = 0; i < 32; i++) {
		entries[i] = make(i + 1, RAFT_OP_WRITE, i * 4096, 4096);
		rig_apply(want, entries[i]);
	}
	tap_check_eq(store_apply(store, entries, 32), 0);
	tap_check_eq(disk_steps(disk), 1);
	put_all(entries, 32);
	tap_need(image_is_wanted());
	teardown();
}

static void entries_without_data_are_read_from_the_log(void)
{
	struct raft_entry *entries[9] = { NULL }, *heads[9];
	unsigned int i;

	setup(512, 1);
	for (i = 0; i < 9; i++) {
		entries[i] = rig_entry(&identity, i + 1, 1);
		rig_apply(want, entries[i]);
		heads[i] = raft_entry_new();
		*heads[i] = *entries[i];
		heads[i]->refs = 1;
		heads[i]->data = NULL;
		heads[i]->buf = NULL;
	}
	tap_check_eq(store_log_append(store, entries, 9), 0);
	tap_check_eq(store_apply(store, heads, 9), 0);
	tap_need(image_is_wanted());
	put_all(entries, 9);
	put_all(heads, 9);
	teardown();
}

static void entry_that_the_log_lost_is_asked_for_again(void)
{
	struct raft_entry *entries[3], *heads[3];
	struct format_layout layout;
	unsigned int i;

	setup(512, 1);
	for (i = 0; i < 3; i++) {
		entries[i] = make(i + 1, RAFT_OP_WRITE, i * 8192, 512);
		heads[i] = make(i + 1, RAFT_OP_WRITE, i * 8192, 512);
		base_buf_put(heads[i]->buf);
		heads[i]->buf = NULL;
		heads[i]->data = NULL;
	}
	tap_check_eq(store_log_append(store, entries, 3), 0);
	tap_need(rig_layout(&identity, rig_disk_bytes(), &layout));
	disk_flip(disk, layout.ring + 1024 + 512 + 7, 1);
	tap_check_eq(store_apply(store, heads, 3), -EBADMSG);
	rig_apply(want, entries[0]);
	tap_need(image_is_wanted());
	/* What is behind it waits, data or not. */
	tap_check_eq(store_apply(store, &entries[2], 1), -EBADMSG);
	tap_need(image_is_wanted());
	/* Not final: with the data from a peer it goes on. */
	tap_check_eq(store_apply(store, entries, 3), 0);
	rig_apply(want, entries[1]);
	rig_apply(want, entries[2]);
	tap_need(image_is_wanted());
	tap_check_str(store_failure(store), "");
	put_all(entries, 3);
	put_all(heads, 3);
	teardown();
}

/* What is carried out is what was committed, or nothing. */
static void entry_that_the_log_has_otherwise_is_not_carried_out(void)
{
	struct raft_entry *entry, *head;
	unsigned int field;

	for (field = 0; field < 3; field++) {
		setup(512, 1);
		entry = make(1, RAFT_OP_WRITE, 8192, 1024);
		head = make(1, RAFT_OP_WRITE, 8192, 1024);
		base_buf_put(head->buf);
		head->buf = NULL;
		head->data = NULL;
		tap_check_eq(store_log_append(store, &entry, 1), 0);
		head->offset += field == 0 ? 512 : 0;
		head->length -= field == 1 ? 512 : 0;
		head->term += field == 2;
		tap_check_eq(store_apply(store, &head, 1), -EBADMSG);
		tap_need(image_is_wanted());
		raft_entry_put(head);
		raft_entry_put(entry);
		teardown();
	}
}

static void impossible_entries_are_refused(void)
{
	struct raft_entry *entry;

	setup(4096, 1);
	entry = make(1, RAFT_OP_WRITE, 512, 4096);
	tap_check_eq(store_log_append(store, &entry, 1), -EINVAL);
	tap_check_eq(store_apply(store, &entry, 1), -EINVAL);
	raft_entry_put(entry);
	entry = make(1, RAFT_OP_ZERO, RIG_VOLUME_BYTES - 4096, 8192);
	tap_check_eq(store_log_append(store, &entry, 1), -EINVAL);
	tap_check_eq(store_apply(store, &entry, 1), -EINVAL);
	raft_entry_put(entry);
	tap_check_eq(disk_steps(disk), 0);
	teardown();
}

static void copies_stay_inside_the_data_area(void)
{
	setup(512, 1);
	rig_fill(want, sizeof(want), 3);
	/* At odd addresses too: a frame's payload lies anywhere. */
	memmove(got + 24, want, 65536);
	tap_check_eq(store_image_write(store, 0, got + 24, 65536), 0);
	tap_check_eq(store_image_write(store, 65536, want + 65536, 65536), 0);
	tap_need(image_is_wanted());
	tap_check_eq(store_image_read(store, 512, got + 8, 1024), 0);
	tap_check(memcmp(got + 8, want + 512, 1024) == 0);
	tap_check_eq(store_image_write(store, 512, NULL, 1024), 0);
	memset(want + 512, 0, 1024);
	tap_need(image_is_wanted());
	disk_fail(disk, DISK_READ, 1);
	tap_check_eq(store_image_read(store, 512, got + 8, 1024), -EIO);
	tap_check_eq(store_image_write(store, RIG_VOLUME_BYTES, want, 512),
		     -EINVAL);
	tap_check_eq(store_image_write(store, RIG_VOLUME_BYTES - 512, want,
				       1024),
		     -EINVAL);
	tap_check_eq(store_image_write(store, UINT64_MAX - 511, want, 512),
		     -EINVAL);
	tap_check_eq(store_image_read(store, 100, got, 512), -EINVAL);
	tap_check_eq(store_image_read(store, RIG_VOLUME_BYTES, got, 512),
		     -EINVAL);
	teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(applied_entries_make_the_image_of_their_order),
		TAP_TEST(writes_in_a_row_go_out_as_one),
		TAP_TEST(entries_without_data_are_read_from_the_log),
		TAP_TEST(entry_that_the_log_lost_is_asked_for_again),
		TAP_TEST(entry_that_the_log_has_otherwise_is_not_carried_out),
		TAP_TEST(impossible_entries_are_refused),
		TAP_TEST(copies_stay_inside_the_data_area),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
