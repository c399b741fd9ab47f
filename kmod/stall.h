/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: how long has a queue stalled?
 *
 * A queue stalls since its oldest has arrived, or since something of the queue
 * last went on, whichever is later.  So a long queue that moves does not stall,
 * however old its oldest is.  Pure; times are jiffies.
 */
#ifndef QBD_STALL_H
#define QBD_STALL_H

#include <linux/jiffies.h>
#include <linux/types.h>

/**
 * struct qbd_stall - the oldest of a queue
 * @any: there is one
 * @arrived: when, if there is one
 */
struct qbd_stall {
	bool any;
	unsigned long arrived;
};

/* One of the queue. */
static inline void qbd_stall_note(struct qbd_stall *stall,
				  unsigned long arrived)
{
	if (!stall->any || time_before(arrived, stall->arrived))
		stall->arrived = arrived;
	stall->any = true;
}

/**
 * qbd_stall_left() - how much longer may it stall?
 * @stall: of a queue that is not empty
 * @progress: when something of it last went on; at any time before: never
 * @now: the time
 * @timeout: the most
 *
 * Return: 0: no longer
 */
static inline unsigned long qbd_stall_left(const struct qbd_stall *stall,
					   unsigned long progress,
					   unsigned long now,
					   unsigned long timeout)
{
	unsigned long since = stall->arrived;

	/* so long ago that it seems to be in the future (32 bits): ignored */
	if (time_before(since, progress) && !time_before(now, progress))
		since = progress;
	return now - since < timeout ? timeout - (now - since) : 0;
}

#endif /* QBD_STALL_H */
