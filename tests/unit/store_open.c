/* build: tests/lib/disk.c */
// SPDX-License-Identifier: GPL-2.0
/* Formatting, whose disk it is, and the two superblocks. */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/disk.h"
#include "tests/lib/replica.h"
#include "store/format.h"
#include "tap.h"

static struct store_identity identity;
static struct base_error error;

static struct disk *formatted(uint64_t spare)
{
	struct disk *disk;

	identity = rig_identity(512);
	disk = disk_new(rig_disk_bytes() + spare, 512, 1);
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  &error),
		     0);
	return disk;
}

/* Open and close; what store_open() said. */
static int try_open(struct disk *disk, const struct store_identity *expected,
		    bool read_only)
{
	struct store_boot boot;
	struct store *store;
	int code;

	code = store_open(disk_io(disk), expected, read_only, &store, &boot,
			  &error);
	if (code)
		return code;
	store_boot_free(&boot);
	store_close(store);
	return 0;
}

static void blank_disk_is_no_replica(void)
{
	struct disk *disk = disk_new(rig_disk_bytes(), 512, 1);
	struct store_identity found;

	identity = rig_identity(512);
	tap_check_eq(store_identify(disk_io(disk), &found, &error), -ENODATA);
	tap_check_eq(try_open(disk, &identity, false), -ENODATA);
	tap_check(strstr(error.text, "qbd format"));
	disk_free(disk);
}

static void superblock_says_whose_it_is(void)
{
	struct disk *disk = formatted(12288);
	struct store_identity found;

	tap_need(store_identify(disk_io(disk), &found, &error) == 0);
	tap_check(memcmp(found.volume_id, identity.volume_id, 16) == 0);
	tap_check_str(found.volume_name, "vol0");
	tap_check_eq(found.node_id, 1);
	tap_check_eq(found.block_size, 512);
	tap_check_eq(found.volume_bytes, RIG_VOLUME_BYTES);
	tap_check_eq(found.log_bytes, RIG_LOG_BYTES);
	tap_check_eq(try_open(disk, NULL, true), 0);
	disk_free(disk);
}

static void wrong_disk_is_refused(void)
{
	struct disk *disk = formatted(0);
	struct store_identity other = identity;

	other.volume_id[3] ^= 1;
	tap_check_eq(try_open(disk, &other, false), -EINVAL);
	tap_check(strstr(error.text, "another volume"));
	other = identity;
	other.node_id = 2;
	tap_check_eq(try_open(disk, &other, false), -EINVAL);
	tap_check(strstr(error.text, "node 1, not of node 2"));
	other = identity;
	other.volume_bytes += 4096;
	tap_check_eq(try_open(disk, &other, false), -EINVAL);
	tap_check(strstr(error.text,
			 "the configuration says \"132K\"; put size "
			 "= \"128K\"; back"));
	other = identity;
	other.block_size = 4096;
	tap_check_eq(try_open(disk, &other, false), -EINVAL);
	tap_check(strstr(error.text, "put block-size = 512; back"));
	/* The log's size is the disk's own affair. */
	other = identity;
	other.log_bytes *= 2;
	tap_check_eq(try_open(disk, &other, false), 0);
	disk_free(disk);
}

static void small_disk_is_told_what_is_needed(void)
{
	struct disk *disk = disk_new(rig_disk_bytes() - 4096, 512, 1);
	char needed[32];

	identity = rig_identity(512);
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  &error),
		     -ENOSPC);
	snprintf(needed, sizeof(needed), "needs %" PRIu64, rig_disk_bytes());
	tap_check(strstr(error.text, needed));
	tap_check_eq(disk_steps(disk), 0);
	disk_free(disk);
}

static void impossible_volumes_are_refused(void)
{
	struct disk *disk = disk_new(rig_disk_bytes(), 4096, 1);
	struct store_identity bad[6];
	unsigned int i;

	for (i = 0; i < 6; i++)
		bad[i] = rig_identity(4096);
	bad[0].block_size = 512; /* below the disk's sectors */
	bad[1].node_id = 0;
	bad[2].volume_bytes = 4097;
	bad[3].log_bytes = 4096;
	memset(bad[4].volume_name, 'x', sizeof(bad[4].volume_name));
	bad[5].volume_bytes = UINT64_MAX / 4096 * 4096;
	for (i = 0; i < 6; i++) {
		tap_check_eq(store_format(disk_io(disk), &bad[i], true, NULL,
					  NULL, &error),
			     -EINVAL);
		tap_check(error.text[0]);
	}
	tap_check_eq(disk_steps(disk), 0);
	disk_free(disk);
}

static void replica_and_data_are_not_overwritten(void)
{
	struct disk *disk = formatted(0);
	struct store_identity other = identity;

	other.volume_bytes -= 8192;
	disk_steps_reset(disk);
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  &error),
		     -EEXIST);
	tap_check(strstr(error.text, "volume vol0, node 1"));
	tap_check_eq(store_format(disk_io(disk), &other, false, NULL, NULL,
				  &error),
		     -EEXIST);
	/* A damaged one is one too. */
	disk_flip(disk, format_super_last(disk_io(disk)->size) + 20, 1);
	disk_flip(disk, format_super_first(&identity) + 20, 1);
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  &error),
		     -EEXIST);
	tap_check_eq(disk_steps(disk), 0);
	tap_check_eq(store_format(disk_io(disk), &other, true, NULL, NULL,
				  &error),
		     0);
	tap_check_eq(try_open(disk, &other, false), 0);
	tap_check_eq(try_open(disk, &identity, false), -EINVAL);
	disk_free(disk);

	disk = disk_new(rig_disk_bytes(), 512, 1);
	disk_flip(disk, 1080, 0x53); /* as a file system's magic */
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  &error),
		     -EEXIST);
	tap_check(strstr(error.text, "byte 1080"));
	tap_check_eq(disk_steps(disk), 0);
	disk_free(disk);
}

static void format_wipes_what_was_there(void)
{
	struct disk *disk = disk_new(rig_disk_bytes(), 512, 1);
	uint64_t i;

	identity = rig_identity(512);
	for (i = 0; i < disk_io(disk)->size; i++)
		disk_bytes(disk)[i] = (uint8_t)(i * 7 + 1);
	disk_refresh(disk);
	tap_check_eq(store_format(disk_io(disk), &identity, true, NULL, NULL,
				  &error),
		     0);
	disk_crash(disk, DISK_CRASH_LOSE_ALL);
	for (i = 0; i < RIG_VOLUME_BYTES; i++)
		tap_need(disk_bytes(disk)[i] == 0);
	tap_check_eq(try_open(disk, &identity, false), 0);
	disk_free(disk);
}

/* An old log behind a forced format must never come back. */
static void format_forgets_the_old_log(void)
{
	struct disk *disk = formatted(0);
	struct raft_entry *entry = rig_entry(&identity, 1, 1);
	struct store_boot boot;
	struct store *store;

	tap_need(store_open(disk_io(disk), &identity, false, &store, &boot,
			    &error) == 0);
	tap_check_eq(store_log_append(store, &entry, 1), 0);
	tap_check_eq(store_log_sync(store), 0);
	raft_entry_put(entry);
	store_boot_free(&boot);
	store_close(store);
	tap_check_eq(store_format(disk_io(disk), &identity, true, NULL, NULL,
				  &error),
		     0);
	tap_need(store_open(disk_io(disk), &identity, false, &store, &boot,
			    &error) == 0);
	tap_check_eq(boot.last_index, 0);
	tap_check_str(boot.damage, "");
	store_boot_free(&boot);
	store_close(store);
	disk_free(disk);
}

static void interrupted_format_leaves_none_or_all(void)
{
	unsigned int step, how, none = 0, all = 0, old = 0;
	struct store_identity other;
	struct disk *disk;
	int code;

	for (step = 1; step < 24; step++) {
		for (how = 0; how < DISK_CRASH_ANY; how++) {
			disk = formatted(0);
			other = identity;
			other.volume_bytes -= 40960;
			other.volume_id[0] = 'x';
			disk_stop_after(disk, step);
			code = store_format(disk_io(disk), &other, true, NULL,
					    NULL, &error);
			tap_check(code == 0 || disk_is_off(disk));
			disk_crash(disk, how);
			code = try_open(disk, NULL, false);
			if (code == 0 && try_open(disk, &other, false) == 0)
				all++;
			else if (code == 0 &&
				 try_open(disk, &identity, false) == 0)
				old++;
			else if (tap_check(code == -ENODATA ||
					   code == -EBADMSG))
				none++;
			disk_free(disk);
		}
	}
	printf("# %u old, %u none, %u new\n", old, none, all);
	tap_check(old && none && all);
}

static void one_superblock_is_enough_and_is_copied(void)
{
	uint64_t places[2], at;
	struct store_identity found;
	unsigned int i, bit;
	struct disk *disk = formatted(0);

	places[0] = format_super_first(&identity);
	places[1] = format_super_last(disk_io(disk)->size);
	for (at = 0; at < FORMAT_META_BYTES; at++) {
		bit = (unsigned int)(at % 8);
		for (i = 0; i < 2; i++) {
			disk_flip(disk, places[i] + at, (uint8_t)(1U << bit));
			tap_need(try_open(disk, &identity, true) == 0);
			tap_need(try_open(disk, &identity, false) == 0);
			disk_crash(disk, DISK_CRASH_LOSE_ALL);
			disk_flip(disk, places[!i] + at, (uint8_t)(1U << bit));
			tap_need(try_open(disk, &identity, false) == 0);
		}
	}
	/* Both bad: told, not taken for blank, nothing changed. */
	disk_flip(disk, places[0] + 100, 1);
	disk_flip(disk, places[1] + 100, 1);
	disk_steps_reset(disk);
	tap_check_eq(try_open(disk, &identity, false), -EBADMSG);
	tap_check(strstr(error.text, "superblock is damaged"));
	tap_check_eq(store_identify(disk_io(disk), &found, &error), -EBADMSG);
	disk_flip(disk, places[0] + 100, 1);
	/* Also who doesn't know the volume finds the first copy. */
	tap_check_eq(store_identify(disk_io(disk), &found, &error), 0);
	tap_check_eq(disk_steps(disk), 0);
	disk_free(disk);
}

static void superblock_elsewhere_is_none(void)
{
	struct disk *disk = formatted(8192);
	uint64_t end = format_super_last(disk_io(disk)->size);

	/* The disk became smaller: the last block is an image's inside. */
	memcpy(disk_bytes(disk) + end,
	       disk_bytes(disk) + format_super_first(&identity), 4096);
	memset(disk_bytes(disk) + format_super_first(&identity), 0, 4096);
	disk_refresh(disk);
	tap_check_eq(try_open(disk, &identity, false), -EBADMSG);
	disk_free(disk);
}

static void copied_to_a_larger_disk_it_opens(void)
{
	struct disk *disk = formatted(0);
	struct disk *larger = disk_new(rig_disk_bytes() + 65536, 512, 1);
	struct disk *smaller = disk_new(rig_disk_bytes() - 8192, 512, 1);
	struct store_identity found;

	memcpy(disk_bytes(larger), disk_bytes(disk), rig_disk_bytes());
	disk_refresh(larger);
	tap_check_eq(store_identify(disk_io(larger), &found, &error), -ENODATA);
	tap_check_eq(try_open(larger, &identity, false), 0);
	tap_check_eq(store_identify(disk_io(larger), &found, &error), 0);
	memcpy(disk_bytes(smaller), disk_bytes(disk), rig_disk_bytes() - 8192);
	disk_refresh(smaller);
	tap_check_eq(try_open(smaller, &identity, false), -EINVAL);
	tap_check(strstr(error.text, "smaller"));
	disk_free(smaller);
	disk_free(larger);
	disk_free(disk);
}

static void sectors_may_shrink_but_not_grow(void)
{
	struct disk *disk = disk_new(rig_disk_bytes(), 4096, 1);
	struct store_boot boot;
	struct store *store;

	identity = rig_identity(4096);
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  &error),
		     0);
	disk_io(disk)->align = 512;
	tap_check_eq(store_open(disk_io(disk), &identity, false, &store, &boot,
				&error),
		     0);
	tap_check_eq(boot.align, 4096);
	store_boot_free(&boot);
	store_close(store);
	disk_free(disk);

	disk = disk_new(rig_disk_bytes(), 512, 1);
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  &error),
		     0);
	disk_io(disk)->align = 4096;
	tap_check_eq(try_open(disk, &identity, false), -EINVAL);
	tap_check(strstr(error.text, "sectors"));
	disk_free(disk);
}

/* Its layout is the same as far as the version. */
static struct disk *of_version(uint32_t version)
{
	struct disk *disk = formatted(0);
	struct format_super super;

	tap_check(
		format_super_new(&identity, 512, rig_disk_bytes(), 0, &super));
	super.version = version;
	super.offset = format_super_last(disk_io(disk)->size);
	format_super_encode(&super, disk_bytes(disk) + super.offset);
	super.offset = format_super_first(&identity);
	format_super_encode(&super, disk_bytes(disk) + super.offset);
	disk_refresh(disk);
	return disk;
}

static void later_version_is_refused(void)
{
	struct disk *disk = of_version(FORMAT_VERSION + 1);

	tap_check_eq(try_open(disk, &identity, false), -ENOTSUP);
	tap_check(strstr(error.text, "version 4"));
	tap_check(strstr(error.text, "newer qbd"));
	tap_check_eq(store_format(disk_io(disk), &identity, false, NULL, NULL,
				  &error),
		     -EEXIST);
	disk_free(disk);
}

static void older_version_is_refused_with_a_remedy(void)
{
	struct disk *disk = disk_new(rig_disk_bytes(), 512, 1);
	uint64_t places[2] = { RIG_VOLUME_BYTES,
			       format_super_last(disk_io(disk)->size) };
	unsigned int i, copies;

	identity = rig_identity(512);
	/* With both copies, and with either alone. */
	for (copies = 3; copies; copies--) {
		for (i = 0; i < 2; i++) {
			uint8_t *at = disk_bytes(disk) + places[i];

			memset(at, 0, FORMAT_META_BYTES);
			if (copies & (1U << i))
				rig_put_version_2(&identity, places[i], at);
		}
		disk_refresh(disk);
		disk_steps_reset(disk);
		tap_check_eq(try_open(disk, &identity, false), -ENOTSUP);
		tap_check(strstr(error.text, "an older qbd (format version 2"));
		tap_check(strstr(error.text, "format the disk anew"));
		tap_check_eq(store_format(disk_io(disk), &identity, false, NULL,
					  NULL, &error),
			     -EEXIST);
		tap_check_eq(disk_steps(disk), 0);
	}
	tap_check_eq(store_format(disk_io(disk), &identity, true, NULL, NULL,
				  &error),
		     0);
	tap_check_eq(try_open(disk, &identity, false), 0);
	disk_free(disk);
}

static void read_only_open_changes_nothing(void)
{
	struct disk *disk = formatted(0);
	struct store_boot boot;
	struct store *store;

	disk_flip(disk, format_super_first(&identity), 1);
	disk_steps_reset(disk);
	tap_need(store_open(disk_io(disk), NULL, true, &store, &boot, &error) ==
		 0);
	tap_check_eq(store_log_append(store, NULL, 0), -EROFS);
	tap_check_eq(store_log_sync(store), -EROFS);
	tap_check_eq(store_state_save(store, &boot.state), -EROFS);
	tap_check_eq(store_image_write(store, 0, NULL, 4096), -EROFS);
	tap_check_eq(store_checkpoint(store, &boot.checkpoint,
				      &boot.base_index),
		     -EROFS);
	tap_check_str(store_failure(store), "");
	store_boot_free(&boot);
	store_close(store);
	tap_check_eq(disk_steps(disk), 0);
	disk_free(disk);
}

static void failing_disk_is_told(void)
{
	struct disk *disk = formatted(0);
	unsigned int i;

	for (i = 1; i <= 8; i++) {
		disk_fail(disk, DISK_READ, i);
		/* A slot or a superblock that can't be read has its twin; a
		 * sector of the ring is read again, smaller. */
		tap_check_eq(try_open(disk, &identity, true), 0);
	}
	disk_fail(disk, 0, 0);
	for (i = 1; i <= 5; i++) {
		disk_fail(disk, DISK_WRITE | DISK_SYNC, i);
		tap_check_eq(try_open(disk, &identity, false), -EIO);
		tap_check(strstr(error.text, "can't write"));
	}
	for (i = 1; i <= 16; i++) {
		disk_fail(disk, DISK_WRITE | DISK_SYNC, i);
		tap_check_eq(store_format(disk_io(disk), &identity, true, NULL,
					  NULL, &error),
			     -EIO);
	}
	disk_free(disk);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(blank_disk_is_no_replica),
		TAP_TEST(superblock_says_whose_it_is),
		TAP_TEST(wrong_disk_is_refused),
		TAP_TEST(small_disk_is_told_what_is_needed),
		TAP_TEST(impossible_volumes_are_refused),
		TAP_TEST(replica_and_data_are_not_overwritten),
		TAP_TEST(format_wipes_what_was_there),
		TAP_TEST(format_forgets_the_old_log),
		TAP_TEST(interrupted_format_leaves_none_or_all),
		TAP_TEST(one_superblock_is_enough_and_is_copied),
		TAP_TEST(superblock_elsewhere_is_none),
		TAP_TEST(copied_to_a_larger_disk_it_opens),
		TAP_TEST(sectors_may_shrink_but_not_grow),
		TAP_TEST(later_version_is_refused),
		TAP_TEST(older_version_is_refused_with_a_remedy),
		TAP_TEST(read_only_open_changes_nothing),
		TAP_TEST(failing_disk_is_told),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
