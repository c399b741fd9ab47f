/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Internal to node/: what the files of this folder share.  No other folder
 * includes it.  From the top down, each calls only files below it
 * (scripts/check-circles):
 *
 *	node.c		creation and end, events for several files, the pump
 *	view.c		the state, for qbd status
 *	resync_recv.c	follower: being filled by the leader
 *	resync_send.c	leader: filling a replica that the log can't help
 *	propose.c	requests become entries
 *	opening.c	opening the device: leadership, and the OPEN entry
 *	members.c	commands that change members, and the consequences
 *	peers.c		the log to and from peers
 *	image.c		the data area: applying, and checkpoints
 *	meet.c		with whom we may talk: is one of us set back in time?
 *	step.c		a step of the core and what it says is to be done
 *	send.c		the core's messages, held until the hard state is saved
 *	diverge.c	a log that is another than a peer's: stop, and say so
 *	gate.c		the device's binding, epoch, lease and fence
 *	past.c		what is remembered of our lives and the others'
 *	requests.c	what the device waits for
 *	resync.c	what other files need of a resync; its early end
 *	status.c	reports to peers
 *	facts.c		questions about the node as a whole
 *	job.c		what is asked of the store
 *	entries.c	the log in memory
 *	say.c		events for the log, for humans
 *
 * The file that owns a struct, or fields of struct node, is the only one that
 * writes them.  The others read them, or call it.  node.c initialises all.
 */
#ifndef NODE_STATE_H
#define NODE_STATE_H

#include "base/list.h"
#include "node/node.h"

#define HELD_MAX 64 /* messages that wait for the state to be saved */
#define BATCH_MAX 128 /* entries proposed or applied in one call */
#define RESYNC_CHUNK WIRE_COPY_DATA_MAX

/* The log's entries (base, last], payloads present as far as cached. */
struct entries {
	struct raft_entry **slots; /* slot of index i: i & (slot_count - 1) */
	uint64_t slot_count; /* power of two */
	struct store_checkpoint base; /* `applied` is the base's index */
	uint64_t last;
	uint64_t record_bytes; /* room they take in the ring */
	uint64_t committed; /* as far as entries_commit() was told */
	uint64_t open_bytes; /* of record_bytes: what is not committed */
	uint64_t cached_bytes; /* payloads held */
	uint64_t evicted; /* none up to here holds a payload */
	/* Payloads are missing here or in the data area: a witness's. */
	bool bare;
	uint32_t align;
};

/* The data area: what is applied to it, and the checkpoint that says so. */
struct image {
	uint64_t applied;
	uint64_t issued; /* to the image thread */
	uint64_t bytes; /* payload of what is issued, not applied */
	uint64_t unsaved_bytes; /* applied since, room in the ring */
	uint64_t due_us; /* of a checkpoint; 0: nothing to save */
	bool checkpointing;
	bool completes; /* the checkpoint under way clears incomplete */
	bool unread; /* the next entry is lost here: nothing more is issued */
};

/* One request of the device that is not answered. */
struct request {
	struct base_list link;
	struct node_request body;
	uint64_t index; /* answered when this is committed; 0: not proposed */
};

/* requests.c: requests of the device, until they are answered */
struct requests {
	struct base_list list; /* writes and flushes, in order of tags */
	struct request *unproposed; /* first without index, NULL: none */
	unsigned int count;
	uint64_t bytes;
	struct request *open; /* an opening that waits, or NULL */
	uint64_t open_index; /* its entry, 0: not proposed */
	uint64_t ask_next_us; /* may leadership be asked for; 0: at once */
	uint64_t close_tag; /* told as applied once close_index is */
	uint64_t close_index;
	uint64_t applied_tag; /* told */
	uint64_t received_tag; /* seen */
	uint64_t credited_tag; /* told */
	uint64_t written_us; /* when a request came in last; 0: never */
};

/* gate.c: may the device be served here? */
struct gate {
	bool bound;
	uint64_t epoch; /* open here for writing; 0: not */
	/* OPENs up to here are no news to what is open: as the epoch, or, where
	 * that is 0, the log's end when the device was bound. */
	uint64_t since;
	bool fenced; /* until CLOSE or a new binding */
	uint64_t lease_us; /* given; 0: none */
	const char *no_lease; /* the reason last told for that */
};

/* resync_send.c */
enum resync_send_phase {
	RESYNC_IDLE, /* none, or given up: it begins again if needed */
	RESYNC_BEGUN, /* COPY_BEGIN is sent; the peer is not ready for data */
	RESYNC_SENDING,
	RESYNC_ENDED, /* COPY_END is sent; the peer has yet to apply the rest */
};

/* Leader: the resync that fills a peer's replica. */
struct resync_send {
	enum resync_send_phase phase;
	bool reset; /* the peer's log begins anew */
	bool reading; /* a chunk, perhaps still for the resync before */
	uint64_t serial;
	uint64_t next; /* offset to be read next */
	uint64_t acked;
	uint64_t progress_us; /* when something last moved */
	uint64_t busy_since_us; /* chunks are under way since */
	uint64_t rest_until_us; /* heeded while the device writes */
};

/* meet.c: until both know who the other is, on this connection */
struct meeting {
	struct wire_life life; /* its last word */
	bool fresh; /* that is not judged yet */
	bool due; /* it must be told of us */
	bool judged; /* what it remembers of us */
	bool noting; /* its life is saved with note_version */
	bool noted; /* its life is saved */
	uint64_t note_version;
};

struct peer {
	uint32_t id;
	bool up;
	bool ready; /* meet.c: up, and nothing is in the core's way */
	struct raft_life met_in; /* our life when it was, 0: never */
	struct meeting meeting;
	bool known; /* status is of this connection */
	uint32_t differs; /* WIRE_DIFFERS_*, as its last HELLO said */
	struct wire_status status;
	uint64_t heard_us;
	bool differs_said; /* diverge.c: that its log is another than ours */
	bool reading; /* log_read under way for it */
	uint64_t refused_us; /* peers.c: its blank replica, last told; 0: never */
	struct resync_send resync;
};

/* resync_recv.c */
enum resync_recv_phase {
	RESYNC_NONE,
	RESYNC_WAIT, /* for the image thread to be idle */
	RESYNC_PREPARING, /* log reset, or incomplete mark, on its way */
	RESYNC_RUNNING,
	RESYNC_FINISHING, /* the checkpoint that says complete */
};

/* Follower: the resync that fills us. */
struct resync_recv {
	enum resync_recv_phase phase;
	uint32_t from; /* 0: given up, and ends when it can */
	uint64_t received; /* offsets */
	uint64_t written;
	uint64_t version; /* entries up to this may be applied */
	bool ended; /* COPY_END has come */
	struct wire_copy_begin begin;
	uint64_t reset_seq; /* of the core's reset */
};

/* past.c */
struct past {
	struct raft_past now; /* as the next save has it */
	uint64_t version; /* counts changes that must be saved at once */
	uint64_t life_version; /* that began the present life */
	uint64_t saved; /* version on disk */
	uint64_t due_us; /* of a save; UINT64_MAX: nothing to save */
};

struct held_msg {
	uint64_t seq;
	struct raft_msg msg;
};

struct node {
	/* node.c */
	struct node_config config;
	const struct node_ops *ops;
	void *context;
	uint64_t now_us;
	uint64_t random;
	bool stopping;
	bool disk_failed;
	bool diverged; /* diverge.c; dead for that */
	bool dead; /* takes no part any more */
	uint64_t dead_at_us;
	unsigned int peer_count;
	struct peer peers[NODE_COUNT_MAX]; /* but for reading and resync */

	/* step.c */
	struct raft *raft;
	struct raft_update update; /* of the last step */
	struct raft_entry *const *proposed; /* in the step under way */
	enum raft_role role; /* as last seen, to notice changes */
	uint64_t term;
	uint32_t leader;
	uint64_t role_since_us;
	struct { /* to be told to the core; seq 0: nothing */
		uint64_t index;
		uint64_t term;
		uint64_t seq;
	} durable;

	/* send.c */
	struct held_msg held[HELD_MAX];
	unsigned int held_count;
	uint64_t state_saved_seq;

	/* job.c */
	struct store_job_pool jobs; /* what may be under way */
	unsigned int image_jobs; /* of any kind but the log's, under way */

	struct past past;
	struct entries entries;
	uint64_t log_capacity; /* bytes */
	struct image image;
	struct requests requests;
	struct gate gate;
	uint64_t ask_serial; /* opening.c */

	/* members.c */
	struct raft_members members; /* as last seen, to notice changes */
	uint32_t changed; /* whose role the last change was about */
	/* Committed members without us, from a peer: as of that entry. */
	uint64_t outside_at;
	uint64_t outside_term; /* of that entry, 0: not known */

	/* resync_recv.c, but resync.c ends it early */
	struct resync_recv resync;
	bool incomplete;
	uint64_t serial; /* resync_send.c */

	/* status.c */
	uint64_t status_next_us;
	struct wire_status status_sent;

	char damage[160]; /* say.c */
};

/* say.c */
void node_say(struct node *node, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What is wrong with this replica, for humans; "": nothing. */
void node_set_damage(struct node *node, const char *what);

/* entries.c */
int entries_init(struct entries *entries, struct store_boot *boot,
		 const struct node_config *config);
void entries_free(struct entries *entries);
/* NULL where it is not in (base, last] */
struct raft_entry *entries_at(const struct entries *entries, uint64_t index);
/* Takes over the reference; index must be last + 1. */
void entries_push(struct entries *entries, struct raft_entry *entry);
void entries_truncate(struct entries *entries, uint64_t from);
void entries_compact(struct entries *entries, uint64_t base);
void entries_reset(struct entries *entries,
		   const struct store_checkpoint *base);
void entries_commit(struct entries *entries, uint64_t commit);
/* This node is a witness: from here on payloads are missing. */
void entries_set_bare(struct entries *entries);
/* The cumulative fields at base <= index <= last. */
struct store_checkpoint entries_head(const struct entries *entries,
				     uint64_t index);
/* Payload bytes of the entries from @first to @last. */
uint64_t entries_data_bytes(const struct entries *entries, uint64_t first,
			    uint64_t last);
/* Let payloads up to @limit go while more than @most bytes are cached. */
void entries_evict(struct entries *entries, uint64_t limit, uint64_t most);

/* job.c */
/* Too few are left for what can wait; and for what may be lost. */
bool node_jobs_short(const struct node *node);
bool node_jobs_out(const struct node *node);
/* To be filled in, for node_begin(). */
struct store_job *node_job(struct node *node, enum store_job_type type);
void node_begin(struct node *node, struct store_job *job);
/* It is under way no longer; the caller frees it. */
void node_job_ended(struct node *node, const struct store_job *job);

/* facts.c */
bool node_leads(const struct node *node);
/* Leads, everything of earlier terms is applied, the image complete. */
bool node_ready(const struct node *node);
/* Is the device, open or being opened here, without leadership? */
bool node_wants_lead(const struct node *node);
/* Bytes that may still be appended; some are kept for a leader's no-op. */
uint64_t node_log_room(const struct node *node);
enum raft_member_role member_role(const struct node *node, uint32_t id);
/* Does the volume go on without this node? */
bool members_outside(const struct node *node);
/* NULL: not of this configuration, or this node itself */
struct peer *peer_find(struct node *node, uint32_t id);
/* Heard of within an election timeout. */
bool peer_alive(const struct node *node, const struct peer *peer);
/* The best to hand leadership to, NULL: none. */
struct peer *peer_best(struct node *node);

/* status.c */
void status_pump(struct node *node);
/* Say how we are at once; status_again(): even if nothing has changed. */
void status_soon(struct node *node);
void status_again(struct node *node);

/* resync.c */
/* The leader's side of it is over, whatever it had under way. */
void resync_forget(struct peer *peer);
/* The follower's side of it is over, as soon as it can be. */
void resync_abort(struct node *node);
/* We gave this resync up, as we heard of no leader for a while: say so. */
void resync_unwanted(struct node *node, uint32_t peer, uint64_t serial);
/* The link to @peer came up or went down. */
void resync_link(struct node *node, struct peer *peer);
/* How far committed entries may be applied now. */
uint64_t resync_apply_limit(const struct node *node, uint64_t limit);
/* The log can't take entries just now. */
bool resync_blocks_log(const struct node *node);

/* requests.c */
void requests_init(struct node *node);
/* Forget all of them; none is answered. */
void requests_clear(struct node *node);
void requests_drop_all(struct node *node); /* but the opening */
/* @tag has come in, whatever becomes of it. */
void requests_received(struct node *node, uint64_t tag);
void requests_credit(struct node *node);
void requests_add(struct node *node, const struct node_request *body);
/* The first unproposed is answered when @index is committed. */
void requests_propose(struct node *node, uint64_t index);
/* The core refused: from @first on, as it was before. */
void requests_retract(struct node *node, struct request *first);
/* Which of the unanswered does the log hold already? */
void requests_became_leader(struct node *node);
/* The log's entries from @from on are gone. */
void requests_truncated(struct node *node, uint64_t from);
/* Answers what is committed. */
void requests_commit(struct node *node, uint64_t commit);
/* Reads over what is applied may go on. */
void requests_applied(struct node *node);
void requests_tell_applied(struct node *node, uint64_t tag);
/* Told as applied up to @tag once the log is, as it ends now. */
void requests_close_at(struct node *node, uint64_t tag);
/* What it waits for beyond @index will not be applied. */
void requests_close_cut(struct node *node, uint64_t index);
/* The entry of the opening that waits; 0: is to be proposed again. */
void requests_open_at(struct node *node, uint64_t index);
/* Answers the opening that waits. */
void requests_end_open(struct node *node, uint64_t epoch, int error);
/* When leadership may be asked for next; 0: at once. */
void requests_ask_at(struct node *node, uint64_t at_us);

/* gate.c */
void gate_pump(struct node *node);
/* The device is open here from now on. */
void gate_open(struct node *node, uint64_t epoch);
/* The log ends before @from: an OPEN that takes a place from there is news. */
void gate_truncated(struct node *node, uint64_t from);
/* Take back the lease now; nothing may be served from here on. */
void gate_revoke(struct node *node, const char *reason);
/* This opening is over, its requests are dropped; the module fails them. */
void gate_fence(struct node *node, const char *reason);

/* diverge.c */
/* The core found an entry that contradicts a committed one: stops the node. */
void diverge_committed(struct node *node,
		       const struct raft_contradiction *found);
/*
 * Does the log that an append goes on from differ from ours, or its entries
 * from those that we have?  Then the node has stopped.
 */
bool diverge_in_append(struct node *node, const struct wire_msg *msg);
/* Does what a peer has applied differ from ours, as its status says? */
void diverge_in_status(struct node *node, struct peer *peer);

/* Another node has taken our place, from a copy of our disk: stops the node. */
void diverge_cloned(struct node *node, uint32_t peer);

/* past.c */
void past_init(struct node *node, const struct raft_past *found);
/* The present life. */
struct raft_life past_life(const struct node *node);
/* Of our own life @number; 0: not known. */
uint32_t past_nonce(const struct node *node, uint32_t number);
/* Where @number does not follow on the present one, the others are forgotten. */
void past_begin_life(struct node *node, uint32_t number, uint32_t random);
/* What is remembered of a node; NULL: no place for it. */
struct raft_known *past_known(struct node *node, uint32_t id);
void past_note_life(struct node *node, struct raft_known *known,
		    const struct raft_life *life);
/* What a peer has said shows how far it is. */
void past_heard_raft(struct node *node, const struct raft_msg *msg);
void past_heard_status(struct node *node, const struct peer *peer);
/* The job saves the hard state: and this with it. */
void past_saving(struct node *node, struct store_job *job);
void past_saved(struct node *node, uint64_t version);
/* Begin a save that is due. */
void past_save(struct node *node);

/* meet.c */
void meet_link(struct peer *peer);
void meet_told(struct node *node, struct peer *peer,
	       const struct wire_life *life);
void meet_pump(struct node *node);

/* send.c */
void send_raft(struct node *node, const struct raft_msg *msg);
/* To be sent once the hard state of @seq is saved. */
void send_hold(struct node *node, const struct raft_msg *msg, uint64_t seq);
/* It is, up to @seq. */
void send_saved(struct node *node, uint64_t seq);
/* Messages to this peer that wait for the state to be saved are lost. */
void send_forget(struct node *node, uint32_t peer);

/* step.c */
/*
 * Step the core and carry out what it says; @received: of RAFT_EV_RECV.
 * Return: what it said, until the next step.
 */
const struct raft_update *node_step(struct node *node, struct raft_event *event,
				    const struct wire_msg *received);
/*
 * Step with @count entries that are given to the log, or dropped if the core
 * refuses them.  Return: the first one's index; 0: refused.
 */
uint64_t node_propose(struct node *node, struct raft_event *event,
		      struct raft_entry *const *entries, uint32_t count);
/* RAFT_EV_SEND, whose messages the caller sends; nothing else comes of it. */
const struct raft_update *node_step_send(struct node *node,
					 struct raft_event *event);
/* The log is durable up to this entry, written by the core's @seq. */
void node_durable_to(struct node *node, uint64_t index, uint64_t term,
		     uint64_t seq);
/* Tell the core how far the log is durable, if it does not know yet. */
void node_durable_tell(struct node *node);
/* The hard state is, up to @seq. */
void node_state_saved(struct node *node, uint64_t seq);
/* Of these entries of our log one can't be read back: a leader is to fill us. */
void node_damaged(struct node *node, uint64_t first, uint64_t last);
/* With what is cumulative as of the log's end. */
struct raft_entry *node_make_entry(const struct node *node, uint16_t op);
uint64_t node_random(struct node *node);

/* image.c */
void image_pump(struct node *node);
void image_applied(struct node *node, uint64_t index);
/* What @job was to apply can't be read back from the log. */
void image_unread(struct node *node, const struct store_job *job);
void image_checkpointed(struct node *node, uint64_t base_index);
/* The data area is as of @applied; no job may be under way. */
void image_reset(struct node *node, uint64_t applied);

/* peers.c */
void peers_pump(struct node *node);
void peer_log_was_read(struct node *node, const struct store_job *job);
void peer_recv_raft(struct node *node, struct peer *peer,
		    const struct wire_msg *msg);

/* members.c */
void members_pump(struct node *node);
void members_told(struct node *node, const struct wire_status *status);

/* opening.c */
void opening_pump(struct node *node);
void opening_asked(struct node *node, struct peer *peer,
		   const struct wire_open_ask *ask);
void opening_replied(struct node *node, struct peer *peer,
		     const struct wire_open_reply *reply);

/* propose.c */
void propose_pump(struct node *node);

/* resync_send.c */
void resync_send_pump(struct node *node);
void resync_send_acked(struct node *node, struct peer *peer,
		       const struct wire_copy_ack *ack);
void resync_send_was_read(struct node *node, const struct store_job *job);
/* When a resync that rests goes on; UINT64_MAX: none does. */
uint64_t resync_send_deadline(const struct node *node);

/* resync_recv.c */
void resync_recv(struct node *node, struct peer *peer,
		 const struct wire_msg *msg);
void resync_recv_pump(struct node *node);
void resync_recv_checkpointed(struct node *node);
void resync_recv_log_was_reset(struct node *node);
void resync_recv_written(struct node *node, const struct store_job *job);

#endif
