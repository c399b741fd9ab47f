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
	return rig_open_once(io, &identity, &error);
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
	/* Nor when it is the only good first copy. */
	disk_flip(disk, format_super_first(&identity) + 77, 4);
	tap_check_eq(try_open(disk_io(disk)), 0);
	tap_check_eq(disk_bytes(disk)[0], 'Q');
	super_of(disk, format_super_first(&identity)); /* good again */
	disk_free(disk);
}

/* Of a replica that keeps its data, block 0 is no place for a superblock. */
static void copy_that_belongs_elsewhere_is_none(void)
{
	struct disk *disk = formatted(0);
	struct store_identity found, inner = identity;
	struct format_super super;

	inner.volume_id[0] ^= 1;
	inner.volume_bytes = 8192;
	tap_need(format_super_new(&inner, 512, RIG_LOG_BYTES + 65536, 0,
				  &super));
	super_set(disk, 0, super);
	super_of(disk, 0);
	disk_flip(disk, format_super_first(&identity) + 77, 4);
	disk_flip(disk, format_super_last(disk_io(disk)->size) + 77, 4);
	tap_check_eq(store_identify(disk_io(disk), &found, &error), -EBADMSG);
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

#define FIRST_BYTES (STORE_DATA_OFFSET + RIG_VOLUME_BYTES + FORMAT_BLOCK)
#define SECOND_BYTES (RIG_LOG_BYTES + 8ULL * FORMAT_BLOCK)

static void identity_draw(uint32_t block_size)
{
	static uint64_t serial;

	identity = rig_identity(block_size);
	identity.data_offset = STORE_DATA_OFFSET;
	identity.serial = ++serial;
}

/* A replica on two disks of these sectors, as small as may be. */
static void pair_new(uint32_t first_align, uint32_t second_align,
		     struct disk **first, struct disk **second)
{
	*first = disk_new(FIRST_BYTES, first_align, 1);
	*second = disk_new(SECOND_BYTES, second_align, 2);
	tap_check_eq(pair_format(*first, *second, false), 0);
}

static void log_and_metadata_may_lie_on_a_second_disk(void)
{
	struct store_identity found;
	struct disk *first, *second;

	identity_draw(512);
	first = disk_new(FIRST_BYTES, 512, 1);
	second = disk_new(store_bytes_needed(&identity), 512, 2);
	tap_check_eq(pair_format(first, second, false), 0);
	fill(paired(first, second));
	tap_check(filled(paired(first, second)));
	tap_check_eq(store_identify_second(disk_io(second), &found, &error), 0);
	tap_check_eq(found.serial, identity.serial);
	tap_check_eq(store_identify_second(disk_io(first), &found, &error),
		     -EINVAL);
	tap_check_eq(store_identify(disk_io(second), &found, &error), -EINVAL);
	tap_check(strstr(error.text, "name the first one"));
	tap_check_eq(store_format(disk_io(second), &identity, false, NULL, NULL,
				  &error),
		     -EEXIST);
	disk_free(second);
	disk_free(first);
}

/* Nothing on either disk may change, and the text names what is wrong. */
static void pair_refused_at(struct disk *first, struct disk *second, int code,
			    const char *words, int line)
{
	disk_steps_reset(first);
	disk_steps_reset(second);
	if (!tap_check_eq(pair_open(first, second), code) ||
	    !tap_check(strstr(error.text, words) != NULL) ||
	    !tap_check_eq(disk_steps(first) + disk_steps(second), 0))
		printf("# line %d: %s\n", line, error.text);
}
#define pair_refused(first, second, code, words) \
	pair_refused_at(first, second, code, words, __LINE__)

static void wrong_pairs_are_refused_and_told_apart(void)
{
	struct disk *first, *second, *old, *other, *blank;
	struct store_identity mine;
	struct format_super super;

	identity_draw(512);
	pair_new(512, 512, &first, &old);
	mine = identity;
	identity.volume_id[0] ^= 1;
	strcpy(identity.volume_name, "other");
	pair_new(512, 512, &blank, &other);
	identity = mine;
	disk_replace(blank);
	/* The same node's, before its last format. */
	identity.serial += 1000;
	second = disk_new(SECOND_BYTES, 512, 3);
	tap_check_eq(pair_format(first, second, true), 0);
	tap_check_eq(pair_open(first, second), 0);

	tap_check_eq(try_open(disk_io(first)), -EINVAL);
	tap_check(strstr(error.text, "name that as meta-disk"));
	pair_refused(first, blank, -ENODATA, "no replica's metadata");
	pair_refused(first, other, -EINVAL, "volume (named other), not to");
	pair_refused(first, old, -EINVAL, "not formatted together");
	pair_refused(second, first, -EINVAL, "name the first one");
	disk_flip(other, 33, 1);
	pair_refused(first, other, -EBADMSG, "meta-disk is damaged");
	/* Of node 2: the same volume. */
	identity.node_id = 2;
	disk_replace(other);
	disk_replace(blank);
	tap_check_eq(pair_format(blank, other, false), 0);
	identity.node_id = 1;
	pair_refused(first, other, -EINVAL, "of node 2, not of node 1");
	pair_refused(first, blank, -EINVAL, "first disk of a replica");
	tap_check_eq(pair_open(first, second), 0);
	super = super_of(second, 0);
	super.version++;
	super_set(second, 0, super);
	pair_refused(first, second, -ENOTSUP, "use a newer qbd");
	disk_free(blank);
	disk_free(other);
	disk_free(second);
	disk_free(old);
	disk_free(first);
}

static void meta_disk_that_is_not_needed_is_refused(void)
{
	struct disk *only = formatted(STORE_DATA_OFFSET);
	struct disk *blank = disk_new(SECOND_BYTES, 512, 2);

	pair_refused(only, blank, -EINVAL, "has no meta-disk");
	tap_check_eq(try_open(disk_io(only)), 0);
	disk_free(blank);
	disk_free(only);
}

static void too_small_disk_of_a_pair_is_named(void)
{
	struct disk *first = disk_new(FIRST_BYTES, 512, 1);
	struct disk *second = disk_new(SECOND_BYTES, 512, 2);
	struct disk *smaller;

	identity_draw(512);
	tap_check_eq(store_first_bytes_needed(&identity), FIRST_BYTES);
	tap_check_eq(store_second_bytes_needed(&identity), SECOND_BYTES);
	smaller = disk_new(FIRST_BYTES - FORMAT_BLOCK, 512, 3);
	tap_check_eq(pair_format(smaller, second, true), -ENOSPC);
	tap_check(strstr(error.text, "the disk is too small"));
	disk_free(smaller);
	smaller = disk_new(SECOND_BYTES - FORMAT_BLOCK, 512, 3);
	tap_check_eq(pair_format(first, smaller, true), -ENOSPC);
	tap_check(strstr(error.text, "the meta-disk is too small"));
	/* It was large enough once. */
	tap_check_eq(pair_format(first, second, true), 0);
	memcpy(disk_bytes(smaller), disk_bytes(second),
	       SECOND_BYTES - FORMAT_BLOCK);
	disk_refresh(smaller);
	pair_refused(first, smaller, -EINVAL, "the meta-disk has");
	disk_free(smaller);
	disk_free(second);
	disk_free(first);
}

/* tests/lib/disk.c refuses what is not in whole sectors of that very disk. */
static void disks_of_a_pair_may_have_unlike_sectors(void)
{
	static const uint32_t aligns[2][2] = { { 512, 4096 }, { 4096, 512 } };
	struct disk *first, *second;
	struct store_boot boot;
	struct store *store;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		identity_draw(aligns[i][0]);
		pair_new(aligns[i][0], aligns[i][1], &first, &second);
		fill(paired(first, second));
		tap_check(filled(paired(first, second)));
		tap_check_eq(open_io(paired(first, second), &store, &boot), 0);
		tap_check_eq(boot.align, aligns[i][1]);
		store_boot_free(&boot);
		store_close(store);
		disk_free(second);
		disk_free(first);
	}
	identity_draw(512);
	first = disk_new(FIRST_BYTES, 4096, 1);
	second = disk_new(SECOND_BYTES, 512, 2);
	tap_check_eq(pair_format(first, second, true), -EINVAL);
	tap_check(strstr(error.text, "write block-size = 4096"));
	/* Moved to disks with larger sectors. */
	disk_io(first)->align = 512;
	tap_check_eq(pair_format(first, second, true), 0);
	disk_io(second)->align = 4096;
	pair_refused(first, second, -EINVAL, "this meta-disk's have 4096");
	disk_io(second)->align = 512;
	disk_io(first)->align = 4096;
	pair_refused(first, second, -EINVAL, "this disk has sectors of 4096");
	disk_free(second);
	disk_free(first);
}

/* The slow disk of the data is not waited for where the log alone is meant. */
static void log_is_synced_without_the_first_disk(void)
{
	struct raft_hard_state state = { .term = 3, .joined = true };
	struct store_checkpoint checkpoint = { .applied = 0 };
	struct raft_entry *entry;
	struct disk *first, *second;
	struct store_boot boot;
	struct store *store;
	uint64_t base;

	identity_draw(512);
	pair_new(512, 512, &first, &second);
	entry = rig_entry(&identity, 1, 1);
	tap_need(!open_io(paired(first, second), &store, &boot));
	disk_steps_reset(first);
	disk_steps_reset(second);
	tap_check_eq(store_state_save(store, &state), 0);
	tap_check_eq(store_log_append(store, &entry, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	tap_check_eq(store_log_note(store), 0);
	tap_check_eq(disk_steps(first), 0);
	tap_check(disk_syncs(second) > 0);
	/* A checkpoint speaks of the data: these first, each for itself. */
	checkpoint.applied = 1;
	checkpoint.applied_term = 1;
	checkpoint.standing = entry->standing;
	tap_check_eq(store_apply(store, &entry, 1), 0);
	disk_fail(first, DISK_SYNC, 1);
	disk_steps_reset(second);
	tap_check_eq(store_checkpoint(store, &checkpoint, &base), -EIO);
	tap_check_eq(store_failed_disk(store), 0);
	tap_check_eq(disk_steps(second), 0);
	raft_entry_put(entry);
	store_boot_free(&boot);
	store_close(store);
	disk_free(second);
	disk_free(first);
}

static void failed_disk_of_a_pair_is_named(void)
{
	struct raft_hard_state state = { .term = 3, .joined = true };
	struct disk *first, *second;
	struct store_boot boot;
	struct store *store;

	identity_draw(512);
	pair_new(512, 512, &first, &second);
	tap_need(!open_io(paired(first, second), &store, &boot));
	disk_fail(second, DISK_WRITE, 1);
	tap_check_eq(store_state_save(store, &state), -EIO);
	tap_check_eq(store_failed_disk(store), 1);
	tap_check(
		strstr(store_failure(store), "write at 4096 of the meta-disk"));
	tap_check_eq(store_image_write(store, 0, NULL, 4096), -EIO);
	store_boot_free(&boot);
	store_close(store);
	disk_free(second);
	disk_free(first);
}

/* Else an old replica would come back when the disk is used alone. */
static void old_superblocks_of_a_second_disk_go(void)
{
	static const uint64_t offsets[] = { 0, STORE_DATA_OFFSET };
	struct store_identity found;
	struct disk *first, *old;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		old = formatted(offsets[i]);
		first = disk_new(FIRST_BYTES, 512, 1);
		identity_draw(512);
		tap_check_eq(pair_format(first, old, false), -EEXIST);
		tap_check(strstr(error.text, "meta-disk holds data") != NULL);
		tap_check_eq(pair_format(first, old, true), 0);
		disk_crash(old, DISK_CRASH_LOSE_ALL);
		memset(disk_bytes(old), 0, FORMAT_BLOCK);
		disk_refresh(old);
		tap_check_eq(store_identify(disk_io(old), &found, &error),
			     -ENODATA);
		disk_free(first);
		disk_free(old);
	}
}

static void log_moves_to_a_blank_second_disk_and_back(void)
{
	struct disk *first = formatted(0);
	struct disk *second = disk_new(RIG_LOG_BYTES + (1U << 20), 512, 2);
	uint64_t old =
		super_of(first, format_super_first(&identity)).regions[2].offset;

	fill(disk_io(first));
	disk_flip(second, 5000, 1);
	tap_check_eq(pair_move(first, second, true, FORMAT_BLOCK), -ENODATA);
	tap_check(strstr(error.text, "no replica's metadata"));
	disk_io(second)->align = 4096;
	disk_flip(second, 5000, 1);
	tap_check_eq(pair_move(first, second, true, FORMAT_BLOCK), -EINVAL);
	tap_check(strstr(error.text, "smaller than that disk's sectors"));
	disk_flip(second, 5000, 1);
	disk_io(second)->align = 512;
	disk_flip(second, 5000, 1);
	tap_check_eq(pair_move(first, second, true, FORMAT_BLOCK), 0);
	tap_check(filled(paired(first, second)));
	tap_check_eq(try_open(disk_io(first)), -EINVAL);
	tap_check_eq(pair_move(first, second, false, old), 0);
	tap_check(filled(disk_io(first)));
	disk_free(second);
	disk_free(first);
}

/*
 * Whatever fails, and when: the move is told to have failed, and one of the two
 * places counts and has all.
 */
static unsigned int moves_failed(unsigned int ops, bool damaged, bool to_second)
{
	unsigned int nth, failed = 0;

	for (nth = 1; nth <= 16; nth++) {
		struct disk *disk = formatted(STORE_DATA_OFFSET);
		struct disk *second = disk_new(SECOND_BYTES, 512, nth);
		uint64_t end = STORE_DATA_OFFSET + RIG_VOLUME_BYTES;
		int code;

		fill(disk_io(disk));
		disk_crash(disk, DISK_CRASH_KEEP_ALL);
		if (damaged)
			disk_flip(disk, 77, 4);
		error.text[0] = '\0';
		disk_fail(to_second ? second : disk, ops, nth);
		code = to_second ? pair_move(disk, second, true, FORMAT_BLOCK) :
				   move_log(disk, end);
		disk_fail(to_second ? second : disk, 0, 0);
		if (code) {
			tap_check_eq(code, -EIO);
			tap_check(strncmp(error.text, "can't ", 6) == 0);
			failed++;
		}
		disk_crash(disk, DISK_CRASH_LOSE_ALL);
		disk_crash(second, DISK_CRASH_LOSE_ALL);
		/* The second disk is needed where the move went through. */
		if (to_second && try_open(disk_io(disk)) != 0)
			tap_check(filled(paired(disk, second)));
		else
			tap_check(filled(disk_io(disk)));
		disk_free(second);
		disk_free(disk);
	}
	return failed;
}

static void failed_move_is_told_and_leaves_a_replica(void)
{
	/* A superblock that can't be read has its twin; the region none. */
	tap_check_eq(moves_failed(DISK_READ, false, false), 1);
	/* Region, both superblocks, wiping: each with its sync; one before */
	tap_check_eq(moves_failed(DISK_WRITE | DISK_SYNC, false, false), 9);
	/* First the superblock that was bad is made good. */
	tap_check_eq(moves_failed(DISK_WRITE | DISK_SYNC, true, false), 11);
	/* Is it blank, and then, is it ours? */
	tap_check_eq(moves_failed(DISK_READ, false, true), 2);
	tap_check(moves_failed(DISK_WRITE | DISK_SYNC, false, true) >= 4);
}

static void move_of_what_is_not_ours_changes_nothing(void)
{
	struct disk *disk = formatted(STORE_DATA_OFFSET);
	struct disk *blank = disk_new(disk_io(disk)->size, 512, 2);
	uint64_t end = STORE_DATA_OFFSET + RIG_VOLUME_BYTES;
	const struct store_identity mine = identity;

	disk_steps_reset(disk);
	tap_check_eq(move_log(blank, end), -ENODATA);
	identity.node_id++;
	tap_check_eq(move_log(disk, end), -EINVAL);
	tap_check(strstr(error.text, "replica of node 1, not of node 2"));
	identity = mine;
	identity.volume_id[0] ^= 1;
	tap_check_eq(move_log(disk, end), -EINVAL);
	tap_check(strstr(error.text, "belongs to another volume"));
	identity = mine;
	/* Who does not want to know why may leave it out. */
	tap_check_eq(store_region_move(disk_io(disk), &identity,
				       STORE_REGION_DATA, false, end, NULL),
		     -EINVAL);
	tap_check_eq(disk_steps(disk) + disk_steps(blank), 0);
	disk_free(blank);
	disk_free(disk);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(data_may_begin_behind_the_superblock),
		TAP_TEST(disk_that_keeps_its_data_has_all_else_behind_them),
		TAP_TEST(replica_inside_the_volume_is_not_taken_for_ours),
		TAP_TEST(copy_that_belongs_elsewhere_is_none),
		TAP_TEST(newer_table_counts_and_is_copied),
		TAP_TEST(tables_that_can_not_be_are_bad),
		TAP_TEST(unknown_regions_are_kept_unless_needed),
		TAP_TEST(log_moves_where_there_is_room_only),
		TAP_TEST(log_and_metadata_may_lie_on_a_second_disk),
		TAP_TEST(wrong_pairs_are_refused_and_told_apart),
		TAP_TEST(meta_disk_that_is_not_needed_is_refused),
		TAP_TEST(too_small_disk_of_a_pair_is_named),
		TAP_TEST(disks_of_a_pair_may_have_unlike_sectors),
		TAP_TEST(log_is_synced_without_the_first_disk),
		TAP_TEST(failed_disk_of_a_pair_is_named),
		TAP_TEST(old_superblocks_of_a_second_disk_go),
		TAP_TEST(log_moves_to_a_blank_second_disk_and_back),
		TAP_TEST(failed_move_is_told_and_leaves_a_replica),
		TAP_TEST(move_of_what_is_not_ours_changes_nothing),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
