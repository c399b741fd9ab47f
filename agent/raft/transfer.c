// SPDX-License-Identifier: GPL-2.0
/*
 * Handing leadership over (thesis 3.10).
 *
 * The target's election does not wait for the promises that our lease rests on
 * (vote.transfer).  So the lease must end first: it is given up when the
 * transfer begins.  Once TIMEOUT_NOW has been sent, we no longer lead in this
 * term, since the target may act on it at any later time.
 */
#include "base/planted.h"
#include "raft/state.h"

bool raft_transfer_possible(const struct raft *raft,
			    const struct raft_peer *peer)
{
	return raft_members_role(&raft->membership.now, peer->id) ==
		       RAFT_MEMBER_VOTER &&
	       peer->id != raft->config.id && !peer->barred &&
	       !peer->needs_copy && peer->heard_us &&
	       peer->heard_us + raft->config.election_timeout_us > raft->now_us;
}

bool raft_transfer_begin(struct raft *raft, uint32_t to)
{
	struct raft_peer *peer = raft_peer_find(raft, to);

	if (raft->role != RAFT_LEADER || raft->transferee)
		return false;
	if (to == 0) {
		raft_become_follower(raft, raft->hard.term, 0);
		return true;
	}
	if (!peer || !raft_transfer_possible(raft, peer))
		return false;
	raft->transferee = to;
	raft->transfer_due_us = raft->now_us + raft->config.election_timeout_us;
	raft_transfer_try(raft);
	return true;
}

void raft_transfer_try(struct raft *raft)
{
	struct raft_peer *peer;

	if (raft->role != RAFT_LEADER || !raft->transferee)
		return;
	peer = raft_peer_find(raft, raft->transferee);
	if (peer->barred || peer->match != raft->log.last_index)
		return;
	raft_msg_add(raft, peer->id, RAFT_MSG_TIMEOUT_NOW);
	if (planted(PLANTED_LED_ON_AFTER_TRANSFER))
		return;
	raft_become_follower(raft, raft->hard.term, 0);
}

/*
 * It did not come so far: lead on, with a lease from new rounds only - unless
 * we handed over because we are no voter any more.
 */
void raft_transfer_tick(struct raft *raft)
{
	if (!raft->transferee || raft->now_us < raft->transfer_due_us)
		return;
	if (!raft_is_electable(raft)) {
		raft_become_follower(raft, raft->hard.term, 0);
		return;
	}
	raft->transferee = 0;
	raft->lease_floor_us = raft->now_us;
	raft->update->flags |= RAFT_UP_ROLE;
}

void raft_timeout_now_recv(struct raft *raft, const struct raft_msg *msg)
{
	if (raft->role != RAFT_FOLLOWER || raft->leader != msg->from ||
	    !raft_may_campaign(raft))
		return;
	raft_campaign(raft, true);
}
