/* build: tests/lib/disk.c -Wl,--wrap=calloc,--wrap=malloc,--wrap=realloc,--wrap=posix_memalign */
// SPDX-License-Identifier: GPL-2.0
/*
 * Where memory is short when an agent starts: each allocation fails in turn.  It
 * is said, nothing leaks, and the next start has all that was there.
 */
#include <errno.h>

#include "node_rig.h"

static bool failing;
static unsigned int left; /* allocations that succeed before one fails */

/* One fails, those after it don't. */
static bool fails(void)
{
	if (!failing || left--)
		return false;
	failing = false;
	return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

int __real_posix_memalign(void **memory, size_t align, size_t size);
int __wrap_posix_memalign(void **memory, size_t align, size_t size);
int __wrap_posix_memalign(void **memory, size_t align, size_t size)
{
	return fails() ? ENOMEM : __real_posix_memalign(memory, align, size);
}

/* Starts the replica of @id, the allocation @at failing; is all of it there? */
static bool starts(uint32_t id, unsigned int at)
{
	struct store_identity identity = rig_id(id);
	struct node_config config = rig_config(id);
	struct base_error error = { .text = "" };
	struct store_boot boot;
	struct store *store;
	struct node *node;
	int code;

	config.nodes[config.node_count++] = id;
	left = at;
	failing = true;
	code = store_open(disk_io(rig.nodes[id].disk), &identity, false, &store,
			  &boot, &error);
	if (code) {
		failing = false;
		tap_check_eq(code, -ENOMEM);
		tap_check(strstr(error.text, "memory") != NULL);
		return false;
	}
	tap_check_str(boot.damage, "");
	node = node_new(&config, &boot, &rig_ops, &rig.nodes[id], rig.now, id);
	failing = false;
	if (!node)
		store_boot_free(&boot);
	node_free(node);
	store_close(store);
	return node != NULL;
}

static void start_without_memory_fails_and_loses_nothing(void)
{
	uint32_t leader = rig_begin(1, 1);
	unsigned int at = 0;
	uint64_t last;

	rig_write(leader, 30);
	last = rig_view(leader).last;
	rig_kill(leader);
	while (!starts(leader, at) && at < 1000)
		at++;
	tap_check(at > 30); /* an entry of the log at least, each */
	tap_check(at < 1000);
	rig_boot(leader);
	tap_check_eq(rig_view(leader).last, last);
	tap_check(!rig_view(leader).damaged);
	rig_end();
}

static void format_without_memory_fails_and_changes_nothing(void)
{
	struct store_identity identity = rig_id(1);
	struct base_error error = { .text = "" };
	struct disk *disk = disk_new(rig_disk_bytes(), 512, 1);
	static uint8_t before[4096] __attribute__((aligned(4096)));
	static uint8_t after[4096] __attribute__((aligned(4096)));
	struct store_io *io = disk_io(disk);
	int code = -1, at;

	tap_check_eq(io->ops->read(io, 0, before, sizeof(before)), 0);
	for (at = 0; at < 100; at++) {
		left = (unsigned int)at;
		failing = true;
		code = store_format(io, &identity, false, NULL, NULL, &error);
		failing = false;
		if (!code)
			break;
		tap_check_eq(code, -ENOMEM);
		tap_check_eq(io->ops->read(io, 0, after, sizeof(after)), 0);
		tap_check(memcmp(before, after, sizeof(after)) == 0);
	}
	tap_check_eq(code, 0);
	tap_check(at > 0);
	disk_free(disk);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(start_without_memory_fails_and_loses_nothing),
		TAP_TEST(format_without_memory_fails_and_changes_nothing),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
