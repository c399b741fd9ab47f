// SPDX-License-Identifier: GPL-2.0
/*
 * The log thread: appends, truncates, saves the state; the only one that uses
 * the store's store_log_* and store_state_save.
 *
 * It takes everything that is queued, writes consecutive appends in one go, and
 * syncs once for all of them: while one sync runs, the next group gathers.  A
 * job comes back only when what it asked for is durable; when the disk has
 * failed it comes back with an error, and never as done.
 */
#include <errno.h>
#include <string.h>

#include "base/list.h"
#include "qbdd/job.h"

#define GROUP_ENTRIES_MAX 1024 /* in one store_log_append() */
#define IDLE_MS 75 /* without work: tell the store */

struct group {
	struct job *first; /* carried out, to be given back after the sync */
	struct job **last;
	bool dirty; /* appended since the last sync */
	unsigned int count; /* gathered for one append */
	struct raft_entry *entries[GROUP_ENTRIES_MAX];
};

static void log_fail(struct worker *worker, struct job *job, int error,
		     const char *what)
{
	worker->failed = true;
	job->error = error;
	job->failed = what;
}

/* @job: who is blamed for a failure */
static void group_append(struct worker *worker, struct group *group,
			 struct job *job)
{
	int error;

	if (!group->count || worker->failed)
		return;
	error = store_log_append(worker->store, group->entries, group->count);
	if (error)
		log_fail(worker, job, error, "writing the log");
	group->count = 0;
	group->dirty = true;
}

static void group_gather(struct worker *worker, struct group *group,
			 struct job *job)
{
	if (group->count + job->count > GROUP_ENTRIES_MAX)
		group_append(worker, group, job);
	if (worker->failed)
		return;
	memcpy(group->entries + group->count, job->entries,
	       job->count * sizeof(job->entries[0]));
	group->count += job->count;
}

static void log_execute(struct worker *worker, struct group *group,
			struct job *job)
{
	int error = 0;

	if (job->type == JOB_APPEND) {
		group_gather(worker, group, job);
		return;
	}
	group_append(worker, group, job);
	if (worker->failed) {
		job->error = -EIO;
		return;
	}
	switch (job->type) {
	case JOB_TRUNCATE:
		error = store_log_truncate(worker->store, job->index);
		if (error)
			log_fail(worker, job, error, "truncating the log");
		group->dirty = true;
		break;
	case JOB_STATE:
		error = store_state_save(worker->store, &job->state);
		if (error)
			log_fail(worker, job, error, "saving term and vote");
		break;
	case JOB_RESET:
		error = store_log_reset(worker->store, &job->checkpoint);
		if (error)
			log_fail(worker, job, error, "beginning a new log");
		break;
	case JOB_NOTE:
		error = store_log_note(worker->store);
		if (error)
			log_fail(worker, job, error, "noting the log's end");
		break;
	default:
		break;
	}
}

/* What is not known to be durable must not be given back as if it were. */
static void group_fail(struct group *group)
{
	struct job *job;

	for (job = group->first; job; job = job->next)
		if (!job->error &&
		    (job->type == JOB_APPEND || job->type == JOB_TRUNCATE))
			job->error = -EIO;
}

static void group_finish(struct worker *worker, struct group *group)
{
	struct job *job = group->first;
	struct job *next;
	int error;

	if (!job)
		return;
	group_append(worker, group, job);
	if (group->dirty && !worker->failed) {
		error = store_log_sync(worker->store);
		if (error)
			log_fail(worker, job, error, "syncing the log");
	}
	if (worker->failed)
		group_fail(group);
	for (; job; job = next) {
		next = job->next; /* it is the loop's once it is put */
		qbdd_queue_put(worker->out, &job->item);
	}
	qbdd_queue_wake(worker->out);
}

/* Return: false when it was told to end. */
static bool log_batch(struct worker *worker, struct group *group,
		      struct qbdd_list *list)
{
	struct qbdd_item *item;
	bool go_on = true;

	group->first = NULL;
	group->last = &group->first;
	group->dirty = false;
	group->count = 0;
	while ((item = qbdd_list_next(list))) {
		struct job *job = base_container_of(item, struct job, item);

		if (job->type == JOB_STOP) {
			go_on = false;
			break;
		}
		job->next = NULL;
		*group->last = job;
		group->last = &job->next;
		log_execute(worker, group, job);
	}
	group_finish(worker, group);
	return go_on;
}

void *log_thread(void *argument)
{
	static struct group group; /* large; there is one log thread */
	struct worker *worker = argument;
	struct qbdd_list list;
	bool idle = false; /* and the store knows */
	bool go_on = true;

	while (go_on) {
		if (qbdd_queue_wait(&worker->in, idle ? -1 : IDLE_MS)) {
			qbdd_queue_take(&worker->in, &list);
			go_on = log_batch(worker, &group, &list);
			idle = false;
		} else if (!idle) {
			/* An error of it shows at the next write. */
			if (!worker->failed)
				store_log_note(worker->store);
			idle = true;
		}
	}
	if (!worker->failed)
		store_log_note(worker->store);
	return NULL;
}
