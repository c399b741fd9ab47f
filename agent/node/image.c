// SPDX-License-Identifier: GPL-2.0
/*
 * Applying what is committed to the data area, and checkpoints.
 *
 * Only what is durable in our own log is applied, so that the applied index of
 * a checkpoint is never beyond the log.
 */
#include <assert.h>

#include "base/planted.h"
#include "node/state.h"

/* A checkpoint is made when this share of the ring is applied but not freed */
#define CHECKPOINT_SHARE 8
#define CHECKPOINT_AFTER_US 5000000 /* or so long after something is */

void image_reset(struct node *node, uint64_t applied)
{
	assert(!node->image_jobs);
	node->image = (struct image){ .applied = applied, .issued = applied };
}

static void image_apply(struct node *node)
{
	uint64_t limit = raft_commit_index(node->raft);
	struct raft_entry *entry;
	struct store_job *job;

	if (limit > raft_durable_index(node->raft))
		limit = raft_durable_index(node->raft);
	if (planted(PLANTED_APPLIED_EARLY))
		limit = raft_durable_index(node->raft);
	limit = resync_apply_limit(node, limit);
	if (node->image.unread)
		return;
	while (node->image.issued < limit &&
	       node->image.bytes < node->config.bounds.apply_bytes &&
	       !node_jobs_short(node)) {
		job = node_job(node, STORE_JOB_APPLY);
		while (job->count < BATCH_MAX && node->image.issued < limit) {
			entry = entries_at(&node->entries,
					   ++node->image.issued);
			assert(entry);
			node->image.bytes += raft_entry_data_bytes(entry);
			store_job_add(job, entry);
		}
		node_begin(node, job);
	}
}

void image_applied(struct node *node, uint64_t index)
{
	uint64_t i;

	assert(index <= node->image.issued && !node->image.unread);
	for (i = node->image.applied + 1; i <= index; i++) {
		struct raft_entry *entry = entries_at(&node->entries, i);

		node->image.bytes -= raft_entry_data_bytes(entry);
		node->image.unsaved_bytes +=
			store_record_bytes(entry, node->config.align);
	}
	node->image.applied = index;
	if (!node->image.due_us)
		node->image.due_us = node->now_us + CHECKPOINT_AFTER_US;
	requests_applied(node);
}

/*
 * Only after a restart are payloads to be applied that no memory holds.  That
 * one sector of the log can't be read takes no more from this replica than the
 * same found at the start: a leader fills it.
 */
void image_unread(struct node *node, const struct store_job *job)
{
	uint64_t last = job->entries[job->count - 1]->index;

	if (planted(PLANTED_UNREAD_SKIPPED)) {
		image_applied(node, last);
		return;
	}
	if (node->image.unread)
		return; /* behind it */
	node->image.unread = true;
	node_damaged(node, node->image.applied + 1, last);
}

static void image_checkpoint(struct node *node)
{
	struct store_job *job;
	bool complete = node->resync.phase == RESYNC_FINISHING;
	bool mark = node->resync.phase == RESYNC_PREPARING &&
		    !node->resync.begin.reset;

	if (node->image.checkpointing || node_jobs_out(node))
		return;
	if (!complete && !mark &&
	    (!node->image.due_us ||
	     (node->image.unsaved_bytes <
		      node->log_capacity / CHECKPOINT_SHARE &&
	      node->now_us < node->image.due_us &&
	      (!node->stopping || planted(PLANTED_STOPPED_UNSAVED)))))
		return;
	if (resync_blocks_log(node))
		return;
	/* A log that is being restarted has nothing applied to be saved. */
	assert(node->resync.phase != RESYNC_PREPARING || mark);
	job = node_job(node, STORE_JOB_CHECKPOINT);
	job->checkpoint = entries_head(&node->entries, node->image.applied);
	job->checkpoint.incomplete = (node->incomplete && !complete) || mark;
	job->checkpoint.witness = node->entries.bare;
	node->image.checkpointing = true;
	node->image.completes = complete;
	node->image.unsaved_bytes = 0;
	node->image.due_us = 0;
	node_begin(node, job);
}

void image_checkpointed(struct node *node, uint64_t base_index)
{
	struct raft_event event = {
		.type = RAFT_EV_COMPACTED,
		.index = base_index,
	};

	node->image.checkpointing = false;
	if (base_index > node->entries.base.applied) {
		entries_compact(&node->entries, base_index);
		node_step(node, &event, NULL);
	}
}

void image_pump(struct node *node)
{
	image_apply(node);
	image_checkpoint(node);
}
