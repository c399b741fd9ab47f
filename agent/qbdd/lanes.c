// SPDX-License-Identifier: GPL-2.0
/* See lanes.h. */
#include "qbdd/lanes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct queue {
	struct job *first; /* by job->next */
	struct job **last;
};

/* An append, and the jobs whose last entries are in it. */
struct append_slot {
	struct store_append append;
	struct queue jobs;
	unsigned int left; /* writes not done */
	struct lane_write writes[2];
};

/* A job of the image lane that is being carried out. */
struct plan_slot {
	struct store_plan plan;
	struct job *job;
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
	bool appended;
	struct append_slot appends[LANES_APPENDS_MAX];
	struct plan_slot plans[LANES_PLANS_MAX];
};

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_add(struct queue *queue, struct job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static struct job *queue_pop(struct queue *queue)
{
	struct job *job = queue->first;

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
			lanes_free(lanes, NULL);
			return NULL;
		}
	}
	return lanes;
}

static void drop_all(struct queue *queue, struct job_pool *pool)
{
	struct job *job;

	while ((job = queue_pop(queue)))
		job_free(pool, job);
}

void lanes_free(struct lanes *lanes, struct job_pool *pool)
{
	unsigned int i;

	if (!lanes)
		return;
	drop_all(&lanes->log.waiting, pool);
	drop_all(&lanes->image.waiting, pool);
	for (i = 0; i < LANES_APPENDS_MAX; i++) {
		if (lanes->appends[i].jobs.last)
			drop_all(&lanes->appends[i].jobs, pool);
		store_append_free(&lanes->appends[i].append);
	}
	for (i = 0; i < LANES_PLANS_MAX; i++)
		if (lanes->plans[i].job)
			job_free(pool, lanes->plans[i].job);
	free(lanes);
}

static bool goes_at_once(const struct job *job)
{
	return job->type == JOB_CHECKPOINT || job->type == JOB_LOG_READ ||
	       job->type == JOB_NOTE;
}

void lanes_put(struct lanes *lanes, struct job *job)
{
	if (goes_at_once(job))
		lanes->ops->thread(lanes->context, job);
	else if (job_is_log(job))
		queue_add(&lanes->log.waiting, job);
	else
		queue_add(&lanes->image.waiting, job);
}

static void fail(struct lanes *lanes, struct job *job, int error,
		 const char *what)
{
	job->error = error;
	job->failed = what;
	lanes->ops->done(lanes->context, job);
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
	const struct job *job = lanes->log.waiting.first;
	unsigned int skip = lanes->taken, count = 0, i;

	for (; job && job->type == JOB_APPEND && count < STORE_IOV_MAX;
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
	struct job *job;

	lanes->taken += count;
	while ((job = lanes->log.waiting.first) && job->type == JOB_APPEND &&
	       lanes->taken >= job->count) {
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
		fail(lanes, queue_pop(&lane->waiting), error,
		     "writing the log");
		return;
	}
	lane->count++;
	lanes->appended = true;
	take(lanes, slot, append->count);
	slot->left = append->piece_count;
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
		if (lane->failed)
			fail(lanes, queue_pop(&lane->waiting), -EIO, NULL);
		else if (lane->waiting.first->type != JOB_APPEND) {
			if (lane->count)
				break;
			give_to_thread(lanes, lane);
		} else if (lane->count < lanes->appends_max)
			log_append(lanes);
		else
			break;
	}
}

static void log_finish(struct lanes *lanes, struct append_slot *slot)
{
	struct job *job;

	if (!lanes->log.failed)
		store_append_end(lanes->store, &slot->append);
	while ((job = queue_pop(&slot->jobs))) {
		if (lanes->log.failed)
			fail(lanes, job, -EIO, job->failed);
		else
			lanes->ops->done(lanes->context, job);
	}
}

/* The image. */

static bool overlap(const struct store_plan *one,
		    const struct store_plan *other)
{
	unsigned int i = 0, k = 0;

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

static void image_finish(struct lanes *lanes)
{
	struct lane *lane = &lanes->image;
	struct plan_slot *slot;
	struct job *job;

	while (lane->count && !lanes->plans[lane->first].left) {
		slot = &lanes->plans[lane->first];
		lane->first = (lane->first + 1) % LANES_PLANS_MAX;
		lane->count--;
		job = slot->job;
		slot->job = NULL;
		if (lane->failed)
			fail(lanes, job, -EIO, job->failed);
		else
			lanes->ops->done(lanes->context, job);
	}
}

/* Return: false when the first job that waits has to go on waiting. */
static bool image_apply(struct lanes *lanes)
{
	struct lane *lane = &lanes->image;
	unsigned int place = (lane->first + lane->count) % LANES_PLANS_MAX;
	struct plan_slot *slot = &lanes->plans[place];
	struct job *job = lane->waiting.first;
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
	image_finish(lanes);
	return true;
}

void lanes_run_image(struct lanes *lanes)
{
	struct lane *lane = &lanes->image;

	while (lane->waiting.first && !lane->thread) {
		if (lane->failed)
			fail(lanes, queue_pop(&lane->waiting), -EIO, NULL);
		else if (lane->waiting.first->type == JOB_APPLY) {
			if (!image_apply(lanes))
				break;
		} else {
			if (lane->count)
				break;
			give_to_thread(lanes, lane);
		}
	}
}

/* The first is to blame, and says it for all. */
static void write_failed(struct lanes *lanes, struct lane *lane,
			 struct job *job, const struct lane_write *write,
			 int error)
{
	store_write_failed(lanes->store, write->piece->offset, error);
	lane->failed = true;
	if (job)
		job->failed = write->is_log ? "writing the log" :
					      "writing the data area";
}

void lanes_written(struct lanes *lanes, struct lane_write *write, int error)
{
	struct lane *lane = write->is_log ? &lanes->log : &lanes->image;
	struct append_slot *append;
	struct plan_slot *plan;

	if (!write->is_log) {
		plan = &lanes->plans[write->slot];
		if (error)
			write_failed(lanes, lane, plan->job, write, error);
		plan->left--;
		lanes->image_writes--;
		image_finish(lanes);
		return;
	}
	append = &lanes->appends[write->slot];
	if (error)
		write_failed(lanes, lane, append->jobs.first, write, error);
	append->left--;
	while (lane->count && !lanes->appends[lane->first].left) {
		append = &lanes->appends[lane->first];
		lane->first = (lane->first + 1) % lanes->appends_max;
		lane->count--;
		log_finish(lanes, append);
	}
}

void lanes_returned(struct lanes *lanes, const struct job *job)
{
	if (!goes_at_once(job))
		(job_is_log(job) ? &lanes->log : &lanes->image)->thread = false;
}

bool lanes_image_may_wait(const struct lanes *lanes)
{
	const struct job *job = lanes->image.waiting.first;

	while (job && job->type == JOB_APPLY)
		job = job->next;
	return !job && lanes->image.waiting.first;
}

bool lanes_appended(struct lanes *lanes)
{
	bool appended = lanes->appended;

	lanes->appended = false;
	return appended;
}
