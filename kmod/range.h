/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: which reads and writes overlap, and which came first
 *
 * A read must not look at the replica while an overlapping write is on its way
 * to it, and a write must not be sent to the agent while an overlapping read is
 * in flight: the reader could see a mix within 4 KiB.  So every read and every
 * write enters here on arrival, and is blocked by those of the other kind that
 * overlap it and came before it.  Since arrival order decides, neither kind can
 * starve the other, and there is no circular wait.  Writes do not block writes:
 * the log orders them.
 *
 * A range is looked up only when one of the other kind arrives.  Therefore a
 * range with nothing to wait for goes into a list, and the next arrival of the
 * other kind moves it to the tree.  While only one kind is outstanding, the
 * usual case, there is no tree to maintain.  The list is short, because that
 * arrival holds the lock.
 *
 * Pure bookkeeping: the caller's lock (struct qbd_device.lock) protects all of
 * it; nothing here allocates, sleeps or completes an I/O.
 */
#ifndef QBD_RANGE_H
#define QBD_RANGE_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

/* Ranges are counted in blocks of this size, rounded outwards. */
#define QBD_RANGE_SHIFT 12

/* So many that one arrival may have to move: some 50 us, by estimate. */
#define QBD_RANGE_LISTED_MAX 512

/**
 * struct qbd_range - one read or write
 * @rb: in the tree of its kind
 * @first: first block
 * @last: last block
 * @subtree_last: kept by the interval tree
 * @seq: arrival, never 0 while it is in a set; 0 when in none
 * @blockers: how many of the other kind it waits for
 * @read: its kind
 * @listed: in the list of its kind, not in the tree
 * @freed: list of those a departure has unblocked, or the list of its kind
 */
struct qbd_range {
	struct rb_node rb;
	u64 first;
	u64 last;
	u64 subtree_last;
	u64 seq;
	u32 blockers;
	bool read;
	bool listed;
	struct list_head freed;
};

/**
 * struct qbd_kind - all reads, or all writes
 * @tree: those that the other kind has looked for
 * @list: those that were not looked for yet; none of them waits
 * @listed: how many these are, at most QBD_RANGE_LISTED_MAX
 */
struct qbd_kind {
	struct rb_root_cached tree;
	struct list_head list;
	u32 listed;
};

/**
 * struct qbd_ranges - all of a device
 * @reads: those in flight at the replica, and those held
 * @writes: those waiting, sent, or done and not applied
 * @seq: the arrival number last given
 */
struct qbd_ranges {
	struct qbd_kind reads;
	struct qbd_kind writes;
	u64 seq;
};

void qbd_ranges_init(struct qbd_ranges *ranges);
void qbd_range_init(struct qbd_range *range, u64 offset, u64 length, bool read);
bool qbd_range_enter(struct qbd_ranges *ranges, struct qbd_range *range);
void qbd_range_leave(struct qbd_ranges *ranges, struct qbd_range *range,
		     struct list_head *freed);

#endif /* QBD_RANGE_H */
