// SPDX-License-Identifier: GPL-2.0
/*
 * Terms, votes and roles (thesis 3.4), with PreVote (9.6), the refusal of
 * disruptive candidates (4.2.3) that leases rest on (6.4.1), and the rules for
 * replicas that may have forgotten what they promised (raft_hard_state).
 */
#include "base/planted.h"
#include "raft/state.h"

#include <assert.h>

#define PATIENCE_MAX 2
#define SOON_TIMEOUTS 16 /* who leads again by then was alive */
#define CALM_TIMEOUTS 64 /* until all is as before */

/* Not before our promise is over: a leader may ask for more than our timeout. */
void raft_election_rearm(struct raft *raft)
{
	uint64_t timeout = raft->config.election_timeout_us;
	uint64_t from_us = raft->now_us + (timeout << raft->patience);

	if (from_us < raft->promise_until_us)
		from_us = raft->promise_until_us;
	raft->election_due_us = from_us + raft->random % timeout;
}

static void set_role(struct raft *raft, enum raft_role role, uint32_t leader)
{
	if (raft->role != role || raft->leader != leader)
		raft->update->flags |= RAFT_UP_ROLE;
	raft->role = role;
	raft->leader = leader;
}

static void enter_term(struct raft *raft, uint64_t term)
{
	assert(term > raft->hard.term);
	raft->hard.term = term;
	raft->hard.vote = 0;
	raft->hard_dirty = true;
	raft->update->flags |= RAFT_UP_ROLE;
	/* Leader completeness: what is committed, every later leader has. */
	raft->agreed = raft->commit;
	raft->echo_us = 0;
	raft->replied = 0;
	raft->rejoin = 0;
}

void raft_become_follower(struct raft *raft, uint64_t term, uint32_t leader)
{
	bool led = raft->role == RAFT_LEADER;

	assert(term >= raft->hard.term);
	assert(leader != raft->config.id);
	if (term > raft->hard.term)
		enter_term(raft, term);
	set_role(raft, RAFT_FOLLOWER, leader);
	raft->transferee = 0;
	if (!led)
		return;
	/* Our own voice counted for our lease: so we owe it, too. */
	raft_promise(raft, (uint32_t)raft->config.election_timeout_us);
	raft_election_rearm(raft);
}

/*
 * A barred replica campaigns only for the bootstrap of a volume.  One whose
 * runs of terms are all uncommitted and as many as fit could not begin its
 * term.
 */
bool raft_may_campaign(const struct raft *raft)
{
	return raft_is_electable(raft) && !raft->hard.damaged &&
	       (raft->hard.joined || raft->log.last_index == 0) &&
	       raft->hard.term < RAFT_TERM_MAX &&
	       raft_log_room(&raft->log, raft->hard.term + 1, raft->commit);
}

/*
 * A majority of the unbarred.  Or all that can lead, barred or not, if enough
 * of those who grant are unbarred to meet each majority that may have committed
 * something.  So an even number of members survives the loss of one disk more;
 * and witnesses, who can't lead themselves, don't stop those who can for
 * entries that no majority has.  An empty log wins only by the votes of all.
 */
static bool has_won(const struct raft *raft)
{
	const struct raft_members *members = &raft->membership.now;
	unsigned int voting = raft_members_voting(members);

	if (raft->log.last_index == 0)
		return raft_votes_among(raft, raft->grants, members) == voting;
	return raft_votes_among(raft, raft->firm_grants, members) >=
		       voting / 2 + 1 ||
	       (raft_has_all_voters(raft, raft->grants) &&
		raft_meets_majorities(raft, raft->firm_grants));
}

static void ask_for_vote(struct raft *raft, uint32_t to, bool transfer)
{
	struct raft_msg *msg = raft_msg_add(raft, to, RAFT_MSG_VOTE);

	msg->vote.prevote = raft->role == RAFT_PRECANDIDATE;
	if (msg->vote.prevote)
		msg->term++;
	msg->vote.transfer = transfer;
	msg->vote.last_index = raft->log.last_index;
	msg->vote.last_term = raft_log_last_term(&raft->log);
}

/* Asks the voter that an uncommitted change removes, too. */
static void stand(struct raft *raft, enum raft_role role, bool transfer)
{
	const struct raft_membership *membership = &raft->membership;
	uint32_t self = raft_vote_bit(raft, raft->config.id);
	uint32_t asked = self;
	unsigned int i;

	set_role(raft, role, 0);
	raft_election_rearm(raft);
	raft->grants = self;
	raft->firm_grants = raft_is_barred(raft) ? 0 : self;
	for (i = 0; i < 2 * RAFT_MEMBERS_MAX; i++) {
		uint32_t id =
			i < RAFT_MEMBERS_MAX ?
				membership->now.ids[i] :
				membership->before.ids[i - RAFT_MEMBERS_MAX];
		uint32_t bit = raft_vote_bit(raft, id);

		if (bit & ~asked)
			ask_for_vote(raft, id, transfer);
		asked |= bit;
	}
}

static void poll_begins(struct raft *raft)
{
	raft->polls_until_us = raft->now_us + raft->config.election_timeout_us;
}

static void stand_for_election(struct raft *raft, bool transfer)
{
	enter_term(raft, raft->hard.term + 1);
	raft->hard.vote = raft->config.id;
	poll_begins(raft);
	/* PreVote has just shown all members to be as empty as we are. */
	if (raft->log.last_index == 0)
		raft->hard.joined = true;
	stand(raft, RAFT_CANDIDATE, transfer);
}

/*
 * Our own vote counts when it is on the disk.  Others are asked only then, so
 * this matters to a sole member: it would lead the same term twice.
 */
void raft_election_saved(struct raft *raft)
{
	if (raft->role == RAFT_CANDIDATE &&
	    raft->saved_seq == raft->state_seq && has_won(raft))
		raft_lead(raft);
}

/*
 * A transfer skips PreVote (thesis 3.10): the leader chose us.  Not so with an
 * empty log, which must not raise another node's term or join without PreVote's
 * proof that all are there.
 */
void raft_campaign(struct raft *raft, bool transfer)
{
	assert(raft_may_campaign(raft));
	raft->handed_over = transfer;
	if (transfer && raft->log.last_index > 0) {
		stand_for_election(raft, true);
		return;
	}
	stand(raft, RAFT_PRECANDIDATE, false);
	if (has_won(raft))
		stand_for_election(raft, false);
}

void raft_usurp(struct raft *raft)
{
	raft->usurped = raft->handed_over ? 0 : raft->heard_leader;
	raft->usurped_us = raft->now_us;
}

/*
 * It was slow, not dead: a starved machine, or a slow network.  Taking its
 * leadership again and again helps no one, so its next silence may be longer.
 * Only our timer waits: a node that wants the device campaigns without it.
 */
void raft_usurped(struct raft *raft, uint32_t leader)
{
	uint64_t timeout = raft->config.election_timeout_us;

	if (raft->patience && raft->now_us >= raft->impatient_us)
		raft->patience = 0;
	raft->heard_leader = leader;
	if (leader != raft->usurped)
		return;
	raft->usurped = 0;
	if (raft->now_us - raft->usurped_us >= SOON_TIMEOUTS * timeout)
		return;
	if (raft->patience < PATIENCE_MAX)
		raft->patience++;
	raft->impatient_us = raft->now_us + CALM_TIMEOUTS * timeout;
}

/*
 * A quarter of a timeout to read what has come.  Once for each deadline: a node
 * that is always late must neither wait for ever nor lead for ever.
 */
void raft_late(struct raft *raft)
{
	uint64_t until_us = raft->now_us + raft->config.election_timeout_us / 4;
	uint64_t due_us = raft->role == RAFT_LEADER ? raft_quorum_due(raft) :
						      raft->election_due_us;

	if (due_us == raft->excused_due_us || until_us <= due_us)
		return;
	raft->excused_due_us = due_us;
	raft->excused_until_us = until_us;
}

uint64_t raft_excused(const struct raft *raft, uint64_t due_us)
{
	return due_us == raft->excused_due_us ? raft->excused_until_us : due_us;
}

void raft_election_tick(struct raft *raft)
{
	assert(raft->role != RAFT_LEADER);
	if (raft->now_us < raft_excused(raft, raft->election_due_us))
		return;
	if (raft_may_campaign(raft) && raft->now_us >= raft->promise_until_us) {
		raft_campaign(raft, false);
		return;
	}
	set_role(raft, RAFT_FOLLOWER, 0);
	raft_election_rearm(raft);
}

/* What we asked went down with the old connection: ask again. */
void raft_election_link(struct raft *raft, uint32_t peer)
{
	if (raft->role != RAFT_PRECANDIDATE && raft->role != RAFT_CANDIDATE)
		return;
	if (raft_vote_bit(raft, peer) & ~raft->grants)
		ask_for_vote(raft, peer, false);
}

/* Thesis 3.6.1 */
static bool is_up_to_date(const struct raft *raft, const struct raft_msg *msg)
{
	uint64_t last_term = raft_log_last_term(&raft->log);

	/*
	 * Without entries it founds a volume, and there was one here: its data
	 * would be overwritten by that of a blank replica.
	 */
	if (raft->hard.damaged && msg->vote.last_index == 0 &&
	    !planted(PLANTED_BLANK_ELECTED))
		return false;
	/*
	 * What a damaged log seems to hold says nothing.  Nor does how far a
	 * barred one goes: what it acknowledged did not count, and as it can't
	 * lead it must not stop those who can.
	 */
	if (raft->hard.damaged || planted(PLANTED_OUTDATED_ELECTED) ||
	    (!raft->hard.joined && msg->vote.last_index > 0))
		return true;
	if (msg->vote.last_term != last_term)
		return msg->vote.last_term > last_term;
	return msg->vote.last_index >= raft->log.last_index;
}

static void reply_vote(struct raft *raft, const struct raft_msg *msg,
		       bool granted)
{
	struct raft_msg *reply =
		raft_msg_add(raft, msg->from, RAFT_MSG_VOTE_REPLY);

	reply->vote_reply.prevote = msg->vote.prevote;
	reply->vote_reply.granted = granted;
	reply->vote_reply.barred = raft_is_barred(raft);
	/* A granted PreVote is about the term to come, a refusal about ours. */
	if (granted && msg->vote.prevote)
		reply->term = msg->term;
}

static void vote_for(struct raft *raft, const struct raft_msg *msg)
{
	bool born = msg->vote.last_index == 0 && raft->log.last_index == 0 &&
		    !raft->hard.damaged;

	if (raft->hard.vote != msg->from || (born && !raft->hard.joined))
		raft->hard_dirty = true;
	raft->hard.vote = msg->from;
	raft->hard.joined |= born;
	poll_begins(raft);
	raft_election_rearm(raft);
}

/*
 * The candidate's log is behind ours, so we refuse it, and it may keep asking
 * until our own timeout: campaign before that.  We begin with PreVote, which
 * disturbs no other node.  But others may have been asked as well, and would
 * split the votes if they campaigned together with us: of three voters one is
 * left to decide, of more some wait for the first.  And a candidate that we have
 * voted for is given its time.
 */
static void stand_instead(struct raft *raft)
{
	uint64_t spread_us = 0;

	if (raft->now_us < raft->polls_until_us || !raft_may_campaign(raft))
		return;
	if (raft_members_voting(&raft->membership.now) > 3)
		spread_us = raft->config.election_timeout_us / 4;
	if (raft->election_due_us <= raft->now_us + spread_us)
		return;
	raft->election_due_us = raft->now_us;
	if (spread_us)
		raft->election_due_us += raft->random % spread_us;
}

void raft_vote_recv(struct raft *raft, const struct raft_msg *msg)
{
	bool free_vote, granted;

	if ((msg->vote.last_index == 0) != (msg->vote.last_term == 0) ||
	    msg->vote.last_term >= msg->term)
		return;
	/*
	 * A lease may rest on our silence.  A leader does not answer either: it
	 * steps down for a lack of followers, not for the wish of one.
	 */
	if (raft->role == RAFT_LEADER ||
	    (raft->now_us < raft->promise_until_us && !msg->vote.transfer &&
	     !planted(PLANTED_PROMISE_BROKEN)))
		return;
	if (msg->term > raft->hard.term && !msg->vote.prevote)
		raft_become_follower(raft, msg->term, 0);
	/*
	 * PreVote never lets a candidate into a term that has begun, not even
	 * the one that we voted for in it: if it lost its disk since, it would
	 * lead the same term twice.
	 */
	free_vote = msg->term > raft->hard.term ||
		    (msg->term == raft->hard.term && !msg->vote.prevote &&
		     raft->leader == 0 &&
		     (raft->hard.vote == 0 || raft->hard.vote == msg->from));
	granted = free_vote && is_up_to_date(raft, msg);
	if (granted && !msg->vote.prevote)
		vote_for(raft, msg);
	if (free_vote && !granted && msg->vote.prevote)
		stand_instead(raft);
	reply_vote(raft, msg, granted);
}

void raft_vote_reply_recv(struct raft *raft, const struct raft_msg *msg)
{
	bool prevote = msg->vote_reply.prevote;
	uint32_t bit = raft_vote_bit(raft, msg->from);

	if (!msg->vote_reply.granted)
		return;
	if (raft->role != (prevote ? RAFT_PRECANDIDATE : RAFT_CANDIDATE) ||
	    msg->term != raft->hard.term + (prevote ? 1 : 0))
		return;
	raft->grants |= bit;
	if (msg->vote_reply.barred)
		raft->firm_grants &= ~bit;
	else
		raft->firm_grants |= bit;
	if (!has_won(raft))
		return;
	if (prevote)
		stand_for_election(raft, false);
	else
		raft_lead(raft);
}
