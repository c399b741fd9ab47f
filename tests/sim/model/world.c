// SPDX-License-Identifier: GPL-2.0
/* Time and events; see world.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/model/world.h"

uint64_t world_draw(struct world *world, uint64_t below)
{
	uint64_t z = world->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	return below ? z % below : 0;
}

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at_us < b->at_us || (a->at_us == b->at_us && a->seq < b->seq);
}

static void swap(struct event *a, struct event *b)
{
	struct event c = *a;

	*a = *b;
	*b = c;
}

void world_at(struct world *world, uint64_t at_us, event_fn fn, void *object,
	      uint64_t a, uint64_t b)
{
	unsigned int i = world->heap_count++;

	if (i == world->heap_room) {
		world->heap_room = i ? 2 * i : 1024;
		world->heap = realloc(world->heap,
				      world->heap_room * sizeof(struct event));
		if (!world->heap)
			abort();
	}
	if (at_us < world->now_us)
		at_us = world->now_us;
	world->heap[i] =
		(struct event){ at_us, world->seq++, fn, object, a, b };
	while (i && earlier(&world->heap[i], &world->heap[(i - 1) / 2])) {
		swap(&world->heap[i], &world->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

static struct event world_pop(struct world *world)
{
	struct event first = world->heap[0];
	unsigned int i = 0;

	world->heap[0] = world->heap[--world->heap_count];
	for (;;) {
		unsigned int least = i;
		unsigned int child = 2 * i + 1;

		if (child < world->heap_count &&
		    earlier(&world->heap[child], &world->heap[least]))
			least = child;
		if (child + 1 < world->heap_count &&
		    earlier(&world->heap[child + 1], &world->heap[least]))
			least = child + 1;
		if (least == i)
			return first;
		swap(&world->heap[i], &world->heap[least]);
		i = least;
	}
}

void world_run_until(struct world *world, uint64_t at_us)
{
	while (world->heap_count && world->heap[0].at_us <= at_us &&
	       !world->problem[0]) {
		struct event event = world_pop(world);

		world->now_us = event.at_us;
		event.fn(world, event.object, event.a, event.b);
	}
	if (world->now_us < at_us)
		world->now_us = at_us;
}

void world_tell(struct world *world, uint32_t node, const char *format, ...)
{
	va_list args;

	if (!world->trace)
		return;
	printf("%10.6f n%u ", (double)world->now_us / 1e6, node);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

void world_fail(struct world *world, const char *format, ...)
{
	va_list args;

	if (world->problem[0])
		return;
	va_start(args, format);
	vsnprintf(world->problem, sizeof(world->problem), format, args);
	va_end(args);
}

struct world *world_new(uint64_t seed)
{
	struct world *world = calloc(1, sizeof(*world));
	unsigned int i;

	if (!world)
		abort();
	world->seed = seed;
	world->random = seed * 0x2545f4914f6cdd1dULL;
	world->trace = getenv("TRACE") != NULL;
	world->count = 1 + world_draw(world, WORLD_NODES_MAX);
	if (world->count == 2 || world_draw(world, 2))
		world->count = 3;
	world->fault_every_us = 200000 + world_draw(world, 3000000);
	world->fault_mask = (uint32_t)world_draw(world, UINT32_MAX) |
			    (uint32_t)world_draw(world, UINT32_MAX);
	world->net_us = 100 + (uint32_t)world_draw(world, 5000);
	world->disk_us = 100 + (uint32_t)world_draw(world, 5000);
	world->client_us = 500 + (uint32_t)world_draw(world, 20000);
	world->history = history_new(WORLD_BLOCKS);
	world->next_id = 1;
	for (i = 0; i < world->count; i++) {
		world->hosts[i].world = world;
		world->hosts[i].id = i + 1;
		host_init(&world->hosts[i]);
		host_start_later(&world->hosts[i], world_draw(world, 300000));
	}
	return world;
}

void world_free(struct world *world)
{
	unsigned int i;

	for (i = 0; i < world->count; i++) {
		host_kill(&world->hosts[i], false);
		memdisk_free(world->hosts[i].disk);
	}
	for (i = 0; i < world->heap_count; i++)
		links_forget(&world->heap[i]);
	history_free(world->history);
	free(world->heap);
	free(world);
}
