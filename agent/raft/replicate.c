// SPDX-License-Identifier: GPL-2.0
/*
 * A leader: how far each peer's log matches, what it is sent, and what is
 * committed as a result (thesis 3.5, 3.6.2, 10.2.1, 10.2.2).
 *
 * A peer is probed (messages without entries) until it accepts a position.
 * Then entries flow without waiting for answers, up to RAFT_INFLIGHT_MAX.  A
 * refusal returns it to probing.  A peer whose position is before the log's
 * base, or whose log is damaged, needs a copy.  It is still sent heartbeats,
 * which probe at the base, so that its answer after the copy resumes
 * replication by itself.
 */
#include "base/planted.h"
#include "raft/state.h"

#include <assert.h>
#include <string.h>

/* Places that are not taken have no id. */
static bool is_other(const struct raft *raft, const struct raft_peer *peer)
{
	return peer->id != 0 && peer->id != raft->config.id;
}

static void append_to(struct raft *raft, struct raft_peer *peer, uint32_t count)
{
	struct raft_msg *msg = raft_msg_add(raft, peer->id, RAFT_MSG_APPEND);

	assert(peer->match < peer->next);
	assert(peer->next > raft->log.base_index);
	assert(peer->next + count <= raft->log.last_index + 1);
	msg->append.prev_index = peer->next - 1;
	msg->append.prev_term = raft_log_term(&raft->log, peer->next - 1);
	msg->append.commit = raft->commit;
	msg->append.sent_us = raft->now_us;
	msg->append.promise_us = (uint32_t)raft->config.election_timeout_us;
	msg->append.count = count;
	msg->append.rejoin = peer->barred ? peer->rejoin : 0;
	peer->next += count;
}

void raft_heartbeat(struct raft *raft, struct raft_peer *peer)
{
	append_to(raft, peer, 0);
}

/*
 * A heartbeat behind entries that are on their way would come as late as they
 * do.  This one names an entry that the peer is known to hold: wherever it
 * overtakes them, it is accepted.
 */
static void beat(struct raft *raft, struct raft_peer *peer)
{
	struct raft_peer held = *peer;
	bool known = !peer->probing && peer->match >= raft->log.base_index;

	held.next = held.match + 1;
	if (known && peer->next > held.next) {
		append_to(raft, &held, 0);
		raft->update->msgs[raft->update->msg_count - 1].append.urgent =
			true;
	}
	raft_heartbeat(raft, peer);
}

/*
 * Paced by the clock alone: a lease must not depend on the load.  Behind entries
 * goes another heartbeat in their order: should they be lost, its refusal tells.
 */
void raft_heartbeat_all(struct raft *raft)
{
	unsigned int i;

	for (i = 0; i < RAFT_PEERS_MAX; i++)
		if (is_other(raft, &raft->peers[i]))
			beat(raft, &raft->peers[i]);
	raft->heartbeat_due_us = raft->now_us + raft->config.heartbeat_us;
}

void raft_send_entries(struct raft *raft, struct raft_peer *peer,
		       uint32_t count)
{
	uint64_t most = raft_peer_last(raft, peer) - peer->next + 1;
	uint64_t window = RAFT_INFLIGHT_MAX - (peer->next - 1 - peer->match);

	assert(raft_peer_sendable(raft, peer));
	if (most > RAFT_APPEND_MAX)
		most = RAFT_APPEND_MAX;
	if (most > window)
		most = window;
	append_to(raft, peer, count < most ? count : (uint32_t)most);
}

/*
 * What was sent before is of no account any more: if late answers to it ended
 * the probing, each would have the whole window sent again.
 */
static void probe(const struct raft *raft, struct raft_peer *peer)
{
	peer->probing = true;
	peer->probe_us = raft->now_us;
}

static void peer_init(const struct raft *raft, struct raft_peer *peer,
		      uint32_t id)
{
	memset(peer, 0, sizeof(*peer));
	peer->id = id;
	/* What it is sent next begins with the newest entry, just made. */
	peer->next = raft->log.last_index;
	probe(raft, peer);
}

static void append_own(struct raft *raft, uint32_t count)
{
	raft->update->append_first = raft->log.last_index + 1;
	raft->update->append_count = count;
	raft->update->flags |= RAFT_UP_APPEND;
	raft_log_append(&raft->log, raft->hard.term, count, raft->commit);
}

static uint32_t peer_id(const struct raft *raft, unsigned int i)
{
	return i < RAFT_MEMBERS_MAX ? raft->membership.now.ids[i] :
				      raft_taken_out(raft);
}

/* The peers are to the members as they are now what they were before. */
static void peers_follow(struct raft *raft)
{
	struct raft_peer old[RAFT_PEERS_MAX];
	unsigned int i, j;

	memcpy(old, raft->peers, sizeof(old));
	for (i = 0; i < RAFT_PEERS_MAX; i++) {
		struct raft_peer *peer = &raft->peers[i];
		uint32_t id = peer_id(raft, i);

		for (j = 0; j < RAFT_PEERS_MAX && old[j].id != id;)
			j++;
		if (id && j < RAFT_PEERS_MAX) {
			*peer = old[j];
			continue;
		}
		peer_init(raft, peer, id);
		if (is_other(raft, peer))
			raft_heartbeat(raft, peer);
	}
}

void raft_append_members(struct raft *raft, const struct raft_members *members)
{
	append_own(raft, 1);
	raft_membership_append(raft, raft->log.last_index, members);
	peers_follow(raft);
}

/*
 * Elected.  The no-op lets the entries of older terms be committed (3.6.2) and
 * tells where this term's state begins (6.4).
 */
void raft_lead(struct raft *raft)
{
	unsigned int i;

	assert(raft->role == RAFT_CANDIDATE);
	assert(raft->hard.vote == raft->config.id);
	assert(!raft_is_barred(raft));
	raft->role = RAFT_LEADER;
	raft->leader = raft->config.id;
	raft->update->flags |= RAFT_UP_ROLE;
	raft->led_since_us = raft->now_us;
	raft->lease_floor_us = 0;
	raft->transferee = 0;
	raft_usurp(raft);
	raft->term_start = raft->log.last_index + 1;
	append_own(raft, 1);
	raft->update->append_noop = true;
	for (i = 0; i < RAFT_PEERS_MAX; i++)
		peer_init(raft, &raft->peers[i], peer_id(raft, i));
	raft_base_moved(raft);
	raft_heartbeat_all(raft);
}

void raft_propose(struct raft *raft, uint32_t count)
{
	uint64_t open = raft->log.last_index - raft->commit;

	if (raft->role != RAFT_LEADER || raft->transferee || count == 0 ||
	    open + count > RAFT_UNCOMMITTED_MAX ||
	    count > RAFT_INDEX_MAX - raft->log.last_index) {
		raft->update->flags |= RAFT_UP_REFUSED;
		return;
	}
	append_own(raft, count);
}

/* What was in flight is lost, and it may be another process or disk. */
void raft_peer_link(struct raft *raft, struct raft_peer *peer)
{
	peer->match = 0;
	peer->next = raft->log.last_index + 1;
	probe(raft, peer);
	peer->needs_copy = false;
	peer->damaged = false;
	peer->barred = false;
	peer->rejoin = 0;
	raft_heartbeat(raft, peer);
}

/* What came before the base can no longer be sent: is it needed? Probe. */
void raft_base_moved(struct raft *raft)
{
	unsigned int i;

	if (raft->role != RAFT_LEADER)
		return;
	for (i = 0; i < RAFT_PEERS_MAX; i++) {
		struct raft_peer *peer = &raft->peers[i];

		if (!is_other(raft, peer) || peer->next > raft->log.base_index)
			continue;
		peer->next = raft->log.base_index + 1;
		probe(raft, peer);
	}
}

/* A removed node gets the commit index that says so, and no more. */
static void let_go(struct raft *raft)
{
	struct raft_peer *peer = &raft->peers[RAFT_MEMBERS_MAX];

	if (!is_other(raft, peer) || raft_membership_open(raft))
		return;
	raft_heartbeat(raft, peer);
	memset(peer, 0, sizeof(*peer));
}

/*
 * The change that takes our vote away is committed: another node must lead
 * (thesis 4.2.2), if possible at once.
 */
static void leave(struct raft *raft)
{
	const struct raft_peer *best = NULL;
	unsigned int i;

	if (raft->transferee)
		return;
	for (i = 0; i < RAFT_MEMBERS_MAX; i++) {
		const struct raft_peer *peer = &raft->peers[i];

		if (raft_transfer_possible(raft, peer) &&
		    (!best || peer->match > best->match))
			best = peer;
	}
	raft_transfer_begin(raft, best ? best->id : 0);
}

/*
 * An entry of this term that a majority holds durably commits everything up to
 * it; older terms are never committed by counting (3.6.2, figure 3.7).  Our own
 * disk is one of the majority like any other (10.2.1).
 */
void raft_commit_advance(struct raft *raft)
{
	unsigned int places = raft_members_count(&raft->membership.now);
	uint64_t held[RAFT_MEMBERS_MAX];
	uint64_t commit;
	unsigned int i;

	assert(raft->role == RAFT_LEADER);
	for (i = 0; i < places; i++) {
		const struct raft_peer *peer = &raft->peers[i];

		if (peer->id == raft->config.id)
			held[i] = raft->log.durable;
		else
			held[i] = peer->barred ? 0 : peer->match;
	}
	commit = raft_held_by_majority(raft, held);
	if (planted(PLANTED_COMMIT_BY_MINORITY))
		commit = raft->log.durable;
	if (commit <= raft->commit ||
	    (commit < raft->term_start && !planted(PLANTED_OLDER_TERM_COUNTED)))
		return;
	assert(raft_log_term(&raft->log, commit) == raft->hard.term ||
	       planted(PLANTED_OLDER_TERM_COUNTED));
	raft->commit = commit;
	raft->update->flags |= RAFT_UP_COMMIT;
	let_go(raft);
	if (!raft_is_electable(raft))
		leave(raft);
}

static void accepted(struct raft *raft, struct raft_peer *peer,
		     const struct raft_msg *msg)
{
	if (msg->append_reply.match > peer->match)
		peer->match = msg->append_reply.match;
	if (peer->probing && msg->append_reply.sent_us >= peer->probe_us) {
		/*
		 * It holds our base at least, since we asked for nothing
		 * before; of that, its disk may still be behind.
		 */
		peer->probing = false;
		peer->needs_copy = false;
		peer->next = raft->log.base_index + 1;
	}
	if (peer->next <= peer->match)
		peer->next = peer->match + 1;
}

static void refused(struct raft *raft, struct raft_peer *peer, uint64_t prev,
		    uint64_t hint)
{
	uint64_t base = raft->log.base_index;

	/* Of something that has been answered otherwise since, or a lie. */
	if (prev <= peer->match || prev >= peer->next || hint >= prev ||
	    (peer->probing && prev != peer->next - 1))
		return;
	probe(raft, peer);
	if (hint < peer->match)
		hint = peer->match;
	if (hint < base && prev == base) {
		peer->needs_copy = true;
		return;
	}
	peer->next = (hint < base ? base : hint) + 1;
	raft_heartbeat(raft, peer);
}

/* What it says of itself; see raft_hard_state. */
static void note_state(struct raft *raft, struct raft_peer *peer,
		       const struct raft_msg *msg)
{
	bool barred = msg->append_reply.barred || msg->append_reply.damaged;

	peer->heard_us = raft->now_us;
	peer->damaged = msg->append_reply.damaged;
	if (barred && !peer->barred) {
		peer->barred_us = raft->now_us;
		peer->rejoin = 0;
		peer->echo_us = 0;
	}
	peer->barred = barred;
	if (!barred && msg->append_reply.sent_us <= raft->now_us &&
	    msg->append_reply.sent_us > peer->echo_us)
		peer->echo_us = msg->append_reply.sent_us;
	raft_rejoin_update(raft);
}

void raft_append_reply_recv(struct raft *raft, const struct raft_msg *msg)
{
	struct raft_peer *peer = raft_peer_find(raft, msg->from);

	if (raft->role != RAFT_LEADER ||
	    msg->append_reply.match > raft->log.last_index)
		return;
	note_state(raft, peer, msg);
	if (peer->damaged) {
		probe(raft, peer);
		peer->needs_copy = true;
	} else if (msg->append_reply.ok) {
		accepted(raft, peer, msg);
	} else {
		refused(raft, peer, msg->append_reply.match,
			msg->append_reply.hint);
	}
	raft_commit_advance(raft);
	raft_transfer_try(raft);
}
