// SPDX-License-Identifier: GPL-2.0
/* The state of the node, for the status.  Changes nothing. */
#include <stdio.h>
#include <string.h>

#include "node/state.h"

bool node_view_others_have_volume(const struct node_view *view)
{
	unsigned int i;

	for (i = 0; i < view->peer_count; i++)
		if (view->peers[i].known &&
		    wire_status_has_volume(&view->peers[i].status))
			return true;
	return false;
}

static void view_problem(const struct node *node, struct node_view *view)
{
	const struct raft_hard_state *state = raft_hard_state(node->raft);
	char *text = view->problem;
	size_t size = sizeof(view->problem);

	if (node->diverged)
		snprintf(text, size, "stopped: %.145s", node->damage);
	else if (node->disk_failed)
		snprintf(text, size, "disk failed: %.130s", node->damage);
	else if (state->damaged)
		snprintf(text, size, "replica damaged: %.130s", node->damage);
	else if (view->outside && !view->last)
		snprintf(text, size, "not a member yet: add it on the leader");
	else if (view->outside)
		snprintf(text, size, "removed: the volume goes on without it");
	else if (!view->leader && view->blank &&
		 node_view_others_have_volume(view))
		snprintf(text, size,
			 "blank replica: only a leader among the nodes that "
			 "hold the volume can fill it");
	else if (!view->leader && view->blank)
		snprintf(text, size,
			 "blank replica: the first start needs all nodes");
	else if (!view->leader)
		snprintf(text, size, "no quorum");
	else if (node->incomplete && node_leads(node))
		snprintf(text, size,
			 "leads without all data, for a node that has them; "
			 "start the nodes that are missing");
	else if (node->incomplete)
		snprintf(text, size, "replica is being filled by the leader");
	else if (view->settling)
		snprintf(text, size, "catching up");
}

static void view_peer(const struct node *node, const struct peer *peer,
		      struct node_peer_view *view)
{
	struct raft_peer_view raft;

	view->id = peer->id;
	view->member = member_role(node, peer->id);
	view->up = peer->up;
	view->known = peer->known;
	view->differs = peer->differs_said;
	view->status = peer->status;
	view->heard_us = peer->heard_us;
	view->copy = peer->resync.phase != RESYNC_IDLE ? NODE_COPY_RUNNING :
							 NODE_COPY_NONE;
	view->copy_offset = peer->resync.acked;
	if (node_leads(node) && raft_peer(node->raft, peer->id, &raft)) {
		view->match = raft.match;
		view->needs_copy = raft.needs_copy;
	}
}

void node_view(const struct node *node, uint64_t now_us, struct node_view *view)
{
	const struct requests *requests = &node->requests;
	const struct gate *gate = &node->gate;
	struct store_checkpoint tail =
		entries_head(&node->entries, node->entries.last);
	unsigned int i;

	memset(view, 0, sizeof(*view));
	view->id = node->config.raft.id;
	view->role = node->dead ? RAFT_FOLLOWER : raft_role(node->raft);
	view->term = raft_term(node->raft);
	view->leader = node->dead ? 0 : raft_leader(node->raft);
	view->member = raft_own_role(node->raft);
	view->members_since = raft_members_since(node->raft);
	if (view->members_since > raft_commit_index(node->raft))
		view->change_open = node->changed;
	view->outside = members_outside(node);
	view->writer = tail.standing.writer;
	view->epoch = tail.standing.epoch;
	view->committed_epoch =
		entries_head(&node->entries, node->entries.committed)
			.standing.epoch;
	view->base = node->entries.base.applied;
	view->last = node->entries.last;
	view->durable = raft_durable_index(node->raft);
	view->commit = raft_commit_index(node->raft);
	view->applied = node->image.applied;
	view->log_used_bytes = node->entries.record_bytes;
	view->log_capacity_bytes = node->log_capacity;
	view->lease_until_us = gate->lease_us > now_us ? gate->lease_us : 0;
	view->device_epoch = gate->fenced ? 0 : gate->epoch;
	view->fenced = gate->epoch && gate->fenced;
	view->requests = requests->count;
	view->request_bytes = requests->bytes;
	view->open_pending = requests->open != NULL;
	view->settling = node_leads(node) && !node_ready(node);
	view->incomplete = node->incomplete;
	view->damaged = raft_hard_state(node->raft)->damaged;
	view->blank = !raft_hard_state(node->raft)->joined;
	view->disk_failed = node->disk_failed;
	view->diverged = node->diverged;
	view->copy_received = node->resync.written;
	view->peer_count = node->peer_count;
	for (i = 0; i < node->peer_count; i++)
		view_peer(node, &node->peers[i], &view->peers[i]);
	view_problem(node, view);
}
