// SPDX-License-Identifier: GPL-2.0
/* See worker.h. */
#include "qbdd/worker.h"

#include "base/list.h"
#include "qbdd/thread.h"

/* What was queued, in order; *stop: it ends with that. */
static struct store_job *jobs_take(struct worker *worker, bool *stop)
{
	struct store_job *first = NULL, **last = &first;
	struct worker_item *taken;
	struct qbdd_item *item;
	struct qbdd_list list;

	if (!qbdd_queue_take(&worker->in, &list))
		return NULL;
	while ((item = qbdd_list_next(&list))) {
		taken = base_container_of(item, struct worker_item, item);
		if (!taken->job) {
			*stop = true;
			break;
		}
		*last = taken->job;
		last = &taken->job->next;
	}
	*last = NULL;
	return first;
}

/* The jobs from @job up to @end; each is the loop's once it is put. */
static void jobs_return(struct worker *worker, struct store_job *job,
			const struct store_job *end)
{
	struct store_job *next;

	for (; job != end; job = next) {
		next = job->next;
		qbdd_queue_put(worker->out, &worker->items[job->number].item);
	}
	qbdd_queue_wake(worker->out);
}

static void *worker_thread(void *argument)
{
	struct worker *worker = argument;
	struct store_job *jobs, *next;
	bool stop = false;

	while (!stop) {
		qbdd_queue_wait(&worker->in, -1);
		for (jobs = jobs_take(worker, &stop); jobs; jobs = next) {
			next = store_job_run(worker->store, jobs);
			jobs_return(worker, jobs, next);
		}
	}
	/* If it can't, the next start reads more of the log. */
	if (worker->is_log)
		store_log_note(worker->store);
	return NULL;
}

int worker_start(struct worker *worker, bool is_log, struct store *store,
		 struct worker_item *items, struct qbdd_queue *out)
{
	int code = qbdd_queue_init(&worker->in);

	if (code)
		return code;
	worker->is_log = is_log;
	worker->store = store;
	worker->items = items;
	worker->out = out;
	worker->stop.job = NULL;
	code = pthread_create(&worker->thread, NULL, worker_thread, worker);
	if (code) {
		qbdd_queue_destroy(&worker->in);
		return -code;
	}
	pthread_setname_np(worker->thread, is_log ? "qbdd-log" : "qbdd-image");
	return 0;
}

void worker_put(struct worker *worker, struct store_job *job)
{
	struct worker_item *item = &worker->items[job->number];

	item->job = job;
	qbdd_queue_put(&worker->in, &item->item);
	worker->wake = true;
}

void worker_wake(struct worker *worker)
{
	if (worker->wake)
		qbdd_queue_wake(&worker->in);
	worker->wake = false;
}

bool worker_stop(struct worker *worker, unsigned int timeout_ms)
{
	qbdd_queue_put(&worker->in, &worker->stop.item);
	qbdd_queue_wake(&worker->in);
	if (!qbdd_join(worker->thread, timeout_ms))
		return false;
	qbdd_queue_destroy(&worker->in);
	return true;
}
