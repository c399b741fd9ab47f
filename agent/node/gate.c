// SPDX-License-Identifier: GPL-2.0
/*
 * The gate between the device and the volume: may this node serve it now?
 *
 * Three things decide: the binding to the module, the epoch of the open session
 * on this node, and the lease, the time until which what it serves is still
 * true.  What does not belong to the epoch is refused here; so is everything
 * from a fence on, until the device is closed.
 *
 * The module gets the lease only while node_ready().  It is taken back before
 * anything that could let another node lead.  Lease and fence have taken effect
 * in the module when the call returns.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/planted.h"
#include "node/state.h"

void gate_revoke(struct node *node, const char *reason)
{
	if (!node->gate.bound)
		return;
	node->gate.lease_us = 0;
	node->gate.no_lease = reason;
	if (!planted(PLANTED_LEASE_KEPT))
		node->ops->lease(node->context, 0, reason);
}

void gate_fence(struct node *node, const char *reason)
{
	if (!node->gate.bound)
		return;
	node->ops->fence(node->context, reason);
	if (node->gate.epoch && !node->gate.fenced)
		node_say(node, BASE_LOG_ERROR,
			 "event=fenced epoch=%lu writer=#%u reason=\"%s\" "
			 "remedy=\"close (unmount) the device here; its I/O "
			 "fails until then\"",
			 (unsigned long)node->gate.epoch,
			 entries_head(&node->entries, node->entries.last)
				 .standing.writer,
			 reason);
	if (node->gate.epoch)
		node->gate.fenced = true;
	requests_drop_all(node);
}

/* The last close: nothing of this opening will be proposed any more. */
static void gate_close(struct node *node, const struct node_request *body)
{
	requests_drop_all(node);
	node->gate.epoch = 0;
	node->gate.fenced = false;
	node->ops->done(node->context, body->tag, body->epoch, 0);
	requests_close_at(node, body->tag);
}

static void gate_unbind(struct node *node)
{
	requests_clear(node);
	memset(&node->gate, 0, sizeof(node->gate));
}

void node_bound(struct node *node, uint64_t epoch, bool open_for_writing,
		uint64_t next_tag)
{
	struct store_checkpoint head;

	gate_unbind(node);
	node->gate.bound = true;
	node->gate.epoch = open_for_writing ? epoch : 0;
	node->gate.since = node->gate.epoch ? node->gate.epoch :
					      node->entries.last;
	head = entries_head(&node->entries, node->entries.committed);
	if (node->gate.epoch && head.standing.epoch > node->gate.epoch)
		gate_fence(node, "opened on another node");
	if (node->disk_failed)
		gate_fence(node, "disk failed");
	/* What an earlier agent answered of openings that are over. */
	if (!node->gate.epoch)
		requests_close_at(node, next_tag ? next_tag - 1 : 0);
	if (node_leads(node))
		requests_became_leader(node);
}

void node_unbound(struct node *node)
{
	gate_unbind(node);
}

void gate_open(struct node *node, uint64_t epoch)
{
	node->gate.epoch = epoch;
	node->gate.since = epoch;
	node->gate.fenced = false;
}

void gate_truncated(struct node *node, uint64_t from)
{
	if (!node->gate.epoch && node->gate.since >= from)
		node->gate.since = from - 1;
}

void node_request(struct node *node, const struct node_request *body)
{
	if (!node->gate.bound)
		return;
	requests_received(node, body->tag);
	if (body->op == NODE_REQ_CLOSE)
		gate_close(node, body);
	else if (body->op != NODE_REQ_OPEN &&
		 (node->gate.fenced || body->epoch != node->gate.epoch))
		node->ops->done(node->context, body->tag, body->epoch, -EIO);
	else
		requests_add(node, body);
}

static const char *no_lease_reason(const struct node *node)
{
	if (node->stopping)
		return "agent stops";
	if (node->disk_failed)
		return "disk failed";
	if (!raft_leader(node->raft))
		return "no quorum";
	if (!node_leads(node))
		return "another node leads";
	if (node->incomplete)
		return "replica is being filled";
	if (raft_transferring(node->raft))
		return "handing leadership over";
	if (!node_ready(node))
		return "catching up";
	return "no answer from a majority";
}

void gate_pump(struct node *node)
{
	uint64_t until = 0;
	uint64_t step = node->config.raft.heartbeat_us / 2;
	bool ready = node_ready(node) && !node->stopping;

	if (!node->gate.bound)
		return;
	/* None is longer than that, and node_step() sees to one that falls. */
	if (ready && node->gate.lease_us > node->now_us &&
	    node->now_us + raft_lease_most(&node->config.raft) <
		    node->gate.lease_us + step)
		return;
	if (ready)
		until = raft_lease_until(node->raft);
	if (until <= node->now_us) {
		if (node->gate.lease_us ||
		    node->gate.no_lease != no_lease_reason(node))
			gate_revoke(node, no_lease_reason(node));
		return;
	}
	if (node->gate.lease_us > node->now_us &&
	    until < node->gate.lease_us + step)
		return;
	node->gate.lease_us = until;
	node->gate.no_lease = NULL;
	node->ops->lease(node->context, until, "");
}
