// SPDX-License-Identifier: GPL-2.0
/*
 * A leader changes one member (thesis 4.1, 4.2.1).  Two things make that safe:
 * the order (EARLY and PENDING below), and that two memberships which differ by
 * one vote have no disjoint majorities.  The other refusals keep the volume
 * running.  README.md, "Members", has the argument.
 */
#include "base/planted.h"
#include "raft/state.h"

static bool step_possible(enum raft_member_role from, enum raft_member_role to)
{
	switch (from) {
	case RAFT_MEMBER_NONE:
		return to == RAFT_MEMBER_LEARNER || to == RAFT_MEMBER_WITNESS;
	case RAFT_MEMBER_LEARNER:
		return to == RAFT_MEMBER_VOTER || to == RAFT_MEMBER_NONE;
	case RAFT_MEMBER_VOTER:
		return to == RAFT_MEMBER_LEARNER || to == RAFT_MEMBER_NONE;
	case RAFT_MEMBER_WITNESS:
		return to == RAFT_MEMBER_NONE;
	}
	return false;
}

static const struct raft_peer *peer_of(const struct raft *raft, uint32_t id)
{
	/* Finding changes nothing; C has no better word for both. */
	return raft_peer_find((struct raft *)raft, id);
}

static bool is_there(const struct raft *raft, uint32_t id)
{
	const struct raft_peer *peer = peer_of(raft, id);

	return id == raft->config.id ||
	       (peer && !peer->barred && peer->heard_us &&
		peer->heard_us + raft->config.election_timeout_us >
			raft->now_us);
}

static bool quorum_is_there(const struct raft *raft,
			    const struct raft_members *members)
{
	unsigned int count = raft_members_count(members), there = 0, i;

	for (i = 0; i < count; i++)
		there += raft_role_votes(raft_members_role_at(members, i)) &&
			 is_there(raft, members->ids[i]);
	return there >= raft_members_voting(members) / 2 + 1;
}

/* It would count at once: so it has to be of use at once. */
static enum raft_refusal not_ready(const struct raft *raft, uint32_t id)
{
	const struct raft_peer *peer = peer_of(raft, id);

	if (peer->needs_copy || peer->probing || !is_there(raft, id))
		return peer->barred ? RAFT_REFUSAL_BARRED : RAFT_REFUSAL_BEHIND;
	if (peer->match + RAFT_BEHIND_MAX < raft->commit)
		return RAFT_REFUSAL_BEHIND;
	return RAFT_REFUSAL_NONE;
}

enum raft_refusal raft_member_refusal(const struct raft *raft, uint32_t id,
				      enum raft_member_role role)
{
	struct raft_members members = raft->membership.now;
	enum raft_member_role from = raft_members_role(&members, id);
	enum raft_refusal refusal;

	if (raft->role != RAFT_LEADER)
		return RAFT_REFUSAL_NOT_LEADER;
	if (raft->transferee)
		return RAFT_REFUSAL_TRANSFER;
	if (from == role)
		return RAFT_REFUSAL_SAME;
	if (!step_possible(from, role))
		return RAFT_REFUSAL_STEP;
	if (raft->commit < raft->term_start && !planted(PLANTED_CHANGE_EARLY))
		return RAFT_REFUSAL_EARLY;
	if (raft->commit < raft->membership.since &&
	    !planted(PLANTED_CHANGES_AT_ONCE))
		return RAFT_REFUSAL_PENDING;
	if (!raft_members_set(&members, id, role))
		return RAFT_REFUSAL_FULL;
	if (raft_members_check(&members))
		return RAFT_REFUSAL_VOTERS;
	if (role == RAFT_MEMBER_VOTER) {
		refusal = not_ready(raft, id);
		if (refusal)
			return refusal;
	}
	if (!quorum_is_there(raft, &members) ||
	    (raft_grows_even(&raft->membership.now, &members) &&
	     !quorum_is_there(raft, &raft->membership.now)))
		return RAFT_REFUSAL_QUORUM;
	return RAFT_REFUSAL_NONE;
}

void raft_change_member(struct raft *raft, uint32_t id,
			enum raft_member_role role)
{
	struct raft_members members = raft->membership.now;

	if (raft_member_refusal(raft, id, role)) {
		raft->update->flags |= RAFT_UP_REFUSED;
		return;
	}
	raft_members_set(&members, id, role);
	raft_append_members(raft, &members);
}
