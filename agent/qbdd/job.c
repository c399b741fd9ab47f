// SPDX-License-Identifier: GPL-2.0
/* See job.h.  The pool is the loop's alone. */
#include "qbdd/job.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "qbdd/thread.h"

int job_pool_fill(struct job_pool *pool)
{
	struct job *job;
	unsigned int i;

	for (i = 0; i < JOBS_READY; i++) {
		job = calloc(1, sizeof(*job));
		if (!job)
			return -ENOMEM;
		job->next = pool->free;
		pool->free = job;
	}
	return 0;
}

void job_pool_empty(struct job_pool *pool)
{
	struct job *job;

	while ((job = pool->free)) {
		pool->free = job->next;
		free(job);
	}
}

struct job *job_new(struct job_pool *pool, enum job_type type)
{
	struct job *job = pool->free;

	if (job)
		pool->free = job->next;
	else
		job = malloc(sizeof(*job));
	assert(job);
	memset(job, 0, offsetof(struct job, entries));
	job->type = type;
	return job;
}

void job_free(struct job_pool *pool, struct job *job)
{
	unsigned int i;

	for (i = 0; i < job->count; i++)
		raft_entry_put(job->entries[i]);
	base_buf_put(job->buf);
	job->next = pool->free;
	pool->free = job;
}

int worker_start(struct worker *worker, const char *name,
		 void *(*run)(void *worker), struct store *store,
		 struct qbdd_queue *out)
{
	int code = qbdd_queue_init(&worker->in);

	if (code)
		return code;
	worker->store = store;
	worker->out = out;
	code = pthread_create(&worker->thread, NULL, run, worker);
	if (code) {
		qbdd_queue_destroy(&worker->in);
		return -code;
	}
	pthread_setname_np(worker->thread, name);
	return 0;
}

bool worker_stop(struct worker *worker, struct job_pool *pool,
		 unsigned int timeout_ms)
{
	struct job *job = job_new(pool, JOB_STOP);

	qbdd_queue_put(&worker->in, &job->item);
	qbdd_queue_wake(&worker->in);
	if (!qbdd_join(worker->thread, timeout_ms))
		return false;
	qbdd_queue_destroy(&worker->in);
	job_free(pool, job);
	return true;
}
