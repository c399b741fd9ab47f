// SPDX-License-Identifier: GPL-2.0
/*
 * See history.h.  Each write and the reads that returned it are a group, with
 * f its earliest end and s its latest begin: f < s makes a forward zone [f, s],
 * in which the block certainly held it; else [s, f] is a backward zone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/model/history.h"

struct op {
	unsigned int block;
	bool write;
	uint64_t id;
	uint64_t begin;
	uint64_t end;
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
	bool written;
	bool used; /* acknowledged or read */
};

static char problem[256];

struct history *history_new(unsigned int blocks)
{
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		abort();
	history->blocks = blocks;
	return history;
}

void history_free(struct history *history)
{
	free(history->ops);
	free(history);
}

static unsigned int history_add(struct history *history, struct op op)
{
	if (history->count == history->room) {
		history->room = history->room ? 2 * history->room : 1024;
		history->ops = realloc(history->ops,
				       history->room * sizeof(struct op));
		if (!history->ops)
			abort();
	}
	history->ops[history->count] = op;
	return history->count++;
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
	return (int)b->write - (int)a->write;
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
		    zone->id != ops[i].id) {
			zone = &zones[count++];
			*zone = (struct zone){ .block = ops[i].block,
					       .id = ops[i].id,
					       .first_end = HISTORY_OPEN,
					       .written = ops[i].id == 0 };
			if (ops[i].id == 0)
				zone->first_end = 0;
		}
		if (ops[i].write) {
			zone->written = true;
			zone->write_begin = ops[i].begin;
		}
		if (ops[i].end != HISTORY_OPEN)
			zone->used = true;
		if (ops[i].end < zone->first_end)
			zone->first_end = ops[i].end;
		if (ops[i].begin > zone->last_begin)
			zone->last_begin = ops[i].begin;
	}
	return count;
}

static bool forward(const struct zone *zone)
{
	return zone->first_end < zone->last_begin;
}

static const char *zones_clash(const struct zone *a, const struct zone *b)
{
	if (a->block != b->block || !a->used || !b->used || !forward(a))
		return NULL;
	if (forward(b)) {
		if (a->first_end < b->last_begin &&
		    b->first_end < a->last_begin)
			return "both held at once";
		return NULL;
	}
	if (a->first_end < b->last_begin && b->first_end < a->last_begin)
		return "one was replaced and came back";
	return NULL;
}

static const char *zones_check(const struct zone *zones, unsigned int count)
{
	unsigned int first = 0; /* of the same block */
	unsigned int i, j;

	for (i = 0; i < count; i++) {
		if (!zones[i].written)
			snprintf(problem, sizeof(problem),
				 "block %u: %lx was read, never written",
				 zones[i].block, (unsigned long)zones[i].id);
		else if (zones[i].first_end < zones[i].write_begin)
			snprintf(problem, sizeof(problem),
				 "block %u: %lx was read before it was written",
				 zones[i].block, (unsigned long)zones[i].id);
		else
			continue;
		return problem;
	}
	for (i = 0; i < count; i++) {
		if (zones[first].block != zones[i].block)
			first = i;
		for (j = first; j < count && zones[j].block == zones[i].block;
		     j++) {
			const char *clash;

			if (i == j)
				continue;
			clash = zones_clash(&zones[i], &zones[j]);
			if (!clash)
				continue;
			snprintf(
				problem, sizeof(problem),
				"block %u: %lx [%lu, %lu] and %lx [%lu, %lu]: %s",
				zones[i].block, (unsigned long)zones[i].id,
				(unsigned long)zones[i].first_end,
				(unsigned long)zones[i].last_begin,
				(unsigned long)zones[j].id,
				(unsigned long)zones[j].first_end,
				(unsigned long)zones[j].last_begin, clash);
			return problem;
		}
	}
	return NULL;
}

const char *history_check(const struct history *history)
{
	struct op *ops = calloc(history->count + 1, sizeof(*ops));
	struct zone *zones = calloc(history->count + 1, sizeof(*zones));
	const char *answer;
	unsigned int count;

	if (!ops || !zones)
		abort();
	count = history_zones(history, ops, zones);
	answer = zones_check(zones, count);
	free(ops);
	free(zones);
	return answer;
}
