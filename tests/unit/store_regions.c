/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* The table of regions: where things lie, which table counts, what is refused. */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "tap.h"

#define SPARE_BYTES (RIG_LOG_BYTES + 16ULL * FORMAT_BLOCK)

static struct store_identity identity;
static struct base_error error;

static struct disk *formatted(uint64_t data_offset)
{
	struct disk *disk;

	identity = rig_identity(512);
	identity.data_offset = data_offset;
	identity.serial = 77;
	disk = disk_new(store_bytes_needed(&identity) + SPARE_BYTES, 512, 1);
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  &error),
		     0);
	return disk;
}

static int open_io(struct store_io *io, struct store **store,
		   struct store_boot *boot)
{
	return store_open(io, &identity, false, store, boot, &error);
}

static int try_open(struct store_io *io)
{
	struct store_boot boot;
	struct store *store;
	int code = open_io(io, &store, &boot);

	if (code)
		return code;
	store_boot_free(&boot);
	store_close(store);
	return 0;
}

static struct format_super super_of(struct disk *disk, uint64_t at)
{
	struct format_super super;

	tap_check_eq(format_super_decode(disk_bytes(disk) + at, at, &super),
		     FORMAT_GOOD);
	return super;
}

static void super_set(struct disk *disk, uint64_t at, struct format_super super)
{
	super.offset = at;
	format_super_encode(&super, disk_bytes(disk) + at);
	disk_refresh(disk);
}

static void supers_set(struct disk *disk, struct format_super super)
{
	super_set(disk, format_super_first(&identity), super);
	super_set(disk, format_super_last(disk_io(disk)->size), super);
}

/* A replica with one entry in its log, and data. */
static void fill(struct store_io *io)
{
	struct raft_entry *entry = rig_entry(&identity, 1, 1);
	uint8_t *bytes = aligned_alloc(4096, RIG_VOLUME_BYTES);
	struct store_boot boot;
	struct store *store;

	rig_fill(bytes, RIG_VOLUME_BYTES, 5);
	tap_check_eq(open_io(io, &store, &boot), 0);
	tap_check_eq(store_log_append(store, &entry, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_check_eq(store_image_write(store, 0, bytes, RIG_VOLUME_BYTES), 0);
	tap_check_eq(store_log_sync(store), 0);
	raft_entry_put(entry);
	store_boot_free(&boot);
	store_close(store);
	free(bytes);
}

static bool filled(struct store_io *io)
{
	uint8_t *bytes = aligned_alloc(4096, 2 * RIG_VOLUME_BYTES);
	uint8_t *want = bytes + RIG_VOLUME_BYTES;
	struct store_boot boot;
	struct store *store;
	bool same;

	rig_fill(want, RIG_VOLUME_BYTES, 5);
	if (!tap_check_eq(open_io(io, &store, &boot), 0)) {
		free(bytes);
		return false;
	}
	same = boot.last_index == 1 && !boot.damage[0] &&
	       store_image_read(store, 0, bytes, RIG_VOLUME_BYTES) == 0 &&
	       memcmp(bytes, want, RIG_VOLUME_BYTES) == 0;
	store_boot_free(&boot);
	store_close(store);
	free(bytes);
	return same;
}

static void data_may_begin_behind_the_superblock(void)
{
	struct disk *disk = formatted(STORE_DATA_OFFSET);
	struct store_identity found;
	uint8_t want[64];
	uint64_t at;

	tap_check_eq(store_identify(disk_io(disk), &found, &error), 0);
	tap_check_eq(found.data_offset, STORE_DATA_OFFSET);
	fill(disk_io(disk));
	disk_crash(disk, DISK_CRASH_KEEP_ALL);
	rig_fill(want, sizeof(want), 5);
	tap_check(memcmp(disk_bytes(disk) + STORE_DATA_OFFSET, want,
			 sizeof(want)) == 0);
	tap_check(memcmp(disk_bytes(disk), "QBDSUPER", 8) == 0);
	for (at = FORMAT_META_BYTES; at < STORE_DATA_OFFSET; at++)
		tap_need(disk_bytes(disk)[at] == 0);
	/* Block 0's is found without the last, whatever is expected. */
	disk_flip(disk, format_super_last(disk_io(disk)->size) + 77, 4);
	tap_check_eq(store_identify(disk_io(disk), &found, &error), 0);
	tap_check(filled(disk_io(disk)));
	/* That has made the last one good again. */
	disk_flip(disk, 77, 4);
	tap_check(filled(disk_io(disk)));
	disk_free(disk);
}

/* As an import has to do it: all but the data is put behind them. */
static void disk_that_keeps_its_data_has_all_else_behind_them(void)
{
	struct disk *blank = formatted(0);
	uint64_t size = disk_io(blank)->size;
	struct disk *disk = disk_new(size, 512, 2);
	struct raft_entry *entry = rig_entry(&identity, 1, 1);
	uint8_t *want = malloc(RIG_VOLUME_BYTES);
	struct store_boot boot;
	struct store *store;

	rig_fill(want, RIG_VOLUME_BYTES, 5);
	memcpy(disk_bytes(disk), want, RIG_VOLUME_BYTES);
	memcpy(disk_bytes(disk) + RIG_VOLUME_BYTES,
	       disk_bytes(blank) + RIG_VOLUME_BYTES, size - RIG_VOLUME_BYTES);
	disk_refresh(disk);
	tap_check_eq(open_io(disk_io(disk), &store, &boot), 0);
	tap_check_eq(boot.identity.data_offset, 0);
	tap_check_eq(store_log_append(store, &entry, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	store_boot_free(&boot);
	store_close(store);
	tap_check(filled(disk_io(disk)));
	disk_crash(disk, DISK_CRASH_KEEP_ALL);
	tap_check(memcmp(disk_bytes(disk), want, RIG_VOLUME_BYTES) == 0);
	raft_entry_put(entry);
	free(want);
	disk_free(disk);
	disk_free(blank);
}

/* The volume's data begins with a replica, and our last superblock is bad. */
static void replica_inside_the_volume_is_not_taken_for_ours(void)
{
	struct disk *disk = formatted(0);
	struct store_identity inner = identity;
	struct format_super super;

	inner.volume_id[0] ^= 1;
	inner.data_offset = 8192;
	inner.volume_bytes = 8192;
	tap_need(format_super_new(&inner, 512, RIG_LOG_BYTES + 65536, 0,
				  &super));
	super_set(disk, 0, super);
	tap_check_eq(try_open(disk_io(disk)), 0);
	disk_flip(disk, format_super_last(disk_io(disk)->size), 1);
	tap_check_eq(try_open(disk_io(disk)), 0);
	tap_check_eq(disk_bytes(disk)[0], 'Q'); /* its data is left alone */
	disk_free(disk);
}

static void newer_table_counts_and_is_copied(void)
{
	unsigned int newer;

	for (newer = 0; newer < 2; newer++) {
		struct disk *disk = formatted(0);
		uint64_t places[2] = {
			format_super_first(&identity),
			format_super_last(disk_io(disk)->size),
		};
		struct format_super super = super_of(disk, places[0]);
		struct format_region *log;

		/* An empty ring may lie where there are zeroes. */
		super.generation++;
		log = format_region(&super, STORE_REGION_LOG);
		log->offset = places[0] + FORMAT_BLOCK;
		super_set(disk, places[newer], super);
		tap_check_eq(try_open(disk_io(disk)), 0);
		disk_crash(disk, DISK_CRASH_LOSE_ALL);
		super = super_of(disk, places[!newer]);
		tap_check_eq(super.generation, 2);
		log = format_region(&super, STORE_REGION_LOG);
		tap_check_eq(log->offset, places[0] + FORMAT_BLOCK);
		disk_free(disk);
	}
}

static void tables_that_can_not_be_are_bad(void)
{
	struct disk *disk = formatted(STORE_DATA_OFFSET);
	const struct format_super good = super_of(disk, 0);
	struct format_super bad[14];
	unsigned int i;

	for (i = 0; i < TAP_COUNT(bad); i++)
		bad[i] = good;
	bad[0].region_count = 2;
	bad[1].regions[0].kind = 0;
	bad[2].regions[1].kind = STORE_REGION_LOG;
	bad[3].regions[1].device = 2;
	bad[4].regions[1].offset += 512;
	bad[5].regions[1].offset = good.regions[2].offset; /* overlap */
	bad[6].regions[1].offset = 0; /* the superblock's */
	bad[7].regions[1].bytes -= FORMAT_BLOCK;
	bad[8].regions[0].bytes -= FORMAT_BLOCK;
	bad[9].regions[0].device = 1;
	bad[10].regions[2].bytes = UINT64_MAX - 4095;
	bad[11].regions[2].offset = UINT64_MAX - 4095;
	bad[12].generation = 0;
	bad[13].regions[1].bytes = 0;
	for (i = 0; i < TAP_COUNT(bad); i++) {
		supers_set(disk, bad[i]);
		if (!tap_check_eq(try_open(disk_io(disk)), -EBADMSG))
			printf("# table %u\n", i);
	}
	supers_set(disk, good);
	tap_check_eq(try_open(disk_io(disk)), 0);
	disk_free(disk);
}

static void unknown_regions_are_kept_unless_needed(void)
{
	struct disk *disk = formatted(0);
	uint64_t first = format_super_first(&identity);
	struct format_super super = super_of(disk, first);
	struct format_region *later = &super.regions[super.region_count++];

	*later = (struct format_region){
		.kind = 900,
		.offset = first + FORMAT_BLOCK,
		.bytes = 2ULL * FORMAT_BLOCK,
	};
	supers_set(disk, super);
	fill(disk_io(disk));
	/* Its room is not given away, and a new table has it too. */
	tap_check_eq(store_region_move(disk_io(disk), &identity,
				       STORE_REGION_META, false,
				       first + 2ULL * FORMAT_BLOCK, &error),
		     -EINVAL);
	tap_check(strstr(error.text, "overlap"));
	tap_check_eq(store_region_move(disk_io(disk), &identity,
				       STORE_REGION_META, false,
				       first + 3ULL * FORMAT_BLOCK, &error),
		     0);
	tap_check(filled(disk_io(disk)));
	super = super_of(disk, first);
	later = format_region(&super, 900);
	tap_need(later != NULL);
	tap_check_eq(later->bytes, 2 * FORMAT_BLOCK);
	later->flags = FORMAT_REGION_NEEDED;
	supers_set(disk, super);
	tap_check_eq(try_open(disk_io(disk)), -ENOTSUP);
	tap_check(strstr(error.text, "region kind 900"));
	tap_check(strstr(error.text, "newer qbd"));
	disk_free(disk);
}

static int move_log(struct disk *disk, uint64_t offset)
{
	return store_region_move(disk_io(disk), &identity, STORE_REGION_LOG,
				 false, offset, &error);
}

static void log_moves_where_there_is_room_only(void)
{
	struct disk *disk = formatted(STORE_DATA_OFFSET);
	uint64_t size = disk_io(disk)->size;
	uint64_t end = STORE_DATA_OFFSET + RIG_VOLUME_BYTES;
	uint64_t log = super_of(disk, 0).regions[2].offset;

	fill(disk_io(disk));
	disk_steps_reset(disk);
	tap_check_eq(move_log(disk, end - FORMAT_BLOCK), -EINVAL);
	tap_check_eq(move_log(disk, 0), -EINVAL);
	tap_check_eq(move_log(disk, end + 512), -EINVAL);
	tap_check_eq(move_log(disk, size - FORMAT_BLOCK), -EINVAL);
	tap_check_eq(move_log(disk, log - FORMAT_BLOCK), -EINVAL);
	tap_check_eq(store_region_move(disk_io(disk), &identity,
				       STORE_REGION_DATA, false, end, &error),
		     -EINVAL);
	tap_check_eq(store_region_move(disk_io(disk), &identity,
				       STORE_REGION_LOG, true, FORMAT_BLOCK,
				       &error),
		     -EINVAL);
	tap_check(strstr(error.text, "disk has"));
	tap_check_eq(disk_steps(disk), 0);
	tap_check_eq(move_log(disk, end), 0);
	tap_check_eq(super_of(disk, 0).regions[2].offset, end);
	disk_crash(disk, DISK_CRASH_LOSE_ALL);
	/* Of what lies at the old place nothing is used. */
	memset(disk_bytes(disk) + log, 0xa5, RIG_LOG_BYTES);
	disk_refresh(disk);
	tap_check(filled(disk_io(disk)));
	disk_free(disk);
}

/* Two disks, which outlive the pair. */
static struct store_io *paired(struct disk *first, struct disk *second)
{
	struct store_io *pair = store_io_pair(disk_io(first), disk_io(second));

	tap_check(pair != NULL);
	return pair;
}

static int pair_format(struct disk *first, struct disk *second, bool force)
{
	struct store_io *pair = paired(first, second);
	int code = store_format(pair, &identity, force, NULL, NULL, &error);

	pair->ops->close(pair);
	return code;
}

static int pair_move(struct disk *first, struct disk *second, bool to_second,
		     uint64_t offset)
{
	struct store_io *pair = paired(first, second);
	int code = store_region_move(pair, &identity, STORE_REGION_LOG,
				     to_second, offset, &error);

	pair->ops->close(pair);
	return code;
}

static int pair_open(struct disk *first, struct disk *second)
{
	struct store_io *pair = paired(first, second);
	int code = try_open(pair);

	if (code)
		pair->ops->close(pair);
	return code;
}

static void log_and_metadata_may_lie_on_a_second_disk(void)
{
	struct disk *first, *second, *blank;
	uint64_t bytes;
	struct store_identity found;

	identity = rig_identity(512);
	identity.data_offset = STORE_DATA_OFFSET;
	identity.serial = 5;
	bytes = store_bytes_needed(&identity);
	first = disk_new(STORE_DATA_OFFSET + RIG_VOLUME_BYTES + FORMAT_BLOCK,
			 512, 1);
	second = disk_new(bytes, 512, 2);
	blank = disk_new(bytes, 512, 3);
	tap_check_eq(pair_format(first, blank, false), 0);
	identity.serial = 6;
	tap_check_eq(pair_format(first, second, true), 0);
	fill(paired(first, second));
	tap_check(filled(paired(first, second)));
	/* Alone, with another's, or the wrong way round. */
	tap_check_eq(try_open(disk_io(first)), -EINVAL);
	tap_check(strstr(error.text, "second disk"));
	tap_check_eq(pair_open(first, blank), -EINVAL);
	tap_check(strstr(error.text, "does not belong"));
	tap_check_eq(store_identify(disk_io(second), &found, &error), -EINVAL);
	tap_check(strstr(error.text, "name the first one"));
	tap_check_eq(store_format(disk_io(second), &identity, false, NULL, NULL,
				  &error),
		     -EEXIST);
	disk_free(blank);
	disk_free(second);
	disk_free(first);
}

static void log_moves_to_a_blank_second_disk_and_back(void)
{
	struct disk *first = formatted(0);
	struct disk *second = disk_new(RIG_LOG_BYTES + (1U << 20), 512, 2);
	uint64_t old =
		super_of(first, format_super_first(&identity)).regions[2].offset;

	fill(disk_io(first));
	disk_flip(second, 5000, 1);
	tap_check_eq(pair_move(first, second, true, FORMAT_BLOCK), -EINVAL);
	tap_check(strstr(error.text, "does not belong"));
	disk_flip(second, 5000, 1);
	tap_check_eq(pair_move(first, second, true, FORMAT_BLOCK), 0);
	tap_check(filled(paired(first, second)));
	tap_check_eq(try_open(disk_io(first)), -EINVAL);
	tap_check_eq(pair_move(first, second, false, old), 0);
	tap_check(filled(disk_io(first)));
	disk_free(second);
	disk_free(first);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(data_may_begin_behind_the_superblock),
		TAP_TEST(disk_that_keeps_its_data_has_all_else_behind_them),
		TAP_TEST(replica_inside_the_volume_is_not_taken_for_ours),
		TAP_TEST(newer_table_counts_and_is_copied),
		TAP_TEST(tables_that_can_not_be_are_bad),
		TAP_TEST(unknown_regions_are_kept_unless_needed),
		TAP_TEST(log_moves_where_there_is_room_only),
		TAP_TEST(log_and_metadata_may_lie_on_a_second_disk),
		TAP_TEST(log_moves_to_a_blank_second_disk_and_back),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
