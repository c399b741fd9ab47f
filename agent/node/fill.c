// SPDX-License-Identifier: GPL-2.0
/*
 * The follower's side of a copy (see copy.c): being filled by the leader.
 *
 * From the first byte on until all is there the replica is `incomplete`, on
 * disk too: a crash in between means a new copy, never a mixture that passes
 * for data.  The log is real all the while - what it acknowledges, it has - so
 * it votes; only the image is not there yet.  The log is begun anew
 * only when the leader says that it can't be continued; what is dropped so is
 * covered by the committed entry that it begins after.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/planted.h"
#include "node/state.h"

void fill_abort(struct node *node)
{
	/* A reset under way must end first: fill_pump() finds it orphaned. */
	if (node->fill.phase == FILL_PREPARING ||
	    node->fill.phase == FILL_FINISHING)
		node->fill.from = 0;
	else
		memset(&node->fill, 0, sizeof(node->fill));
}

bool fill_blocks_log(const struct node *node)
{
	return node->fill.begin.reset && node->fill.phase == FILL_WAIT;
}

uint64_t fill_apply_limit(const struct node *node, uint64_t limit)
{
	const struct fill *fill = &node->fill;

	if (fill_blocks_log(node))
		return 0;
	if (!node->incomplete)
		return fill->phase == FILL_NONE ? limit : 0;
	if (fill->phase == FILL_FINISHING || fill->ended)
		return limit;
	if (fill->phase != FILL_RUNNING)
		return 0;
	if (planted(PLANTED_COPY_OUTRUN))
		return limit;
	return limit < fill->version ? limit : fill->version;
}

static void fill_ack(struct node *node, int error)
{
	struct wire_msg msg = { .type = WIRE_COPY_ACK };

	if (!node->fill.from)
		return;
	msg.copy_ack.serial = node->fill.begin.serial;
	msg.copy_ack.offset = node->fill.written;
	msg.copy_ack.error = error;
	node->ops->send(node->context, node->fill.from, &msg);
}

static void fill_begin(struct node *node, struct peer *peer,
		       const struct wire_copy_begin *begin)
{
	struct fill *fill = &node->fill;

	if (begin->term != raft_term(node->raft) ||
	    raft_leader(node->raft) != peer->id)
		return;
	if (fill->phase == FILL_PREPARING || fill->phase == FILL_FINISHING)
		return; /* the leader asks again */
	memset(fill, 0, sizeof(*fill));
	fill->from = peer->id;
	fill->begin = *begin;
	/*
	 * A leader that has applied less than we have would bring chunks back to
	 * before entries that we don't apply again.  It will soon have.
	 */
	if (!begin->reset && begin->index < node->image.issued &&
	    !planted(PLANTED_COPY_FROM_BEHIND)) {
		fill_ack(node, -EAGAIN);
		memset(fill, 0, sizeof(*fill));
		return;
	}
	fill->phase = FILL_WAIT;
	node_say(node, BASE_LOG_NOTICE,
		 "event=copy-received-begins leader=#%u index=%lu whole-log=%d",
		 peer->id, (unsigned long)begin->index, begin->reset);
}

static void fill_run(struct node *node)
{
	node->incomplete = true;
	if (!node->fill.from) { /* given up meanwhile */
		memset(&node->fill, 0, sizeof(node->fill));
		return;
	}
	node->fill.phase = FILL_RUNNING;
	fill_ack(node, 0);
}

/*
 * The core, the entries and - in its turn - the disk begin the log anew; what
 * is appended from now on is queued behind.
 */
static void fill_reset(struct node *node)
{
	const struct wire_copy_begin *begin = &node->fill.begin;
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
		.witness = raft_members_role(&begin->standing.members,
					     node->config.raft.id) ==
			   RAFT_MEMBER_WITNESS,
	};

	struct store_job *job;

	if (!raft_can_reset(node->raft, begin->index, begin->index_term)) {
		fill_ack(node, -EAGAIN);
		memset(&node->fill, 0, sizeof(node->fill));
		return;
	}
	node->fill.phase = FILL_PREPARING;
	node->incomplete = true;
	device_truncated(node, 1);
	entries_reset(&node->entries, &base);
	image_reset(node, begin->index);
	if (base.standing.writer &&
	    base.standing.writer != node->config.raft.id)
		device_fence(node, "opened on another node");
	job = node_job(node, STORE_JOB_RESET);
	job->checkpoint = base;
	node_begin(node, job);
	node->fill.reset_seq = node_step(node, &event, NULL)->log_seq;
}

void fill_log_was_reset(struct node *node)
{
	struct fill *fill = &node->fill;

	node_durable_to(node, fill->begin.index, fill->begin.index_term,
			fill->reset_seq);
	node_durable_tell(node);
	fill_run(node);
}

/* The checkpoint that marks the image incomplete, or complete, is durable. */
void fill_checkpointed(struct node *node)
{
	struct fill *fill = &node->fill;

	if (fill->phase == FILL_PREPARING && !fill->begin.reset) {
		fill_run(node);
		return;
	}
	if (fill->phase != FILL_FINISHING || !node->image.completes)
		return;
	memset(fill, 0, sizeof(*fill));
	node->incomplete = false;
	node_set_damage(node, "");
	status_soon(node);
	device_applied(node);
	node_say(node, BASE_LOG_NOTICE, "event=copy-received-done applied=%lu",
		 (unsigned long)node->image.applied);
}

void fill_pump(struct node *node)
{
	struct fill *fill = &node->fill;

	if (fill->phase == FILL_WAIT && !node->image_jobs &&
	    !node_jobs_out(node)) {
		if (fill->begin.reset) {
			fill_reset(node);
			return;
		}
		fill->phase = FILL_PREPARING; /* image.c saves the mark */
		if (node->incomplete)
			fill_run(node);
		return;
	}
	/* No leader will fill a witness that stopped before this was saved. */
	if (fill->phase == FILL_NONE && node->incomplete &&
	    node->entries.bare && !node->image.checkpointing &&
	    raft_own_role(node->raft) == RAFT_MEMBER_WITNESS)
		fill->phase = FILL_FINISHING;
	if (fill->phase == FILL_RUNNING &&
	    raft_own_role(node->raft) == RAFT_MEMBER_WITNESS) {
		/* The numbers were all of it. */
		fill->received = node->config.volume_bytes;
		fill->written = node->config.volume_bytes;
		fill->ended = true;
	}
	if (fill->phase == FILL_RUNNING && fill->ended &&
	    fill->written == node->config.volume_bytes &&
	    (node->image.applied >= fill->version ||
	     planted(PLANTED_COPY_ENDED_EARLY)) &&
	    !node->image.checkpointing)
		fill->phase = FILL_FINISHING;
}

static void fill_data(struct node *node, const struct wire_copy_data *data)
{
	struct fill *fill = &node->fill;
	struct store_job *job;

	if (data->serial != fill->begin.serial || fill->phase != FILL_RUNNING ||
	    data->offset != fill->received ||
	    data->length > node->config.volume_bytes - data->offset ||
	    node_jobs_short(node))
		return;
	fill->received += data->length;
	job = node_job(node, STORE_JOB_COPY_WRITE);
	job->offset = data->offset;
	job->length = data->length;
	if (!data->zero) {
		job->data = data->data;
		job->buf = base_buf_get(data->buf);
	}
	node_begin(node, job);
	/* Queued behind this write, entries so far may be applied. */
	if (data->version > fill->version)
		fill->version = data->version;
}

void fill_written(struct node *node, const struct store_job *job)
{
	struct fill *fill = &node->fill;

	if (fill->phase != FILL_RUNNING || job->offset != fill->written)
		return;
	fill->written = job->offset + job->length;
	fill_ack(node, 0);
}

/* We gave this copy up, when we heard of no leader for a while: say so. */
static void fill_unwanted(struct node *node, struct peer *peer,
			  const struct wire_msg *msg)
{
	struct wire_msg reply = { .type = WIRE_COPY_ACK };

	reply.copy_ack.serial = msg->type == WIRE_COPY_DATA ?
					msg->copy_data.serial :
					msg->copy_end.serial;
	reply.copy_ack.error = -ESTALE;
	node->ops->send(node->context, peer->id, &reply);
}

void fill_recv(struct node *node, struct peer *peer, const struct wire_msg *msg)
{
	struct fill *fill = &node->fill;

	if (msg->type == WIRE_COPY_BEGIN) {
		fill_begin(node, peer, &msg->copy_begin);
		return;
	}
	if (fill->from != peer->id) {
		fill_unwanted(node, peer, msg);
		return;
	}
	if (msg->type == WIRE_COPY_DATA) {
		fill_data(node, &msg->copy_data);
	} else if (msg->type == WIRE_COPY_END &&
		   msg->copy_end.serial == fill->begin.serial &&
		   fill->phase == FILL_RUNNING &&
		   fill->received == node->config.volume_bytes) {
		fill->ended = true;
		if (msg->copy_end.version > fill->version)
			fill->version = msg->copy_end.version;
	}
}
