// SPDX-License-Identifier: GPL-2.0
/*
 * Questions about the node as a whole that several files ask.  Changes nothing
 * and calls nothing that does, so any file may ask.
 */
#include "base/planted.h"
#include "node/state.h"

bool node_leads(const struct node *node)
{
	return !node->dead && raft_role(node->raft) == RAFT_LEADER;
}

bool node_ready(const struct node *node)
{
	return node_leads(node) && !node->incomplete && !node->disk_failed &&
	       (node->image.applied >= raft_term_start(node->raft) ||
		planted(PLANTED_SERVED_UNAPPLIED));
}

/* Some room is kept for what a leader must be able to write: its no-op. */
uint64_t node_log_room(const struct node *node)
{
	uint64_t used = node->entries.record_bytes + (64U << 10);

	if (node_jobs_short(node) || used >= node->log_capacity)
		return 0;
	return node->log_capacity - used;
}

enum raft_member_role member_role(const struct node *node, uint32_t id)
{
	return raft_members_role(raft_members(node->raft), id);
}

/*
 * Is what our log says of the members older than what a peer has told?  In a log
 * terms never fall.  So what follows a committed entry of a later term than our
 * change isn't our change, whatever its index: it is overruled.
 */
static bool told_later(const struct node *node)
{
	uint64_t since = raft_members_since(node->raft);

	if (!node->outside_at)
		return false;
	return node->outside_at >= since ||
	       (since > raft_commit_index(node->raft) &&
		node->outside_term > raft_entry_term(node->raft, since));
}

bool members_outside(const struct node *node)
{
	return told_later(node) || (!raft_own_role(node->raft) &&
				    raft_members_since(node->raft) <=
					    raft_commit_index(node->raft));
}

struct peer *peer_find(struct node *node, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < node->peer_count; i++)
		if (node->peers[i].id == id)
			return &node->peers[i];
	return NULL;
}

bool peer_alive(const struct node *node, const struct peer *peer)
{
	return peer->up && peer->known &&
	       node->now_us - peer->heard_us <
		       node->config.raft.election_timeout_us;
}

struct peer *peer_best(struct node *node)
{
	const uint32_t lead_flags = WIRE_NODE_DEVICE_OPEN |
				    WIRE_NODE_WANTS_LEAD;
	struct raft_peer_view view;
	struct peer *best = NULL;
	uint64_t best_match = 0;
	unsigned int i;

	for (i = 0; i < node->peer_count; i++) {
		struct peer *peer = &node->peers[i];

		if (!peer_alive(node, peer) ||
		    peer->status.flags &
			    (WIRE_NODE_INCOMPLETE | WIRE_NODE_DAMAGED |
			     WIRE_NODE_DISK_FAILED))
			continue;
		if (!raft_peer(node->raft, peer->id, &view) ||
		    view.role != RAFT_MEMBER_VOTER)
			continue;
		/* Where the device is open, unless it lacks a lot. */
		if (peer->status.flags & lead_flags &&
		    view.match >= raft_commit_index(node->raft))
			view.match = UINT64_MAX;
		if (!best || view.match > best_match) {
			best = peer;
			best_match = view.match;
		}
	}
	return best;
}

bool node_wants_lead(const struct node *node)
{
	const struct requests *requests = &node->requests;

	return node->gate.bound && !node->dead && !node->stopping &&
	       !node->disk_failed &&
	       (requests->open || (node->gate.epoch && !node->gate.fenced)) &&
	       !node_leads(node);
}

bool node_dones_due(const struct node *node)
{
	const struct requests *requests = &node->requests;

	/* A fence has dropped them all, and an agent that stops has no lease. */
	return requests->count && !requests->unproposed && node_ready(node) &&
	       node->gate.lease_us > node->now_us;
}

bool node_all_answered(const struct node *node)
{
	const struct requests *requests = &node->requests;

	return node->gate.epoch && !requests->count && node_leads(node);
}
