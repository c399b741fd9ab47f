// SPDX-License-Identifier: GPL-2.0
/*
 * qbd: critical sections under the device lock
 *
 * I/Os are completed only after unlocking: a completion callback may submit the
 * next I/O immediately.
 */
#include <net/sock.h>

#include "device.h"
#include "parked.h"
#include "read.h"
#include "trace.h"
#include "turn.h"
#include "write.h"

/**
 * qbd_turn_pass_on() - requests whose blocker has left proceed
 * @dev: the device, locked
 * @turn: the critical section
 *
 * Writes to the agent, reads to the disk.  qbd_turn_end() does it too.
 */
void qbd_turn_pass_on(struct qbd_device *dev, struct qbd_turn *turn)
{
	struct qbd_range *range, *next;

	lockdep_assert_held(&dev->lock);
	list_for_each_entry_safe(range, next, &turn->freed, freed) {
		list_del_init(&range->freed);
		if (range->read) {
			qbd_read_freed(dev, range);
			turn->read = true;
		} else {
			qbd_table_unblock(&dev->table,
					  container_of(range,
						       struct qbd_request,
						       range));
			turn->send = true;
		}
	}
}

static void turn_carry_out(struct qbd_device *dev, struct qbd_turn *turn)
{
	struct qbd_request *req, *next_req;
	struct bio *bio;

	list_for_each_entry_safe(req, next_req, &turn->dropped, link) {
		list_del_init(&req->link);
		trace_qbd_request_applied(dev->minor, &req->wire, req->error);
		qbd_write_put(dev, req);
	}
	list_for_each_entry_safe(req, next_req, &turn->ended, ending) {
		list_del_init(&req->ending);
		qbd_write_end(dev, req);
	}
	while ((bio = qbd_bio_unpark(&turn->bios))) /* most were parked */
		bio_io_error(bio);
	if (turn->sock)
		sock_put(turn->sock);
}

/**
 * qbd_turn_leave() - release the lock and do what was collected
 * @dev: the device
 * @turn: a critical section that has collected something
 */
void qbd_turn_leave(struct qbd_device *dev, struct qbd_turn *turn)
	__releases(&dev->lock)
{
	bool ends;

	qbd_turn_pass_on(dev, turn);
	/* what was ended returns objects and room that parked ones wait for */
	ends = !list_empty(&turn->ended) || !list_empty(&turn->dropped);
	if (ends && !bio_list_empty(&dev->parked_writes))
		turn->send = true;
	/* under the lock: once a device is marked removed, nothing is queued */
	if (turn->send && !dev->removed)
		mod_delayed_work(qbd_workqueue, &dev->send_work, 0);
	if (turn->read && !dev->removed)
		queue_work(qbd_workqueue, &dev->read_work);
	spin_unlock_irqrestore(&dev->lock, turn->flags);

	turn_carry_out(dev, turn);
}
