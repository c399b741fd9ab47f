/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* Disks that have grown or shrunk below a replica, and what they had at the end. */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "tap.h"

#define SPARE_BYTES (RIG_LOG_BYTES + 16ULL * FORMAT_BLOCK)
#define FIRST_BYTES (STORE_DATA_OFFSET + RIG_VOLUME_BYTES + FORMAT_BLOCK)
#define SECOND_BYTES (RIG_LOG_BYTES + 8ULL * FORMAT_BLOCK)
#define ODD_BYTES 1536ULL /* no whole block */

static const uint64_t offsets[] = { 0, STORE_DATA_OFFSET };
static struct store_identity identity;
static struct base_error error;

static void identity_draw(uint64_t data_offset)
{
	static uint64_t serial;

	identity = rig_identity(512);
	identity.data_offset = data_offset;
	identity.serial = ++serial;
}

static void format(struct disk *disk)
{
	tap_check_eq(store_format(disk_io(disk), &identity, true, NULL, NULL,
				  &error),
		     0);
}

static struct disk *formatted(uint64_t data_offset, uint64_t spare)
{
	struct disk *disk;

	identity_draw(data_offset);
	disk = disk_new(store_bytes_needed(&identity) + spare, 512, 1);
	format(disk);
	return disk;
}

/* The same disk with another size; @filler: of what it had not before. */
static struct disk *resized(struct disk *old, uint64_t size, uint8_t filler)
{
	uint64_t had = disk_io(old)->size;
	struct disk *disk = disk_new(size, disk_io(old)->align, 1);

	disk_crash(old, DISK_CRASH_LOSE_ALL);
	memset(disk_bytes(disk), filler, size);
	memcpy(disk_bytes(disk), disk_bytes(old), size < had ? size : had);
	disk_refresh(disk);
	return disk;
}

static bool super_is_at(struct disk *disk, uint64_t at, uint64_t generation)
{
	struct format_super super;

	return format_super_decode(disk_bytes(disk) + at, at, &super) ==
		       FORMAT_GOOD &&
	       super.generation == generation &&
	       super.identity.serial == identity.serial;
}

/* Both copies, where they belong and lasting. */
static bool supers_are(struct disk *disk, uint64_t generation)
{
	disk_crash(disk, DISK_CRASH_LOSE_ALL);
	return super_is_at(disk, format_super_first(&identity), generation) &&
	       super_is_at(disk, format_super_last(disk_io(disk)->size),
			   generation);
}

static int open_io(struct store_io *io, struct store **store,
		   struct store_boot *boot)
{
	return store_open(io, &identity, false, store, boot, &error);
}

static int try_open(struct store_io *io)
{
	return rig_open_once(io, &identity, &error);
}

/* A vote, and an entry in the log. */
static void fill(struct store_io *io)
{
	struct raft_hard_state state = { .term = 7, .vote = 2, .joined = true };
	struct raft_entry *entry = rig_entry(&identity, 1, 7);
	struct store_boot boot;
	struct store *store;

	tap_need(open_io(io, &store, &boot) == 0);
	tap_check_eq(store_state_save(store, &state), 0);
	tap_check_eq(store_log_append(store, &entry, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	raft_entry_put(entry);
	store_boot_free(&boot);
	store_close(store);
}

static bool filled(struct store_io *io)
{
	struct store_boot boot;
	struct store *store;
	bool same;

	if (!tap_check_eq(open_io(io, &store, &boot), 0)) {
		printf("# %s\n", error.text);
		return false;
	}
	same = boot.last_index == 1 && !boot.damage[0] &&
	       boot.state.term == 7 && boot.state.vote == 2;
	store_boot_free(&boot);
	store_close(store);
	return same;
}

static void grown_disk_opens_and_has_two_copies_again(void)
{
	static const uint64_t more[] = { 512, FORMAT_BLOCK, SPARE_BYTES + 512 };
	struct disk *disk, *grown;
	unsigned int i, j;

	for (i = 0; i < 2; i++) {
		for (j = 0; j < TAP_COUNT(more); j++) {
			disk = formatted(offsets[i], 0);
			fill(disk_io(disk));
			/* Whatever the new room holds. */
			grown = resized(disk, disk_io(disk)->size + more[j],
					j ? 0xa5 : 0);
			tap_check(filled(disk_io(grown)));
			tap_check(supers_are(grown, 1));
			/* The new copy is as good as the first. */
			disk_flip(grown, format_super_first(&identity) + 99, 1);
			tap_check(filled(disk_io(grown)));
			tap_check(supers_are(grown, 1));
			disk_free(grown);
			disk_free(disk);
		}
	}
}

/* Nothing is known of the volume, as `qbd format` of another one. */
static void grown_disk_is_known_for_what_it_is(void)
{
	struct disk *disk = formatted(STORE_DATA_OFFSET, 0);
	struct disk *grown =
		resized(disk, disk_io(disk)->size + SPARE_BYTES, 0);
	struct store_identity found, other = identity;

	tap_check_eq(store_identify(disk_io(grown), &found, &error), 0);
	tap_check_eq(found.serial, identity.serial);
	other.volume_id[0] ^= 1;
	tap_check_eq(store_format(disk_io(grown), &other, false, NULL, NULL,
				  &error),
		     -EEXIST);
	tap_check(strstr(error.text, "there is a replica on this disk"));
	disk_free(grown);
	disk_free(disk);
}

/* The second copy is written while the first one stands. */
static void grown_disk_may_lose_power_at_any_step(void)
{
	struct disk *disk, *grown;
	unsigned int i, how;
	uint64_t step, steps;

	for (i = 0; i < 2; i++) {
		disk = formatted(offsets[i], 0);
		fill(disk_io(disk));
		for (step = 1, steps = 1; step <= steps; step++) {
			for (how = 0; how <= DISK_CRASH_TEAR; how++) {
				grown = resized(disk,
						disk_io(disk)->size +
							SPARE_BYTES,
						0x5a);
				disk_steps_reset(grown);
				disk_stop_after(grown, step);
				try_open(disk_io(grown));
				if (!disk_is_off(grown))
					step = steps;
				else
					steps = step + 1;
				disk_crash(grown, (enum disk_crash)how);
				tap_need(filled(disk_io(grown)));
				tap_need(supers_are(grown, 1));
				disk_free(grown);
			}
		}
		tap_check(steps > 4);
		disk_free(disk);
	}
}

/* The disk grows, the log moves, and the disk shrinks to where it was. */
static void second_copy_in_the_middle_is_harmless(void)
{
	uint64_t end = STORE_DATA_OFFSET + RIG_VOLUME_BYTES;
	struct disk *disk, *grown, *back;
	struct store_boot boot;
	struct store *store;

	disk = formatted(STORE_DATA_OFFSET, SPARE_BYTES);
	fill(disk_io(disk));
	grown = resized(disk, disk_io(disk)->size + SPARE_BYTES, 0);
	tap_check(filled(disk_io(grown)));
	tap_check(
		super_is_at(grown, format_super_last(disk_io(disk)->size), 1));
	tap_check_eq(store_region_move(disk_io(grown), &identity,
				       STORE_REGION_LOG, false, end, &error),
		     0);
	tap_check(filled(disk_io(grown)));
	back = resized(grown, disk_io(disk)->size, 0);
	tap_check(filled(disk_io(back)));
	tap_check(supers_are(back, 2));
	disk_free(back);
	/* If it is the only good one, its log is not taken for a log. */
	back = resized(grown, disk_io(disk)->size, 0);
	disk_flip(back, 99, 1);
	tap_need(open_io(disk_io(back), &store, &boot) == 0);
	tap_check(boot.damage[0] && boot.state.damaged);
	store_boot_free(&boot);
	store_close(store);
	disk_free(back);
	disk_free(grown);
	disk_free(disk);
}

/*
 * A replica at the end of a disk, which is then made smaller, formatted anew, and
 * made as large as before.
 */
static struct disk *with_left_over(uint64_t generation, uint64_t old_offset)
{
	struct disk *old = formatted(old_offset, SPARE_BYTES), *small, *back;
	uint64_t last = format_super_last(disk_io(old)->size);
	struct format_super super;

	tap_check(format_super_decode(disk_bytes(old) + last, last, &super) ==
		  FORMAT_GOOD);
	super.generation = generation;
	format_super_encode(&super, disk_bytes(old) + last);
	disk_refresh(old);
	identity_draw(STORE_DATA_OFFSET);
	small = resized(old,
			store_bytes_needed(&identity) + 4ULL * FORMAT_BLOCK, 0);
	format(small);
	fill(disk_io(small));
	back = resized(small, disk_io(old)->size, 0);
	memcpy(disk_bytes(back) + last, disk_bytes(old) + last, FORMAT_BLOCK);
	disk_refresh(back);
	disk_free(small);
	disk_free(old);
	return back;
}

static void copy_of_an_earlier_formatting_counts_for_nothing(void)
{
	struct store_identity found;
	uint64_t generation;
	struct disk *disk;

	for (generation = 1; generation <= 3; generation += 2) {
		disk = with_left_over(generation, STORE_DATA_OFFSET);
		tap_check_eq(store_identify(disk_io(disk), &found, &error), 0);
		tap_check_eq(found.serial, identity.serial);
		tap_check(filled(disk_io(disk)));
		tap_check(supers_are(disk, 1));
		/* Were it still there, it would count now. */
		disk_flip(disk, 99, 1);
		tap_check(filled(disk_io(disk)));
		disk_free(disk);
	}
}

/* A volume was moved to another node, another was made on the same disk ... */
static void left_over_copy_is_not_revived_over_another_replica(void)
{
	struct disk *disk = with_left_over(3, STORE_DATA_OFFSET);
	struct store_identity mine = identity;
	struct format_super super;

	disk_steps_reset(disk);
	identity.volume_id[0] ^= 1;
	tap_check_eq(try_open(disk_io(disk)), -EINVAL);
	tap_check(strstr(error.text, "belongs to another volume"));
	identity = mine;
	/* What is there is the old one's volume and node: name the new one's. */
	tap_need(format_super_decode(disk_bytes(disk), 0, &super) ==
		 FORMAT_GOOD);
	super.identity.volume_id[0] ^= 1;
	format_super_encode(&super, disk_bytes(disk));
	disk_refresh(disk);
	tap_check_eq(try_open(disk_io(disk)), -EINVAL);
	tap_check(strstr(error.text, "belongs to another volume"));
	super.device = 1;
	format_super_encode(&super, disk_bytes(disk));
	disk_refresh(disk);
	tap_check_eq(try_open(disk_io(disk)), -EINVAL);
	tap_check(strstr(error.text, "second one of a replica"));
	super.device = 0;
	super.version = FORMAT_VERSION + 1;
	format_super_encode(&super, disk_bytes(disk));
	disk_refresh(disk);
	tap_check_eq(try_open(disk_io(disk)), -ENOTSUP);
	tap_check_eq(disk_steps(disk), 0);
	disk_free(disk);
}

static struct store_io *paired(struct disk *first, struct disk *second)
{
	struct store_io *pair = store_io_pair(disk_io(first), disk_io(second));

	tap_check(pair != NULL);
	return pair;
}

/* A replica whose first disk has @spare behind its data. */
static void pair_new(uint64_t data_offset, uint64_t spare, struct disk **first,
		     struct disk **second)
{
	struct store_io *pair;

	identity_draw(data_offset);
	*first = disk_new(store_first_bytes_needed(&identity) + spare, 512, 1);
	*second = disk_new(SECOND_BYTES + spare, 512, 2);
	pair = paired(*first, *second);
	tap_check_eq(store_format(pair, &identity, true, NULL, NULL, &error),
		     0);
	pair->ops->close(pair);
	fill(paired(*first, *second));
}

static int pair_refused(struct disk *first, struct disk *second)
{
	struct store_io *pair = paired(first, second);
	int code;

	disk_steps_reset(first);
	disk_steps_reset(second);
	code = try_open(pair);
	if (code)
		pair->ops->close(pair);
	tap_check_eq(disk_steps(first) + disk_steps(second), 0);
	return code;
}

static void disk_may_shrink_to_what_its_replica_needs(void)
{
	struct disk *first, *second, *small;
	uint64_t least;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		pair_new(offsets[i], SPARE_BYTES, &first, &second);
		least = store_first_bytes_needed(&identity);
		small = resized(first, least + ODD_BYTES, 0);
		tap_check(filled(paired(small, second)));
		tap_check(supers_are(small, 1));
		disk_free(small);
		/* With data at offset 0 both copies would be in one block. */
		small = resized(first, least - 512, 0);
		tap_check_eq(pair_refused(small, second), -EINVAL);
		tap_check(strstr(error.text, "the disk has"));
		tap_check(strstr(error.text, "it has become smaller"));
		tap_check(strstr(error.text, "make it as large again"));
		disk_free(small);
		disk_free(second);
		disk_free(first);
	}
}

static void disks_of_a_pair_may_grow(void)
{
	struct disk *first, *second, *larger[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		pair_new(offsets[i], 0, &first, &second);
		larger[0] = resized(first, disk_io(first)->size + 8704, 0xa5);
		larger[1] = resized(second, disk_io(second)->size + 8704, 0xa5);
		tap_check(filled(paired(larger[0], larger[1])));
		tap_check(supers_are(larger[0], 1));
		disk_free(larger[1]);
		disk_free(larger[0]);
		disk_free(second);
		disk_free(first);
	}
}

static void meta_disk_may_shrink_to_what_its_replica_needs(void)
{
	struct disk *first, *second, *small;

	pair_new(STORE_DATA_OFFSET, SPARE_BYTES, &first, &second);
	small = resized(second, SECOND_BYTES, 0);
	tap_check(filled(paired(first, small)));
	disk_free(small);
	small = resized(second, SECOND_BYTES - 512, 0);
	tap_check_eq(pair_refused(first, small), -EINVAL);
	tap_check(strstr(error.text, "the meta-disk has"));
	disk_free(small);
	disk_free(second);
	disk_free(first);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(grown_disk_opens_and_has_two_copies_again),
		TAP_TEST(grown_disk_is_known_for_what_it_is),
		TAP_TEST(grown_disk_may_lose_power_at_any_step),
		TAP_TEST(second_copy_in_the_middle_is_harmless),
		TAP_TEST(copy_of_an_earlier_formatting_counts_for_nothing),
		TAP_TEST(left_over_copy_is_not_revived_over_another_replica),
		TAP_TEST(disk_may_shrink_to_what_its_replica_needs),
		TAP_TEST(disks_of_a_pair_may_grow),
		TAP_TEST(meta_disk_may_shrink_to_what_its_replica_needs),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
