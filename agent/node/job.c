// SPDX-License-Identifier: GPL-2.0
/*
 * What the node asks of its store: the jobs that it may have under way, and the
 * way back of each.
 *
 * What would need more of them than there are does not happen: the log has no
 * room then, messages are lost, and nobody stands for election.
 */
#include <assert.h>

#include "node/state.h"

/* Kept for what can't be put off. */
#define JOBS_SPARE 64
/* A step of the core needs no more: truncate, append, save. */
#define STEP_JOBS_MAX 3

static_assert(BATCH_MAX <= STORE_JOB_ENTRIES_MAX, "a batch is one job");

bool node_jobs_short(const struct node *node)
{
	return store_job_pool_left(&node->jobs) <= JOBS_SPARE;
}

bool node_jobs_out(const struct node *node)
{
	return store_job_pool_left(&node->jobs) < JOBS_SPARE / 2;
}

static_assert(STEP_JOBS_MAX < JOBS_SPARE / 2, "what is left does for a step");

struct store_job *node_job(struct node *node, enum store_job_type type)
{
	struct store_job *job = store_job_new(&node->jobs, type);

	assert(job); /* a node that stops is safe */
	return job;
}

void node_begin(struct node *node, struct store_job *job)
{
	if (!store_job_is_log(job))
		node->image_jobs++;
	node->ops->begin(node->context, job);
}

void node_durable_to(struct node *node, uint64_t index, uint64_t term,
		     uint64_t seq)
{
	node->durable.index = index;
	node->durable.term = term;
	node->durable.seq = seq;
}

void node_durable_tell(struct node *node)
{
	struct raft_event event = {
		.type = RAFT_EV_PERSISTED,
		.index = node->durable.index,
		.term = node->durable.term,
		.seq = node->durable.seq,
	};

	if (!event.seq)
		return;
	node->durable.seq = 0;
	if (!node->disk_failed)
		node_step(node, &event, NULL);
}

/* Appends that become durable together are told together. */
static void append_done(struct node *node, const struct store_job *job)
{
	const struct raft_entry *last = job->entries[job->count - 1];

	node_durable_to(node, last->index, last->term, job->seq);
}

static void log_done(struct node *node, const struct store_job *job)
{
	if (job->error)
		return;
	if (job->type == STORE_JOB_APPEND) {
		append_done(node, job);
		return;
	}
	node_durable_tell(node);
	if (job->type == STORE_JOB_STATE)
		node_state_saved(node, job->seq);
	else if (job->type == STORE_JOB_RESET)
		fill_log_was_reset(node);
}

void node_job_done(struct node *node, struct store_job *job)
{
	if (store_job_is_log(job)) {
		log_done(node, job);
		store_job_free(job);
		return;
	}
	node->image_jobs--;
	if (job->type == STORE_JOB_LOG_READ)
		peer_log_was_read(node, job);
	else if (job->type == STORE_JOB_COPY_READ)
		copy_was_read(node, job);
	else if (job->error)
		; /* node_disk_failed() says so */
	else if (job->type == STORE_JOB_APPLY)
		image_applied(node, job->entries[job->count - 1]->index);
	else if (job->type == STORE_JOB_CHECKPOINT)
		image_checkpointed(node, job->base_index);
	else if (job->type == STORE_JOB_COPY_WRITE)
		fill_written(node, job);
	store_job_free(job);
}
