// SPDX-License-Identifier: GPL-2.0
/*
 * A follower: takes the leader's entries (thesis 3.5), answers when they are
 * durable, and recovers after its replica was lost or filled.
 *
 * `agreed` is how far the leader of this term has shown that its log equals
 * ours.  Beyond that, our log may be longer, durable and wrong: never claim it.
 */
#include "base/planted.h"
#include "raft/state.h"

#include <assert.h>

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Refuses entries: nothing is known of the log they would go into. */
static bool needs_filling(const struct raft *raft)
{
	return raft->hard.damaged && !raft->filling;
}

static struct raft_msg *reply_new(struct raft *raft, uint32_t to)
{
	struct raft_msg *reply = raft_msg_add(raft, to, RAFT_MSG_APPEND_REPLY);

	reply->append_reply.sent_us = raft->echo_us;
	reply->append_reply.damaged = needs_filling(raft);
	reply->append_reply.barred = raft_is_barred(raft);
	return reply;
}

static void reply_match(struct raft *raft)
{
	struct raft_msg *reply = reply_new(raft, raft->leader);

	reply->append_reply.ok = true;
	reply->append_reply.match = min_u64(raft->log.durable, raft->agreed);
	if (planted(PLANTED_APPEND_ANSWERED_EARLY))
		reply->append_reply.match = raft->agreed;
	raft->replied = reply->append_reply.match;
}

/*
 * Not there, or of another term: name the entry before the whole run that is
 * in doubt, so that the leader needs one round for each term, not for each
 * entry (thesis 3.5).  What is committed is never in doubt.
 */
static void reply_refused(struct raft *raft, uint64_t prev_index)
{
	struct raft_msg *reply = reply_new(raft, raft->leader);
	uint64_t hint = raft->log.last_index;

	if (!needs_filling(raft) && prev_index <= hint)
		hint = raft_log_run_first(&raft->log, prev_index) - 1;
	if (hint < raft->commit)
		hint = raft->commit;
	reply->append_reply.match = prev_index;
	reply->append_reply.hint = needs_filling(raft) ? 0 : hint;
}

/* A leader of the past: our term makes it step down. */
void raft_append_refuse_old(struct raft *raft, const struct raft_msg *msg)
{
	struct raft_msg *reply =
		raft_msg_add(raft, msg->from, RAFT_MSG_APPEND_REPLY);

	reply->append_reply.match = msg->append.prev_index;
}

/* The first of a list, or one that differs from the one before. */
static bool members_possible(const struct raft_members *list, uint32_t i)
{
	return (i && raft_members_equal(&list[i], &list[i - 1])) ||
	       !raft_members_check(&list[i]);
}

static bool is_possible(const struct raft_event *event)
{
	const struct raft_msg *msg = event->msg;
	const uint64_t *entry_terms = event->entry_terms;
	uint64_t term = msg->append.prev_term;
	uint32_t i;

	if (msg->append.count > RAFT_APPEND_MAX ||
	    msg->append.promise_us > RAFT_PROMISE_MAX_US ||
	    (msg->append.count && !entry_terms) ||
	    msg->append.prev_index > RAFT_INDEX_MAX ||
	    (msg->append.prev_index == 0) != (term == 0))
		return false;
	for (i = 0; i < msg->append.count; i++) {
		if (entry_terms[i] == 0 || entry_terms[i] < term ||
		    (event->members && !members_possible(event->members, i)))
			return false;
		term = entry_terms[i];
	}
	return term <= msg->term;
}

/* The first of the message's entries that the log lacks or contradicts. */
static uint32_t count_held(const struct raft *raft, const struct raft_msg *msg,
			   const uint64_t *entry_terms)
{
	const struct raft_log *log = &raft->log;
	uint32_t i;

	for (i = 0; i < msg->append.count; i++) {
		uint64_t index = msg->append.prev_index + 1 + i;

		if (index < log->base_index)
			continue;
		if (raft_log_term(log, index) != entry_terms[i])
			break;
	}
	return i;
}

/* From @first on the log is other than the leader's: drop it. */
static void drop_from(struct raft *raft, uint64_t first)
{
	assert(first > raft->commit && first > raft->agreed);
	raft_log_truncate(&raft->log, first);
	raft_membership_truncate(raft, first);
	raft->log_seq++;
	raft->update->flags |= RAFT_UP_TRUNCATE;
	raft->update->truncate_from = first;
}

/* Entries from @skip on, as far as their terms find room. */
static void append(struct raft *raft, const struct raft_event *event,
		   uint32_t skip)
{
	const struct raft_msg *msg = event->msg;
	const uint64_t *entry_terms = event->entry_terms;
	struct raft_update *update = raft->update;
	uint32_t i;

	assert(raft->log.last_index == msg->append.prev_index + skip);
	update->append_first = raft->log.last_index + 1;
	update->append_skip = skip;
	for (i = skip; i < msg->append.count; i++) {
		if (!raft_log_room(&raft->log, entry_terms[i], raft->commit))
			break;
		raft_log_append(&raft->log, entry_terms[i], 1, raft->commit);
		if (event->members)
			raft_membership_append(raft, raft->log.last_index,
					       &event->members[i]);
	}
	update->append_count = i - skip;
	if (update->append_count)
		update->flags |= RAFT_UP_APPEND;
}

static void advance_commit(struct raft *raft, uint64_t leader_commit)
{
	uint64_t commit = min_u64(leader_commit, raft->agreed);

	if (commit <= raft->commit)
		return;
	raft->commit = commit;
	raft->update->flags |= RAFT_UP_COMMIT;
}

/*
 * The leader has made sure that it led after our memory was lost, and says how
 * far its log went then: whatever we promised to hold is in there.  Nor may we
 * vote a second time in this term: if we don't know for whom, then for it.
 */
static void rejoin_if_whole(struct raft *raft)
{
	uint64_t held = min_u64(raft->log.durable, raft->agreed);

	if (planted(PLANTED_REJOINED_UNDURABLE))
		held = raft->agreed;
	if (raft->hard.joined || raft->hard.damaged || !raft->rejoin ||
	    held < raft->rejoin)
		return;
	raft->hard.joined = true;
	if (!raft->hard.vote)
		raft->hard.vote = raft->leader;
	raft->hard_dirty = true;
}

/* What the leader has at @index can't be, beside what is committed here. */
static void contradicted(struct raft *raft, const struct raft_msg *msg,
			 uint64_t index, uint64_t their_term)
{
	struct raft_contradiction *found = &raft->update->contradiction;

	if (index > raft->commit)
		return;
	raft->update->flags |= RAFT_UP_CONTRADICTED;
	found->leader = msg->from;
	found->leader_term = msg->term;
	found->leader_commit = msg->append.commit;
	found->index = index;
	found->our_term = raft_log_term(&raft->log, index);
	found->their_term = their_term;
}

/* The message's place fits: take what is new of it and answer. */
static void take(struct raft *raft, const struct raft_event *event)
{
	const struct raft_msg *msg = event->msg;
	uint64_t prev = msg->append.prev_index;
	uint32_t held = count_held(raft, msg, event->entry_terms);
	uint64_t first = prev + 1 + held;

	if (held < msg->append.count && first <= raft->log.last_index) {
		/* A leader never contradicts itself or what is committed. */
		if (first <= raft->commit || first <= raft->agreed ||
		    first <= raft_membership_floor(raft)) {
			contradicted(raft, msg, first,
				     event->entry_terms[held]);
			return;
		}
		drop_from(raft, first);
	}
	if (held < msg->append.count)
		append(raft, event, held);
	held += raft->update->append_count;
	if (prev + held > raft->agreed)
		raft->agreed = prev + held;
	assert(raft->agreed <= raft->log.last_index);
	advance_commit(raft, msg->append.commit);
	if (!raft->hard.joined && msg->append.rejoin)
		raft->rejoin = msg->append.rejoin;
	rejoin_if_whole(raft);
	/* New entries are answered for when they are durable. */
	if (!raft->update->append_count)
		reply_match(raft);
}

void raft_append_recv(struct raft *raft, const struct raft_event *event)
{
	const struct raft_msg *msg = event->msg;
	uint64_t prev = msg->append.prev_index;
	uint64_t term;

	/* There is one leader in a term. */
	if (raft->role == RAFT_LEADER ||
	    (raft->leader && raft->leader != msg->from) || !is_possible(event))
		return;
	raft_become_follower(raft, msg->term, msg->from);
	raft_usurped(raft, msg->from);
	raft_promise(raft, msg->append.promise_us);
	raft_election_rearm(raft);
	if (msg->append.sent_us > raft->echo_us)
		raft->echo_us = msg->append.sent_us;

	term = raft_log_term(&raft->log, prev);
	if (needs_filling(raft) || prev > raft->log.last_index) {
		reply_refused(raft, prev);
		return;
	}
	if (prev >= raft->log.base_index && term != msg->append.prev_term) {
		/* See take(). */
		if (prev > raft->commit && prev > raft->agreed)
			reply_refused(raft, prev);
		else
			contradicted(raft, msg, prev, msg->append.prev_term);
		return;
	}
	take(raft, event);
}

/* PERSISTED has raised the durable index, or reported a reset. */
void raft_follow_persisted(struct raft *raft)
{
	/* Emptied by a reset to (0, 0), it must not pass for a blank one. */
	if (raft->hard.damaged && raft->filling && raft->log.durable > 0) {
		raft->hard.damaged = false;
		raft->hard.joined = false;
		raft->hard_dirty = true;
		raft->filling = false;
	}
	rejoin_if_whole(raft);
	if (raft->role != RAFT_FOLLOWER || !raft->leader)
		return;
	if (min_u64(raft->log.durable, raft->agreed) > raft->replied)
		reply_match(raft);
}

bool raft_can_reset(const struct raft *raft, uint64_t index, uint64_t term)
{
	if (raft->role == RAFT_LEADER || (index == 0) != (term == 0) ||
	    index > RAFT_INDEX_MAX || term > raft->hard.term)
		return false;
	if (raft->hard.damaged)
		return true;
	return index > raft->commit && raft_log_term(&raft->log, index) != term;
}

/*
 * What the leader's image holds is committed: so everything up to there is
 * agreed upon, in whatever term.
 */
void raft_reset(struct raft *raft, const struct raft_event *event)
{
	uint64_t index = event->index, term = event->term;

	if (!raft_can_reset(raft, index, term)) {
		raft->update->flags |= RAFT_UP_REFUSED;
		return;
	}
	raft_become_follower(raft, raft->hard.term, raft->leader);
	raft_log_reset(&raft->log, index, term);
	raft_membership_reset(raft, index, event->members);
	raft->log_seq++;
	raft->filling = raft->hard.damaged;
	raft->commit = index;
	raft->agreed = index;
	raft->replied = 0;
	raft->update->flags |= RAFT_UP_COMMIT;
}

void raft_damaged(struct raft *raft)
{
	raft->filling = false;
	if (raft->hard.damaged)
		return;
	raft_become_follower(raft, raft->hard.term,
			     raft->role == RAFT_LEADER ? 0 : raft->leader);
	raft->hard.damaged = true;
	raft->hard_dirty = true;
}
