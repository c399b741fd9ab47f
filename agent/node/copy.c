// SPDX-License-Identifier: GPL-2.0
/*
 * The leader's side of a copy: filling a replica that the log can't help.
 *
 * The data area is read chunk by chunk while entries go on being applied, so
 * a copy is fuzzy: each chunk holds at least the entries up to its `version`,
 * and maybe later ones.  The follower applies the log meanwhile, but never
 * further than the version of the last chunk it got: whatever an entry then
 * did to a chunk that is still to come, that chunk will hold.  Writes are
 * idempotent, so once it has applied up to what the leader had when it read
 * the last chunk, every byte is that of the applied index.
 *
 * A copy makes way for the device's writes: while there are any, one chunk is
 * under way at a time, and after it the copy rests for COPY_REST times as long
 * as it took.  So it costs writers about the same part of whatever is scarce -
 * disks, network or processors - and ends in any case.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/state.h"

#define COPY_QUEUE_BYTES (2U << 20) /* read on while less is queued */
#define COPY_STALL_US 15000000 /* nothing moved: begin again */
#define COPY_END_US 120000000 /* the same, while the peer only applies */
#define COPY_LOST_US 2000000 /* the same, and its new log is too old again */
#define COPY_REST 4
#define COPY_REST_US 20000 /* at most: a far peer's chunks take their time */
#define COPY_WRITES_US 100000 /* the device writes: it did within this time */

void copy_forget(struct peer *peer)
{
	memset(&peer->copy, 0, sizeof(peer->copy));
}

void copy_link(struct node *node, struct peer *peer)
{
	memset(&peer->copy, 0, sizeof(peer->copy));
	if (!peer->up && node->fill.from == peer->id)
		fill_abort(node);
}

static void copy_begin(struct node *node, struct peer *peer, bool reset)
{
	struct store_checkpoint head =
		entries_head(&node->entries, node->image.applied);
	struct wire_msg msg = { .type = WIRE_COPY_BEGIN };

	memset(&peer->copy, 0, sizeof(peer->copy));
	peer->copy.serial = ++node->serial;
	msg.copy_begin.serial = peer->copy.serial;
	msg.copy_begin.term = raft_term(node->raft);
	msg.copy_begin.reset = reset;
	msg.copy_begin.index = head.applied;
	msg.copy_begin.index_term = head.applied_term;
	msg.copy_begin.standing = head.standing;
	if (node->ops->send(node->context, peer->id, &msg))
		return;
	peer->copy.active = true;
	peer->copy.reset = reset;
	peer->copy.progress_us = node->now_us;
	node_say(node, BASE_LOG_NOTICE,
		 "event=copy-begins peer=#%u index=%lu whole-log=%d", peer->id,
		 (unsigned long)head.applied, reset);
}

static void copy_send_end(struct node *node, struct peer *peer)
{
	struct wire_msg msg = { .type = WIRE_COPY_END };

	msg.copy_end.serial = peer->copy.serial;
	msg.copy_end.version = node->image.applied;
	if (node->ops->send(node->context, peer->id, &msg))
		return;
	peer->copy.ended = true;
}

static bool copy_makes_way(const struct node *node)
{
	uint64_t written_us = node->device.written_us;

	return written_us && node->now_us - written_us < COPY_WRITES_US;
}

/* Has the copy as much under way as it may, or does it rest? */
static bool copy_waits(const struct node *node, const struct peer *peer)
{
	const struct copy *copy = &peer->copy;
	uint64_t most = (uint64_t)NODE_COPY_WINDOW * COPY_CHUNK;

	if (copy_makes_way(node))
		return copy->next != copy->acked ||
		       node->now_us < copy->rest_until_us;
	return copy->next - copy->acked >= most ||
	       node->ops->queued(node->context, peer->id) > COPY_QUEUE_BYTES;
}

static void copy_read_on(struct node *node, struct peer *peer)
{
	struct copy *copy = &peer->copy;
	uint64_t left = node->config.volume_bytes - copy->next;
	struct store_job *job;

	if (!copy->begun || copy->reading || copy->ended)
		return;
	if (!left) {
		copy_send_end(node, peer);
		return;
	}
	if (copy_waits(node, peer) || node_jobs_short(node))
		return;
	if (copy->next == copy->acked)
		copy->busy_since_us = node->now_us;
	copy->reading = true;
	job = node_job(node, STORE_JOB_COPY_READ);
	job->peer = peer->id;
	job->offset = copy->next;
	job->length = left < COPY_CHUNK ? (uint32_t)left : COPY_CHUNK;
	node_begin(node, job);
}

/* May it be that nothing more comes of it? */
static bool copy_stalled(const struct node *node, const struct copy *copy,
			 bool reset)
{
	bool applies = copy->ended && copy->acked == node->config.volume_bytes;
	uint64_t most = applies ? COPY_END_US : COPY_STALL_US;

	/* The log it began anew can't be continued either. */
	if (copy->begun && reset)
		most = COPY_LOST_US;
	return node->now_us - copy->progress_us > most;
}

static void copy_serve(struct node *node, struct peer *peer)
{
	struct copy *copy = &peer->copy;
	struct raft_peer_view view;
	bool reset;

	if (!raft_peer(node->raft, peer->id, &view) ||
	    view.role == RAFT_MEMBER_NONE) {
		copy->active = false; /* no member any more */
		return;
	}
	if (!peer->up || !peer->known)
		return;
	reset = view.needs_copy;
	if (peer->status.flags & WIRE_NODE_DISK_FAILED)
		return;
	if (peer->differs & WIRE_DIFFERS_SIZE &&
	    view.role != RAFT_MEMBER_WITNESS)
		return;
	/* A witness needs the numbers that its log begins with, no data. */
	if (!reset && (view.role == RAFT_MEMBER_WITNESS ||
		       !(peer->status.flags & WIRE_NODE_INCOMPLETE))) {
		if (view.role == RAFT_MEMBER_WITNESS) {
			memset(copy, 0, sizeof(*copy));
		} else if (copy->active && copy->ended) {
			node_say(node, BASE_LOG_NOTICE,
				 "event=copy-done peer=#%u", peer->id);
			memset(copy, 0, sizeof(*copy));
		}
		return;
	}
	if (copy->active &&
	    ((reset && !copy->reset) || copy_stalled(node, copy, reset)))
		copy->active = false;
	if (!copy->active && !copy->reading)
		copy_begin(node, peer, reset);
	else if (copy->active && view.role != RAFT_MEMBER_WITNESS)
		copy_read_on(node, peer);
}

/*
 * A leader whose own image is not complete can't serve the device; it carries
 * the log to a node that can, and hands over.
 */
static void copy_carry(struct node *node)
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

void copy_was_read(struct node *node, const struct store_job *job)
{
	struct peer *peer = peer_find(node, job->peer);
	struct wire_msg msg = { .type = WIRE_COPY_DATA };
	struct copy *copy = &peer->copy;

	copy->reading = false;
	if (job->error)
		node_say(node, BASE_LOG_ERROR,
			 "event=copy-read-failed peer=#%u offset=%lu "
			 "error=\"%s\" remedy=\"look at this node's disk: #%u "
			 "can't be filled from it\"",
			 peer->id, (unsigned long)job->offset,
			 strerror(-job->error), peer->id);
	if (job->error || !copy->active || copy->next != job->offset)
		return;
	msg.copy_data.serial = copy->serial;
	msg.copy_data.offset = job->offset;
	msg.copy_data.length = job->length;
	msg.copy_data.zero = !job->buf;
	msg.copy_data.data_crc = job->crc;
	msg.copy_data.data = job->buf ? job->buf->data : NULL;
	msg.copy_data.buf = job->buf;
	/* Answers come in the jobs' order: it had applied just this. */
	msg.copy_data.version = node->image.applied;
	if (node->ops->send(node->context, peer->id, &msg))
		copy->active = false; /* begins again */
	else
		copy->next = job->offset + job->length;
}

/* Nothing is under way: the time it took tells how long to rest. */
static void copy_rest(const struct node *node, struct copy *copy)
{
	uint64_t rest_us = COPY_REST * (node->now_us - copy->busy_since_us);

	if (rest_us > COPY_REST_US)
		rest_us = COPY_REST_US;
	copy->rest_until_us = node->now_us + rest_us;
}

uint64_t copy_deadline(const struct node *node)
{
	uint64_t deadline = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < node->peer_count; i++) {
		const struct copy *copy = &node->peers[i].copy;

		if (copy->active && copy->rest_until_us > node->now_us &&
		    copy->rest_until_us < deadline)
			deadline = copy->rest_until_us;
	}
	return deadline;
}

static void copy_acked(struct node *node, struct peer *peer,
		       const struct wire_copy_ack *ack)
{
	struct copy *copy = &peer->copy;

	if (!node_leads(node) || !copy->active || ack->serial != copy->serial)
		return;
	if (ack->error) {
		copy->active = false;
		return;
	}
	if (ack->offset < copy->acked || ack->offset > copy->next)
		return;
	copy->begun = true;
	copy->acked = ack->offset;
	copy->progress_us = node->now_us;
	if (copy->next == copy->acked && copy->next)
		copy_rest(node, copy);
}

void copy_pump(struct node *node)
{
	unsigned int i;

	if (!node_leads(node))
		return;
	if (node->incomplete) {
		copy_carry(node);
		return;
	}
	/*
	 * What is applied is committed, so it may be copied even before this
	 * term has committed anything - which may need the very peers that wait
	 * to be filled.
	 */
	for (i = 0; i < node->peer_count; i++)
		copy_serve(node, &node->peers[i]);
}

void copy_recv(struct node *node, struct peer *peer, const struct wire_msg *msg)
{
	if (msg->type == WIRE_COPY_ACK)
		copy_acked(node, peer, &msg->copy_ack);
	else
		fill_recv(node, peer, msg);
}
