/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: critical sections under the device lock
 *
 * What is decided under struct qbd_device.lock is collected in a struct
 * qbd_turn, and carried out by qbd_turn_end() after unlocking.
 */
#ifndef QBD_TURN_H
#define QBD_TURN_H

#include "device.h"

/**
 * struct qbd_turn - a critical section under the lock, and what it leaves to do
 * @flags: of the interrupts
 * @ended: requests to end, by &qbd_request.ending
 * @dropped: requests whose hold is over, by &qbd_request.link
 * @freed: ranges that are not blocked any more, by &qbd_range.freed
 * @bios: bios to fail
 * @sock: a socket to put
 * @send: there may be something to send
 * @read: there may be something to read
 */
struct qbd_turn {
	unsigned long flags;
	struct list_head ended;
	struct list_head dropped;
	struct list_head freed;
	struct bio_list bios;
	struct sock *sock;
	bool send;
	bool read;
};

void qbd_turn_pass_on(struct qbd_device *dev, struct qbd_turn *turn);
void qbd_turn_leave(struct qbd_device *dev, struct qbd_turn *turn)
	__releases(&dev->lock);

/**
 * qbd_turn_begin() - take the device's lock
 * @dev: the device
 * @turn: collects what is to be done after unlocking
 */
static inline void qbd_turn_begin(struct qbd_device *dev, struct qbd_turn *turn)
	__acquires(&dev->lock)
{
	INIT_LIST_HEAD(&turn->ended);
	INIT_LIST_HEAD(&turn->dropped);
	INIT_LIST_HEAD(&turn->freed);
	bio_list_init(&turn->bios);
	turn->sock = NULL;
	turn->send = false;
	turn->read = false;
	spin_lock_irqsave(&dev->lock, turn->flags);
}

/**
 * qbd_turn_end() - release the lock and do what was collected
 * @dev: the device
 * @turn: as qbd_turn_begin() has begun it
 *
 * Works in every context; what needs a process is left to the works.  Most
 * critical sections leave nothing to do.
 */
static inline void qbd_turn_end(struct qbd_device *dev, struct qbd_turn *turn)
	__releases(&dev->lock)
{
	if (turn->send || turn->read || turn->sock ||
	    !list_empty(&turn->freed) || !list_empty(&turn->ended) ||
	    !list_empty(&turn->dropped) || !bio_list_empty(&turn->bios))
		qbd_turn_leave(dev, turn);
	else
		spin_unlock_irqrestore(&dev->lock, turn->flags);
}

#endif /* QBD_TURN_H */
