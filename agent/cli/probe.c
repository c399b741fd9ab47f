// SPDX-License-Identifier: GPL-2.0
/* See probe.h. */
#include "cli/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <blkid.h>

/* Values of blkid_do_safeprobe(). */
#define FOUND_ONE 0
#define FOUND_MANY (-2)
#define FOUND_NOTHING 1

static const char *value(blkid_probe probe, const char *name)
{
	const char *text;

	return blkid_probe_lookup_value(probe, name, &text, NULL) ? NULL : text;
}

static void describe(blkid_probe probe, char *what, size_t size)
{
	const char *type = value(probe, "TYPE");
	const char *usage = value(probe, "USAGE");
	const char *label = value(probe, "LABEL");
	const char *table = value(probe, "PTTYPE");

	if (type && usage && strcmp(usage, "filesystem") == 0)
		snprintf(what, size, "a filesystem (%s%s%s)", type,
			 label ? ", label " : "", label ? label : "");
	else if (type)
		snprintf(what, size, "data of %s (%s)", type,
			 usage ? usage : "other");
	else if (table)
		snprintf(what, size, "a partition table (%s)", table);
	else
		snprintf(what, size, "data of an unknown kind");
}

int probe_disk(const char *path, char *what, size_t size,
	       struct base_error *error)
{
	blkid_probe probe;
	int found;

	errno = 0;
	probe = blkid_new_probe_from_filename(path);
	if (!probe)
		return base_error_set(error, errno ? -errno : -EIO,
				      "%s: what is on it can't be read: %s",
				      path, strerror(errno ? errno : EIO));
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
							 BLKID_SUBLKS_USAGE |
							 BLKID_SUBLKS_LABEL);
	blkid_probe_enable_partitions(probe, 1);
	found = blkid_do_safeprobe(probe);
	if (found == FOUND_ONE)
		describe(probe, what, size);
	else if (found == FOUND_MANY)
		snprintf(what, size, "more than one kind of data");
	else
		*what = '\0';
	blkid_free_probe(probe);
	if (found != FOUND_ONE && found != FOUND_MANY && found != FOUND_NOTHING)
		return base_error_set(error, -EIO,
				      "%s: what is on it can't be read", path);
	return 0;
}
