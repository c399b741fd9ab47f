// SPDX-License-Identifier: GPL-2.0
/*
 * What the node asks of its store: the jobs that it may have outstanding.
 * Their results are distributed by node_job_done(), at the top.
 *
 * Work that would need more jobs than there are is not begun: then the log has
 * no room, messages are dropped, and the node does not campaign.
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

void node_job_ended(struct node *node, const struct store_job *job)
{
	if (store_job_is_log(job))
		return;
	assert(node->image_jobs);
	node->image_jobs--;
}
