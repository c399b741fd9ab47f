// SPDX-License-Identifier: GPL-2.0
/*
 * Who has a block device: in made-up worlds of /proc and /sys, and where we are
 * root and there is a loop device, in this one.
 */
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/holder.h"
#include "loop.h"
#include "tap.h"

#define SDB makedev(8, 16)

static char root[64], proc[128], sys[128];
static char text[HOLDER_TEXT_MAX];

/* By the name, also of what a process has open: so it needs no device. */
static dev_t device_at(const char *path)
{
	static const struct {
		const char *path;
		unsigned int major;
		unsigned int minor;
	} known[] = {
		{ "/dev/sdb", 8, 16 },	  { "/dev/sdb1", 8, 17 },
		{ "/dev/sdc", 8, 32 },	  { "/dev/disk/by-id/x", 8, 16 },
		{ "/dev/a disk", 8, 16 }, { "/dev/dm-0", 253, 0 },
	};
	char target[256];
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	size_t i;

	if (length > 0) {
		target[length] = '\0';
		path = target;
	}
	for (i = 0; i < TAP_COUNT(known); i++)
		if (strcmp(path, known[i].path) == 0)
			return makedev(known[i].major, known[i].minor);
	return 0;
}

static int remove_one(const char *path, const struct stat *stat, int kind,
		      struct FTW *where)
{
	return remove(path);
}

static void world_end(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The folders above @path, which begins with root. */
static void make_folders(const char *path)
{
	char part[512];
	char *slash;

	snprintf(part, sizeof(part), "%s", path);
	for (slash = strchr(part + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(part, 0755);
		*slash = '/';
	}
}

static void put(const char *name, const char *content)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	make_folders(path);
	file = fopen(path, "w");
	if (!tap_check(file))
		return;
	fputs(content, file);
	fclose(file);
}

static void put_link(const char *name, const char *target)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	make_folders(path);
	tap_check(symlink(target, path) == 0);
}

/* A disk sdb with nothing on it. */
static void world_begin(void)
{
	strcpy(root, "base_holder_XXXXXX");
	if (!tap_check(mkdtemp(root)))
		exit(1);
	snprintf(proc, sizeof(proc), "%s/proc", root);
	snprintf(sys, sizeof(sys), "%s/sys", root);
	put("proc/self/mountinfo",
	    "22 27 0:21 / /proc rw,relatime - proc none rw\n"
	    "27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n");
	put("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n");
	put("sys/block/sdb/dev", "8:16\n");
	put("sys/block/sdb/holders/.keep", "");
	put_link("sys/dev/block/8:16", "../../block/sdb");
}

static unsigned int look(dev_t device)
{
	const struct holder_world world = { proc, sys, device_at };

	return holder_text_in(&world, device, text, sizeof(text));
}

static void nothing_is_nobody(void)
{
	world_begin();
	tap_check_eq(look(SDB), 0);
	tap_check_str(text, "");
	tap_check_eq(look(0), 0);
	tap_check_str(text, "");
	world_end();
}

static void mounts_are_found_by_number(void)
{
	world_begin();
	put("proc/self/mountinfo",
	    "27 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
	    "30 27 8:16 / /srv rw shared:2 master:1 - ext4 /dev/root rw\n"
	    "31 27 8:160 / /other rw - ext4 /dev/sdk rw\n"
	    "32 27 8:16 /sub /mnt/a\\040b\\134c rw - ext4 /dev/sdb rw\n"
	    "broken line\n");
	/* The same again from the first process, and one that we don't see. */
	put("proc/1/mountinfo", "30 27 8:16 / /srv rw - ext4 /dev/sdb rw\n"
				"33 27 8:16 / /hidden rw - ext4 /dev/sdb rw\n");
	tap_check_eq(look(SDB), 3);
	tap_check_str(text, "mounted on /srv, /mnt/a b\\c, /hidden");
	world_end();
}

static void mount_with_a_number_of_its_own_is_found_by_source(void)
{
	world_begin();
	put("proc/self/mountinfo",
	    "30 27 0:44 /@ /data rw - btrfs /dev/disk/by-id/x rw,subvol=/@\n"
	    "31 27 0:45 / /else rw - btrfs /dev/sdc rw\n"
	    "32 27 0:46 / /tmp rw - tmpfs /dev/sdbx rw\n"
	    "33 27 0:47 / /nfs rw - nfs4 server:/dev/sdb rw\n"
	    "34 27 0:48 / /spaces rw - btrfs /dev/a\\040disk rw\n");
	tap_check_eq(look(SDB), 2);
	tap_check_str(text, "mounted on /data, /spaces");
	world_end();
}

static void swap_is_found(void)
{
	world_begin();
	put("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n"
			  "/swapfile file\t1024\t0\t-2\n"
			  "/dev/a\\040disk partition\t1024\t0\t-3\n");
	tap_check_eq(look(SDB), 1);
	tap_check_str(text, "used as swap space");
	world_end();
}

static void holders_are_told_with_what_has_them(void)
{
	world_begin();
	put("sys/block/dm-0/dev", "253:0\n");
	put("sys/block/dm-0/dm/name", "vg0-lv0\n");
	put("sys/block/dm-0/dm/uuid", "LVM-abc\n");
	put_link("sys/dev/block/253:0", "../../block/dm-0");
	put_link("sys/block/sdb/holders/dm-0", "../../dm-0");
	put("proc/self/mountinfo",
	    "30 27 253:0 / /srv rw - ext4 /dev/mapper/vg0-lv0 rw\n");
	tap_check_eq(look(SDB), 1);
	tap_check_str(text, "used by LVM volume vg0-lv0 (mounted on /srv)");
	put("sys/block/dm-0/dm/uuid", "CRYPT-LUKS2-abc\n");
	look(SDB);
	tap_check_str(text,
		      "used by encrypted volume vg0-lv0 (mounted on /srv)");
	put("sys/block/dm-0/dm/uuid", "");
	look(SDB);
	tap_check_str(text, "used by /dev/mapper/vg0-lv0 (mounted on /srv)");
	world_end();
}

static void arrays_and_loops_are_found(void)
{
	world_begin();
	put("sys/block/md127/dev", "9:127\n");
	put_link("sys/block/sdb/holders/md127", "../../md127");
	put("sys/block/loop7/loop/backing_file", "/dev/sdb\n");
	put("sys/block/loop8/loop/backing_file", "/srv/sdb\n");
	put("sys/block/loop9/dev", "7:9\n");
	tap_check_eq(look(SDB), 2);
	tap_check_str(text, "used by array /dev/md127, /dev/loop7");
	world_end();
}

/* A broken /sys in which a device holds itself must not hold us. */
static void circles_end(void)
{
	world_begin();
	put_link("sys/block/sdb/holders/sdb", "../../sdb");
	tap_check_eq(look(SDB), 1);
	tap_check(strstr(text, "used by /dev/sdb (used by /dev/sdb"));
	world_end();
}

static void partitions_hold_their_disk_and_disks_their_partition(void)
{
	world_begin();
	put("sys/block/sdb/sdb1/dev", "8:17\n");
	put("sys/block/sdb/sdb1/partition", "1\n");
	put_link("sys/dev/block/8:17", "../../block/sdb/sdb1");
	put("proc/self/mountinfo",
	    "30 27 8:17 / /srv rw - ext4 /dev/sdb1 rw\n");
	tap_check_eq(look(SDB), 1);
	tap_check_str(text, "in use as its partition sdb1 is mounted on /srv");
	put("proc/self/mountinfo", "30 27 8:16 / /all rw - ext4 /dev/sdb rw\n");
	tap_check_eq(look(makedev(8, 17)), 1);
	tap_check_str(text, "in use as its disk sdb is mounted on /all");
	world_end();
}

static void processes_are_told_where_nothing_else_is(void)
{
	world_begin();
	put("proc/77/comm", "postgres\n");
	put_link("proc/77/fd/3", "/dev/sdc");
	put_link("proc/77/fd/4", "/dev/sdb");
	put_link("proc/77/fd/5", "/dev/sdb");
	put_link("proc/78/fd/0", "/dev/disk/by-id/x");
	put_link("proc/79/fd/0", "socket:[123]");
	put("proc/irq/comm", "no process\n");
	tap_check_eq(look(SDB), 2);
	tap_check(strstr(text, "open in ") == text);
	tap_check(strstr(text, "postgres (pid 77)"));
	tap_check(strstr(text, "a process (pid 78)"));
	put("proc/swaps", "Filename\n/dev/sdb partition\t1024\t0\t-3\n");
	tap_check_eq(look(SDB), 1);
	tap_check_str(text, "used as swap space");
	world_end();
}

static void mounts_that_only_others_have_are_found(void)
{
	world_begin();
	put_link("proc/1/ns/mnt", "mnt:[1]");
	put_link("proc/50/ns/mnt", "mnt:[1]");
	put("proc/50/mountinfo", "30 27 8:16 / /wrong rw - ext4 /dev/sdb rw\n");
	put_link("proc/77/ns/mnt", "mnt:[2]");
	put("proc/77/comm", "postgres\n");
	put("proc/77/mountinfo", "30 27 8:16 / /data rw - ext4 /dev/sdb rw\n");
	put_link("proc/78/ns/mnt", "mnt:[2]");
	put("proc/78/mountinfo", "30 27 8:16 / /data rw - ext4 /dev/sdb rw\n");
	tap_check(look(SDB) == 1);
	tap_check(strstr(text, "mounted on /data in the mount namespace of "));
	put("proc/self/mountinfo", "30 27 8:16 / /srv rw - ext4 /dev/sdb rw\n");
	tap_check_eq(look(SDB), 1);
	tap_check_str(text, "mounted on /srv");
	world_end();
}

static void many_are_counted_and_long_texts_end_in_dots(void)
{
	const struct holder_world world = { proc, sys, device_at };
	char lines[4096] = "", few[16];
	size_t used = 0;
	int i;

	world_begin();
	for (i = 0; i < 20; i++)
		used += (size_t)snprintf(lines + used, sizeof(lines) - used,
					 "%d 27 8:16 / /m%d rw - ext4 x rw\n",
					 30 + i, i);
	put("proc/self/mountinfo", lines);
	tap_check_eq(look(SDB), 20);
	tap_check_str(text, "mounted on /m0, /m1, /m2, /m3, /m4, /m5 and 14 "
			    "more");
	tap_check_eq(holder_text_in(&world, SDB, few, sizeof(few)), 20);
	tap_check_str(few, "mounted on /...");
	world_end();
}

/* In a child: its mount goes with its namespace. Return: an exit status. */
static int mount_and_look(const char *device, const char *point)
{
	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(device, point, "ext4", 0, NULL))
		return 2;
	if (holder_text_of(device, text, sizeof(text)) != 1 ||
	    !strstr(text, "mounted on /") || !strstr(text, point)) {
		printf("# %s: \"%s\"\n", device, text);
		return 1;
	}
	return 0;
}

static void real_holders_are_found(void)
{
	char device[64], command[512], want[64];
	int fd, status;
	pid_t child;

	strcpy(root, "base_holder_XXXXXX");
	tap_need(mkdtemp(root));
	snprintf(command, sizeof(command),
		 "truncate -s 4M %s/disk && mkdir %s/point && "
		 "/sbin/mke2fs -q -t ext4 -O ^has_journal %s/disk",
		 root, root, root);
	if (system(command)) {
		tap_skip("mke2fs is not there");
		goto out;
	}
	snprintf(command, sizeof(command), "%s/disk", root);
	fd = loop_begin(command, 512, device, sizeof(device));
	if (fd < 0) {
		tap_skip("no loop device for us here");
		goto out;
	}
	snprintf(command, sizeof(command), "%s/point", root);
	child = fork();
	if (child == 0)
		_exit(mount_and_look(device, command));
	tap_check(waitpid(child, &status, 0) == child && WIFEXITED(status));
	tap_check_eq((uint64_t)WEXITSTATUS(status), 0);

	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	snprintf(want, sizeof(want), "(pid %d)", (int)child);
	tap_check(holder_text_of(device, text, sizeof(text)) >= 1);
	if (!tap_check(strstr(text, "open in base_holder ")) ||
	    !tap_check(strstr(text, want)))
		printf("# %s: \"%s\"\n", device, text);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(fd);
out:
	tap_check_eq(holder_text_of("/dev/null", text, sizeof(text)), 0);
	tap_check_eq(holder_text_of("/no/such", text, sizeof(text)), 0);
	world_end();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(nothing_is_nobody),
		TAP_TEST(mounts_are_found_by_number),
		TAP_TEST(mount_with_a_number_of_its_own_is_found_by_source),
		TAP_TEST(swap_is_found),
		TAP_TEST(holders_are_told_with_what_has_them),
		TAP_TEST(arrays_and_loops_are_found),
		TAP_TEST(circles_end),
		TAP_TEST(partitions_hold_their_disk_and_disks_their_partition),
		TAP_TEST(processes_are_told_where_nothing_else_is),
		TAP_TEST(mounts_that_only_others_have_are_found),
		TAP_TEST(many_are_counted_and_long_texts_end_in_dots),
		TAP_TEST(real_holders_are_found),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
