// SPDX-License-Identifier: GPL-2.0
/* See job.h. */
#include "store/job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "store/internal.h"

#define RUN_ENTRIES_MAX 1024 /* appended or applied in one go */

void store_job_pool_init(struct store_job_pool *pool, unsigned int most)
{
	memset(pool, 0, sizeof(*pool));
	pool->most = most;
}

void store_job_pool_end(struct store_job_pool *pool)
{
	struct store_job *job;

	assert(!pool->busy);
	while ((job = pool->free)) {
		pool->free = job->next;
		free(job);
	}
}

unsigned int store_job_pool_left(const struct store_job_pool *pool)
{
	return pool->most - pool->busy;
}

struct store_job *store_job_new(struct store_job_pool *pool,
				enum store_job_type type)
{
	struct store_job *job = pool->free;
	unsigned int number;

	if (pool->busy == pool->most)
		return NULL;
	if (job) {
		pool->free = job->next;
		number = job->number;
	} else {
		job = malloc(sizeof(*job));
		if (!job)
			return NULL;
		number = pool->made++;
	}
	memset(job, 0, offsetof(struct store_job, entries));
	job->pool = pool;
	job->number = number;
	job->type = type;
	pool->busy++;
	return job;
}

void store_job_free(struct store_job *job)
{
	struct store_job_pool *pool = job->pool;
	unsigned int i;

	for (i = 0; i < job->count; i++)
		raft_entry_put(job->entries[i]);
	base_buf_put(job->buf);
	job->next = pool->free;
	pool->free = job;
	pool->busy--;
}

void store_job_add(struct store_job *job, struct raft_entry *entry)
{
	assert(job->count < STORE_JOB_ENTRIES_MAX);
	job->entries[job->count++] = raft_entry_get(entry);
}

/* Final, whatever it was: what is behind it must not be done without it. */
static void write_end(struct store *store, struct store_job *job, int error,
		      const char *what)
{
	job->error = error;
	if (!error)
		return;
	job->failed = what;
	store_fail(store, what, 0, error);
	job->failed_disk = store_failed_disk(store);
}

/* Jobs of one type, from the first on, as one array of entries. */
struct run {
	struct store_job *end; /* the first that is not in it */
	unsigned int count;
	struct raft_entry *entries[RUN_ENTRIES_MAX];
};

static void run_gather(struct run *run, struct store_job *jobs)
{
	run->count = 0;
	for (run->end = jobs; run->end && run->end->type == jobs->type &&
			      run->count + run->end->count <= RUN_ENTRIES_MAX;
	     run->end = run->end->next) {
		memcpy(run->entries + run->count, run->end->entries,
		       run->end->count * sizeof(run->entries[0]));
		run->count += run->end->count;
	}
}

/* The first is to blame; none of the others is done either. */
static struct store_job *entries_run(struct store *store,
				     struct store_job *jobs)
{
	const char *what = "writing the data area";
	struct store_job *job;
	struct run run;
	int error;

	run_gather(&run, jobs);
	if (jobs->type == STORE_JOB_APPLY) {
		error = store_apply(store, run.entries, run.count);
	} else {
		what = "writing the log";
		error = store_log_append(store, run.entries, run.count);
		if (!error)
			error = store_log_sync(store);
	}
	if (error == -EBADMSG) /* not read: no disk has failed to write */
		jobs->error = error;
	else
		write_end(store, jobs, error, what);
	for (job = jobs->next; job != run.end; job = job->next)
		job->error = error;
	return run.end;
}

static void truncate_run(struct store *store, struct store_job *job)
{
	int error = store_log_truncate(store, job->index);

	if (!error)
		error = store_log_sync(store);
	write_end(store, job, error, "truncating the log");
}

/* As many as can be read; an error only when it is the first that can't. */
static void log_read_run(struct store *store, struct store_job *job)
{
	int error = 0;

	while (job->count < job->wanted && !error) {
		error = store_log_read(store, job->index + job->count,
				       &job->entries[job->count]);
		job->count += !error;
	}
	job->error = job->count ? 0 : error;
}

static bool all_zero(const uint8_t *bytes, uint32_t size)
{
	return size == 0 ||
	       (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static void copy_read_run(struct store *store, struct store_job *job)
{
	struct base_buf *buf = base_buf_new(job->length);

	if (!buf) {
		job->error = -ENOMEM;
		return;
	}
	job->error =
		store_image_read(store, job->offset, buf->data, job->length);
	/* What can't be read can't be copied to other nodes either. */
	if (job->error)
		job->failed = "reading the data area";
	if (job->error || all_zero(buf->data, job->length)) {
		base_buf_put(buf);
		return;
	}
	job->buf = buf;
	job->crc = base_crc32c(0, buf->data, job->length);
}

static void one_run(struct store *store, struct store_job *job)
{
	switch (job->type) {
	case STORE_JOB_TRUNCATE:
		truncate_run(store, job);
		break;
	case STORE_JOB_STATE:
		write_end(store, job, store_state_save(store, &job->state),
			  "saving term and vote");
		break;
	case STORE_JOB_RESET:
		write_end(store, job, store_log_reset(store, &job->checkpoint),
			  "beginning a new log");
		break;
	case STORE_JOB_NOTE:
		write_end(store, job, store_log_note(store),
			  "noting the log's end");
		break;
	case STORE_JOB_COPY_WRITE:
		write_end(store, job,
			  store_image_write(store, job->offset, job->data,
					    job->length),
			  "writing the data area");
		break;
	case STORE_JOB_CHECKPOINT:
		write_end(store, job,
			  store_checkpoint(store, &job->checkpoint,
					   &job->base_index),
			  "saving a checkpoint");
		break;
	default:
		break;
	}
}

struct store_job *store_job_run(struct store *store, struct store_job *jobs)
{
	struct store_job *next = jobs->next;

	if (jobs->type == STORE_JOB_LOG_READ) {
		log_read_run(store, jobs);
	} else if (jobs->type == STORE_JOB_COPY_READ) {
		copy_read_run(store, jobs);
	} else if (store_usable(store)) {
		jobs->error = -EIO;
	} else if (jobs->type == STORE_JOB_APPEND ||
		   jobs->type == STORE_JOB_APPLY) {
		next = entries_run(store, jobs);
	} else {
		one_run(store, jobs);
	}
	return next;
}
