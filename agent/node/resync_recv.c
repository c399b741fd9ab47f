// SPDX-License-Identifier: GPL-2.0
/*
 * The follower's side of a resync (see resync_send.c): being filled by the
 * leader.
 *
 *	NONE -> WAIT -> PREPARING -> RUNNING -> FINISHING -> NONE
 *
 * WAIT: until no job is outstanding that might still write older data.
 * PREPARING: until the replica is marked incomplete on disk, by a log that is
 * restarted or by a checkpoint.  RUNNING: until all chunks are written, and the
 * log that belongs to them is applied.  FINISHING: until the replica is marked
 * complete on disk.  A job can't be taken back, so a resync that is given up in
 * PREPARING or FINISHING only loses its leader, and ends when the job is done;
 * in another phase it ends at once.
 *
 * From the first byte until everything is there the replica is `incomplete`, on
 * disk too: a crash in between means a new resync, never a mixture that passes
 * for data.  The log is real all the while (what it acknowledges, it has), so
 * the node votes; only the data area is not complete yet.  The log is restarted
 * only when the leader says that it can't be continued.  What is dropped then
 * is covered by the committed entry that it restarts after.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/planted.h"
#include "node/state.h"

static void resync_ack(struct node *node, int error)
{
	struct wire_msg msg = { .type = WIRE_COPY_ACK };

	assert(node->resync.from);
	msg.copy_ack.serial = node->resync.begin.serial;
	msg.copy_ack.offset = node->resync.written;
	msg.copy_ack.error = error;
	node->ops->send(node->context, node->resync.from, &msg);
}

static void resync_begin(struct node *node, struct peer *peer,
			 const struct wire_copy_begin *begin)
{
	struct resync_recv *resync = &node->resync;

	if (begin->term != raft_term(node->raft) ||
	    raft_leader(node->raft) != peer->id)
		return;
	if (resync->phase == RESYNC_PREPARING ||
	    resync->phase == RESYNC_FINISHING)
		return; /* the leader asks again */
	memset(resync, 0, sizeof(*resync));
	resync->from = peer->id;
	resync->begin = *begin;
	/*
	 * A leader that has applied less than we have would bring chunks back to
	 * before entries that we don't apply again.  It will soon have.
	 */
	if (!begin->reset && begin->index < node->image.issued &&
	    !planted(PLANTED_COPY_FROM_BEHIND)) {
		resync_ack(node, -EAGAIN);
		memset(resync, 0, sizeof(*resync));
		return;
	}
	resync->phase = RESYNC_WAIT;
	node_say(node, BASE_LOG_NOTICE,
		 "event=copy-received-begins leader=#%u index=%lu whole-log=%d",
		 peer->id, (unsigned long)begin->index, begin->reset);
}

static void resync_run(struct node *node)
{
	node->incomplete = true;
	if (!node->resync.from) { /* given up meanwhile */
		memset(&node->resync, 0, sizeof(node->resync));
		return;
	}
	node->resync.phase = RESYNC_RUNNING;
	resync_ack(node, 0);
}

/*
 * The core, the entries and, in order, the disk restart the log; what
 * is appended from now on is queued behind.
 */
static void resync_reset(struct node *node)
{
	const struct wire_copy_begin *begin = &node->resync.begin;
	struct raft_event event = {
		.type = RAFT_EV_RESET,
		.index = begin->index,
		.term = begin->index_term,
		.members = &begin->standing.members,
	};
	struct store_checkpoint base = {
		.applied = begin->index,
		.applied_term = begin->index_term,
		.standing = begin->standing,
		.incomplete = true,
	};
	struct store_job *job;

	if (!raft_can_reset(node->raft, begin->index, begin->index_term)) {
		resync_ack(node, -EAGAIN);
		memset(&node->resync, 0, sizeof(node->resync));
		return;
	}
	node->resync.phase = RESYNC_PREPARING;
	node->incomplete = true;
	requests_truncated(node, 1);
	gate_truncated(node, node->entries.committed + 1);
	entries_reset(&node->entries, &base);
	image_reset(node, begin->index);
	if (base.standing.writer &&
	    base.standing.writer != node->config.raft.id &&
	    base.standing.epoch > node->gate.since)
		gate_fence(node, "opened on another node");
	job = node_job(node, STORE_JOB_RESET);
	job->checkpoint = base;
	node_begin(node, job);
	node->resync.reset_seq = node_step(node, &event, NULL)->log_seq;
}

void resync_recv_log_was_reset(struct node *node)
{
	struct resync_recv *resync = &node->resync;

	node_durable_to(node, resync->begin.index, resync->begin.index_term,
			resync->reset_seq);
	node_durable_tell(node);
	resync_run(node);
}

/* The checkpoint that marks the image incomplete, or complete, is durable. */
void resync_recv_checkpointed(struct node *node)
{
	struct resync_recv *resync = &node->resync;

	if (resync->phase == RESYNC_PREPARING) {
		/* Where the log is restarted, none is made in that phase. */
		assert(!resync->begin.reset);
		resync_run(node);
		return;
	}
	if (resync->phase != RESYNC_FINISHING)
		return;
	assert(node->image.completes); /* none was under way at its begin */
	memset(resync, 0, sizeof(*resync));
	node->incomplete = false;
	node_set_damage(node, "");
	status_soon(node);
	requests_applied(node);
	node_say(node, BASE_LOG_NOTICE, "event=copy-received-done applied=%lu",
		 (unsigned long)node->image.applied);
}

/* No job of the image thread is under way: what is there may be replaced. */
static void resync_prepare(struct node *node)
{
	if (node->resync.begin.reset) {
		resync_reset(node);
		return;
	}
	node->resync.phase = RESYNC_PREPARING; /* image.c saves the mark */
	if (node->incomplete)
		resync_run(node);
}

/* All chunks are there, and what the log has to add to them is applied. */
static bool resync_is_whole(const struct node *node)
{
	const struct resync_recv *resync = &node->resync;

	return resync->ended && resync->written == node->config.volume_bytes &&
	       (node->image.applied >= resync->version ||
		planted(PLANTED_COPY_ENDED_EARLY));
}

/*
 * Are the numbers all that comes, as we are a witness?  Our log may begin where
 * we were one, and the leader's go on to where we are one no more: what it sends
 * depends on its own.
 */
static bool resync_is_bare(struct node *node)
{
	struct peer *leader = peer_find(node, raft_leader(node->raft));

	return raft_own_role(node->raft) == RAFT_MEMBER_WITNESS && leader &&
	       leader->known &&
	       raft_members_role(&leader->status.members,
				 node->config.raft.id) == RAFT_MEMBER_WITNESS;
}

static void resync_finish_bare(struct node *node)
{
	entries_set_bare(&node->entries);
	node->resync.phase = RESYNC_FINISHING;
}

/*
 * The phases' ends that no job brings.  The others end by one: PREPARING in
 * resync_recv_log_was_reset() or resync_recv_checkpointed(), FINISHING in the
 * latter.  It waits until no checkpoint is under way, since image.c makes one
 * then that says complete.
 */
void resync_recv_pump(struct node *node)
{
	struct resync_recv *resync = &node->resync;

	switch (resync->phase) {
	case RESYNC_NONE:
		/* Nobody fills a witness that stopped before it was complete. */
		if (node->incomplete && resync_is_bare(node) &&
		    !node->image.checkpointing)
			resync_finish_bare(node);
		break;
	case RESYNC_WAIT:
		if (!node->image_jobs && !node_jobs_out(node))
			resync_prepare(node);
		break;
	case RESYNC_PREPARING:
		break;
	case RESYNC_RUNNING:
		if (node->image.checkpointing)
			break;
		if (resync_is_bare(node))
			resync_finish_bare(node);
		else if (resync_is_whole(node))
			resync->phase = RESYNC_FINISHING;
		break;
	case RESYNC_FINISHING:
		break;
	}
}

static void resync_data(struct node *node, const struct wire_copy_data *data)
{
	struct resync_recv *resync = &node->resync;
	struct store_job *job;

	if (data->serial != resync->begin.serial ||
	    resync->phase != RESYNC_RUNNING ||
	    data->offset != resync->received ||
	    data->length > node->config.volume_bytes - data->offset ||
	    node_jobs_short(node))
		return;
	resync->received += data->length;
	job = node_job(node, STORE_JOB_COPY_WRITE);
	job->offset = data->offset;
	job->length = data->length;
	if (!data->zero) {
		job->data = data->data;
		job->buf = base_buf_get(data->buf);
	}
	node_begin(node, job);
	/* Queued behind this write, entries so far may be applied. */
	if (data->version > resync->version)
		resync->version = data->version;
}

void resync_recv_written(struct node *node, const struct store_job *job)
{
	struct resync_recv *resync = &node->resync;

	if (resync->phase != RESYNC_RUNNING || job->offset != resync->written)
		return;
	resync->written = job->offset + job->length;
	resync_ack(node, 0);
}

void resync_recv(struct node *node, struct peer *peer,
		 const struct wire_msg *msg)
{
	struct resync_recv *resync = &node->resync;

	if (msg->type == WIRE_COPY_BEGIN) {
		resync_begin(node, peer, &msg->copy_begin);
		return;
	}
	if (resync->from != peer->id) {
		resync_unwanted(node, peer->id,
				msg->type == WIRE_COPY_DATA ?
					msg->copy_data.serial :
					msg->copy_end.serial);
		return;
	}
	if (msg->type == WIRE_COPY_DATA) {
		resync_data(node, &msg->copy_data);
	} else if (msg->copy_end.serial == resync->begin.serial &&
		   resync->phase == RESYNC_RUNNING &&
		   resync->received == node->config.volume_bytes) {
		resync->ended = true;
		if (msg->copy_end.version > resync->version)
			resync->version = msg->copy_end.version;
	}
}
