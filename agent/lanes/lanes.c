// SPDX-License-Identifier: GPL-2.0
/* See lanes.h. */
#include "lanes/lanes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"

struct queue {
	struct store_job *first; /* by job->next */
	struct store_job **last;
};

/* An append, and the jobs whose last entries are in it. */
struct append_slot {
	struct store_append append;
	struct queue jobs;
	unsigned int left; /* writes not done */
	bool failed; /* one of them */
	struct lane_write writes[2];
};

/* A job of the image lane that is being carried out. */
struct plan_slot {
	struct store_plan plan;
	struct store_job *job;
	unsigned int left;
	struct lane_write writes[STORE_IOV_MAX];
};

/* What both lanes have: slots [first, first + count), oldest first. */
struct lane {
	struct queue waiting;
	unsigned int first;
	unsigned int count;
	bool thread; /* a job of it is in its thread, alone */
	bool failed;
	const char *blame; /* at what, until it is reported; or NULL */
};

struct lanes {
	struct store *store;
	const struct lanes_ops *ops;
	void *context;
	unsigned int appends_max;
	struct lane log;
	struct lane image;
	unsigned int taken; /* entries of the first waiting append */
	unsigned int image_writes; /* under way */
	bool held; /* what could be applied was held back */
	struct append_slot appends[LANES_APPENDS_MAX];
	struct plan_slot plans[LANES_PLANS_MAX];
};

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_add(struct queue *queue, struct store_job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static struct store_job *queue_pop(struct queue *queue)
{
	struct store_job *job = queue->first;

	if (!job)
		return NULL;
	queue->first = job->next;
	if (!queue->first)
		queue->last = &queue->first;
	return job;
}

struct lanes *lanes_new(struct store *store, unsigned int appends,
			const struct lanes_ops *ops, void *context)
{
	struct lanes *lanes = calloc(1, sizeof(*lanes));
	unsigned int i;

	if (!lanes)
		return NULL;
	assert(appends > 0 && appends <= LANES_APPENDS_MAX);
	lanes->store = store;
	lanes->ops = ops;
	lanes->context = context;
	lanes->appends_max = appends;
	queue_init(&lanes->log.waiting);
	queue_init(&lanes->image.waiting);
	for (i = 0; i < appends; i++) {
		queue_init(&lanes->appends[i].jobs);
		if (store_append_init(store, &lanes->appends[i].append)) {
			lanes_free(lanes);
			return NULL;
		}
	}
	return lanes;
}

static void drop_all(struct queue *queue)
{
	struct store_job *job;

	while ((job = queue_pop(queue)))
		store_job_free(job);
}

void lanes_free(struct lanes *lanes)
{
	unsigned int i;

	if (!lanes)
		return;
	drop_all(&lanes->log.waiting);
	drop_all(&lanes->image.waiting);
	for (i = 0; i < LANES_APPENDS_MAX; i++) {
		if (lanes->appends[i].jobs.last)
			drop_all(&lanes->appends[i].jobs);
		store_append_free(&lanes->appends[i].append);
	}
	for (i = 0; i < LANES_PLANS_MAX; i++)
		if (lanes->plans[i].job)
			store_job_free(lanes->plans[i].job);
	free(lanes);
}

void lanes_put(struct lanes *lanes, struct store_job *job)
{
	if (store_job_overtakes(job))
		lanes->ops->thread(lanes->context, job);
	else if (store_job_is_log(job))
		queue_add(&lanes->log.waiting, job);
	else
		queue_add(&lanes->image.waiting, job);
}

/* The first that comes back says for all of its lane what failed. */
static void fail(struct lanes *lanes, struct lane *lane, struct store_job *job,
		 int error)
{
	job->error = error;
	job->failed = lane->blame;
	job->failed_disk = store_failed_disk(lanes->store);
	lane->blame = NULL;
	lanes->ops->done(lanes->context, job);
}

/* The store's failure counts for both lanes: a sync loses what others wrote. */
static bool lane_failed(const struct lanes *lanes, const struct lane *lane)
{
	return lane->failed || *store_failure(lanes->store);
}

/* The first job may go to the thread as soon as the lane is empty. */
static void give_to_thread(struct lanes *lanes, struct lane *lane)
{
	if (lane->count)
		return;
	lane->thread = true;
	lanes->ops->thread(lanes->context, queue_pop(&lane->waiting));
}

/* The log. */

/* Entries of the appends that wait, from the first not taken on. */
static unsigned int gather(const struct lanes *lanes,
			   struct raft_entry **entries)
{
	const struct store_job *job = lanes->log.waiting.first;
	unsigned int skip = lanes->taken, count = 0, i;

	for (; job && job->type == STORE_JOB_APPEND && count < STORE_IOV_MAX;
	     job = job->next) {
		for (i = skip; i < job->count && count < STORE_IOV_MAX; i++)
			entries[count++] = job->entries[i];
		skip = 0;
	}
	return count;
}

/* @count entries are in the slot: with them the jobs that end there. */
static void take(struct lanes *lanes, struct append_slot *slot,
		 unsigned int count)
{
	struct store_job *job;

	lanes->taken += count;
	while ((job = lanes->log.waiting.first) &&
	       job->type == STORE_JOB_APPEND && lanes->taken >= job->count) {
		lanes->taken -= job->count;
		queue_add(&slot->jobs, queue_pop(&lanes->log.waiting));
	}
}

static void log_append(struct lanes *lanes)
{
	struct lane *lane = &lanes->log;
	unsigned int place = (lane->first + lane->count) % lanes->appends_max;
	struct append_slot *slot = &lanes->appends[place];
	struct store_append *append = &slot->append;
	struct raft_entry *entries[STORE_IOV_MAX];
	unsigned int count = gather(lanes, entries), i;
	int error;

	error = store_append_begin(lanes->store, entries, count, append);
	if (error) {
		lane->failed = true;
		lane->blame = "writing the log";
		fail(lanes, lane, queue_pop(&lane->waiting), error);
		return;
	}
	lane->count++;
	take(lanes, slot, append->count);
	slot->left = append->piece_count;
	slot->failed = false;
	for (i = 0; i < append->piece_count; i++) {
		slot->writes[i].piece = &append->pieces[i];
		slot->writes[i].slot = place;
		slot->writes[i].is_log = true;
		lanes->ops->write(lanes->context, &slot->writes[i]);
	}
}

void lanes_run_log(struct lanes *lanes)
{
	struct lane *lane = &lanes->log;

	while (lane->waiting.first && !lane->thread) {
		if (lane_failed(lanes, lane))
			fail(lanes, lane, queue_pop(&lane->waiting), -EIO);
		else if (lane->waiting.first->type != STORE_JOB_APPEND) {
			if (lane->count)
				break;
			give_to_thread(lanes, lane);
		} else if (lane->count < lanes->appends_max)
			log_append(lanes);
		else
			break;
	}
}

static bool append_failed(const struct lanes *lanes,
			  const struct append_slot *slot)
{
	if (planted(PLANTED_FAILURE_FORGOTTEN))
		return slot->failed;
	return slot->failed || lane_failed(lanes, &lanes->log);
}

static void append_answer(struct lanes *lanes, struct append_slot *slot,
			  bool failed)
{
	struct store_job *job;

	while ((job = queue_pop(&slot->jobs))) {
		if (failed)
			fail(lanes, &lanes->log, job, -EIO);
		else
			lanes->ops->done(lanes->context, job);
	}
}

static void log_finish(struct lanes *lanes)
{
	struct lane *lane = &lanes->log;
	struct append_slot *slot;
	bool failed;

	while (lane->count && !lanes->appends[lane->first].left) {
		slot = &lanes->appends[lane->first];
		lane->first = (lane->first + 1) % lanes->appends_max;
		lane->count--;
		failed = append_failed(lanes, slot);
		if (!failed)
			store_append_end(lanes->store, &slot->append);
		append_answer(lanes, slot, failed);
	}
}

/* The image. */

static bool overlap(const struct store_plan *one,
		    const struct store_plan *other)
{
	unsigned int i = 0, k = 0;

	if (planted(PLANTED_OVERLAP_IGNORED))
		return false;
	while (i < one->count && k < other->count) {
		const struct store_piece *a = &one->pieces[i];
		const struct store_piece *b = &other->pieces[k];

		if (a->offset + a->bytes <= b->offset)
			i++;
		else if (b->offset + b->bytes <= a->offset)
			k++;
		else
			return true;
	}
	return false;
}

static bool must_wait(const struct lanes *lanes, const struct store_plan *plan)
{
	const struct lane *lane = &lanes->image;
	unsigned int i;

	if (lanes->image_writes + plan->count > LANES_WRITES_MAX && lane->count)
		return true;
	for (i = 0; i < lane->count; i++)
		if (overlap(plan,
			    &lanes->plans[(lane->first + i) % LANES_PLANS_MAX]
				     .plan))
			return true;
	return false;
}

static void plan_answer(struct lanes *lanes, struct plan_slot *slot)
{
	struct store_job *job = slot->job;

	slot->job = NULL;
	if (!job)
		return; /* answered: see PLANTED_APPLIED_UNWRITTEN */
	if (lane_failed(lanes, &lanes->image))
		fail(lanes, &lanes->image, job, -EIO);
	else
		lanes->ops->done(lanes->context, job);
}

static void image_finish(struct lanes *lanes)
{
	struct lane *lane = &lanes->image;
	struct plan_slot *slot;

	while (lane->count && !lanes->plans[lane->first].left) {
		slot = &lanes->plans[lane->first];
		lane->first = (lane->first + 1) % LANES_PLANS_MAX;
		lane->count--;
		plan_answer(lanes, slot);
	}
}

/* Return: false when the first job that waits has to go on waiting. */
static bool image_apply(struct lanes *lanes)
{
	struct lane *lane = &lanes->image;
	unsigned int place = (lane->first + lane->count) % LANES_PLANS_MAX;
	struct plan_slot *slot = &lanes->plans[place];
	struct store_job *job = lane->waiting.first;
	unsigned int i;

	if (lane->count == LANES_PLANS_MAX)
		return false;
	if (!store_plan_apply(lanes->store, job->entries, job->count,
			      &slot->plan)) {
		give_to_thread(lanes, lane);
		return lane->thread;
	}
	if (must_wait(lanes, &slot->plan))
		return false;
	lane->count++;
	slot->job = queue_pop(&lane->waiting);
	slot->left = slot->plan.count;
	lanes->image_writes += slot->plan.count;
	for (i = 0; i < slot->plan.count; i++) {
		slot->writes[i].piece = &slot->plan.pieces[i];
		slot->writes[i].slot = place;
		slot->writes[i].is_log = false;
		lanes->ops->write(lanes->context, &slot->writes[i]);
	}
	if (planted(PLANTED_APPLIED_UNWRITTEN))
		plan_answer(lanes, slot);
	image_finish(lanes);
	return true;
}

/* Is there nothing but entries to be applied? */
static bool image_may_wait(const struct lanes *lanes)
{
	const struct store_job *job = lanes->image.waiting.first;

	while (job && job->type == STORE_JOB_APPLY)
		job = job->next;
	return !job && lanes->image.waiting.first;
}

bool lanes_run_image(struct lanes *lanes, bool idle)
{
	struct lane *lane = &lanes->image;

	lanes->held = !lanes->held && idle && image_may_wait(lanes);
	if (lanes->held)
		return true;
	while (lane->waiting.first && !lane->thread) {
		if (lane_failed(lanes, lane) &&
		    !store_job_reads(lane->waiting.first))
			fail(lanes, lane, queue_pop(&lane->waiting), -EIO);
		else if (lane->waiting.first->type == STORE_JOB_APPLY) {
			if (!image_apply(lanes))
				break;
		} else {
			if (lane->count)
				break;
			give_to_thread(lanes, lane);
		}
	}
	return false;
}

static void write_failed(struct lanes *lanes, struct lane *lane,
			 const struct lane_write *write, int error)
{
	store_write_failed(lanes->store, write->piece->offset, error);
	if (!lane->failed)
		lane->blame = write->is_log ? "writing the log" :
					      "writing the data area";
	lane->failed = true;
}

static void log_written(struct lanes *lanes, struct lane_write *write,
			int error)
{
	struct append_slot *slot = &lanes->appends[write->slot];

	if (error) {
		write_failed(lanes, &lanes->log, write, error);
		slot->failed = true;
	}
	slot->left--;
	if (planted(PLANTED_ANSWERED_OUT_OF_ORDER) && !slot->left)
		append_answer(lanes, slot, append_failed(lanes, slot));
	log_finish(lanes);
}

static void image_written(struct lanes *lanes, struct lane_write *write,
			  int error)
{
	struct plan_slot *slot = &lanes->plans[write->slot];

	if (error)
		write_failed(lanes, &lanes->image, write, error);
	slot->left--;
	lanes->image_writes--;
	image_finish(lanes);
}

void lanes_written(struct lanes *lanes, struct lane_write *write, int error)
{
	if (write->is_log)
		log_written(lanes, write, error);
	else
		image_written(lanes, write, error);
}

void lanes_returned(struct lanes *lanes, const struct store_job *job)
{
	struct lane *lane = store_job_is_log(job) ? &lanes->log : &lanes->image;

	if (!store_job_overtakes(job))
		lane->thread = false;
}
