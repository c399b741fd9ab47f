/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a member of a volume does: turns the core's decisions into work for the
 * store, the peers and the device, in the right order.  Roles, epochs, leases
 * and catch-up are here.  Pure like the core (time comes in with each call,
 * everything else goes out through struct node_ops), so that a simulator drives
 * the very code that the daemon runs.
 *
 * One thread.  Calls of struct node_ops begin work and return; they never call
 * back into the node.  What is asked of the store is a job (store/job.h), begun
 * by ops->begin() and later answered by node_job_done().  Jobs of the log are
 * carried out and answered in the order in which they were begun; so are APPLY,
 * COPY_READ and COPY_WRITE among themselves; CHECKPOINT and LOG_READ at any
 * time.  lanes/ guarantees that.
 *
 * After the events of an iteration of the loop comes one node_pump().  It
 * proposes, sends, applies, answers and renews the lease, so that everything
 * that waits is served together.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "raft/raft.h"
#include "store/job.h"
#include "wire/wire.h"

/* Bounds */
#define NODE_COUNT_MAX 16 /* nodes of a configuration */
#define NODE_CACHE_BYTES \
	(32U << 20) /* payloads kept for peers, applied ones; by default */
#define NODE_REQUEST_BYTES (32U << 20) /* of the device, received, unanswered */
#define NODE_OPEN_BYTES (32U << 20) /* records of the log, not committed */
#define NODE_INFLIGHT_BYTES \
	(16U << 20) /* payload sent to a peer, not durable */
#define NODE_SEND_BYTES (512U << 10) /* payload of one append message */
#define NODE_QUEUE_BYTES (4U << 20) /* queued for one peer */
#define NODE_APPLY_BYTES (8U << 20) /* under way in the image thread */
#define NODE_COPY_WINDOW 4 /* chunks of a copy that are not acknowledged */
#define NODE_JOBS_MAX 1024 /* of the store, under way */
#define NODE_ENTRY_SLOTS 1024 /* of the log in memory, at the start */

/* A request of the device, as the module handed it over. */
struct node_request {
	uint64_t tag;
	uint64_t epoch;
	uint16_t op; /* enum node_request_op */
	uint64_t offset;
	uint32_t length;
	const uint8_t *data; /* in buf */
	struct base_buf *buf; /* the node takes a reference */
};

enum node_request_op {
	NODE_REQ_WRITE = 1,
	NODE_REQ_ZERO,
	NODE_REQ_FLUSH,
	NODE_REQ_OPEN,
	NODE_REQ_CLOSE,
};

struct node_ops {
	/*
	 * The store.  The job is the callee's until it gives it back: by
	 * node_job_done(), or store_job_free() when the node is to be freed.
	 */
	void (*begin)(void *context, struct store_job *job);

	/* Peers. 0, or the message is lost (-ENOTCONN, -EAGAIN). */
	int (*send)(void *context, uint32_t peer, const struct wire_msg *msg);
	uint32_t (*queued)(void *context, uint32_t peer); /* bytes */

	/* The device. lease and fence have taken effect when they return. */
	void (*done)(void *context, uint64_t tag, uint64_t epoch, int error);
	void (*device_applied)(void *context, uint64_t tag);
	void (*device_received)(void *context, uint64_t tag);
	void (*lease)(void *context, uint64_t until_us, const char *reason);
	void (*fence)(void *context, const char *reason);

	/*
	 * For the log: level is enum base_log_level; key=value pairs.  A node
	 * is #ID, to be replaced by its name; #0: none.
	 */
	void (*event)(void *context, int level, const char *text);
};

/* For what the simulator wants smaller. 0: what is defined above */
struct node_bounds {
	uint64_t cache_bytes;
	uint64_t open_bytes; /* at least the largest entry's record */
	uint64_t inflight_bytes;
	uint64_t send_bytes;
	uint64_t queue_bytes;
	uint64_t apply_bytes;
	unsigned int jobs; /* at most NODE_JOBS_MAX */
	unsigned int entry_slots; /* a power of two */
};

struct node_config {
	struct raft_config raft; /* its members: those of the bootstrap */
	/* All nodes of the configuration, members or not, we among them. */
	uint32_t nodes[NODE_COUNT_MAX];
	unsigned int node_count;
	uint64_t volume_bytes;
	uint32_t align; /* of the store's records, bytes */
	struct node_bounds bounds;
	uint64_t incarnation;
};

struct node;

/**
 * node_new() - from what recovery found
 * @boot: its entries are taken over (the caller need not free it)
 * Return: owned by the caller, for node_free(); NULL: no memory.
 */
struct node *node_new(const struct node_config *config, struct store_boot *boot,
		      const struct node_ops *ops, void *context,
		      uint64_t now_us, uint64_t random);
/** node_free() - with no job under way */
void node_free(struct node *node);

/* Events. Each may only change state; node_pump() acts. */

/** node_bound() - the device is ours; its open requests follow again
 * @epoch: of an opening that goes on, 0: none
 * @next_tag: of a request that is still to come
 */
void node_bound(struct node *node, uint64_t epoch, bool open_for_writing,
		uint64_t next_tag);
void node_unbound(struct node *node);
void node_request(struct node *node, const struct node_request *request);

/**
 * node_peer_differs() - WIRE_DIFFERS_*, before node_link(); 0 until told
 * Two nodes with different lists take no part in the bootstrap of one volume:
 * the majorities of what each calls the volume may have no node in common.
 * Where sizes differ no replica is filled from the other.
 */
void node_peer_differs(struct node *node, uint32_t peer, uint32_t differs);
void node_link(struct node *node, uint32_t peer, bool up);
/** node_recv() - @msg stays the caller's; references are taken */
void node_recv(struct node *node, uint32_t peer, const struct wire_msg *msg,
	       uint64_t now_us, uint64_t random);

/**
 * node_job_done() - @job is over, see job->error; it is the node's again
 * What the disk failed at (job->failed) is told to node_disk_failed() as well,
 * before any later job of its kind.
 */
void node_job_done(struct node *node, struct store_job *job);

/**
 * node_disk_failed() - the store said so; final
 * The opening is fenced, leadership handed over, and the node takes no part
 * any more; it still answers node_view().
 */
void node_disk_failed(struct node *node, const char *what);

/** node_transfer() - order from people: hand leadership to @peer
 * 0; -ENOTCONN not the leader; -EINVAL no such voter; -EHOSTDOWN not
 * reachable or without a complete image; -EBUSY: the device is open here.
 */
int node_transfer(struct node *node, uint32_t peer);

enum node_member_op {
	NODE_MEMBER_ADD, /* nothing to learner */
	NODE_MEMBER_ADD_WITNESS, /* nothing to witness */
	NODE_MEMBER_PROMOTE, /* learner to voter */
	NODE_MEMBER_DEMOTE, /* voter to learner */
	NODE_MEMBER_REMOVE, /* anything to nothing */
};

/** node_member_role() - what @op makes of a node */
enum raft_member_role node_member_role(enum node_member_op op);

/**
 * node_member_change() - order from people: change one member
 * Told to the leader; done when it is committed (node_view.change_open).
 * Replacing a node: add the new one, promote it, remove the old one.
 * 0: begun.  Else nothing has changed:
 * -ENOTCONN not the leader
 * -EINVAL no such node in the configuration
 * -EALREADY it has that role, or is no member, already
 * -EOPNOTSUPP not possible from its present role
 * -EAGAIN leadership is new or being handed over, or the log is full: later
 * -EINPROGRESS the change before is not committed yet
 * -ENOSPC the volume has as many members as it can have
 * -EPERM there would be no voter, or not more voters than witnesses
 * -ESTALE it has not caught up yet, or its image is not complete
 * -EHOSTDOWN it is not reachable
 * -ENOLINK of the members that there would be, no majority is reachable, or, if
 * an even number of voters grows, none of those that there are
 * -EBUSY the device is open, or being opened, on it
 */
int node_member_change(struct node *node, enum node_member_op op, uint32_t id);

/**
 * node_late() - the loop was not run for a while
 * Before this iteration's events: what came meanwhile from peers is still to be
 * read, so that their silence is not held against them at once.
 */
void node_late(struct node *node, uint64_t now_us);

/** node_step_down() - the daemon stops: give up the lease and leadership */
void node_step_down(struct node *node);

/** node_pump() - do all that can be done now; once per iteration */
void node_pump(struct node *node, uint64_t now_us, uint64_t random);

/**
 * node_dones_due() - are requests of the device on their way to be answered?
 * False where that may take until something changes: another leader, say.
 */
bool node_dones_due(const struct node *node);

/** node_all_answered() - does the device wait for nothing, open on this leader? */
bool node_all_answered(const struct node *node);

/** node_deadline() - when node_pump() is wanted next (us), if nothing happens */
uint64_t node_deadline(const struct node *node);

/* For status and metrics. */

enum node_copy_state {
	NODE_COPY_NONE,
	NODE_COPY_RUNNING,
};

struct node_peer_view {
	uint32_t id;
	bool up;
	bool known; /* status below has been received */
	bool differs; /* its log is another than ours */
	struct wire_status status;
	uint64_t heard_us;
	enum raft_member_role member;
	uint64_t match; /* leader only */
	bool needs_copy; /* leader only */
	enum node_copy_state copy;
	uint64_t copy_offset; /* bytes acknowledged */
};

struct node_view {
	uint32_t id;
	enum raft_role role;
	uint64_t term;
	uint32_t leader;
	enum raft_member_role member; /* ours, of the log's last entry */
	uint64_t members_since; /* the entry that made the members so */
	uint32_t change_open; /* whose role that changed, until committed; or 0 */
	bool outside; /* the volume goes on without this node */
	uint32_t writer; /* of the log's last entry */
	uint64_t epoch;
	uint64_t committed_epoch; /* of the newest opening that is committed */
	uint64_t base;
	uint64_t last;
	uint64_t durable;
	uint64_t commit;
	uint64_t applied;
	uint64_t log_used_bytes;
	uint64_t log_capacity_bytes;
	uint64_t lease_until_us; /* given to the device, 0: none */
	uint64_t device_epoch; /* open here for writing, 0: no */
	bool fenced; /* open here, without the right to it */
	unsigned int requests; /* received, not answered */
	uint64_t request_bytes;
	bool open_pending;
	bool settling; /* leads, and has yet to apply what was before */
	bool incomplete; /* being filled by a copy, or to be */
	bool damaged;
	bool blank; /* never joined */
	bool disk_failed;
	bool diverged; /* stopped: its log contradicts a peer's */
	uint64_t copy_received; /* bytes of the copy that fills us */
	char problem[160]; /* why there is no lease or no progress, "" */
	unsigned int peer_count;
	struct node_peer_view peers[NODE_COUNT_MAX];
};

void node_view(const struct node *node, uint64_t now_us,
	       struct node_view *view);
/** node_view_others_have_volume() - any whose status has come on its link */
bool node_view_others_have_volume(const struct node_view *view);

#endif
