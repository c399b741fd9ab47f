/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Jobs: what is asked of a store.  The caller takes one from its pool, fills in
 * what the type needs and passes it on; its executor returns it with the
 * result.  The daemon, the simulator and the tests share this struct and its
 * executor, store_job_run().  lanes/ does appends and applies without waiting,
 * by the same struct.
 *
 * A job that should write and can't is final for the store: every later one
 * fails.  Reads may still help other nodes.  What can't be read back from the log
 * is no failure of a disk: LOG_READ with -EIO or -EBADMSG, APPLY with -EBADMSG.
 * The entry is lost here, and other nodes have it.
 */
#ifndef STORE_JOB_H
#define STORE_JOB_H

#include "raft/raft.h"
#include "store/store.h"

#define STORE_JOB_ENTRIES_MAX RAFT_APPEND_MAX

enum store_job_type {
	/* Of the log: in the order in which they were asked for */
	STORE_JOB_APPEND, /* entries; durable when it is done */
	STORE_JOB_TRUNCATE, /* index: from */
	STORE_JOB_STATE, /* state */
	STORE_JOB_RESET, /* checkpoint: the base */
	STORE_JOB_NOTE, /* see store_log_note(); may overtake */
	/* Of the data area: in their order */
	STORE_JOB_APPLY, /* entries */
	STORE_JOB_COPY_READ, /* offset, length; out: buf, crc */
	STORE_JOB_COPY_WRITE, /* offset, length, data, buf */
	/* Concern only what is finished: at any time */
	STORE_JOB_CHECKPOINT, /* checkpoint; out: base_index */
	STORE_JOB_LOG_READ, /* index: first, wanted; out: entries */
};

struct store_job_pool;

struct store_job {
	struct store_job *next; /* of the queue that it is in */
	struct store_job_pool *pool; /* NULL: none's */
	unsigned int number; /* in the pool, from 0 */
	enum store_job_type type;
	/* What comes back */
	int error; /* 0 or a negative errno */
	const char *failed; /* what a disk failed at: final; else NULL */
	unsigned int failed_disk; /* which: 0 the first, 1 the second */
	uint64_t base_index; /* the log's new base */
	uint32_t crc; /* of buf's bytes; 0 without */
	/* What is asked for */
	uint32_t length; /* bytes */
	uint64_t offset; /* bytes of the volume */
	uint64_t index; /* of STATE: the caller's */
	unsigned int wanted; /* entries, at most STORE_JOB_ENTRIES_MAX */
	uint32_t peer; /* the caller's: for which node it is read */
	uint64_t seq; /* the caller's, of APPEND and STATE */
	struct raft_hard_state state;
	struct store_checkpoint checkpoint;
	const uint8_t *data; /* in buf; NULL: zeroes */
	struct base_buf
		*buf; /* a reference, the job's; COPY_READ: NULL: zeroes */
	/* References, the job's */
	unsigned int count;
	struct raft_entry *entries[STORE_JOB_ENTRIES_MAX];
};

/* The jobs that a caller may have outstanding at once. */
struct store_job_pool {
	struct store_job *free;
	unsigned int made;
	unsigned int busy;
	unsigned int most;
};

/** store_job_pool_init() - of at most @most jobs, made as they are needed */
void store_job_pool_init(struct store_job_pool *pool, unsigned int most);
/** store_job_pool_end() - with none outstanding */
void store_job_pool_end(struct store_job_pool *pool);
/** store_job_pool_left() - how many more may be outstanding */
unsigned int store_job_pool_left(const struct store_job_pool *pool);

/** store_job_new() - NULL: the most are outstanding, or no memory */
struct store_job *store_job_new(struct store_job_pool *pool,
				enum store_job_type type);
/** store_job_free() - back to its pool, with what it refers to dropped */
void store_job_free(struct store_job *job);
/** store_job_add() - one more entry, of which a reference is taken */
void store_job_add(struct store_job *job, struct raft_entry *entry);

static inline bool store_job_is_log(const struct store_job *job)
{
	return job->type <= STORE_JOB_NOTE;
}

/** store_job_overtakes() - need it not wait for those before it? */
static inline bool store_job_overtakes(const struct store_job *job)
{
	return job->type == STORE_JOB_NOTE || job->type >= STORE_JOB_CHECKPOINT;
}

static inline bool store_job_reads(const struct store_job *job)
{
	return job->type == STORE_JOB_LOG_READ ||
	       job->type == STORE_JOB_COPY_READ;
}

/**
 * store_job_run() - carry out a job, and those behind it that share its writes
 * @jobs: by job->next, all of the log or none.  The log's and NOTE are the log
 *	thread's, the others the image thread's (see store.h)
 * Appends that follow each other are written in one go and synced once; what is
 * applied likewise.
 * Return: the first that was not carried out, NULL: all were
 */
struct store_job *store_job_run(struct store *store, struct store_job *jobs);

#endif
