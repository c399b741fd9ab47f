// SPDX-License-Identifier: GPL-2.0
/* See kernel.h. */
#include "cli/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/status.h"
#include "nl/nl.h"

#define SYSFS_DEVICES "/sys/block"
#define SECTOR_BYTES 512 /* of sizes in sysfs */

struct kernel {
	struct nl_admin *admin; /* NULL: no module */
	struct base_error error;
};

static const struct {
	const char *name;
	size_t offset;
} counters[] = {
	{ "reads", offsetof(struct qbd_stats, reads) },
	{ "read_bytes", offsetof(struct qbd_stats, read_bytes) },
	{ "writes", offsetof(struct qbd_stats, writes) },
	{ "write_bytes", offsetof(struct qbd_stats, write_bytes) },
	{ "discards", offsetof(struct qbd_stats, discards) },
	{ "discard_bytes", offsetof(struct qbd_stats, discard_bytes) },
	{ "flushes", offsetof(struct qbd_stats, flushes) },
	{ "inflight", offsetof(struct qbd_stats, inflight) },
	{ "waiting", offsetof(struct qbd_stats, waiting) },
	{ "reads_held", offsetof(struct qbd_stats, reads_held) },
	{ "holds", offsetof(struct qbd_stats, holds) },
	{ "resent", offsetof(struct qbd_stats, resent) },
	{ "requeued", offsetof(struct qbd_stats, requeued) },
	{ "timeouts", offsetof(struct qbd_stats, timeouts) },
	{ "failed", offsetof(struct qbd_stats, failed) },
	{ "done_refused", offsetof(struct qbd_stats, done_refused) },
	{ "cookie_refused", offsetof(struct qbd_stats, cookie_refused) },
	{ "lease_expired", offsetof(struct qbd_stats, lease_expired) },
	{ "replica_errors", offsetof(struct qbd_stats, replica_errors) },
};

/* A counter that is added in the header and forgotten here. */
_Static_assert(sizeof(counters) / sizeof(counters[0]) * sizeof(uint64_t) ==
		       sizeof(struct qbd_stats),
	       "every counter of struct qbd_stats stands in the table");

struct kernel *kernel_open(void)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));

	if (kernel)
		nl_admin_open(&kernel->admin, &kernel->error);
	return kernel;
}

void kernel_close(struct kernel *kernel)
{
	if (kernel)
		nl_admin_close(kernel->admin);
	free(kernel);
}

const char *kernel_problem(const struct kernel *kernel)
{
	return kernel ? kernel->error.text : "out of memory";
}

static uint64_t lease_left_ms(uint64_t lease_ns)
{
	struct timespec now;
	uint64_t now_ns;

	clock_gettime(CLOCK_BOOTTIME, &now);
	now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return lease_ns > now_ns ? (lease_ns - now_ns) / 1000000 : 0;
}

json_t *kernel_device_json(const struct nl_device *device)
{
	char path[32];
	uint64_t value;
	json_t *json;
	size_t i;

	snprintf(path, sizeof(path), "/dev/qbd%u", device->minor);
	json = json_pack(
		"{s:i, s:s, s:I, s:i, s:o, s:I, s:s, s:o, s:I, s:I, s:i, s:i, "
		"s:b, s:I}",
		"minor", (int)device->minor, "path", path, "size_bytes",
		(json_int_t)device->size_bytes, "block_size",
		(int)device->block_size, "replica",
		control_text(device->replica), "data_offset",
		(json_int_t)device->data_offset, "gate",
		nl_gate_text(device->gate), "gate_reason",
		control_text(device->gate_reason), "lease_ms",
		(json_int_t)lease_left_ms(device->lease_ns), "epoch",
		(json_int_t)device->epoch, "openers", (int)device->openers,
		"writers", (int)device->writers, "agent",
		device->agent_portid != 0, "io_timeout_ms",
		(json_int_t)device->io_timeout_ms);
	json_object_set_new(
		json, "opener",
		device->opener_pid ?
			json_pack("{s:i, s:o}", "pid", (int)device->opener_pid,
				  "comm", control_text(device->opener_comm)) :
			json_null());
	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		memcpy(&value,
		       (const char *)&device->stats + counters[i].offset,
		       sizeof(value));
		json_object_set_new(json, counters[i].name,
				    json_integer((json_int_t)value));
	}
	return json;
}

/* One line of a file in sysfs; false: there is none. */
static bool read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool read = file && fgets(line, (int)size, file);

	if (file)
		fclose(file);
	if (read)
		line[strcspn(line, "\n")] = '\0';
	return read;
}

/* Calls @take for each qbd device there is on this machine; all may read it. */
static void each_in_sysfs(void (*take)(void *context, unsigned int minor,
				       const char *volume),
			  void *context)
{
	DIR *dir = opendir(SYSFS_DEVICES);
	char path[64], volume[QBD_NAME_MAX + 2];
	const struct dirent *entry;
	unsigned int minor;
	int end;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		end = 0;
		if (sscanf(entry->d_name, "qbd%8u%n", &minor, &end) != 1 ||
		    entry->d_name[end])
			continue;
		snprintf(path, sizeof(path), SYSFS_DEVICES "/qbd%u/qbd/volume",
			 minor);
		if (read_line(path, volume, sizeof(volume)))
			take(context, minor, volume);
	}
	closedir(dir);
}

struct wanted {
	const char *volume;
	json_t *device; /* NULL: not found */
};

static void take_wanted(void *context, unsigned int minor, const char *volume)
{
	struct wanted *wanted = context;
	char path[64], sectors[32];

	if (wanted->device || strcmp(volume, wanted->volume) != 0)
		return;
	snprintf(path, sizeof(path), SYSFS_DEVICES "/qbd%u/size", minor);
	if (!read_line(path, sectors, sizeof(sectors)))
		strcpy(sectors, "0");
	snprintf(path, sizeof(path), "/dev/qbd%u", minor);
	wanted->device = json_pack("{s:i, s:s, s:I}", "minor", (int)minor,
				   "path", path, "size_bytes",
				   (json_int_t)(strtoull(sectors, NULL, 10) *
						SECTOR_BYTES));
}

json_t *kernel_device(struct kernel *kernel, const char *volume)
{
	struct wanted wanted = { .volume = volume };
	struct base_error error = { 0 };
	struct nl_device device;
	int ret;

	if (!kernel || !kernel->admin)
		return NULL;
	ret = nl_device_get(kernel->admin, volume, &device, &error);
	if (ret && ret != -ENODEV)
		kernel->error = error;
	if (ret == -EPERM)
		each_in_sysfs(take_wanted, &wanted);
	return ret ? wanted.device : kernel_device_json(&device);
}

static void take_name(void *context, unsigned int minor, const char *volume)
{
	(void)minor;
	json_object_set_new(context, volume, json_true());
}

void kernel_add_volumes(json_t *set)
{
	struct nl_device *devices = NULL;
	struct nl_admin *admin;
	unsigned int count, i;
	int ret;

	if (nl_admin_open(&admin, NULL))
		return;
	ret = nl_device_list(admin, &devices, &count, NULL);
	for (i = 0; !ret && i < count; i++)
		take_name(set, devices[i].minor, devices[i].name);
	if (ret == -EPERM)
		each_in_sysfs(take_name, set);
	free(devices);
	nl_admin_close(admin);
}
