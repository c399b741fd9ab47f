/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/*
 * Writes that the caller carries out itself: appends that are under way
 * beside each other, and plans of what is applied.
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "store/store.h"
#include "tap.h"

#define SLOTS 4

static struct disk *disk;
static struct store *store;
static struct store_boot boot;
static struct store_identity identity;
static struct store_append appends[SLOTS];
static struct raft_entry *entries[256];
static uint64_t last; /* entry given */

static bool reopen(void)
{
	if (store) {
		store_close(store);
		store_boot_free(&boot);
		store = NULL;
	}
	return tap_check_eq(store_open(disk_io(disk), &identity, false, &store,
				       &boot, NULL),
			    0) &&
	       tap_check_str(boot.damage, "");
}

static bool setup(uint32_t align)
{
	unsigned int i;

	identity = rig_identity(align);
	disk = disk_new(rig_disk_bytes(), align, 1);
	last = 0;
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  NULL),
		     0);
	if (!reopen())
		return false;
	for (i = 0; i < SLOTS; i++)
		tap_check_eq(store_append_init(store, &appends[i]), 0);
	return true;
}

static void forget(unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		raft_entry_put(entries[i]);
}

static void teardown(void)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		store_append_free(&appends[i]);
	store_close(store);
	store_boot_free(&boot);
	store = NULL;
	disk_free(disk);
}

static unsigned int make(unsigned int at, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		entries[at + i] = rig_entry(&identity, ++last, 1);
	return count;
}

/* All of @count entries from @at on into this slot. */
static bool begin(unsigned int slot, unsigned int at, unsigned int count)
{
	return tap_check_eq(store_append_begin(store, entries + at, count,
					       &appends[slot]),
			    0) &&
	       tap_check_eq(appends[slot].count, count);
}

static void write_out(const struct store_append *append)
{
	struct store_io *io = disk_io(disk);
	unsigned int i;

	for (i = append->piece_count; i-- > 0;)
		tap_check_eq(io->ops->write(io, append->pieces[i].offset,
					    append->pieces[i].iov,
					    append->pieces[i].count),
			     0);
	tap_check_eq(io->ops->sync(io), 0);
}

static void found(uint64_t first, uint64_t end)
{
	struct raft_entry *entry;
	uint64_t i;

	tap_check_eq(boot.last_index, end);
	for (i = first; i <= end; i++) {
		if (!tap_check_eq(store_log_read(store, i, &entry), 0))
			return;
		tap_check(rig_is(&identity, entry, true));
		raft_entry_put(entry);
	}
}

static void appends_written_in_any_order_are_all_there(void)
{
	if (!setup(512))
		return;
	make(0, 12);
	begin(0, 0, 4);
	begin(1, 4, 4);
	begin(2, 8, 4);
	write_out(&appends[2]);
	write_out(&appends[0]);
	store_append_end(store, &appends[0]);
	write_out(&appends[1]);
	store_append_end(store, &appends[1]);
	store_append_end(store, &appends[2]);
	disk_crash(disk, DISK_CRASH_LOSE_ALL);
	if (reopen())
		found(1, 12);
	forget(12);
	teardown();
}

/* The later one reached the disk, the earlier did not: neither was promised. */
static void what_is_behind_a_lost_append_is_a_torn_tail(void)
{
	if (!setup(512))
		return;
	make(0, 12);
	begin(0, 0, 4);
	write_out(&appends[0]);
	store_append_end(store, &appends[0]);
	begin(1, 4, 4);
	begin(2, 8, 4);
	write_out(&appends[2]);
	disk_crash(disk, DISK_CRASH_KEEP_ALL);
	if (reopen())
		found(1, 4);
	forget(12);
	teardown();
}

static void an_append_takes_what_one_write_of_the_disk_may_have(void)
{
	struct store_append *append = &appends[0];
	unsigned int at, i;

	identity = rig_identity(512);
	disk = disk_new(rig_disk_bytes(), 512, 1);
	disk_io(disk)->write_pages_max = 24;
	disk_io(disk)->write_bytes_max = 128 << 10;
	last = 0;
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  NULL),
		     0);
	if (!reopen())
		return;
	for (i = 0; i < SLOTS; i++)
		tap_check_eq(store_append_init(store, &appends[i]), 0);
	make(0, 16);
	for (at = 0; at < 16; at += append->count) {
		if (!tap_check_eq(store_append_begin(store, entries + at,
						     16 - at, append),
				  0))
			break;
		for (i = 0; i < append->piece_count; i++)
			tap_check(append->pieces[i].bytes <= 128 << 10);
		write_out(append);
		store_append_end(store, append);
	}
	if (reopen())
		found(1, 16);
	forget(16);
	teardown();
}

/* The ring wraps: two pieces, the record that crosses its end is whole. */
static void an_append_over_the_rings_end_is_whole(void)
{
	struct store_checkpoint checkpoint = { .applied_term = 1 };
	bool wrapped = false;
	uint64_t base;
	unsigned int i;

	if (!setup(512))
		return;
	for (i = 0; i < 60 && !wrapped; i++) {
		make(0, 2);
		if (!begin(0, 0, 2))
			break;
		wrapped = appends[0].piece_count == 2;
		write_out(&appends[0]);
		store_append_end(store, &appends[0]);
		tap_check_eq(store_apply(store, entries, 2), 0);
		checkpoint.applied = last;
		checkpoint.standing.members = entries[1]->standing.members;
		tap_check_eq(store_checkpoint(store, &checkpoint, &base), 0);
		forget(2);
	}
	tap_check(wrapped);
	if (reopen())
		found(last - 1, last);
	teardown();
}

static void image_of(uint8_t *image)
{
	struct store_io *io = disk_io(disk);

	tap_check_eq(io->ops->read(io, 0, image, RIG_VOLUME_BYTES), 0);
}

/* Whatever a plan does, written backwards, is what the entries do in order. */
static void a_plan_does_what_its_entries_do(void)
{
	uint8_t *want = calloc(1, RIG_VOLUME_BYTES);
	uint8_t *got = aligned_alloc(4096, RIG_VOLUME_BYTES);
	struct store_io *io;
	struct store_plan plan;
	unsigned int round, i, count, planned = 0;

	if (!setup(512))
		return;
	io = disk_io(disk);
	for (round = 0; round < 400; round++) {
		count = make(0, 1 + round % 4);
		/* The same place twice, now and then: the second one wins. */
		if (round % 5 == 0 && count > 1 &&
		    entries[0]->op == RAFT_OP_WRITE &&
		    entries[1]->op == RAFT_OP_WRITE &&
		    entries[1]->length >= entries[0]->length &&
		    entries[0]->offset + entries[1]->length <= RIG_VOLUME_BYTES)
			entries[1]->offset = entries[0]->offset;
		for (i = 0; i < count; i++)
			rig_apply(want, entries[i]);
		if (store_plan_apply(store, entries, count, &plan)) {
			planned++;
			for (i = plan.count; i-- > 0;)
				io->ops->write(io, plan.pieces[i].offset,
					       plan.pieces[i].iov,
					       plan.pieces[i].count);
		} else {
			tap_check_eq(store_apply(store, entries, count), 0);
		}
		image_of(got);
		if (!tap_check(memcmp(got, want, RIG_VOLUME_BYTES) == 0))
			break;
		forget(count);
	}
	tap_check(planned > 40 && planned < 400);
	free(want);
	free(got);
	teardown();
}

static struct raft_entry *write_at(uint64_t offset, uint32_t length)
{
	struct raft_entry *entry = raft_entry_new();

	entry->op = RAFT_OP_WRITE;
	entry->index = ++last;
	entry->term = 1;
	raft_members_set(&entry->standing.members, 1, RAFT_MEMBER_VOTER);
	entry->offset = offset;
	entry->length = length;
	entry->buf = base_buf_new(length);
	entry->data = entry->buf->data;
	return entry;
}

static bool plan_of(unsigned int count, struct store_plan *plan)
{
	bool is = store_plan_apply(store, entries, count, plan);

	forget(count);
	return is;
}

static void a_plan_joins_neighbours_and_leaves_out_what_is_overwritten(void)
{
	struct store_plan plan;

	if (!setup(512))
		return;
	entries[0] = write_at(4096, 4096);
	entries[1] = write_at(0, 4096);
	entries[2] = write_at(16384, 512);
	entries[3] = write_at(8192, 4096);
	tap_check(plan_of(4, &plan));
	tap_check_eq(plan.count, 2);
	tap_check_eq(plan.pieces[0].bytes, 12288);
	entries[0] = write_at(4096, 4096);
	entries[1] = write_at(4096, 4096);
	tap_check(plan_of(2, &plan));
	tap_check_eq(plan.count, 1);
	entries[0] = write_at(4096, 4096);
	entries[1] = write_at(6144, 4096);
	tap_check(!plan_of(2, &plan));
	teardown();
}

static void a_write_that_failed_is_final(void)
{
	if (!setup(512))
		return;
	make(0, 2);
	begin(0, 0, 1);
	store_write_failed(store, appends[0].pieces[0].offset, -EIO);
	tap_check_eq(store_append_begin(store, entries + 1, 1, &appends[1]),
		     (uint64_t)-EIO);
	tap_check(store_failure(store)[0] != '\0');
	forget(2);
	teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(appends_written_in_any_order_are_all_there),
		TAP_TEST(what_is_behind_a_lost_append_is_a_torn_tail),
		TAP_TEST(an_append_takes_what_one_write_of_the_disk_may_have),
		TAP_TEST(an_append_over_the_rings_end_is_whole),
		TAP_TEST(a_plan_does_what_its_entries_do),
		TAP_TEST(
			a_plan_joins_neighbours_and_leaves_out_what_is_overwritten),
		TAP_TEST(a_write_that_failed_is_final),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
