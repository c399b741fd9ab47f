// SPDX-License-Identifier: GPL-2.0
/*
 * What a leader knows of one peer, and what follows for sending to it.
 * replicate.c changes a peer's state.
 */
#include "raft/state.h"

#include <stddef.h>

struct raft_peer *raft_peer_find(struct raft *raft, uint32_t id)
{
	unsigned int i;

	if (raft->role != RAFT_LEADER || id == raft->config.id || id == 0)
		return NULL;
	for (i = 0; i < RAFT_PEERS_MAX; i++)
		if (raft->peers[i].id == id)
			return &raft->peers[i];
	return NULL;
}

/*
 * A witness is sent what is on our disk: should we lose the rest in a crash, it
 * would hold what nobody has who can lead, and refuse us its vote for that.
 */
uint64_t raft_peer_last(const struct raft *raft, const struct raft_peer *peer)
{
	enum raft_member_role role =
		raft_members_role(&raft->membership.now, peer->id);

	return role == RAFT_MEMBER_WITNESS ? raft->log.durable :
					     raft->log.last_index;
}

bool raft_peer_sendable(const struct raft *raft, const struct raft_peer *peer)
{
	return raft->role == RAFT_LEADER && !peer->probing &&
	       !peer->needs_copy && peer->next <= raft_peer_last(raft, peer) &&
	       peer->next - 1 - peer->match < RAFT_INFLIGHT_MAX;
}
