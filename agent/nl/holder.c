// SPDX-License-Identifier: GPL-2.0
/*
 * What prevents a device's removal, or a disk's use.  The text is for humans.
 * It looks at mounts and processes, so never call it on the loop thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/holder.h"
#include "nl/nl.h"

static bool has_ended(uint32_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u", pid);
	return access(path, F_OK) != 0;
}

/* The kernel remembers who opened it, mount(8) for one; not what has it now. */
void nl_device_holder(const struct nl_device *device, char *text, size_t size)
{
	char path[32], now[HOLDER_TEXT_MAX];

	snprintf(path, sizeof(path), "/dev/qbd%u", device->minor);
	if (device->openers && holder_text_of(path, now, sizeof(now)))
		snprintf(text, size,
			 "%s is %s: unmount, release or close it first", path,
			 now);
	else if (device->writers)
		snprintf(text, size,
			 "%s is open for writing, since %s (pid %u%s) opened it: "
			 "unmount or close it first",
			 path, device->opener_comm, device->opener_pid,
			 has_ended(device->opener_pid) ? ", which has ended" :
							 "");
	else if (device->openers)
		snprintf(text, size,
			 "%s is open for reading: close it first (fuser -v %s "
			 "names the process)",
			 path, path);
	else if (device->agent_portid)
		snprintf(text, size,
			 "its agent is there (netlink port %u): stop it with "
			 "qbd down %s",
			 device->agent_portid, device->name);
	else
		*text = '\0';
}

void nl_replica_holder(const char *path, char *text, size_t size)
{
	struct nl_device *devices = NULL;
	struct nl_admin *admin;
	struct stat asked, replica;
	unsigned int count, i;

	*text = '\0';
	if (stat(path, &asked) || !S_ISBLK(asked.st_mode) ||
	    nl_admin_open(&admin, NULL))
		return;
	if (nl_device_list(admin, &devices, &count, NULL))
		count = 0;
	for (i = 0; i < count; i++) {
		if (stat(devices[i].replica, &replica) ||
		    !S_ISBLK(replica.st_mode) ||
		    replica.st_rdev != asked.st_rdev)
			continue;
		snprintf(text, size,
			 "it is the replica of volume %s, whose device "
			 "/dev/qbd%u is there; qbd down %s removes that",
			 devices[i].name, devices[i].minor, devices[i].name);
		break;
	}
	free(devices);
	nl_admin_close(admin);
}
