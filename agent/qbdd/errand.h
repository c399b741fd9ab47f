/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Errands: what other threads bring to the loop, and what the loop delegates
 * because it may block: name lookups, netlink's answers.
 *
 * A helper is one thread that runs its errands in order, and passes each to the
 * loop's queue when it is over.  Commands come through the same queue.
 * Ownership of an errand: the loop until helper_put(), the helper until it is
 * in the loop's queue, the loop again in back().
 */
#ifndef QBDD_ERRAND_H
#define QBDD_ERRAND_H

#include "qbdd/queue.h"

struct errand {
	struct qbdd_item item;
	/* In the helper's thread: may wait, must not touch what is the loop's. */
	void (*run)(struct errand *errand);
	/* In the loop: use the result, free it. */
	void (*back)(void *context, struct errand *errand);
};

struct helper;

/**
 * helper_start() - make the thread; all signals are blocked in it as in us
 * @name: of the thread, at most 15 letters
 * @loop: where errands go when they are over; outlives the helper
 * Return: 0 or a negative errno
 */
int helper_start(const char *name, struct qbdd_queue *loop,
		 struct helper **helper);
/** helper_put() - never waits */
void helper_put(struct helper *helper, struct errand *errand);
/**
 * helper_stop() - let it end once its errand is over; NULL is allowed
 * Return: false when it has not ended within @timeout_ms: then it may go on
 * using what it has, for ever, and nothing of that may be freed.
 */
bool helper_stop(struct helper *helper, unsigned int timeout_ms);

/** errands_take() - call back() of all that is in the loop's queue */
void errands_take(struct qbdd_queue *loop, void *context);

#endif
