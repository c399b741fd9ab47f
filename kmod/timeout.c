// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: io-timeout, the bound of every wait
 *
 * One delayed work per device.  The first waiting request arms it, and it
 * rearms itself as long as anything waits.  There are three queues, each with
 * its own kind of progress (struct qbd_progress).  When one of them has stalled
 * for io-timeout, everything that waits fails (qbd_gate_abort()).
 *
 * A request's age does not count: behind a slow network, what was parked last
 * waits for minutes while writes complete.  Nor does the lease: without one,
 * nothing is handed over or passed down, so the queues stall; with one, an
 * agent that completes nothing stalls them as well.
 *
 * A read in flight at the replica does not count: its pages belong to the disk
 * until the disk has finished.  Opens have their own timeout (opening.c).  A
 * close waits without a bound, and nothing waits for it.
 */
#include "device.h"
#include "gate.h"
#include "parked.h"
#include "read.h"
#include "stall.h"
#include "timeout.h"
#include "turn.h"
#include "write.h"

static void note_requests(struct qbd_stall *stall, struct list_head *list)
{
	struct qbd_request *req;

	list_for_each_entry(req, list, link)
		if (qbd_write_of(req)->bio)
			qbd_stall_note(stall, qbd_write_of(req)->arrived);
}

static void note_reads(struct qbd_stall *stall, struct list_head *list)
{
	struct qbd_read *read;

	list_for_each_entry(read, list, link)
		qbd_stall_note(stall, read->arrived);
}

static void note_bios(struct qbd_stall *stall, struct bio_list *list)
{
	/* they are in order of arrival */
	if (!bio_list_empty(list))
		qbd_stall_note(stall, qbd_bio_arrived(bio_list_peek(list)));
}

/*
 * Return: until the first queue has stalled for too long, in jiffies; 0: one
 * has; ULONG_MAX: nothing waits.
 */
static unsigned long time_left(struct qbd_device *dev)
{
	unsigned long timeout = msecs_to_jiffies(dev->io_timeout_ms);
	const struct qbd_progress *progress = &dev->progress;
	struct qbd_stall writes = {}, held = {}, reads = {};
	unsigned long now = jiffies, left = ULONG_MAX;

	lockdep_assert_held(&dev->lock);
	note_requests(&writes, &dev->table.outstanding);
	note_requests(&writes, &dev->table.ready);
	note_requests(&writes, &dev->table.blocked);
	note_bios(&writes, &dev->parked_writes);
	note_reads(&held, &dev->reads_held);
	note_reads(&reads, &dev->reads_ready);
	note_bios(&reads, &dev->parked_reads);
	if (writes.any)
		left = qbd_stall_left(&writes, progress->writes, now, timeout);
	if (held.any)
		left = min(left, qbd_stall_left(&held, progress->applied, now,
						timeout));
	if (reads.any)
		left = min(left, qbd_stall_left(&reads, progress->reads, now,
						timeout));
	return left;
}

/**
 * qbd_timeout_arm() - a wait has begun
 * @dev: the device, locked
 */
void qbd_timeout_arm(struct qbd_device *dev)
{
	lockdep_assert_held(&dev->lock);
	if (dev->io_timeout_ms && !dev->removed &&
	    !delayed_work_pending(&dev->timeout_work))
		queue_delayed_work(qbd_workqueue, &dev->timeout_work,
				   msecs_to_jiffies(dev->io_timeout_ms));
}

/**
 * qbd_timeout_work() - has a queue stalled for io-timeout?
 * @work: &qbd_device.timeout_work
 */
void qbd_timeout_work(struct work_struct *work)
{
	struct qbd_device *dev =
		container_of(work, struct qbd_device, timeout_work.work);
	unsigned long left = ULONG_MAX;
	struct qbd_turn turn;

	qbd_turn_begin(dev, &turn);
	if (dev->io_timeout_ms && !dev->removed)
		left = time_left(dev);
	if (!left) {
		dev->stats.timeouts++;
		qbd_gate_abort(dev, &turn, "io-timeout");
	} else if (left != ULONG_MAX) {
		queue_delayed_work(qbd_workqueue, &dev->timeout_work, left);
	}
	qbd_turn_end(dev, &turn);
}
