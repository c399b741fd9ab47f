// SPDX-License-Identifier: GPL-2.0
/*
 * See history.h.  Each write and the reads that returned it are a group, with
 * f its earliest end and s its latest begin: f < s makes a forward zone [f, s],
 * in which the block certainly held it; else [s, f] is a backward zone, at some
 * moment of which it did.  Writes of zeroes, and reads of them, are each a group
 * of their own.
 */
#include "tests/sim/model/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct op {
	uint64_t id;
	uint64_t begin;
	uint64_t end;
	unsigned int block;
	unsigned int number; /* in the order of their coming */
	bool write;
};

struct history {
	unsigned int blocks;
	struct op *ops;
	unsigned int count;
	unsigned int room;
};

struct zone {
	unsigned int block;
	uint64_t id;
	uint64_t first_end; /* f */
	uint64_t last_begin; /* s */
	uint64_t write_begin;
	uint64_t write_end;
	bool written;
	bool used; /* acknowledged or read */
};

static char problem[256];

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static unsigned int history_add(struct history *history, struct op op)
{
	if (history->count == history->room) {
		history->room = history->room ? 2 * history->room : 1024;
		history->ops = must(realloc(history->ops,
					    history->room * sizeof(struct op)));
	}
	op.number = history->count;
	history->ops[history->count] = op;
	return history->count++;
}

struct history *history_new(unsigned int blocks)
{
	struct history *history = must(calloc(1, sizeof(*history)));
	unsigned int block;

	history->blocks = blocks;
	for (block = 0; block < blocks; block++)
		history_add(history,
			    (struct op){ .block = block, .write = true });
	return history;
}

void history_free(struct history *history)
{
	free(history->ops);
	free(history);
}

unsigned int history_write(struct history *history, unsigned int block,
			   uint64_t id, uint64_t begin)
{
	return history_add(history, (struct op){ .block = block,
						 .write = true,
						 .id = id,
						 .begin = begin,
						 .end = HISTORY_OPEN });
}

void history_answer(struct history *history, unsigned int write, uint64_t end)
{
	history->ops[write].end = end;
}

void history_read(struct history *history, unsigned int block, uint64_t id,
		  uint64_t begin, uint64_t end)
{
	history_add(history, (struct op){ .block = block,
					  .id = id,
					  .begin = begin,
					  .end = end });
}

static int op_order(const void *left, const void *right)
{
	const struct op *a = left;
	const struct op *b = right;

	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

static void zone_add(struct zone *zone, const struct op *op)
{
	if (op->write) {
		zone->written = true;
		zone->write_begin = op->begin;
		zone->write_end = op->end;
	}
	if (op->end != HISTORY_OPEN)
		zone->used = true;
	if (op->end < zone->first_end)
		zone->first_end = op->end;
	if (op->begin > zone->last_begin)
		zone->last_begin = op->begin;
}

/* Zones of each (block, id), in the order of blocks. */
static unsigned int history_zones(const struct history *history, struct op *ops,
				  struct zone *zones)
{
	unsigned int count = 0;
	unsigned int i;

	memcpy(ops, history->ops, history->count * sizeof(*ops));
	qsort(ops, history->count, sizeof(*ops), op_order);
	for (i = 0; i < history->count; i++) {
		struct zone *zone = count ? &zones[count - 1] : NULL;

		if (!zone || zone->block != ops[i].block ||
		    zone->id != ops[i].id || zone->id == 0) {
			zone = &zones[count++];
			*zone = (struct zone){ .block = ops[i].block,
					       .id = ops[i].id,
					       .first_end = HISTORY_OPEN };
		}
		zone_add(zone, &ops[i]);
	}
	return count;
}

static bool forward(const struct zone *zone)
{
	return zone->first_end < zone->last_begin;
}

/* @a and @b: zones of one block */
static const char *zones_clash(const struct zone *a, const struct zone *b)
{
	if (!a->used || !b->used || !forward(a))
		return NULL;
	if (a->first_end >= b->last_begin || b->first_end >= a->last_begin)
		return NULL;
	return forward(b) ? "both held at once" :
			    "one was replaced and came back";
}

/* Was @zero certainly overwritten before @read began? */
static bool overwritten(const struct zone *zones, unsigned int count,
			const struct zone *zero, const struct zone *read)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (zones[i].id && zones[i].used &&
		    zero->write_end < zones[i].write_begin &&
		    zones[i].first_end < read->last_begin)
			return true;
	return false;
}

/* Some write of zeroes must explain this read of them. */
static bool zero_explained(const struct zone *zones, unsigned int count,
			   const struct zone *read)
{
	unsigned int i;

	for (i = 0; i < count && !zones[i].id; i++)
		if (zones[i].written &&
		    zones[i].write_begin <= read->first_end &&
		    !overwritten(zones, count, &zones[i], read))
			return true;
	return false;
}

static const char *zone_check(const struct zone *zones, unsigned int count,
			      const struct zone *zone)
{
	if (!zone->id && !zone->written)
		return zero_explained(zones, count, zone) ?
			       NULL :
			       "zeroes were read that had been overwritten";
	if (!zone->written)
		return "it was read, never written";
	if (zone->first_end < zone->write_begin)
		return "it was read before it was written";
	return NULL;
}

static const char *say(const struct zone *a, const struct zone *b,
		       const char *what)
{
	snprintf(problem, sizeof(problem),
		 "block %u: %lx [%lu, %lu] and %lx [%lu, %lu]: %s", a->block,
		 (unsigned long)a->id, (unsigned long)a->first_end,
		 (unsigned long)a->last_begin, (unsigned long)b->id,
		 (unsigned long)b->first_end, (unsigned long)b->last_begin,
		 what);
	return problem;
}

/* @zones: all of one block, zeroes first */
static const char *block_check(const struct zone *zones, unsigned int count)
{
	const char *what;
	unsigned int i, j;

	for (i = 0; i < count; i++) {
		what = zone_check(zones, count, &zones[i]);
		if (what)
			return say(&zones[i], &zones[i], what);
	}
	for (i = 0; i < count; i++) {
		if (!forward(&zones[i]))
			continue;
		for (j = 0; j < count; j++) {
			if (i == j)
				continue;
			what = zones_clash(&zones[i], &zones[j]);
			if (what)
				return say(&zones[i], &zones[j], what);
		}
	}
	return NULL;
}

const char *history_check(const struct history *history)
{
	struct op *ops = must(calloc(history->count, sizeof(*ops)));
	struct zone *zones = must(calloc(history->count, sizeof(*zones)));
	const char *answer = NULL;
	unsigned int count, first, i;

	count = history_zones(history, ops, zones);
	for (first = 0; first < count && !answer; first = i) {
		for (i = first; i < count; i++)
			if (zones[i].block != zones[first].block)
				break;
		answer = block_check(zones + first, i - first);
	}
	free(ops);
	free(zones);
	return answer;
}
