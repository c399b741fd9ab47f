// SPDX-License-Identifier: GPL-2.0
/* See loopdev.h. */
#include "qbdd/loopdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOPS_MAX 1024
#define TRIES 16 /* others take free loop devices too */

/* Is that loop device our file's, whole and with nothing left out? */
static bool loop_is(int loop, const struct stat *file)
{
	struct loop_info64 info;

	return ioctl(loop, LOOP_GET_STATUS64, &info) == 0 &&
	       info.lo_device == file->st_dev &&
	       info.lo_inode == file->st_ino && info.lo_offset == 0 &&
	       info.lo_sizelimit == 0;
}

static int loop_find(const struct stat *file, char *path, size_t path_bytes)
{
	unsigned int i;
	int loop;

	for (i = 0; i < LOOPS_MAX; i++) {
		snprintf(path, path_bytes, "/sys/block/loop%u/loop", i);
		if (access(path, F_OK))
			continue; /* not there, or not in use */
		snprintf(path, path_bytes, "/dev/loop%u", i);
		loop = open(path, O_RDWR | O_CLOEXEC);
		if (loop < 0)
			continue;
		if (loop_is(loop, file))
			return loop;
		close(loop);
	}
	return -ENOENT;
}

static int loop_make(int fd, char *path, size_t path_bytes)
{
	struct loop_config config = {
		.fd = (__u32)fd,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO,
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number, loop, code, tries;

	if (control < 0)
		return -errno;
	code = -EBUSY;
	for (tries = 0; tries < TRIES && code == -EBUSY; tries++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0) {
			code = -errno;
			break;
		}
		snprintf(path, path_bytes, "/dev/loop%d", number);
		loop = open(path, O_RDWR | O_CLOEXEC);
		if (loop < 0) {
			code = -errno;
			break;
		}
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
			close(control);
			return loop;
		}
		code = -errno;
		close(loop);
	}
	close(control);
	return code;
}

static int open_file(const char *disk, const struct stat *file, char *path,
		     size_t path_bytes, struct base_error *error)
{
	int fd, loop;

	loop = loop_find(file, path, path_bytes);
	if (loop >= 0)
		return loop;
	fd = open(disk, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return base_error_set(error, -errno, "%s: %s", disk,
				      strerror(errno));
	loop = loop_make(fd, path, path_bytes);
	close(fd);
	if (loop < 0)
		return base_error_set(error, loop,
				      "%s: can't attach a loop device to this "
				      "file: %s; is the module loaded? "
				      "(modprobe loop)",
				      disk, strerror(-loop));
	return loop;
}

int loopdev_open(const char *disk, char *path, size_t path_bytes,
		 struct base_error *error)
{
	struct stat file;
	int fd;

	if (stat(disk, &file))
		return base_error_set(error, -errno,
				      "disk %s: %s; attach it, or change disk "
				      "in the configuration",
				      disk, strerror(errno));
	if (S_ISREG(file.st_mode))
		return open_file(disk, &file, path, path_bytes, error);
	if (!S_ISBLK(file.st_mode))
		return base_error_set(error, -EINVAL,
				      "disk %s: neither a block device nor a "
				      "file; change disk in the configuration",
				      disk);
	fd = open(disk, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return base_error_set(error, -errno, "disk %s: %s", disk,
				      strerror(errno));
	snprintf(path, path_bytes, "%s", disk);
	return fd;
}
