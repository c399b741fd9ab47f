/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* The log without faults: append, sync, read, laps, truncation, reset. */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "store/store.h"
#include "tap.h"

static struct disk *disk;
static struct store *store;
static struct store_boot boot;
static struct store_identity identity;

static bool reopen(void)
{
	struct base_error error = { 0 };
	int code;

	if (store) {
		store_close(store);
		store_boot_free(&boot);
		store = NULL;
	}
	code = store_open(disk_io(disk), &identity, false, &store, &boot,
			  &error);
	if (code)
		printf("# %s\n", error.text);
	return tap_check_eq(code, 0) && tap_check_str(boot.damage, "");
}

static bool setup(uint32_t align)
{
	identity = rig_identity(align);
	disk = disk_new(rig_disk_bytes(), align, 1);
	return tap_check_eq(store_format(disk_io(disk), &identity, false, NULL,
					 NULL, NULL),
			    0) &&
	       reopen();
}

static void teardown(void)
{
	if (store) {
		store_close(store);
		store_boot_free(&boot);
		store = NULL;
	}
	disk_free(disk);
}

static int append(uint64_t first, unsigned int count, uint64_t term)
{
	struct raft_entry *entries[64] = { NULL };
	unsigned int i;
	int error;

	for (i = 0; i < count; i++)
		entries[i] = rig_entry(&identity, first + i, term);
	error = store_log_append(store, entries, count);
	for (i = 0; i < count; i++)
		raft_entry_put(entries[i]);
	return error;
}

static bool reads_back(uint64_t index, uint64_t term)
{
	struct raft_entry *entry;
	bool good;

	if (!tap_check_eq(store_log_read(store, index, &entry), 0))
		return false;
	good = tap_check_eq(entry->index, index) &&
	       tap_check_eq(entry->term, term) &&
	       tap_check(rig_is(&identity, entry, true));
	raft_entry_put(entry);
	return good;
}

static void blank_log_is_empty(void)
{
	tap_need(setup(512));
	tap_check_eq(boot.base_index, 0);
	tap_check_eq(boot.last_index, 0);
	tap_check_eq(boot.state.term, 0);
	tap_check_eq(boot.state.vote, 0);
	tap_check(!boot.state.joined && !boot.state.damaged);
	tap_check(!boot.checkpoint.incomplete);
	tap_check_eq(boot.log_capacity, RIG_LOG_BYTES);
	teardown();
}

static void synced_entries_are_found_again(void)
{
	uint32_t aligns[] = { 512, 4096 };
	uint64_t i;
	int a;

	for (a = 0; a < 2; a++) {
		tap_need(setup(aligns[a]));
		tap_check_eq(append(1, 10, 1), 0);
		tap_check_eq(append(11, 1, 2), 0);
		tap_check_eq(store_log_sync(store), 0);
		for (i = 1; i <= 11; i++)
			tap_need(reads_back(i, i == 11 ? 2 : 1));
		disk_crash(disk, DISK_CRASH_LOSE_ALL);
		tap_need(reopen());
		tap_check_eq(boot.last_index, 11);
		for (i = 1; i <= 11; i++) {
			tap_need(rig_is(&identity, boot.entries[i - 1], false));
			tap_check(!boot.entries[i - 1]->data);
			tap_need(reads_back(i, i == 11 ? 2 : 1));
		}
		teardown();
	}
}

static void log_runs_many_laps(void)
{
	uint64_t next = 1, used = 0, base, laps = 0;
	struct store_checkpoint checkpoint = { 0 };
	struct raft_entry *entry, *none;
	int error;

	tap_need(setup(512));
	while (laps < 40 * RIG_LOG_BYTES) {
		entry = rig_entry(&identity, next, 1 + next / 50);
		used += store_record_bytes(entry, 512);
		error = store_log_append(store, &entry, 1);
		if (error == -ENOSPC) {
			tap_need(used > RIG_LOG_BYTES);
			checkpoint.applied = next - 1;
			checkpoint.applied_term = 1 + (next - 1) / 50;
			tap_need(store_checkpoint(store, &checkpoint, &base) ==
				 0);
			tap_check(base < next - 1); /* half is kept */
			error = store_log_append(store, &entry, 1);
			laps += RIG_LOG_BYTES / 2;
			used = 0;
			for (uint64_t i = base + 1; i <= next; i++) {
				struct raft_entry *kept =
					rig_entry(&identity, i, 1 + i / 50);

				used += store_record_bytes(kept, 512);
				raft_entry_put(kept);
				tap_need(reads_back(i, 1 + i / 50));
			}
			tap_check_eq(store_log_read(store, base, &none),
				     -ENOENT);
		}
		tap_need(error == 0);
		raft_entry_put(entry);
		next++;
		if (next % 97 == 0) {
			tap_check_eq(store_log_sync(store), 0);
			tap_need(reopen());
			tap_need(tap_check_eq(boot.last_index, next - 1));
		}
	}
	teardown();
}

static uint64_t wanted; /* entry that finds no room yet */
static unsigned int tried, taken;

/* The log thread's, beside the image thread's checkpoint. */
static void try_append(void)
{
	tried++;
	taken += append(wanted, 1, 1) == 0;
}

static void room_is_free_once_both_copies_of_the_checkpoint_are_durable(void)
{
	struct store_checkpoint checkpoint = {
		.applied = 30,
		.applied_term = 1,
	};
	uint64_t base;

	tap_need(setup(512));
	for (wanted = 1; append(wanted, 1, 1) == 0; wanted++)
		;
	tap_check_eq(store_log_sync(store), 0);
	tried = taken = 0;
	disk_meanwhile(disk, try_append);
	tap_check_eq(store_checkpoint(store, &checkpoint, &base), 0);
	disk_meanwhile(disk, NULL);
	tap_check(tried >= 5); /* data; each copy and its sync */
	tap_check_eq(taken, 0);
	tap_check_eq(append(wanted, 1, 1), 0);
	teardown();
}

static void full_log_goes_on_after_checkpoint(void)
{
	struct store_checkpoint checkpoint = { 0 };
	uint64_t next = 1, base;

	tap_need(setup(512));
	while (append(next, 1, 1) == 0)
		next++;
	/* Nothing was written and nothing is broken. */
	tap_check_eq(append(next, 1, 1), -ENOSPC);
	tap_check_eq(store_log_sync(store), 0);
	tap_need(reopen());
	tap_check_eq(boot.last_index, next - 1);
	tap_check_eq(append(next, 1, 1), -ENOSPC);
	/* Nothing applied: nothing to free. */
	tap_check_eq(store_checkpoint(store, &checkpoint, &base), 0);
	tap_check_eq(base, 0);
	tap_check_eq(append(next, 1, 1), -ENOSPC);
	checkpoint.applied = 30;
	checkpoint.applied_term = 1;
	checkpoint.standing.writer = 3;
	checkpoint.standing.epoch = 4;
	checkpoint.standing.tag = 5;
	tap_check_eq(store_checkpoint(store, &checkpoint, &base), 0);
	tap_check(base > 0 && base <= 30);
	tap_check_eq(append(next, 1, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_need(reopen());
	tap_check_eq(boot.base_index, base);
	tap_check_eq(boot.base_term, 1);
	tap_check_eq(boot.last_index, next);
	tap_check_eq(boot.checkpoint.applied, 30);
	tap_check_eq(boot.checkpoint.standing.writer, 3);
	tap_check_eq(boot.checkpoint.standing.epoch, 4);
	tap_check_eq(boot.checkpoint.standing.tag, 5);
	teardown();
}

static void truncated_entries_stay_away(void)
{
	tap_need(setup(512));
	tap_check_eq(append(1, 20, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_check_eq(store_log_note(store), 0);
	tap_check_eq(store_log_truncate(store, 11), 0);
	disk_crash(disk, DISK_CRASH_LOSE_ALL);
	tap_need(reopen());
	tap_check_eq(boot.last_index, 10);
	tap_check_eq(append(11, 2, 2), 0);
	tap_need(reads_back(11, 2));
	tap_check_eq(store_log_read(store, 13, &(struct raft_entry *){ 0 }),
		     -ENOENT);
	tap_check_eq(store_log_sync(store), 0);
	tap_need(reopen());
	tap_check_eq(boot.last_index, 12);
	tap_check_eq(boot.entries[11]->term, 2);
	tap_check_eq(store_log_truncate(store, 1), 0);
	tap_need(reopen());
	tap_check_eq(boot.last_index, 0);
	tap_check_eq(store_log_truncate(store, 1), 0);
	teardown();
}

static void reset_empties_the_log_for_good(void)
{
	struct store_checkpoint base = {
		.applied = 500,
		.applied_term = 9,
		.standing = { .writer = 2, .epoch = 400, .tag = 77 },
	};

	tap_need(setup(512));
	tap_check_eq(append(1, 20, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_check_eq(store_log_reset(store, &base), 0);
	disk_crash(disk, DISK_CRASH_LOSE_ALL);
	tap_need(reopen());
	tap_check_eq(boot.base_index, 500);
	tap_check_eq(boot.base_term, 9);
	tap_check_eq(boot.last_index, 500);
	tap_check(boot.checkpoint.incomplete);
	tap_check_eq(boot.checkpoint.standing.tag, 77);
	tap_check_eq(append(501, 20, 9), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_need(reopen());
	tap_check_eq(boot.last_index, 520);
	/* A leader may be behind what was here. */
	base.applied = 3;
	base.applied_term = 1;
	tap_check_eq(store_log_reset(store, &base), 0);
	tap_check_eq(append(4, 5, 10), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_need(reopen());
	tap_check_eq(boot.base_index, 3);
	tap_check_eq(boot.last_index, 8);
	tap_need(reads_back(8, 10));
	teardown();
}

static void state_is_kept(void)
{
	struct raft_hard_state state = {
		.term = 7, .vote = 3, .joined = true, .promise_us = 18000000
	};

	tap_need(setup(512));
	tap_check_eq(store_state_save(store, &state), 0);
	disk_crash(disk, DISK_CRASH_LOSE_ALL);
	tap_need(reopen());
	tap_check_eq(boot.state.term, 7);
	tap_check_eq(boot.state.vote, 3);
	tap_check(boot.state.joined && !boot.state.damaged);
	tap_check_eq(boot.state.promise_us, 18000000);
	teardown();
}

static void checkpoint_ahead_of_the_log_is_enough(void)
{
	struct store_checkpoint checkpoint = {
		.applied = 8,
		.applied_term = 1,
	};
	uint64_t base;

	tap_need(setup(512));
	tap_check_eq(append(1, 5, 1), 0);
	tap_check_eq(store_checkpoint(store, &checkpoint, &base), 0);
	disk_crash(disk, DISK_CRASH_LOSE_ALL);
	tap_need(reopen());
	tap_check_eq(boot.base_index, 8);
	tap_check_eq(boot.last_index, 8);
	tap_check_eq(append(9, 3, 2), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_need(reopen());
	tap_check_eq(boot.last_index, 11);
	teardown();
}

static void (*between)(void);
static int (*plain_read)(struct store_io *io, uint64_t offset, void *bytes,
			 size_t size);

/* What another thread does while a record is being read. */
static int read_between(struct store_io *io, uint64_t offset, void *bytes,
			size_t size)
{
	void (*fn)(void) = between;

	between = NULL;
	if (fn)
		fn();
	return plain_read(io, offset, bytes, size);
}

static void cut(void)
{
	tap_check_eq(store_log_truncate(store, 5), 0);
}

static void cut_and_overwrite(void)
{
	cut();
	tap_check_eq(append(5, 1, 2), 0);
}

static void cut_and_shift(void)
{
	tap_check_eq(store_log_truncate(store, 4), 0);
	tap_check_eq(append(4, 6, 2), 0);
}

static void reset(void)
{
	struct store_checkpoint base = { .applied = 30, .applied_term = 3 };

	tap_check_eq(store_log_reset(store, &base), 0);
}

/*
 * It was there when it was asked for: that it is not any more is no damage.
 * Nobody may get what is in its place.
 */
static void entry_that_goes_while_it_is_read_is_none(void)
{
	void (*const changes[])(void) = { cut_and_overwrite, cut_and_shift,
					  reset };
	struct store_io_ops ops;
	unsigned int i;

	for (i = 0; i < TAP_COUNT(changes); i++) {
		struct raft_entry *entry;
		int code;

		tap_need(setup(512));
		ops = *disk_io(disk)->ops;
		plain_read = ops.read;
		ops.read = read_between;
		disk_io(disk)->ops = &ops;
		tap_check_eq(append(1, 9, 1), 0);
		tap_check_eq(store_log_sync(store), 0);
		between = changes[i];
		code = store_log_read(store, 5, &entry);
		tap_check(!between);
		/* What was cut only may still be read as what it was. */
		if (!code) {
			tap_check_eq(entry->term, 1);
			tap_check(rig_is(&identity, entry, true));
			raft_entry_put(entry);
		} else {
			tap_check_eq(code, -ENOENT);
		}
		if (changes[i] != reset)
			tap_check_eq(code, -ENOENT);
		teardown();
	}
}

/* That its disk fails as well makes no damage of it. */
static void unreadable_entry_that_goes_meanwhile_is_none(void)
{
	struct raft_entry *entry;
	struct store_io_ops ops;

	tap_need(setup(512));
	ops = *disk_io(disk)->ops;
	plain_read = ops.read;
	ops.read = read_between;
	disk_io(disk)->ops = &ops;
	tap_check_eq(append(1, 9, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	disk_fail(disk, DISK_READ, 1);
	between = cut;
	tap_check_eq(store_log_read(store, 5, &entry), -ENOENT);
	disk_fail(disk, DISK_READ, 1);
	tap_check_eq(store_log_read(store, 4, &entry), -EIO);
	teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(blank_log_is_empty),
		TAP_TEST(synced_entries_are_found_again),
		TAP_TEST(log_runs_many_laps),
		TAP_TEST(
			room_is_free_once_both_copies_of_the_checkpoint_are_durable),
		TAP_TEST(full_log_goes_on_after_checkpoint),
		TAP_TEST(truncated_entries_stay_away),
		TAP_TEST(reset_empties_the_log_for_good),
		TAP_TEST(state_is_kept),
		TAP_TEST(checkpoint_ahead_of_the_log_is_enough),
		TAP_TEST(entry_that_goes_while_it_is_read_is_none),
		TAP_TEST(unreadable_entry_that_goes_meanwhile_is_none),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
