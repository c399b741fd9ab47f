// SPDX-License-Identifier: GPL-2.0
/* Queries on the core; nothing here changes anything. */
#include "raft/state.h"

enum raft_role raft_role(const struct raft *raft)
{
	return raft->role;
}

uint64_t raft_term(const struct raft *raft)
{
	return raft->hard.term;
}

uint32_t raft_leader(const struct raft *raft)
{
	return raft->leader;
}

uint64_t raft_last_index(const struct raft *raft)
{
	return raft->log.last_index;
}

uint64_t raft_durable_index(const struct raft *raft)
{
	return raft->log.durable;
}

uint64_t raft_commit_index(const struct raft *raft)
{
	return raft->commit;
}

uint64_t raft_base_index(const struct raft *raft)
{
	return raft->log.base_index;
}

uint64_t raft_term_start(const struct raft *raft)
{
	return raft->role == RAFT_LEADER ? raft->term_start : 0;
}

bool raft_transferring(const struct raft *raft)
{
	return raft->role == RAFT_LEADER && raft->transferee;
}

const struct raft_hard_state *raft_hard_state(const struct raft *raft)
{
	return &raft->hard;
}

const struct raft_members *raft_members(const struct raft *raft)
{
	return &raft->membership.now;
}

uint64_t raft_members_since(const struct raft *raft)
{
	return raft->membership.since;
}

uint64_t raft_entry_term(const struct raft *raft, uint64_t index)
{
	return raft_log_term(&raft->log, index);
}

uint64_t raft_deadline(const struct raft *raft)
{
	uint64_t due;

	if (raft->role != RAFT_LEADER)
		return raft_excused(raft, raft->election_due_us);
	due = raft_excused(raft, raft_quorum_due(raft));
	if (raft->heartbeat_due_us < due)
		due = raft->heartbeat_due_us;
	if (raft->transferee && raft->transfer_due_us < due)
		due = raft->transfer_due_us;
	return due;
}

static const struct raft_peer *peer_of(const struct raft *raft, uint32_t id)
{
	/* Finding changes nothing; C has no better word for both. */
	return raft_peer_find((struct raft *)raft, id);
}

bool raft_send_due(const struct raft *raft, uint32_t id)
{
	const struct raft_peer *peer = peer_of(raft, id);

	return peer && raft_peer_sendable(raft, peer);
}

bool raft_peer(const struct raft *raft, uint32_t id,
	       struct raft_peer_view *view)
{
	const struct raft_peer *peer = peer_of(raft, id);

	if (raft->role != RAFT_LEADER || !peer)
		return false;
	view->match = peer->match;
	view->next = peer->next;
	view->heard_us = peer->heard_us;
	view->probing = peer->probing;
	view->needs_copy = peer->needs_copy;
	view->damaged = peer->damaged;
	view->barred = peer->barred;
	view->role = raft_members_role(&raft->membership.now, id);
	return true;
}
