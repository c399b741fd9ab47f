/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: the request table
 *
 * The table is the truth about what the agent still has to complete; messages
 * are only its shadow.  A request goes
 *
 *	blocked -> ready -> outstanding -> (hold) -> gone
 *
 * blocked: an overlapping read is in flight; ready: waits for the gate and for
 * room; outstanding: it has its tag and was sent, or will be sent again; hold:
 * it is finished, but reads over its range wait until the agent says that
 * it is applied.  Completion, abort, timeout and removal all finish a request
 * through qbd_table_finish(), whose test-and-set bit lets exactly one of them
 * win.
 *
 * Pure bookkeeping, like range.h: the caller's lock (struct qbd_device.lock)
 * protects all of it; nothing here allocates, sleeps or completes an I/O.
 */
#ifndef QBD_TABLE_H
#define QBD_TABLE_H

#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/qbd.h>

#include "range.h"

/* Bounds; those the agent must know stand in linux/qbd.h. */
#define QBD_TABLE_BUCKETS 1024
#define QBD_TABLE_WAITING_MAX 1024 /* blocked and ready */
#define QBD_TABLE_HOLDS_MAX 8192 /* above it nothing new is sent */

enum qbd_request_state {
	QBD_REQUEST_NEW,
	QBD_REQUEST_BLOCKED,
	QBD_REQUEST_READY,
	QBD_REQUEST_OUTSTANDING,
	QBD_REQUEST_HOLD,
	QBD_REQUEST_GONE,
};

/* Bits of struct qbd_request.bits */
#define QBD_REQUEST_FINISHED 0 /* the right to end it is taken */
#define QBD_REQUEST_BUSY 1 /* the sender looks at it, unlocked */

/**
 * struct qbd_request - what the table knows of a request
 * @range: in the trees while it is ranged and not applied
 * @link: in a list of the table; when its hold is dropped, of the dropper
 * @ending: of the caller that has won the right to end it
 * @by_tag: in the hash while outstanding
 * @wire: what the agent gets; &qbd_req.tag is 0 until it is sent
 * @bits: QBD_REQUEST_*
 * @refs: one for ending it, one for its hold
 * @state: enum qbd_request_state
 * @sent: generation of the session that was last sent it, 0: none
 * @error: how it ended
 * @epoch_granted: what the completion of an open said
 */
struct qbd_request {
	struct qbd_range range;
	struct list_head link;
	struct list_head ending;
	struct hlist_node by_tag;
	struct qbd_req wire;
	unsigned long bits;
	refcount_t refs;
	enum qbd_request_state state;
	u32 sent;
	int error;
	u64 epoch_granted;
};

/**
 * struct qbd_table - the requests of a device
 * @blocked: ranged requests behind a read
 * @calls: opens and closes that were not sent yet; the gate does not hold them
 *	back
 * @ready: other requests not sent yet, in order of arrival
 * @outstanding: sent and not completed, in order of their tags
 * @unsent: the first in @outstanding that this session was not sent, or
 *	@outstanding itself
 * @holds: finished and not applied, in order of their tags
 * @hash: the outstanding ones by tag
 * @ranges: which overlap
 * @next_tag: tag of the next request that is sent
 * @applied: as this session reported it
 * @n_waiting: in @blocked, @calls and @ready
 * @n_outstanding: in @outstanding
 * @n_holds: in @holds
 * @outstanding_bytes: payload of those in @outstanding
 */
struct qbd_table {
	struct list_head blocked;
	struct list_head calls;
	struct list_head ready;
	struct list_head outstanding;
	struct list_head *unsent;
	struct list_head holds;
	struct hlist_head hash[QBD_TABLE_BUCKETS];
	struct qbd_ranges ranges;
	u64 next_tag;
	u64 applied;
	u32 n_waiting;
	u32 n_outstanding;
	u32 n_holds;
	u64 outstanding_bytes;
};

void qbd_table_init(struct qbd_table *table);
void qbd_request_init(struct qbd_request *req, u16 op, u16 flags, u64 epoch,
		      u64 offset, u32 length);

void qbd_table_add(struct qbd_table *table, struct qbd_request *req);
void qbd_table_unblock(struct qbd_table *table, struct qbd_request *req);

struct qbd_request *qbd_table_peek(struct qbd_table *table, bool gate_open);
void qbd_table_take(struct qbd_table *table, struct qbd_request *req);
void qbd_table_sent(struct qbd_request *req, u32 generation);
void qbd_table_rewind(struct qbd_table *table, u64 tag);
void qbd_table_session(struct qbd_table *table);

int qbd_table_match(struct qbd_table *table, const struct qbd_done *done,
		    struct qbd_request **match);
bool qbd_table_finish(struct qbd_table *table, struct qbd_request *req,
		      int error, struct list_head *freed);
void qbd_table_unhold(struct qbd_table *table, struct qbd_request *req,
		      struct list_head *freed);
int qbd_table_applied(struct qbd_table *table, u64 tag,
		      struct list_head *dropped, struct list_head *freed);

#endif /* QBD_TABLE_H */
