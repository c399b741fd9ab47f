// SPDX-License-Identifier: GPL-2.0
/*
 * The image thread: applies committed entries, makes checkpoints, and reads and
 * writes for peers that are filled.  Jobs are carried out strictly in order:
 * node/ relies on a copy's chunk being read after what was applied before.
 */
#include <errno.h>
#include <string.h>

#include "base/crc.h"
#include "base/list.h"
#include "qbdd/job.h"

#define MERGE_ENTRIES_MAX 512 /* applied in one store_apply() */

/* Apply jobs that follow each other, carried out together. */
struct merge {
	struct job *first;
	struct job **last;
	unsigned int count;
	struct raft_entry *entries[MERGE_ENTRIES_MAX];
};

static void image_fail(struct worker *worker, struct job *job, int error,
		       const char *what)
{
	worker->failed = true;
	job->error = error;
	job->failed = what;
}

static void merge_clear(struct merge *merge)
{
	merge->first = NULL;
	merge->last = &merge->first;
	merge->count = 0;
}

static void merge_finish(struct worker *worker, struct merge *merge)
{
	struct job *job = merge->first;
	struct job *next;
	int error = -EIO;

	if (!job)
		return;
	if (!worker->failed) {
		error = store_apply(worker->store, merge->entries,
				    merge->count);
		if (error)
			image_fail(worker, job, error, "writing the data area");
	}
	for (; job; job = next) {
		next = job->next; /* it is the loop's once it is put */
		job->error = error;
		qbdd_queue_put(worker->out, &job->item);
	}
	qbdd_queue_wake(worker->out);
	merge_clear(merge);
}

static void merge_gather(struct worker *worker, struct merge *merge,
			 struct job *job)
{
	if (merge->count + job->count > MERGE_ENTRIES_MAX)
		merge_finish(worker, merge);
	job->next = NULL;
	*merge->last = job;
	merge->last = &job->next;
	memcpy(merge->entries + merge->count, job->entries,
	       job->count * sizeof(job->entries[0]));
	merge->count += job->count;
}

static void image_checkpoint(struct worker *worker, struct job *job)
{
	int error;

	if (worker->failed) {
		job->error = -EIO;
		return;
	}
	error = store_checkpoint(worker->store, &job->checkpoint,
				 &job->base_index);
	if (error)
		image_fail(worker, job, error, "saving a checkpoint");
}

/* As many as can be read; an error only when it is the first that can't. */
static void image_log_read(struct worker *worker, struct job *job)
{
	int error;

	while (job->count < job->length) {
		error = store_log_read(worker->store, job->index + job->count,
				       &job->entries[job->count]);
		if (error) {
			job->error = job->count ? 0 : error;
			if (job->error == -EIO || job->error == -EBADMSG)
				job->failed = "reading the log";
			return;
		}
		job->count++;
	}
}

static bool all_zero(const uint8_t *bytes, uint32_t size)
{
	return size == 0 ||
	       (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static void image_copy_read(struct worker *worker, struct job *job)
{
	struct base_buf *buf = base_buf_new(job->length);

	if (!buf) {
		job->error = -ENOMEM;
		return;
	}
	job->error = store_image_read(worker->store, job->offset, buf->data,
				      job->length);
	/* What can't be read can't be copied to others either, by nobody. */
	if (job->error)
		job->failed = "reading the data area";
	if (job->error || all_zero(buf->data, job->length)) {
		base_buf_put(buf);
		return;
	}
	job->buf = buf;
	job->crc = base_crc32c(0, buf->data, job->length);
}

static void image_copy_write(struct worker *worker, struct job *job)
{
	int error;

	if (worker->failed) {
		job->error = -EIO;
		return;
	}
	error = store_image_write(worker->store, job->offset, job->data,
				  job->length);
	if (error)
		image_fail(worker, job, error, "writing the data area");
}

static void image_execute(struct worker *worker, struct job *job)
{
	switch (job->type) {
	case JOB_CHECKPOINT:
		image_checkpoint(worker, job);
		break;
	case JOB_LOG_READ:
		image_log_read(worker, job);
		break;
	case JOB_COPY_READ:
		image_copy_read(worker, job);
		break;
	case JOB_COPY_WRITE:
		image_copy_write(worker, job);
		break;
	default:
		break;
	}
	qbdd_queue_put(worker->out, &job->item);
	qbdd_queue_wake(worker->out);
}

/* Return: false when it was told to end. */
static bool image_batch(struct worker *worker, struct merge *merge,
			struct qbdd_list *list)
{
	struct qbdd_item *item;

	while ((item = qbdd_list_next(list))) {
		struct job *job = base_container_of(item, struct job, item);

		if (job->type == JOB_APPLY) {
			merge_gather(worker, merge, job);
			continue;
		}
		merge_finish(worker, merge);
		if (job->type == JOB_STOP)
			return false;
		image_execute(worker, job);
	}
	merge_finish(worker, merge);
	return true;
}

void *image_thread(void *argument)
{
	static struct merge merge; /* large; there is one image thread */
	struct worker *worker = argument;
	struct qbdd_list list;
	bool go_on = true;

	merge_clear(&merge);
	while (go_on) {
		qbdd_queue_wait(&worker->in, -1);
		if (qbdd_queue_take(&worker->in, &list))
			go_on = image_batch(worker, &merge, &list);
	}
	return NULL;
}
