// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the device become entries of the log, in the order of their tags,
 * as many at a time as a step takes and memory and log have room for.  Only a
 * leader that is ready proposes, and only for the open session that the log's
 * end names.  So a request of a session that is over can't get in behind the
 * next one's.
 */
#include <assert.h>

#include "base/crc.h"
#include "node/state.h"

static struct raft_entry *request_entry(const struct node *node,
					const struct request *request)
{
	const struct node_request *body = &request->body;
	struct raft_entry *entry =
		node_make_entry(node, body->op == NODE_REQ_WRITE ?
					      RAFT_OP_WRITE :
					      RAFT_OP_ZERO);

	entry->standing.writer = node->config.raft.id;
	entry->standing.epoch = node->gate.epoch;
	entry->standing.tag = body->tag;
	entry->offset = body->offset;
	entry->length = body->length;
	if (raft_op_has_data(entry->op)) {
		entry->data = body->data;
		entry->buf = base_buf_get(body->buf);
		entry->data_crc = base_crc32c(0, body->data, body->length);
	}
	return entry;
}

/* In the ring, and in memory: what is not committed is held there. */
static uint64_t propose_room(const struct node *node)
{
	uint64_t open = node->entries.open_bytes;
	uint64_t most = node->config.bounds.open_bytes;
	uint64_t room = open < most ? most - open : 0;

	return room < node_log_room(node) ? room : node_log_room(node);
}

/*
 * As many as one step takes; false: none could be proposed.  The index that
 * each gets is known before, since the core numbers them in order.
 */
static bool propose_some(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_PROPOSE };
	struct raft_entry *batch[BATCH_MAX];
	struct request *first = node->requests.unproposed;
	uint64_t next = node->entries.last + 1;
	uint64_t room = propose_room(node);
	struct request *request;
	uint32_t count = 0;
	uint64_t bytes;

	while ((request = node->requests.unproposed) && count < BATCH_MAX) {
		/* Done when all before it is: no entry of its own. */
		if (request->body.op == NODE_REQ_FLUSH) {
			requests_propose(node, next - 1);
			continue;
		}
		batch[count] = request_entry(node, request);
		bytes = store_record_bytes(batch[count], node->config.align);
		if (bytes > room) { /* until a checkpoint or a commit */
			raft_entry_put(batch[count]);
			break;
		}
		room -= bytes;
		count++;
		requests_propose(node, next++);
	}
	event.count = count;
	if (count && !node_propose(node, &event, batch, count))
		requests_retract(node, first);
	return node->requests.unproposed != first;
}

static bool propose_allowed(const struct node *node)
{
	struct store_checkpoint tail;

	assert(!node->gate.fenced); /* that dropped them all */
	if (!node_ready(node) || node->stopping ||
	    raft_transferring(node->raft) || !node->gate.epoch)
		return false;
	tail = entries_head(&node->entries, node->entries.last);
	return tail.standing.writer == node->config.raft.id &&
	       tail.standing.epoch == node->gate.epoch;
}

void propose_pump(struct node *node)
{
	if (!node->gate.bound)
		return;
	while (node->requests.unproposed && propose_allowed(node))
		if (!propose_some(node))
			break;
	requests_credit(node);
}
