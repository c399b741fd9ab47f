/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What holds a block device?  For the message "the disk is busy", which helps
 * only if it names the holder.  The text continues "DEVICE is".
 *
 * Reading /proc and /sys may take long: never call this from the loop thread.
 */
#ifndef BASE_HOLDER_H
#define BASE_HOLDER_H

#include <stddef.h>
#include <sys/types.h>

#define HOLDER_TEXT_MAX 1024

/**
 * holder_text() - what has a block device, one of its partitions, or its disk
 * @device: its number (st_rdev)
 * @text: "mounted on /srv, /mnt/x; used by LVM volume vg0-lv0"; "" if nothing
 * @size: of @text; HOLDER_TEXT_MAX will do.  What is too long ends with "..."
 *
 * Mounts (by mount point), swap space, device-mapper, md, bcache and loop devices on
 * top, and what has those; only where there are none, mounts in the namespaces of
 * others, else the processes that have it open: as far as we may look.
 * Return: how many were found.
 */
unsigned int holder_text(dev_t device, char *text, size_t size);

/** holder_text_of() - the same by a path; 0 and "" if it is no block device */
unsigned int holder_text_of(const char *path, char *text, size_t size);

/* Where it looks: a test has a world of its own. */
struct holder_world {
	const char *proc;
	const char *sys;
	/* The number of the block device that a path leads to; 0: it is none */
	dev_t (*device_at)(const char *path);
};

/** holder_text_in() - holder_text() in another world */
unsigned int holder_text_in(const struct holder_world *world, dev_t device,
			    char *text, size_t size);

#endif
