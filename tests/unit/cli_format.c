// SPDX-License-Identifier: GPL-2.0
/* qbd format: what it makes, and what it does not overwrite. */
#include "cli_rig.h"

#include <sched.h>
#include <sys/mount.h>

#include "base/crc.h"
#include "cli/probe.h"
#include "tests/lib/replica.h"
#include "loop.h"
#include "store/store.h"

#define DISK_BYTES (32U << 20)

static char disk[64];

static bool make_disk(uint64_t size)
{
	int fd, ret;

	snprintf(disk, sizeof(disk), "%s/disk", rig_folder);
	fd = open(disk, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ret = ftruncate(fd, (off_t)size);
	close(fd);
	return tap_check(!ret);
}

/* A sum over all of the disk: did anything change? */
static uint32_t disk_sum(void)
{
	static uint8_t bytes[DISK_BYTES];
	int fd = open(disk, O_RDONLY);
	ssize_t size = read(fd, bytes, sizeof(bytes));

	close(fd);
	return base_crc32c(0, bytes, size > 0 ? (size_t)size : 0);
}

static void blank_file_becomes_a_replica(void)
{
	tap_need(rig_setup() && make_disk(DISK_BYTES));
	tap_check_eq(rig_run("format", "vol0", NULL), 0);
	rig_said("is a blank replica of node n1 now, 1 MiB and a log of "
		 "16 MiB");
	rig_teardown();
}

/* Its filesystem is not seen there, and one finds it who knows where it is. */
static void volume_begins_behind_the_superblock(void)
{
	struct store_identity identity = { .data_offset = 0 };
	char command[192], what[256];
	struct base_error error;
	struct store_io *io;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	tap_check_eq(rig_run("format", "vol0", NULL), 0);
	io = store_io_open(disk, 1, &error);
	tap_need(io != NULL);
	tap_check_eq(store_identify(io, &identity, &error), 0);
	tap_check_eq(identity.data_offset, STORE_DATA_OFFSET);
	io->ops->close(io);
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -F -b 1024 "
		 "-O ^has_journal -E offset=1048576 %s 1024 2>&1",
		 disk);
	if (system(command)) {
		tap_skip("mkfs.ext4 is missing");
	} else {
		tap_check_eq(probe_disk(disk, what, sizeof(what), &error), 0);
		tap_check_str(what, "");
		snprintf(command, sizeof(command),
			 "dd if=%s bs=1M skip=1 count=1 2>&1 >%s.volume", disk,
			 disk);
		tap_check_eq(system(command), 0);
		strcat(disk, ".volume");
		tap_check_eq(probe_disk(disk, what, sizeof(what), &error), 0);
		tap_check(strstr(what, "ext4") || strstr(what, "ext2"));
	}
	rig_teardown();
}

static void missing_disk_says_how_to_make_one(void)
{
	tap_need(rig_setup());
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("/disk of node n1 does not exist; make such a file with: "
		 "truncate -s ");
	rig_teardown();
}

static void too_small_file_is_refused(void)
{
	uint32_t sum;

	tap_need(rig_setup() && make_disk(4 << 20));
	sum = disk_sum();
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("too small");
	rig_said("; take a larger disk, or make size or log-size smaller");
	tap_check_eq(disk_sum(), sum);
	rig_teardown();
}

static void replica_is_not_overwritten(void)
{
	uint32_t sum;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	tap_check_eq(rig_run("format", "vol0", NULL), 0);
	sum = disk_sum();
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("holds a replica already: of volume vol0, node id 1; --force");
	tap_check_eq(disk_sum(), sum);
	rig_teardown();
}

static void other_volumes_replica_is_not_overwritten(void)
{
	uint32_t sum;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	rig_configure("vol1", "");
	tap_check_eq(rig_run("format", "vol0", NULL), 0);
	sum = disk_sum();
	tap_check_eq(rig_run("format", "vol1", NULL), 1);
	rig_said("holds a replica already: of volume vol0");
	tap_check_eq(disk_sum(), sum);
	tap_check_eq(rig_run("format", "vol1", "--force", NULL), 0);
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("holds a replica already: of volume vol1");
	rig_teardown();
}

/* Spoil each place where the volume's name stands: all superblocks. */
static unsigned int spoil_superblocks(void)
{
	static uint8_t bytes[DISK_BYTES];
	int fd = open(disk, O_RDWR);
	unsigned int spoilt = 0;
	uint8_t *at = bytes;
	ssize_t size = read(fd, bytes, sizeof(bytes));

	while (size > 0 &&
	       (at = memmem(at, (size_t)(bytes + size - at), "vol0", 4))) {
		*at++ ^= 0xff;
		spoilt++;
	}
	if (size < 0 || pwrite(fd, bytes, (size_t)size, 0) != size)
		spoilt = 0;
	close(fd);
	return spoilt;
}

static void damaged_superblock_is_not_overwritten(void)
{
	uint32_t sum;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	tap_check_eq(rig_run("format", "vol0", NULL), 0);
	tap_need(spoil_superblocks() > 0);
	sum = disk_sum();
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("damaged");
	rig_said("--force overwrites it");
	tap_check_eq(disk_sum(), sum);
	tap_check_eq(rig_run("format", "vol0", "--force", NULL), 0);
	rig_teardown();
}

static void older_versions_replica_is_not_overwritten(void)
{
	struct store_identity identity = rig_identity(512);
	uint64_t last = format_super_last(DISK_BYTES);
	uint8_t bytes[FORMAT_META_BYTES];
	uint32_t sum;
	int fd;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	rig_put_version_2(&identity, last, bytes);
	fd = open(disk, O_WRONLY);
	tap_check(pwrite(fd, bytes, sizeof(bytes), (off_t)last) ==
		  sizeof(bytes));
	close(fd);
	sum = disk_sum();
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("made by an older qbd (format version 2, this qbd reads ");
	rig_said("first save what the volume holds, with the older qbd; "
		 "--force overwrites it");
	tap_check_eq(disk_sum(), sum);
	tap_check_eq(rig_run("format", "vol0", "--force", NULL), 0);
	rig_teardown();
}

static void filesystem_is_not_overwritten(void)
{
	char command[128];
	uint32_t sum;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -L home %s 2>&1",
		 disk);
	if (system(command)) {
		tap_skip("mkfs.ext4 is missing");
		rig_teardown();
		return;
	}
	sum = disk_sum();
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("holds a filesystem (ext4, label home); --force");
	tap_check_eq(disk_sum(), sum);
	tap_check_eq(rig_run("format", "vol0", "--force", NULL), 0);
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("holds a replica already");
	rig_teardown();
}

static void partition_table_is_not_overwritten(void)
{
	uint8_t mbr[512] = { [446] = 0x80, [450] = 0x83, [454] = 8,
			     [459] = 8,	   [510] = 0x55, [511] = 0xaa };
	int fd;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	fd = open(disk, O_WRONLY);
	tap_check(pwrite(fd, mbr, sizeof(mbr), 0) == sizeof(mbr));
	close(fd);
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("holds a partition table (dos)");
	rig_teardown();
}

static void file_in_use_is_refused(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	fd = open(disk, O_RDWR);
	tap_check(!fcntl(fd, F_OFD_SETLK, &lock));
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("in use");
	close(fd);
	rig_teardown();
}

/* The volume's configuration with a disk other than the file. */
static void configure_disk(const char *device, const char *more)
{
	char disks[128];

	snprintf(disks, sizeof(disks), "disk = \"%s\";", device);
	rig_configure_disks("vol0", disks, more);
}

/* In a child: its mount goes with its namespace. Return: an exit status. */
static int format_mounted(const char *device)
{
	char point[128];

	snprintf(point, sizeof(point), "%s/point", rig_folder);
	if (mkdir(point, 0700) || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(device, point, "ext4", 0, NULL))
		return 2;
	tap_check_eq(rig_run("format", "vol0", "--force", NULL), 1);
	rig_said(": it is mounted on /tmp/qbd-cli-");
	rig_said("/point; free it, or");
	return tap_failed_checks != 0;
}

static void disk_in_use_is_told_by_whom(void)
{
	char device[64], command[128];
	int fd, status;
	pid_t child;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	fd = loop_begin(disk, 512, device, sizeof(device));
	if (fd < 0) {
		tap_skip("no loop device for us here");
		goto out;
	}
	configure_disk(device, "");
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q %s 2>&1", device);
	if (system(command)) {
		tap_skip("mkfs.ext4 is missing");
		goto out;
	}
	fflush(stdout);
	child = fork();
	if (child == 0) {
		tap_failed_checks = 0;
		status = format_mounted(device);
		fflush(stdout);
		_exit(status);
	}
	tap_check(waitpid(child, &status, 0) == child && WIFEXITED(status));
	tap_check_eq((uint64_t)WEXITSTATUS(status), 0);
out:
	if (fd >= 0)
		close(fd);
	rig_teardown();
}

static void disk_of_large_sectors_needs_large_blocks(void)
{
	char device[64];
	int fd;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	fd = loop_begin(disk, 4096, device, sizeof(device));
	if (fd < 0) {
		tap_skip("no loop device for us here");
	} else {
		configure_disk(device, "");
		tap_check_eq(rig_run("format", "vol0", NULL), 1);
		rig_said("sectors of 4096 bytes; write block-size = 4096; into "
			 "the volume's configuration");
		configure_disk(device, "block-size = 4096;\n");
		tap_check_eq(rig_run("format", "vol0", NULL), 0);
		close(fd);
	}
	rig_teardown();
}

static char meta[64];

/* Another disk for the node's log and metadata, of @size bytes; 0: none */
static void configure_meta(const char *volume, const char *first,
			   const char *second, off_t size)
{
	char disks[256];
	int fd;

	snprintf(disk, sizeof(disk), "%s/%s", rig_folder, first);
	snprintf(meta, sizeof(meta), "%s/%s", rig_folder, second);
	snprintf(disks, sizeof(disks), "disk = \"%s\"; meta-disk = \"%s\";",
		 disk, meta);
	rig_configure_disks(volume, disks, "");
	if (!size)
		return;
	fd = open(meta, O_RDWR | O_CREAT | O_TRUNC, 0600);
	tap_check(!ftruncate(fd, size));
	close(fd);
}

static void log_goes_to_the_meta_disk(void)
{
	struct store_identity first, second;
	struct base_error error;
	struct store_io *io;

	tap_need(rig_setup() && make_disk(4 << 20));
	configure_meta("vol0", "disk", "meta", DISK_BYTES);
	tap_check_eq(rig_run("format", "vol0", NULL), 0);
	rig_said("1 MiB and a log of 16 MiB on /tmp/qbd-cli-");
	io = store_io_open_both(disk, meta, STORE_IO_CLAIM, &error);
	tap_need(io != NULL);
	tap_check_eq(store_identify(io, &first, &error), 0);
	tap_check_eq(store_identify_second(store_io_disk(io, 1), &second,
					   &error),
		     0);
	tap_check_eq(first.serial, second.serial);
	tap_check_eq(store_check(io, &first, &second, &error), 0);
	io->ops->close(io);
	/* Without the key it is told which one is missing. */
	io = store_io_open_both(disk, "", STORE_IO_CLAIM, &error);
	tap_need(io != NULL);
	tap_check_eq(store_check(io, &first, &second, &error), -EINVAL);
	tap_check(strstr(error.text, "name that as meta-disk"));
	io->ops->close(io);
	rig_teardown();
}

static void meta_disk_is_checked_as_the_disk_is(void)
{
	char command[192];
	uint32_t sum;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	configure_meta("vol0", "disk", "meta", 0);
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("meta-disk /tmp/qbd-cli-");
	rig_said("/meta of node n1 does not exist; make such a file with: "
		 "truncate -s 16809984 ");
	configure_meta("vol0", "disk", "meta", 4 << 20);
	sum = disk_sum();
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("the meta-disk is too small: it has 4194304 bytes, the "
		 "replica needs 16809984");
	configure_meta("vol0", "disk", "meta", DISK_BYTES);
	snprintf(command, sizeof(command), "ln -s disk %s/other", rig_folder);
	tap_check_eq(system(command), 0);
	configure_meta("vol0", "disk", "other", 0);
	tap_check_eq(rig_run("format", "vol0", "--force", NULL), 1);
	rig_said("/other are the same; change one of them");
	configure_meta("vol0", "disk", "meta", 0);
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -L home %s 2>&1",
		 meta);
	if (system(command)) {
		tap_skip("mkfs.ext4 is missing");
	} else {
		tap_check_eq(rig_run("format", "vol0", NULL), 1);
		rig_said(
			"/meta holds a filesystem (ext4, label home); --force");
	}
	tap_check_eq(disk_sum(), sum);
	rig_teardown();
}

static void meta_disk_in_use_is_refused(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd;

	tap_need(rig_setup() && make_disk(DISK_BYTES));
	configure_meta("vol0", "disk", "meta", DISK_BYTES);
	fd = open(meta, O_RDWR);
	tap_check(!fcntl(fd, F_OFD_SETLK, &lock));
	tap_check_eq(rig_run("format", "vol0", "--force", NULL), 1);
	rig_said("qbd: meta-disk /tmp/qbd-cli-");
	rig_said("/meta: in use");
	close(fd);
	tap_check_eq(rig_run("format", "vol0", NULL), 0);
	rig_teardown();
}

/* Whichever part it has, in whichever place it is named. */
static void disk_of_a_replica_is_no_other_replicas(void)
{
	tap_need(rig_setup() && make_disk(DISK_BYTES));
	configure_meta("vol0", "disk", "meta", DISK_BYTES);
	tap_check_eq(rig_run("format", "vol0", NULL), 0);
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("holds a replica already: of volume vol0, node id 1; --force");
	configure_meta("vol1", "meta", "fresh", DISK_BYTES);
	tap_check_eq(rig_run("format", "vol1", NULL), 1);
	rig_said("/meta is the meta-disk of a replica already: of volume vol0, "
		 "node id 1; --force overwrites it");
	configure_meta("vol1", "fresh", "meta", 0);
	tap_check_eq(rig_run("format", "vol1", NULL), 1);
	rig_said("meta-disk /tmp/qbd-cli-");
	rig_said("/meta is the meta-disk of a replica already: of volume vol0");
	tap_check_eq(rig_run("format", "vol1", "--force", NULL), 0);
	rig_teardown();
}

static void folder_is_no_disk(void)
{
	tap_need(rig_setup());
	snprintf(disk, sizeof(disk), "%s/disk", rig_folder);
	tap_check(!mkdir(disk, 0700));
	tap_check_eq(rig_run("format", "vol0", NULL), 1);
	rig_said("/disk");
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(blank_file_becomes_a_replica),
		TAP_TEST(volume_begins_behind_the_superblock),
		TAP_TEST(missing_disk_says_how_to_make_one),
		TAP_TEST(too_small_file_is_refused),
		TAP_TEST(replica_is_not_overwritten),
		TAP_TEST(other_volumes_replica_is_not_overwritten),
		TAP_TEST(damaged_superblock_is_not_overwritten),
		TAP_TEST(older_versions_replica_is_not_overwritten),
		TAP_TEST(filesystem_is_not_overwritten),
		TAP_TEST(partition_table_is_not_overwritten),
		TAP_TEST(file_in_use_is_refused),
		TAP_TEST(disk_in_use_is_told_by_whom),
		TAP_TEST(disk_of_large_sectors_needs_large_blocks),
		TAP_TEST(log_goes_to_the_meta_disk),
		TAP_TEST(meta_disk_is_checked_as_the_disk_is),
		TAP_TEST(meta_disk_in_use_is_refused),
		TAP_TEST(disk_of_a_replica_is_no_other_replicas),
		TAP_TEST(folder_is_no_disk),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
