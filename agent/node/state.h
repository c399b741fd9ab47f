/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of node/: what the files of this folder share.  Nobody else includes
 * it.
 */
#ifndef NODE_STATE_H
#define NODE_STATE_H

#include "base/list.h"
#include "node/node.h"

#define HELD_MAX 64 /* messages that wait for the state to be saved */
#define BATCH_MAX 128 /* entries proposed or applied in one call */
#define COPY_CHUNK WIRE_COPY_DATA_MAX

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
};

/* One request of the device that is not answered. */
struct request {
	struct base_list link;
	struct node_request body;
	uint64_t index; /* answered when this is committed; 0: not proposed */
};

struct device {
	bool bound;
	struct base_list requests; /* writes and flushes, in order of tags */
	struct request *unproposed; /* first without index, NULL: none */
	unsigned int count;
	uint64_t bytes;
	uint64_t epoch; /* open here for writing; 0: not */
	bool fenced; /* until CLOSE or a new binding */
	struct request *open; /* an opening that waits, or NULL */
	uint64_t open_index; /* its entry, 0: not proposed */
	uint64_t close_tag; /* told as applied once close_index is */
	uint64_t close_index;
	uint64_t applied_tag; /* told */
	uint64_t received_tag; /* seen */
	uint64_t written_us; /* when a request came in last; 0: never */
	uint64_t credited_tag; /* told */
	uint64_t lease_us; /* given; 0: none */
	const char *no_lease; /* the reason last told for that */
	uint64_t ask_serial;
	uint64_t ask_next_us;
};

/* Leader: the copy that fills a peer's replica. */
struct copy {
	bool active;
	bool reset; /* the peer's log begins anew */
	bool begun; /* the peer is ready for data */
	bool ended; /* COPY_END is sent */
	bool reading;
	uint64_t serial;
	uint64_t next; /* offset to be read next */
	uint64_t acked;
	uint64_t progress_us; /* when something last moved */
	uint64_t busy_since_us; /* chunks are under way since */
	uint64_t rest_until_us; /* heeded while the device writes */
};

struct peer {
	uint32_t id;
	bool up;
	bool known; /* status is of this connection */
	uint32_t differs; /* WIRE_DIFFERS_*, as its last HELLO said */
	struct wire_status status;
	uint64_t heard_us;
	bool reading; /* log_read under way for it */
	struct copy copy;
};

/* Follower: the copy that fills us. */
enum fill_phase {
	FILL_NONE,
	FILL_WAIT, /* for the image thread to be idle */
	FILL_PREPARING, /* log reset, or incomplete mark, on its way */
	FILL_RUNNING,
	FILL_FINISHING, /* the checkpoint that says complete */
};

struct fill {
	enum fill_phase phase;
	uint32_t from;
	uint64_t received; /* offsets */
	uint64_t written;
	uint64_t version; /* entries up to this may be applied */
	bool ended;
	struct wire_copy_begin begin;
	uint64_t reset_seq; /* of the core's reset */
};

struct held_msg {
	uint64_t seq;
	struct raft_msg msg;
};

struct node {
	struct node_config config;
	const struct node_ops *ops;
	void *context;
	uint64_t now_us;
	uint64_t random;

	struct raft *raft;
	struct raft_update update; /* of the step under way */
	struct raft_entry *const *proposed; /* in the step under way */
	struct held_msg held[HELD_MAX];
	unsigned int held_count;
	uint64_t state_saved_seq;
	enum raft_role role; /* as last seen, to notice changes */
	uint64_t term;
	uint32_t leader;
	uint64_t role_since_us;
	struct raft_members members; /* as last seen, to notice changes */
	uint32_t changed; /* whose role the last change was about */
	/* Committed members without us, as somebody told: as of that entry. */
	uint64_t outside_at;

	struct entries entries;
	uint64_t log_capacity;
	struct image image;
	struct store_job_pool jobs; /* what may be under way */
	unsigned int image_jobs; /* of any kind but the log's, under way */
	struct { /* to be told to the core; seq 0: nothing */
		uint64_t index;
		uint64_t term;
		uint64_t seq;
	} durable;
	bool incomplete;

	struct device device;
	struct fill fill;
	unsigned int peer_count;
	struct peer peers[NODE_COUNT_MAX];
	uint64_t status_next_us;
	struct wire_status status_sent;
	uint64_t serial;

	bool stopping;
	bool disk_failed;
	bool dead; /* takes no part any more */
	uint64_t dead_at_us;
	char damage[160]; /* node_set_damage() */
};

/* entries.c */
int entries_init(struct entries *entries, struct store_boot *boot,
		 uint32_t align);
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
/* The cumulative fields at base <= index <= last. */
struct store_checkpoint entries_head(const struct entries *entries,
				     uint64_t index);
/* Payload bytes of the entries from @first to @last. */
uint64_t entries_data_bytes(const struct entries *entries, uint64_t first,
			    uint64_t last);
/* Let payloads up to @limit go while more than the bound is cached. */
void entries_evict(struct entries *entries, uint64_t limit);

/* node.c */
void node_say(struct node *node, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What is wrong with this replica, for people; "": nothing. */
void node_set_damage(struct node *node, const char *what);
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
/* Messages to this peer that wait for the state to be saved are lost. */
void node_forget_held(struct node *node, uint32_t peer);
bool node_leads(const struct node *node);
struct raft_entry *node_make_entry(const struct node *node, uint16_t op);
/* Leads, everything of earlier terms is applied, the image complete. */
bool node_ready(const struct node *node);
uint64_t node_log_room(const struct node *node);

void node_state_saved(struct node *node, uint64_t seq);

/* job.c: what is asked of the store */
/* Too few are left for what can wait; and for what may be lost. */
bool node_jobs_short(const struct node *node);
bool node_jobs_out(const struct node *node);
/* To be filled in, for node_begin(). */
struct store_job *node_job(struct node *node, enum store_job_type type);
void node_begin(struct node *node, struct store_job *job);
/* The log is durable up to this entry, written by the core's @seq. */
void node_durable_to(struct node *node, uint64_t index, uint64_t term,
		     uint64_t seq);
/* Tell the core how far the log is durable, if it does not know yet. */
void node_durable_tell(struct node *node);

/* members.c */
enum raft_member_role member_role(const struct node *node, uint32_t id);
void members_pump(struct node *node);
void members_told(struct node *node, const struct wire_status *status);
bool members_outside(const struct node *node);

/* peers.c */
struct peer *peer_find(struct node *node, uint32_t id);
void peer_send_raft(struct node *node, const struct raft_msg *msg);
void peers_pump(struct node *node);
void peers_status(struct node *node);
void peer_log_was_read(struct node *node, const struct store_job *job);
/* Say how we are at once; status_again(): even if nothing has changed. */
void status_soon(struct node *node);
void status_again(struct node *node);
bool peer_alive(const struct node *node, const struct peer *peer);
/* The best to hand leadership to, NULL: none. */
struct peer *peer_best(struct node *node);

/* device.c */
void device_init(struct node *node);
void device_clear(struct node *node);
void device_pump_lease(struct node *node);
void device_pump(struct node *node);
void device_commit(struct node *node, uint64_t commit);
void device_applied(struct node *node);
void device_truncated(struct node *node, uint64_t from);
void device_became_leader(struct node *node);
void device_revoke(struct node *node, const char *reason);
void device_fence(struct node *node, const char *reason);
void device_open_asked(struct node *node, struct peer *peer,
		       const struct wire_open_ask *ask);
void device_open_replied(struct node *node, struct peer *peer,
			 const struct wire_open_reply *reply);
/* When leadership is asked for next; 0: at once. */
void device_ask_at(struct node *node, uint64_t at_us);
bool device_wants_lead(const struct node *node);

/* image.c: apply and checkpoint */
void image_pump(struct node *node);
void image_applied(struct node *node, uint64_t index);
void image_checkpointed(struct node *node, uint64_t base_index);
/* The data area is as of @applied; no job may be under way. */
void image_reset(struct node *node, uint64_t applied);

/* copy.c */
void copy_pump(struct node *node);
void copy_was_read(struct node *node, const struct store_job *job);
void copy_forget(struct peer *peer);
void copy_link(struct node *node, struct peer *peer);
void copy_recv(struct node *node, struct peer *peer,
	       const struct wire_msg *msg);
/* When a copy that rests goes on; UINT64_MAX: none does. */
uint64_t copy_deadline(const struct node *node);

/* fill.c */
void fill_recv(struct node *node, struct peer *peer,
	       const struct wire_msg *msg);
void fill_pump(struct node *node);
void fill_checkpointed(struct node *node);
void fill_log_was_reset(struct node *node);
void fill_written(struct node *node, const struct store_job *job);
void fill_abort(struct node *node);
/* How far committed entries may be applied now. */
uint64_t fill_apply_limit(const struct node *node, uint64_t limit);
/* The log can't take entries just now. */
bool fill_blocks_log(const struct node *node);

#endif
