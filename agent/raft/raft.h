/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The consensus core: Raft (Ongaro's thesis) for one volume, pure.
 *
 * raft_step(state, event, update) takes one event and says what has to be done.
 * There is no clock, file, socket, thread or randomness in here but what comes
 * with the event, and no allocation after raft_new().  The core knows entries
 * by index, term and members only; payloads, their cache and the disk are the
 * caller's.
 *
 * The caller's duties, all of them:
 *  1. Do what an update says in this order: truncate, append, save the state;
 *     all may run beside each other with sending.
 *  2. A message with needs_state waits until RAFT_EV_STATE_SAVED has been
 *     given for state_seq or a later one.  Others go at once.
 *  3. RAFT_EV_PERSISTED only for what is on stable storage, after each update
 *     with RAFT_UP_TRUNCATE or RAFT_UP_APPEND and after RAFT_EV_RESET (one may
 *     stand for several), with the log_seq of the update that it is about.
 *  4. Persistence of truncations and appends in the order of the updates.
 *  5. A failed write or sync is not reported at all: the node stops.
 *  6. When raft_lease_until() has fallen after a step, the holder of the lease
 *     (the kernel's gate) is told so before the step's messages are sent.
 *  7. A message reaches only the process it was sent to, over the connection it
 *     was sent on: a peer's RAFT_EV_LINK comes before the first message of its
 *     new connection, and none of an older connection comes after it.
 *  8. now_us is read after the event has happened (for RAFT_EV_RECV: after the
 *     message has come in), and before what the update says is done.
 *  9. Nothing is applied beyond min(commit, durable): a crash must not
 *     leave the data area ahead of the replica's own log.
 */
#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/members.h"
#include "raft/past.h"

#define RAFT_MSGS_MAX (4 * RAFT_MEMBERS_MAX) /* messages in one update */
#define RAFT_APPEND_MAX 128 /* entries in one append message */
#define RAFT_RUNS_MAX 1024 /* runs of equal term that the core remembers */
#define RAFT_INFLIGHT_MAX 1024 /* entries sent to a peer and not yet durable */
#define RAFT_UNCOMMITTED_MAX 16384 /* a leader's entries; more are refused */
#define RAFT_BEHIND_MAX 128 /* entries a learner may lack to be promoted */
#define RAFT_PROMISE_MAX_US 60000000U /* the longest election timeout */

enum raft_role {
	RAFT_FOLLOWER,
	RAFT_PRECANDIDATE,
	RAFT_CANDIDATE,
	RAFT_LEADER,
};

/* Must survive a crash (thesis figure 3.1), saved before what depends on it. */
struct raft_hard_state {
	uint64_t term;
	uint32_t vote; /* node id, 0: none */
	/*
	 * false on a replica that does not hold what a replica in its place may
	 * have promised: formatted anew, or being filled after damage.  It is
	 * barred: it does not campaign, and its answers count neither for
	 * commit nor for a lease, until the leader says from which index on it
	 * lacks nothing (append.rejoin).
	 *
	 * The bootstrap of a volume is the exception: a candidate with an empty
	 * log needs the votes of ALL members, and a member with a log as
	 * empty that grants it has joined.  So a volume starts only with all
	 * nodes there, and a replica that was formatted anew can never help to
	 * elect a node that lacks acknowledged entries.
	 */
	bool joined;
	/*
	 * true where the log or the vote was found damaged or is not to be
	 * trusted: barred like one that has not joined, and it refuses appends
	 * until a leader fills it.  RAFT_EV_RESET turns this into joined =
	 * false: clearing it before the log has been brought up to what was
	 * acknowledged would let a minority's damage lose writes.  A reset to
	 * (0, 0) does so with the first entry that is durable: until then the
	 * replica would pass for a blank one.
	 *
	 * It has no part in the bootstrap: it refuses a candidate without
	 * entries, whatever its own log seems to hold.
	 */
	bool damaged;
	/*
	 * The longest promise to a leader that may not be over: for so long
	 * after a restart the replica neither votes nor campaigns.  Never less
	 * than our own election timeout, since leading is a promise as well.
	 */
	uint32_t promise_us;
	struct raft_past past; /* the caller's; the core does not look at it */
};

/* A run of entries of one term: from this index to the next run. */
struct raft_run {
	uint64_t first_index;
	uint64_t term;
};

/* From this entry to the next run these are the members. */
struct raft_member_run {
	uint64_t first_index;
	struct raft_members members;
};

struct raft_config {
	uint32_t id; /* ours; need not be a member's */
	struct raft_members members; /* as long as no entry has said */
	uint64_t election_timeout_us; /* drawn from [T, 2T) each time */
	uint64_t heartbeat_us;
	uint32_t drift_ppm; /* of what the fastest clock counts, the slowest
			     * lacks at most this */
};

/* What recovery found. The log holds (base_index, last_index]. */
struct raft_boot {
	struct raft_hard_state state;
	uint64_t base_index; /* the entry before the log's first, 0: none */
	uint64_t base_term;
	uint64_t last_index; /* base_index when the log is empty */
	const struct raft_run *runs; /* covers the log, rising; may be longer
				      * than RAFT_RUNS_MAX */
	unsigned int run_count;
	/*
	 * Of the base and the log, rising, each other than the one before; may
	 * be more than the core keeps, which is the last two.  None: no entry
	 * has said.
	 */
	const struct raft_member_run *member_runs;
	unsigned int member_run_count;
	uint64_t commit; /* known committed: the applied index */
	uint64_t now_us;
	uint64_t random;
};

enum raft_msg_type {
	RAFT_MSG_VOTE = 1, /* with prevote: thesis 9.6 */
	RAFT_MSG_VOTE_REPLY,
	RAFT_MSG_APPEND,
	RAFT_MSG_APPEND_REPLY,
	RAFT_MSG_TIMEOUT_NOW, /* thesis 3.10 */
};

struct raft_msg {
	enum raft_msg_type type;
	uint32_t from;
	uint32_t to;
	uint64_t term;
	bool needs_state; /* in an update: see duty 2 */
	union {
		struct {
			uint64_t last_index;
			uint64_t last_term;
			bool prevote;
			bool transfer; /* the leader asked: leases don't bar */
		} vote;
		struct {
			bool prevote;
			bool granted;
			bool barred; /* counts only if ALL voters grant */
		} vote_reply;
		struct {
			uint64_t prev_index;
			uint64_t prev_term;
			uint64_t commit;
			uint64_t sent_us; /* leader's clock, for the lease */
			uint32_t promise_us; /* asked for: neither vote nor
					      * campaign for so long; at most
					      * RAFT_PROMISE_MAX_US */
			uint32_t count; /* entries prev_index + 1 ... */
			bool urgent; /* not sent along: nothing that the peer
				      * has yet to acknowledge is named, so it
				      * may overtake entries */
			uint64_t rejoin; /* to a barred peer: what holds the
					  * log durably up to here lacks nothing
					  * and may vote; 0: not known yet */
		} append;
		struct {
			bool ok;
			uint64_t match; /* ok: held durably up to here;
					 * !ok: the prev_index refused */
			uint64_t hint; /* !ok: try prev_index = hint */
			uint64_t sent_us; /* echo */
			bool damaged; /* needs to be filled by a copy */
			bool barred; /* counts for nothing but its presence */
		} append_reply;
	};
};

enum raft_event_type {
	RAFT_EV_TICK, /* time has passed */
	RAFT_EV_RECV, /* msg, entry_terms, members: of each entry */
	RAFT_EV_PROPOSE, /* count; leader only */
	RAFT_EV_SEND, /* peer, count: make an append message of at most count
		       * entries (0: heartbeat) if one is due */
	RAFT_EV_PERSISTED, /* index, term: durable up to this entry; seq: the
			    * update's log_seq.  Ignored when a later update
			    * has truncated: what is durable of the old tail
			    * is not the new one, even if terms are alike */
	RAFT_EV_STATE_SAVED, /* seq */
	RAFT_EV_CAMPAIGN, /* start an election now (PreVote first); refused
			   * while a promise to a leader holds */
	RAFT_EV_TRANSFER, /* peer: hand leadership over; 0: give it up;
			   * refused if the peer is not there to take it */
	RAFT_EV_COMPACTED, /* index: entries up to it are gone from the disk */
	RAFT_EV_RESET, /* index, term, members: the replica is being filled from a
			* leader: the log is now empty after this entry.  The
			* caller does the same to the disk in the order of the
			* updates and then reports it as PERSISTED.  Refused
			* (nothing has changed) when raft_can_reset() says no */
	RAFT_EV_MEMBER, /* peer, role: propose an entry that changes the members
			 * in this one point; refused with what
			 * raft_member_refusal() says.  It is appended with
			 * append_count 1, and in force from there on:
			 * raft_members() are the entry's */
	RAFT_EV_DAMAGED, /* the replica is not what it has to be: from now on it
			  * is barred, see raft_hard_state.damaged */
	RAFT_EV_LATE, /* the caller was not run for a while: what came meanwhile
		       * is still unread, so silence proves nothing yet */
	RAFT_EV_LINK, /* peer: its connection is new; what was in flight is
		       * lost: probe again */
};

struct raft_event {
	enum raft_event_type type;
	uint64_t now_us; /* monotonic, of this node */
	uint64_t random;
	const struct raft_msg *msg;
	const uint64_t *entry_terms; /* msg->append.count of them */
	/*
	 * RECV: msg->append.count of them, NULL: as the entry before. RESET: one,
	 * NULL: no entry has said.
	 */
	const struct raft_members *members;
	enum raft_member_role role;
	uint64_t index;
	uint64_t term;
	uint64_t seq;
	uint32_t peer;
	uint32_t count;
};

enum raft_update_flag {
	RAFT_UP_STATE = 1 << 0, /* save state, then RAFT_EV_STATE_SAVED */
	RAFT_UP_TRUNCATE = 1 << 1, /* drop entries from truncate_from on */
	RAFT_UP_APPEND = 1 << 2, /* append append_count entries */
	RAFT_UP_COMMIT = 1 << 3, /* commit has risen */
	RAFT_UP_ROLE = 1 << 4, /* role, term or leader changed */
	RAFT_UP_MEMBERS = 1 << 6, /* other members are in force */
	RAFT_UP_CONTRADICTED = 1 << 7, /* see raft_contradiction */
	RAFT_UP_REFUSED = 1 << 5, /* the event was not possible: not leader,
				   * transfer under way, ... Nothing changed */
};

/*
 * A leader has another entry where ours is committed.  Raft rules that out, so
 * one of both replicas is not what it promised to be.  The core takes nothing
 * of such a message and does not answer it; which replica is wrong it can't
 * know.  The caller stops the node.
 */
struct raft_contradiction {
	uint32_t leader;
	uint64_t leader_term; /* the leader's term of office */
	uint64_t leader_commit; /* as far as it said */
	uint64_t index; /* of the entry, at most our commit index */
	uint64_t our_term; /* the entry's term here */
	uint64_t their_term; /* and there */
};

struct raft_update {
	unsigned int flags;
	struct raft_hard_state state;
	uint64_t state_seq; /* the newest, also without RAFT_UP_STATE */
	uint64_t truncate_from;
	uint64_t log_seq; /* 1 + truncations and resets so far: for PERSISTED */
	/*
	 * Entries [append_first, append_first + append_count): of a follower,
	 * those of the received message, its first append_skip left out; of a
	 * leader, those proposed - or the one no-op that begins its term, when
	 * append_noop.  All of a leader's are of its term, and their members are
	 * raft_members().
	 */
	uint64_t append_first;
	uint32_t append_count;
	uint32_t append_skip;
	bool append_noop;
	struct raft_contradiction contradiction; /* with the flag */
	unsigned int msg_count;
	struct raft_msg msgs[RAFT_MSGS_MAX];
};

struct raft;

/**
 * raft_new() - a core, from what recovery found
 * Return: owned by the caller, for raft_free(); NULL: no memory.  A config that
 * is not possible (id not a member, doubled ids, counts) asserts.
 */
struct raft *raft_new(const struct raft_config *config,
		      const struct raft_boot *boot);
void raft_free(struct raft *raft);

/**
 * raft_step() - one event
 * @update: overwritten; the whole answer
 * Messages that are not possible (a peer's, so not trusted: unknown sender,
 * term 0, match beyond our last) are ignored.
 */
void raft_step(struct raft *raft, const struct raft_event *event,
	       struct raft_update *update);

/* One peer as the leader sees it */
struct raft_peer_view {
	uint64_t match;
	uint64_t next;
	uint64_t heard_us; /* the last message of the present term, 0: never */
	bool probing; /* one message at a time until it answers */
	bool needs_copy; /* the log no longer has what it lacks, or damaged */
	bool damaged;
	bool barred; /* see raft_hard_state.joined */
	enum raft_member_role role;
};

/* What the core knows; cheap, no side effect. */
enum raft_role raft_role(const struct raft *raft);
uint64_t raft_term(const struct raft *raft);
uint32_t raft_leader(const struct raft *raft); /* 0: none known */
uint64_t raft_last_index(const struct raft *raft);
uint64_t raft_durable_index(const struct raft *raft);
uint64_t raft_commit_index(const struct raft *raft);
uint64_t raft_base_index(const struct raft *raft);
uint64_t raft_term_start(const struct raft *raft); /* leader: its no-op */
bool raft_transferring(const struct raft *raft);
const struct raft_hard_state *raft_hard_state(const struct raft *raft);

/** raft_members() - those in force: of the log's last entry */
const struct raft_members *raft_members(const struct raft *raft);

/**
 * raft_members_since() - the entry from which on they are in force
 * Above the commit index: their change may still be overruled.
 */
uint64_t raft_members_since(const struct raft *raft);

/** raft_own_role() - ours, by raft_members() */
enum raft_member_role raft_own_role(const struct raft *raft);

/* Why a change of members is not possible now. */
enum raft_refusal {
	RAFT_REFUSAL_NONE = 0,
	RAFT_REFUSAL_NOT_LEADER,
	RAFT_REFUSAL_TRANSFER, /* leadership is being handed over */
	RAFT_REFUSAL_EARLY, /* nothing of this term is committed yet */
	RAFT_REFUSAL_PENDING, /* the change before is not committed */
	RAFT_REFUSAL_SAME, /* it has that role already, or is no member */
	RAFT_REFUSAL_STEP, /* not from its present role in one step */
	RAFT_REFUSAL_FULL, /* RAFT_MEMBERS_MAX */
	RAFT_REFUSAL_VOTERS, /* too few would be left: raft_members_check() */
	RAFT_REFUSAL_BARRED, /* has not joined: raft_hard_state.joined */
	RAFT_REFUSAL_BEHIND, /* a learner that has not caught up */
	RAFT_REFUSAL_QUORUM, /* no majority that it takes is there */
};

/**
 * raft_member_refusal() - would RAFT_EV_MEMBER be refused, and why?
 * Steps: nothing to learner or witness, learner to voter, voter to learner,
 * anything to nothing.  See README.md, "Members".
 */
enum raft_refusal raft_member_refusal(const struct raft *raft, uint32_t id,
				      enum raft_member_role role);

/** raft_entry_term() - term of an entry in the log or its base, 0: unknown */
uint64_t raft_entry_term(const struct raft *raft, uint64_t index);

/**
 * raft_lease_until() - the leader's lease ends then (our clock, us)
 * 0 where there is none: not leader, no majority yet, a transfer has begun.
 * Thesis 6.4.1: begin of the newest round that a majority answered, plus the
 * promise that it asked for, less drift.  Followers keep their side: none grants
 * a vote for as long as it was asked since it heard the leader, nor for the
 * longest promise that it remembers since it started.
 */
uint64_t raft_lease_until(const struct raft *raft);
/** raft_lease_most() - how long a lease is when its round begins, us */
uint64_t raft_lease_most(const struct raft_config *config);

/** raft_deadline() - when the next RAFT_EV_TICK has something to do (us) */
uint64_t raft_deadline(const struct raft *raft);

/**
 * raft_can_reset() - would RAFT_EV_RESET to this entry be accepted now?
 * Not by a leader, and not when the log holds that entry or has committed
 * beyond it - but always, where not leading, on a damaged replica.  That may
 * also be reset to (0, 0), to be filled from the log alone: a volume that never
 * committed anything has no image to copy.
 */
bool raft_can_reset(const struct raft *raft, uint64_t index, uint64_t term);

/** raft_send_due() - would RAFT_EV_SEND with count > 0 make a message now? */
bool raft_send_due(const struct raft *raft, uint32_t peer);

/** raft_peer() - leader only; false when @peer is not another member */
bool raft_peer(const struct raft *raft, uint32_t peer,
	       struct raft_peer_view *view);

#endif
