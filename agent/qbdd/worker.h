/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Workers: the log and the image thread, which carry out jobs that may wait for
 * the disk (store/job.h).  A job belongs to its worker until it comes back
 * through the loop's queue with its result.
 *
 * A worker takes everything that is queued.  Jobs that store_job_run() does in
 * one go share one sync; meanwhile the next group gathers.
 */
#ifndef QBDD_WORKER_H
#define QBDD_WORKER_H

#include <pthread.h>

#include "qbdd/queue.h"
#include "store/job.h"

/* A job's place in the queues, to the worker and back. */
struct worker_item {
	struct qbdd_item item;
	struct store_job *job; /* NULL: end; does not come back */
};

struct worker {
	struct qbdd_queue in;
	struct qbdd_queue *out; /* the loop's */
	struct store *store;
	struct worker_item *items; /* by job->number */
	struct worker_item stop;
	pthread_t thread;
	bool is_log;
	/* The loop's: jobs given to the thread or a lane, and not back. */
	unsigned int pending;
	bool wake; /* something is in its queue that it may not know of */
	uint64_t waiting_us; /* since then; 0: nothing pending */
};

/**
 * worker_start() - make the thread; all signals are blocked in it
 * @is_log: it is the log thread, and notes the log's end when it ends
 * @items: one for each job's number, shared by all workers
 * @out: whose items are struct worker_item
 * Return: 0 or a negative errno
 */
int worker_start(struct worker *worker, bool is_log, struct store *store,
		 struct worker_item *items, struct qbdd_queue *out);
/** worker_put() - queue @job; worker_wake() makes the worker notice */
void worker_put(struct worker *worker, struct store_job *job);
void worker_wake(struct worker *worker);
/**
 * worker_stop() - let it finish what it has, and end
 * Return: false when it has not ended within @timeout_ms: its disk hangs, and
 * nothing that it uses may be freed.
 */
bool worker_stop(struct worker *worker, unsigned int timeout_ms);

#endif
