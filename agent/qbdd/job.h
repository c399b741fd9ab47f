/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Jobs: what the loop asks of the log and the image thread.  A job goes to its
 * thread, comes back through the loop's queue with its result, and is used
 * again.  Only the loop makes and frees them, and only the loop drops the
 * references that they hold.
 */
#ifndef QBDD_JOB_H
#define QBDD_JOB_H

#include "qbdd/queue.h"
#include "raft/entry.h"
#include "store/store.h"

#define JOB_ENTRIES_MAX 128
#define JOBS_READY 256 /* made at the start */

enum job_type {
	/* of the log thread */
	JOB_APPEND,
	JOB_TRUNCATE,
	JOB_STATE,
	JOB_RESET,
	JOB_NOTE,
	/* of the image thread */
	JOB_APPLY,
	JOB_CHECKPOINT,
	JOB_LOG_READ,
	JOB_COPY_READ,
	JOB_COPY_WRITE,
	/* of both: end; does not come back */
	JOB_STOP,
};

struct job {
	struct qbdd_item item;
	struct job *next; /* in the pool, or in a thread's own list */
	enum job_type type;
	int error;
	const char *failed; /* what the disk failed at: final; else NULL */
	uint64_t index; /* TRUNCATE: from, LOG_READ: first, APPEND: last */
	uint64_t seq;
	uint64_t base_index; /* CHECKPOINT: the log's new base */
	uint64_t offset;
	uint32_t length; /* bytes; LOG_READ: entries wanted */
	uint32_t peer;
	uint32_t crc;
	struct raft_hard_state state;
	struct store_checkpoint checkpoint;
	const uint8_t *data;
	struct base_buf *buf;
	unsigned int count;
	struct raft_entry *entries[JOB_ENTRIES_MAX];
};

/* Which thread's? */
static inline bool job_is_log(const struct job *job)
{
	return job->type <= JOB_NOTE;
}

struct job_pool {
	struct job *free;
};

/** job_pool_fill() - make JOBS_READY of them; 0 or -ENOMEM */
int job_pool_fill(struct job_pool *pool);
void job_pool_empty(struct job_pool *pool);
/** job_new() - never NULL: asserts when memory is short (stopping is safe) */
struct job *job_new(struct job_pool *pool, enum job_type type);
/** job_free() - drops entries and buf */
void job_free(struct job_pool *pool, struct job *job);

/* A job's thread. */
struct worker {
	struct qbdd_queue in;
	struct qbdd_queue *out; /* the loop's */
	struct store *store;
	pthread_t thread;
	bool failed; /* the disk is out: nothing is tried any more */
	/* The loop's: what was given, to the thread or to a lane, and is not back. */
	unsigned int pending;
	bool wake; /* something is in its queue that it may not know of */
	uint64_t waiting_us; /* since then; 0: nothing pending */
};

/**
 * worker_start() - make the thread; all signals are blocked in it
 * Return: 0 or a negative errno
 */
int worker_start(struct worker *worker, const char *name,
		 void *(*run)(void *worker), struct store *store,
		 struct qbdd_queue *out);
/**
 * worker_stop() - let it finish what it has, and end
 * Return: false when it has not ended within @timeout_ms: its disk hangs, and
 * nothing that it uses may be freed.
 */
bool worker_stop(struct worker *worker, struct job_pool *pool,
		 unsigned int timeout_ms);

void *log_thread(void *worker);
void *image_thread(void *worker);

#endif
