// SPDX-License-Identifier: GPL-2.0
/*
 * A log that is another than a peer's, where Raft says that both are equal.
 * Whatever brought it about (a disk that was put back from an older copy, bytes
 * that changed on their way, a bug), one of both replicas is wrong.
 *
 * What finds it: the core, where a leader contradicts a committed entry; and
 * standing.chain, the checksum of all entries so far.  Two logs that have an
 * entry of the same index and term in common must have the same chain there, so
 * each append is compared with what it goes on from, and each status with what
 * we have committed ourselves.
 *
 * What follows: the node that differs from its leader stops, as with a failed
 * disk: no lease, no vote, no acknowledgement, nothing is written any more.  It
 * keeps every byte, since it may be the one that has what was acknowledged.  The
 * leader serves on as long as a majority agrees with it, and says who differs.
 * Nothing is mended by itself: people say which replica is wrong.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "node/state.h"

#define REMEDY                                                              \
	"the leader has a majority, so this replica is the wrong one: "     \
	"qbd format on this node, then qbd up; but if another node's disk " \
	"was put back from an older copy, format that one instead"

/* Nothing goes out from here on but the status that says so. */
static void stop(struct node *node, const char *what)
{
	node->diverged = true;
	node->dead = true;
	node_set_damage(node, what);
	gate_revoke(node, "replica contradicts the others");
	gate_fence(node, "replica contradicts the others");
	status_soon(node);
}

void diverge_committed(struct node *node,
		       const struct raft_contradiction *found)
{
	char what[160];

	node_say(node, BASE_LOG_ERROR,
		 "event=diverged leader=#%u index=%" PRIu64
		 " entry-term=%" PRIu64 " leader-entry-term=%" PRIu64
		 " commit=%" PRIu64 " leader-commit=%" PRIu64
		 " leader-term=%" PRIu64 " remedy=\"" REMEDY "\"",
		 found->leader, found->index, found->our_term,
		 found->their_term, raft_commit_index(node->raft),
		 found->leader_commit, found->leader_term);
	snprintf(what, sizeof(what),
		 "committed entry %" PRIu64 " has term %" PRIu64
		 " here and %" PRIu64
		 " on the leader; format the replica that is wrong (see log)",
		 found->index, found->our_term, found->their_term);
	stop(node, what);
}

static void stop_at(struct node *node, uint32_t peer, uint64_t index,
		    uint64_t term)
{
	char what[160];

	node_say(node, BASE_LOG_ERROR,
		 "event=diverged leader=#%u index=%" PRIu64
		 " entry-term=%" PRIu64 " commit=%" PRIu64
		 " reason=\"up to this entry the logs have other contents\" "
		 "remedy=\"" REMEDY "\"",
		 peer, index, term, raft_commit_index(node->raft));
	snprintf(what, sizeof(what),
		 "log up to entry %" PRIu64
		 " differs from the leader's; format the replica that is "
		 "wrong (see log)",
		 index);
	stop(node, what);
}

void diverge_cloned(struct node *node, uint32_t peer)
{
	node_say(node, BASE_LOG_ERROR,
		 "event=cloned peer=#%u reason=\"the peer has met this node "
		 "since, from another copy of its disk\" remedy=\"two machines "
		 "have this node's disk: stop one for good, then qbd up on the "
		 "other\"",
		 peer);
	stop(node, "another machine has taken this node's place, with a copy "
		   "of its disk; stop one of them for good");
}

/* Of the entry at @index; false: not known. */
static bool chain_at(const struct node *node, uint64_t index, uint64_t *chain)
{
	*chain = 0;
	if (index < node->entries.base.applied || index > node->entries.last)
		return false;
	*chain = entries_head(&node->entries, index).standing.chain;
	return *chain || !index;
}

/* Does @next, which has a chain, go on from what comes to @before? */
static bool goes_on(uint64_t before, const struct raft_entry *next)
{
	return raft_entry_chain(before, next) == next->standing.chain;
}

bool diverge_in_append(struct node *node, const struct wire_msg *msg)
{
	const struct raft_msg *raft = &msg->raft.msg;
	uint64_t index = raft->append.prev_index;
	uint64_t chain;
	bool known;
	uint32_t i;

	/* Of a log that is not to be trusted nothing is expected. */
	if (node->dead || raft_hard_state(node->raft)->damaged ||
	    raft->term < raft_term(node->raft))
		return false;
	known = chain_at(node, index, &chain) &&
		raft_entry_term(node->raft, index) == raft->append.prev_term;
	for (i = 0; i < raft->append.count; i++) {
		const struct raft_entry *next = msg->raft.entries[i];
		const struct raft_entry *own =
			entries_at(&node->entries, next->index);
		bool same = own && own->term == next->term &&
			    own->standing.chain && next->standing.chain;

		if ((known && next->standing.chain && !goes_on(chain, next)) ||
		    (same && own->standing.chain != next->standing.chain)) {
			stop_at(node, raft->from, next->index, next->term);
			return true;
		}
		chain = next->standing.chain;
		known = chain != 0;
	}
	return false;
}

void diverge_in_status(struct node *node, struct peer *peer)
{
	uint64_t index = peer->status.applied;
	uint64_t chain;

	if (node->dead || !peer->status.chain ||
	    index > raft_commit_index(node->raft) ||
	    raft_hard_state(node->raft)->damaged ||
	    peer->status.flags & WIRE_NODE_DAMAGED ||
	    !chain_at(node, index, &chain) || chain == peer->status.chain)
		return;
	if (raft_leader(node->raft) == peer->id) {
		stop_at(node, peer->id, index,
			raft_entry_term(node->raft, index));
		return;
	}
	if (!peer->differs_said)
		node_say(node, BASE_LOG_ERROR,
			 "event=peer-diverged peer=#%u index=%" PRIu64
			 " entry-term=%" PRIu64
			 " reason=\"up to this entry its log has other "
			 "contents than this node's\" remedy=\"the one that "
			 "differs from the leader stops: qbd format and qbd up "
			 "there\"",
			 peer->id, index, raft_entry_term(node->raft, index));
	peer->differs_said = true;
}
