// SPDX-License-Identifier: GPL-2.0
/* Time and events, and what a seed decides; see world.h. */
#include "tests/sim/model/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"

#define LOG_LARGE (8U << 20)

uint64_t world_draw(struct world *world, uint64_t below)
{
	return random_below(&world->random, below);
}

bool world_chance(struct world *world, uint64_t many)
{
	return many && world_draw(world, many) == 0;
}

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at_us < b->at_us || (a->at_us == b->at_us && a->seq < b->seq);
}

void world_again(struct world *world, uint64_t at_us, struct event event)
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
	event.at_us = at_us;
	while (i && earlier(&event, &world->heap[(i - 1) / 2])) {
		world->heap[i] = world->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	world->heap[i] = event;
}

void world_at(struct world *world, uint64_t at_us, event_fn fn, void *object,
	      uint64_t a, uint64_t b)
{
	world_again(world, at_us,
		    (struct event){ 0, world->seq++, fn, object, a, b });
}

static struct event world_pop(struct world *world)
{
	struct event first = world->heap[0];
	struct event last = world->heap[--world->heap_count];
	unsigned int i = 0;

	for (;;) {
		unsigned int child = 2 * i + 1;

		if (child >= world->heap_count)
			break;
		if (child + 1 < world->heap_count &&
		    earlier(&world->heap[child + 1], &world->heap[child]))
			child++;
		if (!earlier(&world->heap[child], &last))
			break;
		world->heap[i] = world->heap[child];
		i = child;
	}
	world->heap[i] = last;
	return first;
}

void world_run_until(struct world *world, uint64_t at_us)
{
	while (world->heap_count && world->heap[0].at_us <= at_us &&
	       !world->problem[0]) {
		struct event event = world_pop(world);

		world->now_us = event.at_us;
		event.fn(world, event.object, event.a, event.b);
		if (++world->stats.events > WORLD_EVENTS_MAX)
			world_fail(world, "it never comes to rest");
	}
	if (world->now_us < at_us)
		world->now_us = at_us;
}

/* FNV-1a */
static void trace_hash(struct world *world, const char *text)
{
	for (; *text; text++)
		world->hash = (world->hash ^ (uint8_t)*text) * 0x100000001b3ULL;
}

void world_tell(struct world *world, uint32_t node, const char *format, ...)
{
	char line[512];
	va_list args;
	int used;

	if (!world->trace && !world->hashing)
		return;
	used = snprintf(line, sizeof(line), "%4lu.%06lu n%u ",
			(unsigned long)(world->now_us / 1000000),
			(unsigned long)(world->now_us % 1000000), node);
	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
	va_end(args);
	if (world->hashing)
		trace_hash(world, line);
	if (world->trace)
		puts(line);
}

void world_fail(struct world *world, const char *format, ...)
{
	va_list args;

	if (world->problem[0])
		return;
	va_start(args, format);
	vsnprintf(world->problem, sizeof(world->problem), format, args);
	va_end(args);
	world_tell(world, 0, "%s", world->problem);
}

/* Between @low and low * 2^doublings, each doubling as likely. */
static uint32_t draw_scale(struct world *world, uint32_t low,
			   unsigned int doublings)
{
	uint32_t base = low << world_draw(world, doublings);

	return base + (uint32_t)world_draw(world, base);
}

/*
 * A volume of more than 4 GiB.  To copy that would take minutes: its log reaches
 * back to the beginning, and no disk loses anything.
 */
static void gap_draw(struct world *world)
{
	unsigned int i;

	world->gap_from = world->volume_bytes / 4 / 4096 * 4096;
	world->gap_bytes = (4ULL << 30) - world->volume_bytes / 2 / 4096 * 4096;
	world->log_bytes = LOG_LARGE;
	world->fault_mean_us[FAULT_MEMBER] = 0;
	for (i = FAULT_REPLACED; i < FAULT_SCHEDULED; i++)
		world->fault_mean_us[i] = 0;
	world->unapplied_one_in = 0;
}

static void temper_draw(struct world *world)
{
	static const uint8_t counts[] = { 1, 2, 3, 3, 3, 3, 3, 3,
					  3, 4, 4, 5, 5, 5, 6, 7 };

	world->count = counts[world_draw(world, sizeof(counts))];
	world->volume_bytes =
		WORLD_VOLUME_STEP * (1 + world_draw(world, WORLD_VOLUME_STEPS));
	world->blocks = (unsigned int)(world->volume_bytes / WORLD_BLOCK_BYTES);
	world->log_bytes = WORLD_LOG_MIN;
	if (!world_chance(world, 3))
		world->log_bytes += WORLD_LOG_STEP * world_draw(world, 8);
	world->net_us = draw_scale(world, 100, 6);
	world->disk_us = draw_scale(world, 100, 6);
	world->client_us = draw_scale(world, 3000, 5);
	world->depth = 1 + (unsigned int)world_draw(world, SLOTS);
	world->hot = 1 + (unsigned int)world_draw(world, 64);
	world->close_one_in = 20 + (unsigned int)world_draw(world, 400);
	world->open_one_in = 2 + (unsigned int)world_draw(world, 10);
	world->fault_until_us = draw_scale(world, 1000000, 3);
	world->unlike = world_chance(world, 2);
	faults_draw(world);
	if (world_chance(world, 24))
		gap_draw(world);
}

/* As qbdd has it: the configuration's nodes are who a volume is born with. */
static void born_draw(struct world *world)
{
	unsigned int i;

	for (i = 1; i <= world->count; i++)
		raft_members_set(&world->born, i, RAFT_MEMBER_VOTER);
}

/* One to three nodes have a user of the device. */
static void users_draw(struct world *world)
{
	unsigned int users = 1 + (unsigned int)world_draw(world, 3);
	unsigned int i;

	for (i = 0; i < users; i++)
		world->hosts[world_draw(world, world->count)].user = true;
}

struct world *world_new(uint64_t seed, bool trace, bool hashing)
{
	struct world *world = calloc(1, sizeof(*world));
	unsigned int i;

	if (!world)
		abort();
	world->seed = seed;
	world->random = seed * 0x2545f4914f6cdd1dULL;
	world->trace = trace;
	world->hashing = hashing;
	world->hash = 0xcbf29ce484222325ULL;
	world->next_id = 1;
	temper_draw(world);
	users_draw(world);
	born_draw(world);
	world->history = history_new(world->blocks);
	world->oracle = oracle_new(world);
	for (i = 0; i < world->count; i++) {
		world->hosts[i].world = world;
		world->hosts[i].id = i + 1;
		host_init(&world->hosts[i]);
		host_start_later(&world->hosts[i], world_draw(world, 100000));
	}
	faults_start(world);
	return world;
}

void world_free(struct world *world)
{
	unsigned int i;

	for (i = 0; i < world->count; i++) {
		host_kill(&world->hosts[i], false);
		device_power_off(&world->hosts[i].device);
		free(world->hosts[i].log.turns);
		free(world->hosts[i].image.turns);
		disk_free(world->hosts[i].disk);
		if (world->hosts[i].meta)
			disk_free(world->hosts[i].meta);
		if (world->hosts[i].copy)
			disk_free(world->hosts[i].copy);
		if (world->hosts[i].copy_meta)
			disk_free(world->hosts[i].copy_meta);
		free(world->hosts[i].copy_sight.terms);
		free(world->hosts[i].sight.terms);
	}
	for (i = 0; i < world->heap_count; i++)
		links_forget(&world->heap[i]);
	history_free(world->history);
	oracle_free(world->oracle);
	free(world->heap);
	free(world);
}
