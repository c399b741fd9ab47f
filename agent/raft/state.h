/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internal to the consensus core: its state, and what each file does.
 *
 *	raft.c		construction, the event switch
 *	update.c	what a step returns
 *	query.c		queries
 *	log.c		which term each index has
 *	membership.c	the members, and their majorities
 *	election.c	terms, votes, roles (thesis 3.4, 4.2.3, 9.6)
 *	follow.c	a follower's side of appends, filling, rejoining
 *	peer.c		a leader's view of one peer
 *	replicate.c	a leader's side of appends, commit (thesis 3.5, 3.6.2)
 *	lease.c		lease and CheckQuorum (thesis 6.2, 6.4.1)
 *	change.c	a leader changes a member (thesis 4.1)
 *	transfer.c	handing leadership over (thesis 3.10)
 *
 * Nothing in here is used outside agent/raft/.
 */
#ifndef RAFT_STATE_H
#define RAFT_STATE_H

#include "raft/raft.h"

/*
 * What a peer may say at most: so adding to it never overflows, and a peer
 * cannot wear the terms out.
 */
#define RAFT_TERM_MAX (1ULL << 62)
#define RAFT_INDEX_MAX (1ULL << 62)

#define RAFT_PEERS_MAX (RAFT_MEMBERS_MAX + 1)

struct raft_log {
	uint64_t base_index;
	uint64_t base_term;
	uint64_t last_index;
	/* Below base_index only between a reset and its report. */
	uint64_t durable;
	/* [0] begins at base_index + 1; covers the log, terms rise. */
	unsigned int run_count;
	struct raft_run runs[RAFT_RUNS_MAX];
};

struct raft_membership {
	struct raft_members now; /* of the log's last entry */
	uint64_t since; /* the entry that said so, 0: none */
	/* What is in force again if that entry is truncated. */
	struct raft_members before;
	uint64_t before_since;
	bool has_before;
};

struct raft_peer {
	uint32_t id;
	/*
	 * next - 1 is what the next message claims the peer to hold; while
	 * probing that claim is unproven and no entries are sent.
	 * match < next, base_index < next.
	 */
	uint64_t match;
	uint64_t next;
	uint64_t heard_us; /* newest message of this term, 0: never */
	uint64_t echo_us; /* newest sent_us echoed in this term, unbarred */
	bool probing;
	uint64_t probe_us; /* since when: only an echo of that or later ends it */
	bool needs_copy;
	bool damaged;
	bool barred;
	uint64_t barred_us; /* since when we know it to be barred */
	uint64_t rejoin; /* see raft_msg.append.rejoin */
};

struct raft {
	struct raft_config config;
	struct raft_hard_state hard;
	bool hard_dirty; /* to be saved by this step's update */
	uint64_t state_seq;
	uint64_t saved_seq;
	uint64_t log_seq;
	struct raft_log log;
	struct raft_membership membership;
	uint64_t commit;

	enum raft_role role;
	uint32_t leader;
	uint64_t election_due_us; /* not leading: when to campaign */
	/* We were late, and so this deadline is later: see raft_excused(). */
	uint64_t excused_due_us;
	uint64_t excused_until_us;
	/*
	 * No vote before then but for a transfer: the lease of a leader that we
	 * heard (or were) rests on it.  Of all promises the one that ends last;
	 * never taken back, whatever the term.
	 */
	uint64_t promise_until_us;
	/*
	 * Whose silence made us leader, by our own timer, and when.  If it leads
	 * again soon it had been alive, and we wait longer: see raft_usurped().
	 */
	uint32_t heard_leader; /* the last one, also of earlier terms */
	uint32_t usurped;
	uint64_t usurped_us;
	unsigned int patience; /* the timeout is doubled so often */
	uint64_t impatient_us; /* when that ends */
	bool handed_over; /* we stand since a leader has told us to */
	/* The node that got our last vote: so long for it to win. */
	uint64_t polls_until_us;

	/* Follower; of the present term. */
	uint64_t agreed; /* the leader's log and ours are equal up to here */
	uint64_t echo_us; /* newest sent_us of the leader */
	uint64_t replied; /* highest match told to the leader */
	uint64_t rejoin;
	bool filling; /* damaged, but reset since: takes entries */

	/* Candidate; see raft_vote_bit(). */
	uint32_t grants;
	uint32_t firm_grants; /* of voters that are not barred */

	/* Leader. */
	uint64_t term_start;
	uint64_t led_since_us;
	uint64_t heartbeat_due_us;
	uint64_t lease_floor_us; /* rounds begun earlier give no lease */
	uint32_t transferee; /* 0: no transfer */
	uint64_t transfer_due_us;

	/*
	 * Leader: peers[i] is membership.now's place i, our own not used; the
	 * last is who an open change has taken out: it follows until that is
	 * committed, as it still counts by the members before.
	 */
	struct raft_peer peers[RAFT_PEERS_MAX];

	/* Of the event in hand. */
	uint64_t now_us;
	uint64_t random;
	struct raft_update *update; /* NULL outside of raft_step() */
};

/* update.c */
void raft_update_begin(struct raft *raft, struct raft_update *update);
struct raft_msg *raft_msg_add(struct raft *raft, uint32_t to,
			      enum raft_msg_type type);
void raft_update_end(struct raft *raft);

/* membership.c */
void raft_membership_init(struct raft *raft, const struct raft_boot *boot);
void raft_membership_append(struct raft *raft, uint64_t index,
			    const struct raft_members *members);
void raft_membership_truncate(struct raft *raft, uint64_t from);
void raft_membership_reset(struct raft *raft, uint64_t index,
			   const struct raft_members *members);
/* May the members before be in force again? */
bool raft_membership_open(const struct raft *raft);
/* Committed, though we may not have been told yet: a change came after. */
uint64_t raft_membership_floor(const struct raft *raft);
/* The voter that the uncommitted change removes; 0: none. */
uint32_t raft_taken_out(const struct raft *raft);
int raft_place(const struct raft *raft, uint32_t id); /* -1: no member */
/* Of a value for each place: what a majority of the voters has reached. */
uint64_t raft_majority_of(const struct raft *raft,
			  const uint64_t values[RAFT_MEMBERS_MAX]);
/* Does the change give an even number of voters one more? */
bool raft_grows_even(const struct raft_members *before,
		     const struct raft_members *now);
/*
 * Up to which index do so many hold the log that it is committed?  A majority;
 * and while an even number grows, a majority of those before, too (README.md,
 * "Barred replicas during changes").
 */
uint64_t raft_held_by_majority(const struct raft *raft,
			       const uint64_t held[RAFT_MEMBERS_MAX]);
/* Its bit among votes; 0: its vote doesn't matter. */
uint32_t raft_vote_bit(const struct raft *raft, uint32_t id);
/* How many of those whose votes count by @members are among them? */
unsigned int raft_votes_among(const struct raft *raft, uint32_t bits,
			      const struct raft_members *members);
/*
 * Is one of them in every majority that could elect or commit today: of the
 * members in force, and of those before while they may return?
 */
bool raft_meets_majorities(const struct raft *raft, uint32_t bits);
/* Are all holders of the data among them, by the same memberships? */
bool raft_has_all_voters(const struct raft *raft, uint32_t bits);
/* Damaged or not joined: we may have forgotten what we promised. */
bool raft_is_barred(const struct raft *raft);
bool raft_is_electable(const struct raft *raft);

/* log.c */
void raft_log_init(struct raft_log *log, const struct raft_boot *boot);
uint64_t raft_log_term(const struct raft_log *log, uint64_t index);
uint64_t raft_log_last_term(const struct raft_log *log);
/* First index of the run that holds @index, which is in the log. */
uint64_t raft_log_run_first(const struct raft_log *log, uint64_t index);
bool raft_log_room(const struct raft_log *log, uint64_t term, uint64_t commit);
/* Needs room; may move the base up to @commit at most. */
void raft_log_append(struct raft_log *log, uint64_t term, uint64_t count,
		     uint64_t commit);
void raft_log_truncate(struct raft_log *log, uint64_t from);
void raft_log_compact(struct raft_log *log, uint64_t index);
void raft_log_reset(struct raft_log *log, uint64_t index, uint64_t term);

/* election.c */
void raft_election_rearm(struct raft *raft);
void raft_become_follower(struct raft *raft, uint64_t term, uint32_t leader);
void raft_campaign(struct raft *raft, bool transfer);
bool raft_may_campaign(const struct raft *raft);
void raft_election_tick(struct raft *raft);
void raft_late(struct raft *raft);
/* We lead from now on: did we take it from a leader that was silent? */
void raft_usurp(struct raft *raft);
/* @leader leads: is it the one we took it from? */
void raft_usurped(struct raft *raft, uint32_t leader);
/* When silence that would count at @due_us counts, as we were late. */
uint64_t raft_excused(const struct raft *raft, uint64_t due_us);
void raft_election_saved(struct raft *raft);
void raft_election_link(struct raft *raft, uint32_t peer);
void raft_vote_recv(struct raft *raft, const struct raft_msg *msg);
void raft_vote_reply_recv(struct raft *raft, const struct raft_msg *msg);

/* follow.c */
void raft_append_recv(struct raft *raft, const struct raft_event *event);
void raft_append_refuse_old(struct raft *raft, const struct raft_msg *msg);
void raft_follow_persisted(struct raft *raft);
void raft_reset(struct raft *raft, const struct raft_event *event);
void raft_damaged(struct raft *raft);

/* peer.c */
/* Leader only: NULL when it is no other member. */
struct raft_peer *raft_peer_find(struct raft *raft, uint32_t id);
/* The last entry that it may be sent. */
uint64_t raft_peer_last(const struct raft *raft, const struct raft_peer *peer);
bool raft_peer_sendable(const struct raft *raft, const struct raft_peer *peer);

/* replicate.c */
void raft_lead(struct raft *raft);
void raft_propose(struct raft *raft, uint32_t count);
void raft_append_members(struct raft *raft, const struct raft_members *members);
void raft_heartbeat(struct raft *raft, struct raft_peer *peer);
void raft_heartbeat_all(struct raft *raft);
void raft_send_entries(struct raft *raft, struct raft_peer *peer,
		       uint32_t count);
void raft_peer_link(struct raft *raft, struct raft_peer *peer);
void raft_base_moved(struct raft *raft);
void raft_commit_advance(struct raft *raft);
void raft_append_reply_recv(struct raft *raft, const struct raft_msg *msg);

/* lease.c */
void raft_promise(struct raft *raft, uint32_t us);
uint64_t raft_quorum_due(const struct raft *raft);
void raft_rejoin_update(struct raft *raft);

/* change.c */
void raft_change_member(struct raft *raft, uint32_t id,
			enum raft_member_role role);

/* transfer.c */
bool raft_transfer_possible(const struct raft *raft,
			    const struct raft_peer *peer);
bool raft_transfer_begin(struct raft *raft, uint32_t to);
void raft_transfer_try(struct raft *raft);
void raft_transfer_tick(struct raft *raft);
void raft_timeout_now_recv(struct raft *raft, const struct raft_msg *msg);

#endif
