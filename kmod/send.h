/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: sending requests to the agent
 */
#ifndef QBD_SEND_H
#define QBD_SEND_H

#include "device.h"

struct qbd_turn;

void qbd_send_run(struct qbd_device *dev, struct qbd_turn *turn,
		  unsigned int messages) __must_hold(&dev->lock);
void qbd_send_work(struct work_struct *work);
void qbd_send_retry(struct qbd_device *dev);

#endif /* QBD_SEND_H */
