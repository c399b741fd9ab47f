// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: the request table
 *
 * See table.h.  Compiled for the kernel and, by tests/unit, for userspace.
 */
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/string.h>

#include "table.h"

static struct hlist_head *bucket_of(struct qbd_table *table, u64 tag)
{
	/* outstanding tags are nearly consecutive: they spread by themselves */
	return &table->hash[tag % QBD_TABLE_BUCKETS];
}

static struct qbd_request *request_of(struct list_head *link)
{
	return list_entry(link, struct qbd_request, link);
}

static bool is_call(const struct qbd_request *req)
{
	return req->wire.op == QBD_OP_OPEN || req->wire.op == QBD_OP_CLOSE;
}

/**
 * qbd_table_init() - make an empty table
 * @table: the table
 */
void qbd_table_init(struct qbd_table *table)
{
	int i;

	memset(table, 0, sizeof(*table));
	INIT_LIST_HEAD(&table->blocked);
	INIT_LIST_HEAD(&table->calls);
	INIT_LIST_HEAD(&table->ready);
	INIT_LIST_HEAD(&table->outstanding);
	INIT_LIST_HEAD(&table->holds);
	for (i = 0; i < QBD_TABLE_BUCKETS; i++)
		INIT_HLIST_HEAD(&table->hash[i]);
	qbd_ranges_init(&table->ranges);
	table->unsent = &table->outstanding;
	table->next_tag = 1;
}

/**
 * qbd_request_init() - say what a request is, before it is added
 * @req: the request; its one reference is the caller's right to end it
 * @op: enum qbd_op
 * @flags: QBD_REQ_F_FUA, QBD_REQ_F_PREFLUSH
 * @epoch: of the open session it belongs to
 * @offset: first byte
 * @length: bytes, 0 when it has no range
 */
void qbd_request_init(struct qbd_request *req, u16 op, u16 flags, u64 epoch,
		      u64 offset, u32 length)
{
	memset(req, 0, sizeof(*req));
	INIT_LIST_HEAD(&req->link);
	INIT_LIST_HEAD(&req->ending);
	INIT_HLIST_NODE(&req->by_tag);
	refcount_set(&req->refs, 1);
	req->wire.op = op;
	req->wire.flags = flags;
	req->wire.epoch = epoch;
	req->wire.offset = offset;
	req->wire.length = length;
	req->wire.data_bytes = op == QBD_OP_WRITE ? length : 0;
	if (length)
		qbd_range_init(&req->range, offset, length, false);
}

/**
 * qbd_table_add() - take a new request in
 * @table: the table
 * @req: the request, fresh from qbd_request_init()
 */
void qbd_table_add(struct qbd_table *table, struct qbd_request *req)
{
	table->n_waiting++;
	if (is_call(req)) {
		req->state = QBD_REQUEST_READY;
		list_add_tail(&req->link, &table->calls);
	} else if (!req->wire.length ||
		   qbd_range_enter(&table->ranges, &req->range)) {
		req->state = QBD_REQUEST_READY;
		list_add_tail(&req->link, &table->ready);
	} else {
		req->state = QBD_REQUEST_BLOCKED;
		list_add_tail(&req->link, &table->blocked);
	}
}

/**
 * qbd_table_unblock() - the last read in front of a request is over
 * @table: the table
 * @req: a request whose range qbd_range_leave() has freed
 */
void qbd_table_unblock(struct qbd_table *table, struct qbd_request *req)
{
	if (WARN_ON_ONCE(req->state != QBD_REQUEST_BLOCKED))
		return;
	req->state = QBD_REQUEST_READY;
	list_move_tail(&req->link, &table->ready);
}

static bool has_room(const struct qbd_table *table,
		     const struct qbd_request *req)
{
	return table->n_outstanding < QBD_SENT_REQS_MAX &&
	       table->outstanding_bytes + req->wire.data_bytes <=
		       QBD_SENT_BYTES_MAX &&
	       table->n_holds < QBD_TABLE_HOLDS_MAX;
}

/**
 * qbd_table_peek() - which request goes to the agent next?
 * @table: the table
 * @gate_open: whether new I/O may be sent; what was sent once is sent again in
 *	any case, and so are opens and closes
 *
 * Return: the request, still where it was, or NULL.
 */
struct qbd_request *qbd_table_peek(struct qbd_table *table, bool gate_open)
{
	struct qbd_request *req;

	if (table->unsent != &table->outstanding)
		return request_of(table->unsent);
	if (!list_empty(&table->calls))
		return request_of(table->calls.next);
	if (!gate_open || list_empty(&table->ready))
		return NULL;
	req = request_of(table->ready.next);
	return has_room(table, req) ? req : NULL;
}

/**
 * qbd_table_take() - the request goes into the message being made
 * @table: the table
 * @req: what qbd_table_peek() has just returned
 *
 * A new one gets its tag here, so that tags are in the order of sending.
 */
void qbd_table_take(struct qbd_table *table, struct qbd_request *req)
{
	if (req->state == QBD_REQUEST_OUTSTANDING) {
		table->unsent = req->link.next;
		return;
	}
	table->n_waiting--;
	table->n_outstanding++;
	table->outstanding_bytes += req->wire.data_bytes;
	req->wire.tag = table->next_tag++;
	req->state = QBD_REQUEST_OUTSTANDING;
	list_move_tail(&req->link, &table->outstanding);
	hlist_add_head(&req->by_tag, bucket_of(table, req->wire.tag));
}

/**
 * qbd_table_sent() - the message with this request is in the agent's socket
 * @req: the request
 * @generation: of the session
 */
void qbd_table_sent(struct qbd_request *req, u32 generation)
{
	req->sent = generation;
}

/**
 * qbd_table_rewind() - requests from a tag on did not reach the agent
 * @table: the table
 * @tag: the first that has to be sent again; 0 means all
 */
void qbd_table_rewind(struct qbd_table *table, u64 tag)
{
	struct list_head *at = table->unsent;

	while (at->prev != &table->outstanding &&
	       request_of(at->prev)->wire.tag >= tag)
		at = at->prev;
	table->unsent = at;
}

/**
 * qbd_table_session() - there is a new agent: it is sent everything again
 * @table: the table
 *
 * Only what this agent reports counts as applied.  Holds stay.
 */
void qbd_table_session(struct qbd_table *table)
{
	struct qbd_request *req;

	table->applied = 0;
	qbd_table_rewind(table, 0);
	list_for_each_entry(req, &table->outstanding, link)
		if (req->sent)
			req->wire.flags |= QBD_REQ_F_RESENT;
}

/**
 * qbd_table_match() - find the request that a completion is for
 * @table: the table
 * @done: the completion, hostile until proven otherwise
 * @match: set to the request, when there is one
 *
 * Return: 0; -ENOENT when no such tag is outstanding or its epoch is another;
 * -EINVAL when the completion makes no sense for the request.
 */
int qbd_table_match(struct qbd_table *table, const struct qbd_done *done,
		    struct qbd_request **match)
{
	struct qbd_request *req;

	hlist_for_each_entry(req, bucket_of(table, done->tag), by_tag) {
		if (req->wire.tag != done->tag)
			continue;
		if (done->error > 0 || done->error < -MAX_ERRNO ||
		    done->reserved)
			return -EINVAL;
		if (req->wire.op == QBD_OP_OPEN) {
			if (!done->error && !done->epoch)
				return -EINVAL;
		} else if (done->epoch != req->wire.epoch) {
			return -ENOENT;
		}
		*match = req;
		return 0;
	}
	return -ENOENT;
}

static void hold(struct qbd_table *table, struct qbd_request *req)
{
	struct list_head *at = table->holds.prev;

	/* completions come nearly in order: this loop hardly turns */
	while (at != &table->holds && request_of(at)->wire.tag > req->wire.tag)
		at = at->prev;
	list_add(&req->link, at);
	table->n_holds++;
	refcount_inc(&req->refs);
	req->state = QBD_REQUEST_HOLD;
}

static void leave_open(struct qbd_table *table, struct qbd_request *req)
{
	if (table->unsent == &req->link)
		table->unsent = req->link.next;
	list_del_init(&req->link);
	hlist_del_init(&req->by_tag);
	table->n_outstanding--;
	table->outstanding_bytes -= req->wire.data_bytes;
}

/**
 * qbd_table_finish() - end a request: completed, aborted, timed out, removed
 * @table: the table
 * @req: the request, in any state before hold
 * @error: 0 or a negative errno
 * @freed: ranges that may go on because of it are appended here
 *
 * A ranged request that an agent may have seen leaves its hold behind, whatever
 * its error: it may have been committed all the same.
 *
 * Return: true when the caller is the one to end it: it must do so, and put the
 * reference of qbd_request_init() afterwards - unless QBD_REQUEST_BUSY is set:
 * then the sender does it.  False when another caller was first.
 */
bool qbd_table_finish(struct qbd_table *table, struct qbd_request *req,
		      int error, struct list_head *freed)
{
	bool seen = false;

	if (test_and_set_bit(QBD_REQUEST_FINISHED, &req->bits))
		return false;
	req->error = error;
	if (req->state == QBD_REQUEST_OUTSTANDING) {
		seen = req->sent || test_bit(QBD_REQUEST_BUSY, &req->bits);
		leave_open(table, req);
	} else {
		list_del_init(&req->link);
		table->n_waiting--;
	}
	if (seen && req->wire.length && req->wire.tag > table->applied) {
		hold(table, req);
		return true;
	}
	req->state = QBD_REQUEST_GONE;
	if (req->wire.length)
		qbd_range_leave(&table->ranges, &req->range, freed);
	return true;
}

/**
 * qbd_table_unhold() - drop a hold
 * @table: the table
 * @req: a request in state hold; the caller puts the hold's reference
 * @freed: ranges that may go on because of it are appended here
 */
void qbd_table_unhold(struct qbd_table *table, struct qbd_request *req,
		      struct list_head *freed)
{
	list_del_init(&req->link);
	table->n_holds--;
	req->state = QBD_REQUEST_GONE;
	qbd_range_leave(&table->ranges, &req->range, freed);
}

/**
 * qbd_table_applied() - the replica has everything up to a tag
 * @table: the table
 * @tag: as the agent says
 * @dropped: requests whose hold ends are put here, by their link; the caller
 *	puts the hold's reference of each
 * @freed: ranges that may go on because of it are appended here
 *
 * Return: 0, or -EINVAL for a tag that was not given out yet.
 */
int qbd_table_applied(struct qbd_table *table, u64 tag,
		      struct list_head *dropped, struct list_head *freed)
{
	struct qbd_request *req, *next;

	if (tag >= table->next_tag)
		return -EINVAL;
	if (tag <= table->applied)
		return 0;
	table->applied = tag;
	list_for_each_entry_safe(req, next, &table->holds, link) {
		if (req->wire.tag > tag)
			break;
		qbd_table_unhold(table, req, freed);
		list_add_tail(&req->link, dropped);
	}
	return 0;
}
