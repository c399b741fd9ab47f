/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* What a superblock may not say, behind a good checksum, and who reads it. */
#include <errno.h>
#include <stdlib.h>

#include "store/store.h"
#include "tap.h"
#include "tests/lib/disk.h"
#include "tests/lib/replica.h"

#define ODD (FORMAT_BLOCK / 2) /* no multiple of a block */

static struct store_identity identity;
static struct format_super super;
static struct format_region *data, *meta, *ring;

static struct format_region *region(enum store_region kind)
{
	unsigned int i;

	for (i = 0; i < super.region_count; i++)
		if (super.regions[i].kind == (uint16_t)kind)
			return &super.regions[i];
	abort();
}

/* One that is good in all. */
static void begin(void)
{
	identity = rig_identity(512);
	tap_check(
		format_super_new(&identity, 512, rig_disk_bytes(), 0, &super));
	super.generation = 1;
	data = region(STORE_REGION_DATA);
	meta = region(STORE_REGION_META);
	ring = region(STORE_REGION_LOG);
}

/* It is refused for this reason, in each place where it is looked at. */
static void check_refused(const char *why)
{
	uint8_t bytes[FORMAT_META_BYTES];
	struct format_super back;
	const char *said = format_super_check(&super);

	if (!tap_check(said && strstr(said, why)))
		printf("# \"%s\", not \"%s\"\n", said ? said : "", why);
	super.offset = FORMAT_BLOCK;
	format_super_encode(&super, bytes);
	tap_check_eq(format_super_decode(bytes, FORMAT_BLOCK, &back),
		     FORMAT_BAD);
	begin();
}

static void identity_that_can_not_be_is_named(void)
{
	begin();
	tap_check(!format_super_check(&super));
	super.identity.node_id = 0;
	check_refused("node id is 0");
	super.identity.volume_name[0] = '\0';
	check_refused("no volume name");
	memset(super.identity.volume_name, 'x',
	       sizeof(super.identity.volume_name));
	check_refused("no volume name, or too long");
	super.identity.block_size = 1024;
	check_refused("block size is neither");
	/* These follow from the regions, when they are read. */
	super.identity.volume_bytes = 0;
	tap_check(format_identity_check(&super.identity) != NULL);
	super.identity.volume_bytes = FORMAT_BYTES_MAX + 512;
	tap_check(format_identity_check(&super.identity) != NULL);
	super.identity.volume_bytes = RIG_VOLUME_BYTES + 1;
	tap_check(format_identity_check(&super.identity) != NULL);
	begin();
	super.identity.log_bytes = FORMAT_RING_BYTES_MIN - FORMAT_BLOCK;
	tap_check(format_identity_check(&super.identity) != NULL);
	super.identity.log_bytes = FORMAT_BYTES_MAX + FORMAT_BLOCK;
	tap_check(format_identity_check(&super.identity) != NULL);
	super.identity.log_bytes = RIG_LOG_BYTES + ODD;
	tap_check(format_identity_check(&super.identity) != NULL);
	begin();
	super.identity.data_offset = ODD;
	tap_check(format_identity_check(&super.identity) != NULL);
	super.identity.data_offset = FORMAT_BYTES_MAX + FORMAT_BLOCK;
	tap_check(format_identity_check(&super.identity) != NULL);
}

static void region_that_can_not_be_is_named(void)
{
	begin();
	ring->kind = 0;
	check_refused("impossible");
	ring->device = 2;
	check_refused("impossible");
	meta->bytes = 0;
	check_refused("impossible");
	meta->offset += ODD;
	check_refused("impossible");
	meta->bytes += ODD;
	check_refused("impossible");
	meta->offset = 2 * FORMAT_BYTES_MAX + FORMAT_BLOCK;
	check_refused("impossible");
	meta->bytes = 2 * FORMAT_BYTES_MAX + FORMAT_BLOCK;
	check_refused("impossible");
	meta->offset = format_super_first(&identity);
	check_refused("over the superblock");
	meta->offset = ring->offset;
	check_refused("overlap");
}

static void table_that_lacks_or_doubles_a_region_is_refused(void)
{
	enum store_region kinds[] = { STORE_REGION_DATA, STORE_REGION_META,
				      STORE_REGION_LOG };
	unsigned int i;

	for (i = 0; i < TAP_COUNT(kinds); i++) {
		begin();
		/* Kinds that we don't know may be there. */
		region(kinds[i])->kind = 99;
		tap_check_str(format_super_check(&super),
			      "a region is missing");
	}
	begin();
	super.regions[super.region_count] = *meta;
	super.regions[super.region_count++].offset = 1ULL << 40;
	check_refused("two regions of one kind");
}

static void region_that_does_not_do_is_named(void)
{
	begin();
	data->device = 1;
	data->offset = 1 << 20;
	tap_check(strstr(format_super_check(&super), "does not fit"));
	begin();
	super.identity.volume_bytes = data->bytes + FORMAT_BLOCK;
	tap_check(format_super_check(&super) != NULL);
	begin();
	meta->bytes = FORMAT_BLOCK;
	check_refused("metadata does not fit");
	super.identity.log_bytes = ring->bytes + FORMAT_BLOCK;
	tap_check_str(format_super_check(&super),
		      "the log has another size than its region");
	begin();
	super.align = 1024;
	check_refused("neither 512 nor 4096");
	super.align = 4096;
	check_refused("write block-size = 4096");
}

static void head_that_can_not_be_is_bad(void)
{
	uint8_t bytes[FORMAT_META_BYTES];
	struct format_super back;
	uint16_t many = htole16(FORMAT_REGIONS_MAX + 1);
	uint32_t version = htole32(FORMAT_VERSION + 1);
	uint64_t generations[] = { 0, FORMAT_NUMBER_MAX };
	unsigned int i;

	begin();
	super.offset = 4 * FORMAT_BLOCK;
	format_super_encode(&super, bytes);
	tap_check_eq(format_super_decode(bytes, super.offset, &back),
		     FORMAT_GOOD);
	tap_check_eq(format_super_decode(bytes, 0, &back), FORMAT_BAD);
	memcpy(bytes + 70, &many, sizeof(many));
	rig_seal(bytes, 8, FORMAT_META_BYTES);
	tap_check_eq(format_super_decode(bytes, super.offset, &back),
		     FORMAT_BAD);
	for (i = 0; i < 2; i++) {
		super.generation = generations[i];
		format_super_encode(&super, bytes);
		tap_check_eq(format_super_decode(bytes, super.offset, &back),
			     FORMAT_BAD);
	}
	memcpy(bytes + 12, &version, sizeof(version));
	rig_seal(bytes, 8, FORMAT_META_BYTES);
	tap_check_eq(format_super_decode(bytes, super.offset, &back),
		     FORMAT_OTHER);
	tap_check_eq(back.version, FORMAT_VERSION + 1);
}

static void disk_without_room_has_no_last_superblock(void)
{
	tap_check_eq(format_super_last(0), 0);
	tap_check_eq(format_super_last(2 * FORMAT_BLOCK - 1), 0);
	tap_check_eq(format_super_last(2 * FORMAT_BLOCK), FORMAT_BLOCK);
}

static void disk_that_ends_before_the_superblocks_has_none(void)
{
	static const uint64_t sizes[] = { FORMAT_BLOCK, 2 * FORMAT_BLOCK,
					  RIG_VOLUME_BYTES };
	struct base_error error = { .text = "" };
	struct store_identity found;
	struct disk *disk;
	unsigned int i;

	begin();
	for (i = 0; i < TAP_COUNT(sizes); i++) {
		disk = disk_new(sizes[i], 512, 1);
		tap_check_eq(store_check(disk_io(disk), &identity, &found,
					 &error),
			     -ENODATA);
		disk_free(disk);
	}
}

/* Without opening it, and without knowing whose it is. */
static void disk_says_whose_replica_it_has(void)
{
	struct disk *disk = disk_new(rig_disk_bytes(), 512, 1);
	struct store_identity found = { .node_id = 77 };
	struct base_error error = { .text = "" };
	struct store_io *io = disk_io(disk);

	begin();
	tap_check(store_check(io, NULL, &found, &error) != 0);
	tap_check_eq(found.node_id, 77);
	tap_check_eq(store_format(io, &identity, false, NULL, NULL, &error), 0);
	tap_check_eq(store_check(io, NULL, &found, &error), 0);
	tap_check_eq(found.node_id, identity.node_id);
	tap_check_str(found.volume_name, identity.volume_name);
	found.node_id = 77;
	identity.node_id++;
	tap_check(store_check(io, &identity, &found, &error) != 0);
	tap_check_eq(found.node_id, 77);
	disk_free(disk);
}

/* One copy does; where none can be read, the disk is not said to be blank. */
static void superblocks_that_can_not_be_read_are_no_blank_disk(void)
{
	struct disk *disk = disk_new(rig_disk_bytes(), 512, 1);
	struct base_error error = { .text = "" };
	struct store_io *io = disk_io(disk);
	struct store_identity found;
	uint64_t at;

	begin();
	tap_check_eq(store_format(io, &identity, false, NULL, NULL, &error), 0);
	for (at = 0; at < FORMAT_BLOCK; at += DISK_SECTOR)
		disk_unreadable(disk, format_super_last(io->size) + at);
	tap_check_eq(store_check(io, &identity, &found, &error), 0);
	for (at = 0; at < FORMAT_BLOCK; at += DISK_SECTOR)
		disk_unreadable(disk, format_super_first(&identity) + at);
	for (at = 0; at < FORMAT_BLOCK; at += DISK_SECTOR)
		disk_unreadable(disk, at);
	tap_check_eq(store_check(io, &identity, &found, &error), -EIO);
	tap_check(strstr(error.text, strerror(EIO)) != NULL);
	disk_free(disk);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(identity_that_can_not_be_is_named),
		TAP_TEST(region_that_can_not_be_is_named),
		TAP_TEST(table_that_lacks_or_doubles_a_region_is_refused),
		TAP_TEST(region_that_does_not_do_is_named),
		TAP_TEST(head_that_can_not_be_is_bad),
		TAP_TEST(disk_without_room_has_no_last_superblock),
		TAP_TEST(disk_that_ends_before_the_superblocks_has_none),
		TAP_TEST(disk_says_whose_replica_it_has),
		TAP_TEST(superblocks_that_can_not_be_read_are_no_blank_disk),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
