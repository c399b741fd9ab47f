// SPDX-License-Identifier: GPL-2.0
/*
 * The core's messages on their way to peers.  A message that promises what is
 * in the core's hard state, such as a vote, is held until that is saved.
 *
 * Nothing here has to arrive: what is lost, the core sends again.
 */
#include <string.h>

#include "node/state.h"

void send_raft(struct node *node, const struct raft_msg *raft_msg)
{
	const struct peer *peer = peer_find(node, raft_msg->to);
	struct wire_msg msg; /* large: only what is used of it is set */
	uint32_t i;

	if (!peer || !peer->ready)
		return;
	msg.type = WIRE_RAFT;
	msg.raft.msg = *raft_msg;
	msg.raft.bare = member_role(node, raft_msg->to) == RAFT_MEMBER_WITNESS;
	if (raft_msg->type == RAFT_MSG_APPEND)
		for (i = 0; i < raft_msg->append.count; i++) {
			msg.raft.entries[i] =
				entries_at(&node->entries,
					   raft_msg->append.prev_index + 1 + i);
			if (!msg.raft.entries[i] ||
			    (!msg.raft.bare &&
			     raft_entry_data_bytes(msg.raft.entries[i]) &&
			     !msg.raft.entries[i]->data))
				return; /* must be read first; it is lost */
		}
	/* Lost when the link is down or full: Raft sends again. */
	node->ops->send(node->context, raft_msg->to, &msg);
}

void send_hold(struct node *node, const struct raft_msg *msg, uint64_t seq)
{
	if (node->held_count == HELD_MAX) /* the network may lose messages */
		memmove(node->held, node->held + 1,
			--node->held_count * sizeof(node->held[0]));
	node->held[node->held_count].seq = seq;
	node->held[node->held_count++].msg = *msg;
}

void send_saved(struct node *node, uint64_t seq)
{
	unsigned int kept = 0;
	unsigned int i;

	if (seq > node->state_saved_seq)
		node->state_saved_seq = seq;
	for (i = 0; i < node->held_count; i++) {
		if (node->held[i].seq <= seq)
			send_raft(node, &node->held[i].msg);
		else
			node->held[kept++] = node->held[i];
	}
	node->held_count = kept;
}

void send_forget(struct node *node, uint32_t peer)
{
	unsigned int kept = 0;
	unsigned int i;

	for (i = 0; i < node->held_count; i++)
		if (node->held[i].msg.to != peer)
			node->held[kept++] = node->held[i];
	node->held_count = kept;
}
