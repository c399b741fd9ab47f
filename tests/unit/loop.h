/* SPDX-License-Identifier: GPL-2.0 */
/* Loop devices for tests that need a real disk: where we are root and may. */
#ifndef LOOP_H
#define LOOP_H

#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LOOP_TRIES 16 /* others take free loop devices too */

/*
 * A loop device on the file @path, gone with the last close.
 * @block_size: of its sectors
 * Return: it, open; -1: none can be had here.
 */
static inline int loop_begin(const char *path, uint32_t block_size,
			     char *device, size_t size)
{
	struct loop_config config = {
		.block_size = block_size,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int file = open(path, O_RDWR | O_CLOEXEC), fd = -1, tries;

	config.fd = (uint32_t)file;
	for (tries = 0; control >= 0 && file >= 0 && tries < LOOP_TRIES;
	     tries++) {
		snprintf(device, size, "/dev/loop%d",
			 ioctl(control, LOOP_CTL_GET_FREE));
		fd = open(device, O_RDWR | O_CLOEXEC);
		if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			break;
		close(fd);
		fd = -1;
	}
	if (file >= 0)
		close(file);
	if (control >= 0)
		close(control);
	return fd;
}

#endif
