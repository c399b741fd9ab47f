// SPDX-License-Identifier: GPL-2.0
/*
 * The leader's side of a resync: filling a replica that the log can't help.
 *
 *	IDLE -> BEGUN -> SENDING -> ENDED -> IDLE
 *
 * Each arrow takes both nodes: COPY_BEGIN goes out and the peer acknowledges
 * offset 0 when it is ready; chunks go out and are acknowledged; COPY_END goes
 * out, and the peer's status no longer says that it is incomplete.  Any failure
 * in between leads back to IDLE, and the resync begins again.
 *
 * The data area is read chunk by chunk while entries are being applied, so a
 * resync is fuzzy: each chunk holds at least the entries up to its `version`,
 * and maybe later ones.  Meanwhile the follower applies the log, but never
 * further than the version of the last chunk it got: a chunk that is still to
 * come will hold what an entry did to it.  Writes are idempotent.  So once the
 * follower has applied up to what the leader had when it read the last chunk,
 * every byte is that of the applied index.
 *
 * A resync yields to the device's writes: while there are any, one chunk is
 * outstanding at a time, and after it the resync rests for RESYNC_REST times as
 * long as it took.  So it takes from writers a fixed part of whatever is scarce
 * (disks, network or processors), and ends in any case.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/state.h"

#define RESYNC_QUEUE_BYTES (2U << 20) /* read on while less is queued */
#define RESYNC_STALL_US 15000000 /* nothing moved: begin again */
#define RESYNC_END_US 120000000 /* the same, while the peer only applies */
#define RESYNC_LOST_US 2000000 /* the same, and its new log is too old again */
#define RESYNC_REST 4
#define RESYNC_REST_US 20000 /* at most: a far peer's chunks take their time */
#define RESYNC_WRITES_US 100000 /* the device writes: it did within this time */

static void resync_begin(struct node *node, struct peer *peer, bool reset)
{
	struct store_checkpoint head =
		entries_head(&node->entries, node->image.applied);
	struct wire_msg msg = { .type = WIRE_COPY_BEGIN };

	resync_forget(peer);
	peer->resync.serial = ++node->serial;
	msg.copy_begin.serial = peer->resync.serial;
	msg.copy_begin.term = raft_term(node->raft);
	msg.copy_begin.reset = reset;
	msg.copy_begin.index = head.applied;
	msg.copy_begin.index_term = head.applied_term;
	msg.copy_begin.standing = head.standing;
	if (node->ops->send(node->context, peer->id, &msg))
		return;
	peer->resync.phase = RESYNC_BEGUN;
	peer->resync.reset = reset;
	peer->resync.progress_us = node->now_us;
	node_say(node, BASE_LOG_NOTICE,
		 "event=copy-begins peer=#%u index=%lu whole-log=%d", peer->id,
		 (unsigned long)head.applied, reset);
}

static void resync_send_end(struct node *node, struct peer *peer)
{
	struct wire_msg msg = { .type = WIRE_COPY_END };

	msg.copy_end.serial = peer->resync.serial;
	msg.copy_end.version = node->image.applied;
	if (node->ops->send(node->context, peer->id, &msg))
		return;
	peer->resync.phase = RESYNC_ENDED;
}

static bool resync_makes_way(const struct node *node)
{
	uint64_t written_us = node->requests.written_us;

	return written_us && node->now_us - written_us < RESYNC_WRITES_US;
}

/* Has the resync as much under way as it may, or does it rest? */
static bool resync_waits(const struct node *node, const struct peer *peer)
{
	const struct resync_send *resync = &peer->resync;
	uint64_t most = (uint64_t)NODE_COPY_WINDOW * RESYNC_CHUNK;

	if (resync_makes_way(node))
		return resync->next != resync->acked ||
		       node->now_us < resync->rest_until_us;
	return resync->next - resync->acked >= most ||
	       node->ops->queued(node->context, peer->id) > RESYNC_QUEUE_BYTES;
}

static void resync_read_on(struct node *node, struct peer *peer)
{
	struct resync_send *resync = &peer->resync;
	uint64_t left = node->config.volume_bytes - resync->next;
	struct store_job *job;

	if (resync->reading)
		return;
	if (!left) {
		resync_send_end(node, peer);
		return;
	}
	if (resync_waits(node, peer) || node_jobs_short(node))
		return;
	if (resync->next == resync->acked)
		resync->busy_since_us = node->now_us;
	resync->reading = true;
	job = node_job(node, STORE_JOB_COPY_READ);
	job->peer = peer->id;
	job->offset = resync->next;
	job->length = left < RESYNC_CHUNK ? (uint32_t)left : RESYNC_CHUNK;
	node_begin(node, job);
}

/* May it be that nothing more comes of it? */
static bool resync_stalled(const struct node *node,
			   const struct resync_send *resync, bool reset)
{
	bool applies = resync->phase == RESYNC_ENDED &&
		       resync->acked == node->config.volume_bytes;
	uint64_t most = applies ? RESYNC_END_US : RESYNC_STALL_US;

	/* The log it began anew can't be continued either. */
	if (resync->phase != RESYNC_BEGUN && reset)
		most = RESYNC_LOST_US;
	return node->now_us - resync->progress_us > most;
}

/* Can this peer take a resync, if it needs one? */
static bool resync_can_go(const struct peer *peer, enum raft_member_role role)
{
	if (!peer->ready || !peer->known ||
	    peer->status.flags & WIRE_NODE_DISK_FAILED)
		return false;
	return role == RAFT_MEMBER_WITNESS ||
	       !(peer->differs & WIRE_DIFFERS_SIZE);
}

/*
 * Does the peer lack what the log can't give it?  The core says so of its log
 * (@reset), it says so of its data area, of which a witness has none.  Until it
 * has said it, a resync that has just begun looks as if it were not needed.
 */
static bool resync_needed(const struct peer *peer, enum raft_member_role role,
			  bool reset)
{
	return reset || (role != RAFT_MEMBER_WITNESS &&
			 peer->status.flags & WIRE_NODE_INCOMPLETE);
}

/* Not needed, or no more: what has ended has done its work. */
static void resync_over(struct node *node, struct peer *peer,
			enum raft_member_role role)
{
	if (role == RAFT_MEMBER_WITNESS) {
		resync_forget(peer);
	} else if (peer->resync.phase == RESYNC_ENDED) {
		node_say(node, BASE_LOG_NOTICE, "event=copy-done peer=#%u",
			 peer->id);
		resync_forget(peer);
	}
}

/*
 * What can be done now for this peer: first whether there is to be a resync,
 * then the next step of its phase.  A phase ends here, or by the peer's answer
 * (resync_send_acked()); what goes wrong leads back to IDLE, and from there
 * begins with a new serial, so that answers to the old one are not counted.
 */
static void resync_serve(struct node *node, struct peer *peer)
{
	struct resync_send *resync = &peer->resync;
	struct raft_peer_view view;
	bool reset;

	if (!raft_peer(node->raft, peer->id, &view) ||
	    view.role == RAFT_MEMBER_NONE) {
		resync->phase = RESYNC_IDLE; /* no member any more */
		return;
	}
	if (!resync_can_go(peer, view.role))
		return;
	reset = view.needs_copy;
	if (!resync_needed(peer, view.role, reset)) {
		resync_over(node, peer, view.role);
		return;
	}
	/* Begun to fill the data area alone, and now the log is too old too. */
	if ((reset && !resync->reset) || resync_stalled(node, resync, reset))
		resync->phase = RESYNC_IDLE;
	switch (resync->phase) {
	case RESYNC_IDLE:
		/* The answer of a read under way must not meet the next one. */
		if (!resync->reading)
			resync_begin(node, peer, reset);
		break;
	case RESYNC_BEGUN: /* the peer is next: it acknowledges offset 0 */
		break;
	case RESYNC_SENDING:
		if (view.role != RAFT_MEMBER_WITNESS)
			resync_read_on(node, peer);
		break;
	case RESYNC_ENDED: /* the peer is next: its status will say complete */
		break;
	}
}

/*
 * A leader whose own image is not complete can't serve the device; it carries
 * the log to a node that can, and hands over.
 */
static void resync_carry(struct node *node)
{
	struct raft_event event = { .type = RAFT_EV_TRANSFER };
	struct peer *best = peer_best(node);
	struct raft_peer_view view;

	if (!best || raft_transferring(node->raft) ||
	    !raft_peer(node->raft, best->id, &view) ||
	    view.match < raft_commit_index(node->raft))
		return;
	event.peer = best->id;
	node_step(node, &event, NULL);
}

void resync_send_was_read(struct node *node, const struct store_job *job)
{
	struct peer *peer = peer_find(node, job->peer);
	struct wire_msg msg = { .type = WIRE_COPY_DATA };
	struct resync_send *resync = &peer->resync;

	resync->reading = false;
	if (job->error)
		node_say(node, BASE_LOG_ERROR,
			 "event=copy-read-failed peer=#%u offset=%lu "
			 "error=\"%s\" remedy=\"look at this node's disk: #%u "
			 "can't be filled from it\"",
			 peer->id, (unsigned long)job->offset,
			 strerror(-job->error), peer->id);
	if (job->error || resync->phase == RESYNC_IDLE ||
	    resync->next != job->offset)
		return;
	msg.copy_data.serial = resync->serial;
	msg.copy_data.offset = job->offset;
	msg.copy_data.length = job->length;
	msg.copy_data.zero = !job->buf;
	msg.copy_data.data_crc = job->crc;
	msg.copy_data.data = job->buf ? job->buf->data : NULL;
	msg.copy_data.buf = job->buf;
	/* Answers come in the jobs' order: it had applied just this. */
	msg.copy_data.version = node->image.applied;
	if (node->ops->send(node->context, peer->id, &msg))
		resync->phase = RESYNC_IDLE; /* begins again */
	else
		resync->next = job->offset + job->length;
}

/* Nothing is under way: the time it took tells how long to rest. */
static void resync_rest(const struct node *node, struct resync_send *resync)
{
	uint64_t rest_us = RESYNC_REST * (node->now_us - resync->busy_since_us);

	if (rest_us > RESYNC_REST_US)
		rest_us = RESYNC_REST_US;
	resync->rest_until_us = node->now_us + rest_us;
}

uint64_t resync_send_deadline(const struct node *node)
{
	uint64_t deadline = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < node->peer_count; i++) {
		const struct resync_send *resync = &node->peers[i].resync;

		if (resync->phase != RESYNC_IDLE &&
		    resync->rest_until_us > node->now_us &&
		    resync->rest_until_us < deadline)
			deadline = resync->rest_until_us;
	}
	return deadline;
}

void resync_send_acked(struct node *node, struct peer *peer,
		       const struct wire_copy_ack *ack)
{
	struct resync_send *resync = &peer->resync;

	if (!node_leads(node) || resync->phase == RESYNC_IDLE ||
	    ack->serial != resync->serial)
		return;
	if (ack->error) {
		resync->phase = RESYNC_IDLE;
		return;
	}
	if (ack->offset < resync->acked || ack->offset > resync->next)
		return;
	if (resync->phase == RESYNC_BEGUN)
		resync->phase = RESYNC_SENDING;
	resync->acked = ack->offset;
	resync->progress_us = node->now_us;
	if (resync->next == resync->acked && resync->next)
		resync_rest(node, resync);
}

void resync_send_pump(struct node *node)
{
	unsigned int i;

	if (!node_leads(node))
		return;
	if (node->incomplete) {
		resync_carry(node);
		return;
	}
	/*
	 * What is applied is committed, so it may be copied even before this
	 * term has committed anything - which may need the very peers that wait
	 * to be filled.
	 */
	for (i = 0; i < node->peer_count; i++)
		resync_serve(node, &node->peers[i]);
}
