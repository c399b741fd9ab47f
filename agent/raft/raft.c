// SPDX-License-Identifier: GPL-2.0
/*
 * Construction, the event switch, and the end of a step.  See raft.h for the
 * contract, state.h for the map, query.c for queries.
 */
#include "base/planted.h"
#include "raft/state.h"

#include <assert.h>
#include <stdlib.h>

static void check_config(const struct raft_config *config)
{
	assert(config->id > 0 && config->id <= RAFT_MEMBER_ID_MAX);
	assert(!raft_members_check(&config->members));
	assert(config->heartbeat_us > 0);
	assert(config->election_timeout_us > config->heartbeat_us);
	assert(config->election_timeout_us <= RAFT_PROMISE_MAX_US);
	assert(config->drift_ppm < 1000000);
}

struct raft *raft_new(const struct raft_config *config,
		      const struct raft_boot *boot)
{
	struct raft *raft;

	check_config(config);
	raft = calloc(1, sizeof(*raft));
	if (!raft)
		return NULL;
	raft->config = *config;
	raft->log_seq = 1;
	raft->hard = boot->state;
	raft_log_init(&raft->log, boot);
	raft_membership_init(raft, boot);
	assert(boot->commit <= boot->last_index);
	raft->commit = boot->commit;
	/* Only what is committed is ever compacted or forgotten. */
	if (raft->commit < raft->log.base_index)
		raft->commit = raft->log.base_index;
	raft->agreed = raft->commit;

	/*
	 * Entries may reach the disk before the term that they came with. We
	 * did not vote in that term, or it would have been saved before; to be
	 * safe we don't start now.
	 */
	if (raft_log_last_term(&raft->log) > raft->hard.term) {
		raft->hard.term = raft_log_last_term(&raft->log);
		raft->hard.vote = config->id;
		raft->hard_dirty = true;
	}

	raft->now_us = boot->now_us;
	raft->random = boot->random;
	/*
	 * When a promise given before the restart ends is not known, but how
	 * long the longest was.  And what we give from now on, as a leader to
	 * ourselves, is no shorter than our own timeout.
	 */
	if (raft->hard.promise_us < config->election_timeout_us) {
		raft->hard.promise_us = (uint32_t)config->election_timeout_us;
		raft->hard_dirty = true;
	}
	raft->promise_until_us = boot->now_us + raft->hard.promise_us;
	if (planted(PLANTED_PROMISE_FORGOTTEN))
		raft->promise_until_us =
			boot->now_us + config->election_timeout_us;
	raft_election_rearm(raft);
	if (planted(PLANTED_VOTE_FORGOTTEN)) {
		raft->hard.vote = 0;
		raft->promise_until_us = 0;
	}
	/* A sole voter has made no promise. */
	if (raft_own_role(raft) == RAFT_MEMBER_VOTER &&
	    raft_members_voting(&raft->membership.now) == 1 &&
	    !raft_membership_open(raft)) {
		raft->promise_until_us = boot->now_us;
		raft->election_due_us = boot->now_us;
	}
	return raft;
}

void raft_free(struct raft *raft)
{
	free(raft);
}

static void tick(struct raft *raft)
{
	if (raft->role != RAFT_LEADER) {
		raft_election_tick(raft);
		return;
	}
	if (raft->now_us >= raft_excused(raft, raft_quorum_due(raft))) {
		raft_become_follower(raft, raft->hard.term, 0);
		return;
	}
	raft_transfer_tick(raft);
	if (raft->now_us >= raft->heartbeat_due_us)
		raft_heartbeat_all(raft);
}

/* Is the sender ahead of us, and are we to follow it there? */
static bool brings_new_term(const struct raft *raft, const struct raft_msg *msg)
{
	if (msg->term <= raft->hard.term)
		return false;
	switch (msg->type) {
	case RAFT_MSG_APPEND:
	case RAFT_MSG_APPEND_REPLY:
		return true;
	case RAFT_MSG_VOTE_REPLY:
		/* A granted PreVote only repeats the term we asked for. */
		return !(msg->vote_reply.prevote && msg->vote_reply.granted);
	default:
		return false;
	}
}

static bool answer_counts(const struct raft *raft, const struct raft_msg *msg)
{
	bool votes = raft_vote_bit(raft, msg->from) != 0;

	if (msg->type == RAFT_MSG_VOTE_REPLY)
		return votes;
	return msg->type != RAFT_MSG_APPEND_REPLY || votes ||
	       raft_place(raft, msg->from) >= 0;
}

/*
 * A node ahead of us knows the members better: so requests are judged by
 * term and log alone (thesis 4.2.2).  Answers count only from members.
 */
static void receive(struct raft *raft, const struct raft_event *event)
{
	const struct raft_msg *msg = event->msg;

	if (msg->from == 0 || msg->from > RAFT_MEMBER_ID_MAX ||
	    msg->from == raft->config.id || msg->to != raft->config.id ||
	    msg->term == 0 || msg->term > RAFT_TERM_MAX ||
	    !answer_counts(raft, msg))
		return;
	if (msg->type == RAFT_MSG_VOTE) {
		raft_vote_recv(raft, msg);
		return;
	}
	if (brings_new_term(raft, msg))
		raft_become_follower(raft, msg->term, 0);
	if (msg->type == RAFT_MSG_VOTE_REPLY) {
		raft_vote_reply_recv(raft, msg);
		return;
	}
	if (msg->term < raft->hard.term && msg->type == RAFT_MSG_APPEND)
		raft_append_refuse_old(raft, msg);
	if (msg->term != raft->hard.term)
		return;
	if (msg->type == RAFT_MSG_APPEND)
		raft_append_recv(raft, event);
	else if (msg->type == RAFT_MSG_APPEND_REPLY)
		raft_append_reply_recv(raft, msg);
	else if (msg->type == RAFT_MSG_TIMEOUT_NOW)
		raft_timeout_now_recv(raft, msg);
}

static void persisted(struct raft *raft, const struct raft_event *event)
{
	/* A caller that does not say what it is about is a bug, not news. */
	assert(event->seq > 0 && event->seq <= raft->log_seq);
	if (event->seq != raft->log_seq ||
	    event->index < raft->log.base_index ||
	    event->index > raft->log.last_index ||
	    raft_log_term(&raft->log, event->index) != event->term)
		return;
	if (event->index > raft->log.durable)
		raft->log.durable = event->index;
	if (raft->role == RAFT_LEADER)
		raft_commit_advance(raft);
	else
		raft_follow_persisted(raft);
}

static void send_wanted(struct raft *raft, const struct raft_event *event)
{
	struct raft_peer *peer = raft_peer_find(raft, event->peer);

	if (raft->role != RAFT_LEADER || !peer)
		raft->update->flags |= RAFT_UP_REFUSED;
	else if (event->count == 0)
		raft_heartbeat(raft, peer);
	else if (raft_peer_sendable(raft, peer))
		raft_send_entries(raft, peer, event->count);
}

static void compacted(struct raft *raft, uint64_t index)
{
	if (index <= raft->log.base_index)
		return;
	assert(index <= raft->commit && index <= raft->log.durable);
	raft_log_compact(&raft->log, index);
	raft_base_moved(raft);
}

static void link_up(struct raft *raft, uint32_t id)
{
	if ((raft_place(raft, id) < 0 && !raft_vote_bit(raft, id)) ||
	    id == raft->config.id)
		raft->update->flags |= RAFT_UP_REFUSED;
	else if (raft->role != RAFT_LEADER)
		raft_election_link(raft, id);
	else if (raft_peer_find(raft, id))
		raft_peer_link(raft, raft_peer_find(raft, id));
}

static void campaign(struct raft *raft)
{
	if (raft->role == RAFT_LEADER || !raft_may_campaign(raft) ||
	    raft->now_us < raft->promise_until_us)
		raft->update->flags |= RAFT_UP_REFUSED;
	else
		raft_campaign(raft, false);
}

void raft_step(struct raft *raft, const struct raft_event *event,
	       struct raft_update *update)
{
	raft_update_begin(raft, update);
	/* A clock that went back would prolong promises and leases alike. */
	if (event->now_us > raft->now_us)
		raft->now_us = event->now_us;
	raft->random = event->random;

	switch (event->type) {
	case RAFT_EV_TICK:
		tick(raft);
		break;
	case RAFT_EV_RECV:
		receive(raft, event);
		break;
	case RAFT_EV_PROPOSE:
		raft_propose(raft, event->count);
		break;
	case RAFT_EV_SEND:
		send_wanted(raft, event);
		break;
	case RAFT_EV_PERSISTED:
		persisted(raft, event);
		break;
	case RAFT_EV_STATE_SAVED:
		assert(event->seq <= raft->state_seq);
		if (event->seq > raft->saved_seq)
			raft->saved_seq = event->seq;
		raft_election_saved(raft);
		break;
	case RAFT_EV_CAMPAIGN:
		campaign(raft);
		break;
	case RAFT_EV_TRANSFER:
		if (!raft_transfer_begin(raft, event->peer))
			update->flags |= RAFT_UP_REFUSED;
		break;
	case RAFT_EV_COMPACTED:
		compacted(raft, event->index);
		break;
	case RAFT_EV_RESET:
		raft_reset(raft, event);
		break;
	case RAFT_EV_MEMBER:
		raft_change_member(raft, event->peer, event->role);
		break;
	case RAFT_EV_DAMAGED:
		raft_damaged(raft);
		break;
	case RAFT_EV_LATE:
		raft_late(raft);
		break;
	case RAFT_EV_LINK:
		link_up(raft, event->peer);
		break;
	}
	raft_update_end(raft);
}
