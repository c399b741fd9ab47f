// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: io-timeout, the bound of every wait
 *
 * One delayed work per device.  The first waiting request arms it, and it
 * rearms itself as long as anything waits.  It looks for the oldest; if that
 * one has exceeded io-timeout, everything that waits fails (qbd_gate_abort()).
 * A read in flight at the replica does not count: its pages belong to the disk
 * until the disk has finished.  Opens have their own timeout (opening.c).  A
 * close waits without a bound, and nothing waits for it.
 */
#include "device.h"
#include "gate.h"
#include "parked.h"
#include "read.h"
#include "timeout.h"
#include "turn.h"
#include "write.h"

struct oldest {
	bool any;
	unsigned long arrived;
};

static void oldest_note(struct oldest *oldest, unsigned long arrived)
{
	if (!oldest->any || time_before(arrived, oldest->arrived))
		oldest->arrived = arrived;
	oldest->any = true;
}

static void oldest_request(struct oldest *oldest, struct list_head *list)
{
	struct qbd_request *req;

	list_for_each_entry(req, list, link)
		if (qbd_write_of(req)->bio)
			oldest_note(oldest, qbd_write_of(req)->arrived);
}

static void oldest_read(struct oldest *oldest, struct list_head *list)
{
	struct qbd_read *read;

	list_for_each_entry(read, list, link)
		oldest_note(oldest, read->arrived);
}

static void oldest_bio(struct oldest *oldest, struct bio_list *list)
{
	/* they are in order of arrival */
	if (!bio_list_empty(list))
		oldest_note(oldest, qbd_bio_arrived(bio_list_peek(list)));
}

static struct oldest find_oldest(struct qbd_device *dev)
{
	struct oldest oldest = {};

	lockdep_assert_held(&dev->lock);
	oldest_request(&oldest, &dev->table.outstanding);
	oldest_request(&oldest, &dev->table.ready);
	oldest_request(&oldest, &dev->table.blocked);
	oldest_read(&oldest, &dev->reads_held);
	oldest_read(&oldest, &dev->reads_ready);
	oldest_bio(&oldest, &dev->parked_reads);
	oldest_bio(&oldest, &dev->parked_writes);
	return oldest;
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
 * qbd_timeout_work() - has a wait exceeded io-timeout?
 * @work: &qbd_device.timeout_work
 */
void qbd_timeout_work(struct work_struct *work)
{
	struct qbd_device *dev =
		container_of(work, struct qbd_device, timeout_work.work);
	struct oldest oldest;
	struct qbd_turn turn;
	unsigned long end;

	qbd_turn_begin(dev, &turn);
	oldest = find_oldest(dev);
	if (dev->io_timeout_ms && oldest.any && !dev->removed) {
		end = oldest.arrived + msecs_to_jiffies(dev->io_timeout_ms);
		if (time_after_eq(jiffies, end)) {
			dev->stats.timeouts++;
			qbd_gate_abort(dev, &turn, "io-timeout");
		} else {
			queue_delayed_work(qbd_workqueue, &dev->timeout_work,
					   end - jiffies);
		}
	}
	qbd_turn_end(dev, &turn);
}
