// SPDX-License-Identifier: GPL-2.0
/*
 * What the node reports to its peers about itself: at a pace, and at once when
 * it matters.  By it peers decide which replica to fill, which node to hand
 * leadership to, and whether another node has the device open.
 */
#include <string.h>

#include "node/state.h"

#define STATUS_US 500000

static uint32_t status_flags(const struct node *node)
{
	uint32_t flags = 0;

	if (node->incomplete)
		flags |= WIRE_NODE_INCOMPLETE;
	if (node->gate.epoch && !node->gate.fenced)
		flags |= WIRE_NODE_DEVICE_OPEN;
	if (node->disk_failed)
		flags |= WIRE_NODE_DISK_FAILED;
	if (raft_hard_state(node->raft)->damaged)
		flags |= WIRE_NODE_DAMAGED;
	if (node_wants_lead(node))
		flags |= WIRE_NODE_WANTS_LEAD;
	if (node->diverged)
		flags |= WIRE_NODE_DIVERGED;
	return flags;
}

void status_soon(struct node *node)
{
	node->status_next_us = 0;
}

/* A peer that has just connected has got none of it. */
void status_again(struct node *node)
{
	status_soon(node);
	memset(&node->status_sent, 0, sizeof(node->status_sent));
}

/* Report to all peers: at a pace, and at once when it matters. */
void status_pump(struct node *node)
{
	uint32_t flags = status_flags(node);
	struct wire_msg msg; /* large; deliberately not zeroed */
	unsigned int i;

	if (node->now_us < node->status_next_us &&
	    flags == node->status_sent.flags &&
	    node->gate.epoch == node->status_sent.epoch)
		return;
	msg.type = WIRE_STATUS;
	msg.status = (struct wire_status){
		.flags = flags,
		.epoch = node->gate.epoch,
		.term = raft_term(node->raft),
		.last = raft_last_index(node->raft),
		.durable = raft_durable_index(node->raft),
		.commit = raft_commit_index(node->raft),
		.commit_term = raft_entry_term(node->raft,
					       raft_commit_index(node->raft)),
		.applied = node->image.applied,
		.chain = entries_head(&node->entries, node->image.applied)
				 .standing.chain,
		.members_since = raft_members_since(node->raft),
	};
	/* Without a change they are those of the first entry. */
	if (msg.status.members_since || msg.status.commit)
		msg.status.members = *raft_members(node->raft);
	node->status_next_us = node->now_us + STATUS_US;
	node->status_sent = msg.status;
	for (i = 0; i < node->peer_count; i++)
		if (node->peers[i].up)
			node->ops->send(node->context, node->peers[i].id, &msg);
}
