// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: which reads and writes overlap, and which came first
 *
 * See range.h.  Compiled for the kernel and, by tests/unit, for userspace.
 */
#include <linux/interval_tree_generic.h>

#include "range.h"

#define RANGE_FIRST(range) ((range)->first)
#define RANGE_LAST(range) ((range)->last)

INTERVAL_TREE_DEFINE(struct qbd_range, rb, u64, subtree_last, RANGE_FIRST,
		     RANGE_LAST, static, range_tree)

static void kind_init(struct qbd_kind *kind)
{
	kind->tree = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&kind->list);
	kind->listed = 0;
}

/**
 * qbd_ranges_init() - make an empty set
 * @ranges: the set
 */
void qbd_ranges_init(struct qbd_ranges *ranges)
{
	kind_init(&ranges->reads);
	kind_init(&ranges->writes);
	ranges->seq = 0;
}

/**
 * qbd_range_init() - say what a range covers, before it enters
 * @range: the range
 * @offset: first byte
 * @length: bytes, at least 1
 * @read: true for a read, false for whatever changes the replica
 */
void qbd_range_init(struct qbd_range *range, u64 offset, u64 length, bool read)
{
	range->first = offset >> QBD_RANGE_SHIFT;
	range->last = (offset + length - 1) >> QBD_RANGE_SHIFT;
	range->seq = 0;
	range->blockers = 0;
	range->read = read;
	range->listed = false;
	INIT_LIST_HEAD(&range->freed);
}

static struct qbd_kind *kind_of(struct qbd_ranges *ranges, bool read)
{
	return read ? &ranges->reads : &ranges->writes;
}

/* They are looked up from now on. */
static void list_to_tree(struct qbd_kind *kind)
{
	struct qbd_range *range, *next;

	list_for_each_entry_safe(range, next, &kind->list, freed) {
		list_del_init(&range->freed);
		range->listed = false;
		range_tree_insert(range, &kind->tree);
	}
	kind->listed = 0;
}

/**
 * qbd_range_enter() - a read or write arrives
 * @ranges: the set
 * @range: the newcomer, initialised
 *
 * Return: true when nothing of the other kind overlaps it, so that it may
 * proceed; false when it must wait until qbd_range_leave() returns it.
 */
bool qbd_range_enter(struct qbd_ranges *ranges, struct qbd_range *range)
{
	struct qbd_kind *kind = kind_of(ranges, range->read);
	struct qbd_kind *other = kind_of(ranges, !range->read);
	struct qbd_range *it;

	range->seq = ++ranges->seq;
	range->blockers = 0;
	list_to_tree(other);
	for (it = range_tree_iter_first(&other->tree, range->first,
					range->last);
	     it; it = range_tree_iter_next(it, range->first, range->last))
		range->blockers++;
	if (range->blockers || kind->listed == QBD_RANGE_LISTED_MAX) {
		range_tree_insert(range, &kind->tree);
		return !range->blockers;
	}
	range->listed = true;
	kind->listed++;
	list_add_tail(&range->freed, &kind->list);
	return true;
}

/**
 * qbd_range_leave() - a read or write is over, or was given up
 * @ranges: the set
 * @range: freed or not; nothing happens when it is in no set
 * @freed: those that waited for it alone are appended here (by their
 *	&struct qbd_range.freed); they stay in their tree
 */
void qbd_range_leave(struct qbd_ranges *ranges, struct qbd_range *range,
		     struct list_head *freed)
{
	struct qbd_kind *kind = kind_of(ranges, range->read);
	struct qbd_kind *other = kind_of(ranges, !range->read);
	struct qbd_range *it;
	u64 seq = range->seq;

	if (!seq)
		return;
	list_del_init(&range->freed);
	range->seq = 0;
	if (range->listed) {
		range->listed = false;
		kind->listed--;
		return; /* no later range has seen it */
	}
	range_tree_remove(range, &kind->tree);
	for (it = range_tree_iter_first(&other->tree, range->first,
					range->last);
	     it; it = range_tree_iter_next(it, range->first, range->last))
		if (it->seq > seq && !--it->blockers)
			list_add_tail(&it->freed, freed);
}
