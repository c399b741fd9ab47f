// SPDX-License-Identifier: GPL-2.0
/*
 * What a leader may conclude from when its followers heard it: its lease
 * (thesis 6.4.1), whether it still has a quorum (6.2, CheckQuorum), and the
 * index from which on a barred replica lacks nothing.
 */
#include "base/planted.h"
#include "raft/state.h"

#include <assert.h>

/*
 * @us from now on we neither vote nor campaign.  It must outlive a crash of ours:
 * what the disk says is raised before an answer leaves, as every answer waits
 * for the state.  It falls again when no longer promise is left that it stood
 * for.  Our own timeout is the least, so nodes that are configured alike never
 * save it again.
 */
void raft_promise(struct raft *raft, uint32_t us)
{
	uint32_t longest = (uint32_t)raft->config.election_timeout_us;
	uint64_t until_us;

	assert(us <= RAFT_PROMISE_MAX_US);
	if (planted(PLANTED_PROMISE_OWN))
		us = longest;
	if (longest < us)
		longest = us;
	until_us = raft->now_us + us;
	if (until_us > raft->promise_until_us)
		raft->promise_until_us = until_us;
	if (raft->now_us + longest < raft->promise_until_us &&
	    longest < raft->hard.promise_us)
		return;
	if (raft->hard.promise_us != longest)
		raft->hard_dirty = true;
	raft->hard.promise_us = longest;
}

uint64_t raft_lease_most(const struct raft_config *config)
{
	uint64_t timeout = config->election_timeout_us;

	if (planted(PLANTED_CLOCKS_TRUSTED))
		return timeout - timeout / 1000;
	return timeout - (timeout * config->drift_ppm + 999999) / 1000000;
}

/*
 * Each follower that echoed sent_us has heard us later than that, and keeps the
 * promise that our messages ask for, an election timeout of ours, on its clock;
 * ours may run slower than that by drift_ppm.
 */
uint64_t raft_lease_until(const struct raft *raft)
{
	unsigned int places = raft_members_count(&raft->membership.now);
	uint64_t echo[RAFT_MEMBERS_MAX];
	uint64_t begun;
	unsigned int i;

	if (raft->role != RAFT_LEADER || raft->transferee)
		return 0;
	for (i = 0; i < places; i++) {
		const struct raft_peer *peer = &raft->peers[i];

		if (peer->id == raft->config.id)
			echo[i] = raft->now_us;
		else
			echo[i] = peer->barred ? 0 : peer->echo_us;
	}
	begun = raft_majority_of(raft, echo);
	if (begun == 0 || begun < raft->lease_floor_us)
		return 0;
	if (planted(PLANTED_LEASE_TOO_LONG))
		return begun + 3 * raft->config.election_timeout_us;
	return begun + raft_lease_most(&raft->config);
}

/* When CheckQuorum will find that a majority has not been heard of. */
uint64_t raft_quorum_due(const struct raft *raft)
{
	unsigned int places = raft_members_count(&raft->membership.now);
	uint64_t heard[RAFT_MEMBERS_MAX];
	unsigned int i;

	for (i = 0; i < places; i++) {
		const struct raft_peer *peer = &raft->peers[i];

		if (peer->id == raft->config.id)
			heard[i] = raft->now_us;
		else if (peer->heard_us > raft->led_since_us)
			heard[i] = peer->heard_us;
		else
			heard[i] = raft->led_since_us;
	}
	return raft_majority_of(raft, heard) + raft->config.election_timeout_us;
}

/*
 * A barred replica may have voted for, or acknowledged entries of, any node up
 * to when it lost its memory.  If we led after that, then our log has all of
 * it that matters: earlier terms by leader completeness, our own anyway, and
 * later leaders there were none.  We did lead if of the unbarred members so
 * many followed us in a round begun since that no majority, completed by the
 * barred ones' forgotten votes, does without them.
 */
void raft_rejoin_update(struct raft *raft)
{
	unsigned int i, j;

	for (i = 0; i < RAFT_PEERS_MAX; i++) {
		struct raft_peer *peer = &raft->peers[i];
		uint32_t followed;

		if (!peer->barred || peer->rejoin)
			continue;
		followed = raft_vote_bit(raft, raft->config.id);
		for (j = 0; j < RAFT_PEERS_MAX; j++) {
			const struct raft_peer *other = &raft->peers[j];

			if (!other->barred &&
			    (other->echo_us > peer->barred_us ||
			     (other->echo_us &&
			      planted(PLANTED_REJOINED_BY_OLD_ROUNDS))))
				followed |= raft_vote_bit(raft, other->id);
		}
		if (raft_meets_majorities(raft, followed))
			peer->rejoin = raft->log.last_index;
	}
}
