/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lanes: the order of the replica's jobs when the loop writes to the disk by
 * itself.  Appends go into the log lane, applies into the image lane.  Each has
 * many writes outstanding, and no thread has to be woken for them.
 *
 * A job that can't be done without waiting goes to the lane's thread, alone:
 * nothing else of its lane is outstanding beside it.  Jobs that overtake
 * (store_job_overtakes()) go to the threads at once.
 *
 * Jobs come back in the order in which they were put, except those that
 * overtake.  After the first failed write of a lane, and after any failure that
 * is final for the store, no later job of it comes back as done.
 *
 * Pure: no system calls, no clock, no threads.  The daemon's loop and the
 * simulator (tests/sim/model/jobs.c) drive this very code.
 */
#ifndef LANES_LANES_H
#define LANES_LANES_H

#include "store/job.h"

#define LANES_APPENDS_MAX 4 /* outstanding */
#define LANES_PLANS_MAX 8
#define LANES_WRITES_MAX 256 /* outstanding in the image lane, about */
#define LANES_HELD_US 100 /* delay of a write of the data area, at most */

struct lanes;

/* A write that was begun; what the caller gives back when it is done. */
struct lane_write {
	const struct store_piece *piece;
	unsigned int slot; /* of its lane */
	bool is_log;
};

struct lanes_ops {
	/*
	 * Begin it; @write->piece stays until lanes_written().  A write of the
	 * log must be durable when it is done.
	 */
	void (*write)(void *context, struct lane_write *write);
	/* Give it to its thread; lanes_returned() follows. */
	void (*thread)(void *context, struct store_job *job);
	/* It is over, see job->error: the callee's. */
	void (*done)(void *context, struct store_job *job);
};

/**
 * lanes_new() - lanes of a store
 * @appends: how many may be outstanding, 1 to LANES_APPENDS_MAX.  A disk whose
 *	writes need a flush does better with few: jobs that wait share one
 * Return: the caller's, for lanes_free(); NULL: no memory
 */
struct lanes *lanes_new(struct store *store, unsigned int appends,
			const struct lanes_ops *ops, void *context);
/** lanes_free() - drops its jobs, and the memory of their writes */
void lanes_free(struct lanes *lanes);

/** lanes_put() - take over @job; one that overtakes goes to its thread */
void lanes_put(struct lanes *lanes, struct store_job *job);
/** lanes_run_log() - begin what can be begun */
void lanes_run_log(struct lanes *lanes);
/**
 * lanes_run_image() - likewise
 * @idle: the device waits for nothing.  Then a lone write was just answered,
 * and
 *	its user may send the next one, which takes longer than an apply: so the
 *	apply is held back, once
 * Return: is something held back?  Then call again within LANES_HELD_US.
 */
bool lanes_run_image(struct lanes *lanes, bool idle);
/** lanes_written() - @error: 0 or a negative errno */
void lanes_written(struct lanes *lanes, struct lane_write *write, int error);
/** lanes_returned() - @job comes from its thread, and stays the caller's */
void lanes_returned(struct lanes *lanes, const struct store_job *job);

#endif
